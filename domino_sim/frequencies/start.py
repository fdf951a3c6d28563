"""Where the search for frequencies begins: ratios of work done, without any clock.

w_ki = p_i τ_k is a table of rank one, for whatever clock; with gates only its changes from
record to record are, between skills that learn at the time. Alternating weighted least squares.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from domino_sim.frequencies.clock_free import Run
from domino_sim.levels import Floats, Loss, work_from_level

__all__ = ["first_frequencies"]

#: Records of a run are averaged down to about so many.
_RECORDS = 60

#: Levels nearer to 1 say nothing of the work done.
_NEAR_ONE = 0.97

#: Changes of the level below this may be noise before a gate opens.
_MOVES = 0.02

_ROUNDS = 60

#: The least frequency, and those of skills no record shows learning: learned by then, or not.
#: The most frequent skill that is seen has 1.
_LEAST, _FAST, _SLOW = 1e-5, 10.0, 1e-3


def first_frequencies(runs: Sequence[Run], start: Floats, loss: Loss, gated: bool) -> Floats:
    """Return rough frequencies (n,) from the `runs`; `start` (n,) are the levels at the start."""
    tables = [_work(run, start, loss, gated) for run in runs]
    work = np.concatenate([table[0] for table in tables])
    weight = np.concatenate([table[1] for table in tables])
    n = work.shape[1]
    values = np.concatenate([run.level for run in runs])
    known = np.concatenate([run.weight > 0.0 for run in runs])
    mean = (values * known).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    unseen = np.where(mean > _NEAR_ONE, _FAST, _SLOW)
    p = np.ones(n)
    clock = np.concatenate([np.arange(1.0, len(table[0]) + 1.0) for table in tables])
    if gated:
        clock = np.ones(len(work))
    for _ in range(_ROUNDS):
        down = (weight * clock[:, None] ** 2).sum(axis=0)
        across = (weight * work * clock[:, None]).sum(axis=0)
        seen = down > 1e-12 * down.max(initial=1e-300)
        p = np.where(seen, across / np.where(seen, down, 1.0), 0.0)
        best = max(float(p.max(where=seen, initial=0.0)), 1e-300)
        p = np.where(seen, np.clip(p / best, _LEAST, 1.0), unseen)
        down = (weight * p * p).sum(axis=1)
        some = down > 0.0
        clock = np.where(some, (weight * work * p).sum(axis=1) / np.where(some, down, 1.0), clock)
        clock = np.maximum(clock, 1e-9 * np.abs(clock).max(initial=1e-300))
    return p / p.sum()


def _work(run: Run, start: Floats, loss: Loss, gated: bool) -> tuple[Floats, Floats]:
    """Work done, or done from record to record, and weights; (records, n) each."""
    size = max(1, len(run.rows) // _RECORDS)
    begins = np.arange(0, len(run.rows), size)
    known = np.add.reduceat(run.weight, begins)
    level = np.add.reduceat(run.weight * run.level, begins) / np.where(known > 0.0, known, 1.0)
    floor = -0.5 if loss == "mse" else 0.05
    inside = np.clip(level, floor, _NEAR_ONE)
    work = work_from_level(inside, loss) - work_from_level(start, loss)
    steep = 1.0 - inside if loss == "mse" else inside * np.square(1.0 - inside)
    weight = np.where((known > 0.0) & (level < _NEAR_ONE), known * steep * steep, 0.0)
    if not gated:
        return work, weight
    before, after = weight[:-1], weight[1:]
    both = (before > 0.0) & (after > 0.0) & (np.diff(level, axis=0) > _MOVES)
    joint = before * after / np.where(both, before + after, 1.0)
    return np.diff(work, axis=0), np.where(both, joint, 0.0)
