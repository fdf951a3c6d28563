"""Sorting by onset: what is always mastered before another begins is its prerequisite."""

from __future__ import annotations

from collections.abc import Sequence

import networkx as nx
import numpy as np

from benchmarks.inference.baselines.common import Floats, Run, instants

__all__ = ["sort_by_onset"]


def sort_by_onset(
    runs: Sequence[Run],
    frequencies: Floats | None = None,
    *,
    begins: float = 0.1,
    ends: float = 0.9,
    slack: float = 0.01,
    consistency: float = 1.0,
) -> Floats:
    """Return scores (n, n) of prerequisite → dependent.

    a precedes b in a run if a passes level `ends` no more than `slack` of the run after b passes
    `begins`. Pairs that do in at least a part `consistency` of the runs make an order, of which
    the transitive reduction is kept, edges with the least delay scoring highest: exp(−the mean
    part of a run between the two).

    Mixtures are not used.
    """
    begun = np.array([instants(run, begins) for run in runs])
    ended = np.array([instants(run, ends) for run in runs])
    n = begun.shape[1]
    # A skill that never begins was preceded by all that ended, at the end of the run.
    start = np.minimum(begun, 1.0)
    precedes = ended[:, :, None] <= start[:, None, :] + slack
    share = precedes.mean(axis=0)
    np.fill_diagonal(share, 0.0)
    # Of a pair that precedes each other within the slack, the more frequent order counts, or none.
    order = (share >= consistency) & (share > share.T)
    gap = np.where(precedes, np.abs(start[:, None, :] - np.minimum(ended, 1.0)[:, :, None]), 1.0)
    graph = nx.from_numpy_array(order, create_using=nx.DiGraph)
    if not nx.is_directed_acyclic_graph(graph):
        middle = np.median(start, axis=0)
        backward = [(a, b) for a, b in graph.edges if middle[a] >= middle[b]]
        graph.remove_edges_from(backward)
    scores = np.zeros((n, n))
    for a, b in nx.transitive_reduction(graph).edges:
        scores[a, b] = np.exp(-gap[:, a, b].mean())
    return scores
