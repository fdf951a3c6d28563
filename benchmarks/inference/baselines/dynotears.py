"""A linear dynamic structural model with an acyclicity penalty, after DYNOTEARS."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.linalg import expm
from scipy.optimize import minimize

from benchmarks.inference.baselines.common import Floats, Run, series

__all__ = ["dynotears"]

#: Where the acyclicity penalty ends, and the largest weight of it (Pamfil et al. 2020 use 1e-8,
#: 1e16; coarser here, as scores are thresholded far above).
_ACYCLIC, _STEEPEST = 1e-6, 1e8


def dynotears(
    runs: Sequence[Run],
    frequencies: Floats | None = None,
    *,
    penalty: float = 0.05,
    lags: int = 1,
    every: int = 5,
    levels: bool = False,
) -> Floats:
    """Return scores (n, n): the largest of a's coefficients for b, at once or later.

    Minimises ½ ‖X − X W − Σ_l Y_l A_l‖²/N + λ (|W|₁ + |A|₁) subject to tr exp(W∘W) = n by an
    augmented Lagrangian (Pamfil et al., *DYNOTEARS*, AISTATS 2020, arXiv 2002.00498; own short
    implementation). X are increments, Y earlier increments or levels; see `common.series`.
    Mixtures are not used.
    """
    now, before = series(runs, every=every, lags=lags, levels=levels)
    n = now.shape[1]
    inputs = np.concatenate([now, *before], axis=1)
    gram, moment = inputs.T @ inputs / len(now), inputs.T @ now / len(now)
    found = _solve(gram, moment, n, penalty)
    blocks = np.abs(found).reshape(1 + lags, n, n)
    scores: Floats = blocks.max(axis=0)
    np.fill_diagonal(scores, 0.0)
    return scores


def _solve(gram: Floats, moment: Floats, n: int, penalty: float) -> Floats:
    shape = moment.shape
    # A skill has no effect on itself at once.
    own = (np.eye(*shape) > 0.0).ravel().tolist()
    bounds = [(0.0, 0.0 if zero else None) for zero in own] * 2
    state = np.zeros(2 * moment.size)
    weight, multiplier, last = 1.0, 0.0, np.inf

    def objective(x: Floats) -> tuple[float, Floats]:
        both = x.reshape(2, *shape)
        B = both[0] - both[1]
        W = B[:n]
        E = expm(W * W)
        h = float(np.trace(E)) - n
        product = gram @ B
        smooth = 0.5 * float((B * product).sum()) - float((B * moment).sum())
        slope = product - moment
        slope[:n] += (multiplier + weight * h) * 2.0 * E.T * W
        value = smooth + multiplier * h + 0.5 * weight * h * h + penalty * float(x.sum())
        return value, np.concatenate([(slope + penalty).ravel(), (penalty - slope).ravel()])

    while True:
        options = {"maxiter": 200, "ftol": 1e-7, "gtol": 1e-4}
        result = minimize(
            objective, state, jac=True, method="L-BFGS-B", bounds=bounds, options=options
        )
        state = result.x
        both = state.reshape(2, *shape)
        W = (both[0] - both[1])[:n]
        h = float(np.trace(expm(W * W))) - n
        if h < _ACYCLIC or weight >= _STEEPEST:
            found: Floats = both[0] - both[1]
            return found
        multiplier += weight * h
        if h > 0.25 * last:
            weight *= 10.0
        last = h
