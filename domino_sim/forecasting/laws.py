"""Every law of a calibration made ready to be carried on, and how much each one counts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from domino_sim.calibration import Calibration
from domino_sim.calibration.fits import Fit, fit_law
from domino_sim.calibration.pool_model import PoolModel
from domino_sim.calibration.scatter import covariance
from domino_sim.calibration.serial_model import SerialModel
from domino_sim.forecasting.ahead import Ahead, Outlook, clock_error_of, paces_of
from domino_sim.forecasting.clock import ClockTable
from domino_sim.forecasting.hindcast import Hindcast, errors_of, halves, hindcast
from domino_sim.forecasting.paths import draw_paths, path_columns, settle
from domino_sim.forecasting.pools import PoolFit
from domino_sim.levels import Floats

__all__ = ["LawDraws", "laws_of"]

#: Laws of less weight than this are left out.
_LEAST_WEIGHT = 2e-3

#: Laws that the calibration finds so far behind, in log likelihood, are not looked at.
_HOPELESS = 100.0

#: Paths that are drawn where frequencies or gates were fitted.
_MOST_PATHS = 40


@dataclass(frozen=True)
class _Ready:
    """A law: by run the fit of its pool and the run's number in it; none for ``domino``."""

    law: str
    fit: Fit
    pools: Mapping[int, tuple[PoolFit, int]]

    @property
    def groups(self) -> list[PoolFit]:
        """The different fits."""
        return list({id(pool): pool for pool, _ in self.pools.values()}.values())


def laws_of(calibration: Calibration, mastery: float) -> LawDraws:
    """Return the laws of a calibration, each with its pools fitted for the forecast.

    N₀ beyond all demands is the law ``constant``: of laws that come to that only one is kept.
    """
    ready = []
    fits = calibration.fits
    behind = {row.law: row.behind for row in calibration.comparison.rows}
    for law, fit in fits.items():
        if not np.isfinite(fit.error):
            continue
        # The law `norm` may gain by κ, which the calibration does not have.
        if law != "norm" and behind.get(law, 0.0) > _HOPELESS:
            continue
        if law in ("norm", "sum") and len(fits) > 1 and "constant" in fits and _beyond(fit):
            continue
        ready.append(_ready(calibration, law, fit, mastery))
    return LawDraws(calibration, tuple(ready))


def _beyond(fit: Fit) -> bool:
    """Whether N₀ is on its upper bound in all runs."""
    found = []
    for part in fit.parts:
        for k, parameter in enumerate(part.model.parameters):
            if parameter.name == "wasted":
                found.append(part.minimum.bound[k] > 0)
    return bool(found) and all(found)


def _ready(calibration: Calibration, law: str, fit: Fit, mastery: float) -> _Ready:
    pools: dict[int, tuple[PoolFit, int]] = {}
    runs = calibration.observations.runs
    for part in fit.parts:
        model, x = part.model, part.minimum.at
        if not isinstance(model, PoolModel):
            continue
        tables: dict[bytes, ClockTable] = {}
        pairs = []
        for q, r in enumerate(part.runs):
            path = model.path_of(x, q)
            key = path.frequency.tobytes()
            if key not in tables:
                tables[key] = ClockTable(path, mastery)
            pairs.append((runs[r], tables[key]))
        shared = calibration.free.shared
        groups = [list(range(len(pairs)))] if shared else [[q] for q in range(len(pairs))]
        for group in groups:
            start = model.pool_of(x, group[0])
            found = PoolFit(
                [pairs[q] for q in group], model.pool_law, calibration.free.given, start
            )
            for place, q in enumerate(group):
                pools[part.runs[q]] = (found, place)
    return _Ready(law, fit, pools)


