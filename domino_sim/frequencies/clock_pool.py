"""Levels with the clock of a pool law: η and N₀ of every run instead of a τ for each record.

The clock comes from the clock engine for many sets of parameters at once, its derivatives by
central differences; those of the levels at a fixed clock are exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from domino_sim.calibration.least_squares import Bowl, minimise
from domino_sim.engines.correlated import CorrelatedPhase
from domino_sim.engines.paths import Skills
from domino_sim.engines.phase import Phase
from domino_sim.errors import RunError
from domino_sim.frequencies.clock_free import Run
from domino_sim.frequencies.correlated import CorrelatedCourse
from domino_sim.frequencies.paths import HardCourse, SoftCourse, View
from domino_sim.levels import Floats
from domino_sim.pool import Law

__all__ = ["REACH", "LawFit", "Look"]

_NUDGE = 1e-4

#: Values of clocks that are worked on at once.
_BLOCK = 200_000

#: N₀ is looked for between these parts of the demand at the start.
_LEAST_WASTED, _MOST_WASTED = 1e-7, 1e4

#: How far from where it began a parameter may go.
REACH = 20.0
_NOTHING = 1e-18


@dataclass(frozen=True, slots=True)
class Look:
    """A run at some parameters.

    Attributes
    ----------
    view
        Levels and their derivatives at fixed τ.
    miss : (k, n) array
        Residuals.
    tau : (k,) array
        The clock; `moved` (k, m) are its derivatives.
    pulled : (k, n) array
        JᵀW T; `drive` and `stiff` (k,) are TᵀW times residuals and T.
    """

    view: View
    miss: Floats
    tau: Floats
    moved: Floats
    pulled: Floats
    drive: Floats
    stiff: Floats


class LawFit:
    """Levels and clocks as functions of x = (log p, then log η and log N₀ of each run).

    Parameters
    ----------
    course, runs
        As for a free clock.
    steps
        Steps of all records; ``runs[r].rows`` points into them.
    law
        ``sum``, ``norm`` or ``constant`` (which has no N₀).
    """

    def __init__(
        self,
        course: HardCourse | SoftCourse | CorrelatedCourse,
        runs: Sequence[Run],
        steps: Floats,
        law: Law,
    ) -> None:
        self.course, self.runs, self.law = course, list(runs), law
        self.times = [steps[run.rows] for run in runs]
        self.n = runs[0].level.shape[1]
        self.pool = 1 if law == "constant" else 2
        self.floor = _NOTHING * sum(float(run.weight.sum()) for run in runs)

    def columns(self, run: int) -> np.ndarray:
        """Which of x a run's levels depend on, its pool last."""
        first = self.n + run * self.pool
        return np.concatenate([np.arange(self.n), np.arange(first, first + self.pool)])

    def clocks(self, run: int, x: Floats) -> Floats:
        """Return the clock of a run, (sets, k), for `x` (sets, n + pool)."""
        t = self.times[run]
        size = max(1, _BLOCK // (len(t) + 64 * self.n))
        parts = [x[begin : begin + size] for begin in range(0, len(x), size)]
        return np.concatenate([self._clocks(t, part) for part in parts])

    def _clocks(self, t: Floats, x: Floats) -> Floats:
        p, rate = np.exp(x[:, : self.n]), np.exp(x[:, self.n])
        wasted = np.zeros(len(x)) if self.pool == 1 else np.exp(x[:, self.n + 1])
        course, last = self.course, float(t[-1])
        if isinstance(course, CorrelatedCourse):
            held, tau = np.zeros(self.n, dtype=bool), np.empty((len(x), len(t)))
            for a, (one, eta, waste) in enumerate(zip(p, rate, wasted, strict=True)):
                phase = CorrelatedPhase(
                    course.gram, course.left, one, held, self.law, float(eta), float(waste),
                    last, 2.0, 0.0,
                )  # fmt: skip
                tau[a] = phase.clock.tau(t[None])[0]
            return tau
        work = np.broadcast_to(course.work[:, None], (self.n, len(x)))
        skills = Skills(course.circuit, work, p.T.copy(), course.target, course.leak, course.loss)
        exponent = course.exponent if isinstance(course, SoftCourse) else None
        whole = Phase(skills, exponent, self.law, rate, wasted, np.full(len(x), last))
        return whole.clock.tau(np.tile(t, (len(x), 1)))

    def bowl(self, x: Floats) -> Bowl:
        """Return the squared error with its slope and curvature by all of x."""
        n = self.n
        slope, curvature = np.zeros(len(x)), np.zeros((len(x), len(x)))
        error = self.floor
        try:
            for r, run in enumerate(self.runs):
                columns = self.columns(r)
                look = self.look(r, x[columns], range(len(columns)))
                error += float((run.weight * look.miss * look.miss).sum())
                own = look.moved.T @ look.drive
                own[:n] += look.view.pull(run.weight * look.miss).sum(axis=0)
                slope[columns] -= own
                cross = look.pulled.T @ look.moved
                block = look.moved.T @ (look.stiff[:, None] * look.moved)
                block[:n] += cross
                block[:, :n] += cross.T
                block[:n, :n] += look.view.curvature(run.weight)
                curvature[np.ix_(columns, columns)] += block
        except RunError:
            return Bowl(np.inf, slope, np.eye(len(x)))
        return Bowl(error, slope, curvature)

    def look(self, run: int, x: Floats, by: Sequence[int]) -> Look:
        """Return a run at `x` (n + pool,); derivatives of its clock are by numbers `by` of x."""
        nudge = np.zeros((len(by), len(x)))
        nudge[np.arange(len(by)), list(by)] = _NUDGE
        tau = self.clocks(run, np.concatenate([x[None], x + nudge, x - nudge]))
        m = len(by)
        moved = (tau[1 : m + 1] - tau[m + 1 :]).T / (2.0 * _NUDGE)
        log_p = x[: self.n]
        path = self.course.at(log_p, max(float(tau[0, -1]) * 1.01, 0.05 / np.exp(log_p.max())))
        view = path.view(tau[0])
        weight = self.runs[run].weight
        miss, pull = self.runs[run].level - view.level, weight * view.slope
        drive, stiff = (np.einsum("ki,ki->k", pull, y) for y in (miss, view.slope))
        return Look(view, miss, tau[0], moved, view.pull(pull), drive, stiff)

    def pools(self, log_p: Floats, start: Floats) -> Floats:
        """Return the best pools (pool parameters of all runs) for given frequencies."""
        found = start.copy()
        for r, run in enumerate(self.runs):
            own = slice(r * self.pool, (r + 1) * self.pool)
            by = range(self.n, self.n + self.pool)

            def bowl(q: Floats, r: int = r, run: Run = run, by: range = by) -> Bowl:
                try:
                    look = self.look(r, np.concatenate([log_p, q]), by)
                except RunError:
                    return Bowl(np.inf, np.zeros(self.pool), np.eye(self.pool))
                return Bowl(
                    float((run.weight * look.miss * look.miss).sum()) + self.floor,
                    -look.moved.T @ look.drive,
                    look.moved.T @ (look.stiff[:, None] * look.moved),
                )

            low, high = self.bounds(log_p, start[own])
            found[own] = minimise(bowl, start[own], low, high).at
        return found

    def error(self, log_p: Floats, pools: Floats) -> float:
        """Return the squared error."""
        total = 0.0
        try:
            for r, run in enumerate(self.runs):
                x = np.concatenate([log_p, pools])[self.columns(r)]
                look = self.look(r, x, ())
                total += float((run.weight * look.miss * look.miss).sum())
        except RunError:
            return np.inf
        return total

    def bounds(self, log_p: Floats, q: Floats) -> tuple[Floats, Floats]:
        """Return bounds of a run's pool around `q`."""
        low, high = q - REACH, q + REACH
        if self.pool == 2:
            whole = np.log(np.exp(log_p).sum())
            low[1], high[1] = whole + np.log(_LEAST_WASTED), whole + np.log(_MOST_WASTED)
        return low, high
