"""Large layered scenarios, mastery times and ten recorded points, each in its own process."""

from __future__ import annotations

import math
from typing import Any

from benchmarks.measure import own_process

RATE = 0.01

FREQUENCIES: dict[str, dict[str, Any]] = {
    "equal": {"law": "uniform"},
    "i^−1": {"law": "power", "exponent": 1.0},
}


def run(engine: str, n: int, law: str, frequencies: str, repetitions: int) -> dict[str, Any]:
    """Return what `benchmarks.case` measures of n skills in √n layers, two prerequisites each.

    The run ends when the last skill is mastered.
    """
    scenario = {
        "steps": 10**15,
        "record": {"steps": [0]},
        "graph": {"family": "layered", "n": n, "seed": 1},
        "frequencies": FREQUENCIES[frequencies],
        "pool": {"law": law, "rate": RATE},
    }
    if law in ("sum", "domino"):
        # Without waste these pools never idle: the levels add up to η t.
        steps = math.ceil(n / RATE)
    else:
        first = own_process({"scenario": scenario, "engine": "events", "repetitions": 1})
        if "failed" in first:
            return first
        steps = math.ceil(first["last_mastered"])
    scenario |= {"steps": steps, "record": {"points": 10}}
    return own_process({"scenario": scenario, "engine": engine, "repetitions": repetitions})


def conditions(found: dict[str, Any]) -> str:
    """Return in a few words what the run was."""
    return (
        f"{found['mastered']:.0%} mastered at step {found['last_mastered']:,.0f}; scenario "
        f"{found['scenario_s']:.2g} s, its arrays {found['system_s']:.2g} s, peak "
        f"{found['peak_gb']:.2g} GB; simulate {found['cpu_s']:.2g} s of processor time"
    )
