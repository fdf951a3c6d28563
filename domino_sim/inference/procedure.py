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

from domino_sim.curve_form import check_curves
from domino_sim.errors import ArgumentError
from domino_sim.inference.answering import answers
from domino_sim.inference.asked import check_asked
from domino_sim.inference.confirming import confirm, likeliest_graph
from domino_sim.inference.construction import Construction
from domino_sim.inference.evidence import SUREST, weigh
from domino_sim.inference.form_values import nearby
from domino_sim.inference.forms import Courses, Form, Requires
from domino_sim.inference.looking import Way, looked
from domino_sim.inference.networks import Grown, infer_grown
from domino_sim.inference.networks.contest import gates_misfit, is_better
from domino_sim.inference.networks.hypotheses import Rules
from domino_sim.inference.odds import Odds
from domino_sim.inference.patience import Patience
from domino_sim.inference.prior import Prior, read_prior
from domino_sim.inference.proposals import Allowed, allowed_by
from domino_sim.inference.racing import (
    LOST,
    NOISE_ALONE,
    OUTDONE,
    WORSE,
    furthest,
    in_order,
    noise_alone,
    race,
    strayed,
)
from domino_sim.inference.rebuilding import build_by_fits, rebuild
from domino_sim.inference.records import make_nodes
from domino_sim.inference.refined import Refined, outdone
from domino_sim.inference.refinement import Refiner
from domino_sim.inference.remarks import against_prior, doubted, without_skills
from domino_sim.inference.result import Inference, make_grown_inference, make_inference
from domino_sim.inference.serial import infer_serial
from domino_sim.inference.serial.contest import TIED, UNTRIED, apart, leaves_noise
from domino_sim.inference.structure import Structure
from domino_sim.inference.study import Study, make_study, runs_apart
from domino_sim.inference.tuning import tune
from domino_sim.progress import Meter, NullMeter
from domino_sim.threads import one_thread

__all__ = ["infer"]

#: Gate forms that are tried: mastery of hard gates, exponents of soft ones.
_HARD, _SOFT = (0.99, 0.95, 0.85, 0.7), (1e-3, 1e-2, 0.1, 0.3, 1.0)

#: Values that are tuned while a graph is built, from these on: leaks, and with them mastery and
#: exponent; mastery and exponents between those above.
_LEAKS, _LEAKY_HARD, _LEAKY_SOFT = (0.01, 0.05, 0.2), (0.99, 0.9), (0.3,)
_BETWEEN_HARD, _BETWEEN_SOFT = (0.9,), (3e-3, 0.03, 3.0)

#: Nodes of a run: at least, and for each skill.
_NODES, _OF_SKILL = 60, 3

#: Misfit of the best gates from which models of networks are tried; they are surely right if they
#: leave less than this part of the misfit.
_NETWORK, _SURELY = 3.0, 0.3

#: Best gate forms whose structures are refined.
_REFINED = 2


