"""From pools that the data allow to instants of mastery and levels: what comes, with its doubts.

``docs/forecast.md``, "Intervals": beside the pool, each skill's own speed is in doubt, and so is
the clock, as far as its D leaves what has been seen.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import stdtrit

from domino_sim.calibration.noise import inflation
from domino_sim.calibration.observations import RunRecord
from domino_sim.calibration.skill_path import Path
from domino_sim.engines.paths import HardPath
from domino_sim.forecasting.clock import ClockTable, Pools, TableClock, work_at_level
from domino_sim.forecasting.hindcast import Hindcast
from domino_sim.forecasting.pools import PoolFit
from domino_sim.levels import Floats

__all__ = ["Ahead", "Outlook", "Paces", "clock_error_of", "paces_of"]

#: A skill's own speed differs from its frequency by this part even where none is seen to differ.
#: Measured on gradient runs, as the two below are.
OWN_SPEED = 0.06

#: The clock's speed strays from the law's by these parts (standard deviations): where D stays as
#: seen, and where it has left it; and over which change of log D it gets there.
CLOCK_SEEN, CLOCK_UNSEEN, CLOCK_SCALE = 0.03, 0.15, 0.03

#: Residuals of this size halve all three: a law that leaves nothing unexplained is believed.
EXPLAINED = 1e-3

#: Degrees of freedom of the clock's straying: some runs stray much farther than most.
_HEAVY = 4.0

#: Instants at which a draw's clock is worked out between the last record and the end.
_MOMENTS = 60


@dataclass(frozen=True)
class Paces:
    """How the speeds of the skills of a run differ from their frequencies, in the logarithm.

    Attributes
    ----------
    mean, error : (n,) arrays
        What is known of each skill, and its standard deviation.
    """

    mean: Floats
    error: Floats


def doubt(fit: PoolFit) -> float:
    """Return how far the law is to be doubted, from 0 to 1, by the size of its residuals."""
    weight = sum(float(run.weight.sum()) for run, _ in fit.runs)
    size = math.sqrt(fit.minimum.bowl.error / weight) if weight > 0.0 else 1.0
    return size / (size + EXPLAINED)


def paces_of(fit: PoolFit, r: int) -> Paces:
    """Return what the residuals say of each skill's own speed.

    The estimate of a skill, from its own curve, is drawn towards 0 as far as skills are alike:
    their variance is what they scatter more than their errors say (Paule and Mandel).
    """
    run, table = fit.runs[r]
    path, z = table.path, fit.minimum.at[None]
    work = table.work(table.run(fit.pools(z)).clock(run.steps)[0])
    level = path.level(work)
    done = work - path.skills().work
    slope = (path.level(work + 1e-4 * done) - level) / 1e-4
    score = (run.weight * slope * (run.level - level)).T
    power = (run.weight * slope**2).T
    told = power.sum(axis=0)
    factor = inflation(score[None], power[None], fit.variance)
    seen = told > 0.0
    safe = np.where(seen, told, 1.0)
    estimate = np.where(seen, score.sum(axis=0) / safe, 0.0)
    error = np.where(seen, fit.variance * factor / safe, np.inf)
    spread = _between(estimate[error < 1.0], error[error < 1.0]) + (doubt(fit) * OWN_SPEED) ** 2
    known = spread / (spread + error)
    return Paces(known * estimate, np.sqrt(spread * (1.0 - known)))


def _between(estimate: Floats, error: Floats) -> float:
    """Variance of m skills beyond their errors (squared): what makes Σ b²/(v + φ²) = m − 1."""
    if len(estimate) < 3:
        return 0.0
    low, high = 0.0, 1.0
    if not np.sum(estimate**2 / np.maximum(error, 1e-300)) > len(estimate) - 1:
        return 0.0
    for _ in range(50):
        middle = 0.5 * (low + high)
        if np.sum(estimate**2 / (error + middle)) > len(estimate) - 1:
            low = middle
        else:
            high = middle
    return high


def clock_error_of(fit: PoolFit, found: Hindcast) -> tuple[float, float]:
    """Return by how much the clock strays: where D is as seen, and where it has left that."""
    part = doubt(fit)
    seen, unseen = part * CLOCK_SEEN, part * CLOCK_UNSEEN
    return seen, math.hypot(unseen, found.clock) if math.isfinite(found.clock) else unseen


@dataclass(frozen=True)
class Outlook:
    """One law's draws of a run, all as likely.

    Attributes
    ----------
    mastered : (M, n) array
        Steps at which skills pass the level; inf for never.
    level : (M, n, G) array
        Levels at the steps asked for.
    """

    mastered: Floats
    level: Floats


class Ahead:
    """What is to come of a run, from its last record on.

    Parameters
    ----------
    run
        Its records.
    mastery
        The level that counts.
    steps : (G,) array
        Steps at which levels are wanted, from the last record on.
    """

    def __init__(self, run: RunRecord, mastery: float, steps: Floats) -> None:
        self.now, self.mastery, self.steps = float(run.steps[-1]), mastery, steps

    def look(
        self,
        tables: Sequence[ClockTable],
        pools: Sequence[Pools],
        paces: Paces,
        clock_error: tuple[float, float],
        generator: np.random.Generator,
    ) -> Outlook:
        """Return draws: of each table as many as it has pools.

        `clock_error` is by how much the clock strays where D is as seen, and where it is not.
        """
        mastered, level = [], []
        count, n = sum(len(some.rate) for some in pools), len(paces.mean)
        # In pairs and in equal parts, so that the middle is not left to chance.
        half = generator.normal(size=((count + 1) // 2, n))
        deviation = np.concatenate([half, -half])[:count]
        places = generator.permutation((np.arange(count) + 0.5) / count)
        strays = stdtrit(_HEAVY, places)
        begin = 0
        for table, some in zip(tables, pools, strict=True):
            mine = slice(begin, begin + len(some.rate))
            begin = mine.stop
            own = paces.mean + paces.error * deviation[mine]
            found = self._one(table, some, own, strays[mine], clock_error)
            mastered.append(found.mastered)
            level.append(found.level)
        return Outlook(np.concatenate(mastered), np.concatenate(level))

    def _one(
        self,
        table: ClockTable,
        pools: Pools,
        own: Floats,
        stray: Floats,
        clock_error: tuple[float, float],
    ) -> Outlook:
        clock = table.run(pools)
        count = len(own)
        begin = clock.clock(np.array([self.now]))
        until = float(self.steps[-1])
        # True steps of a draw against those of its law, on instants dense near the present.
        reach = (until - self.now) * np.exp(4.0 * clock_error[1]) + 1.0
        ahead = reach * np.linspace(0.0, 1.0, _MOMENTS) ** 2
        at = clock.clock(self.now + ahead)
        warped = np.maximum.accumulate(
            ahead * _stretch(clock, begin, at, stray, clock_error), axis=1
        )
        asked = self.steps - self.now
        by_law = np.stack([np.interp(asked, warped[m], ahead) for m in range(count)])
        reached, level = self._skills(table, own, clock.clock(self.now + by_law))
        gone = clock.time(reached) - self.now
        # A skill that should have been mastered, and is not, is as late as it is overdue.
        gone = np.abs(gone)
        finite = np.isfinite(reached)
        known = np.where(finite, reached, table.tau[-1])
        moved = _stretch(clock, begin, known, stray, clock_error)
        return Outlook(np.where(finite, self.now + gone * moved, np.inf), level)

    def _skills(self, table: ClockTable, own: Floats, tau: Floats) -> tuple[Floats, Floats]:
        """Clock (M, n) at which skills of speeds of their own pass the level, and levels."""
        path = table.path
        if path.soft:
            work, start = table.work(tau), path.skills().work
            grown = start[:, :, None] + (work - start[:, :, None]) * np.exp(own).T[:, :, None]
            return self._soft_reach(table, own), path.level(grown).swapaxes(0, 1)
        paths = [replace(path, frequency=path.frequency * np.exp(change)) for change in own]
        hard = HardPath(paths[0].skills(*paths[1:]))
        level = path.level(hard.work(tau, slice(None))).swapaxes(0, 1)
        wanted = work_at_level(path, self.mastery)
        return _reach(hard, path, wanted), level

    def _soft_reach(self, table: ClockTable, own: Floats) -> Floats:
        start = table.path.skills().work[:, 0]
        wanted = work_at_level(table.path, self.mastery)
        found = np.full(own.shape, np.inf)
        work = table.work(table.tau)
        for i in range(own.shape[1]):
            need = start[i] + (wanted - start[i]) * np.exp(-own[:, i])
            found[:, i] = np.where(need <= work[i, -1], np.interp(need, work[i], table.tau), np.inf)
        return found


def _reach(hard: HardPath, path: Path, wanted: float) -> Floats:
    """Clock (M, n) at which skills have `wanted` work, after their gates opened as they do."""
    skills = hard.skills
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        missing = wanted - skills.work
        alone = np.where(skills.speed > 0.0, missing / skills.speed, np.inf)
        leaked = path.leak * hard.opened
        slow = np.where(np.isfinite(leaked), leaked, 0.0)
        found = np.where(
            (path.leak > 0.0) & (alone <= leaked), alone / path.leak, hard.opened + (alone - slow)
        )
    return np.where(missing <= 0.0, 0.0, found).T


def _stretch(
    clock: TableClock, begin: Floats, tau: Floats, stray: Floats, clock_error: tuple[float, float]
) -> Floats:
    """By what factor the time to `tau` (M, k) strays, as far as D has changed by then."""
    found = np.empty(tau.shape)
    for m, (now, at) in enumerate(zip(begin[:, 0], tau, strict=True)):
        division = np.log(np.maximum(clock.division[m], 1e-300))
        # The farthest that log D has been from where it is now, on the way.
        away = np.abs(division - np.interp(now, clock.tau, division))
        change = np.maximum.accumulate(np.where(clock.tau >= now, away, 0.0))
        part = -np.expm1(-np.interp(at, clock.tau, change) / CLOCK_SCALE)
        found[m] = np.exp(stray[m] * np.hypot(clock_error[0], clock_error[1] * part))
    return found
