"""The best clock on a grid, wherever it was before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from domino_sim.inference.forms import Courses
from domino_sim.levels import Floats, work_from_level

__all__ = ["Sought", "sought"]

#: Points of the grid on which the clock is looked for: of each skill, and at most.
_OF_SKILL, _MOST_POINTS = 30, 1000


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
    grid = _grid(courses, tracks)
    skills = list(tracks)
    stacked = np.stack(list(tracks.values()))
    model, _ = courses.levels(skills, stacked, grid, courses.place(grid))
    there, weight = level[..., skills], weight[..., skills]
    # Σ weight (model² − 2 there model) as one product, of arrays that lie as it wants them.
    both = np.empty((len(grid), 2 * len(skills), grid.shape[1]))
    both[:, len(skills) :] = np.moveaxis(model, 0, 1)
    np.square(both[:, len(skills) :], out=both[:, : len(skills)])
    cost = np.concatenate([weight, -2.0 * weight * there], axis=2) @ both
    cost += np.einsum("rki,rki,rki->rk", weight, there, there)[..., None]
    for k in range(1, cost.shape[1]):
        cost[:, k] += np.minimum.accumulate(cost[:, k - 1], axis=-1)
    at = np.empty(cost.shape[:2], dtype=np.int64)
    point, stop = np.arange(grid.shape[1]), np.full((len(grid), 1), grid.shape[1])
    for k in range(cost.shape[1] - 1, -1, -1):
        at[:, k] = np.where(point < stop, cost[:, k], np.inf).argmin(axis=1)
        stop = at[:, k, None] + 1
    return Sought(np.take_along_axis(grid, at, axis=1), cost[:, -1].min(axis=-1))


def _grid(courses: Courses, tracks: Mapping[int, Floats]) -> Floats:
    """Instants at which some skill passes one of a few levels, (runs, points)."""
    count = max(4, min(_OF_SKILL, _MOST_POINTS // max(len(tracks), 1)))
    floor = courses.form.floor
    marks = floor + (1.0 - floor) * 0.997 * (np.arange(count) + 0.5) / count
    work = work_from_level(marks, courses.form.loss) - courses.form.start
    work = np.broadcast_to(work, (courses.runs, count))
    found = [courses.inverse(i, t[None], work)[0] for i, t in tracks.items()]
    return np.sort(np.concatenate([np.zeros((courses.runs, 1)), *found], axis=1), axis=1)
