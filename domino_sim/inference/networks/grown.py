"""One verb: the graph behind curves of a trained network, by the model that fits them better."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from domino_sim.inference.evidence import Edge
from domino_sim.inference.networks.composed_edges import edges_of as composed_edges
from domino_sim.inference.networks.hypotheses import Graph, Rules
from domino_sim.inference.networks.onsets import Onsets, onset_steps
from domino_sim.inference.networks.power_graphs import PowerGraphs
from domino_sim.inference.networks.search import Judge, climb, restart
from domino_sim.inference.study import Study
from domino_sim.levels import Floats
from domino_sim.progress import Meter, NullMeter

__all__ = ["Grown", "infer_grown", "typical_misfit"]

#: Steps of a path, their number and nodes of a run: while searching, and at the end.
_ROUGH, _FINE, _FINEST = (0.24, 80, 80), (0.12, 160, 80), (0.05, 360)

#: Memory of an optimiser that has one.
_MEMORY = 2.0

#: Composed skills explain curves if levels are this close (root mean square). The optimiser's
#: memory, and other graphs to start from, are looked for unless they are exact, or hopelessly far.
#: With fewer runs than the last a search that ends hopelessly far may be lost, and costs little.
_CLOSE, _EXACT, _HOPELESS, _FEW_RUNS = 0.06, 0.025, 0.12, 5

#: Random graphs from which is climbed too, where levels are not exact.
_TRIES = 8


@dataclass(frozen=True)
class Grown:
    """A graph inferred under a model of networks, or of a serial pool.

    Attributes
    ----------
    kind
        ``composed`` or ``power``; ``serial``.
    graph
        A gate for every skill of the study.
    probability : (n, n) array
        ``[j, i]``: that i needs j.
    level : (runs, records, n) array
        Levels of the model at the records of the study; NaN where it says nothing.
    misfit, typical
        χ² a level, in units of the study's noise: of all levels, and of a typical skill
        (`typical_misfit`).
    text
        The model and its values in words.
    exponents
        Of power gates, by skill: β (of its frequency), γ (of the sum of frequencies), κ (of the
        onsets of those that come sooner), α of each prerequisite.
    misfits
        Root mean square errors in levels of the models that were tried.
    edges
        Those that are found, possible or cannot be told, and which runs say so.
    onsets
        Of power gates, the steps of onsets and the last ones, (runs, n).
    rules
        Which gates were permitted.
    remarks
        What else was found.
    """

    kind: Literal["composed", "power", "serial"]
    graph: Graph
    probability: Floats
    level: Floats
    misfit: float
    typical: float
    text: str
    exponents: dict[int, Floats] = field(default_factory=dict)
    misfits: dict[str, float] = field(default_factory=dict)
    edges: tuple[Edge, ...] = ()
    onsets: tuple[Floats, Floats] | None = None
    rules: Rules | None = None
    remarks: tuple[str, ...] = ()


def infer_grown(
    study: Study,
    rules: Rules | None = None,
    until: float = np.inf,
    meter: Meter | None = None,
) -> Grown:
    """Infer the graph under the models of networks.

    Parameters
    ----------
    study
        Curves and frequencies.
    rules
        Which gates are permitted; all of up to four prerequisites by default.
    until
        When to stop (`time.monotonic`); the best so far is returned.
    meter
        Shows progress.
    """
    rules = rules or Rules.of(len(study.skills), None, None, 4)
    with (meter or NullMeter()).task("networks", 3) as update:
        composed, judge, error = _composed(study, rules, until)
        update(2)
        if error < _CLOSE or len(study.runs) < 3:
            probability, edges = composed_edges(composed.graph, judge, study, rules)
            return replace(composed, probability=probability, edges=edges)
        power = _power(study, rules, until)
        power.misfits.update(composed.misfits)
        update(3)
    return power


def _composed(study: Study, rules: Rules, until: float) -> tuple[Grown, Judge, float]:
    """Return the graph of composed skills, without its edges, what judged it, and its error."""
    judge, graph, found = _search(study, rules, until)
    if min(found.values()) < _HOPELESS:
        judge = Judge(study, *_FINE, memory=judge.memory, until=until, rough=judge)
        graph, _ = climb(judge, graph, rules)
    error = found["composed, with memory" if judge.memory else "composed"] = _error(judge, graph)
    finest = Judge(study, *_FINEST, 1, memory=judge.memory)
    level = finest.walk(graph, study)
    text = "composed skills" + (", an optimiser with memory" if judge.memory else "")
    if error >= _CLOSE:
        text += f", which miss levels by {error:.2f}"
    nothing = np.zeros((len(graph), len(graph)))
    grown = Grown(
        "composed", graph, nothing, level, *_misfit(study, level), text, misfits=found,
        rules=rules,
    )  # fmt: skip
    return grown, judge, error


def _search(study: Study, rules: Rules, until: float) -> tuple[Judge, Graph, dict[str, float]]:
    """Return the rough judge of the better optimiser, its best graph, and the errors of both.

    What costs more is only tried while levels are not exact: the optimiser's memory, two changes at
    once, other graphs to start from.
    """
    plain = judge = Judge(study, *_ROUGH, until=until)
    graph, cost = climb(judge, rules.start(), rules)
    found = {"composed": _error(judge, graph)}
    hopeless = found["composed"] >= _HOPELESS and len(study.runs) >= _FEW_RUNS
    if found["composed"] <= _EXACT or hopeless:
        return judge, graph, found
    other = Judge(study, *_ROUGH, memory=_MEMORY, until=until, rough=plain)
    # From nothing: what the plain path takes for needs can hold each other in place.
    better, less = climb(other, rules.start(), rules)
    if _error(other, better) > _EXACT:
        better, less = min([(better, less), climb(other, graph, rules)], key=lambda one: one[1])
    found["composed, with memory"] = _error(other, better)
    if less < cost:
        judge, graph, cost = other, better, less
    name = "composed, with memory" if judge.memory else "composed"
    if found[name] > _EXACT:
        graph, cost = climb(judge, graph, rules, wide=True)
    if _error(judge, graph) > _EXACT:
        # With a memory a wrong graph may fit better than any that was found without, but not than
        # the right one.
        start = restart(plain, graph, rules, _EXACT, _TRIES)
        for one in dict.fromkeys((judge, plain)):
            better, less = climb(one, start, rules, wide=True)
            if less < cost:
                judge, graph, cost = one, better, less
        name = "composed, with memory" if judge.memory else "composed"
    found[name] = _error(judge, graph)
    return judge, graph, found


def _error(judge: Judge, graph: Graph) -> float:
    """Return the root mean square error of the median run."""
    return float(np.sqrt(np.median(judge.errors([graph]))))


def _power(study: Study, rules: Rules, until: float) -> Grown:
    steps = onset_steps(study)
    onsets = Onsets.of(*steps, study.frequency)
    graphs = PowerGraphs(onsets, rules, until)
    fits = graphs.fits()
    level = _shaped(study, onsets.log, onsets.seen, np.stack([fit.onset for fit in fits], axis=1))
    level = np.where(onsets.trained[:, None], level, np.nan)
    came = {i: fit for i, fit in enumerate(fits) if not graphs.skills[i].unknown}
    text = "power gates"
    if came:
        text += f", onsets to within {np.median([fit.noise for fit in came.values()]):.0%}"
    return Grown(
        "power", graphs.graph, graphs.probability, level, *_misfit(study, level),
        text, exponents={i: fit.weights for i, fit in came.items()},
        misfits={"power": _rms(study, level)}, edges=graphs.edges(), onsets=steps, rules=rules,
    )  # fmt: skip


def _shaped(study: Study, onset: Floats, seen: np.ndarray, expected: Floats) -> Floats:
    """Return levels with expected onsets: each skill's mean curve by log step after its onset."""
    records = study.records
    level = np.zeros_like(records.level)
    grid = np.linspace(-3.0, 3.0, 121)
    for i in range(level.shape[2]):
        curves = []
        for r, steps in enumerate(study.steps):
            if seen[r, i]:
                after = np.log(np.maximum(steps, 0.5)) - onset[r, i]
                curves.append(np.interp(grid, after, records.smooth[r, : len(steps), i]))
        shape = np.mean(curves, axis=0) if curves else np.zeros(len(grid))
        for r, steps in enumerate(study.steps):
            after = np.log(np.maximum(steps, 0.5)) - expected[r, i]
            level[r, : len(steps), i] = np.interp(after, grid, shape)
    return level


def _misfit(study: Study, level: Floats) -> tuple[float, float]:
    """Return χ² a level: of all levels, and of a typical skill."""
    weight = np.where(np.isnan(level), 0.0, study.records.weight)
    error = (weight * np.nan_to_num(study.records.level - level) ** 2).sum(axis=(0, 1))
    values = (weight > 0.0).sum(axis=(0, 1))
    known = values > 0
    typical = typical_misfit(error[known] / values[known])
    return float(error.sum() / max(int(values.sum()), 1)), typical


def typical_misfit(each: Floats) -> float:
    """Return the geometric mean of the misfits of skills, of each at least what noise leaves.

    One wild curve decides little, and half of the skills that fit do not hide the other half: the
    median would be theirs alone. Infinite without any.
    """
    return float(np.exp(np.log(np.maximum(each, 1.0)).mean())) if len(each) else np.inf


def _rms(study: Study, level: Floats) -> float:
    return study.sigma * _misfit(study, level)[0] ** 0.5
