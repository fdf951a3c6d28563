"""Families of skill graphs: made from a few numbers and a seed.

Skills are named ``s1`` … ``sn``, prerequisites before their dependents. A family leaves
frequencies to the scenario, but for the three graphs of the paper, which have their own.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from numbers import Real
from operator import index
from typing import Any

import networkx as nx
import numpy as np

from domino_sim.errors import GraphError, nearest_name
from domino_sim.gates import Gate
from domino_sim.graph.bulk import uncollected
from domino_sim.graph.io import load_graph
from domino_sim.wording import shown

__all__ = ["FAMILIES", "make_graph"]

#: What fits in memory with some room: about 0.5 kB a skill and 0.3 kB an edge.
MAX_SKILLS = 10_000_000
MAX_EDGES = 30_000_000


def make_graph(family: str, **params: Any) -> nx.DiGraph:
    """Return a member of a family of skill graphs.

    Parameters
    ----------
    family
        A key of :data:`FAMILIES`.
    **params
        The parameters of that function.

    Raises
    ------
    GraphError
        If the family or a parameter is unknown, missing or out of its range.

    Examples
    --------
    >>> list(make_graph("chain", n=3).edges)
    [('s1', 's2'), ('s2', 's3')]
    """
    if not isinstance(family, str) or family not in FAMILIES:
        raise GraphError(
            f"unknown family {shown(family)}",
            where="family",
            expected=f"one of {', '.join(FAMILIES)}",
            nearest=nearest_name(family, FAMILIES),
        )
    build = FAMILIES[family]
    known = inspect.signature(build).parameters
    for key in params:
        if key not in known:
            raise GraphError(
                f"{family!r} has no parameter {shown(key)}",
                where=key,
                expected=f"one of {', '.join(known)}" if known else "none",
                nearest=nearest_name(key, known),
            )
    for key, parameter in known.items():
        if parameter.default is parameter.empty and key not in params:
            raise GraphError(f"{family!r} needs the parameter {key!r}", where=key)
    with uncollected():
        return build(**params)


def independent(n: int) -> nx.DiGraph:
    """Return n skills without prerequisites."""
    return _graph(_count("n", n, MAX_SKILLS))


def chain(n: int) -> nx.DiGraph:
    """Return n skills of which each requires the one before."""
    n = _count("n", n, MAX_SKILLS)
    return _graph(n, np.arange(n - 1), np.arange(1, n))


def tree(n: int, branching: int = 2) -> nx.DiGraph:
    """Return n skills of which each is the prerequisite of the next `branching`, level by level."""
    n = _count("n", n, MAX_SKILLS)
    branching = _count("branching", branching, MAX_SKILLS)
    children = np.arange(1, n)
    return _graph(n, (children - 1) // branching, children)


def layered(
    n: int, layers: int | None = None, parents: int = 2, seed: int = 0
) -> nx.DiGraph:
    """Return n skills in layers; each requires skills of the layer before, drawn at random.

    Parameters
    ----------
    n
        Number of skills.
    layers
        Number of layers, of sizes that differ by at most one; by default round(√n).
    parents
        Prerequisites of a skill beyond the first layer, all different (as many as there are, if
        the layer before is smaller).
    seed
        Of the random choice.
    """
    n = _count("n", n, MAX_SKILLS)
    layers = round(math.sqrt(n)) if layers is None else _count("layers", layers, n)
    parents = _count("parents", parents, MAX_SKILLS)
    rng = _generator(seed)
    sizes = np.full(layers, n // layers)
    sizes[: n % layers] += 1
    starts = np.concatenate([[0], np.cumsum(sizes)])
    _limit_edges(int(np.sum(np.minimum(parents, sizes[:-1]) * sizes[1:])), "parents")
    sources, targets = [np.empty(0, int)], [np.empty(0, int)]
    for above, here, end in zip(starts[:-2], starts[1:-1], starts[2:], strict=True):
        count = int(min(parents, here - above))
        chosen = _distinct(rng, np.full(end - here, here - above), count)
        sources.append((above + chosen).ravel())
        targets.append(np.repeat(np.arange(here, end), count))
    return _graph(n, np.concatenate(sources), np.concatenate(targets))


def random(n: int, parents: float = 2.0, alternatives: float = 0.0, seed: int = 0) -> nx.DiGraph:
    """Return n skills, each with prerequisites drawn from all skills before it.

    Parameters
    ----------
    n
        Number of skills.
    parents
        Mean number of prerequisites (of a Poisson law, cut at the number of skills before).
    alternatives
        Share, in [0, 1], of the skills with several prerequisites that do not require all of
        them: they require k, drawn from 1 (`or`) to one less than all.
    seed
        Of the random choices.
    """
    n = _count("n", n, MAX_SKILLS)
    parents = _number("parents", parents, 1e6)
    alternatives = _number("alternatives", alternatives, 1.0)
    rng = _generator(seed)
    counts = np.minimum(rng.poisson(parents, n), np.arange(n))
    _limit_edges(int(counts.sum()), "parents")
    sources, targets = [np.empty(0, int)], [np.empty(0, int)]
    for count in np.unique(counts[counts > 0]):
        rows = np.flatnonzero(counts == count)
        sources.append(_distinct(rng, rows, int(count)).ravel())
        targets.append(np.repeat(rows, count))
    graph = _graph(n, np.concatenate(sources), np.concatenate(targets))
    several = np.flatnonzero((counts > 1) & (rng.random(n) < alternatives))
    for row, k in zip(several, rng.integers(1, counts[several]), strict=True):
        name = f"s{row + 1}"
        operands = tuple(graph.pred[name])
        graph.nodes[name]["requires"] = str(Gate((*operands, (int(k), len(operands)))))
    return graph


def chain_of_three() -> nx.DiGraph:
    """Return the graph of arXiv 2501.12391, Fig. 17, left."""
    return load_graph("chain-of-three")


def two_pairs() -> nx.DiGraph:
    """Return the graph of arXiv 2501.12391, Fig. 17, middle."""
    return load_graph("two-pairs")


def one_of_two() -> nx.DiGraph:
    """Return the graph of arXiv 2501.12391, Fig. 17, right."""
    return load_graph("one-of-two")


FAMILIES: dict[str, Callable[..., nx.DiGraph]] = {
    "independent": independent,
    "chain": chain,
    "tree": tree,
    "layered": layered,
    "random": random,
    "chain-of-three": chain_of_three,
    "two-pairs": two_pairs,
    "one-of-two": one_of_two,
}


def _graph(
    n: int, sources: np.ndarray | None = None, targets: np.ndarray | None = None
) -> nx.DiGraph:
    """Return the graph of n skills with edges between positions, by dependent and prerequisite."""
    names = [f"s{i}" for i in range(1, n + 1)]
    graph = nx.DiGraph()
    graph.add_nodes_from(names)
    if sources is not None and targets is not None:
        order = np.lexsort((sources, targets))
        graph.add_edges_from(
            (names[source], names[target])
            for source, target in zip(
                sources[order].tolist(), targets[order].tolist(), strict=True
            )
        )
    return graph


def _distinct(rng: np.random.Generator, choices: np.ndarray, count: int) -> np.ndarray:
    """Return, a row each, `count` different integers below `choices` (≥ count), uniformly drawn.

    R. W. Floyd's sampling (Communications of the ACM 30, 1987, p. 754), over all rows at once.
    """
    chosen = np.empty((len(choices), count), int)
    for i in range(count):
        highest = choices - count + i
        drawn = rng.integers(0, highest + 1)
        taken = (chosen[:, :i] == drawn[:, None]).any(axis=1)
        chosen[:, i] = np.where(taken, highest, drawn)
    return chosen


def _whole(name: str, value: Any, expected: str, lowest: int, highest: float) -> int:
    try:
        number = index(value)
    except TypeError:
        number = lowest - 1
    if isinstance(value, bool) or not lowest <= number <= highest:
        raise GraphError(f"is {shown(value)}", where=name, expected=expected)
    return number


def _count(name: str, value: object, highest: int) -> int:
    return _whole(name, value, f"a whole number from 1 to {highest:,}", 1, highest)


def _number(name: str, value: Any, highest: float) -> float:
    try:
        number = float(value) if isinstance(value, Real) else math.nan
    except OverflowError:
        number = math.inf
    if isinstance(value, bool) or not 0 <= number <= highest:
        raise GraphError(
            f"is {shown(value)}", where=name, expected=f"a number from 0 to {highest:g}"
        )
    return number


def _generator(seed: object) -> np.random.Generator:
    return np.random.default_rng(_whole("seed", seed, "a whole number ≥ 0", 0, math.inf))


def _limit_edges(edges: int, where: str) -> None:
    if edges > MAX_EDGES:
        raise GraphError(
            f"makes {edges:,} edges", where=where, expected=f"at most {MAX_EDGES:,} edges"
        )
