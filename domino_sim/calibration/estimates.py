"""Fitted parameters with what is known of them: standard errors and intervals."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from scipy.special import stdtrit

from domino_sim.calibration.fits import Fit, Part
from domino_sim.calibration.least_squares import Minimum
from domino_sim.calibration.models import Model, bowl_of
from domino_sim.calibration.pool_model import PoolModel
from domino_sim.calibration.profiles import Estimate, profiled
from domino_sim.calibration.scatter import Scatter, covariance
from domino_sim.levels import Floats

__all__ = ["estimates_of"]

#: How far from its bound, in its logarithm, the derivatives by an N₀ of 0 are taken.
_OFF_BOUND = 1e-3

#: The standard error of a logarithm beyond which nothing is known of a parameter.
_UNKNOWN = 3.0


def estimates_of(fit: Fit, *, confidence: float = 0.95) -> list[Estimate]:
    """Return all parameters of a fit, part by part; of frequencies those of all skills."""
    found = []
    for part in fit.parts:
        alone = len(fit.parts) > 1 and len(part.runs) == 1
        run = part.model.observations.runs[0].name if alone else ""
        for estimate in _part_estimates(fit, part, confidence):
            whose = estimate.key if estimate.name in ("rate", "wasted") else run
            found.append(replace(estimate, run=whose))
    return found


def _part_estimates(fit: Fit, part: Part, confidence: float) -> list[Estimate]:
    model, minimum = part.model, part.minimum
    if isinstance(model, PoolModel):
        model, minimum = _in_rates(model, minimum)
    scatter = covariance(model, minimum, fit.variance)
    found = []
    for k, parameter in enumerate(model.parameters):
        if parameter.name != "frequency":
            reach = _reach(fit, float(scatter.inflation[k]), confidence)
            found.append((k, profiled(model, minimum, k, scatter, reach, fit.variance)))
    widened = _beside_zero(model, minimum, found, fit, confidence)
    if isinstance(model, PoolModel) and model.free.frequencies:
        widened += _frequencies(model, minimum, scatter, fit, confidence)
    return widened


def _reach(fit: Fit, inflation: float, confidence: float) -> float:
    """How many standard errors an interval goes to either side: Student's quantile."""
    spare = max(fit.count / inflation - fit.size, 1.0)
    return float(stdtrit(spare, 0.5 + confidence / 2.0))


def _beside_zero(
    model: Model, minimum: Minimum, found: list[tuple[int, Estimate]], fit: Fit, confidence: float
) -> list[Estimate]:
    """Widen intervals of what is fitted beside an N₀ that is not told from 0.

    N₀ stops at 0, so that a profile of η is cut on one side, where the scatter of η goes on: its
    intervals would hold too seldom. They are made at least as wide as if N₀ had no bound.
    """
    estimates = [estimate for _, estimate in found]
    beyond = {e.key: e.value for e in estimates if e.name == "wasted" and math.isinf(e.high)}
    for place, e in enumerate(estimates):
        if e.name == "rate" and e.key in beyond:  # they grow together without end
            status = "no upper limit" if e.low > 0.0 else "not identified"
            value = max(e.value, beyond[e.key]) if math.isinf(beyond[e.key]) else e.value
            estimates[place] = replace(
                e, value=value, error=math.nan, high=math.inf, status=status
            )
    unsure = ("at zero", "no lower limit", "not identified")
    near = [e.name == "wasted" and e.status in unsure and e.value < math.inf for e in estimates]
    if not any(near):
        return estimates
    x, bound = minimum.at.copy(), minimum.bound.copy()
    for (k, _), close in zip(found, near, strict=True):
        if close and bound[k] < 0:
            x[k], bound[k] = x[k] + _OFF_BOUND, 0
    scatter = covariance(model, Minimum(x, bowl_of(model, x), bound, True), fit.variance)
    widened = []
    for (k, _), estimate, close in zip(found, estimates, near, strict=True):
        error = math.sqrt(scatter.covariance[k, k]) if scatter.known[k] else math.nan
        if close or not estimate.log or not error < _UNKNOWN or math.isinf(estimate.value):
            widened.append(estimate)
            continue
        wide = math.exp(_reach(fit, float(scatter.inflation[k]), confidence) * error)
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


def _frequencies(
    model: PoolModel, minimum: Minimum, scatter: Scatter, fit: Fit, confidence: float
) -> list[Estimate]:
    """Return the frequencies of all skills, Σ p = 1, with intervals on their logarithms.

    Fitted are their ratios to one of them; d log p_i/dx_m = δ_im − p_m.
    """
    skills = model.observations.skills
    which = [k for k, parameter in enumerate(model.parameters) if parameter.name == "frequency"]
    column = {model.parameters[k].key: c for c, k in enumerate(which)}
    p: Floats = model.frequencies(minimum.at)
    ratios = p[[skills.index(model.parameters[k].key) for k in which]]
    part = scatter.covariance[np.ix_(which, which)]
    found = []
    for i, skill in enumerate(skills):
        direction, factor, known = -ratios, 1.0, True
        if skill in column:
            k = which[column[skill]]
            direction = direction.copy()
            direction[column[skill]] += 1.0
            factor, known = float(scatter.inflation[k]), bool(scatter.known[k])
        elif which:
            factor = float(scatter.inflation[which].max())
        error = math.sqrt(max(float(direction @ part @ direction), 0.0)) if known else math.nan
        value = float(p[i])
        if not error < _UNKNOWN:
            found.append(
                Estimate("frequency", skill, value, math.nan, 0.0, 1.0, "not identified", factor)
            )
            continue
        wide = math.exp(_reach(fit, factor, confidence) * error)
        low, high = value / wide, min(value * wide, 1.0)
        found.append(Estimate("frequency", skill, value, error, low, high, "ok", factor))
    return found
