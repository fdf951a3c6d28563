"""Worlds whose graph is known, and what of it was found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

import domino_sim
from benchmarks.inference.worlds import Edge, World
from domino_sim.curves import join_curves, make_curves
from domino_sim.inference import Inference

__all__ = ["edges", "invented", "missed", "simulated"]


def edges(found: Inference, *, least: float = 0.5) -> set[Edge]:
    """Edges with a probability of at least `least`."""
    return {(a, b) for a, b, p in found.graph.edges(data="probability") if p >= least}


def missed(world: World, found: Inference) -> set[Edge]:
    return set(world.identifiable) - edges(found)


def invented(world: World, found: Inference, *, least: float = 0.5) -> set[Edge]:
    return edges(found, least=least) - set(world.identifiable) - set(world.unidentifiable)


def simulated(
    requires: dict[str, str],
    mixtures: list[list[float]],
    *,
    steps: list[Any],
    law: str = "sum",
    mastery: float = 0.99,
    noise: float = 0.005,
    gate: dict[str, Any] | None = None,
    starts: Mapping[tuple[int, str], float] | None = None,
    seed: int = 0,
) -> xr.Dataset:
    """Curves of several runs of one graph (an empty expression: no prerequisite).

    `starts` are levels at step 0, by the number of a run and skill.
    """
    rng = np.random.default_rng(seed)
    runs = []
    for number, (mixture, at) in enumerate(zip(mixtures, steps, strict=True)):
        pool = {"law": law, "rate": 2e-3} | ({} if law == "constant" else {"wasted": 5e-3})
        tables = {
            "steps": int(max(at)), "mastery": mastery, "pool": pool,
            "record": {"steps": [int(k) for k in at]},
            "skills": {
                name: {"frequency": p, "level": (starts or {}).get((number, name), 0.0)}
                | ({"requires": text} if text else {})
                for (name, text), p in zip(requires.items(), mixture, strict=True)
            },
        }  # fmt: skip
        if gate:
            tables["gate"] = gate
        ds = domino_sim.simulate(domino_sim.Scenario.from_dict(tables), engine="clock")
        level = ds.level.values + noise * rng.normal(size=ds.level.shape)
        runs.append(
            make_curves(
                runs=[f"run {number + 1}"], steps=ds.step.values, skills=list(requires),
                level=level[None], frequency=[mixture],
            )
        )  # fmt: skip
    return join_curves(*runs)
