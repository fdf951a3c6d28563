"""What curves show before any model: which move and fall, how they grow, where they start.

Shapes are those of `Records`: levels (runs, records, n); what is said of a curve is (runs, n).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from domino_sim.inference.records import Records
from domino_sim.levels import Floats, Loss

__all__ = [
    "ends", "falls_from", "first_levels", "growths", "heads", "in_rises", "opposite", "outside",
    "resting", "rises", "start_levels",
]  # fmt: skip

#: A curve rises if the means of its first and last quarter differ by so many standard errors; or
#: those of fewer records at its start and its last quarter, if it is then learned and has risen so
#: far (so many starts are tried that more is asked of them). The first record of a flat curve may
#: be an odd one.
_FLAT, _SOON = 4.0, 5.0
_LEARNED_BY, _RISEN = 0.8, 0.25

#: Records whose mean is the last level of a curve.
_LAST = 3

#: A curve falls if its mean over this part of its records (at least so many, if there are three
#: times as many) comes down by so many standard errors, and so much.
_PART, _LEAST, _FALLS, _DEEP = 1 / 20, 3, 8.0, 0.1

#: A curve begins near 0 below this; near ½, where a fair coin is, within so much of it.
_LOW, _NEAR_HALF = 0.3, 0.05

#: Growth from ½ is tried alone where so great a part of the curves begins there, none lower, and
#: there are so many.
_MOST, _FEW = 0.5, 4

#: A skill has been trained before if its level at step 0 is so many standard deviations and this
#: above that of an untrained one; it cannot be told from learned within so many of 1.
_TRAINED, _LEARNED = (4.0, 0.02), 2.5

#: A record is in a rise between these parts of the way from untrained to learned.
_IN_RISE = 0.1, 0.9

#: A level is outside 0 to 1 by more than noise and this; far below 0 by this. Of compositional
#: geometry 108 of the 109 runs of 516 worlds that go below −0.1 go below −0.2 as well; levels of
#: perceptrons that are not learned yet wander to −0.1 in one run of 20, to −0.2 in one of 150.
_OUTSIDE, _FAR_BELOW = 0.03, 0.2

#: A curve comes near 1 if it may end within so much of it.
_BELOW = 0.005


def rises(level: Floats, known: np.ndarray, sigma: float) -> Floats:
    """Return by how much the last quarter of a curve is above its start; 0 where that is noise.

    The start is the first quarter, or less: of a skill that is learned within a few records the
    first quarter shows hardly anything.
    """
    found = np.zeros((len(level), level.shape[2]))
    for r, i in np.ndindex(found.shape):
        curve = level[r, known[r, :, i], i]
        if len(curve) < 2:
            continue
        last = size = max(1, len(curve) // 4)
        while size:
            rise = curve[-last:].mean() - curve[:size].mean()
            whole = size == last
            learned = curve[-last:].mean() > _LEARNED_BY and rise > _RISEN
            sure = (_FLAT if whole else _SOON) * sigma * np.sqrt(1.0 / size + 1.0 / last)
            if rise > sure and (whole or learned):
                found[r, i] = rise
                break
            size //= 2
    return found


def ends(level: Floats, known: np.ndarray) -> Floats:
    """Return the mean of the last quarter of each curve, (runs, n); NaN without one."""
    found = np.full((len(level), level.shape[2]), np.nan)
    for r, i in np.ndindex(found.shape):
        curve = level[r, known[r, :, i], i]
        if len(curve):
            found[r, i] = curve[-max(1, len(curve) // 4) :].mean()
    return found


def heads(
    level: Floats, known: np.ndarray, sigma: float, steps: Sequence[Floats]
) -> tuple[Floats, Floats]:
    """Return the last level of each curve, and where it would be after half a run more, (runs, n).

    Of the `steps` of each run, not of its records, which may be denser at first. What is added is
    twice by how much the mean of the last quarter is above that of the quarter before, unless that
    may be noise. NaN where there is no curve.
    """
    last = np.full((len(level), level.shape[2]), np.nan)
    later = last.copy()
    for r, i in np.ndindex(last.shape):
        there = np.flatnonzero(known[r, :, i])
        if not len(there):
            continue
        curve, at = level[r, there, i], np.asarray(steps[r])[there]
        part = (at - at[0]) / max(at[-1] - at[0], 1.0)
        last[r, i] = later[r, i] = curve[-min(_LAST, max(1, len(curve) // 4)) :].mean()
        end, before = curve[part >= 0.75], curve[(part >= 0.5) & (part < 0.75)]
        if len(end) and len(before):
            more = end.mean() - before.mean()
            if more > _FLAT * sigma * np.sqrt(1.0 / len(end) + 1.0 / len(before)):
                later[r, i] += 2.0 * more
    return last, later


def falls_from(level: Floats, known: np.ndarray, sigma: float) -> np.ndarray:
    """Return the last record of its height from which a curve falls for good, -1 where none.

    What goes above 1 and comes back is not forgotten, nor what falls and rises again.
    """
    found = np.full((len(level), level.shape[2]), -1)
    for r, i in np.ndindex(found.shape):
        at = np.flatnonzero(known[r, :, i])
        size = max(int(_PART * len(at)), _LEAST if len(at) > 3 * _LEAST else 1)
        if len(at) < 2 * size:
            continue
        mean = np.convolve(level[r, at, i], np.full(size, 1.0 / size), "valid")
        mean, error = np.clip(mean, 0.0, 1.0), sigma / np.sqrt(size)
        if mean.max() - mean[-1] > max(_FALLS * error, _DEEP):
            high = np.flatnonzero(mean >= mean.max() - 0.5 * _FALLS * error)
            # The mean there may reach into the fall; its first record does not.
            found[r, i] = at[high[-1]]
    return found


def opposite(level: Floats, known: np.ndarray, sigma: float) -> np.ndarray:
    """Return which curves surely go far below 0, (runs, n) of bool: the mean over some records."""
    found = np.zeros((len(level), level.shape[2]), dtype=bool)
    for r, i in np.ndindex(found.shape):
        curve = level[r, known[r, :, i], i]
        size = max(int(_PART * len(curve)), _LEAST)
        if len(curve) >= size:
            mean = np.convolve(curve, np.full(size, 1.0 / size), "valid")
            found[r, i] = mean.min() < -_FAR_BELOW - _FALLS * sigma / np.sqrt(size)
    return found


def first_levels(level: Floats, known: np.ndarray, sigma: float) -> Floats:
    """Return where curves begin (runs, n), NaN without one: the mean while they are flat."""
    found = np.full((len(level), level.shape[2]), np.nan)
    for r, i in np.ndindex(found.shape):
        curve = level[r, known[r, :, i], i]
        size = min(1, len(curve))
        while 0 < 2 * size <= len(curve):
            more = curve[size : 2 * size].mean() - curve[:size].mean()
            if abs(more) > sigma * np.sqrt(2.0 / size):
                break
            size *= 2
        if size:
            found[r, i] = curve[:size].mean()
    return found


def growths(first: Floats) -> tuple[Loss, ...]:
    """Return the growth laws that the first levels of curves that move permit, the likelier first.

    Under ``ce`` none is ever below ½, where a skill waits. Under ``mse`` skills wait at 0; but of
    records that begin late few may be left that do, and then both are to be tried.
    """
    low = float((first < _LOW).mean()) if first.size else 1.0
    half = float((np.abs(first - 0.5) < _NEAR_HALF).mean()) if first.size else 0.0
    if low > half:
        return ("mse",)
    if low == 0.0 and half >= _MOST and first.size >= _FEW:
        return ("ce",)
    return ("ce", "mse")


def start_levels(first: Floats, at_start: np.ndarray, sigma: float, floor: float) -> Floats:
    """Return levels at the start of a run of skills that were trained before; else `floor`.

    Parameters
    ----------
    first : (runs, n) array
        Where curves begin.
    at_start : (runs, n) array of bool
        Whether a curve has a record at step 0. Where it begins later, skills have learned since.
    sigma
        Standard deviation of the noise.
    floor
        The level of an untrained skill.
    """
    with np.errstate(invalid="ignore"):
        before = at_start & (first > floor + _TRAINED[0] * sigma + _TRAINED[1])
        learned = first > 1.0 - _LEARNED * sigma
    return np.where(before, np.where(learned, 1.0, first), floor)


def in_rises(records: Records, whole: np.ndarray, floor: float) -> float:
    """Return how many records are in the rise of curves `whole` (runs, n): the median, or inf."""
    part = (records.smooth - floor) / (1.0 - floor)
    inside = (part > _IN_RISE[0]) & (part < _IN_RISE[1]) & (records.weight > 0.0)
    counts = inside.sum(axis=1)[whole]
    return float(np.median(counts)) if counts.size else math.inf


def outside(level: Floats, known: np.ndarray, sigma: float) -> tuple[float, float] | None:
    """Return the range of levels where it is surely more than 0 to 1: of means of quarters."""
    low, high = 0.0, 1.0
    for r, i in np.ndindex(len(level), level.shape[2]):
        curve = level[r, known[r, :, i], i]
        size = max(1, len(curve) // 4)
        if len(curve) < 2:
            continue
        sure = _FLAT * sigma / np.sqrt(size) + _OUTSIDE
        first, last = float(curve[:size].mean()), float(curve[-size:].mean())
        low, high = (
            min(low, first if first < -sure else 0.0),
            max(high, last if last > 1.0 + sure else 1.0),
        )
    return None if (low, high) == (0.0, 1.0) else (low, high)


def resting(level: Floats, known: np.ndarray, sigma: float, rise: Floats) -> float | None:
    """Return the highest level at which a curve that rises rests, if none comes near 1."""
    highest = 0.0
    for r, i in np.argwhere(rise > _RISEN):
        curve = level[r, known[r, :, i], i]
        size = max(1, len(curve) // 8)
        last, before = curve[-size:].mean(), curve[-2 * size : -size].mean()
        sure = _FLAT * sigma / np.sqrt(size)
        if last + sure > 1.0 - _BELOW:
            return None
        if last - before < 0.5 * sure + _OUTSIDE:
            highest = max(highest, float(last))
    return highest or None
