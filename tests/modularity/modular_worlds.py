"""Scenarios that tests of modularity share."""

from __future__ import annotations

from typing import Any

from domino_sim.scenario import Scenario


def independent(n: int, law: str, alpha: float = 1.0, **changes: Any) -> Scenario:
    """Return n independent skills, p ∝ i^−α, at η = 0.01."""
    return Scenario.from_dict(
        {
            "graph": {"family": "independent", "n": n},
            "frequencies": {"law": "power", "exponent": alpha},
            "pool": {"law": law, "rate": 0.01, **changes.pop("pool", {})},
            **changes,
        }
    )


def chains(count: int, length: int, law: str = "sum", **changes: Any) -> Scenario:
    """Return chains of skills, a1 → a2 → …, b1 → b2 → …, all equally frequent."""
    skills: dict[str, dict[str, str]] = {}
    for c in range(count):
        letter = chr(ord("a") + c)
        for k in range(1, length + 1):
            skills[f"{letter}{k}"] = {"requires": f"{letter}{k - 1}"} if k > 1 else {}
    return Scenario.from_dict({"pool": {"law": law, "rate": 0.01}, "skills": skills, **changes})
