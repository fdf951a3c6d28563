"""The skill graph: a `networkx.DiGraph` with checked attributes, edges to the dependent."""

from __future__ import annotations

from domino_sim.graph.core import build_graph, check_graph, gate_of, generations
from domino_sim.graph.families import FAMILIES, make_graph
from domino_sim.graph.io import load_graph, save_graph

__all__ = [
    "FAMILIES",
    "build_graph",
    "check_graph",
    "gate_of",
    "generations",
    "load_graph",
    "make_graph",
    "save_graph",
]
