"""Runs of one batch do not disturb each other, however far apart their times are."""

from __future__ import annotations

import numpy as np
import pytest

from domino_sim import load_scenario
from domino_sim.engines.clock import solve_batch
from domino_sim.engines.system import build_system


@pytest.mark.parametrize("fast", [1e6, 1e12, 1e15])
def test_a_run_of_no_time_beside_a_long_one_is_what_it_is_alone(fast: float) -> None:
    scenario = load_scenario("two-pairs", overrides={"gate": {"kind": "hard"}, "pool.law": "norm"})
    system = build_system(scenario)
    rate, wasted = np.array([1e-3, 1e-3, fast, fast]), np.array([0.0, 1.0, 0.0, 1.0])
    together = solve_batch(system, rate=rate, wasted=wasted)
    for i in range(4):
        alone = solve_batch(system, rate=rate[i : i + 1], wasted=wasted[i : i + 1])
        assert np.allclose(together.mastered_at[i], alone.mastered_at[0], rtol=1e-9, equal_nan=True)
