"""Infer the dependency graph: gate form, graph, clock; then how sure each edge is."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from domino_sim.errors import ArgumentError
from domino_sim.inference.construction import Construction
from domino_sim.inference.evidence import weigh
from domino_sim.inference.forms import Courses, Form, Requires
from domino_sim.inference.prior import Prior, read_prior
from domino_sim.inference.proposals import allowed_by
from domino_sim.inference.records import Records, make_nodes
from domino_sim.inference.refinement import Refiner
from domino_sim.inference.result import Inference, make_inference
from domino_sim.inference.structure import Structure
from domino_sim.inference.study import Study, make_study
from domino_sim.progress import Meter, NullMeter
from domino_sim.threads import one_thread

__all__ = ["infer"]

#: Gate forms that are tried: mastery of hard gates, exponents of soft ones.
_HARD, _SOFT = (0.99, 0.9), (1e-3, 1e-2, 0.1, 1.0)

#: Nodes of a run; the fewest where there are many runs.
_NODES = 60

#: A form is given up while another has a misfit less than this part of its own.
_WORSE = 0.8

#: Best structures that are refined.
_REFINED = 2

#: The most skills that are taken out to be put in anew.
_TAKEN_OUT = 6

#: What is put in anew is refined if its χ² is below this part of the best one's.
_HOPELESS = 1.5

#: χ² a value that noise alone can leave.
_NOISE_ALONE = 1.05

#: Standard deviations by which χ² may exceed its mean by chance.
_CHANCE = 2.0

#: Levels times skills below which everything is tried.
_SMALL = 20_000

#: Factors by which the value of a gate form is changed in turn to find its best.
_FACTORS = (2.0, 1.3, 1.08)


@one_thread
def infer(
    curves: xr.Dataset,
    mixtures: ArrayLike | Mapping[str, Mapping[str, float]] | None = None,
    prior: Path | str | Mapping[str, Any] | None = None,
    *,
    mastery: float | None = None,
    most_prerequisites: int = 4,
    seconds: float = math.inf,
    meter: Meter | None = None,
) -> Inference:
    """Infer which skill needs which from learning curves of several runs.

    No pool law, N₀, learning rate or schedule is assumed: every run has a resource clock of its
    own, monotone and otherwise free, which is found together with the graph. Gate form (hard, at
    which mastery; soft, with which exponent) is chosen by the fit. See ``docs/inference.md``.

    Parameters
    ----------
    curves
        Learning curves of :func:`read_curves`: ``level`` (run, step, skill) in [0, 1], NaN where
        missing, with ``frequency`` (run, skill). Runs may have different steps.
    mixtures
        Frequencies ≥ 0 instead of those of the curves: (runs, skills), or by run and skill. A
        frequency of 0 is a skill knocked out.
    prior
        ``required`` and ``forbidden`` edges and ``tiers``: a TOML file or a table
        (``docs/inference.md``, "Prior knowledge").
    mastery
        The level at which hard gates open, in (0, 1), if it is known.
    most_prerequisites
        The most skills a gate may ask for, ≥ 1.
    seconds
        When to stop improving; the best graph so far is returned.
    meter
        Shows progress; none by default.

    Returns
    -------
    Inference
        ``graph`` (a `networkx.DiGraph` whose edges have ``probability`` and ``status``),
        ``report``, ``predicted`` (levels of the inferred model).

    Raises
    ------
    ArgumentError
        If the curves cannot be used, a mixture is not known, or an argument is out of its range.

    Examples
    --------
    Two runs of a chain of two skills, by the clock of the first:

    >>> import numpy as np, xarray as xr
    >>> p = np.array([[1.0, 0.5], [0.4, 1.0]])
    >>> tau = np.linspace(0.0, 25.0, 200)
    >>> late = np.log(100.0) / p[:, 0]  # B waits until A is at 0.99
    >>> begun = [0.0 * late, late]
    >>> work = [p[:, i, None] * np.maximum(tau - begun[i][:, None], 0.0) for i in (0, 1)]
    >>> level = 1.0 - np.exp(-np.stack(work, axis=-1))
    >>> curves = xr.Dataset(
    ...     {"level": (("run", "step", "skill"), level), "frequency": (("run", "skill"), p)},
    ...     {"run": ["one", "two"], "step": np.arange(200), "skill": ["A", "B"]},
    ... )
    >>> found = infer(curves)
    >>> [(a, b) for a, b, status in found.graph.edges(data="status") if status == "found"]
    [('A', 'B')]
    """
    _check(mastery, most_prerequisites, seconds)
    until = time.monotonic() + seconds
    study = make_study(curves, mixtures)
    known = read_prior(prior, tuple(map(str, curves["skill"].values)))
    meter = meter or NullMeter()
    nodes = make_nodes(study.records, _NODES)
    price = 2.0 * math.log(max(len(study.skills), 2)) + 2.0
    forbidden, required = _usable(known, study)
    finished = _race(study, nodes, forbidden, required, most_prerequisites, mastery, price, meter)
    best, refiner = _refine(study, finished, forbidden, required, most_prerequisites, price, until)
    if mastery is None or best.courses.form.kind == "soft":
        best = tune(best, refiner)
    scale = max(1.0, best.error / max(nodes.values, 1))
    cost = refiner.cost(best)
    others = {graph: value - cost for graph, value in refiner.visited.items()}
    edges = weigh(best, refiner.scored, others, scale)
    forms = {str(c.alive[0].courses.form): c.misfit for c in finished if c.alive}
    return make_inference(study, best, edges, scale, forms, known.names)


def _check(mastery: float | None, most: int, seconds: float) -> None:
    if mastery is not None and not 0.0 < mastery < 1.0:
        raise ArgumentError(f"is {mastery!r}", where="mastery", expected="a number in (0, 1)")
    if isinstance(most, bool) or not isinstance(most, int) or most < 1:
        raise ArgumentError(f"is {most!r}", where="most_prerequisites", expected="an integer ≥ 1")
    if not seconds > 0.0:
        raise ArgumentError(f"is {seconds!r}", where="seconds", expected="a number > 0")


def _usable(prior: Prior, study: Study) -> tuple[np.ndarray, list[tuple[int, ...]]]:
    """Return the prior on the skills that are used."""
    names = prior.names
    kept = [names.index(name) for name in study.skills]
    place = {old: new for new, old in enumerate(kept)}
    forbidden = prior.forbidden[np.ix_(kept, kept)]
    required = [tuple(place[j] for j in prior.required[i] if j in place) for i in kept]
    return forbidden, required


def _race(
    study: Study, nodes: Records, forbidden: np.ndarray, required: Sequence[tuple[int, ...]],
    most: int, mastery: float | None, price: float, meter: Meter,
) -> list[Construction]:  # fmt: skip
    """Build a graph under each gate form, the best-fitting ahead; return those worth keeping."""
    hard = _HARD if mastery is None else (mastery,)
    forms = [Form("hard", value, study.loss) for value in hard]
    forms += [Form("soft", value, study.loss) for value in _SOFT]
    racing = [
        Construction(
            Structure(Courses(form, study.frequency), nodes),
            allowed_by(nodes, form, forbidden, required, most), price,
        )
        for form in forms
    ]  # fmt: skip
    total = len(study.skills)
    with meter.task("graph", total) as update:
        while True:
            first = min(
                (one for one in racing if not one.done),
                key=lambda one: (_pace(one), -len(one.alive[0].gates)),
                default=None,
            )
            best = min((one.misfit for one in racing if one.done), default=math.inf)
            if first is None or best < _WORSE * _pace(first) or (
                best < _NOISE_ALONE < _pace(first)
            ):
                break
            first.step()
            update(max(len(one.alive[0].gates) for one in racing if one.alive))
    return sorted((one for one in racing if one.done and one.alive), key=lambda one: one.misfit)


def _pace(one: Construction) -> float:
    """Misfit so far; of none while skills without prerequisites fit any form."""
    return max(one.misfit, 1.0)


def _refine(
    study: Study, finished: Sequence[Construction], forbidden: np.ndarray,
    required: Sequence[tuple[int, ...]], most: int, price: float, until: float,
) -> tuple[Structure, Refiner]:  # fmt: skip
    """Return the best structure, refined, and what refined it."""
    if not finished:
        raise ArgumentError(
            "no graph is permitted", where="prior",
            expected="required and forbidden edges that leave every skill a gate",
        )  # fmt: skip
    results = []
    start = finished[0].misfit
    for one in finished[:_REFINED]:
        if one.misfit > max(start / _WORSE, _NOISE_ALONE):
            continue
        form = one.alive[0].courses.form
        allowed = allowed_by(one.alive[0].records, form, forbidden, required, most)
        floor = _noise_alone(one.alive[0].records)
        visited: dict[frozenset[tuple[int, Requires]], float] = {}
        for structure in one.alive:
            refiner = Refiner(allowed, price, floor, until, visited=visited)
            results.append((refiner.climb(structure), refiner))
            if results[-1][0].error < floor:
                break
        else:
            results.append(_rebuild(*min(results, key=_cost)))
    return min(results, key=_cost)


def _cost(pair: tuple[Structure, Refiner]) -> float:
    return pair[1].cost(pair[0])


def _rebuild(structure: Structure, refiner: Refiner) -> tuple[Structure, Refiner]:
    """Take the skills that fit worst out, with all that depend on them, and put them in anew.

    While they are in, they bend the clock, and no better gate for one of them shows.
    """
    for count in range(1, _TAKEN_OUT + 1):
        misfit = structure.misfits()
        worst = sorted(misfit, key=misfit.__getitem__, reverse=True)[:count]
        if time.monotonic() > refiner.until or len(worst) < count:
            break
        anew = Construction(structure.without(set(worst)), refiner.allowed, refiner.price)
        while not anew.done:
            anew.step()
        for other in anew.alive[:1]:
            if other.error > _HOPELESS * structure.error:
                continue
            again = Refiner(
                refiner.allowed, refiner.price, refiner.floor, refiner.until,
                visited=refiner.visited,
            )  # fmt: skip
            better = again.climb(other)
            if again.cost(better) < refiner.cost(structure) - 1e-6:
                structure, refiner = better, again
        if structure.error < refiner.floor:
            break
    return structure, refiner


def _noise_alone(records: Records) -> float:
    """Return χ² below which no more is tried: what noise hardly exceeds beside a fitted clock.

    Where that costs little, what noise hardly falls below.
    """
    left = max(records.values - int((records.weight > 0.0).any(axis=2).sum()), 1)
    small = records.values * records.level.shape[2] < _SMALL
    return left + (-_CHANCE if small else _CHANCE) * math.sqrt(2.0 * left)


def tune(structure: Structure, refiner: Refiner) -> Structure:
    """Return the structure with the best value of its gate form, its graph climbed once more."""
    best, moved = structure, False
    for factor in _FACTORS:
        for direction in (factor, 1.0 / factor):
            while True:
                other = _with_value(best, direction)
                if other is None or other.error > best.error - 1.0:
                    break
                best, moved = other, True
    if not moved:
        return structure
    # Costs of graphs under another value do not compare.
    refiner.scored.clear()
    refiner.visited.clear()
    return refiner.climb(best)


def _with_value(structure: Structure, factor: float) -> Structure | None:
    """Return the structure with another mastery (its unlearned part times `factor`) or exponent."""
    form = structure.courses.form
    value = form.value * factor if form.kind == "soft" else 1.0 - (1.0 - form.value) * factor
    if not (0.0 < value < (1.0 if form.kind == "hard" else 100.0)):
        return None
    if form.kind == "hard" and value <= form.floor:
        return None
    other = structure.under(
        Courses(Form(form.kind, value, form.loss), structure.courses.frequency)
    )
    other.polish(8)
    return other
