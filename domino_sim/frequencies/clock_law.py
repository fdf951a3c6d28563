"""Frequencies with the clock of a pool law, known to hold.

Tighter than a free clock where the law holds, and wrong where it does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from domino_sim.calibration.least_squares import minimise
from domino_sim.errors import RunError
from domino_sim.frequencies.clock_free import Run
from domino_sim.frequencies.clock_pool import REACH, LawFit, Look
from domino_sim.frequencies.correlated import CorrelatedCourse
from domino_sim.frequencies.fit import Solution
from domino_sim.levels import Floats, unlearned
from domino_sim.pool import division

__all__ = ["LawSolution", "fit_law"]


@dataclass(frozen=True)
class LawSolution:
    """A `Solution` with the clock of a pool law; `whole` is the information of all of x."""

    fit: LawFit
    log_p: Floats
    pools: Floats
    squared: float
    whole: Floats
    settled: bool

    @property
    def runs(self) -> Sequence[Run]:
        return self.fit.runs

    @property
    def fitted(self) -> int:
        return len(self.pools)

    @property
    def _lean(self) -> Floats:
        """How the pools follow log p, (pools, n): −A_qq⁻¹ A_qp."""
        return -self._pool_inverse @ self.whole[self.fit.n :, : self.fit.n]

    @property
    def _pool_inverse(self) -> Floats:
        block = self.whole[self.fit.n :, self.fit.n :]
        root = np.sqrt(np.maximum(np.diag(block), 1e-300))
        return np.linalg.pinv(block / np.outer(root, root), 1e-12) / np.outer(root, root)

    @property
    def curvature(self) -> Floats:
        n = self.fit.n
        return self.whole[:n, :n] + self.whole[:n, n:] @ self._lean

    def error(self, log_p: Floats, *, anew: bool = False) -> float:
        try:
            return self.fit.error(log_p, self.fit.pools(log_p, self.pools))
        except RunError:
            return np.inf

    def _look(self, run: int) -> tuple[Look, Floats]:
        """A run at the best parameters, and how its clock follows log p with the pools at best."""
        columns = self.fit.columns(run)
        x = np.concatenate([self.log_p, self.pools])[columns]
        look = self.fit.look(run, x, range(len(columns)))
        return look, look.moved @ np.concatenate([np.eye(self.fit.n), self._lean])[columns]

    def miss(self, run: int) -> Floats:
        x = np.concatenate([self.log_p, self.pools])[self.fit.columns(run)]
        return self.fit.look(run, x, ()).miss

    def push(self, run: int, directions: Floats) -> Floats:
        look, along = self._look(run)
        answer = (along @ directions)[:, None, :]
        return look.view.push(directions) + look.view.slope[:, :, None] * answer

    def clock(self, run: int) -> Floats:
        x = np.concatenate([self.log_p, self.pools])[self.fit.columns(run)]
        return self.fit.clocks(run, x[None])[0]

    def clock_variance(self, run: int, covariance: Floats, variance: float) -> Floats:
        look, along = self._look(run)
        n, columns = self.fit.n, self.fit.columns(run)
        own = columns[n:] - n
        noise = variance * self._pool_inverse[np.ix_(own, own)]
        total = np.einsum("ki,ij,kj->k", along, covariance, along)
        total += np.einsum("ki,ij,kj->k", look.moved[:, n:], noise, look.moved[:, n:])
        return total / np.square(look.tau + self.unit(run))

    def unit(self, run: int) -> float:
        return 0.05 / float(np.exp(self.log_p.max()))


def fit_law(fit: LawFit, free: Solution) -> LawSolution:
    """Find the frequencies and pools of least squared error, from those with a free clock."""
    log_p = free.log_p
    guessed = [_guess_pool(fit, r, log_p, free.clock(r)) for r in range(len(fit.runs))]
    pools = np.concatenate(guessed)
    x = np.concatenate([log_p, pools])
    low, high = x - REACH, x + REACH
    for r in range(len(fit.runs)):
        own = slice(fit.n + r * fit.pool, fit.n + (r + 1) * fit.pool)
        low[own], high[own] = fit.bounds(log_p, x[own])
    held = np.zeros(len(x), dtype=bool)
    held[int(np.diag(free.curvature).argmax())] = True
    found = minimise(fit.bowl, x, low, high, held=held)
    at = found.at
    squared = found.bowl.error - fit.floor
    return LawSolution(fit, at[: fit.n], at[fit.n :], squared, found.bowl.curvature, found.settled)


def _guess_pool(fit: LawFit, run: int, log_p: Floats, tau: Floats) -> Floats:
    """Return log η (and log N₀) of a run from a coarse grid: its clock passes through half-way."""
    t, p = fit.times[run], np.exp(log_p)
    known = np.isfinite(tau) & (tau > 0.0) & (t > 0.0)
    gone = np.where(known, fit.runs[run].level.mean(axis=1), np.nan)
    if not np.isfinite(gone).any():
        return np.zeros(fit.pool)
    middle = int(np.nanargmin(np.abs(gone - 0.5 * (np.nanmin(gone) + np.nanmax(gone)))))
    speed = tau[middle] / t[middle]
    course = fit.course
    if isinstance(course, CorrelatedCourse):
        left = course.left
    else:
        left = unlearned(course.work, course.loss)
    if fit.pool == 1:
        return np.log([speed])
    demand = float(division((p * left)[:, None], 0.0, fit.law)[0])
    wasted = demand * 10.0 ** np.linspace(-4.0, 2.0, 9)
    slow = 10.0 ** np.linspace(-2.0, 0.1, 12)
    q = np.array([[np.log((demand + w) * speed * s), np.log(w)] for w in wasted for s in slow])
    best, at = np.inf, q[0]
    for one in q:
        try:
            look = fit.look(run, np.concatenate([log_p, one]), ())
        except RunError:
            continue
        error = float((fit.runs[run].weight * look.miss * look.miss).sum())
        if error < best:
            best, at = error, one
    return at
