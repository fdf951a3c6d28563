"""What each curve shows alone under a serial pool: a level, then 1 from its turn on.

A skill waits at the level at which it starts, until its turn comes; then it is mastered. So a curve
is a step whose place, and the level before it, are free. All records count: one alone tells no
better than its noise whether a skill starts mastered or nearly so.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from domino_sim.inference.forms import Form, trained
from domino_sim.inference.study import Study
from domino_sim.levels import Floats

__all__ = ["Turns", "read_turns", "start_levels"]

#: χ² by which a curve that was served is better with a rise than without, and the least rise.
_SURE, _MOVED = 25.0, 0.02

#: How probable it must be that a skill without a rise was mastered, or waited, all along.
_PROBABLE = 0.95

#: A level that is this many standard errors above that of an untrained skill or less is the same.
_NEAR = 3.0

#: A skill that is served starts below 1, however near.
_BELOW = 1.0 - 1e-6


@dataclass(frozen=True)
class Turns:
    """What the curves of skills show, each alone; all (runs, n).

    Attributes
    ----------
    served
        Whether it rises.
    at
        The record at which it does, about half-way; −1 before the first.
    level
        Its level before that, or all along; that of an untrained skill where there is no record.
    mastered
        Whether it is mastered from the start.
    doubtful
        Whether it may have been mastered from the start, or have been served unseen.
    """

    served: np.ndarray
    at: Floats
    level: Floats
    mastered: np.ndarray
    doubtful: np.ndarray


def read_turns(study: Study) -> Turns:
    """Return what each curve shows.

    A skill that its run does not train is not served, but may have been learned before. What is
    mastered in a piece of a run is so in the pieces that follow it. What is mastered at the
    first record of a run whose records begin late was served before.
    """
    records, floor = study.records, _floor(study)
    shape, known = study.frequency.shape, trained(study.frequency, study.free)
    served, mastered, doubtful = np.zeros((3, *shape), dtype=bool)
    at, level = np.zeros(shape), np.full(shape, floor)
    for r, i in np.ndindex(*shape):
        there = np.flatnonzero(records.weight[r, :, i])
        if not len(there):
            continue
        one = _Curve(records.level[r, there, i], records.weight[r, there, i], floor)
        place = one.rises() if known[r, i] else 0
        if place:
            served[r, i], at[r, i] = True, there[place]
            level[r, i] = min(one.before[place - 1], _BELOW)
            continue
        is_mastered, waits = one.odds()
        mastered[r, i] = is_mastered > _PROBABLE
        doubtful[r, i] = max(is_mastered, waits) <= _PROBABLE
        level[r, i] = 1.0 if mastered[r, i] else min(one.mean, _BELOW)
    late = _begins_late(study)[:, None] & known & mastered
    served |= late
    at[late] = -1.0
    mastered &= ~late
    if study.follows is not None:
        for r, before in enumerate(study.follows.run.tolist()):
            if before >= 0:
                last = np.where(served[before], at[before], -1.0).max()
                done = mastered[before] | (served[before] & (at[before] < last))
                mastered[r] |= done
                served[r] &= ~done
                doubtful[r] &= ~done
                level[r, done] = 1.0
    return Turns(served, at, level, mastered, doubtful)


class _Curve:
    """One curve, its levels and weights (records,), and χ² of steps after each record."""

    def __init__(self, level: Floats, weight: Floats, floor: float) -> None:
        self._weight, self._sum = np.cumsum(weight), np.cumsum(weight * level)
        self._square = np.cumsum(weight * np.square(level))
        self._floor = floor
        self._raw = self._sum / self._weight
        self.before = np.clip(self._raw, floor, 1.0)

    @property
    def mean(self) -> float:
        """Mean level; that of an untrained skill where it is above it by no more than noise."""
        near = self._floor + _NEAR / float(self._weight[-1]) ** 0.5
        return self._floor if self._raw[-1] < near else float(self.before[-1])

    def rises(self) -> int:
        """Return the record at which the curve rises, if it surely does; else 0."""
        whole, rest = self._weight[-1], self._weight[-1] - self._weight[:-1]
        if not len(rest):
            return 0
        after = (self._sum[-1] - self._sum[:-1]) / rest
        rise = after - self._raw[:-1]
        gain = np.where(rise > _MOVED, np.square(rise) * self._weight[:-1] * rest / whole, 0.0)
        best = int(gain.argmax())
        return best + 1 if gain[best] > _SURE else 0

    def odds(self) -> tuple[float, float]:
        """Return how probable it is that the skill was mastered all along, and that it waited.

        Else it was served after some record. Each is as likely beforehand, the level before any.
        """
        width = np.sqrt(2.0 * np.pi / self._weight) / (1.0 - self._floor)
        ahead = self._square - 2.0 * self.before * self._sum
        ahead += np.square(self.before) * self._weight
        mastered = self._square - 2.0 * self._sum + self._weight
        served = ahead[:-1] + mastered[-1] - mastered[:-1]
        least = min(ahead[-1], mastered[-1], served.min(initial=np.inf))
        some = np.exp(-0.5 * (served - least)) * width[:-1]
        each = np.array([
            np.exp(-0.5 * (mastered[-1] - least)),
            np.exp(-0.5 * (ahead[-1] - least)) * width[-1],
            some.mean() if len(some) else 0.0,
        ])  # fmt: skip
        each /= each.sum()
        return float(each[0]), float(each[1])


def start_levels(study: Study, turns: Turns, waits: np.ndarray) -> Floats:
    """Return levels (runs, n) at the start, of skills that were served from the records before.

    Parameters
    ----------
    waits : (runs, records, n) array of bool
        At which records a skill surely waits; where it does at none, its first one tells, if it is
        that of the start.
    """
    records, floor, late = study.records, _floor(study), _begins_late(study)
    found = turns.level.copy()
    for r, i in np.argwhere(turns.served).tolist():
        there = records.weight[r, :, i] > 0.0
        here = there & waits[r, :, i]
        if here.any():
            level, error = records.level[r, here, i].mean(), study.sigma / here.sum() ** 0.5
        elif late[r]:
            level, error = floor, study.sigma
        else:
            level, error = records.smooth[r, int(there.argmax()), i], study.sigma
        found[r, i] = floor if level < floor + _NEAR * error else min(level, _BELOW)
    return found


def _begins_late(study: Study) -> np.ndarray:
    """Return which runs have no records of their start, (runs,) of bool."""
    late = np.array([steps[0] > 0.0 for steps in study.steps])
    return late if study.follows is None else late & (study.follows.run < 0)


def _floor(study: Study) -> float:
    return Form("hard", 1.0, study.growths[0]).floor
