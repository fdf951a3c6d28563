"""Lagged correlation: a rises, then b does."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.inference.baselines.common import Floats, Run, smoothed

__all__ = ["lagged_correlation"]


def lagged_correlation(
    runs: Sequence[Run],
    frequencies: Floats | None = None,
    *,
    longest: int = 40,
    width: int = 5,
    over_runs: str = "mean",
) -> Floats:
    """Return scores (n, n): correlation of a's increments with later ones of b.

    The highest over lags of 1 to `longest` records, and its mean or its maximum over runs
    (`over_runs`), less that of the other direction. Levels are smoothed over `width` records.
    Mixtures are not used.
    """
    found = []
    for _, level in runs:
        steps = np.diff(smoothed(level, width), axis=0)
        steps = steps - steps.mean(axis=0)
        scale = steps.std(axis=0)
        steps = steps / np.where(scale > 0.0, scale, 1.0)
        lags = range(1, min(longest, len(steps) // 2) + 1)
        found.append(np.max([steps[:-lag].T @ steps[lag:] / len(steps) for lag in lags], axis=0))
    each = np.array(found)
    scores = each.mean(axis=0) if over_runs == "mean" else each.max(axis=0)
    scores = np.where(scores > scores.T, scores, 0.0)
    np.fill_diagonal(scores, 0.0)
    return np.maximum(scores, 0.0)
