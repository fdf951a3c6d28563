"""Frequencies that are not known, fitted with the clock and the graph.

In the resource clock a skill's work grows at c p, so where two skills are under way together their
works tell the ratio of their frequencies, whatever the clock. Where none of what a skill overlaps
with is known, only what mixtures are like says how frequent it is: the logarithms of the
frequencies of a run are taken to be spread by about `SPREAD` around their mean. The scale of a
run's frequencies is that of its clock, and means nothing.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from domino_sim.inference.forms import Courses
from domino_sim.inference.links import join, link
from domino_sim.inference.sensitivities import soft_jacobian
from domino_sim.inference.shared import together
from domino_sim.inference.structure import Structure
from domino_sim.levels import Floats

__all__ = [
    "SPREAD", "TO_THE_END", "costs", "eliminated", "fit", "foreseen", "share", "spread",
    "under",
]  # fmt: skip

#: Steps of the frequencies of a graph that is kept; pieces of runs are joined anew then, too.
TO_THE_END = 25

#: Standard deviation of the logarithms of the frequencies of a run.
SPREAD = 1.0

#: Step of the derivative by log p, and the farthest that log p goes at once.
_SMALL, _STEP = 1e-4, 0.7

#: Damping of the one step that is foreseen.
_FORESEEN = 1e-2

#: A step of a fit that gains less than this (χ²) is the last.
_CLOSE = 0.05


def spread(structure: Structure) -> tuple[Floats, np.ndarray]:
    """Return log p around its mean, and what counts: trained skills that are in, (runs, skills)."""
    order, courses = list(structure.gates), structure.courses
    counts, log = courses.trained[:, order], np.log(courses.frequency[:, order])
    mean = np.where(counts, log, 0.0).sum(axis=1) / np.maximum(counts.sum(axis=1), 1)
    return np.where(counts, log - mean[:, None], 0.0), counts


def share(courses: Courses) -> Floats:
    """Return what part of what is due for its mixture each run bears, (runs,).

    A mixture that several runs share is one.
    """
    ones = np.ones(courses.runs)
    return np.asarray(1.0 / together(ones, courses.mixture))


def _penalty(structure: Structure) -> Floats:
    """Return what the spread of frequencies costs in each run, (runs,): 0 where all are known."""
    free = structure.courses.free
    if free is None:
        return np.zeros(structure.courses.runs)
    away, _ = spread(structure)
    due = np.where(free.any(axis=1), np.square(away / SPREAD).sum(axis=1), 0.0)
    return due * share(structure.courses)


def fit(
    structure: Structure, steps: int = 12, rounds: int = 6, *, worth: float = math.inf,
    joined: bool = False,
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
    joined
        Whether pieces of runs are joined anew, not only linked; so they are with many rounds.
    """
    structure.polish(steps)
    if structure.courses.follows is not None:
        (join if joined or rounds >= TO_THE_END else link)(structure)
        structure.polish(steps)
    free = structure.courses.free
    if free is None:
        return
    damping = np.full(len(free), 1e-2)
    now = structure
    owed = costs(now)
    for _ in range(rounds):
        before = now.courses.frequency
        moved = before * np.exp(np.clip(_newton(now, free, damping), -_STEP, _STEP))
        trial = under(now, moved, now.tau, 4)
        there = costs(trial)
        mixture = now.courses.mixture
        better = together(there, mixture) <= together(owed, mixture)
        gain = float(np.where(better, owed - there, 0.0).sum())
        if not better.all():
            here = better[:, None]
            p, tau = np.where(here, moved, before), np.where(here, trial.tau, now.tau)
            trial = under(now, p, tau, 1)
            there = costs(trial)
        damping = np.where(better, 0.3 * damping, 10.0 * damping)
        now, owed = trial, there
        if gain < _CLOSE or float(owed.sum()) - gain > worth:
            break
    structure.__dict__.update(now.__dict__)
    structure.penalty = float(_penalty(now).sum())


