"""Fitted parameters with what is known of them: standard errors and profile intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.special import stdtrit

from domino_sim.calibration.fits import Fit, Part, minimum_of
from domino_sim.calibration.least_squares import Minimum
from domino_sim.calibration.models import Model, Parameter, bowl_of
from domino_sim.calibration.noise import inflation_of
from domino_sim.calibration.pool_model import PoolModel
from domino_sim.levels import Floats

__all__ = ["Estimate", "estimates_of"]

#: The profile of a parameter is followed until it has risen this near to its threshold.
_NEAR = 0.02
_MOST_PROFILE_STEPS = 14

#: How far from its bound, in its logarithm, the derivatives by an N₀ of 0 are taken.
_OFF_BOUND = 1e-3

#: The standard error of a logarithm beyond which nothing is known of a parameter.
_UNKNOWN = 3.0


@dataclass(frozen=True)
class Estimate:
    """One parameter.

    Attributes
    ----------
    name
        ``rate`` (η), ``wasted`` (N₀), ``frequency``, ``beta``, ``mastery``, ``leak``,
        ``exponent``, ``start``.
    key
        The run or skill it is of; "" for all.
    value
        The best value; N₀ is 0 where none is seen, and inf where it is beyond all demands.
    error
        Standard error of the value (of its logarithm if `log`); NaN unless both ends are known.
    low, high
        Ends of the interval; 0 and inf where the data set no limit.
    status
        ``ok``; ``at zero``; ``no lower limit``; ``no upper limit``; ``not identified``; ``given``.
    inflation
        By how much the variance exceeds that of independent residuals.
    profile : (m, 2) array
        Values, and by how much −2 log likelihood rises there, over the threshold of the interval
        (1 at its ends).
    log
        Whether the error is of the logarithm.
    """

    name: str
    key: str
    value: float
    error: float
    low: float
    high: float
    status: str
    inflation: float = 1.0
    profile: Floats = field(default_factory=lambda: np.empty((0, 2)), repr=False)
    log: bool = True


def estimates_of(fit: Fit, *, confidence: float = 0.95, profile: bool = True) -> list[Estimate]:
    """Return all parameters of a fit, parts and parameters in order."""
    found = []
    for part in fit.parts:
        found += _part_estimates(fit, part, confidence, profile)
    return found


def _part_estimates(fit: Fit, part: Part, confidence: float, profile: bool) -> list[Estimate]:
    model, minimum = part.model, part.minimum
    if isinstance(model, PoolModel):
        model, minimum = _in_rates(model, minimum)
    scatter = covariance(model, minimum, fit.variance)
    found = []
    for k, parameter in enumerate(model.parameters):
        factor = scatter.inflation[k]
        spare = max(fit.count / factor - fit.size, 1.0)
        reach = float(stdtrit(spare, 0.5 + confidence / 2.0))
        if parameter.name == "frequency" or not profile:
            found.append(_by_error(model, minimum, k, scatter, reach))
        else:
            found.append(_by_profile(model, minimum, k, scatter, reach, fit.variance))
    return _beside_zero(model, minimum, found, fit, confidence)


def _beside_zero(
    model: Model, minimum: Minimum, found: list[Estimate], fit: Fit, confidence: float
) -> list[Estimate]:
    """Widen intervals of what is fitted beside an N₀ that is not told from 0.

    N₀ stops at 0, so that a profile of η is cut on one side, where the scatter of η goes on: its
    intervals would hold too seldom. They are made at least as wide as if N₀ had no bound.
    """
    if any(e.name == "wasted" and math.isinf(e.value) for e in found):
        # The error of η is that of a far too small part of the valley of η and N₀.
        found = [replace(e, error=math.nan) if e.name == "rate" else e for e in found]
    near = [e.name == "wasted" and e.status in ("at zero", "no lower limit") for e in found]
    if not any(near):
        return found
    x, bound = minimum.at.copy(), minimum.bound.copy()
    for k in np.flatnonzero(near).tolist():
        if bound[k] < 0:
            x[k], bound[k] = x[k] + _OFF_BOUND, 0
    scatter = covariance(model, Minimum(x, bowl_of(model, x), bound, True), fit.variance)
    widened = []
    for k, estimate in enumerate(found):
        error = math.sqrt(scatter.covariance[k, k]) if scatter.known[k] else math.nan
        if near[k] or not estimate.log or estimate.name == "frequency" or not error < _UNKNOWN:
            widened.append(estimate)
            continue
        spare = max(fit.count / scatter.inflation[k] - fit.size, 1.0)
        wide = math.exp(float(stdtrit(spare, 0.5 + confidence / 2.0)) * error)
        low, high = estimate.value / wide, estimate.value * wide
        widened.append(
            replace(estimate, low=min(low, estimate.low), high=max(high, estimate.high))
        )
    return widened


def _in_rates(model: PoolModel, minimum: Minimum) -> tuple[PoolModel, Minimum]:
    """Return the same fit with the pool's scale given as η."""
    other = model.with_scale("rate")
    x = minimum.at.copy()
    runs = range(len(model.observations.runs))
    for k, parameter in enumerate(model.parameters):
        if parameter.name == "time":
            names = [model.observations.runs[r].name for r in runs]
            r = names.index(parameter.key) if parameter.key else 0
            x[k] = math.log(model.pool_of(minimum.at, r)[0])
    return other, Minimum(x, bowl_of(other, x), minimum.bound, minimum.settled)


