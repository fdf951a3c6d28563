"""Our own search where the clock is not free but follows from steps, or from a pool law.

What a free clock is worth shows against the same search with a clock of a known family:

* ``steps``: t = α τ in each run, as if nothing competed;
* ``sum``: t = α τ + β Σ (gain − gain at the start), α = N₀/η, β = 1/η: the closed form of the clock
  under ``sum`` (``docs/theory.md``), with the gains of the graph. (Of measured levels it would be a
  small difference of large numbers.)

α and β ≥ 0 are fitted for each run, in turn with the graph: a graph is searched under a clock, the
clock is fitted to that graph, and so on until the graph stays; the best of all rounds counts. The
first clock is one under which no skill learns faster than with an open gate. The gate form is
chosen by the fit, as ever. A clock that is wrong leaves far more than noise, by which the search
would be led astray: so noise is taken to be what the last fit has left. Nothing is taken over from
a free clock.

With β = 0 the second family is the first, which is exact under ``constant``. χ² a value of the true
graph is 1.0 to 2.1 under ``sum`` and ``constant``, 2 to 7 under ``norm``: a family with its own α
and β in each run is hardly wrong. What fails in it is the search, made for a clock that gives way:
it may end at a graph that fits worse than the true one even where the law is right.

The search is that of `infer`: a run gets one more skill, alone, whose level tells its clock.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import xarray as xr
from scipy.optimize import nnls

from benchmarks.inference.worlds import Edge, Floats
from domino_sim.inference.construction import Construction
from domino_sim.inference.evidence import weigh
from domino_sim.inference.forms import OPEN, Courses, Form, Requires
from domino_sim.inference.odds import Odds
from domino_sim.inference.prior import read_prior
from domino_sim.inference.procedure import _Search
from domino_sim.inference.records import Records
from domino_sim.inference.refined import Refined
from domino_sim.inference.refinement import Refiner
from domino_sim.inference.structure import Structure
from domino_sim.inference.study import Study, make_study
from domino_sim.levels import Loss, level_from_work, logit, work_from_level
from domino_sim.progress import Meter, NullMeter
from domino_sim.threads import one_thread

__all__ = ["Kind", "fit_clock", "infer_in"]

Kind = Literal["steps", "sum"]

#: The skill that tells the clock: its name, the work it does in a run, its noise.
_TELLS, _WORK, _NOISE = "(clock)", 3.0, 1e-7

#: Rounds of graph and clock; the most prerequisites, as of `infer`.
_ROUNDS, _MOST = 4, 4

#: Where a skill is on its way, as a part of it.
_ON_WAY = 0.3, 0.7

#: The part of its way to which a skill tells a first clock.
_NEARLY = 0.97

#: How many times the variance of the noise a first clock may leave.
_UNSURE = 25.0

#: Gate forms whose graphs are refined.
_REFINED = 2

#: Factors of the start from which a clock is fitted, and steps of that.
_FACTORS, _STEPS = np.geomspace(0.25, 4.0, 13), 40

#: Points at which a family's curves are known, up to so many times the end of the clock.
_POINTS, _BEYOND = 3000, 3.0


@dataclass(frozen=True)
class Found:
    """A graph under a clock of the family.

    `cost`: values · log(squared error a value) and the price of edges.
    """

    structure: Structure
    refiner: Refiner
    cost: float


class _Held(Refiner):
    """Changes of single gates: no two of them hold each other where the clock does not bend."""

    def climb(self, structure: Structure) -> Structure:
        self.floor = math.inf
        return super().climb(structure)

    def _shifted(self, structure: Structure) -> Structure | None:
        return None

    _shared = _shifted


class _Told(_Search):
    """A search under a clock that is told by the last skill of the study.

    Parameters
    ----------
    study
        With that skill.
    before
        A graph of the other skills from which it starts, too.
    """

    def __init__(self, study: Study, before: Structure) -> None:
        super().__init__(study, read_prior(None, study.skills), None, _MOST, math.inf)
        self._before, self.price = before, self._price
        self._nodes = _smoothed(self._nodes)
        self._forbidden[-1, :] = self._forbidden[:, -1] = True

    def _is_network(self, finished: list[Construction], meter: Meter) -> bool:
        return False  # models of networks have no such clock

    def _start(self, form: Form) -> Structure:
        """Return the skill that tells the clock, alone."""
        courses = Courses(form, self.study.frequency, self.study.before[form.loss])
        start, last = Structure(courses, self._nodes), len(self.study.skills) - 1
        track = start.track_of(last, OPEN)
        start.add(last, OPEN, track)
        level = self._nodes.level[..., last]
        work = work_from_level(level, form.loss) - form.start
        start.tau = courses.inverse(last, track[None], work)[0]
        start.polish()
        return start

    def _entrant(self, form: Form, *, tuned: bool = False) -> Construction:
        return Construction(self._start(form), self._allowed(form), self._price, tuned=tuned)

    def _refine(self, finished: list[Construction]) -> None:
        starts = [one.alive[0] for one in finished[:_REFINED]]
        before = self._start(self._before.courses.form)
        before.gates |= self._before.gates
        before.follow(set(before.gates))
        for start in (*starts, before):
            refiner = _Held(self._allowed(start.courses.form), self._price, until=self._until)
            self._results.append(Refined(refiner.climb(start), refiner, start.courses.form))


@one_thread
def infer_in(curves: xr.Dataset, kind: Kind) -> dict[Edge, float]:
    """Return the probability of every edge under a clock of a family; see the module."""
    study = make_study(curves, None, even=True)
    best = min((_infer(study, law, kind) for law in study.growths), key=lambda found: found.cost)
    structure, refiner = best.structure, best.refiner
    scale = max(1.0, structure.error / max(structure.records.values, 1))
    beside = refiner.cost(structure), refiner.visited, refiner.scored, scale, refiner.price
    odds = Odds.beside(structure, *beside)
    edges = weigh(structure, refiner.scored, odds, refiner.allowed, most=study.surest)
    return {
        (study.skills[e.prerequisite], study.skills[e.dependent]): e.probability
        for e in edges
        if max(e.prerequisite, e.dependent) < len(study.skills)
    }


def _infer(study: Study, law: Loss, kind: Kind) -> Found:
    """Return the best graph of all rounds under one law of growth."""
    study = replace(study, growths=(law,))
    rounds: list[Found] = []
    whole = _on(study, Courses(Form("hard", 0.99, law), study.frequency, study.before[law]), {})
    tau, error = _first(study, law, kind), _UNSURE * study.records.values
    while len(rounds) < _ROUNDS:
        misfit = max(1.0, error / study.records.values)
        search = _Told(_telling(study, tau, law, misfit), whole).run(NullMeter())
        structure, refiner = search.best, search.refiner
        whole = _without_clock(structure, study)
        tau, error = fit_clock(study, whole, kind)
        values = study.records.values
        cost = values * math.log(error / values) + search.price * structure.edges
        rounds.append(Found(structure, refiner, cost))
        if any(one.structure.gates == structure.gates for one in rounds[:-1]):
            break
    return min(rounds, key=lambda one: one.cost)


def _first(study: Study, law: Loss, kind: Kind) -> Floats:
    """Return a first clock (runs, records), from the curves alone.

    No skill learns faster than with an open gate: τ ≥ work/p of each, and it is equal where the
    furthest needs nothing. In steps the rate is that of the fastest skill, the median over records
    on its way. Under ``sum`` the clock is that of the furthest skill, and goes on at its mean rate
    when the last is learned.
    """
    form = Form("hard", 0.99, law)
    t, records = _parts(study), study.records
    part = (records.smooth - form.floor) / (1.0 - form.floor)
    there = (
        (part > _ON_WAY[0]) & (part < _ON_WAY[1]) & (records.weight > 0.0) & (t > 0.0)[..., None]
    )
    level = form.floor + (1.0 - form.floor) * np.clip(part, 0.0, _NEARLY)
    own = (work_from_level(level, law) - form.start) / study.frequency[:, None]
    clocks = []
    for at, run, here in zip(t, own, there, strict=True):
        rates = [np.median(run[on, i] / at[on]) for i, on in enumerate(here.T) if on.any()]
        clock = at * float(max(rates, default=1.0))
        if kind == "sum":
            far = np.maximum.accumulate(run.max(axis=1))
            last = int(np.argmax(far == far[-1]))
            clock = far + far[-1] / max(at[last], 1e-9) * np.maximum(at - at[last], 0.0)
            clock += 1e-6 * far[-1] * at
        clocks.append(clock)
    return np.array(clocks)


def _parts(study: Study) -> Floats:
    """Return steps as parts of a run, (runs, records)."""
    length = study.records.level.shape[1]
    rows = [np.pad(s, (0, length - len(s)), mode="edge") / s[-1] for s in study.steps]
    return np.stack(rows)


class _Family:
    """Clocks of a structure's runs: t = Σ_j θ_j ψ_j(τ), θ (runs, k) ≥ 0, t as a part of the run."""

    def __init__(self, study: Study, structure: Structure, kind: Kind) -> None:
        self.t = _parts(study)
        self._structure, self._kind = structure, kind
        last = _BEYOND * np.maximum(structure.tau.max(axis=1), 1e-9)
        self._tau = last[:, None] * np.linspace(0.0, 1.0, _POINTS)
        self._psi = self._curves(self._tau)

    def _curves(self, tau: Floats) -> Floats:
        """Return ψ (runs, …, k) at τ (runs, …)."""
        if self._kind == "steps":
            return tau[..., None]
        structure, courses = self._structure, self._structure.courses
        tracks = np.stack(list(structure.tracks.values()))
        level, _ = courses.levels(list(structure.tracks), tracks, tau, courses.place(tau))
        gain = level if courses.form.loss == "mse" else logit(np.minimum(level, 1.0 - 1e-12))
        return np.stack([tau, (gain - gain[..., :1]).mean(axis=0)], axis=-1)

    def nearest(self) -> Floats:
        """Return the θ that come nearest to the structure's own clock, where that is known."""
        psi, known = self._curves(self._structure.tau), self._structure.precision > 0.0
        return np.array([nnls(p[k], t[k])[0] for p, t, k in zip(psi, self.t, known, strict=True)])

    def clock(self, theta: Floats) -> tuple[Floats, Floats]:
        """Return τ (runs, records) and its derivatives by θ (runs, records, k)."""
        tau, slope = np.empty(self.t.shape), np.empty((*self.t.shape, theta.shape[1]))
        for r, at in enumerate(self.t):
            rising = self._psi[r] @ theta[r] + 1e-12 * np.arange(_POINTS)
            k = np.clip(np.searchsorted(rising, at) - 1, 0, _POINTS - 2)
            rise, width = rising[k + 1] - rising[k], self._tau[r, 1]
            part = np.clip((at - rising[k]) / rise, 0.0, 1.0)
            tau[r] = self._tau[r, k] + part * width
            psi = self._psi[r, k] + part[:, None] * (self._psi[r, k + 1] - self._psi[r, k])
            slope[r] = -psi * (width / rise)[:, None]
        return tau, slope


