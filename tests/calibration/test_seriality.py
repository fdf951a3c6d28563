"""The domino time, its scatter and the domino index."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds_fitted import curves_of, scenario_of

from domino_sim.calibration.observations import observe
from domino_sim.calibration.seriality import domino_index, seriality


def _of(scenario, **noise):  # type: ignore[no-untyped-def]
    return seriality(observe(curves_of(scenario, **noise)).runs[0], begin=0.0, mastery=0.99)


def test_a_domino_run_is_strictly_serial_with_its_own_time() -> None:
    found = _of(scenario_of([0.4, 0.3, 0.2, 0.1], law="domino", rate=0.01, steps=500, points=500))
    assert found.index == pytest.approx(1.0)
    assert found.domino_time == pytest.approx(100.0, rel=0.01)
    assert found.scatter < 1.5 and found.mastered == 4 and found.pairs == 6


def test_skills_of_equal_frequency_are_fully_parallel() -> None:
    found = _of(scenario_of([0.25] * 4, law="norm", steps=3000, points=300))
    assert found.index == pytest.approx(0.0, abs=1e-6)
    assert found.parallel_index == 0.0


@pytest.mark.parametrize("law", ["sum", "norm", "constant"])
def test_independent_skills_have_the_index_of_their_frequencies_whatever_the_law(law: str) -> None:
    p = [0.5, 0.25, 0.15, 0.1]
    steps = {"sum": 4000, "norm": 3000, "constant": 9000}[law]
    found = _of(scenario_of(p, law=law, steps=steps, points=2000))
    assert found.index == pytest.approx(found.parallel_index, abs=0.01)


def test_a_chain_is_more_serial_than_its_frequencies_say() -> None:
    chain = {1: "s0", 2: "s1", 3: "s2"}
    found = _of(scenario_of([0.25] * 4, requires=chain, steps=4000, points=400))
    assert found.index > 0.95 and found.parallel_index == 0.0


def test_noise_hardly_moves_the_index() -> None:
    scenario = scenario_of([0.5, 0.3, 0.15, 0.05], steps=3000, points=200)
    assert _of(scenario, noise=0.05).index == pytest.approx(_of(scenario).index, abs=0.05)


def test_unfinished_skills_tell_as_much_as_is_seen() -> None:
    whole = _of(scenario_of([0.7, 0.2, 0.1], steps=6000, points=600))
    early = _of(scenario_of([0.95, 0.04, 0.01], wasted=0.01, steps=160, points=160))
    assert early.mastered < 3 and math.isfinite(early.index)
    assert whole.pairs == 3
    none = _of(scenario_of([0.5, 0.5], steps=10, points=10))
    assert math.isnan(none.index) and none.pairs == 0 and math.isnan(none.domino_time)


@settings(max_examples=50)
@given(seed=st.integers(0, 10**6))
def test_the_index_does_not_see_how_fast_time_passes(seed: int) -> None:
    generator = np.random.default_rng(seed)
    n = int(generator.integers(2, 7))
    speed = generator.uniform(0.2, 2.0, n)
    part = [1.0 - np.exp(-np.outer(speed, tau)) for tau in
            (np.linspace(0.0, 30.0, 3000), 30.0 * np.linspace(0.0, 1.0, 3000) ** 2)]
    first, second = (domino_index(curves)[0] for curves in part)
    assert 0.0 <= first <= 1.0
    assert first == pytest.approx(second, abs=0.01)


@pytest.mark.parametrize("noise", [0.01, 0.02, 0.05])
def test_noise_does_not_put_off_mastery(noise: float) -> None:
    scenario = scenario_of([0.4, 0.3, 0.2, 0.1], law="domino", rate=0.01, steps=900, points=200)
    for seed in range(4):
        found = _of(scenario, noise=noise, seed=seed)
        assert found.mastered == 4 and found.mastery <= 0.99
        assert found.domino_time == pytest.approx(100.0, rel=0.08) and found.scatter < 15.0
