"""Interventions on correlated tasks: the engines agree, and what is frozen stays."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import numpy as np
import pytest
import simpy

from domino_sim import simulate
from domino_sim.engines import Euler, Events
from domino_sim.engines.training import Training
from domino_sim.scenario import Scenario

CHANGES: dict[str, dict[str, Any]] = {
    "frequency at a step": {"at": 120, "set": {"skills.b.frequency": 2.0}},
    "waste at a level": {"when": "a > 0.5", "set": {"pool.wasted": 0.3, "pool.rate": 0.02}},
    "freeze": {"at": 100, "freeze": ["a", "c"]},
    "frequency to zero": {"at": 40, "set": {"skills.a.frequency": 0.0}},
}


def scenario_of(change: dict[str, Any], loss: str, law: str) -> Scenario:
    """Four tasks in three dimensions."""
    return Scenario.from_dict(
        {
            "steps": 600,
            "loss": loss,
            "mastery": 0.6,
            "pool": {"law": law, "rate": 0.01 if loss == "mse" else 0.03, "wasted": 0.5},
            "record": {"every": 20},
            "correlation": {"n_dim": 3, "seed": 4},
            "skills": {
                "a": {"frequency": 1.0},
                "b": {"frequency": 0.5},
                "c": {"frequency": 0.3},
                "d": {"frequency": 0.2},
            },
            "interventions": [change],
        }
    )


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("loss", ["mse", "ce"])
@pytest.mark.parametrize("law", ["sum", "norm", "constant"])
def test_engines_agree_on_correlated_tasks_that_are_changed(
    name: str, loss: str, law: str
) -> None:
    scenario = scenario_of(CHANGES[name], loss, law)
    clock, events = simulate(scenario, "clock"), simulate(scenario, "events")
    np.testing.assert_allclose(clock.level, events.level, atol=1e-8)
    np.testing.assert_allclose(clock.mastered_at, events.mastered_at, rtol=1e-7)
    fine = simulate(scenario, Euler(step=0.1))
    np.testing.assert_allclose(fine.level, clock.level, atol=4e-3)


@pytest.mark.parametrize("loss", ["mse", "ce"])
def test_a_frozen_skill_is_not_moved_by_the_tasks_it_is_correlated_with(loss: str) -> None:
    scenario = scenario_of({"at": 100, "freeze": ["a"]}, loss, "norm")

    def freezer(training: Training) -> Generator[simpy.Event, Any, None]:
        yield training.env.timeout(100)
        training.freeze("a")

    free = scenario_of({"at": 10**6, "freeze": ["a"]}, loss, "norm")
    by_hand = simulate(free, Events(processes=[freezer]))
    for ds in (simulate(scenario, "clock"), simulate(scenario, "events"), by_hand):
        kept = ds.level.sel(skill="a", step=slice(100, None))
        assert float(kept.max() - kept.min()) < 1e-12
        assert float(ds.level.sel(skill="b")[-1]) != pytest.approx(float(free.level_array()[1]))
        np.testing.assert_allclose(ds.level, by_hand.level, atol=1e-9)


def test_a_hundred_correlated_tasks_take_no_time() -> None:
    data = {
        "steps": 500,
        "pool": {"law": "norm", "rate": 0.01},
        "record": {"points": 5},
        "graph": {"family": "independent", "n": 100},
        "correlation": {"n_dim": 60, "seed": 1},
    }
    scenario = Scenario.from_dict(data)
    clock, events = simulate(scenario, "clock"), simulate(scenario, "events")
    np.testing.assert_allclose(clock.mastered_at, events.mastered_at, rtol=1e-9)
