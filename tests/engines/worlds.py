"""Small worlds that several files of tests run in, and what reads a clock backwards."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from scipy.optimize import brentq

from domino_sim import simulate
from domino_sim.scenario import Scenario

#: The last step of runs of the four skills.
STEPS = 600

FOUR: dict[str, Any] = {
    "a": {"frequency": 1.0},
    "b": {"frequency": 0.3},
    "c": {"frequency": 0.5, "requires": "a"},
    "d": {"frequency": 0.8, "requires": "b or c"},
}


def four_skills(interventions: list[dict[str, Any]], **data: Any) -> Scenario:
    """The four skills with interventions."""
    return Scenario.from_dict(
        {
            "steps": STEPS,
            "mastery": 0.95,
            "pool": {"rate": 0.01, "wasted": 0.1},
            "record": {"points": 31},
            "skills": FOUR,
            "interventions": interventions,
            **data,
        }
    )


def scenario_of(skills: dict[str, Any], **data: Any) -> Scenario:
    """A scenario with a few defaults that make it run to the end."""
    return Scenario.from_dict(
        {
            "steps": 5000,
            "pool": {"rate": 0.01, "wasted": 0.05},
            "record": {"points": 11},
            "skills": skills,
            **data,
        }
    )


def table(frequencies: np.ndarray, levels: np.ndarray | None = None) -> dict[str, Any]:
    """Independent skills."""
    return {
        f"s{i}": {"frequency": float(p), **({} if levels is None else {"level": float(levels[i])})}
        for i, p in enumerate(frequencies)
    }


def run(data: dict[str, Any], **kwargs: Any) -> xr.Dataset:
    """Result of a scenario under ``clock``."""
    return simulate(Scenario.from_dict({"record": {"points": 51}, **data}, **kwargs), "clock")


def invert(time_of: Callable[[float], float], t: float) -> float:
    """The τ at which an increasing function of τ is `t`."""
    if t <= 0.0:
        return 0.0
    high = 1.0
    while time_of(high) < t:
        high *= 2.0
    return brentq(lambda tau: time_of(tau) - t, 0.0, high, xtol=1e-13 * high, rtol=1e-15)
