"""Least squares over frequencies with a free clock: the clock is eliminated record by record.

Each τ touches only the records of its block, so the normal equations have an arrow's shape and
the clock leaves by Schur's complement: A = Σ JᵀWJ − Σ_b B_b B_bᵀ/d_b, with B_b = Σ JᵀW T and
d_b = Σ TᵀWT over block b, T = ds/dτ. What remains is (n, n), however many records there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from domino_sim.calibration.least_squares import Bowl, minimise
from domino_sim.errors import RunError
from domino_sim.frequencies.clock_free import (
    Run,
    Scale,
    block_ends,
    guess_clock,
    polish_clock,
)
from domino_sim.frequencies.paths import Course
from domino_sim.levels import Floats, Ints

__all__ = ["FreeFit", "FreeSolution", "Part", "Solution", "fit_free"]

#: How far log p may go from where it began.
_REACH = 20.0

#: The clock is followed to this many times the fastest skill's own time at most.
_FAR = 1e13

_ROUNDS = 4

#: How far a search is shaken in log p.
_SHAKE = 0.3

#: A squared error a value that is nothing: below the rounding of any record.
_NOTHING = 1e-18


@dataclass(frozen=True, slots=True)
class Part:
    """One run at the best frequencies: what intervals need of it.

    Attributes
    ----------
    tau : (k,) array
        The clock.
    block : (k,) array
        Which block of equal τ each record is in, −1 for none (τ on a bound).
    stiff : (blocks,) array
        d_b; `lean` (blocks, n) is B_b/d_b: how log τ_b leans on log p.
    """

    run: Run
    tau: Floats
    scale: Scale
    miss: Floats
    block: Ints
    stiff: Floats
    lean: Floats


class Solution(Protocol):
    """The best frequencies under some idea of the clock: what intervals need of it."""

    @property
    def runs(self) -> Sequence[Run]:
        """The records."""

    @property
    def log_p(self) -> Floats:
        """The best log p (n,), in whatever scale it was found."""

    @property
    def squared(self) -> float:
        """The squared error."""

    @property
    def curvature(self) -> Floats:
        """Half its curvature by log p, (n, n), with the clock at its best: the information."""

    @property
    def fitted(self) -> int:
        """How many values of the clocks were fitted beside the frequencies."""

    @property
    def settled(self) -> bool:
        """Whether the search came to an end."""

    def error(self, log_p: Floats, *, anew: bool = False) -> float:
        """Return the squared error with the best clocks for `log_p`; `anew`: from nothing."""

    def miss(self, run: int) -> Floats:
        """Return the residuals (k, n) of a run."""

    def push(self, run: int, directions: Floats) -> Floats:
        """Return how its levels answer to log p along `directions` (n, m), the clock following."""

    def clock(self, run: int) -> Floats:
        """Return the clock (k,) of a run; NaN where nothing tells it."""

    def clock_variance(self, run: int, covariance: Floats, variance: float) -> Floats:
        """Return the variance of log(τ + unit), (k,), inf where nothing tells the clock."""

    def unit(self, run: int) -> float:
        """Return the unit of the clock in `clock_variance`."""


class FreeFit:
    """The squared error as a function of log p, with the best clock for each.

    Parameters
    ----------
    course
        Where skills are at τ.
    runs
        The records; all runs share the frequencies.
    """

    def __init__(self, course: Course, runs: Sequence[Run]) -> None:
        self.course, self.runs = course, list(runs)
        self.clocks: list[Floats] | None = None
        self.floor = _NOTHING * sum(float(run.weight.sum()) for run in runs)

    def scale(self, log_p: Floats) -> Scale:
        """Return the range and unit of the clock that `log_p` calls for."""
        fastest = float(np.exp(log_p.max()))
        return Scale(0.05 / fastest, min(self.course.last(log_p), _FAR / fastest))

    def solve(self, log_p: Floats, *, anew: bool = False) -> tuple[list[Floats], float]:
        """Return the best clocks at `log_p`, and their squared error."""
        scale = self.scale(log_p)
        path = self.course.at(log_p, scale.last)
        clocks, total = [], 0.0
        for r, run in enumerate(self.runs):
            begin = None if anew or self.clocks is None else self.clocks[r]
            if begin is None:
                begin = guess_clock(path, run, scale)
            tau, error = polish_clock(path, run, begin, scale)
            clocks.append(tau)
            total += error
        return clocks, total

    def bowl(self, log_p: Floats) -> Bowl:
        """Return the squared error with its slope and curvature, the clock eliminated."""
        n = len(log_p)
        try:
            clocks, error = self.solve(log_p)
        except RunError:
            return Bowl(np.inf, np.zeros(n), np.eye(n))
        self.clocks = clocks
        slope, curvature, _ = self.parts(log_p, clocks)
        return Bowl(error + self.floor, slope, curvature)

    def parts(self, log_p: Floats, clocks: list[Floats]) -> tuple[Floats, Floats, list[Part]]:
        """Return half the gradient (n,), half the curvature (n, n) and each run's part."""
        scale = self.scale(log_p)
        path = self.course.at(log_p, scale.last)
        n = len(log_p)
        slope, curvature, parts = np.zeros(n), np.zeros((n, n)), []
        for run, tau in zip(self.runs, clocks, strict=True):
            view = path.view(tau)
            miss = run.level - view.level
            pull = run.weight * view.slope
            block = block_ends(tau, run, scale)
            free = block >= 0
            count = int(block.max(initial=-1)) + 1
            lean, stiff = np.zeros((count, n)), np.zeros(count)
            np.add.at(lean, block[free], view.pull(pull)[free])
            np.add.at(stiff, block[free], np.einsum("ki,ki->k", pull, view.slope)[free])
            # A block where everything is at rest has no clock to speak of.
            counts = stiff * np.square(_clock_of(tau, block, count) + scale.unit)
            moving = counts > 1e-14 * counts.max(initial=1e-300)
            number = np.where(moving, np.cumsum(moving) - 1, -1)
            block = np.where(free, number[block], -1)
            stiff, lean = stiff[moving], lean[moving] / stiff[moving, None]
            slope -= view.pull(run.weight * miss).sum(axis=0)
            curvature += view.curvature(run.weight) - lean.T @ (stiff[:, None] * lean)
            parts.append(Part(run, tau, scale, miss, block, stiff, lean))
        return slope, curvature, parts


