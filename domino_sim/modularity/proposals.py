"""Partitions nobody has to write: ladders, random and wrong ones, those that a graph suggests."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import networkx as nx
import numpy as np

from domino_sim.graph import generations
from domino_sim.modularity.partition import Partition

__all__ = [
    "EACH", "communities", "components", "each", "grouped", "ladder", "random_split",
    "wrong_splits",
]  # fmt: skip

#: What the partition with one module for each skill is called.
EACH = "a module each"


def grouped(title: str, groups: Iterable[Sequence[str]]) -> Partition:
    """Return a partition of modules without names; they are numbered from 1."""
    return Partition(title, {str(k): list(group) for k, group in enumerate(groups, 1) if group})


def each(names: Sequence[str]) -> Partition:
    """Return one module for each skill."""
    return grouped(EACH, [[name] for name in names])


def ladder(graph: nx.DiGraph) -> list[Partition]:
    """Return partitions into 2, 4, 8, … and as many modules as there are skills.

    Skills stand in file order, those that hang together by dependencies side by side, and are cut
    into parts of equal size.

    Examples
    --------
    >>> graph = nx.DiGraph([("A", "C")])
    >>> graph.add_nodes_from(["B", "D"])
    >>> [dict(p.modules) for p in ladder(graph)][0]
    {'1': ['A', 'C'], '2': ['B', 'D']}
    """
    order = [name for part in _components(graph) for name in part]
    found, count = [], 2
    while count < len(order):
        found.append(grouped(f"{count} modules", _parts(order, count)))
        count *= 2
    return [*found, each(list(graph))] if len(order) > 1 else found


def components(graph: nx.DiGraph) -> Partition:
    """Return a module for each weakly connected component: no dependency crosses."""
    return grouped("components", _components(graph))


def communities(graph: nx.DiGraph) -> Partition:
    """Return a module for each community (greedy modularity, Clauset, Newman and Moore).

    Few dependencies cross, but some do if a component is cut.
    """
    found = nx.community.greedy_modularity_communities(nx.Graph(graph))
    order = {name: i for i, name in enumerate(graph)}
    groups = [sorted(group, key=order.__getitem__) for group in found]
    return grouped("communities", sorted(groups, key=lambda group: order[group[0]]))


def random_split(names: Sequence[str], count: int, rng: np.random.Generator) -> Partition:
    """Return `count` modules of equal size, skills at random."""
    shuffled = [names[i] for i in rng.permutation(len(names))]
    order = {name: i for i, name in enumerate(names)}
    parts = [sorted(part, key=order.__getitem__) for part in _parts(shuffled, count)]
    return grouped(f"random, {count} modules", parts)


def wrong_splits(graph: nx.DiGraph, frequencies: Sequence[float], count: int) -> list[Partition]:
    """Return `count` modules made in several ways that should be bad; the slowest is adversarial.

    * *lopsided*: all but `count` − 1 skills, the most frequent first, crowd one module;
    * *across*: generation by generation, so that modules wait for each other (with dependencies);
    * *sorted* and *mixed*: by frequency, alike together, or frequent and rare ones in each module.
    """
    names = list(graph)
    ranked = [names[i] for i in np.argsort(-np.asarray(frequencies), kind="stable")]
    crowd = ranked[: len(names) - count + 1]
    lopsided = [crowd, *([name] for name in ranked[len(crowd) :])]
    found = {"lopsided": lopsided, "sorted": _parts(ranked, count)}
    found["mixed"] = [ranked[k::count] for k in range(count)]
    if graph.number_of_edges():
        found["across"] = _parts([n for level in generations(graph) for n in level], count)
    return [grouped(f"wrong ({how}), {count} modules", parts) for how, parts in found.items()]


def _components(graph: nx.DiGraph) -> list[list[str]]:
    order = {name: i for i, name in enumerate(graph)}
    # networkx finds components in the order of their first node.
    return [sorted(part, key=order.__getitem__) for part in nx.weakly_connected_components(graph)]


def _parts(order: Sequence[str], count: int) -> list[list[str]]:
    """Return `order` in `count` parts whose sizes differ by at most one."""
    edges = np.linspace(0, len(order), count + 1).round().astype(int)
    return [list(order[a:b]) for a, b in pairwise(edges.tolist())]
