"""Power laws through the results of a sweep, with intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from domino_sim.errors import ArgumentError

__all__ = ["PowerLaw", "fit_power_law", "log_means"]

Floats = NDArray[np.float64]

#: The coverage of intervals; and the part of the exponent by which the slopes at the two ends of
#: the line differ where it is said to bend, if that is no scatter (at the level of 1 %).
COVERAGE, BEND, BY_CHANCE = 0.95, 0.2, 0.01


@dataclass(frozen=True, slots=True)
class PowerLaw:
    """y = scale · x^exponent, with the ends of the interval of the exponent.

    Attributes
    ----------
    points, left_out
        How many x are fitted, and how many could not be, as y is 0 or was not reached there.
    first, last
        The lowest and highest x that are fitted.
    slopes
        The exponents at the two ends, of a parabola through the logarithms.
    bends
        Whether they differ: this is no power law, or not over all of this range.
    """

    exponent: float
    low: float
    high: float
    scale: float
    points: int
    left_out: int
    first: float
    last: float
    slopes: tuple[float, float]
    bends: bool


def log_means(y: ArrayLike) -> tuple[Floats, NDArray[np.bool_]]:
    """Return the mean logarithm over the rows of `y`, and where there can be none.

    NaN in `y` is missing: the mean is over the others. What is infinite (not reached) or not above
    0 has no logarithm, and without it the mean would be of those alone that were lucky: there is
    none.
    """
    table = np.atleast_2d(np.asarray(y, dtype=float))
    none = ((table <= 0.0) | np.isinf(table)).any(axis=0)
    there = np.isfinite(table) & (table > 0.0)
    logs = np.log(np.where(there, table, 1.0)).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = logs / there.sum(axis=0)
    return np.where(none, np.nan, means), none


def fit_power_law(x: ArrayLike, y: ArrayLike) -> PowerLaw:
    """Fit a straight line to log y over log x, by least squares.

    Parameters
    ----------
    x, y : (n,) or y : (seeds, n) arrays
        Of several seeds the mean logarithms are fitted: seeds of one x share whatever is wrong
        with the law there. NaN is a seed that is missing. An x at which any seed is infinite (it
        was never reached) or not above 0 is left out.

    Returns
    -------
    PowerLaw
        With the 95 % interval of the exponent, by Student's t with n − 2 degrees of freedom: it
        covers both the scatter and the bend of the curve about the line as if they were scatter.

    Raises
    ------
    ArgumentError
        If fewer than three x are left.

    Examples
    --------
    >>> law = fit_power_law([1, 2, 4, 8], [1.0, 0.5, 0.25, 0.125])
    >>> round(law.exponent, 6), round(law.scale, 6)
    (-1.0, 1.0)
    """
    x = np.asarray(x, dtype=float)
    means, none = log_means(y)
    good = (x > 0) & np.isfinite(means)
    across, up = np.log(x[good]), means[good]
    if len(np.unique(across)) < 3:
        raise ArgumentError(
            f"{len(np.unique(across))} points for a power law",
            where="y",
            expected="three or more above 0",
        )
    from scipy import stats

    count, centre = len(across), float(across.mean())
    u = across - centre
    spread = float((u * u).sum())
    slope = float((u * up).sum()) / spread
    rest = up - up.mean() - slope * u
    error = float(np.sqrt((rest * rest).sum() / (count - 2) / spread))
    half = float(stats.t.ppf(0.5 + COVERAGE / 2, count - 2)) * error
    slopes, sure = _bend(u, up)
    return PowerLaw(
        slope, slope - half, slope + half,
        scale=float(np.exp(up.mean() - slope * centre)),
        points=count,
        left_out=int((none & (x > 0)).sum()),
        first=float(x[good].min()),
        last=float(x[good].max()),
        slopes=slopes,
        bends=sure and abs(slopes[1] - slopes[0]) > BEND * max(abs(slope), 0.1),
    )  # fmt: skip


def _bend(u: Floats, up: Floats) -> tuple[tuple[float, float], bool]:
    """Return the slopes at both ends of a parabola, and whether it is one beyond chance."""
    design = np.stack([np.ones_like(u), u, u * u], axis=1)
    found = np.linalg.lstsq(design, up, rcond=None)[0]
    slopes = (float(found[1] + 2 * found[2] * u.min()), float(found[1] + 2 * found[2] * u.max()))
    if len(u) < 5:
        return slopes, False
    from scipy import stats

    rest = up - design @ found
    # Exact curves have no scatter, but rounding.
    variance = max(float((rest * rest).sum()) / (len(u) - 3), 1e-24)
    error = float(np.sqrt(variance * np.linalg.inv(design.T @ design)[2, 2]))
    limit = float(stats.t.ppf(1 - BY_CHANCE / 2, len(u) - 3))
    return slopes, abs(float(found[2])) > limit * error