@dataclass(frozen=True)
class FreeSolution:
    """A `Solution` with a free clock."""

    fit: FreeFit
    log_p: Floats
    squared: float
    curvature: Floats
    parts: Sequence[Part]
    settled: bool

    @property
    def runs(self) -> Sequence[Run]:
        return self.fit.runs

    @property
    def fitted(self) -> int:
        return sum(len(part.stiff) for part in self.parts)

    def error(self, log_p: Floats, *, anew: bool = False) -> float:
        try:
            return self.fit.solve(log_p, anew=anew)[1]
        except RunError:
            return np.inf

    def miss(self, run: int) -> Floats:
        return self.parts[run].miss

    def push(self, run: int, directions: Floats) -> Floats:
        part = self.parts[run]
        view = self.fit.course.at(self.log_p, part.scale.last).view(part.tau)
        along = self._spread(part, part.lean @ directions)
        return view.push(directions) - view.slope[:, :, None] * along[:, None, :]

    @staticmethod
    def _spread(part: Part, values: Floats) -> Floats:
        """Values by block (blocks, …) to all records, 0 where there is no block."""
        out = np.zeros((len(part.tau), *values.shape[1:]))
        some = part.block >= 0
        out[some] = values[part.block[some]]
        return out

    def clock(self, run: int) -> Floats:
        part = self.parts[run]
        at_start = part.tau <= 0.0
        return np.where((part.block >= 0) | at_start, part.tau, np.nan)

    def clock_variance(self, run: int, covariance: Floats, variance: float) -> Floats:
        part = self.parts[run]
        own = variance / part.stiff
        own = own + np.einsum("bi,ij,bj->b", part.lean, covariance, part.lean)
        wide = np.where(part.block >= 0, self._spread(part, own), np.inf)
        return wide / np.square(part.tau + part.scale.unit)

    def unit(self, run: int) -> float:
        return self.parts[run].scale.unit


def _clock_of(tau: Floats, block: Ints, count: int) -> Floats:
    value = np.zeros(count)
    value[block[block >= 0]] = tau[block >= 0]
    return value


def fit_free(
    course: Course, runs: Sequence[Run], guesses: Sequence[Floats], *, shakes: int = 0
) -> FreeSolution:
    """Find the frequencies of least squared error from the `guesses` of log p.

    One skill's frequency is held: only ratios matter. The clock is looked for anew, over the whole
    grid, until that finds nothing better. Gates that open in another order are other minima: where
    there are gates, up to `shakes` times the search begins again from either side along the
    direction that is known least.
    """
    fit = FreeFit(course, runs)
    held = np.zeros(len(guesses[0]), dtype=bool)
    held[int(np.diag(fit.bowl(guesses[0]).curvature).argmax())] = True
    best = min((_descend(fit, log_p, held) for log_p in guesses), key=lambda one: one.squared)
    free = ~held
    for _ in range(shakes if free.any() else 0):
        if not best.settled:
            break
        move = np.zeros(len(held))
        vector = np.linalg.eigh(best.curvature[np.ix_(free, free)])[1][:, 0]
        move[free] = _SHAKE * vector / np.abs(vector).max()
        others = [_descend(fit, best.log_p + sign * move, held) for sign in (-1.0, 1.0)]
        found = min(others, key=lambda one: one.squared)
        if not found.squared < best.squared * (1.0 - 1e-4) - fit.floor:
            break
        best = found
    fit.clocks = [part.tau for part in best.parts]
    return best


def _descend(fit: FreeFit, log_p: Floats, held: np.ndarray) -> FreeSolution:
    fit.clocks = None
    low, high = log_p - _REACH, log_p + _REACH
    found = minimise(fit.bowl, log_p, low, high, held=held)
    for _ in range(_ROUNDS):
        clocks, error = fit.solve(found.at, anew=True)
        if not error < found.bowl.error * (1.0 - 1e-6) - fit.floor:
            break
        fit.clocks = clocks
        again = minimise(fit.bowl, found.at, low, high, held=held)
        if not again.bowl.error < found.bowl.error:
            break
        found = again
    fit.clocks, error = fit.solve(found.at)
    _, curvature, parts = fit.parts(found.at, fit.clocks)
    return FreeSolution(fit, found.at, error, curvature, parts, found.settled)
