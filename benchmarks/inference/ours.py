"""`domino_sim.infer` as the benchmark calls it, and the same search under other clocks."""

from __future__ import annotations

from collections.abc import Callable

import domino_sim
from benchmarks.inference.baselines import UnavailableError
from benchmarks.inference.cells import Mixtures
from benchmarks.inference.fixed_clocks import infer_in
from benchmarks.inference.worlds import Edge, World

__all__ = ["METHODS", "OURS", "probabilities"]

#: The method that is measured.
OURS = "infer"


def _infer(world: World, mixtures: Mixtures) -> dict[Edge, float]:
    infer = getattr(domino_sim, "infer", None)
    if infer is None:
        raise UnavailableError("there is no domino_sim.infer")
    if mixtures == "changing":
        found = infer(world.curves, mixtures=world.schedule)
    elif mixtures == "known":
        found = infer(world.curves)
    else:
        known = len(world.steps) // 2 if mixtures == "partly" else 0
        found = infer(world.without_mixtures(known))
    edges = found.graph.edges(data="probability")
    return {(str(a), str(b)): float(p) for a, b, p in edges}


def _known(world: World, mixtures: Mixtures) -> World:
    """Return a world whose mixtures the search under a fixed clock can take."""
    if mixtures != "known":
        raise UnavailableError("under a fixed clock a run must have one mixture, that is known")
    return world


#: `infer`, and its search held to other clocks (`fixed_clocks`).
METHODS: dict[str, Callable[[World, Mixtures], dict[Edge, float]]] = {
    OURS: _infer,
    "infer, in steps": lambda world, mixtures: infer_in(_known(world, mixtures).curves, "steps"),
    "infer, as under sum": lambda world, mixtures: infer_in(_known(world, mixtures).curves, "sum"),
}


def probabilities(
    world: World, method: str = OURS, *, mixtures: Mixtures = "known"
) -> dict[Edge, float]:
    """Return the probability of every edge that a method of `METHODS` finds in a world's curves.

    Raises
    ------
    UnavailableError
        If there is no `infer`, or the method cannot do without what is not known.
    """
    return METHODS[method](world, mixtures)