@dataclass(frozen=True)
class Scatter:
    """Covariance (P, P) of the estimates, 0 for those on a bound, and inflations (P,)."""

    covariance: Floats
    inflation: Floats
    known: np.ndarray


def covariance(model: Model, minimum: Minimum, variance: float) -> Scatter:
    """Return how estimates scatter: σ² (JᵀJ)⁻¹, inflated for residuals that go together."""
    size = len(model.parameters)
    free = np.flatnonzero(minimum.bound == 0)
    inverse, known = np.zeros((size, size)), np.zeros(size, dtype=bool)
    if not len(free):
        return Scatter(inverse, np.ones(size), known)
    curvature = minimum.bowl.curvature[np.ix_(free, free)]
    scale = np.sqrt(np.maximum(np.diag(curvature), 1e-300))
    values, vectors = np.linalg.eigh(curvature / np.outer(scale, scale))
    sound = values > 1e-13 * values[-1]
    inner = (vectors[:, sound] / values[sound]) @ vectors[:, sound].T
    inverse[np.ix_(free, free)] = inner / np.outer(scale, scale)
    known[free] = ((vectors[:, ~sound] ** 2).sum(axis=1) < 1e-6) & (scale > 1e-140)
    misses, pulls = [], []
    for r, run in enumerate(model.observations.runs):
        found = model.levels(minimum.at, r)
        root = np.sqrt(run.weight)
        misses.append((run.level - found.level) * root)
        # Each parameter's estimate moves by `pull` times the residuals.
        pull = np.tensordot(inverse[free][:, found.columns], found.slope, axes=1)
        pulls.append(pull * root)
    factor = np.ones(size)
    factor[free] = inflation_of(misses, pulls, variance)
    root = np.sqrt(factor)
    return Scatter(variance * inverse * np.outer(root, root), factor, known)


def _plain(parameter: Parameter, x: float) -> float:
    """Return a parameter's value from the scale in which it is fitted."""
    if parameter.log:
        return float(np.exp(min(x, 700.0)))
    return float(x)


def _value(model: Model, minimum: Minimum, k: int) -> float:
    parameter = model.parameters[k]
    if parameter.name == "frequency" and isinstance(model, PoolModel):
        skill = model.observations.skills.index(parameter.key)
        return float(model.frequencies(minimum.at)[skill])
    if parameter.name == "wasted" and minimum.bound[k]:
        return 0.0 if minimum.bound[k] < 0 else math.inf
    return _plain(parameter, float(minimum.at[k]))


def _by_error(
    model: Model, minimum: Minimum, k: int, scatter: Scatter, reach: float
) -> Estimate:
    """Interval from the standard error, in the scale of the fit."""
    parameter, value = model.parameters[k], _value(model, minimum, k)
    error = float(np.sqrt(scatter.covariance[k, k])) if scatter.known[k] else math.nan
    if parameter.name == "frequency" and isinstance(model, PoolModel):
        error = _frequency_error(model, minimum, k, scatter)
    if not error < _UNKNOWN:
        floor = 0.0 if parameter.log else parameter.low
        ceiling = math.inf if parameter.log else parameter.high
        return Estimate(
            parameter.name, parameter.key, value, math.nan, floor, ceiling, "not identified",
            log=parameter.log,
        )
    wide = reach * error
    low, high = value * math.exp(-wide), value * math.exp(wide)
    if not parameter.log:
        low, high = max(value - wide, parameter.low), min(value + wide, parameter.high)
    if parameter.name == "frequency":
        high = min(high, 1.0)
    return Estimate(
        parameter.name, parameter.key, value, error, low, high, "ok",
        float(scatter.inflation[k]), log=parameter.log,
    )


