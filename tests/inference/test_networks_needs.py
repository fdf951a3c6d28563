"""What a trained network needs, by knock-outs: the rules of the benchmark."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.inference.needs import needs_of
from benchmarks.inference.parities import PARITIES, strangers

NAMES = ("A", "B", "AB", "ABC")

#: By what factor a skill is later without another.
DELAYS = {("A", "AB"): 2.0, ("B", "AB"): 1.3, ("AB", "ABC"): 3.0}


def _trained(knocked):
    """Levels rise when they should; A delays ABC too, but only as AB does."""
    steps = np.arange(0, 20_000, 50)
    level = np.zeros((len(knocked), 3, len(steps), len(NAMES)))
    for s, out in enumerate(knocked):
        for i, name in enumerate(NAMES):
            at = 500.0 * (i + 1)
            for (j, k), factor in DELAYS.items():
                at *= factor if k == name and j in out else 1.0
            if name == "ABC" and "A" in out and "AB" not in out:
                at *= 1.8
            if name not in out:
                level[s, ..., i] = steps > at
    return steps, level


def test_needs_are_clear_unclear_or_implied_by_others():
    needs = needs_of(NAMES, _trained)
    assert set(needs.direct) == {("A", "AB"), ("AB", "ABC")}
    assert set(needs.unclear) == {("B", "AB")}
    assert needs.delay[0, 3] == pytest.approx(1.8, abs=0.1)  # but not directly
    assert needs.delay[1, 0] == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("name", sorted(PARITIES))
def test_strangers_are_as_large_as_skills_and_share_no_bit_with_any(name):
    bits = PARITIES[name]
    strange = strangers(bits)
    used = {b for own in bits.values() for b in own}
    assert len(set(strange.values())) == len(bits)
    for skill, own in strange.items():
        assert len(set(own)) == len(bits[skill])
        assert used.isdisjoint(own)
