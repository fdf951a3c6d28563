"""Profile intervals: a parameter is held, everything else fitted anew."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from domino_sim.calibration.fits import minimum_of
from domino_sim.calibration.least_squares import Minimum
from domino_sim.calibration.models import Model, Parameter
from domino_sim.calibration.scatter import Scatter
from domino_sim.levels import Floats

__all__ = ["Estimate", "plain_value", "profiled", "value_of"]

#: The profile of a parameter is followed until it has risen this near to its threshold.
_NEAR = 0.02
_MOST_PROFILE_STEPS = 14


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
    run
        The run it is of; "" for all.
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
    run: str = ""


def plain_value(parameter: Parameter, x: float) -> float:
    """Return a parameter's value from the scale in which it is fitted."""
    if parameter.log:
        return float(np.exp(min(x, 700.0)))
    return float(x)


def value_of(model: Model, minimum: Minimum, k: int) -> float:
    """Return the best value of parameter `k`; an N₀ on a bound is 0 or inf."""
    parameter = model.parameters[k]
    if parameter.name == "wasted" and minimum.bound[k]:
        return 0.0 if minimum.bound[k] < 0 else math.inf
    return plain_value(parameter, float(minimum.at[k]))


def profiled(
    model: Model, minimum: Minimum, k: int, scatter: Scatter, reach: float, variance: float
) -> Estimate:
    """Return parameter `k` with the interval of its profile, all others fitted anew along it.

    The interval ends where the squared error has risen by `variance`, times the inflation, times
    the square of `reach`, a quantile of Student's distribution.
    """
    parameter, value = model.parameters[k], value_of(model, minimum, k)
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
        plain_value(parameter, low) if bounded[0] else floor,
        plain_value(parameter, high) if bounded[1] else ceiling,
        status,
        factor,
        np.array([(plain_value(parameter, x), rise / threshold) for x, rise in points]),
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
        if root < 1.0 + _NEAR and _off_limits(model, found, k):
            # Another parameter has run away: what ends here is its range, not what is known.
            return sign * math.inf, seen
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


def _off_limits(model: Model, found: Minimum, k: int) -> bool:
    """Whether a parameter other than `k` rests on a bound that means nothing but its range."""
    for other, (parameter, bound) in enumerate(zip(model.parameters, found.bound, strict=True)):
        natural = parameter.name == "leak" or (parameter.name == "wasted" and bound < 0)
        if other != k and bound and not natural and parameter.name != "frequency":
            return True
    return False
