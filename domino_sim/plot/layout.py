"""Where the skills of a graph go: a column a generation, prerequisites to the left."""

from __future__ import annotations

import math

import networkx as nx
import numpy as np

from domino_sim.graph import generations

__all__ = ["MAX_ROWS", "place"]

#: A generation with more skills than this takes several columns side by side.
MAX_ROWS = 40

#: Graphs with more columns than this are folded; each line is so much longer than high.
MAX_LENGTH = 40
ASPECT = 1.6

SWEEPS = 3


def place(graph: nx.DiGraph) -> dict[str, tuple[float, float]]:
    """Return the place (x, y) of each skill: x grows by generation, y is centred on 0.

    Each generation is sorted by the mean place of its neighbours, forward and back a few times
    (the barycentre method of Sugiyama, Tagawa and Toda, 1981), which leaves few edges crossing.
    """
    columns = generations(graph)
    height = dict.fromkeys(graph, 0.0)
    for column in columns:
        _spread(column, height)
    for sweep in range(SWEEPS):
        forward = sweep % 2 == 0
        neighbours = graph.pred if forward else graph.succ
        for i in range(len(columns)) if forward else reversed(range(len(columns))):
            mean = {
                name: float(np.mean([height[n] for n in neighbours[name]]))
                if neighbours[name]
                else height[name]
                for name in columns[i]
            }
            columns[i] = sorted(columns[i], key=mean.__getitem__)
            _spread(columns[i], height)
    return _wrapped(columns)


def _wrapped(columns: list[list[str]]) -> dict[str, tuple[float, float]]:
    """Return places for sorted generations; a long, low graph is folded into lines, as text is."""
    blocks = []
    for column in columns:
        parts = -(-len(column) // MAX_ROWS)
        rows = -(-len(column) // parts)
        blocks.append([column[i : i + rows] for i in range(0, len(column), rows)])
    length = sum(1 + 0.5 * (len(block) - 1) for block in blocks)
    line_height = max(len(part) for block in blocks for part in block) + 1.0
    lines = max(1, round(math.sqrt(length / (ASPECT * line_height)))) if length > MAX_LENGTH else 1
    places: dict[str, tuple[float, float]] = {}
    left, top = 0.0, 0.0
    for block in blocks:
        if left >= length / lines:
            left, top = 0.0, top + line_height
        for part in block:
            for row, name in enumerate(part):
                places[name] = (left, top + row - (len(part) - 1) / 2)
            left += 0.5
        left += 0.5
    return places


def _spread(column: list[str], height: dict[str, float]) -> None:
    for i, name in enumerate(column):
        height[name] = i - (len(column) - 1) / 2
