"""How far curves are from a path, whatever the clock: the best monotone walk along it.

Records of a run are points in the space of levels, in order; a model gives a path. The distance is
that of the best walk that never goes back to an earlier segment of the path (Viterbi's recursion
over segments; within one, each record takes its nearest point).
"""

from __future__ import annotations

import numpy as np

from domino_sim.inference.records import Records
from domino_sim.levels import Floats

__all__ = ["Aligner"]


class Aligner:
    """Distances of paths from records.

    Parameters
    ----------
    records
        Levels and weights (runs, records, n).
    """

    def __init__(self, records: Records) -> None:
        self._weight = records.weight
        self._seen = records.weight * records.level
        self._square = np.einsum("rki,rki->rk", self._seen, records.level)

    def errors(self, path: Floats) -> Floats:
        """Return χ² of each run, (graphs, runs), of paths (graphs, runs, points, n)."""
        cost, _ = self._costs(path)
        walk = cost[:, :, 0]
        for k in range(1, cost.shape[2]):
            walk = np.minimum.accumulate(walk, axis=-1)
            walk += cost[:, :, k]
        return walk.min(axis=-1) + self._square.sum(axis=-1)

    def walk(self, path: Floats) -> Floats:
        """Return the levels of one path (runs, points, n) at every record, (runs, records, n)."""
        cost, part = (one[0] for one in self._costs(path[None]))
        best = cost.copy()
        for k in range(1, cost.shape[1]):
            best[:, k] += np.minimum.accumulate(best[:, k - 1], axis=-1)
        runs, records, _ = cost.shape
        found = np.empty((runs, records, path.shape[2]))
        for r in range(runs):
            stop = best.shape[2]
            for k in range(records - 1, -1, -1):
                at = int(best[r, k, :stop].argmin())
                stop = at + 1
                there = path[r, at]
                found[r, k] = there + part[r, k, at] * (path[r, at + 1] - there)
        return found

    def _costs(self, path: Floats) -> tuple[Floats, Floats]:
        """Return χ² of records by segments less a constant, and which part of the way is best.

        Both (graphs, runs, records, points − 1).
        """
        step = np.diff(path, axis=2)
        first = path[:, :, :-1]
        across = self._seen[None] @ path.swapaxes(2, 3)
        long = self._weight[None] @ np.square(step).swapaxes(2, 3) + 1e-12
        drive = np.diff(across, axis=3)
        drive -= self._weight[None] @ (first * step).swapaxes(2, 3)
        cost = self._weight[None] @ np.square(first).swapaxes(2, 3)
        cost -= 2.0 * across[..., :-1]
        part = np.clip(drive / long, 0.0, 1.0)
        drive *= 2.0
        long *= part
        long -= drive
        long *= part
        cost += long
        return cost, part
