"""Granger causality by a sparse vector autoregression (lasso by coordinate descent)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.inference.baselines.common import Floats, Run, series

__all__ = ["lasso", "var_lasso"]


def var_lasso(
    runs: Sequence[Run],
    frequencies: Floats | None = None,
    *,
    penalty: float = 0.05,
    lags: int = 3,
    every: int = 3,
    levels: bool = False,
) -> Floats:
    """Return scores (n, n): the largest coefficient, over lags, of a in the regression of b.

    Increments of all runs are regressed on earlier increments, or on earlier levels (`levels`), of
    all skills; see `common.series`. Mixtures are not used.
    """
    now, before = series(runs, every=every, lags=lags, levels=levels)
    n = now.shape[1]
    past = np.concatenate(before, axis=1)
    coefficients = lasso(past.T @ past / len(past), past.T @ now / len(past), penalty)
    scores: Floats = np.abs(coefficients).reshape(lags, n, n).max(axis=0)
    np.fill_diagonal(scores, 0.0)
    return scores


def lasso(
    gram: Floats, moment: Floats, penalty: float, *, sweeps: int = 200, close: float = 1e-5
) -> Floats:
    """Return B (features, targets) that minimises ½ bᵀ G b − mᵀ b + λ |b|₁ for every target.

    Cyclic coordinate descent (Friedman, Hastie and Tibshirani 2010), all targets at once.

    Parameters
    ----------
    gram, moment
        XᵀX/N (features, features) and XᵀY/N (features, targets).
    penalty
        λ.
    """
    found = np.zeros_like(moment)
    residual = moment.copy()
    scale = np.diag(gram)
    for _ in range(sweeps):
        most = 0.0
        for j in np.flatnonzero(scale > 0.0).tolist():
            old = found[j]
            wanted = residual[j] + scale[j] * old
            new = np.sign(wanted) * np.maximum(np.abs(wanted) - penalty, 0.0) / scale[j]
            change = new - old
            largest = float(np.abs(change).max())
            if largest > 0.0:
                residual -= np.outer(gram[:, j], change)
                found[j] = new
                most = max(most, largest)
        if most < close:
            break
    return found