def under(structure: Structure, frequency: Floats, tau: Floats, steps: int) -> Structure:
    """Return the structure with other frequencies, its clock polished from `tau`."""
    other = structure.under(structure.courses.with_frequency(frequency))
    other.tau = tau
    other.polish(steps)
    return other


def costs(structure: Structure) -> Floats:
    """Return χ² and what the frequencies cost, of every run."""
    residual, _ = structure.residuals(structure.tau)
    error = np.einsum("irk,irk->r", residual, residual)
    return error + _penalty(structure)


def eliminated(jacobian: Floats, residual: Floats, slope: Floats) -> tuple[Floats, Floats]:
    """Return the normal equations of each run, the clock of every record eliminated.

    Hessians (runs, p, p) and gradients (runs, p), of derivatives by p parameters
    (p, skills, runs, records), residuals and slopes by τ (skills, runs, records).
    """
    stiff = np.einsum("irk,irk->rk", slope, slope)
    stiff = stiff + 1e-9 * stiff.max(axis=1, keepdims=True) + 1e-12
    across = np.einsum("pirk,irk->prk", jacobian, slope)
    ahead = np.einsum("irk,irk->rk", residual, slope)
    hessian = np.einsum("pirk,qirk->rpq", jacobian, jacobian, optimize=True)
    hessian -= np.einsum("prk,qrk,rk->rpq", across, across, 1.0 / stiff, optimize=True)
    drive = np.einsum("pirk,irk->rp", jacobian, residual)
    drive -= np.einsum("prk,rk->rp", across, ahead / stiff)
    return hessian, drive


def foreseen(structure: Structure) -> float:
    """Return χ², and what the frequencies cost, after one whole step of them and the clock.

    What a fit comes to is less, but graphs are in order by this: with the frequencies held a gate
    that fits in the end may be off by thousands.
    """
    now = float(costs(structure).sum())
    free = structure.courses.free
    if free is None:
        return now
    order, part = list(structure.gates), share(structure.courses)
    hessian, drive = _equations(structure, free)
    for r, mask in enumerate(free[:, order]):
        if (at := np.flatnonzero(mask)).size:
            own = _damped(hessian[r][np.ix_(at, at)], _FORESEEN)
            gain = float(drive[r, at] @ np.linalg.solve(own, drive[r, at]))
            now -= gain * part[r]  # of a shared mixture each run has the gain of all
    return now


def _newton(structure: Structure, free: np.ndarray, damping: Floats) -> Floats:
    """Return the step of log p (runs, n)."""
    order = list(structure.gates)
    hessian, drive = _equations(structure, free)
    step = np.zeros(free.shape)
    for r, mask in enumerate(free[:, order]):
        if (at := np.flatnonzero(mask)).size:
            own = _damped(hessian[r][np.ix_(at, at)], damping[r])
            step[r, np.array(order)[at]] = np.linalg.solve(own, drive[r, at])
    return step


def _damped(hessian: Floats, damping: float) -> Floats:
    return hessian + np.diag(damping * np.diag(hessian) + 1e-3 / SPREAD**2)


def _equations(structure: Structure, free: np.ndarray) -> tuple[Floats, Floats]:
    """Return the normal equations by log p, (runs, n, n) and (runs, n), the clock eliminated.

    Runs of the same mixture have the same ones, of all of them.
    """
    order = list(structure.gates)
    residual, slope = structure.residuals(structure.tau)
    # Each is (parameters, skills, runs, records).
    by_frequency = soft_jacobian if structure.courses.form.kind == "soft" else _jacobian
    jacobian = by_frequency(structure, order, free)
    hessian, drive = eliminated(jacobian, residual, slope)
    away, counts = spread(structure)
    part = share(structure.courses)
    drive -= away / SPREAD**2 * part[:, None]
    alike = counts[:, :, None] * counts[:, None]
    alike = alike / np.maximum(counts.sum(axis=1), 1)[:, None, None]
    hessian += (np.eye(len(order)) * counts[:, None] - alike) / SPREAD**2 * part[:, None, None]
    mixture = structure.courses.mixture
    return together(hessian, mixture), together(drive, mixture)


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
