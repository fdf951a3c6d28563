"""The best clock on a grid, wherever it was before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from domino_sim.inference.forms import Courses
from domino_sim.levels import Floats, work_from_level

__all__ = ["Sought", "sought", "sought_with"]

#: Points of the grid on which the clock is looked for: of each skill, and at most.
_OF_SKILL, _MOST_POINTS = 30, 1000

#: The same where the clocks of many changes are looked for.
_OF_MANY, _MOST_OF_MANY = 15, 500


class Sought(NamedTuple):
    """A clock (runs, records) on the grid, and its χ² in each run."""

    tau: Floats
    error: Floats


def sought(
    courses: Courses, tracks: Mapping[int, Floats], level: Floats, weight: Floats
) -> Sought:
    """Return the rising sequence of points of a grid that fits best.

    Viterbi's recursion: the best way to be at point g with record k comes from the best way to be
    at any point up to g with record k − 1.

    Parameters
    ----------
    courses
        Of the runs.
    tracks
        Of each skill that counts.
    level, weight : (runs, records, n) arrays
        Levels and 1/σ² of all skills.
    """
    grid = _grid(courses, tracks, _count(len(tracks), _OF_SKILL, _MOST_POINTS))
    skills = list(tracks)
    model = _models(courses, tracks, grid)
    there, weight = level[..., skills], weight[..., skills]
    return _path(grid, _costs(model, there, weight))


def sought_with(
    courses: Courses, tracks: Mapping[int, Floats], changed: Sequence[Mapping[int, Floats]],
    level: Floats, weight: Floats,
) -> Sought:  # fmt: skip
    """Return the clock of one run that fits best (`sought`) for each of several changes of tracks.

    What skills that are not changed cost is the same for all, and reckoned once.

    Parameters
    ----------
    courses
        Of the one run.
    tracks
        Of each skill that counts, without any change.
    changed
        The tracks that each change replaces.
    level, weight : (1, records, n) arrays
        Levels and 1/σ² of all skills.

    Returns
    -------
    Sought
        A row for every change.
    """
    new = {(i, k): one[i] for k, one in enumerate(changed) for i in one}
    count = _count(len(tracks), _OF_MANY, _MOST_OF_MANY)
    marks = [_marks(courses, i, track, count) for (i, _), track in new.items()]
    grid = np.sort(np.concatenate([_grid(courses, tracks, count), *marks], axis=1), axis=1)
    order, model = list(tracks), _models(courses, tracks, grid)
    base = _costs(model, level[..., order], weight[..., order])
    cost = np.repeat(base, len(changed), axis=0)
    for each, one in zip(cost, changed, strict=True):
        if not one:
            continue
        skills = list(one)
        rows = [order.index(i) for i in skills]
        after = _models(courses, one, grid)
        there, heavy = level[..., skills], weight[..., skills]
        each += _costs(after, there, heavy)[0] - _costs(model[rows], there, heavy)[0]
    return _path(np.repeat(grid, len(changed), axis=0), cost)


def _models(courses: Courses, tracks: Mapping[int, Floats], grid: Floats) -> Floats:
    stacked = np.stack(list(tracks.values()))
    return courses.levels(list(tracks), stacked, grid, courses.place(grid))[0]


def _costs(model: Floats, there: Floats, weight: Floats) -> Floats:
    """Return χ² (runs, records, points) of models (skills, runs, points)."""
    count = len(model)
    # Σ weight (model² − 2 there model) as one product, of arrays that lie as it wants them.
    both = np.empty((model.shape[1], 2 * count, model.shape[2]))
    both[:, count:] = np.moveaxis(model, 0, 1)
    np.square(both[:, count:], out=both[:, :count])
    cost = np.concatenate([weight, -2.0 * weight * there], axis=2) @ both
    cost += np.einsum("rki,rki,rki->rk", weight, there, there)[..., None]
    return np.asarray(cost)


def _path(grid: Floats, cost: Floats) -> Sought:
    """Return the rising points of the grid (runs, points) that cost least; `cost` is changed."""
    for k in range(1, cost.shape[1]):
        cost[:, k] += np.minimum.accumulate(cost[:, k - 1], axis=-1)
    at = np.empty(cost.shape[:2], dtype=np.int64)
    point, stop = np.arange(grid.shape[1]), np.full((len(grid), 1), grid.shape[1])
    for k in range(cost.shape[1] - 1, -1, -1):
        at[:, k] = np.where(point < stop, cost[:, k], np.inf).argmin(axis=1)
        stop = at[:, k, None] + 1
    return Sought(np.take_along_axis(grid, at, axis=1), cost[:, -1].min(axis=-1))


def _count(skills: int, each: int, most: int) -> int:
    return max(4, min(each, most // max(skills, 1)))


def _grid(courses: Courses, tracks: Mapping[int, Floats], count: int) -> Floats:
    """Instants at which some skill passes one of `count` levels, (runs, points)."""
    found = [_marks(courses, i, track, count) for i, track in tracks.items()]
    return np.sort(np.concatenate([np.zeros((courses.runs, 1)), *found], axis=1), axis=1)


def _marks(courses: Courses, skill: int, track: Floats, count: int) -> Floats:
    """Return when a skill passes `count` levels, (runs, points)."""
    floor = courses.form.floor
    marks = floor + (1.0 - floor) * 0.997 * (np.arange(count) + 0.5) / count
    work = work_from_level(marks, courses.form.loss) - courses.form.start
    return courses.inverse(skill, track[None], np.broadcast_to(work, (courses.runs, count)))[0]
