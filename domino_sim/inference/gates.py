"""Gates: what they ask for, and how long they have been open.

Under hard gates a gate opens at an instant; under soft ones how far it is open, c, is kept on a
grid of the resource clock, and what counts is ∫ c dτ.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from domino_sim.levels import Floats, Ints

__all__ = ["OPEN", "Requires", "ancestors", "hard_open_times", "soft_open_times"]

#: Soft gates that are worked out at once: so few stay near the processor.
_AT_ONCE = 16


class Requires(NamedTuple):
    """What a gate asks for: `skills` (indices, rising), all of them or `any` of them."""

    skills: tuple[int, ...]
    any: bool

    @classmethod
    def of(cls, skills: Sequence[int], any: bool = False) -> Requires:
        """Return the gate in its one form: rising, and `any` only of two or more."""
        return cls(tuple(sorted(skills)), any and len(skills) > 1)


OPEN = Requires((), False)


def ancestors(gates: Mapping[int, Requires] | Sequence[Requires], skill: int) -> set[int]:
    """Return what a skill needs, directly or through others."""
    found: set[int] = set()
    new = set(gates[skill].skills)
    while new:
        found |= new
        new = {k for j in new for k in gates[j].skills} - found
    return found


def hard_open_times(
    gates: Sequence[Requires], needed: Sequence[int], mastered: Sequence[Floats], runs: int
) -> Floats:
    """Return when hard gates open (gates, runs).

    Parameters
    ----------
    gates
        The gates.
    needed, mastered
        The skills that they ask for, and when each is mastered, (runs,).
    runs
        How many.
    """
    opening = np.zeros((len(gates), runs))
    for (any, _), at, members in _alike(gates, needed):
        each = np.array(mastered)[members]
        opening[at] = each.min(axis=1) if any else each.max(axis=1)
    return opening


def soft_open_times(
    gates: Sequence[Requires], needed: Sequence[int], opened: Sequence[Floats], width: Floats,
    leak: float,
) -> Floats:  # fmt: skip
    """Return ∫ c dτ of soft gates (gates, runs, points), by the trapezoidal rule.

    Parameters
    ----------
    gates
        The gates.
    needed, opened
        The skills that they ask for, and how far each opens a gate, (runs, points).
    width : (runs, points − 1) array
        Of the steps of the grid.
    leak
        How far a gate is open that is closed.
    """
    each, half = np.array(opened), 0.5 * width
    time = np.zeros((len(gates), len(width), width.shape[1] + 1))
    time[..., 1:] = np.cumsum(width, axis=-1)  # of gates that ask for nothing
    for (any, _), at, members in _alike(gates, needed):
        combine = np.maximum if any else np.multiply
        for some in (slice(k, k + _AT_ONCE) for k in range(0, len(at), _AT_ONCE)):
            c = each[members[some, 0]]
            for column in members[some].T[1:]:
                combine(c, each[column], out=c)
            if leak:
                c = leak + (1.0 - leak) * c
            between = c[..., 1:] + c[..., :-1]
            between *= half
            time[at[some], :, 1:] = np.cumsum(between, axis=-1, out=between)
    return time


def _alike(
    gates: Sequence[Requires], needed: Sequence[int]
) -> Iterator[tuple[tuple[bool, int], list[int], Ints]]:
    """Yield gates that ask for as many skills in the same way: which, where, rows of `needed`."""
    row = {j: at for at, j in enumerate(needed)}
    found: dict[tuple[bool, int], list[int]] = {}
    for at, gate in enumerate(gates):
        if gate.skills:
            found.setdefault((gate.any, len(gate.skills)), []).append(at)
    for kind, where in found.items():
        yield kind, where, np.array([[row[j] for j in gates[k].skills] for k in where])
