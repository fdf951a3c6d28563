"""Simulated runs to be calibrated: skills on a graph, learned under a law, seen with noise."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

import domino_sim
from domino_sim.curves import make_curves
from domino_sim.scenario import Scenario


def scenario_of(
    frequencies: Sequence[float],
    *,
    law: str = "sum",
    rate: float = 0.01,
    wasted: float = 0.05,
    requires: dict[int, str] | None = None,
    steps: int = 2000,
    points: int = 100,
    loss: str = "mse",
    **gate: object,
) -> Scenario:
    """Skills s0, s1, … with these frequencies; `requires` gives gates by number."""
    skills: dict[str, dict[str, object]] = {
        f"s{i}": {"frequency": float(p)} for i, p in enumerate(frequencies)
    }
    for i, text in (requires or {}).items():
        skills[f"s{i}"]["requires"] = text
    pool: dict[str, object] = {"law": law, "rate": rate}
    if law in ("sum", "norm"):
        pool["wasted"] = wasted
    table: dict[str, object] = {
        "steps": steps, "loss": loss, "pool": pool, "skills": skills, "record": {"points": points},
    }
    if gate:
        table["gate"] = gate
    return Scenario.from_dict(table)


def curves_of(*scenarios: Scenario, noise: float = 0.0, seed: int = 0) -> xr.Dataset:
    """The curves of scenarios (the same skills and records), one run each, with even noise."""
    results = [domino_sim.simulate(scenario, engine="clock") for scenario in scenarios]
    level = np.stack([result["level"].values for result in results])
    level = level + noise * np.random.default_rng(seed).normal(size=level.shape)
    return make_curves(
        runs=[f"run {r}" for r in range(len(scenarios))],
        steps=results[0]["step"].values,
        skills=list(scenarios[0].names),
        level=level,
        frequency=np.stack([scenario.frequency_array() for scenario in scenarios]),
    )
