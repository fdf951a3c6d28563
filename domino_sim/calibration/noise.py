"""How far residuals are from independent, and what that does to an interval.

Where a model is not quite right, or noise has a memory, neighbouring residuals go together and a
curve of a thousand records holds far fewer independent facts. The scatter of an estimate is then
larger than least squares says, by a factor that is measured here for each parameter, from the
residuals themselves (``docs/calibration.md``, "Residuals that go together").
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from domino_sim.levels import Floats

__all__ = ["inflation", "inflation_of", "memory"]

#: An autocorrelation counts while it is above this many of the errors that chance gives it.
_SIGNIFICANT = 2.0

#: The longest memory that is reckoned with.
_MOST_MEMORY = 0.995


def inflation_of(residuals: Sequence[Floats], pulls: Sequence[Floats], variance: float) -> Floats:
    """Return by what factor the variance of each estimate exceeds that of independent residuals.

    An estimate is moved by Σ a z, the sum over all values of its pull a times the residual z. Two
    things make that sum vary more than its terms alone. Each curve's residuals may have a memory:
    the factor is 1 + 2 Σ ρ_l A_l/A₀, ρ the autocorrelation of all curves together (`memory`), A
    that of the pull. And what goes wrong may go wrong in all skills at once: the terms of a step
    are summed, and the factor is (γ₀ + 2 Σ γ_l)/(σ² Σ a²), γ the autocovariances of those sums,
    up to where they no longer stand out from chance. The larger one is returned; independent
    residuals give 1.

    Parameters
    ----------
    residuals
        Of each run, (n, k), times the root of their weights; 0 where there is no value.
    pulls
        Of each run, (P, n, k), over the root of their weights likewise.
    variance
        σ² of the residuals.

    Returns
    -------
    (P,) array
        Factors ≥ 1.

    Examples
    --------
    >>> white = np.random.default_rng(0).normal(size=(1, 4000))
    >>> float(inflation_of([white], [np.ones((1, 1, 4000))], 1.0)[0])
    1.0
    >>> slow = np.repeat(white, 10, axis=1)  # every value ten times
    >>> 9.0 < float(inflation_of([slow], [np.ones((1, 1, 40000))], 1.0)[0]) < 20.0
    True
    """
    longest = max(z.shape[1] for z in residuals)
    size = len(pulls[0])
    curves = memory(residuals)
    spread = np.zeros((longest, size))
    score, power = (np.zeros((len(residuals), longest, size)) for _ in range(2))
    for r, (z, a) in enumerate(zip(residuals, pulls, strict=True)):
        k = z.shape[1]
        score[r, :k] = np.einsum("pik,ik->kp", a, z)
        power[r, :k] = np.einsum("pik,pik->kp", a, a)
        if curves[1:].any():
            for p in range(size):
                spread[:k, p] += autocovariances(a[p])
    factor = inflation(score, power, variance)
    if curves[1:].any():
        whole = np.where(spread[0] > 0.0, spread[0], 1.0)
        factor = np.maximum(factor, 1.0 + 2.0 * (curves[1:] @ spread[1:]) / whole)
    return factor


def memory(residuals: Sequence[Floats]) -> Floats:
    """Return the autocorrelation (k,) of residuals from one record to the next, by lag.

    It is taken over all curves together, up to where two neighbouring lags no longer stand out
    from chance, and at least that of a first-order autoregression with the first lag's
    correlation. All zero but for lag 0 where residuals have no memory.

    Examples
    --------
    >>> memory([np.random.default_rng(0).normal(size=(5, 400))])[:3]
    array([1., 0., 0.])
    """
    longest = max(z.shape[1] for z in residuals)
    total, pairs = np.zeros(longest), np.zeros(longest)
    for z in residuals:
        there = z != 0.0
        total[: z.shape[1]] += autocovariances(z)
        pairs[: z.shape[1]] += autocovariances(there.astype(float))
    found = np.zeros(longest)
    found[0] = 1.0
    pairs = np.maximum(np.round(pairs), 0.0)
    if not total[0] > 0.0 or longest < 3:
        return found
    correlation = total / np.maximum(pairs, 1.0) / (total[0] / pairs[0])
    chance = _SIGNIFICANT / np.sqrt(np.maximum(pairs, 1.0))
    if not correlation[1] > chance[1]:
        return found
    for lag in range(1, longest - 1, 2):
        pair = correlation[lag : lag + 2]
        if not pair.sum() > np.sqrt(2.0) * chance[lag]:
            break
        found[lag : lag + 2] = np.maximum(pair, 0.0)
    regression = min(float(correlation[1]), _MOST_MEMORY) ** np.arange(longest)
    return np.maximum(found, regression)


def inflation(score: Floats, power: Floats, variance: float) -> Floats:
    """Return the factors (P,) that sums over the skills give by themselves.

    Parameters
    ----------
    score : (runs, k, P) array
        Σ a z over the skills at each step, in order of the steps.
    power : (runs, k, P) array
        Σ a², their variances for independent residuals of variance 1; 0 where there is no record.
    variance
        σ² of the residuals.
    """
    score = np.where(np.isfinite(score), score, 0.0)
    k, size = score.shape[1], score.shape[2]
    expected = variance * power.sum(axis=(0, 1))
    factor = np.ones(size)
    square = score * score
    # How much chance moves the sum of squares, and each autocovariance.
    spread = variance * np.sqrt(np.einsum("rkp,rkp->p", power, power))
    for p in np.flatnonzero(expected > 0.0):
        excess = square[:, :, p].sum() - expected[p]
        total = expected[p] + (excess if excess > _SIGNIFICANT * np.sqrt(2.0) * spread[p] else 0.0)
        covariance = autocovariances(score[:, :, p])
        chance = _SIGNIFICANT * max(spread[p], np.sqrt((square[:, :, p] ** 2).sum() / 3.0))
        for lag in range(1, k - 1, 2):
            pair = covariance[lag] + covariance[lag + 1]
            if not pair > np.sqrt(2.0) * chance:
                # The very first lag may stand out alone.
                if lag == 1 and covariance[1] > chance:
                    total += 2.0 * covariance[1]
                break
            total += 2.0 * pair
        factor[p] = max(1.0, total / expected[p])
    return factor


def autocovariances(values: Floats) -> Floats:
    """Σ_k v_k v_{k+l} for every lag l, summed over the rows (rows, k) → (k,)."""
    k = values.shape[1]
    size = 1 << (2 * k - 1).bit_length()
    spectrum = np.fft.rfft(values, size, axis=1)
    return np.fft.irfft((spectrum * spectrum.conj()).real.sum(axis=0), size)[:k]
