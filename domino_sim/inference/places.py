"""Where instants of the clock stand on a grid that is even in log τ."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from domino_sim.levels import Floats, Ints

__all__ = ["Place", "place_on"]

_LEAST = np.finfo(float).tiny


class Place(NamedTuple):
    """Where instants of the clock stand: after point `below`, by a `part` of the way on.

    `width` is the way.
    """

    below: Ints
    part: Floats
    width: Floats


def place_on(grid: Floats, tau: Floats) -> Place:
    """Return where `tau` (…, runs, records) is on the grid (runs, points) of its run.

    The grid begins with 0 and is even in the logarithm from its second point on: so the place is
    reckoned, not searched for. Beyond its end the last part goes on.
    """
    last = grid.shape[1] - 2
    run = np.arange(len(grid))[:, None]
    first = grid[:, 1, None]
    pace = last / np.log(grid[:, -1, None] / first)
    log = np.log(np.maximum(tau, _LEAST) / first) * pace
    index = (np.clip(log, -1.0, last) + 1.0).astype(np.int64)
    np.minimum(index, last, out=index)
    left, right = grid[run, index], grid[run, index + 1]
    # Rounding may miss by one point.
    off = ((right <= tau) & (index < last)).astype(np.int64) - (left > tau)
    if off.any():
        index = np.maximum(index + off, 0)
        left, right = grid[run, index], grid[run, index + 1]
    width = right - left
    return Place(index, (tau - left) / width, width)
