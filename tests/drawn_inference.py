"""Inferences to be drawn, of any number of skills and runs."""

from __future__ import annotations

from functools import cache

import networkx as nx
import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from test_plot_calibration import texts

from domino_sim.inference import Inference

__all__ = ["NAMES", "SIZES", "in_a_circle", "made", "told"]

SIZES = [(1, 1), (6, 4), (50, 8), (120, 30)]

#: Names that are no plain words.
NAMES = ["$\\frac{{}}$ {}", "_{}", "a very long name of a skill {}"]


@cache
def made(skills: int, runs: int, *, log: bool = False, names: str = "s{}") -> Inference:
    """An inference as `infer` gives it, of a graph that is drawn."""
    rng = np.random.default_rng(skills)
    named = [names.format(i + 1) for i in range(skills)]
    labels = [f"run {r + 1}" for r in range(runs)]
    graph = nx.DiGraph()
    for i, name in enumerate(named):
        graph.add_node(name, gate="none", requires="", left_out="")
        for j in rng.choice(i, size=min(i, int(rng.integers(0, 3))), replace=False) if i else []:
            p = float(rng.uniform(0.5, 1.0))
            each = np.sort(rng.lognormal(3.0, 3.0, runs) - 20.0)[::-1]
            graph.add_edge(
                named[j], name, probability=p, status="found", reason="",
                gain=float(each.sum()), runs=dict(zip(labels, each.tolist(), strict=True)),
            )  # fmt: skip
            graph.nodes[name]["gate"] = ("and", "or")[i % 2]
    for a, b in [(0, skills - 1), (1, skills - 2)] if skills > 5 else []:
        if not graph.has_edge(named[a], named[b]):
            graph.add_edge(
                named[a], named[b], probability=0.2, status="possible",
                reason="the data do not decide", gain=3.0, runs=dict.fromkeys(labels, 0.1),
            )  # fmt: skip
    if skills > 5:
        graph.nodes[named[4]]["left_out"] = "does not move in any run"
    steps = np.r_[0, np.unique(np.geomspace(1, 1e5, 60).astype(int))] if log else np.arange(90)
    part = np.linspace(0.0, 3.0, len(steps))
    begins = np.linspace(0.0, 2.0, skills)
    level = 1.0 - np.exp(-4.0 * np.maximum(part[:, None] - begins, 0.0))
    level = np.stack([level] * runs)
    dims = ("run", "step", "skill")
    predicted = xr.Dataset(
        {
            "level": (dims, level),
            "observed": (dims, level + 0.02 * rng.normal(size=level.shape)),
            "clock": (dims[:2], np.tile(part, (runs, 1))),
        },
        {"run": labels, "step": steps, "skill": named},
    )
    text = "soft gates, exponent 0.00925926, mse"
    report = {"runs": labels, "form": {"text": text}, "model": {"kind": "gates", "text": text}}
    return Inference(graph, report, predicted)


def in_a_circle() -> Inference:
    """Three found edges in a circle, as of an inference whose gates were weighed apart."""
    found = made(3, 1)
    graph = nx.DiGraph()
    graph.add_nodes_from(found.graph.nodes(data=True))
    for a, b in (("s1", "s2"), ("s2", "s3"), ("s3", "s1")):
        graph.add_edge(a, b, probability=0.6, status="found", reason="", gain=20.0,
                       runs={"run 1": 20.0})  # fmt: skip
    return Inference(graph, found.report, found.predicted)


def told(figure: Figure) -> list[str]:
    """The texts of a figure."""
    return [text.get_text() for text in texts(figure)]
