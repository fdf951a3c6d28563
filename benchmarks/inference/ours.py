"""`domino_sim.infer` as the benchmark calls it."""

from __future__ import annotations

import inspect
from typing import Any

import domino_sim
from benchmarks.inference.baselines import UnavailableError
from benchmarks.inference.worlds import Edge, World

__all__ = ["METHODS", "probabilities"]

#: What `infer` is called with: as it is, and held to other clocks for comparison.
METHODS: dict[str, dict[str, Any]] = {
    "infer": {},
    "infer, in steps": {"clock": "step"},
    "infer, as under sum": {"clock": "sum"},
}


def probabilities(world: World, *, mixtures: bool = True, **options: Any) -> dict[Edge, float]:
    """Return the probability of every edge that `infer` finds in a world's curves.

    The mixtures are in the curves; without `mixtures` they are taken out.

    Raises
    ------
    UnavailableError
        If there is no `infer`, or it does not take one of the options.
    """
    infer = getattr(domino_sim, "infer", None)
    if infer is None:
        raise UnavailableError("there is no domino_sim.infer")
    for name in options:
        if name not in inspect.signature(infer).parameters:
            raise UnavailableError(f"domino_sim.infer has no option {name!r}")
    found = infer(world.curves if mixtures else world.without_mixtures(), **options)
    edges = found.graph.edges(data="probability")
    return {(str(a), str(b)): float(p) for a, b, p in edges}
