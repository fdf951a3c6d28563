"""Power laws through the results of a sweep, with intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from domino_sim.errors import ArgumentError

__all__ = ["PowerLaw", "fit_power_law"]


@dataclass(frozen=True, slots=True)
class PowerLaw:
    """y = scale · x^exponent, with the ends of the interval of the exponent."""

    exponent: float
    low: float
    high: float
    scale: float
    points: int


def fit_power_law(x: ArrayLike, y: ArrayLike, confidence: float = 0.95) -> PowerLaw:
    """Fit a straight line to log y over log x, by least squares.

    Parameters
    ----------
    x, y : (n,) or y : (seeds, n) arrays
        What is not positive and finite is left out. With several seeds their mean logarithms are
        fitted: seeds of one x share whatever is wrong with the law there.
    confidence
        Of the interval: Student's t with n − 2 degrees of freedom, so it covers both the scatter
        and the bend of the curve about the line as if they were scatter.

    Raises
    ------
    ArgumentError
        If fewer than three points are left.

    Examples
    --------
    >>> law = fit_power_law([1, 2, 4, 8], [1.0, 0.5, 0.25, 0.125])
    >>> round(law.exponent, 6), round(law.scale, 6)
    (-1.0, 1.0)
    """
    x, y = np.asarray(x, dtype=float), np.atleast_2d(np.asarray(y, dtype=float))
    good = (x > 0) & (np.isfinite(y) & (y > 0)).any(axis=0)
    if good.sum() < 3:
        raise ArgumentError(
            f"{good.sum()} points for a power law", where="y", expected="three or more above 0"
        )
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.where(np.isfinite(y) & (y > 0), np.log(y), np.nan)[:, good]
    across, up = np.log(x[good]), np.nanmean(logs, axis=0)
    from scipy import stats

    fit = stats.linregress(across, up)
    half = float(stats.t.ppf(0.5 + confidence / 2, len(across) - 2)) * fit.stderr
    slope = float(fit.slope)
    scale = float(np.exp(fit.intercept))
    return PowerLaw(slope, slope - half, slope + half, scale, len(across))