def fit_clock(study: Study, structure: Structure, kind: Kind) -> tuple[Floats, float]:
    """Return the clock (runs, records) of least squared error of a family, and its χ².

    Levenberg's method for every run, from the best of several multiples of the nearest θ.
    """
    family = _Family(study, structure, kind)
    start = family.nearest()

    def errors(theta: Floats) -> Floats:
        residual, _ = structure.residuals(family.clock(theta)[0])
        return np.einsum("irk,irk->r", residual, residual)

    tried = np.stack([errors(factor * start) for factor in _FACTORS])
    theta, error = start * _FACTORS[tried.argmin(axis=0)][:, None], tried.min(axis=0)
    damping = np.full(len(theta), 1e-3)
    for _ in range(_STEPS):
        tau, by_theta = family.clock(theta)
        residual, slope = structure.residuals(tau)
        stiff = np.einsum("irk,irk->rk", slope, slope)
        drive = np.einsum("irk,irk->rk", slope, residual)
        hessian = np.einsum("rk,rkj,rkl->rjl", stiff, by_theta, by_theta)
        gradient = np.einsum("rk,rkj->rj", drive, by_theta)
        scale = np.einsum("rjj->rj", hessian) + 1e-12
        hessian = hessian + np.einsum("r,rj,jl->rjl", damping, scale, np.eye(scale.shape[1]))
        trial = np.maximum(theta + np.linalg.solve(hessian, gradient[..., None])[..., 0], 0.0)
        after = errors(trial)
        better = after < error
        theta = np.where(better[:, None], trial, theta)
        gain = float((error - np.minimum(after, error)).sum())
        error = np.minimum(after, error)
        damping = np.where(better, 0.2 * damping, 10.0 * damping)
        if gain < 1e-3 and (better.all() or damping.min() > 1e3):
            break
    return family.clock(theta)[0], float(error.sum())


