"""What the baselines share: smoothing, instants, and stacked increments of several runs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["Floats", "Run", "UnavailableError", "instants", "series", "smoothed"]

Floats = NDArray[np.float64]

#: Steps (k,) and levels (k, n) of one run.
Run = tuple[NDArray[np.int64], Floats]


class UnavailableError(Exception):
    """A method that cannot run here; the message says why."""


def smoothed(level: Floats, width: int) -> Floats:
    """Return the moving average over `width` (odd) records; ends are repeated."""
    if width <= 1:
        return level
    half = width // 2
    padded = np.concatenate([level[:1].repeat(half, 0), level, level[-1:].repeat(half, 0)])
    total = np.cumsum(np.concatenate([np.zeros((1, level.shape[1])), padded]), axis=0)
    mean: Floats = (total[width:] - total[:-width]) / width
    return mean


def instants(run: Run, threshold: float, width: int = 5) -> Floats:
    """Return when each skill (n,) first passes `threshold`, as a part of the run; inf: never."""
    steps, level = run
    levels = np.maximum.accumulate(smoothed(level, width), axis=0)
    after = (levels < threshold).sum(axis=0)
    reached = after < len(steps)
    k = np.clip(after, 1, len(steps) - 1)
    skill = np.arange(level.shape[1])
    low, high = levels[k - 1, skill], levels[k, skill]
    part = np.clip((threshold - low) / np.where(high > low, high - low, 1.0), 0.0, 1.0)
    at = steps[k - 1] + part * (steps[k] - steps[k - 1])
    at = np.where(after == 0, 0.0, at)
    return np.where(reached, at / steps[-1], np.inf)


def series(
    runs: Sequence[Run], *, every: int, lags: int, levels: bool
) -> tuple[Floats, list[Floats]]:
    """Return increments (samples, n), and lag by lag what came before them (samples, n).

    Records are averaged in blocks of `every`. What came before are increments too, or levels.
    Everything is centred and has variance 1; runs are put one after another, after differencing.
    """
    now, before = [], []
    for _, level in runs:
        count = len(level) // every
        mean = level[: count * every].reshape(count, every, -1).mean(axis=1)
        step = np.diff(mean, axis=0)
        past = mean[:-1] if levels else step
        # step[k] leads from record k to k + 1: a level that came before it has index ≤ k.
        shift = 1 if levels else 0
        now.append(step[lags:])
        before.append(
            [past[lags - lag + shift : len(step) - lag + shift] for lag in range(1, lags + 1)]
        )
    stacked = [np.concatenate([run[lag] for run in before]) for lag in range(lags)]
    return _standard(np.concatenate(now)), [_standard(x) for x in stacked]


def _standard(x: Floats) -> Floats:
    centred = x - x.mean(axis=0)
    scale = centred.std(axis=0)
    scaled: Floats = centred / np.where(scale > 0.0, scale, 1.0)
    return scaled
