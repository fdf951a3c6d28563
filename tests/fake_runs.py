"""A small simulator for tests that need a result but no engine: Euler steps, hard gates."""

from __future__ import annotations

import networkx as nx
import numpy as np
import xarray as xr

from domino_sim.graph import gate_of
from domino_sim.result import make_result


def fake_run(
    graph: nx.DiGraph,
    *,
    steps: int = 1000,
    rate: float = 0.02,
    wasted: float = 1e-3,
    points: int = 101,
    law: str = "sum",
    mastery: float = 0.99,
    title: str = "A fake run",
) -> xr.Dataset:
    """Return a plausible result for any checked graph."""
    names = list(graph)
    n = len(names)
    p = np.array([graph.nodes[name].get("frequency", 1.0) for name in names], dtype=float)
    gates = [gate_of(graph, name) for name in names]
    recorded = np.unique(np.linspace(0, steps, points).round().astype(int))
    u, at, opened = np.ones(n), np.full(n, np.nan), np.full(n, np.nan)
    rows: dict[str, list[np.ndarray]] = {"level": [], "gate": [], "share": [], "wasted": []}
    for step in range(steps + 1):
        at[np.isnan(at) & (1 - u >= mastery)] = step
        learned = {name for name, t in zip(names, at, strict=True) if not np.isnan(t)}
        for i in np.flatnonzero(np.isnan(opened)):
            if gates[i] is None or gates[i].is_open(learned):
                opened[i] = step
        c = np.where(np.isnan(opened), 0.0, 1.0)
        d = c * p * u
        pool = 1.0 if law == "constant" else d.sum() + wasted
        if step in recorded:
            rows["level"].append(1 - u)
            rows["gate"].append(c)
            rows["share"].append(np.full(n, np.nan) if law == "constant" else d / pool)
            rows["wasted"].append(np.array([wasted / pool]))
        u = np.maximum(u - rate * d / pool, 0)
    reason = np.where(np.isnan(opened), "never_opened", "out_of_steps")
    reason = np.where(np.isnan(at), np.where(p == 0, "zero_frequency", reason), "")
    return make_result(
        steps=recorded,
        names=names,
        **{key: np.array(value) for key, value in rows.items()},
        opened_at=opened,
        mastered_at=at,
        reason=reason.tolist(),
        frequency=p,
        attrs={
            "title": title,
            "source": "",
            "engine": "fake",
            "seed": 0,
            "law": law,
            "loss": "mse",
            "mastery": mastery,
            "steps": steps,
            "scenario": "",
        },
    )