@dataclass(frozen=True)
class LawDraws:
    """The laws of a calibration, to draw from."""

    calibration: Calibration
    ready: tuple[_Ready, ...] = field(repr=False)

    @cached_property
    def weights(self) -> dict[str, float]:
        """How much each law counts: e^−(½ error/(σ² factor) + parameters), over all runs.

        Errors are measured by the σ² of the law that fits best, and residuals that go together do
        not count anew (its factor).
        """
        scores = np.array([self._score(ready) for ready in self.ready])
        weights = np.exp(-(scores - scores.min()))
        weights[weights < _LEAST_WEIGHT * weights.sum()] = 0.0
        weights /= weights.sum()
        pairs = zip(self.ready, weights, strict=True)
        return {ready.law: float(weight) for ready, weight in pairs}

    def _score(self, ready: _Ready) -> float:
        total = 0.0
        for r, run in enumerate(self.calibration.observations.runs):
            fits = [other.pools[r] for other in self.ready if r in other.pools]
            best = min((pool for pool, _ in fits), key=lambda pool: pool.variance, default=None)
            if best is None:
                continue
            if r in ready.pools:
                pool, place = ready.pools[r]
                error, size = (pool.error, pool.size) if place == 0 else (0.0, 0)
            else:
                miss = run.level - ready.fit.levels(r, run.steps)
                error, size = float(np.sum(run.weight * miss**2)), 1
            total += 0.5 * error / (best.variance * best.factor) + size
        # Parameters of the paths, which pools do not have.
        for part in ready.fit.parts:
            total += len(path_columns(part.model))
        return total

    @property
    def best(self) -> _Ready:
        """The law of the greatest weight."""
        return max(self.ready, key=lambda ready: self.weights[ready.law])

    def hindcast(self, r: int) -> Hindcast:
        """Return how the best law would have forecast the second half of run `r` from the first."""
        if self.calibration.free.frequencies:
            return self._refitted(r)
        found = self.best.pools.get(r)
        return hindcast(*found) if found else Hindcast()

    def _refitted(self, r: int) -> Hindcast:
        """The same where frequencies are fitted, which must not have seen the second half."""
        parts = halves(self.calibration.observations.runs[r])
        if parts is None:
            return Hindcast()
        early, late = parts
        seen = replace(self.calibration.observations, runs=(early,))
        fit = fit_law(seen, self.calibration.path, self.best.law, self.calibration.free)
        return Hindcast(math.nan, *errors_of(early, late, fit.levels(0, late.steps)))

    def unknown(self, r: int) -> Floats:
        """Standard deviation of log p of each skill, (n,): 0 where frequencies are known."""
        part, _ = self.best.fit.part_of(r)
        skills = self.calibration.observations.skills
        found = np.zeros(len(skills))
        if isinstance(part.model, PoolModel) and self.calibration.free.frequencies:
            scatter = covariance(part.model, part.minimum, self.best.fit.variance)
            for k, parameter in enumerate(part.model.parameters):
                if parameter.name == "frequency":
                    spread = np.sqrt(scatter.covariance[k, k]) if scatter.known[k] else np.inf
                    found[skills.index(parameter.key)] = spread
        return found

    def outlook(
        self,
        r: int,
        ahead: Ahead,
        past: Hindcast,
        count: int,
        generator: np.random.Generator,
    ) -> Outlook:
        """Return draws of run `r`, of every law as many as it counts."""
        found = []
        for ready in self.ready:
            share = round(self.weights[ready.law] * count)
            if share and r in ready.pools:
                found.append(self._of(ready, r, ahead, past, share, generator))
            elif share:
                found.append(_serial(ready.fit, r, ahead, share, generator))
        return Outlook(
            np.concatenate([one.mastered for one in found]),
            np.concatenate([one.level for one in found]),
        )

    def _of(
        self,
        ready: _Ready,
        r: int,
        ahead: Ahead,
        past: Hindcast,
        count: int,
        generator: np.random.Generator,
    ) -> Outlook:
        pool, place = ready.pools[r]
        table = pool.runs[place][1]
        z = pool.draw(count, generator)
        tables, pools = [table], [pool.pools(z)]
        columns = path_columns(ready.fit.part_of(r)[0].model)
        if columns:
            part, q = ready.fit.part_of(r)
            few = min(count, _MOST_PATHS)
            paths = draw_paths(part, q, ready.fit.variance, few, ahead.mastery, generator)
            tables, pools = [], []
            for chosen, other in zip(np.array_split(z, len(paths)), paths, strict=True):
                tables.append(other)
                pools.append(settle(pool, place, chosen, other))
        doubts = paces_of(pool, place), clock_error_of(pool, past)
        return ahead.look(tables, pools, *doubts, generator)


def _serial(fit: Fit, r: int, ahead: Ahead, count: int, generator: np.random.Generator) -> Outlook:
    """Draws of the law ``domino``: one skill after another."""
    part, q = fit.part_of(r)
    model = part.model
    assert isinstance(model, SerialModel)
    begin, n = model.path.begin, len(model.path.frequency)
    rate = np.full(count, model.pool_of(part.minimum.at, q)[0])
    if model.parameters:
        scatter = covariance(model, part.minimum, fit.variance)
        k = 0 if model.shared else q
        rate *= np.exp(np.sqrt(scatter.covariance[k, k]) * generator.normal(size=count))
    place = np.full(n, np.inf)
    place[model.orders[q]] = np.arange(len(model.orders[q]))
    need = place * (1.0 - begin) + ahead.mastery - begin
    mastered = ahead.now + np.abs(need / rate[:, None] - ahead.now)
    done = rate[:, None, None] * ahead.steps - (place * (1.0 - begin))[None, :, None]
    return Outlook(mastered, np.clip(begin + done, begin, 1.0))
