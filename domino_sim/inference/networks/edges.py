"""Edges under a model of networks: how sure, which runs say so, what these runs do not tell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from domino_sim.inference.evidence import (
    EXCLUDED,
    FOUND,
    POSSIBLE,
    SUREST,
    UNDECIDED,
    Edge,
)
from domino_sim.inference.networks.hypotheses import Graph
from domino_sim.levels import Floats

__all__ = [
    "BESIDE", "FEW_OF_IT", "FEW_OF_NEEDED", "NOISY_ONSETS", "TURNED", "Weighed",
    "list_edges",
]  # fmt: skip

#: Why an edge is not decided, beside the reasons of `evidence`.
TURNED = "the other way round explains these runs as well"
BESIDE = "does not show beside what both need"
NOISY_ONSETS = "too noisy, or too few runs where it would show"
FEW_OF_IT = "what would need it begins in too few runs to tell"
FEW_OF_NEEDED = "it begins in too few runs to tell"


@dataclass(frozen=True)
class Weighed:
    """An edge, weighed: the best with it against the best without it.

    Attributes
    ----------
    gain
        Twice the log of how much likelier the curves are with it.
    by_run
        Gives the same by run, (runs,).
    reason
        Why it is not decided, if it is not.
    hidden
        Whether that reason holds however probable it is (below ½): these runs cannot tell.
    """

    gain: float
    by_run: Callable[[], Floats]
    reason: str
    hidden: bool = False


def list_edges(
    graph: Graph, probability: Floats, runs: int, weigh: Callable[[int, int], Weighed | None]
) -> tuple[Edge, ...]:
    """Return the edges that are found, possible or cannot be told.

    Parameters
    ----------
    graph
        The best one.
    probability : (n, n) array
        ``[j, i]``: that i needs j.
    weigh
        Weighs the edge from j to i; None where no graph near the best has it.
    """
    edges = []
    for i, gate in enumerate(graph):
        for j in range(len(graph)):
            p = float(probability[j, i])
            weighed = weigh(j, i) if j != i else None
            if weighed is None and p < POSSIBLE:
                continue
            # Another gate may go as well with every run: then none speaks for it. What is required
            # is surer.
            idle = weighed is not None and weighed.gain == 0.0 and p <= SUREST
            weighed = weighed or Weighed(0.0, lambda: np.zeros(runs), UNDECIDED)
            here = j in gate.skills
            if p < POSSIBLE and not here and weighed.gain < -EXCLUDED:
                continue
            status = "possible" if p >= POSSIBLE else "undetermined"
            if p >= FOUND and not idle:
                status = "found"
            elif status == "possible" and weighed.hidden and not here:
                status = "undetermined"
            reason = "" if status == "found" else weighed.reason
            edges.append(Edge(j, i, p, status, reason, weighed.gain, weighed.by_run()))
    return tuple(edges)
