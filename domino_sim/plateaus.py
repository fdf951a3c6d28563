"""Where curves begin and where they come to rest, with standard errors, from noisy records.

The formulas are in ``docs/curves.md``, "How start and end are estimated".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["End", "Estimate", "common", "end_of", "lowest", "noise_of", "start_of"]

Floats = NDArray[np.float64]

#: Records within so many standard errors of the mean of a plateau belong to it.
WITHIN = 2.0

#: A curve rests if, over the last fifth of its steps, it moves by less than this part of its range.
LAST, STILL = 0.2, 0.01

#: Fewer records do not tell noise from bends.
FEWEST = 5

#: The median absolute deviation of normal noise, as a part of its standard deviation.
MAD = 0.6745

#: The standard error of a median, as a multiple of that of a mean.
MEDIAN = math.sqrt(math.pi / 2)


@dataclass(frozen=True)
class Estimate:
    """A number and its standard error; NaN where there is nothing to tell it by."""

    value: float
    se: float


@dataclass(frozen=True)
class End:
    """Where a curve ends, how far it may still move, and whether it has come to rest."""

    value: float
    se: float
    rests: bool


def noise_of(steps: Floats, values: Floats, errors: Floats) -> float:
    """Return the standard error of a record: the median of those given, else from the scatter.

    Without given ones, how far records lie from the line between their neighbours, taken robustly.
    A curve's own bends count as noise then: it is not underrated. NaN for fewer than five records.

    Examples
    --------
    >>> steps = np.arange(2000.0)
    >>> values = np.random.default_rng(0).normal(0, 0.1, 2000)
    >>> round(noise_of(steps, values, np.full(2000, np.nan)), 2)
    0.1
    """
    known = errors[~np.isnan(errors)]
    if len(known):
        return float(np.median(known))
    if len(values) < FEWEST:
        return math.nan
    weight = (steps[1:-1] - steps[:-2]) / (steps[2:] - steps[:-2])
    between = (1 - weight) * values[:-2] + weight * values[2:]
    spread = np.sqrt(1 + weight**2 + (1 - weight) ** 2)
    return float(np.median(np.abs(values[1:-1] - between) / spread) / MAD)


def start_of(values: Floats, errors: Floats, noise: float) -> Estimate:
    """Return where a curve begins: the mean of its first records, as long as it has not moved.

    Half of the records at most: the other half is where it goes.

    Parameters
    ----------
    values, errors
        The records in order, and the given standard errors of each (NaN: none).
    noise
        The standard error of a record where none is given.

    Examples
    --------
    >>> values = np.array([0.26, 0.24, 0.26, 0.24, 0.6, 0.7, 0.8, 0.9])
    >>> start_of(values, np.full(8, np.nan), 0.02)
    Estimate(value=0.25, se=0.01)
    """
    errors = np.where(np.isnan(errors), noise, errors)
    sigma = 0.0 if math.isnan(errors[0]) else float(errors[0])
    slack = 1e-12 * (np.abs(values).max() + np.ptp(values))
    most = max(len(values) // 2, 1)
    counts = np.arange(1, most + 1)
    means = np.cumsum(values[:most]) / counts
    away = np.abs(values[1:most] - means[:-1])
    left = away > WITHIN * sigma * np.sqrt(1 + 1 / counts[:-1]) + slack
    count = int(np.argmax(left)) + 1 if left.any() else most
    return Estimate(float(means[count - 1]), float(errors[0]) / math.sqrt(count))


def end_of(steps: Floats, values: Floats, errors: Floats, noise: float) -> End:
    """Return where a curve ends: the mean of its last records, and whether it has come to rest.

    It rests if in the last fifth of its steps (of three records or more) it moves by no more than
    noise does, or than 1 % of its range. If not, the standard error holds how far it moved there.

    Examples
    --------
    >>> steps = np.arange(0.0, 100.0)
    >>> end_of(steps, np.exp(-steps / 5), np.full(100, np.nan), 1e-6).rests
    True
    >>> end_of(steps, np.exp(-steps / 50), np.full(100, np.nan), 1e-6).rests
    False
    """
    last = start_of(values[::-1], errors[::-1], noise)
    sigma = 0.0 if math.isnan(last.se) else float(last.se)
    window = np.flatnonzero(steps >= steps[-1] - LAST * (steps[-1] - steps[0]))
    first = min(int(window[0]), len(values) - 3)
    if first < 1:
        return End(last.value, last.se, False)
    tail = values[first:]
    half = len(tail) // 2
    moved = 2 * abs(float(tail[-half:].mean() - tail[:half].mean()))
    one = 0.0 if math.isnan(noise) else noise
    by_chance = 2 * WITHIN * one * math.sqrt(2 / half)
    if moved <= max(by_chance, STILL * float(np.ptp(values))):
        return End(last.value, last.se, True)
    return End(last.value, math.hypot(sigma, moved), False)


def common(estimates: Sequence[Estimate]) -> Estimate:
    """Return the median of several estimates of one number.

    Its standard error is the larger of what their own errors and what their scatter say.

    Examples
    --------
    >>> common([Estimate(0.24, 0.01), Estimate(0.25, 0.01), Estimate(0.26, 0.01)]).value
    0.25
    """
    if len(estimates) == 1:
        return estimates[0]
    values = np.array([estimate.value for estimate in estimates])
    errors = np.array([estimate.se for estimate in estimates])
    middle, count = float(np.median(values)), len(values)
    scatter = float(np.median(np.abs(values - middle))) / MAD
    known = errors[~np.isnan(errors)]
    own = float(np.sqrt(np.mean(known**2))) if len(known) else 0.0
    return Estimate(middle, MEDIAN * max(scatter, own) / math.sqrt(count))


def lowest(ends: Sequence[End]) -> End:
    """Return the lowest end of several curves: the median of those that agree with the lowest.

    Curves that rest are believed before those that do not; where none rests, the result does not.

    Examples
    --------
    >>> lowest([End(0.5, 0.01, True), End(0.51, 0.01, True), End(0.9, 0.01, True)]).value
    0.505
    """
    resting = [end for end in ends if end.rests]
    used = resting or list(ends)
    bottom = min(used, key=lambda end: end.value)
    if not resting:
        return bottom

    def agrees(end: End) -> bool:
        apart = math.hypot(*(0.0 if math.isnan(e.se) else e.se for e in (end, bottom)))
        return end.value - bottom.value <= 3 * apart + 1e-12 * abs(bottom.value)

    near = common([Estimate(end.value, end.se) for end in used if agrees(end)])
    return End(near.value, near.se, True)