@one_thread
def infer(
    curves: xr.Dataset,
    mixtures: ArrayLike | Mapping[str, Mapping[Any, Any]] | None = None,
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
        Frequencies ≥ 0 instead of those of the curves: (runs, skills), in their order or labelled;
        or by run and skill, or by run, step from which they hold, and skill. A frequency of 0 is a
        skill knocked out; one that is NaN or not named is fitted.
    prior
        ``required`` and ``forbidden`` edges, ``tiers``, and runs of the ``same_mixture``: a TOML
        file or a table (``docs/inference.md``, "Prior knowledge").
    mastery
        The level at which hard gates open, in (0, 1), if it is known.
    most_prerequisites
        The most skills a gate may ask for, ≥ 1.
    seconds
        When to stop; the best graph so far is returned, as it is after Ctrl-C.
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
        If curves cannot be used, mixtures do not go with them, or an argument is out of its range.
    FileError
        If the file of `prior` cannot be read.

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
    check_asked(mastery, most_prerequisites, seconds)
    names = tuple(map(str, check_curves(curves)["skill"].values))
    known = read_prior(prior, names, most_prerequisites)
    until = time.monotonic() + seconds

    def look(way: Way) -> _Search:
        study = make_study(curves, mixtures, known.same_mixture, even=way is Way.EVEN)
        study = without_skills(study, known)
        search = _Search(study, known, mastery, most_prerequisites, until)
        return search.run(meter or NullMeter(), direct=way is Way.DIRECT and study.uneven)

    search = looked(look)
    study, best, refiner = search.study, search.best, search.refiner
    study = doubted(
        study, (search.tied, TIED), (search.lost and search.grown is None, LOST),
        (search.untried and search.grown is not None and not search.tied, UNTRIED),
    )  # fmt: skip
    if search.grown is None or search.grown.kind != "serial":
        study = against_prior(study, best, search.required)
    if search.grown is not None:
        surest = min(study.surest, SUREST if runs_apart(study) == 1 else 1.0)
        return make_grown_inference(
            study, search.grown, best.courses.form, search.forms, known.names, surest,
            stopped=search.stopped,
        )  # fmt: skip
    scale = max(1.0, best.error / max(best.records.values, 1))
    odds = Odds.beside(
        best, refiner.cost(best), refiner.visited, refiner.scored, scale, refiner.price
    )
    confirm(best, refiner, study.records)
    best = likeliest_graph(best, refiner, odds, study.records)
    # Other frequencies let other gates fit as well.
    most = min(study.surest, SUREST if answers(best) or runs_apart(study) == 1 else 1.0)
    edges = weigh(best, refiner.scored, odds, refiner.allowed, most=most)
    rest = scale, search.forms, known.names
    return make_inference(study, best, edges, *rest, stopped=search.stopped)


class _Search:
    """One inference, from the curves to the best graph.

    Attributes
    ----------
    forms
        Misfits of the gate forms that came to a graph.
    best, refiner
        The best structure, and what refined it.
    grown
        The graph under another model, where that fits better than any gates: one skill at a time,
        or a model of networks.
    required
        Of each skill, what prior knowledge says that it needs.
    stopped, tied, untried, lost
        Whether it was stopped before its end; whether a serial pool and gates fit as well, or gates
        were hardly tried beside it; whether it was lost on the way (`racing.strayed`).
    """

    def __init__(
        self, study: Study, prior: Prior, mastery: float | None, most: int, until: float
    ) -> None:
        self.study, self._mastery, self._most, self._until = study, mastery, most, until
        self._nodes = make_nodes(study.records, max(_NODES, _OF_SKILL * len(study.skills)))
        self._price = 2.0 * math.log(max(len(study.skills), 2)) + 2.0
        kept = [prior.names.index(name) for name in study.skills]
        place = {old: new for new, old in enumerate(kept)}
        self._forbidden = prior.forbidden[np.ix_(kept, kept)]
        for i, name in enumerate(study.skills):
            if name in study.learned:
                self._forbidden[:, i] = [j not in prior.required[kept[i]] for j in kept]
        self.required = [tuple(place[j] for j in prior.required[i] if j in place) for i in kept]
        self._rules = Rules.of(len(kept), self._forbidden, self.required, most)
        self.forms: dict[str, float] = {}
        self.stopped = self.tied = self.untried = self.lost = False
        self.grown: Grown | None = None
        self._results: list[Refined] = []

    def run(self, meter: Meter, *, direct: bool = False) -> _Search:
        """Look for the best structure (`Way`); Ctrl-C ends the search, not the run. Return it."""
        racing, sure = [self._entrant(form) for form in self._forms(_HARD, _SOFT)], False
        try:
            if not direct:
                self.grown = infer_serial(self.study, self._rules, self._price, self._until)
            serial = self.grown
            sure = direct or (serial is not None and leaves_noise(serial, self.study))
            with meter.task("graph", len(self.study.skills)) as update:
                race(racing, self._until, update, self._tuned, rivalled=sure)
            finished = in_order(racing)
            for one in finished:  # the best first; a form may have come to several graphs
                self.forms.setdefault(str(one.alive[0].courses.form), one.misfit)
            only = direct or serial is not None
            other = not finished if only else self._is_network(finished, meter)
            if not other:
                self._refine(finished)
            if self._results and time.monotonic() < self._until:
                self._results += build_by_fits(min(self._results, key=lambda one: one.cost), meter)
                best, refiner, form = min(self._results, key=lambda each: each.cost)
                self.lost = strayed(best, form, finished)
                best = tune(best, refiner, mastery=self._mastery is None)
                self._results = [Refined(best, refiner, form)]
        except KeyboardInterrupt:
            self.stopped = True
        self.stopped |= time.monotonic() > self._until
        self.lost |= direct and not self._results
        results = self._results or [self._rest(racing)]
        self.best, self.refiner, _ = min(results, key=lambda each: each.cost)
        if self.grown is not None and self.grown.kind == "serial":
            self.untried = self.stopped or not (sure or self._results)
        if self.grown is not None and not self._is_better(self.grown, self.best):
            self.grown = None
        return self

    def _is_network(self, finished: list[Construction], meter: Meter) -> bool:
        """Whether curves that no gates explain are surely those of a network.

        If that is not sure, gates are searched on, and what fits better is preferred.
        """
        if not finished or len(self.study.skills) < 2 or time.monotonic() > self._until:
            return False
        if self.study.free is not None or self.study.follows is not None:
            return False  # models of networks have no fitted frequencies, and begin untrained
        gates = gates_misfit(finished[0].alive[0], self.study)
        if gates < _NETWORK:
            return False
        self.grown = infer_grown(self.study, self._rules, self._until, meter)
        return self.grown.typical < _SURELY * gates

    def _is_better(self, grown: Grown, structure: Structure) -> bool:
        """Whether another model than gates fits better, one of a serial pool clearly."""
        if grown.kind != "serial":
            return is_better(grown, structure, self.study)
        more = apart(grown, structure, self.study, self._price)
        self.tied |= abs(more) < OUTDONE
        return more < -OUTDONE

    def _forms(
        self, hard: Sequence[float], soft: Sequence[float], leak: float = 0.0
    ) -> list[Form]:
        if hard and self._mastery is not None:
            hard = (self._mastery,)
        return [
            form
            for loss in self.study.growths
            for form in (
                *(Form("hard", value, loss, leak) for value in hard),
                *(Form("soft", value, loss, leak) for value in soft),
            )
        ]

    def _tuned(self) -> list[Construction]:
        between = self._forms(_BETWEEN_HARD if self._mastery is None else (), _BETWEEN_SOFT)
        leaky = [form for leak in _LEAKS for form in self._forms(_LEAKY_HARD, _LEAKY_SOFT, leak)]
        return [self._entrant(form, tuned=True) for form in (*between, *leaky)]

    def _allowed(self, form: Form) -> Allowed:
        return allowed_by(self._nodes, form, self._forbidden, self.required, self._most)

    def _entrant(self, form: Form, *, tuned: bool = False) -> Construction:
        study = self.study
        courses = Courses(
            form, study.frequency, study.before[form.loss], study.free, study.follows, study.ties,
            study.mixture,
        )  # fmt: skip
        start = Structure(courses, self._nodes)
        free = self._mastery is None
        return Construction(start, self._allowed(form), self._price, tuned=tuned, mastery=free)

    def _refine(self, finished: list[Construction]) -> None:
        """Refine the graphs of the best forms."""
        if not finished and time.monotonic() < self._until:
            raise ArgumentError(
                "no graph is permitted", where="prior",
                expected="required and forbidden edges that leave every skill a gate",
            )  # fmt: skip
        patience = Patience.with_skills(len(self.study.skills))
        for one in finished[:_REFINED]:
            worse = one.misfit > max(finished[0].misfit / WORSE, NOISE_ALONE)
            if worse or outdone(one.alive[0], self._price, self._results):
                continue
            form = one.alive[0].courses.form
            allowed = self._allowed(form)
            floor = noise_alone(self._nodes) if self.study.plain else 0.0
            if one.lost and any(each.structure.error < floor for each in self._results):
                continue
            visited: dict[frozenset[tuple[int, Requires]], float] = {}
            first = len(self._results)
            for structure in one.alive:
                refiner = Refiner(
                    allowed, self._price, floor, self._until, patience, visited=visited
                )
                # The form's value, too, so that the climb need not be made again for it.
                structure = nearby(structure, mastery=self._mastery is None)
                self._results.append(Refined(refiner.climb(structure), refiner, form))
                if self._results[-1].structure.error < floor:
                    break
            else:
                structure, refiner, _ = min(self._results[first:], key=lambda each: each.cost)
                self._results.append(Refined(*rebuild(structure, refiner), form))

    def _rest(self, racing: list[Construction]) -> Refined:
        """Return the best structure that has come furthest; others need what they must alone."""
        structure = furthest(racing, self.required)
        form = structure.courses.form
        return Refined(structure, Refiner(self._allowed(form), self._price), form)
