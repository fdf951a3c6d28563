"""In which order skills were learned, as far as noise lets it be told.

No law is needed for this: it is what every set of curves has to say. ``docs/calibration.md``,
"The order of learning".
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import isotonic_regression

from domino_sim.calibration.observations import Observations, RunRecord
from domino_sim.levels import Floats

__all__ = ["Order", "learning_order"]

#: A rise counts when it exceeds that of noise by this many of its standard errors, and this.
_RISEN, _LEAST_RISE = 4.0, 0.02

#: Curves are averaged into at most this many records before they are drawn anew.
_MOST_RECORDS = 32


@dataclass(frozen=True)
class Order:
    """When each skill of a run was half-way up its own rise.

    Attributes
    ----------
    run
        The run.
    rise, rise_error : (n,) arrays
        By how much the nearest rising curve rises, and how much that of mere noise varies.
    half_at, low, high : (n,) arrays
        The step half-way up, with an interval; NaN where no rise is seen.
    rank, rank_low, rank_high : (n,) arrays
        Place in the order, from 1, with an interval; NaN where no rise is seen.
    """

    run: str
    rise: Floats
    rise_error: Floats
    half_at: Floats
    low: Floats
    high: Floats
    rank: Floats
    rank_low: Floats
    rank_high: Floats

    def to_dict(self, skills: tuple[str, ...]) -> dict[str, Any]:
        """Return it as JSON has it: the skills that rose, in order, and those that did not."""
        seen = np.flatnonzero(np.isfinite(self.half_at))
        order = seen[np.argsort(self.rank[seen], kind="stable")]
        return {
            "run": self.run,
            "learned": [
                {
                    "skill": skills[i],
                    "half_at": float(self.half_at[i]),
                    "low": float(self.low[i]),
                    "high": float(self.high[i]),
                    "rank": int(self.rank[i]),
                    "rank_low": int(self.rank_low[i]),
                    "rank_high": int(self.rank_high[i]),
                    "rise": float(self.rise[i]),
                }
                for i in order
            ],
            "no_rise_seen": [name for i, name in enumerate(skills) if np.isnan(self.half_at[i])],
        }


def learning_order(
    observations: Observations, *, confidence: float = 0.95, draws: int = 100, seed: int = 0
) -> tuple[Order, ...]:
    """Return the order of learning of every run.

    Each curve is fitted by the nearest rising one, and curves drawn from it with the noise of its
    values (their standard errors, or else the scatter about the fit) show how sure its half-way
    step is; ranks are compared draw by draw.

    Parameters
    ----------
    observations
        The runs.
    confidence
        Of the intervals.
    draws
        How many curves are drawn.
    seed
        Of the draws.
    """
    streams = np.random.SeedSequence(seed).spawn(len(observations.runs))
    found = []
    for run, stream in zip(observations.runs, streams, strict=True):
        generator = np.random.default_rng(stream)
        found.append(_of_run(run, observations.weighted, confidence, draws, generator))
    return tuple(found)


def _of_run(
    run: RunRecord,
    weighted: bool,
    confidence: float,
    draws: int,
    generator: np.random.Generator,
) -> Order:
    n = len(run.level)
    rise, error, half = (np.full(n, math.nan) for _ in range(3))
    drawn, bracket = np.full((n, draws), math.nan), np.full((n, 2), math.nan)
    for i in range(n):
        there = run.weight[i] > 0.0
        if there.sum() < 2:
            continue
        steps, level, weight = _binned(run.steps[there], run.level[i, there], run.weight[i, there])
        fitted = _rising(level[None], weight)[0]
        variance = 1.0 / weight
        if not weighted:
            pieces = 1 + int((np.diff(fitted) > 0.0).sum())
            spare = max(len(level) - pieces, 1)
            variance = variance * (weight @ (level - fitted) ** 2) / spare
        noise = generator.normal(size=(draws, len(level))) * np.sqrt(variance)
        # Noise alone makes a rising curve rise, too.
        chance = np.ptp(_rising(noise, weight), axis=1)
        rise[i], error[i] = fitted[-1] - fitted[0], chance.std()
        if not rise[i] > chance.mean() + _RISEN * error[i] or rise[i] < _LEAST_RISE:
            continue
        half[i], before, after = (at[0] for at in _half_way(steps, fitted[None]))
        drawn[i] = _half_way(steps, _rising(fitted + noise, weight))[0]
        # Between two records nothing was seen.
        bracket[i] = before, after
    tail = 50.0 * (1.0 - confidence)
    low, high, rank, rank_low, rank_high = (np.full(n, math.nan) for _ in range(5))
    seen = np.flatnonzero(np.isfinite(half))
    if len(seen):
        low[seen], high[seen] = np.percentile(drawn[seen], [tail, 100.0 - tail], axis=1)
        low[seen] = np.minimum(low[seen], bracket[seen, 0])
        high[seen] = np.maximum(high[seen], bracket[seen, 1])
        rank[seen] = _ranks(half[seen, None])[:, 0]
        ranks = _ranks(drawn[seen])
        places = np.percentile(ranks, [tail, 100.0 - tail], axis=1, method="nearest")
        rank_low[seen] = np.minimum(places[0], rank[seen])
        rank_high[seen] = np.maximum(places[1], rank[seen])
    return Order(run.name, rise, error, half, low, high, rank, rank_low, rank_high)


def _binned(steps: Floats, level: Floats, weight: Floats) -> tuple[Floats, Floats, Floats]:
    """Average neighbouring records if there are many: where little happens, not where it rises."""
    count = len(steps)
    if count <= _MOST_RECORDS:
        return steps, level, weight
    rising = isotonic_regression(level, weights=weight).x
    rise = max(float(rising[-1] - rising[0]), 1e-12)
    passed = np.cumsum(np.diff(rising, prepend=rising[0]) / rise + 1.0 / count)
    edges = np.unique(np.searchsorted(passed, np.linspace(0.0, passed[-1], _MOST_RECORDS + 1)))
    edges = edges[edges < count]
    total = np.add.reduceat(weight, edges)
    return (
        np.add.reduceat(weight * steps, edges) / total,
        np.add.reduceat(weight * level, edges) / total,
        total,
    )


def _rising(level: Floats, weight: Floats) -> Floats:
    """Return the nearest rising curves to `level` (draws, k): max over i of min over j of means."""
    count = level.shape[1]
    sums = np.concatenate([np.zeros((len(level), 1)), np.cumsum(level * weight, axis=1)], axis=1)
    total = np.concatenate([[0.0], np.cumsum(weight)])
    begin, end = np.arange(count)[:, None], np.arange(1, count + 1)[None]
    length = np.where(end > begin, total[end] - total[begin], 1.0)
    means = (sums[:, None, 1:] - sums[:, :-1, None]) / length
    means[:, end <= begin] = np.inf
    # The least mean of a stretch from i that ends at k or later; then the best i up to k.
    least = np.minimum.accumulate(means[:, :, ::-1], axis=2)[:, :, ::-1]
    upto: Floats = np.where(begin <= end - 1, least, -np.inf)
    best: Floats = upto.max(axis=1)
    return best


def _half_way(steps: Floats, curves: Floats) -> tuple[Floats, Floats, Floats]:
    """Return where rising curves (draws, k) pass the middle between their ends.

    With the records just before and after it.
    """
    middle = 0.5 * (curves[:, 0] + curves[:, -1])
    k = np.argmax(curves >= middle[:, None], axis=1)
    before = np.maximum(k - 1, 0)
    row = np.arange(len(curves))
    low, high = curves[row, before], curves[row, k]
    part = np.where(high > low, (middle - low) / np.where(high > low, high - low, 1.0), 0.0)
    at = steps[before] + part * (steps[k] - steps[before])
    return np.asarray(at, dtype=float), steps[before], steps[k]


def _ranks(values: Floats) -> Floats:
    """Return the places (1 …) of each column's values (n, draws)."""
    places = np.argsort(np.argsort(values, axis=0, kind="stable"), axis=0, kind="stable")
    return places.astype(np.float64) + 1.0
