"""Contrasts between runs: does a skill begin later where another was mastered later?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.inference.baselines.common import Floats, Run, instants

__all__ = ["knock_out_contrasts"]

#: Runs below which nothing can be contrasted.
_FEWEST = 3


def knock_out_contrasts(
    runs: Sequence[Run],
    frequencies: Floats | None = None,
    *,
    begins: float = 0.1,
    ends: float = 0.9,
    slack: float = 0.02,
    most: int = 3,
) -> Floats:
    """Return scores (n, n): what a's mastery explains of b's onset, across runs.

    The onset of b (when it passes level `begins`, in records) is regressed over runs on the
    mastery times of others, which stand in for a knock-out: mixtures that starve a skill delay its
    dependents. Candidates are the skills that passed `ends` no later than b began, give or take
    `slack` of a run, in most runs. Starting from b's own 1/frequency (where mixtures are known),
    up to `most` are taken in, each time the one with a positive slope that leaves the least error;
    its score is the part of the remaining variance that it removes.
    """
    begun = np.array([np.minimum(instants(run, begins), 1.0) for run in runs])
    ended = np.array([np.minimum(instants(run, ends), 1.0) for run in runs])
    n = begun.shape[1]
    scores = np.zeros((n, n))
    if len(runs) < _FEWEST:
        return scores
    # In steps, so that runs of different lengths are comparable.
    lengths = np.array([float(steps[-1]) for steps, _ in runs])[:, None]
    onset, mastery = begun * lengths, ended * lengths
    earlier = (ended[:, :, None] <= begun[:, None, :] + slack).mean(axis=0) > 0.5
    for b in range(n):
        # Where b is not trained its onset says nothing.
        use = np.full(len(runs), True) if frequencies is None else frequencies[:, b] > 0.0
        if use.sum() < _FEWEST:
            continue
        columns, target = [np.ones(int(use.sum()))], onset[use, b]
        if frequencies is not None:
            columns.append(1.0 / frequencies[use, b])
        left = [a for a in range(n) if a != b and earlier[a, b]]
        error = _error(np.stack(columns, axis=1), target)[0]
        # A regression needs more runs than columns to leave an error at all.
        while left and len(columns) < min(len(target) - 1, most + 2):
            tried = []
            for a in left:
                with_a = np.stack([*columns, mastery[use, a]], axis=1)
                after, slope = _error(with_a, target)
                tried.append((after if slope > 0.0 else np.inf, a))
            after, best = min(tried)
            if not after < error:
                break
            scores[best, b] = 1.0 - after / error
            columns.append(mastery[use, best])
            left.remove(best)
            error = after
    return scores


def _error(columns: Floats, target: Floats) -> tuple[float, float]:
    """Return the squared error of a regression, and the slope of the last column."""
    scale = np.maximum(np.abs(columns).max(axis=0), 1e-300)
    found = np.linalg.lstsq(columns / scale, target, rcond=None)[0]
    error = float(np.square(target - columns / scale @ found).sum())
    return error + 1e-12 * float(np.square(target).sum()) + 1e-300, float(found[-1])
