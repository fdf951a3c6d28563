"""Arguments of `calibrate`, checked."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from numbers import Real
from pathlib import Path
from typing import Any

import networkx as nx

from domino_sim.calibration.fits import LAWS
from domino_sim.errors import ArgumentError, nearest_name
from domino_sim.graph import load_graph
from domino_sim.graph.core import check_graph, gate_of
from domino_sim.wording import shown

__all__ = ["FIT", "SHARE", "check_number", "check_options", "graph_of"]

FIT = ("frequencies", "beta", "mastery", "leak", "exponent")
SHARE = ("pool", "frequencies")


def check_options(
    law: str, loss: str, fit: Collection[str], share: Collection[str], exponent: float | None
) -> None:
    """Refuse unknown names of laws, losses and parameters."""
    _one_of("law", law, ("auto", *LAWS))
    _one_of("loss", loss, ("mse", "ce"))
    for where, given, choices in (("fit", fit, FIT), ("share", share, SHARE)):
        if isinstance(given, str) or not isinstance(given, Collection):
            raise ArgumentError(f"is {shown(given)}", where=where, expected="a set of names")
        for name in given:
            _one_of(where, name, choices)
    if "exponent" in fit and exponent is None:
        raise ArgumentError(
            "only soft gates have an exponent",
            where="fit",
            expected="an exponent from which to begin, such as exponent=0.1",
        )


def _one_of(where: str, given: Any, choices: Sequence[str]) -> None:
    if given not in choices:
        raise ArgumentError(
            f"is {shown(given)}",
            where=where,
            expected=f"one of {', '.join(choices)}",
            nearest=nearest_name(given, choices),
        )


def check_number(
    where: str, given: Any, low: float, high: float, *, closed: bool = False
) -> float:
    """Return a number between `low` and `high`, which it may be itself if `closed`."""
    number = math.nan
    if isinstance(given, Real) and not isinstance(given, bool):
        number = float(given)
    inside = low <= number <= high if closed else low < number < high
    if not inside:
        ends = f"from {low:g} to {high:g}" if closed else f"between {low:g} and {high:g}"
        if math.isinf(high):
            ends = f"at least {low:g}" if closed else f"above {low:g}"
        raise ArgumentError(f"is {shown(given)}", where=where, expected=f"a number {ends}")
    return number


def graph_of(graph: nx.DiGraph | str | Path | None, skills: Sequence[str]) -> nx.DiGraph:
    """Return the graph of `skills`, in their order; without edges if there is none.

    Raises
    ------
    ArgumentError
        If a skill is not in the graph, or needs one that has no curve.
    """
    if graph is None:
        alone = nx.DiGraph()
        alone.add_nodes_from(skills)
        return alone
    whole = load_graph(graph) if isinstance(graph, (str, Path)) else check_graph(graph)
    for name in skills:
        if name not in whole:
            raise ArgumentError(
                f"the skill {shown(name)} of the curves is not in it",
                where="graph",
                expected="a graph of all skills that have curves",
                nearest=nearest_name(name, list(whole)),
            )
        for other in whole.pred[name]:
            if other not in skills:
                raise ArgumentError(
                    f"{shown(name)} needs {shown(other)}, which has no curve",
                    where="graph",
                    expected="curves of all prerequisites",
                )
    found = nx.DiGraph()
    for name in skills:
        gate = gate_of(whole, name)
        found.add_node(name, **({} if gate is None else {"requires": str(gate)}))
    found.add_edges_from((a, b) for a, b in whole.edges if a in found and b in found)
    return found
