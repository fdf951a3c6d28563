"""The levels that inference looks at: all records of all runs, or a few nodes of each.

Shapes are (runs, records, skills). Runs with fewer records are filled up with weight 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from domino_sim.levels import Floats

__all__ = ["LEAST_NOISE", "Records", "make_nodes", "noise_of"]

#: Part of the nodes of a run that is spread evenly over its records, whatever moves.
_EVEN = 0.25

#: A skill has begun when it is this many standard deviations above its start, and is learned when
#: it is less than so many below 1.
_BEGUN, _LEARNED = 2.0, 2.5

#: Standard deviation of noise below which the model's own arithmetic would be fitted.
LEAST_NOISE = 2e-3


@dataclass(frozen=True)
class Records:
    """Levels with their weights.

    Attributes
    ----------
    level : (runs, records, n) array
        Levels, 0 where there is none.
    weight : (runs, records, n) array
        1/σ², 0 where there is no level.
    floor
        Level of an untrained skill; or levels at the start of the runs, (runs, 1, n).
    steps : (runs, records) array, optional
        Training steps, where runs go on from others; of means, the mean.
    """

    level: Floats
    weight: Floats
    floor: float | Floats = 0.0
    steps: Floats | None = None

    @property
    def runs(self) -> int:
        """Number of runs."""
        return len(self.level)

    @cached_property
    def smooth(self) -> Floats:
        """The nearest rising curves, (runs, records, n)."""
        return _rising(self)

    @cached_property
    def error(self) -> Floats:
        """Standard deviations, (runs, records, n); huge where there is no level."""
        return 1.0 / np.sqrt(np.where(self.weight > 0.0, self.weight, 1e-12))

    @cached_property
    def learned(self) -> np.ndarray:
        """Whether a skill cannot be told from learned."""
        return (self.smooth > 1.0 - _LEARNED * self.error) & (self.weight > 0.0)

    @cached_property
    def under_way(self) -> np.ndarray:
        """Whether a skill has surely begun and is surely not learned, (runs, records, n)."""
        begun = self.smooth > self.floor + _BEGUN * self.error
        return begun & ~self.learned & (self.weight > 0.0)

    @cached_property
    def used(self) -> np.ndarray:
        """Where there is any level, (runs, records)."""
        used: np.ndarray = self.weight.max(axis=2) > 0.0
        return used

    @cached_property
    def by_skill(self) -> tuple[Floats, Floats]:
        """Levels and 1/σ with skills first, (n, runs, records)."""
        level, weight = (np.moveaxis(of, -1, 0) for of in (self.level, self.weight))
        return np.ascontiguousarray(level), np.sqrt(weight)

    @property
    def values(self) -> int:
        """Number of levels."""
        return int((self.weight > 0.0).sum())


def noise_of(level: Floats, known: np.ndarray) -> float:
    """Return the standard deviation of the noise on `level` (runs, records, n).

    From second differences of neighbours, which a smooth curve hardly has; their median, which a
    few kinks do not move.
    """
    bends = []
    for run, here in zip(level, known, strict=True):
        for curve, there in zip(run.T, here.T, strict=True):
            values = curve[there]
            bends.append(np.diff(values, 2) / np.sqrt(6.0))
    every = np.abs(np.concatenate(bends)) if bends else np.zeros(0)
    # Values that repeat exactly are plateaus of a noise-free curve, or of rounding.
    return max(float(np.median(every)) / 0.6745 if every.size else 0.0, LEAST_NOISE)


def _rising(records: Records) -> Floats:
    """Return the nearest rising curves, (runs, records, n)."""
    from scipy.optimize import isotonic_regression

    smooth = np.empty_like(records.level)
    least = 1e-9 * max(float(records.weight.max(initial=0.0)), 1e-12)
    for r in range(records.runs):
        for i in range(records.level.shape[2]):
            weight = np.maximum(records.weight[r, :, i], least)
            smooth[r, :, i] = isotonic_regression(records.level[r, :, i], weights=weight).x
    return smooth


def make_nodes(records: Records, count: int) -> Records:
    """Return means of neighbouring records, about `count` of a run, at equal shares of motion.

    Each record counts the same, whatever its noise: where that is less at one end of a rise, the
    mean would else be of that end.
    """
    smooth = records.smooth
    runs, length, n = records.level.shape
    count = min(count, length)
    level, weight, variance = np.zeros((3, runs, count, n))
    # Of even noise weights are added up, which is the same.
    most = float(records.weight.max(initial=0.0))
    each = np.where(records.weight > 0.0, most, 0.0)
    uneven = bool((each != records.weight).any())
    steps = None if records.steps is None else np.zeros((runs, count))
    for r in range(runs):
        used = records.weight[r].any(axis=1)
        motion = np.abs(np.diff(smooth[r], axis=0)).sum(axis=1) * used[1:]
        even = used[1:] / max(int(used[1:].sum()), 1)
        share = motion / max(float(motion.sum()), 1e-9) + _EVEN * even
        share = np.concatenate([[0.0], np.cumsum(share)])
        label = np.minimum((share / max(share[-1], 1e-9) * count).astype(int), count - 1)
        _, label = np.unique(label, return_inverse=True)
        np.add.at(weight[r], label, each[r])
        np.add.at(level[r], label, each[r] * records.level[r])
        if uneven:
            np.add.at(variance[r], label, np.square(each[r] * records.error[r]))
        if steps is not None and records.steps is not None:
            held = np.maximum(np.bincount(label[used], minlength=count), 1)
            total = np.bincount(label[used], records.steps[r, used], minlength=count)
            steps[r] = total / held
    known = weight > 0.0
    mean = np.where(known, level / np.where(known, weight, 1.0), 0.0)
    if uneven:
        weight = np.where(known, weight**2 / np.where(known, variance, 1.0), 0.0)
    return Records(mean, weight, records.floor, steps)
