"""Residuals of skills whose tracks are held, and the clock that makes them least."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from domino_sim.inference.forms import Courses, Runs
from domino_sim.inference.records import Records
from domino_sim.levels import Floats

__all__ = ["Polished", "Residuals", "polished", "rising"]

#: A step of Newton's may move the clock by so much of itself, or of the fastest skill's time.
_STEP = 0.5

_ALL = slice(None)


class Residuals:
    """What levels leave, in units of the noise, of skills whose tracks are held.

    Parameters
    ----------
    courses
        Of the runs.
    records
        The levels; those of `rows` alone, in their order, where runs of the courses are not theirs.
    tracks
        Of each skill that counts.
    """

    def __init__(
        self, courses: Courses, records: Records, tracks: Mapping[int, Floats], rows: Runs = _ALL
    ) -> None:
        self.courses, self._skills = courses, list(tracks)
        self._tracks = np.stack(list(tracks.values()))
        level, root = records.by_skill
        self._level, self._root = level[self._skills][:, rows], root[self._skills][:, rows]

    def at(self, tau: Floats, runs: Runs = _ALL) -> tuple[Floats, Floats]:
        """Return residuals and slopes by τ in units of the noise, (skills, runs, records).

        `tau` (runs, records) is of the `runs` that are asked for.
        """
        courses, root = self.courses, self._root[:, runs]
        place = courses.place(tau, runs)
        level, slope = courses.levels(self._skills, self._tracks, tau, place, runs=runs)
        miss = np.subtract(self._level[:, runs], level, out=level)
        miss *= root
        slope *= root
        return miss, slope


class Polished(NamedTuple):
    """A clock, and what it leaves: residuals, slopes by τ, and χ² of each run."""

    tau: Floats
    residual: Floats
    slope: Floats
    error: Floats


def polished(residuals: Residuals, tau: Floats, steps: int, close: float) -> Polished:
    """Return the clock improved by Newton's steps, each projected onto rising sequences.

    Ends when a step gains less than `close` (χ²); a run rests when its part of that is not gained.
    """
    tau = tau.copy()
    residual, slope = residuals.at(tau)
    error = np.einsum("irk,irk->r", residual, residual)
    damping = np.full((len(tau), 1), 1e-3)
    reach = _STEP / residuals.courses.frequency.max(axis=1)[:, None]
    going = np.arange(len(tau))
    for _ in range(steps):
        some = going if len(going) < len(tau) else _ALL
        here, steep, now = tau[some], slope[:, some], error[some]
        stiff = np.einsum("irk,irk->rk", steep, steep)
        drive = np.einsum("irk,irk->rk", steep, residual[:, some])
        metric = stiff * (1.0 + damping[some])
        metric += 1e-9 * stiff.max(axis=1, keepdims=True) + 1e-12
        far = reach[some]
        goal = here + np.clip(drive / metric, -_STEP * here - far, here + far)
        trial = np.maximum(rising(goal, metric), 0.0)
        miss, steep = residuals.at(trial, some)
        there = np.einsum("irk,irk->r", miss, miss)
        better = there <= now
        gain = np.where(better, now - there, 0.0)
        took = going[better]
        tau[took], error[took] = trial[better], there[better]
        residual[:, took], slope[:, took] = miss[:, better], steep[:, better]
        damping[going] *= np.where(better, 0.2, 10.0)[:, None]
        if better.all() and float(gain.sum()) < close:
            break
        going = going[~better | (gain >= close / len(tau))]
        if not len(going):
            break
    return Polished(tau, residual, slope, error)


def rising(goal: Floats, weight: Floats) -> Floats:
    """Return the rising sequences (runs, records) nearest to `goal`, by least weighted squares.

    All runs at once, one above the other, so that none is pooled with the next.
    """
    from scipy.optimize import isotonic_regression

    falls = np.logical_or.reduce(goal[:, 1:] < goal[:, :-1], axis=1).nonzero()[0]
    if not len(falls):
        return goal
    some, weight = (goal, weight) if len(falls) == len(goal) else (goal[falls], weight[falls])
    low, high = np.minimum.reduce(some, axis=1), np.maximum.reduce(some, axis=1)
    above = (np.add.accumulate(high - low + 1.0) - high)[:, None]
    one = isotonic_regression((some + above).ravel(), weights=weight.ravel()).x
    risen = one.reshape(some.shape) - above
    if some is goal:
        return risen
    found = goal.copy()
    found[falls] = risen
    return found
