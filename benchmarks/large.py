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


def layered(n: int, law: str, frequencies: str) -> dict[str, Any]:
    """Return a scenario of n skills in √n layers, two prerequisites each, all mastered in time."""
    return {
        "steps": _steps(n, law, frequencies),
        "record": {"points": 10},
        "graph": {"family": "layered", "n": n, "seed": 1},
        "frequencies": FREQUENCIES[frequencies],
        "pool": {"law": law, "rate": RATE},
    }


def _steps(n: int, law: str, frequencies: str) -> int:
    """Return by when all is mastered."""
    # Without waste the pools of these laws never idle: levels add up to η t, at most n.
    if law in ("sum", "domino"):
        return math.ceil(n / RATE)
    scenario = {
        "steps": 10**15,
        "record": {"steps": [0]},
        "graph": {"family": "layered", "n": n, "seed": 1},
        "frequencies": FREQUENCIES[frequencies],
        "pool": {"law": law, "rate": RATE},
    }
    found = own_process({"scenario": scenario, "engine": "clock", "repetitions": 1})
    return math.ceil(found.get("last_mastered", n / RATE)) + 1


def run(engine: str, n: int, law: str, frequencies: str, repetitions: int) -> dict[str, Any]:
    """Return what `benchmarks.case` measures of one such run."""
    scenario = layered(n, law, frequencies)
    return own_process({"scenario": scenario, "engine": engine, "repetitions": repetitions})


def conditions(found: dict[str, Any]) -> str:
    """Return in a few words what the run was."""
    return (
        f"{found['mastered']:.0%} mastered; scenario {found['scenario_s']:.2g} s, "
        f"its arrays {found['system_s']:.2g} s, peak {found['peak_gb']:.2g} GB"
    )
