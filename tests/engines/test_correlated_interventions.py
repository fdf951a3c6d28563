"""Interventions on correlated tasks: the engines agree, and freezing is left to Euler."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from domino_sim import simulate
from domino_sim.engines import Euler
from domino_sim.errors import EngineError
from domino_sim.scenario import Scenario

CHANGES: dict[str, dict[str, Any]] = {
    "frequency at a step": {"at": 120, "set": {"skills.b.frequency": 2.0}},
    "waste at a level": {"when": "a > 0.5", "set": {"pool.wasted": 0.3, "pool.rate": 0.02}},
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
            "skills": {name: {"frequency": f} for name, f in zip("abcd", (1, 0.5, 0.3, 0.2), strict=True)},
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


@pytest.mark.parametrize("engine", ["clock", "events"])
def test_freezing_a_correlated_skill_is_refused_by_name(engine: str) -> None:
    scenario = scenario_of({"at": 10, "freeze": ["a"]}, "mse", "norm")
    with pytest.raises(EngineError, match=f"'{engine}' cannot run .*frozen.*use engine 'euler'"):
        simulate(scenario, engine)
    kept = simulate(scenario, "euler").level.sel(skill="a", step=slice(20, None))
    assert float(kept.max() - kept.min()) == 0.0
