"""Plan the runs that would decide what is not decided yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import networkx as nx
import numpy as np

from domino_sim.errors import ArgumentError, nearest_name
from domino_sim.inference.doubts import Doubts, from_graph, from_report
from domino_sim.inference.first_runs import FIRST_RATIO, check_names, first_design
from domino_sim.inference.forms import Form
from domino_sim.inference.mixing import is_real, make_limits
from domino_sim.inference.mixture_search import MixtureSearch
from domino_sim.inference.networks.power_planning import PowerSubject, is_power
from domino_sim.inference.outlook import ANY, LAWS, Pace
from domino_sim.inference.planned import Design, make_design
from domino_sim.inference.promise import Promise, informed
from domino_sim.inference.remarks import AGAINST
from domino_sim.inference.result import Inference
from domino_sim.inference.sources import read_source
from domino_sim.inference.stranger import check_stranger, joined, of_its_edges, set_apart
from domino_sim.inference.subjects import GateSubject, Subject
from domino_sim.progress import Meter, NullMeter
from domino_sim.threads import one_thread
from domino_sim.wording import shown

__all__ = ["design_mixtures"]

#: Likely graphs that mixtures are tried on, and beyond how many skills fewer.
_GRAPHS, _MANY = 3, 25

#: The most runs that are planned at once, and by how much frequencies differ, unless told.
_MOST_RUNS, _RATIO = 50, 100.0


@one_thread
def design_mixtures(
    inference_or_graph: Inference | nx.DiGraph | str | Path | Sequence[str],
    runs: int | Literal["enough"] = 1,
    *,
    knock_outs: bool = True,
    least: float = 0.0,
    ratio: float | None = None,
    stranger: str | None = None,
    law: str = "any",
    wasted: float = 0.01,
    points: int = 200,
    noise: float | None = None,
    mastery: float = 0.99,
    exponent: float | None = None,
    seed: int = 0,
    meter: Meter | None = None,
) -> Design:
    """Propose the mixtures of the next runs, those that decide the most edges.

    From an inference: runs that decide its possible and undetermined edges. From a graph: runs
    that would show each of its edges. From a list of names: the first runs of skills of which
    nothing is known, spread evenly, each without some of them. See ``docs/design-runs.md``.

    Parameters
    ----------
    inference_or_graph
        What `infer` returned, the folder it was saved in, or its ``graph.json``; or a skill graph,
        the path of its file, or the name of a bundled one; or a list of names of skills.
    runs
        How many, 1 to 50; ``enough``: until nothing more can be told (not of names alone).
    knock_outs
        Whether skills may be left out of a run (frequency 0).
    least
        The least frequency of a skill that is trained, from 0 to below 1/n.
    ratio
        The most by which frequencies of a run may differ, above 1, up to 1e4; by default 100, of
        names alone 5.
    stranger
        Name of something that has nothing to do with any skill, trained in place of what is left
        out, as often, within `ratio`: else the others have what that took, and come sooner. It may
        be a skill of the inference, as it is after a first round of such runs: no edge from or to
        it is planned for.
    law, wasted
        The pool law (``sum``, ``norm``, ``constant``; ``any``: whichever of them shows least) and
        N₀ > 0 that runs are taken to have: how long skills take, and how many records show them,
        depends on it; nothing else does. Inferences under power gates use neither, nor `points`,
        `noise`, `mastery` and `exponent`: their runs are taken to be like those there are. Nor do
        names alone.
    points
        Equally spaced records of a run, ≥ 10.
    noise
        Standard deviation of levels, > 0; by default that of the inference, or 0.01.
    mastery, exponent
        Of a graph, how gates open: hard, at a level in (0, 1), or soft, 1 − u^exponent, > 0. An
        inference has its own.
    seed
        Of the random mixtures.
    meter
        Shows progress; none by default.

    Returns
    -------
    Design
        ``mixtures`` (run, skill), ``report``.

    Raises
    ------
    ArgumentError, FileError, GraphError
        If an argument is out of its range, or there is no such file or graph.

    Examples
    --------
    >>> from domino_sim.graph import build_graph
    >>> chain = build_graph({"A": {}, "B": {"requires": "A"}})
    >>> plan = design_mixtures(chain)
    >>> plan.mixtures.sizes["run"], [(e["from"], e["to"]) for e in plan.report["decided"]]
    (1, [('A', 'B')])
    >>> first = design_mixtures(["A", "B", "C"], 3, stranger="other")
    >>> [run["knocked_out"] for run in first.report["runs"]]
    [['A'], ['C'], ['B']]
    """
    pace = _pace(law, wasted, points)
    if runs != "enough" and not _whole(runs, 1, _MOST_RUNS):
        raise ArgumentError(
            f"is {shown(runs)}", where="runs", expected=f"1 to {_MOST_RUNS}, or 'enough'"
        )
    if not _whole(seed, 0, 2**63):
        raise ArgumentError(f"is {shown(seed)}", where="seed", expected="a whole number ≥ 0")
    _check(noise, mastery, exponent)
    most, rng = _MOST_RUNS if runs == "enough" else int(runs), np.random.default_rng(seed)
    if isinstance(inference_or_graph, list | tuple):
        names = check_names(inference_or_graph)
        if runs == "enough":
            raise ArgumentError(
                "is 'enough', which needs something that is known", where="runs",
                expected=f"1 to {_MOST_RUNS}, for names of skills alone",
            )  # fmt: skip
        return first_design(
            names, most, least=least, ratio=FIRST_RATIO if ratio is None else ratio,
            knock_outs=knock_outs, stranger=stranger, rng=rng,
        )  # fmt: skip
    source = read_source(inference_or_graph)
    ratio = _RATIO if ratio is None else ratio
    told: list[str] = []
    if not isinstance(source, nx.DiGraph):  # what does not fit foretells little
        told = [one for one in source.get("remarks", []) if one.startswith(AGAINST)]
    if stranger is not None:
        check_stranger(stranger, source)
        told += of_its_edges(source, stranger)
        source = source if isinstance(source, nx.DiGraph) else set_apart(source, stranger)
    if not isinstance(source, nx.DiGraph) and is_power(source):
        subject: Subject = PowerSubject(source, seed, stranger)
    else:
        doubts = informed(_doubts(source, noise, mastery, exponent), pace)
        doubts = doubts if stranger is None else joined(doubts, stranger)
        subject = GateSubject(doubts, pace, _promise(doubts, pace, rng))
    limits = make_limits(subject.names, least, ratio, knock_outs=knock_outs, stranger=stranger)
    search = MixtureSearch(subject, limits, rng)
    search.go(most, meter or NullMeter())
    design = make_design(subject, limits, search.mixtures, search.tables, search.attainable)
    return replace(design, report={**design.report, "remarks": [*told, *design.report["remarks"]]})


def _pace(law: str, wasted: float, points: int) -> Pace:
    if law not in (ANY, *LAWS):
        raise ArgumentError(
            f"is {shown(law)}", where="law", expected=f"one of {', '.join((ANY, *LAWS))}",
            nearest=nearest_name(law, (ANY, *LAWS)),
        )  # fmt: skip
    if not (is_real(wasted) and 0.0 < wasted < np.inf):
        raise ArgumentError(f"is {shown(wasted)}", where="wasted", expected="a number > 0")
    if not _whole(points, 10, 10**6):
        raise ArgumentError(f"is {shown(points)}", where="points", expected="10 to 1,000,000")
    laws = tuple(one for one in LAWS if law in (ANY, one))
    return Pace(laws, float(wasted), points)


def _check(noise: float | None, mastery: float, exponent: float | None) -> None:
    if noise is not None and not (is_real(noise) and 0.0 < noise < 1.0):
        raise ArgumentError(f"is {shown(noise)}", where="noise", expected="a number in (0, 1)")
    if not (is_real(mastery) and 0.0 < mastery < 1.0):
        raise ArgumentError(f"is {shown(mastery)}", where="mastery", expected="a number in (0, 1)")
    if exponent is not None and not (is_real(exponent) and 0.0 < exponent <= 100.0):
        raise ArgumentError(
            f"is {shown(exponent)}", where="exponent", expected="a number in (0, 100]"
        )


def _doubts(
    source: nx.DiGraph | Mapping[str, Any], noise: float | None, mastery: float,
    exponent: float | None,
) -> Doubts:  # fmt: skip
    if isinstance(source, nx.DiGraph):
        form = Form("hard", mastery) if exponent is None else Form("soft", exponent)
        return from_graph(source, form, noise or 0.01)
    return from_report(source if noise is None else {**source, "noise": noise})


def _promise(doubts: Doubts, pace: Pace, rng: np.random.Generator) -> Promise:
    """Return what is promised in the graph that was found, and in a few other likely ones."""
    few = doubts.known or len(doubts.names) > _MANY
    graphs = [tuple(0 for _ in doubts.names)]
    graphs += [doubts.draw(rng) for _ in range(0 if few else _GRAPHS - 1)]
    return Promise(doubts, pace, graphs)


def _whole(value: object, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
