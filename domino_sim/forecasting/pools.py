"""What the first part of the curves says of a pool: its best values, and draws around them.

``docs/forecast.md``, "The pool". Beside η and N₀ the law ``norm`` has κ here, the variance that
sampled batches add: without it a waste that fades with the demands is taken for one that stays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from domino_sim.calibration.least_squares import Bowl, Minimum, minimise
from domino_sim.calibration.noise import inflation
from domino_sim.calibration.observations import RunRecord
from domino_sim.forecasting.clock import ClockTable, Pools
from domino_sim.levels import Floats

__all__ = ["PoolFit", "Runs"]

#: Runs that share a pool, each with the table of its path.
Runs = Sequence[tuple[RunRecord, ClockTable]]

#: Records of a run that the best values and the draws are worked out from.
_MOST_RECORDS, _MOST_DRAWN = 300, 40

#: N₀ and κ are looked for up to these multiples of what makes them half of D.
_MOST_WASTED, _MOST_SAMPLING = 1e3, 1e2

#: Differences of the levels are taken over this part of a parameter.
_DIFFERENCE = 1e-5

#: Where the search begins: N₀ and κ in units of the demands.
_STARTS = ((0.03, 0.0), (0.3, 0.0), (3.0, 0.0), (0.03, 0.3), (0.0, 1.0))

#: The prior is flat in log N₀² above this, in units of the demands; in √κ likewise, and in N₀ of
#: ``sum`` above the second.
_LEAST_SHAPE, _LEAST_WASTED = 1e-4, 1e-2

#: Degrees of freedom of the proposals, and by how much they are wider than the curvature says.
_HEAVY, _WIDER = 5.0, 1.2

#: The standard deviation of a proposal is at most this, in the scale of the fit.
_WIDEST = 3.0

#: Proposals are made anew until this part of them counts, a few times at most.
_ENOUGH, _MOST_ROUNDS = 0.15, 3

#: No residual is smaller than this: levels are computed to about as many digits.
_LEAST_ERROR = 1e-7


class PoolFit:
    """The pool of one law, fitted to the records of runs that share it.

    Parameters
    ----------
    runs
        Records, each with the table of its path.
    law
        ``norm``, ``sum`` or ``constant``.
    given
        ``rate`` and ``wasted``, where they are held.
    start
        η and N₀ to begin from.
    near
        Whether to search from there only, and from a waste that is all sampling.

    Attributes
    ----------
    names
        What is fitted: the logarithm of the time to where the clock is at the last record, then N₀²
        and κ (``norm``) or N₀ (``sum``) in units of the demands. So written the levels are nearly
        straight in the parameters, and 0 is a value like others.
    minimum
        The best values.
    error, count
        The squared error of all records, and their number.
    variance, factor
        σ² of the residuals, and by how much the variance of the estimates exceeds that of
        independent residuals.
    """

    def __init__(
        self,
        runs: Runs,
        law: str,
        given: Mapping[str, float],
        start: tuple[float, float],
        *,
        near: bool = False,
    ) -> None:
        self.runs = [(_thinned(run, _MOST_RECORDS), table) for run, table in runs]
        self.law, self.given = law, given
        shape = {"norm": ("wasted", "sampling"), "sum": ("wasted",)}.get(law, ())
        self.names = ("time", *shape)
        self.held = np.array([given.get(name) is not None for name in ("rate", *shape)])
        rate, wasted = start
        begin = Pools(law, np.array([rate]), np.array([wasted]), np.zeros(1))
        last = np.array([float(self.runs[0][0].steps[-1])])
        self.instant = float(self._table.run(begin).clock(last)[0, 0])
        self._unit, self._sampling_unit = self._units()
        self.low = np.array([-60.0, 0.0, 0.0][: len(self.names)])
        most = _MOST_WASTED if law == "sum" else _MOST_WASTED**2
        most_sampled = min(_MOST_SAMPLING, 1.0 / self._sampling_unit)
        self.high = np.array([60.0, most, most_sampled][: len(self.names)])
        first = self._scaled(rate, wasted)
        starts = [first]
        if not self.held[1:].all():
            others = _STARTS if law == "norm" else _STARTS[:3]
            for a, b in others[-1:] if near else others:
                tried = first.copy()
                free = ~self.held[1:]
                tried[1:][free] = np.array([a, b][: len(free)])[free]
                starts.append(np.clip(tried, self.low, self.high))
        found = [minimise(self._bowl, z, self.low, self.high, held=self.held) for z in starts]
        self.minimum: Minimum = min(found, key=lambda minimum: minimum.bowl.error)
        few = sum(run.count for run, _ in self.runs)
        self.count = sum(run.count for run, _ in runs)
        self.size = int((~self.held & (self.minimum.bound == 0)).sum())
        self.error = self.minimum.bowl.error * self.count / max(few, 1)
        weight = sum(float(run.weight.sum()) for run, _ in self.runs) / max(few, 1)
        least = _LEAST_ERROR**2 * weight
        self.variance = max(self.minimum.bowl.error / max(few - self.size, 1), least)
        self.factor = 1.0
        self.factor = self._inflation()

    @property
    def _table(self) -> ClockTable:
        return self.runs[0][1]

    def _units(self) -> tuple[float, float]:
        """D in the mean over the clock seen, and κ of which the sampling is as large as that."""
        table = self._table
        inside = table.tau <= self.instant
        inside[:3] = True
        tau = table.tau[inside]

        def mean(values: Floats) -> float:
            return max(float(np.trapezoid(values[inside], tau) / tau[-1]), 1e-300)

        if self.law == "sum":
            return mean(table.first), 1.0
        square = mean(table.second)
        return float(np.sqrt(square)), square / mean(table.sampled)

    def _scaled(self, rate: float, wasted: float) -> Floats:
        z = np.zeros(len(self.names))
        if self.law != "constant":
            z[1] = min((wasted / self._unit) ** (2 if self.law == "norm" else 1), self.high[1])
        pools = Pools(self.law, np.array([rate]), np.array([wasted]), np.zeros(1))
        z[0] = np.log(self._table.run(pools).time(np.array([[self.instant]]))[0, 0])
        return z

    # -- from parameters to levels --------------------------------------------------------

    def pools(self, z: Floats, table: ClockTable | None = None) -> Pools:
        """Return the pools of parameters `z` (M, P), on a path other than the fitted one if given.

        There the time is the time to the same instant of the clock.
        """
        table = self._table if table is None else table
        wasted, sampling = np.zeros(len(z)), np.zeros(len(z))
        if self.law == "norm":
            wasted = self._unit * np.sqrt(np.maximum(z[:, 1], 0.0))
            sampling = self._sampling_unit * z[:, 2]
        elif self.law == "sum":
            wasted = self._unit * z[:, 1]
        if self.given.get("wasted") is not None and self.law != "constant":
            wasted = np.full(len(z), float(self.given["wasted"]))
        if self.held[0]:
            return Pools(self.law, np.full(len(z), float(self.given["rate"])), wasted, sampling)
        bare = Pools(self.law, np.ones(len(z)), wasted, sampling)
        time = table.run(bare).time(np.full((len(z), 1), self.instant))[:, 0]
        return Pools(self.law, time * np.exp(-z[:, 0]), wasted, sampling)

    def levels(self, z: Floats, r: int, steps: Floats, table: ClockTable | None = None) -> Floats:
        """Levels (n, M, k) of run `r` at `steps` (k,)."""
        pools = self.pools(z, table)
        table = self.runs[r][1] if table is None else table
        return table.path.level(table.work(table.run(pools).clock(steps)))

    def _slopes(self, z: Floats, r: int) -> tuple[Floats, Floats]:
        """Levels (n, k) at the records and their derivatives (P, n, k)."""
        size = _DIFFERENCE * (1.0 + np.abs(z))
        size = np.where(z + size > self.high, -size, size)
        moved = self.levels(np.vstack([z, z + np.diag(size)]), r, self.runs[r][0].steps)
        moved = moved.swapaxes(0, 1)
        return moved[0], (moved[1:] - moved[0]) / size[:, None, None]

    def _bowl(self, z: Floats) -> Bowl:
        error, slope, curvature = 0.0, np.zeros(len(z)), np.zeros((len(z), len(z)))
        for r, (run, _) in enumerate(self.runs):
            level, change = self._slopes(z, r)
            miss = level - run.level
            error += float(np.sum(run.weight * miss**2))
            flat = change.reshape(len(z), -1)
            slope += flat @ (run.weight * miss).ravel()
            curvature += (flat * run.weight.ravel()) @ flat.T
        return Bowl(error if np.isfinite(error) else np.inf, slope, curvature)

    def _covariance(self) -> Floats:
        """How the estimates scatter, (P, P); directions that do not matter are cut short."""
        free = np.ix_(~self.held, ~self.held)
        inner = self.minimum.bowl.curvature[free] / (self.variance * self.factor)
        found = np.zeros((len(self.names), len(self.names)))
        found[free] = np.linalg.inv(inner + np.eye(len(inner)) / _WIDEST**2)
        return found

    def _inflation(self) -> float:
        """The largest of the factors of the parameters."""
        pull_by = self._covariance() / self.variance
        size, longest = len(self.names), max(len(run.steps) for run, _ in self.runs)
        score = np.full((len(self.runs), longest, size), np.nan)
        power = np.zeros((len(self.runs), longest, size))
        for r, (run, _) in enumerate(self.runs):
            level, change = self._slopes(self.minimum.at, r)
            pull = np.tensordot(pull_by, change, axes=1)
            miss = (run.level - level) * run.weight
            score[r, : len(run.steps)] = np.einsum("pik,ik->kp", pull, miss)
            power[r, : len(run.steps)] = np.einsum("pik,pik,ik->kp", pull, pull, run.weight)
        return float(inflation(score, power, self.variance).max(initial=1.0))

    # -- draws ----------------------------------------------------------------------------

    def draw(self, count: int, generator: np.random.Generator) -> Floats:
        """Return parameters (count, P) that data and prior leave possible, all as likely.

        By importance: a t distribution around the best values proposes, the true likelihood and
        the prior weigh; where that leaves few, the next proposals are made from what it left.
        """
        best, free = self.minimum.at, np.flatnonzero(~self.held)
        if not len(free):
            return np.tile(best, (count, 1))
        centre, spread = best.copy(), self._covariance()
        tries = max(3 * count, 300)
        for _ in range(_MOST_ROUNDS):
            z, density = self._propose(centre, spread, free, tries, generator)
            log = self._log_likelihood(z) + self._log_prior(z) - density
            weight = np.exp(log - log.max())
            weight /= weight.sum()
            if 1.0 / np.square(weight).sum() > _ENOUGH * tries:
                break
            centre = weight @ z
            spread = ((z - centre) * weight[:, None]).T @ (z - centre) + 1e-4 * spread
        place = (np.arange(count) + generator.random()) / count
        chosen = np.minimum(np.searchsorted(np.cumsum(weight), place), len(z) - 1)
        generator.shuffle(chosen)
        return z[chosen]

    def _propose(
        self,
        centre: Floats,
        spread: Floats,
        free: np.ndarray,
        count: int,
        generator: np.random.Generator,
    ) -> tuple[Floats, Floats]:
        """Return at most `count` draws (m, P) inside the bounds, and their log densities."""
        inner = spread[np.ix_(free, free)] * _WIDER**2
        root = np.linalg.cholesky(inner + np.diag(1e-16 + 1e-12 * np.diag(inner)))
        kept, squares, missing = [], [], count
        while missing > 0:
            normal = generator.normal(size=(4 * count, len(free)))
            step = normal / np.sqrt(generator.chisquare(_HEAVY, (4 * count, 1)) / _HEAVY)
            z = np.tile(centre, (4 * count, 1))
            z[:, free] += step @ root.T
            inside = ((z >= self.low) & (z <= self.high)).all(axis=1)
            kept.append(z[inside][:missing])
            squares.append((step[inside] ** 2).sum(axis=1)[:missing])
            missing -= max(len(kept[-1]), 1)
        square = np.concatenate(squares)
        return np.concatenate(kept), -0.5 * (_HEAVY + len(free)) * np.log1p(square / _HEAVY)

    def _log_likelihood(self, z: Floats) -> Floats:
        """−½ of the rise over σ²: how far the curves are from the best ones, at some records."""
        best, bound = self.minimum.at, ~self.held & (self.minimum.bound != 0)
        rise = 2.0 * (z - best) @ np.where(bound, self.minimum.bowl.slope, 0.0)
        for r, (run, _) in enumerate(self.runs):
            few = _thinned(run, _MOST_DRAWN)
            level = self.levels(np.vstack([best, z]), r, few.steps)
            apart = (level[:, 1:] - level[:, :1]) ** 2
            rise += run.count / max(few.count, 1) * np.einsum("imk,ik->m", apart, few.weight)
        return -0.5 * np.maximum(rise, 0.0) / (self.variance * self.factor)

    def _log_prior(self, z: Floats) -> Floats:
        log = np.zeros(len(z))
        if self.law == "norm":
            log -= np.log(z[:, 1] + _LEAST_SHAPE) + 0.5 * np.log1p(z[:, 1])
            log -= 0.5 * np.log(z[:, 2] + _LEAST_SHAPE) + 0.5 * np.log1p(z[:, 2])
        elif self.law == "sum":
            log -= np.log(z[:, 1] + _LEAST_WASTED) + np.log1p(z[:, 1])
        return log


def _thinned(run: RunRecord, most: int) -> RunRecord:
    k = len(run.steps)
    if k <= most:
        return run
    return run.only(np.isin(np.arange(k), np.linspace(0, k - 1, most).round().astype(int)))
