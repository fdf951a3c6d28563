"""One path with any pool: the resource clock as a table, for many pools at once.

In the resource clock a path does not know its pool (``docs/theory.md``, "The resource clock"), so
the sums over skills of which D is made are worked out once; a pool is then a few operations on
numbers of the table, and a hundred pools are as quick as one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from domino_sim.calibration.skill_path import Path
from domino_sim.engines import chebyshev
from domino_sim.engines.clocks import grade
from domino_sim.engines.paths import HardPath, Rows
from domino_sim.engines.phase import Phase
from domino_sim.engines.row_clock import RowClock
from domino_sim.levels import Floats, logit, work_from_level

__all__ = ["ClockTable", "Pools", "work_at_level"]

#: The table goes on this far beyond the last mastery, in parts of the clock there.
_BEYOND = 1.5

#: By how much cells of the clock grow.
_RATIO = 1.5


def work_at_level(path: Path, level: float) -> float:
    """Return the work at which a skill is at `level`."""
    if path.growth == "logistic":
        return float(logit(level))
    return float(work_from_level(level, path.growth))


@dataclass(frozen=True)
class Pools:
    """M pools of one law: −du/dt = η d/D.

    Attributes
    ----------
    law
        ``norm``: D² = Σ d² + κ Σ c² p u² + N₀²; ``sum``: D = Σ d + N₀; ``constant``: D = 1.
    rate, wasted, sampling : (M,) arrays
        η, N₀ and κ, the variance that sampling a batch adds (1/batch size, or 0).
    """

    law: str
    rate: Floats
    wasted: Floats
    sampling: Floats


class ClockTable:
    """Where the skills of a path are at clock τ, and what D is made of.

    Parameters
    ----------
    path
        Gates, frequencies, growth.
    level
        The table goes beyond the instants at which skills pass this level.

    Attributes
    ----------
    tau : (G,) array
        Nodes, not falling; where a gate opens there are two, before and after.
    first, second, sampled : (G,) arrays
        Σ d, Σ d² and Σ c² p u² there.
    """

    def __init__(self, path: Path, level: float) -> None:
        self.path = path
        skills = path.skills()
        self._wanted = work_at_level(path, level)
        if path.soft:
            rows, work, pace = self._soft_rows(path)
        else:
            self.hard = HardPath(skills)
            rows = self._hard_rows(self.hard, work_at_level(path, max(level, path.mastery)))
            work, pace, _ = self.hard.on(rows)
        self.rows = rows
        self.tau = rows.tau.ravel()
        left = 1.0 - path.level(work) if path.growth != "mse" else np.exp(-work)
        demand = (pace * left).reshape(len(pace), -1)
        self.first = demand.sum(axis=0)
        self.second = np.einsum("ig,ig->g", demand, demand)
        p = np.where(path.frequency > 0.0, path.frequency, 1.0)[:, None]
        self.sampled = (demand * demand / p).sum(axis=0)
        self._work = work.reshape(len(work), -1) if path.soft else None

    def _hard_rows(self, hard: HardPath, wanted: float) -> Rows:
        reached = _reach(hard, wanted)
        reached = reached[np.isfinite(reached)]
        speed = self.path.frequency
        slowest = speed[speed > 0.0].min()
        end = max(float(reached.max(initial=0.0)) * _BEYOND, 1.0 / slowest)
        edges = grade(hard.breaks(), np.array([end]), speed[:, None], ratio=_RATIO)[0]
        used = edges[1:] > edges[:-1]
        start, stop = edges[:-1][used], edges[1:][used]
        return Rows(np.zeros(len(start), dtype=np.int64), start, stop)

    def _soft_rows(self, path: Path) -> tuple[Rows, Floats, Floats]:
        """Rows on which soft gates are resolved: those of a clock that goes far enough."""
        wasted = np.array([1e-2 * path.frequency.max()])
        horizon = np.array([1.0])
        for _ in range(40):
            phase = Phase(path.skills(), path.exponent, "norm", np.ones(1), wasted, horizon)
            if np.isfinite(phase.mastered[path.frequency > 0.0]).all() or horizon[0] > 1e9:
                break
            horizon = 4.0 * horizon
        assert isinstance(phase.clock, RowClock) and phase.clock.work is not None
        work, pace, _ = phase.path.on(phase.clock.rows)
        return phase.clock.rows, work, pace

    # -- the path -------------------------------------------------------------------------

    def work(self, tau: Floats) -> Floats:
        """Work (n, …) at `tau` of any shape."""
        flat = tau.ravel()
        if self._work is None:
            found = self.hard.work(flat[None], slice(None))[:, 0]
        else:
            found = np.stack([np.interp(flat, self.tau, row) for row in self._work])
        return found.reshape(-1, *tau.shape)

    def reach(self, level: float) -> Floats:
        """Clock at which each skill is at `level`, (n,); inf for never."""
        wanted = work_at_level(self.path, level)
        if self._work is None:
            return _reach(self.hard, wanted)
        found = np.full(len(self._work), np.inf)
        for i, row in enumerate(self._work):
            if row[-1] >= wanted:
                found[i] = np.interp(wanted, row, self.tau)
        return found

    # -- the pools ------------------------------------------------------------------------

    def division(self, pools: Pools) -> Floats:
        """D at the nodes, (M, G)."""
        wasted, sampling = pools.wasted[:, None], pools.sampling[:, None]
        if pools.law == "sum":
            return self.first + wasted
        if pools.law == "norm":
            return np.sqrt(self.second + sampling * self.sampled + wasted**2)
        return np.ones((len(wasted), len(self.tau)))

    def passed(self, division: Floats) -> Floats:
        """∫ D dτ up to the nodes, (M, G)."""
        shape = (len(division), *self.rows.tau.shape)
        within = (division.reshape(shape) @ chebyshev.INTEGRAL) * self.rows.half
        before = np.cumsum(within[:, :, -1], axis=1) - within[:, :, -1]
        return np.maximum.accumulate((before[:, :, None] + within).reshape(division.shape), axis=1)

    @cached_property
    def _last(self) -> int:
        return len(self.tau) - 1

    def run(self, pools: Pools) -> TableClock:
        """Return the clocks of all `pools`."""
        division = self.division(pools)
        return TableClock(self.tau, self.passed(division), division, pools.rate)


@dataclass(frozen=True)
class TableClock:
    """M clocks on one table; beyond its end D stays as it is there."""

    tau: Floats
    total: Floats
    division: Floats
    rate: Floats

    def time(self, tau: Floats) -> Floats:
        """Training times (M, …) at `tau` (M, …); inf stays inf."""
        at = np.minimum(np.where(np.isfinite(tau), tau, 0.0), self.tau[-1])
        m = np.arange(len(at)).reshape(-1, *[1] * (at.ndim - 1))
        k = np.clip(np.searchsorted(self.tau, at, "right") - 1, 0, len(self.tau) - 2)
        low, size = self.tau[k], self.tau[k + 1] - self.tau[k]
        part = np.divide(at - low, size, out=np.zeros_like(at), where=size > 0.0)
        found = chebyshev.inverse_cubic(
            part,
            self.total[m, k],
            self.total[m, k + 1],
            size * self.division[m, k],
            size * self.division[m, k + 1],
        )
        over = np.maximum(np.where(np.isfinite(tau), tau, 0.0) - self.tau[-1], 0.0)
        found = found + over * self.division[m, -1]
        return np.where(np.isfinite(tau), found / self.rate[m], np.inf)

    def clock(self, t: Floats) -> Floats:
        """Clocks (M, k) at training times `t` (M, k) or (k,)."""
        goal = np.broadcast_to(t, (len(self.rate), np.shape(t)[-1])) * self.rate[:, None]
        pairs = zip(self.total, goal, strict=True)
        k = np.stack([np.searchsorted(total, wanted, "right") for total, wanted in pairs]) - 1
        k = np.clip(k, 0, len(self.tau) - 2)
        m = np.arange(len(goal))[:, None]
        begin = self.total[m, k]
        rise = self.total[m, k + 1] - begin
        part = np.divide(goal - begin, rise, out=np.zeros(goal.shape), where=rise > 0.0)
        part = np.clip(part, 0.0, 1.0)
        low, high = self.tau[k], self.tau[k + 1]
        slopes = (rise / np.maximum(self.division[m, j], 1e-300) for j in (k, k + 1))
        with np.errstate(invalid="ignore", over="ignore"):
            tau = chebyshev.inverse_cubic(part, low, high, *slopes)
        tau = np.where((tau >= low) & (tau <= high), tau, low + part * (high - low))
        over = np.maximum(goal - self.total[:, -1:], 0.0)
        return tau + over / np.maximum(self.division[:, -1:], 1e-300)


def _reach(hard: HardPath, wanted: float) -> Floats:
    return np.array([hard.reach(i, wanted) for i in range(len(hard.skills.speed))])
