"""A number with its interval: what is known, and how well."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["Value", "at_least", "at_most", "between", "exactly", "mean_of", "median_of", "range_of",
           "ratio_of"]  # fmt: skip

#: Draws of a bootstrap interval.
DRAWS = 2000


@dataclass(frozen=True, slots=True)
class Value:
    """A number and the interval it lies in; the number is NaN where only bounds are known.

    Examples
    --------
    >>> str(Value(1.93, 1.88, 1.97)), str(at_most(1e-4)), str(exactly(0.5))
    ('1.93 [1.88, 1.97]', '≤ 0.0001', '0.5')
    """

    number: float
    low: float
    high: float

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError(f"an interval from {self.low} to {self.high}")

    def __str__(self) -> str:
        if math.isnan(self.number) and math.isnan(self.low):
            return "none"
        if math.isnan(self.number):
            if self.low == -math.inf:
                return f"≤ {short(self.high)}"
            if self.high == math.inf:
                return f"≥ {short(self.low)}"
            return f"{short(self.low)} to {short(self.high)}"
        if self.low == self.high:
            return short(self.number)
        return f"{short(self.number)} [{short(self.low)}, {short(self.high)}]"

    def agrees(self, other: Value, within: float = 0.0, by: float = 0.0) -> bool:
        """Say whether the intervals touch, with a slack of `by` and of a part `within` of `other`.

        What is not a number agrees with nothing; what is infinite with the same infinity only.
        """
        ends = (self.low, self.high, other.low, other.high)
        if any(math.isnan(end) for end in ends):
            return False
        size = abs(other.number) if math.isfinite(other.number) else _largest(other)
        slack = by + within * size
        return self.low <= other.high + slack and other.low <= self.high + slack

    def to_list(self) -> list[str]:
        """Return number, low and high as text that JSON can hold."""
        return [repr(float(x)) for x in (self.number, self.low, self.high)]

    @classmethod
    def from_list(cls, texts: Iterable[Any]) -> Value:
        """Return the value of number, low and high: of what `to_list` wrote, or of an array."""
        number, low, high = (float(text) for text in texts)
        return cls(number, low, high)


def _largest(value: Value) -> float:
    return max((abs(x) for x in (value.low, value.high) if math.isfinite(x)), default=0.0)


def short(number: float) -> str:
    """Return a number to four digits, with separators where it has more before the point.

    Examples
    --------
    >>> short(0.123456), short(8657.4), short(12345.6), short(3e-6), short(float("inf"))
    ('0.1235', '8657', '12,346', '3e-06', '∞')
    """
    if math.isinf(number):
        return "∞" if number > 0 else "−∞"
    if 1000.0 <= abs(number) < 1e9:
        return f"{number:,.0f}" if abs(number) >= 9999.5 else f"{number:.0f}"
    return f"{number:.4g}"


def exactly(number: float) -> Value:
    """Return a number without an interval."""
    return Value(float(number), float(number), float(number))


def between(low: float, high: float) -> Value:
    """Return what is only known to lie between two bounds."""
    return Value(math.nan, float(low), float(high))


def at_most(bound: float) -> Value:
    """Return what is only known to be no more than a bound."""
    return between(-math.inf, bound)


def at_least(bound: float) -> Value:
    """Return what is only known to be no less than a bound."""
    return between(bound, math.inf)


def mean_of(samples: ArrayLike) -> Value:
    """Return the mean of samples and its 95 % interval (Student's t); one sample has none."""
    values = np.asarray(samples, dtype=float).ravel()
    mean = float(values.mean())
    if len(values) < 2:
        return exactly(mean)
    from scipy.stats import t

    half = float(t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)))
    return Value(mean, mean - half, mean + half)


def median_of(samples: ArrayLike, seed: int = 0) -> Value:
    """Return the median of samples and its bootstrap interval (95 %); infinite ones count.

    Where half of them or more are infinite, so is the median, and its interval: it agrees with no
    finite one, however few the samples.

    Examples
    --------
    >>> str(median_of([8860.0, float("inf"), float("inf"), float("inf")]))
    '∞'
    """
    values = np.asarray(samples, dtype=float).ravel()
    if 2 * np.isposinf(values).sum() >= len(values):
        return exactly(math.inf)
    rng = np.random.default_rng(seed)
    drawn = np.median(values[rng.integers(0, len(values), (DRAWS, len(values)))], axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975], method="inverted_cdf")
    return Value(float(np.median(values)), float(low), float(high))


def range_of(samples: ArrayLike) -> Value:
    """Return the median of samples and their range: for one published run among our seeds."""
    values = np.asarray(samples, dtype=float).ravel()
    return Value(float(np.median(values)), float(values.min()), float(values.max()))


def ratio_of(samples: ArrayLike, others: ArrayLike) -> Value:
    """Return the ratio of two geometric means and its 95 % interval (Welch, of the logarithms).

    Examples
    --------
    >>> str(ratio_of([1.0, 1.1, 1.2], [2.0, 2.2, 2.4]))
    '0.5 [0.4062, 0.6155]'
    """
    from scipy.stats import ttest_ind

    first, second = (np.log(np.asarray(x, dtype=float).ravel()) for x in (samples, others))
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        return Value(math.nan, math.nan, math.nan)
    interval = ttest_ind(first, second, equal_var=False).confidence_interval(0.95)
    return Value(*(float(np.exp(x)) for x in (first.mean() - second.mean(), *interval)))
