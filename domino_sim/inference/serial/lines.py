"""Where levels go while skills are served one after another: straight lines from corner to corner.

A skill that is served goes from its level at the start to 1, all others stay. How fast is a matter
of the clock, which is free: records are compared with the nearest points of the line, in order
(:class:`~domino_sim.inference.networks.alignment.Aligner`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from domino_sim.inference.networks.alignment import Aligner
from domino_sim.inference.records import Records
from domino_sim.levels import Floats

__all__ = ["Lines", "Order"]

#: The skills that a run served, one after another.
Order = tuple[int, ...]

#: Places on a line that are the same but for rounding.
_SAME = 1e-9

#: Orders that are compared at once, times corners and records of all runs.
_BLOCK = 4_000_000


class Lines:
    """Records and the levels at which each run starts.

    Parameters
    ----------
    records
        Levels and weights (runs, records, n).
    start : (runs, n) array
        Levels at the start.
    """

    def __init__(self, records: Records, start: Floats) -> None:
        self.start = start
        self._records = records
        self._aligner = Aligner(records)

    @property
    def records(self) -> int:
        """Most records of a run."""
        return self._records.level.shape[1]

    def errors(self, orders: Sequence[Sequence[Order]]) -> Floats:
        """Return χ² (hypotheses, runs) of `orders`, by hypothesis and run."""
        runs, records, _ = self._records.level.shape
        corners = self.start.shape[1] + 1
        size = max(1, _BLOCK // (runs * records * corners))
        found = [
            self._aligner.errors(np.stack([self._corners(one) for one in orders[at : at + size]]))
            for at in range(0, len(orders), size)
        ]
        return np.concatenate(found) if found else np.zeros((0, runs))

    def errors_of_walk(self, orders: Sequence[Order]) -> Floats:
        """Return χ² (runs,) of levels that do not fall (`walk`)."""
        records = self._records
        far = records.weight * np.square(records.level - self.walk(orders))
        found: Floats = far.sum(axis=(1, 2))
        return found

    def walk(self, orders: Sequence[Order]) -> Floats:
        """Return the levels at every record, (runs, records, n).

        What `errors` compares with may go back and forth while one skill is served, which in the
        end, at 1, follows half of the noise; this does not.
        """
        from scipy.optimize import isotonic_regression

        found = self._aligner.walk(self._corners(orders))
        records = self._records
        for r, order in enumerate(orders):
            way = np.where(self.start[r] < 1.0, 1.0 - self.start[r], 1.0)
            place = ((found[r] - self.start[r]) / way)[:, list(order)].sum(axis=1)
            for k, skill in enumerate(order):
                here = np.flatnonzero((place >= k - _SAME) & (place <= k + 1 + _SAME))
                weight = records.weight[r, here, skill]
                if weight.any():
                    level = records.level[r, here, skill]
                    rising = isotonic_regression(level, weights=np.maximum(weight, 1e-9)).x
                    found[r, here, skill] = np.clip(rising, self.start[r, skill], 1.0)
        return found

    def _corners(self, orders: Sequence[Order]) -> Floats:
        """Return the corners of every run's line, (runs, corners, n); the last is repeated."""
        found = np.repeat(self.start[:, None], self.start.shape[1] + 1, axis=1)
        for r, order in enumerate(orders):
            for k, skill in enumerate(order):
                found[r, k + 1 :, skill] = 1.0
        return found
