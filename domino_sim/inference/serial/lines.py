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

    def walk(self, order: Sequence[Order]) -> Floats:
        """Return the levels at every record, (runs, records, n)."""
        return self._aligner.walk(self._corners(order))

    def _corners(self, orders: Sequence[Order]) -> Floats:
        """Return the corners of every run's line, (runs, corners, n); the last is repeated."""
        longest = max(2, 1 + max(map(len, orders)))
        found = np.repeat(self.start[:, None], longest, axis=1)
        for r, order in enumerate(orders):
            for k, skill in enumerate(order):
                found[r, k + 1 :, skill] = 1.0
        return found