def _frequency_error(model: PoolModel, minimum: Minimum, k: int, scatter: Scatter) -> float:
    """Standard error of log p where Σ p = 1, from those of the ratios that are fitted."""
    which = [m for m, other in enumerate(model.parameters) if other.name == "frequency"]
    if not scatter.known[k]:
        return math.nan
    p = model.frequencies(minimum.at)
    skills = [model.observations.skills.index(model.parameters[m].key) for m in which]
    direction = -p[skills]
    direction[which.index(k)] += 1.0
    part = scatter.covariance[np.ix_(which, which)]
    return math.sqrt(max(float(direction @ part @ direction), 0.0))


def _by_profile(
    model: Model, minimum: Minimum, k: int, scatter: Scatter, reach: float, variance: float
) -> Estimate:
    """Interval from the profile of the squared error, all other parameters fitted anew."""
    parameter, value = model.parameters[k], _value(model, minimum, k)
    factor = float(scatter.inflation[k])
    error = float(np.sqrt(scatter.covariance[k, k])) if scatter.known[k] else math.nan
    # Where a model fits exactly, any rise is too much.
    threshold = max(variance * factor * reach**2, 1e-20)
    points = [(float(minimum.at[k]), 0.0)]
    ends = []
    for sign in (-1.0, 1.0):
        end, seen = _follow(model, minimum, k, sign, error * reach, threshold)
        ends.append(end)
        points += seen
    low, high = ends
    floor = 0.0 if parameter.log else parameter.low
    ceiling = math.inf if parameter.log else parameter.high
    bounded = [math.isfinite(low), math.isfinite(high)]
    bound = int(minimum.bound[k])
    if not any(bounded):
        status = "not identified"
    elif bound < 0:
        status = "at zero" if parameter.name in ("wasted", "leak") else "no lower limit"
    elif bound > 0 or not bounded[1]:
        status = "no upper limit"
    else:
        status = "ok" if bounded[0] else "no lower limit"
    points.sort(key=lambda point: point[0])
    return Estimate(
        parameter.name,
        parameter.key,
        value,
        error if all(bounded) and not bound else math.nan,
        _plain(parameter, low) if bounded[0] else floor,
        _plain(parameter, high) if bounded[1] else ceiling,
        status,
        factor,
        np.array([(_plain(parameter, x), rise / threshold) for x, rise in points]),
        parameter.log,
    )


def _follow(
    model: Model, minimum: Minimum, k: int, sign: float, step: float, threshold: float
) -> tuple[float, list[tuple[float, float]]]:
    """Find where the profile reaches `threshold` on one side; ±inf if it does not by the bound.

    On the signed root of its rise a profile is nearly straight, so that secants land on the end
    within a few fits, each of which begins where the last one ended.
    """
    parameter = model.parameters[k]
    limit = parameter.low if sign < 0.0 else parameter.high
    held = np.zeros(len(model.parameters), dtype=bool)
    held[k] = True
    best, origin = minimum.bowl.error, float(minimum.at[k])
    if not step > 0.0 or not math.isfinite(step):
        step = 1.0 if parameter.log else 0.1 * (parameter.high - parameter.low)
    x, seen = minimum.at.copy(), []
    inside: tuple[float, float] = (origin, 0.0)
    outside: tuple[float, float] | None = None
    at = origin + sign * min(step, 2.0 if parameter.log else step)
    for _ in range(_MOST_PROFILE_STEPS):
        at = min(max(at, parameter.low), parameter.high)
        x[k] = at
        found = minimum_of(model, x, held, 0.1 * _NEAR * threshold)
        rise = max(found.bowl.error - best, 0.0)
        seen.append((at, rise))
        root = math.sqrt(rise / threshold) if threshold > 0.0 else math.inf
        if abs(root - 1.0) < _NEAR:
            return at, seen
        if root < 1.0:
            if at == limit:
                return sign * math.inf, seen
            x, inside = found.at.copy(), (at, root)
        else:
            outside = (at, root)
        if outside is None:
            # Beyond: as far as a straight root says, and not much further at a time.
            ratio = (1.0 - root) / max(root - 0.0, 1e-3)
            at = at + sign * min(max(ratio * abs(at - origin) * 1.1, 1e-6), 4.0 * step + 2.0)
        else:
            (a, ra), (b, rb) = inside, outside
            part = (1.0 - ra) / (rb - ra) if math.isfinite(rb) else 0.5
            at = a + min(max(part, 0.05), 0.95) * (b - a)
        if outside is not None and abs(outside[0] - inside[0]) < 1e-10 * (1.0 + abs(origin)):
            break
    if outside is None:
        return sign * math.inf, seen
    return 0.5 * (inside[0] + outside[0]), seen
