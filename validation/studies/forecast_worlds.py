"""Runs to be forecast: geometry runs of settings that nobody chose, and simulated graphs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import networkx as nx
import numpy as np
import xarray as xr

from domino_sim import Scenario, simulate, train
from domino_sim.curves import make_curves, mastered_at
from domino_sim.gradient.run import Run

#: Steps of the first try; a run that is not done is trained anew, this much longer.
FIRST, LONGER, MOST = 600, 2.5, 20_000


@dataclass(frozen=True, slots=True)
class World:
    """One run to its end, with what is known of it."""

    name: str
    kind: str
    curves: xr.Dataset
    loss: str
    graph: nx.DiGraph | None = None


def draw_setting(rng: np.random.Generator) -> dict[str, Any]:
    """Draw the tables of a run file: optimiser, size, mixture, batch, noise."""
    name = str(rng.choice(["signgd"] * 7 + ["adam"] * 2 + ["sgd"]))
    n, n_dim = int(rng.integers(5, 41)), int(2 ** rng.uniform(8.2, 11.2))
    n_dim = max(n_dim, 4 * n)
    if rng.random() < 0.7:
        alpha = float(rng.uniform(0.5, 2.0))
        p = np.arange(1.0, n + 1) ** -(min(alpha, 1.3) if n > 15 else alpha)
    else:
        p = rng.dirichlet(np.full(n, 0.8))
        p = np.maximum(p, 0.02 * p.max())
    p /= p.sum()
    loss = "ce" if rng.random() < 0.2 else "mse"
    batch = [None, 64, 1024][int(rng.integers(3))]
    wanted = 10 ** rng.uniform(2.3, 3.3)
    lr = math.sqrt(n) * (1.5 if loss == "mse" else 5.0) / wanted / math.sqrt(n_dim) / 0.8
    noise = 10 ** rng.uniform(-4.0, -2.5) if rng.random() < 0.4 else 0.0
    if name == "sgd":
        lr = min(1.0 / (p.min() * wanted), 0.5 / p.max())
    vectors = str(rng.choice(["orthogonal", "random"]))
    return {
        "loss": loss,
        "noise": float(noise),
        "model": {"kind": "geometry", "n_dim": n_dim, "vectors": vectors},
        "optimizer": {"name": name, "lr": float(lr)},
        "record": {"every": 1},
        "skills": {f"S{i + 1}": {"frequency": float(x)} for i, x in enumerate(p)},
        **({} if batch is None else {"batch_size": batch}),
    }


def gradient_worlds(count: int, seed: int, mastery: float) -> Iterator[World]:
    """Give `count` geometry runs that go on until every skill is mastered."""
    rng = np.random.default_rng(seed)
    for k in range(count):
        setting = draw_setting(rng)
        steps = FIRST
        while True:
            run = Run.from_dict({**setting, "steps": steps, "seeds": [k]})
            curves = train(run)
            if np.isfinite(mastered_at(curves, mastery)).all() or steps >= MOST:
                break
            steps = int(steps * LONGER)
        name = f"{setting['optimizer']['name']}, {len(setting['skills'])} skills"
        yield World(name, setting["optimizer"]["name"], curves, setting["loss"])


def simulated_worlds(count: int, seed: int) -> Iterator[World]:
    """Give simulated runs on random graphs with hard gates and noise."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        law = str(rng.choice(["sum", "norm"]))
        n, noise = int(rng.integers(6, 21)), float(10 ** rng.uniform(-3.0, -1.5))
        p = np.exp(rng.normal(0.0, 0.7, size=n))
        p /= p.sum()
        graph, skills = nx.DiGraph(), {}
        for i in range(n):
            needs = [f"S{j}" for j in range(i) if rng.random() < 1.2 / n]
            gate = (" and " if rng.random() < 0.7 else " or ").join(needs)
            graph.add_node(f"S{i}", **({"requires": gate} if needs else {}))
            graph.add_edges_from((other, f"S{i}") for other in needs)
            skills[f"S{i}"] = {"frequency": p[i], **({"requires": gate} if needs else {})}
        wasted = float(10 ** rng.uniform(-3.0, -0.5)) * p.max()
        pool = {"law": law, "rate": 0.01, "wasted": wasted}
        steps = int(200 * n + 8.0 * wasted / p.min() / 0.01 * n)
        tables = {"steps": steps, "pool": pool, "skills": skills, "record": {"points": 2000}}
        ds = simulate(Scenario.from_dict(tables))
        level = ds.level.values + noise * rng.normal(size=ds.level.shape)
        curves = make_curves(
            runs=["run"], steps=ds.step.values, skills=list(skills), level=level[None], frequency=p
        )
        yield World(f"{law}, {n} skills", f"simulated {law}", curves, "mse", graph)
