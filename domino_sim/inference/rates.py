"""Frequencies that are not known, fitted with the clock and the graph.

In the resource clock a skill's work grows at c p, so where two skills are under way together their
works tell the ratio of their frequencies, whatever the clock. Where none of what a skill overlaps
with is known, only what mixtures are like says how frequent it is: the logarithms of the
frequencies of a run are taken to be spread by about `SPREAD` around their mean. The scale of a
run's frequencies is that of its clock, and means nothing.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from domino_sim.frequencies.paths import level_and_slope
from domino_sim.inference.forms import Courses, trained
from domino_sim.inference.links import join, link
from domino_sim.inference.structure import Structure
from domino_sim.levels import Floats, work_from_level

__all__ = ["SPREAD", "TO_THE_END", "fit", "foretell", "rated", "settled"]

#: Steps of the frequencies of a graph that is kept; pieces of runs are joined anew then, too.
TO_THE_END = 25

#: Standard deviation of the logarithms of the frequencies of a run.
SPREAD = 1.0

#: Step of the derivative by log p, and the farthest that log p goes at once.
_SMALL, _STEP = 1e-4, 0.7

#: The farthest that a gate's frequency is from the present one (log), and the unlearned part below
#: which a level tells nothing of the work.
_FARTHEST, _LEAST = 5.0, 0.005

#: Times that pieces of runs are joined anew, the clock found after each.
_LINKS = 2

#: log τ is known from a record when its standard error is below 1/√this.
_KNOWN = 25.0

#: Steps of the frequencies when skills are put in one after another.
_EACH = 4

#: A step of a fit that gains less than this (χ²) is the last.
_CLOSE = 0.05


def _spread(structure: Structure) -> tuple[Floats, np.ndarray]:
    """Return log p around its mean, and what counts: trained skills that are in, (runs, skills)."""
    order, every = list(structure.gates), structure.courses.frequency
    counts, log = trained(every)[:, order], np.log(every[:, order])
    mean = np.where(counts, log, 0.0).sum(axis=1) / np.maximum(counts.sum(axis=1), 1)
    return np.where(counts, log - mean[:, None], 0.0), counts


def _penalty(structure: Structure) -> Floats:
    """Return what the spread of frequencies costs in each run, (runs,): 0 where all are known."""
    free = structure.courses.free
    if free is None:
        return np.zeros(structure.courses.runs)
    away, _ = _spread(structure)
    return np.where(free.any(axis=1), np.square(away / SPREAD).sum(axis=1), 0.0)


class Rated(NamedTuple):
    """Tracks of a skill, each with the frequency that suits it best.

    Attributes
    ----------
    tracks : array
        Of the shape of those without.
    pace : (gates, runs) array, or None
        The frequencies, under hard gates: there a track is an opening. None where all are known.
    cost : (gates, runs) array
        What is due for frequencies unlike those of the skills that are in.
    """

    tracks: Floats
    pace: Floats | None
    cost: Floats


def rated(
    structure: Structure, skill: int, tracks: Floats, tau: Floats, known: np.ndarray
) -> Rated:
    """Return tracks of a skill with its frequency fitted for each.

    By the works that its levels tell at the clock. What is known of the frequency beside is, under
    hard gates, what curves tell of it before any graph, given those of the skills that are in
    (:mod:`domino_sim.inference.first_rates`); under soft ones, where the shape of a curve does not
    tell its frequency from its gate's, only that it is like that of the others.

    Parameters
    ----------
    tracks : (gates, runs) or (gates, runs, points) array
        With the present frequency.
    tau, known : (runs, nodes) arrays
        The clock, (…, runs, nodes) if there is one for each track, and where it is known.
    """
    courses, nodes = structure.courses, structure.records
    free = courses.free
    if free is None or not free[:, skill].any():
        return Rated(tracks, None, np.zeros(tracks.shape[:2]))
    form = courses.form
    smooth = np.clip(nodes.smooth[..., skill], form.floor, 1.0 - _LEAST)
    start = courses.done[:, skill, None]
    work = np.maximum(work_from_level(smooth, form.loss) - form.start - start, 0.0)
    _, slope = level_and_slope(work + start + form.start, form.loss)
    seen = known & nodes.under_way[..., skill]
    here = np.log(courses.frequency[:, skill])
    mean = here
    if structure.gates:
        away, counts = _spread(structure)
        log = np.log(courses.frequency[:, list(structure.gates)])
        mean = np.where(counts, log - away, 0.0).sum(axis=1) / np.maximum(counts.sum(axis=1), 1)
    place = courses.place(tau)
    if place is None:
        sharp = np.where(seen, np.square(slope) * nodes.weight[..., skill], 0.0)
        time = np.maximum(tau - tracks[..., None], 0.0)
        stiff = (sharp * time * time).sum(axis=-1)
        own = (sharp * work * time).sum(axis=-1) / np.maximum(stiff, 1e-300)
        off = np.where(stiff > 0.0, np.log(np.maximum(own, 1e-9)) - here, 0.0)
        told, firm, due = stiff * np.square(own) * off, stiff * np.square(own), 0.0 * here
        loose = _tied(structure, skill)
    else:
        run = np.arange(courses.runs)[:, None]
        low = tracks[:, run, place.below]
        model = low + (tracks[:, run, place.below + 1] - low) * place.part
        sharp = np.where(seen, np.square(slope * work) * nodes.weight[..., skill], 0.0)
        away_by = np.log(np.maximum(work, 1e-9)) - np.log(np.maximum(model, 1e-9))
        told, firm = (sharp * away_by).sum(axis=-1), sharp.sum(axis=-1)
        due, loose = (mean - here) / SPREAD**2, np.full(len(here), 1.0 / SPREAD**2)
    log = (told + due) / (firm + loose)
    log = np.where(free[:, skill], np.clip(log, -_FARTHEST, _FARTHEST), 0.0)
    cost = np.where(free.any(axis=1), np.square((here + log - mean) / SPREAD), 0.0)
    if place is None:
        return Rated(tracks, np.exp(here + log), cost)
    return Rated(tracks * np.exp(log)[..., None], None, cost)


def _tied(structure: Structure, skill: int) -> Floats:
    """Return how sharply curves tell the frequency of a skill given those of others, (runs,).

    Inverse variances of its logarithm; of the skills that are not in either nothing is known.
    """
    courses = structure.courses
    found = np.full(courses.runs, 1.0 / SPREAD**2)
    if courses.ties is None or courses.free is None:
        return found
    known = np.zeros(courses.skills, dtype=bool)
    known[list(structure.gates)] = True
    known[skill] = False
    for r, ties in enumerate(courses.ties):
        told = known | ~courses.free[r]
        if told.any() and not told[skill]:
            at = int((~told[:skill]).sum())
            found[r] = 1.0 / np.linalg.inv(ties[np.ix_(~told, ~told)])[at, at]
    return found


def foretell(structure: Structure) -> None:
    """Give skills that are not in the frequencies that go with those of the skills that are.

    What overlaps is tied (:mod:`domino_sim.inference.first_rates`): where the graph has told that
    one is rarer than was guessed, so is the other. Their mean, of Gaussian logarithms, given those
    of the skills that are in. Not under soft gates, where gates are tried each with a frequency of
    its own (`rated`).
    """
    courses = structure.courses
    if courses.ties is None or courses.free is None or courses.form.kind == "soft":
        return
    known = np.zeros(courses.skills, dtype=bool)
    known[list(structure.gates)] = True
    frequency, before = courses.frequency.copy(), np.log(courses.first)
    for r, ties in enumerate(courses.ties):
        told = known | ~courses.free[r]
        if told.any() and not told.all():
            moved = np.log(courses.frequency[r, told]) - before[r, told]
            answer = np.linalg.solve(ties[np.ix_(~told, ~told)], ties[np.ix_(~told, told)] @ moved)
            frequency[r, ~told] = np.exp(before[r, ~told] - answer)
    structure.courses = courses.with_frequency(frequency)


def fit(
    structure: Structure, steps: int = 12, rounds: int = 6, *, worth: float = math.inf,
    rough: bool = False,
) -> None:  # fmt: skip
    """Improve the clock, and the frequencies that are not known, of a structure.

    Steps of Levenberg and Marquardt on log p, the clock of every record eliminated: what a change
    of a frequency does to levels is taken with all that depends on its skill following.

    Parameters
    ----------
    structure
        Is changed; its gates are held.
    steps
        The most steps of the clock (:meth:`Structure.polish`).
    rounds
        The most steps of the frequencies.
    worth
        No more steps are made where χ² and the price of frequencies would stay above this.
    rough
        Whether the graph is still being built.
    """
    structure.polish(steps)
    if structure.courses.follows is not None:
        for _ in range(_LINKS):
            (join if rough or rounds >= TO_THE_END else link)(structure, rough=rough)
            structure.polish(steps)
    free = structure.courses.free
    if free is None:
        return
    damping = np.full(len(free), 1e-2)
    now = structure
    costs = _costs(now)
    for _ in range(rounds):
        before = now.courses.frequency
        moved = before * np.exp(np.clip(_newton(now, free, damping), -_STEP, _STEP))
        trial = _under(now, moved, now.tau, 4)
        there = _costs(trial)
        better = there <= costs
        gain = float(np.where(better, costs - there, 0.0).sum())
        if not better.all():
            here = better[:, None]
            p, tau = np.where(here, moved, before), np.where(here, trial.tau, now.tau)
            trial = _under(now, p, tau, 1)
            there = _costs(trial)
        damping = np.where(better, 0.3 * damping, 10.0 * damping)
        now, costs = trial, there
        if gain < _CLOSE or float(costs.sum()) - gain > worth:
            break
    structure.__dict__.update(now.__dict__)
    structure.penalty = float(_penalty(now).sum())


def settled(structure: Structure) -> Structure:
    """Return the graph with the clock and the frequencies that are not known found anew.

    Of each run the best that is found: no run answers for another, but where one goes on from it.
    Steps of a fit lead to the next valley. Frequencies of skills that overlap little are far off at
    first, by factors of e² and more, and where many are the valley is a wrong one. So skills are
    also put in one after another, their gates held, each when those it needs are in.
    """
    found = [structure, structure.copy()]
    found[1].seek()
    if structure.courses.free is not None:
        found.append(_in_turn(structure))
    for one in found:
        fit(one, rounds=TO_THE_END)
    best = min(found, key=lambda one: one.error + one.penalty)
    if structure.courses.follows is not None:
        return best
    least = np.argmin([_costs(one) for one in found], axis=0)
    each = np.arange(len(least))
    frequency = np.stack([one.courses.frequency for one in found])[least, each]
    tau = np.stack([one.tau for one in found])[least, each]
    mixed = _under(best, frequency, tau, 1)
    mixed.penalty = float(_penalty(mixed).sum())
    return min(mixed, best, key=lambda one: one.error + one.penalty)


def _in_turn(structure: Structure) -> Structure:
    """Return the graph with skills put in one after another, those learned early first."""
    courses, records = structure.courses, structure.records
    other = Structure(courses.with_frequency(courses.first), records)
    other.slack = structure.slack
    weight = np.maximum(records.weight.sum(axis=(0, 1)), 1e-12)
    early = (records.level * records.weight).sum(axis=(0, 1)) / weight
    left = sorted(structure.gates, key=lambda i: -float(early[i]))
    while left:
        skill = next(i for i in left if set(structure.gates[i].skills) <= other.gates.keys())
        left.remove(skill)
        foretell(other)
        gate = structure.gates[skill]
        track = other.track_of(skill, gate)
        if other.gates:
            unit = 1.0 / other.courses.frequency.max(axis=1)[:, None]
            known = np.square(other.tau + unit) * other.precision > _KNOWN
            each = rated(other, skill, track[None], other.tau, known)
            track, pace = each.tracks[0], None if each.pace is None else each.pace[0]
            other.add(skill, gate, track, pace)
        else:
            other.add(skill, gate, track)
        other.seek()
        fit(other, rounds=_EACH, rough=True)
    return other


def _under(structure: Structure, frequency: Floats, tau: Floats, steps: int) -> Structure:
    """Return the structure with other frequencies, its clock polished from `tau`."""
    other = structure.under(structure.courses.with_frequency(frequency))
    other.tau = tau
    other.polish(steps)
    return other


def _costs(structure: Structure) -> Floats:
    """Return χ² and what the frequencies cost, of every run."""
    residual, _ = structure.residuals(structure.tau)
    error = np.einsum("irk,irk->r", residual, residual)
    return error + _penalty(structure)


def _newton(structure: Structure, free: np.ndarray, damping: Floats) -> Floats:
    """Return the step of log p (runs, n)."""
    order = list(structure.gates)
    residual, slope = structure.residuals(structure.tau)
    jacobian = _jacobian(structure, order, free)  # (parameters, skills, runs, records)
    stiff = np.einsum("irk,irk->rk", slope, slope)
    stiff = stiff + 1e-9 * stiff.max(axis=1, keepdims=True) + 1e-12
    across = np.einsum("pirk,irk->prk", jacobian, slope)
    ahead = np.einsum("irk,irk->rk", residual, slope)
    hessian = np.einsum("pirk,qirk->rpq", jacobian, jacobian, optimize=True)
    hessian -= np.einsum("prk,qrk,rk->rpq", across, across, 1.0 / stiff, optimize=True)
    drive = np.einsum("pirk,irk->rp", jacobian, residual)
    drive -= np.einsum("prk,rk->rp", across, ahead / stiff)
    away, counts = _spread(structure)
    drive -= away / SPREAD**2
    alike = counts[:, :, None] * counts[:, None]
    alike = alike / np.maximum(counts.sum(axis=1), 1)[:, None, None]
    hessian += (np.eye(len(order)) * counts[:, None] - alike) / SPREAD**2
    step = np.zeros(free.shape)
    for r, mask in enumerate(free[:, order]):
        at = np.flatnonzero(mask)
        if len(at):
            own = hessian[r][np.ix_(at, at)]
            own = own + np.diag(damping[r] * np.diag(own) + 1e-3 / SPREAD**2)
            step[r, np.array(order)[at]] = np.linalg.solve(own, drive[r, at])
    return step


def _jacobian(structure: Structure, order: list[int], free: np.ndarray) -> Floats:
    """Return the derivatives of levels, in units of the noise, by log p of every skill."""
    courses, records, tau = structure.courses, structure.records, structure.tau
    place = courses.place(tau)
    root = np.sqrt(records.weight)
    row = {skill: at for at, skill in enumerate(order)}
    before = {i: _level(courses, i, structure, tau, place) for i in order}
    found = np.zeros((len(order), len(order), *tau.shape))
    for j in order:
        if not free[:, j].any():
            continue
        frequency = courses.frequency.copy()
        frequency[:, j] *= np.where(free[:, j], 1.0 + _SMALL, 1.0)
        other = structure.copy()
        other.courses = courses.with_frequency(frequency)
        other.follow(structure.descendants(j))
        for i in structure.descendants(j):
            after = _level(other.courses, i, other, tau, place)
            found[row[j], row[i]] = (after - before[i]) / _SMALL * root[..., i]
    return found


def _level(courses: Courses, skill: int, structure: Structure, tau: Floats, place: Any) -> Floats:
    track = structure.tracks[skill]
    one = track[None] if courses.form.kind == "hard" else track
    level, _ = courses.levels(skill, one, tau, place)
    return level[0] if courses.form.kind == "hard" else level
