"""One published run among runs of our own that differ by their seed only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from validation.value import Value, at_most, exactly

__all__ = ["CHANCE", "furthest", "largest_z", "one_more", "one_more_each", "strays", "student",
           "z_bound"]  # fmt: skip

Floats = NDArray[np.float64]

#: The chance that the largest z of a group is above its bound though nothing is wrong.
CHANCE = 0.01

#: The chance that a further run is outside the interval of `one_more`.
OUTSIDE = 0.05

#: More than this part of runs are most of them; and for which part of a run, its last, it may be
#: that something is passed in a run though most others end before.
MOST, LATE = 0.75, 0.1


def largest_z(
    published: ArrayLike, ours: ArrayLike, least: float = 1.0, last: ArrayLike | None = None
) -> Value:
    """Return the largest distance of published numbers from ours in standard deviations.

    `ours` are (seed, …); a standard deviation is that of a new run against the mean of ours, and at
    least `least` (numbers of whole steps are no nearer).

    What is infinite was never seen within the run, whose `last` step is then needed (one, or one a
    number): it counts as that step. The distance is infinite where published and most of ours
    (`MOST`) are not of one kind, finite or infinite, unless it is so near the end (`LATE`) that
    either may be. How many are finite is a number of its own: one of the distances.
    """
    single, values = np.asarray(published, dtype=float), np.asarray(ours, dtype=float)
    never, none = np.isinf(values), np.isinf(single)
    distances = []
    if never.any() or none.any():
        if last is None:
            raise ValueError("numbers that are infinite need the last step of the run")
        end = np.broadcast_to(np.asarray(last, dtype=float), single.shape)
        values, single = np.where(never, end, values), np.where(none, end, single)
        other = (never != none).mean(axis=0) > MOST
        if (other & (np.abs(single - np.median(values, axis=0)) > LATE * end)).any():
            return exactly(np.inf)
        count = (~never).reshape(len(values), -1).sum(axis=1)
        distances.append(_distance(float((~none).sum()), count.astype(float), 1.0))
    distances.append(_distance(single, values, least).max())
    return exactly(float(np.max(distances)))


def _distance(single: Floats | float, values: Floats, least: float) -> Floats:
    spread = np.maximum(values.std(axis=0, ddof=1), least)
    further = spread * np.sqrt(1.0 + 1.0 / len(values))
    return np.asarray(np.abs(single - values.mean(axis=0)) / further)


def z_bound(count: int, seeds: int) -> Value:
    """Return what the largest of `count` such distances exceeds with a chance of 1 % (Student)."""
    return at_most(student(seeds, CHANCE / count))


def student(seeds: int, chance: float = 0.05) -> float:
    """Return how many standard deviations of `seeds` runs a value exceeds with this chance."""
    from scipy.stats import t

    return float(t.ppf(1.0 - chance / 2.0, seeds - 1))


def strays(published: ArrayLike, ours: ArrayLike) -> tuple[float, Floats]:
    """Return how far the published run is from the mean of ours, and each of ours from the others'.

    Root mean squares over all but the first axis of `ours` (seed, …).
    """
    values = np.asarray(ours, dtype=float)
    count = len(values)
    total = values.sum(axis=0)

    def rms(x: Floats) -> float:
        return float(np.sqrt(np.square(x).mean()))

    # The published run is a run more, so that its mean has as many as the others of each of ours
    # but one: both are a run against a mean of count − 1.
    single = rms(np.asarray(published, dtype=float) - total / count)
    factor = np.sqrt((1.0 + 1.0 / (count - 1)) / (1.0 + 1.0 / count))
    own = np.array([rms(x - (total - x) / (count - 1)) for x in values])
    return single * float(factor), own


def furthest(found: Sequence[tuple[float, Floats]]) -> Value:
    """Return the largest |z| of what `strays` gives of several runs, in its logarithm."""
    single, own = zip(*found, strict=True)
    return largest_z(np.log(single), np.log(np.stack(own, axis=1)), 1e-6)


def one_more(samples: ArrayLike, least: float = 0.0) -> Value:
    """Return the median of positive samples, and where a further one is with a chance of 95 %.

    Student's interval, in logarithms: for one published seed among ours. Their standard deviation
    is taken to be no less than `least`: for few samples, where more have shown it. An infinite
    sample is one that never got there. With fewer than half of these the interval has no upper end,
    and its lower one is that of the others; with half or more it is infinite, so that it agrees
    with no published run that got there. A single sample says nothing of a further one: it has no
    interval.

    Examples
    --------
    >>> str(one_more([90.0, 100.0, 110.0, 100.0]))
    '100 [74.51, 133.5]'
    >>> str(one_more([90.0, 110.0, float("inf"), float("inf")]))
    '∞'
    """
    values = np.asarray(samples, dtype=float).ravel()
    known = np.log(values[np.isfinite(values)])
    if len(values) < 2:
        return Value(float("nan"), float("nan"), float("nan"))
    if 2 * len(known) <= len(values):
        return exactly(float("inf"))
    return _further(values, max(known.std(ddof=1), least), len(known) - 1)


def one_more_each(cases: Sequence[ArrayLike]) -> list[Value]:
    """Return `one_more` of several sets of samples, with one standard deviation for all of them.

    For few seeds: the spread of three says little, that of several passages together more. It is
    taken as if they were independent; passages of one run are not quite.

    Examples
    --------
    >>> [str(value) for value in one_more_each([[90.0, 110.0], [30.0, 30.0], [50.0, 60.0]])]
    ['100 [66.5, 148.9]', '30 [20.05, 44.89]', '55 [36.61, 81.96]']
    """
    every = [np.asarray(case, dtype=float).ravel() for case in cases]
    logs = [np.log(values[np.isfinite(values)]) for values in every]
    known = [x for x in logs if len(x) > 1]
    free = sum(len(x) - 1 for x in known)
    spread = np.sqrt(sum(float(((x - x.mean()) ** 2).sum()) for x in known) / max(free, 1))
    return [
        _further(values, spread, free) if 2 * len(x) > len(values) > 1 else one_more(values)
        for values, x in zip(every, logs, strict=True)
    ]


def _further(values: Floats, spread: float, free: int) -> Value:
    """Return the median, and where a further sample is, given the spread of their logarithms."""
    known = np.log(values[np.isfinite(values)])
    half = student(free + 1, OUTSIDE) * np.sqrt(1.0 + 1.0 / len(known)) * spread
    middle = known.mean()
    high = float(np.exp(middle + half)) if len(known) == len(values) else float("inf")
    return Value(float(np.median(values)), float(np.exp(middle - half)), high)