def _telling(study: Study, tau: Floats, law: Loss, misfit: float) -> Study:
    """Return the study with √misfit times the noise, and one more skill that tells the clock."""
    p = _WORK / tau.max(axis=1)
    form = Form("hard", 0.99, law)
    level = level_from_work(p[:, None] * tau + form.start, law)
    records = study.records
    floor = np.broadcast_to(records.floor, (records.runs, 1, records.level.shape[2]))
    weight = (records.weight > 0.0).any(axis=2) / _NOISE**2
    return replace(
        study,
        skills=(*study.skills, _TELLS),
        records=_smoothed(
            Records(
                np.concatenate([records.level, level[..., None]], axis=2),
                np.concatenate([records.weight / misfit, weight[..., None]], axis=2),
                np.concatenate([floor, np.full((records.runs, 1, 1), form.floor)], axis=2),
            )
        ),
        frequency=np.concatenate([study.frequency, p[:, None]], axis=1),
        before=_wider(study.before, form.floor),
    )


def _smoothed(records: Records) -> Records:
    """Give records their rising curves, the last skill apart, whose weight would drown the rest."""
    others = Records(records.level[..., :-1], records.weight[..., :-1])
    smooth = np.concatenate([others.smooth, records.level[..., -1:]], axis=2)
    records.__dict__["smooth"] = smooth
    return records


def _wider(before: Mapping[Any, Floats], floor: float) -> dict[Any, Floats]:
    return {law: np.pad(level, ((0, 0), (0, 1)), constant_values=floor)
            for law, level in before.items()}  # fmt: skip


def _without_clock(structure: Structure, study: Study) -> Structure:
    """Return the graph on all records, without the skill that tells the clock."""
    courses = structure.courses
    before = None if courses.before is None else courses.before[:, :-1]
    gates = {i: gate for i, gate in structure.gates.items() if i < len(study.skills)}
    return _on(study, Courses(courses.form, courses.frequency[:, :-1], before), gates)


def _on(study: Study, courses: Courses, gates: Mapping[int, Requires]) -> Structure:
    """Return a graph on all records; skills without a gate need nothing."""
    whole = Structure(courses, study.records)
    whole.gates = {i: gates.get(i, OPEN) for i in range(len(study.skills))}
    whole.follow(set(whole.gates))
    whole.seek()
    whole.polish(12)
    return whole
