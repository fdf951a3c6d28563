"""How a law would have fared: the second half of what was seen, forecast from the first."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from domino_sim.calibration.observations import RunRecord
from domino_sim.forecasting.pools import PoolFit
from domino_sim.levels import Floats

__all__ = ["Hindcast", "errors_of", "halves", "hindcast", "last_levels"]

#: Fewest records of the first half.
_FEWEST = 5


@dataclass(frozen=True)
class Hindcast:
    """What came of asking for the second half of the records, as told by steps, from the first.

    Attributes
    ----------
    clock
        Log of the time the clock took, forecast over true; NaN where it cannot be told.
    error, last
        Root mean squared errors of the levels: of the law, and of taking each skill's last level.
    """

    clock: float = math.nan
    error: float = math.nan
    last: float = math.nan

    @property
    def failed(self) -> bool:
        """Whether the law did worse than no change at all."""
        return self.error > self.last


def halves(run: RunRecord) -> tuple[RunRecord, RunRecord] | None:
    """Return the records of the first and second half of the steps; None if there are too few."""
    early = run.steps <= 0.5 * run.steps[-1]
    if early.sum() < _FEWEST or early.all():
        return None
    return run.only(early), run.only(~early)


def hindcast(fit: PoolFit, r: int) -> Hindcast:
    """Fit the pool to the first half of run `r` alone, and compare with the second."""
    run, table = fit.runs[r]
    parts = halves(run)
    if parts is None or fit.held.all():
        return Hindcast()
    early, late = parts
    best = fit.pools(fit.minimum.at[None])
    half, end = float(early.steps[-1]), float(run.steps[-1])
    start = (float(best.rate[0]), float(best.wasted[0]))
    old = PoolFit([(early, table)], fit.law, fit.given, start, near=True)
    pools = old.pools(old.minimum.at[None])
    tau = table.run(best).clock(np.array([half, end]))
    times = table.run(pools).time(tau)[0]
    took = max(float(times[1] - times[0]), 1e-9 * end)
    level = old.levels(old.minimum.at[None], 0, late.steps)[:, 0]
    return Hindcast(float(np.log(took / (end - half))), *errors_of(early, late, level))


def last_levels(run: RunRecord) -> Floats:
    """Return each skill's last recorded level, (n,); 0 where there is none."""
    place = np.where(run.weight > 0.0, np.arange(len(run.steps)), -1).max(axis=1)
    return np.where(place >= 0, run.level[np.arange(len(place)), place], 0.0)


def errors_of(early: RunRecord, late: RunRecord, level: Floats) -> tuple[float, float]:
    """Return the errors of forecast levels (n, k) of the late records, and of the last ones."""
    before = last_levels(early)
    total = max(float(late.weight.sum()), 1e-300)
    found = [
        math.sqrt(float(np.sum(late.weight * (values - late.level) ** 2)) / total)
        for values in (level, before[:, None])
    ]
    return found[0], found[1]
