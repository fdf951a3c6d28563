"""How sure frequencies and their clock are: groups that hang together, and their intervals.

Only ratios are known, so skills fall into groups within which they are (``docs/frequencies.md``,
"What is not identified"). Within the largest group, the anchor, intervals come from the
information left when the clock is eliminated; every other group has an interval of its ratio to
the anchor from the profile of the squared error, which may be open on either side.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from domino_sim.calibration.noise import inflation_of
from domino_sim.frequencies.fit import Solution
from domino_sim.levels import Floats, Ints

__all__ = ["Spread", "clock_interval", "measure_spread"]

#: A ratio whose interval is wider than this factor either way does not tie two skills together.
KNOWN_WITHIN = 2.0

#: Eigenvalues of the scaled information below this are rounding.
_ROUNDING = 1e-13

#: Profiles are followed this far in log p and more, and their ends found to this.
_FARTHEST = 14.0
_CLOSE = 0.01

#: Derivatives held at once.
_MOST_VALUES = 4_000_000


@dataclass(frozen=True, slots=True)
class Spread:
    """Intervals of log p, in the scale in which the frequencies of the anchor add up to 1.

    Attributes
    ----------
    log_p, low, high : (n,) arrays
        Estimates and intervals; ∓inf where open.
    error : (n,) array
        Standard errors of log p; inf outside the anchor where nothing bounds it.
    group : (n,) array of int
        Which skills hang together; 0 is the anchor.
    covariance : (n, n) array
        Of log p, in that scale.
    inflation : (n,) array
        Factors that correlated residuals put on variances; they are in `error` and `covariance`.
    quantile
        Half-width of an interval in standard errors.
    variance
        Of a value with weight 1.
    """

    log_p: Floats
    low: Floats
    high: Floats
    error: Floats
    group: Ints
    covariance: Floats
    inflation: Floats
    quantile: float
    variance: float


def measure_spread(solution: Solution, confidence: float) -> Spread:
    """Return the intervals of a `solution`, which hold the truth with probability `confidence`."""
    from scipy.special import stdtrit

    at, n = solution.log_p, len(solution.log_p)
    values = sum(int((run.weight > 0.0).sum()) for run in solution.runs)
    weights = sum(float(run.weight.sum()) for run in solution.runs)
    left = values - solution.fitted - (n - 1)
    variance = max(solution.squared / max(left, 1), 1e-24 * weights / max(values, 1))
    quantile = float(stdtrit(left, 0.5 + 0.5 * confidence)) if left > 0 else math.inf
    loose = _inverse(solution.curvature)
    group = _groups(loose, quantile * math.sqrt(variance), np.diag(solution.curvature))
    anchor = group == 0
    log_p = at - np.log(np.exp(at[anchor]).sum())
    gauge = np.eye(n) - np.where(anchor, np.exp(log_p), 0.0)
    inverse = gauge @ loose @ gauge.T
    # Outside the anchor the linear estimate is no guide: the whole group is moved instead.
    together = (group[:, None] == group[None, :]).astype(float)
    directions = np.where(anchor[None, :], inverse, together)
    grown = np.sqrt(_inflation(solution, directions, variance))
    covariance = variance * inverse * np.outer(grown, grown)
    standard = np.sqrt(np.diag(covariance))
    half = np.where(standard > 0.0, quantile, 1.0) * standard
    low, high = log_p - half, log_p + half
    for g in range(1, int(group.max()) + 1):
        members = group == g
        most = variance * (quantile * grown[members].max()) ** 2
        # As far beyond the anchor as beyond where they are.
        fall = max(0.0, float(at[members].min() - at[anchor].min())) + _FARTHEST
        rise = max(0.0, float(at[anchor].max() - at[members].max())) + _FARTHEST
        down = _profile(solution, -1.0 * members, most, fall)
        up = _profile(solution, 1.0 * members, most, rise)
        own = quantile * np.sqrt(_within(loose, members) * variance) * grown[members]
        low[members] = log_p[members] - np.hypot(down, own)
        high[members] = log_p[members] + np.hypot(up, own)
        standard[members] = np.hypot(0.5 * (down + up), own) / quantile
    return Spread(log_p, low, high, standard, group, covariance, grown**2, quantile, variance)


def _inverse(curvature: Floats) -> Floats:
    """A generalised inverse of the information: that of all ratios, huge where there is none."""
    root = np.sqrt(np.maximum(np.diag(curvature), 0.0))
    root = np.maximum(root, 1e-9 * max(float(root.max()), 1e-120))
    scaled = curvature / np.outer(root, root)
    scale = root / np.linalg.norm(root)  # all p by one factor: no information, nor any need of it
    values, vectors = np.linalg.eigh(scaled + np.outer(scale, scale))
    values = np.maximum(values, _ROUNDING)
    return (vectors / values) @ vectors.T / np.outer(root, root)


def _groups(loose: Floats, width: float, information: Floats) -> Ints:
    """Number the groups of skills whose ratios are known, the largest first."""
    from scipy.sparse.csgraph import connected_components

    own = np.diag(loose)
    ratio = np.maximum(own[:, None] + own[None, :] - 2.0 * loose, 0.0)
    tied = width * np.sqrt(ratio) < math.log(KNOWN_WITHIN) if np.isfinite(width) else ratio < 0.0
    count, label = connected_components(tied, directed=False)
    size = np.bincount(label, minlength=count)
    weight = np.bincount(label, weights=information, minlength=count)
    order = np.lexsort((-weight, -size))
    rank = np.empty(count, dtype=np.int64)
    rank[order] = np.arange(count)
    return rank[label]


def _within(loose: Floats, members: np.ndarray) -> Floats:
    """Variances of the log p of `members` about their mean, for residuals of variance 1."""
    part = loose[np.ix_(members, members)]
    centre = np.eye(len(part)) - 1.0 / len(part)
    return np.maximum(np.diag(centre @ part @ centre.T), 0.0)


def _inflation(solution: Solution, directions: Floats, variance: float) -> Floats:
    """Return by what factor residuals that go together widen the variance along `directions`."""
    runs = range(len(solution.runs))
    roots = [np.sqrt(run.weight) for run in solution.runs]
    residuals = [(solution.miss(r) * roots[r]).T for r in runs]
    size = max(1, _MOST_VALUES // sum(root.size for root in roots))
    grown = np.ones(directions.shape[1])
    for begin in range(0, len(grown), size):
        part = slice(begin, begin + size)
        pushed = (solution.push(r, directions[:, part]) * roots[r][:, :, None] for r in runs)
        pulls = [np.ascontiguousarray(push.transpose(2, 1, 0)) for push in pushed]
        grown[part] = inflation_of(residuals, pulls, variance)
    return grown


def _profile(solution: Solution, direction: Floats, most: float, farthest: float) -> float:
    """How far log p can go along `direction` before the squared error grows by `most`."""

    def excess(far: float, *, anew: bool = False) -> float:
        grown = solution.error(solution.log_p + far * direction, anew=anew)
        return math.sqrt(max(grown - solution.squared, 0.0)) - math.sqrt(most)

    if not math.isfinite(most):
        return math.inf
    low, at_low, high = 0.0, -math.sqrt(most), 0.25
    while (at_high := excess(high)) < 0.0 or (at_high := excess(high, anew=True)) < 0.0:
        if high >= farthest:
            return math.inf
        low, at_low, high = high, at_high, min(2.0 * high, farthest)
    for _ in range(30):
        if high - low < _CLOSE * (1.0 + low):
            break
        part = at_low / (at_low - at_high) if math.isfinite(at_high) else 0.5
        middle = low + min(max(part, 0.1), 0.9) * (high - low)
        found = excess(middle)
        if found < 0.0:
            low, at_low = middle, found
        else:
            high, at_high = middle, found
    return 0.5 * (low + high)


def clock_interval(solution: Solution, run: int, spread: Spread) -> tuple[Floats, Floats, Floats]:
    """Return a run's clock (k,) in the scale of `spread`, NaN where not known, and its interval."""
    shift = float(np.exp(solution.log_p[0] - spread.log_p[0]))  # p down by it, τ up by it
    tau, unit = solution.clock(run), solution.unit(run)
    wide = solution.clock_variance(run, spread.covariance, spread.variance)
    known = np.isfinite(tau) & np.isfinite(wide)
    here = np.where(known, tau, 0.0) + unit
    # The records of a block have one τ, but their clocks run on: between the blocks' middles.
    running = np.maximum(_running(here), unit)
    # In log(τ + unit), which is even where a clock is near 0 and where it is far.
    width = np.where(known, spread.quantile * np.sqrt(np.where(known, wide, 0.0)), np.inf)
    with np.errstate(over="ignore"):
        low = np.where(known, np.minimum(here, running) * np.exp(-width) - unit, 0.0)
        high = np.where(known, np.maximum(here, running) * np.exp(width) - unit, np.inf)
    if solution.runs[run].starts:
        low[0] = high[0] = 0.0
    low = np.maximum(low, 0.0)
    # A rising clock is above what it was above before, and below what it will be below.
    low = np.maximum.accumulate(low)
    high = np.minimum.accumulate(high[::-1])[::-1]
    return tau * shift, low * shift, high * shift


def _running(tau: Floats) -> Floats:
    """Join the middles of runs of equal τ by straight lines."""
    begins = np.flatnonzero(np.diff(tau, prepend=-np.inf) != 0.0)
    ends = np.append(begins[1:], len(tau)) - 1
    return np.interp(np.arange(len(tau)), 0.5 * (begins + ends), tau[begins])
