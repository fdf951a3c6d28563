"""The clock for any law and any path: t = ∫ D dτ/η on rows of Chebyshev points."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from domino_sim.engines import chebyshev
from domino_sim.engines.paths import Rows
from domino_sim.levels import Floats, Ints

_MOST_ROUNDS = 60

#: Part of D below which its last coefficients are nothing but rounding.
_ROUNDING = 1e-14

#: Rows shorter than this part of their τ are not halved: their points would coincide.
_SHORTEST = 1e-12

#: Error of a row's time, relative to all the time passed, above which the row is split.
_TIME_TOLERANCE = 1e-12


@dataclass(frozen=True, slots=True)
class Flow:
    """What a path does on rows: D at the points (rows, points), and which rows resolve the path.

    `work` is (skills, rows, points); a path that has no work of its own leaves it out.
    """

    division: Floats
    resolved: np.ndarray
    work: Floats | None = None


class RowClock:
    """Any law and any path: t = ∫ D dτ/η on rows that are halved until they resolve D.

    Parameters
    ----------
    flow
        Gives D, and the path, on rows; the rows cover every run's clock without holes.
    edges : (runs, m) array
        Where the first rows begin and end, not decreasing.
    rate, horizon : (runs,) arrays
        η, and the training time up to which the clock is wanted.

    Attributes
    ----------
    rows
        The rows that resolve the run, up to the first that passes the horizon.
    work : (skills, rows, points) array, or None
        Work at the points.
    times : (rows, points) array
        Training time at the points.
    division : (rows, points) array
        D at the points.
    """

    def __init__(
        self, flow: Callable[[Rows], Flow], edges: Floats, rate: Floats, horizon: Floats
    ) -> None:
        start, end = edges[:, :-1], edges[:, 1:]
        sets = np.broadcast_to(np.arange(len(edges))[:, None], start.shape)
        used = end > start
        rows = Rows(sets[used], start[used], end[used])
        for _ in range(_MOST_ROUNDS):
            found = flow(rows)
            pace = found.division / rate[rows.sets, None]
            within = (pace @ chebyshev.INTEGRAL) * rows.half
            first = np.concatenate([[True], np.diff(rows.sets) > 0])
            before = _running(within[:, -1], first)
            until = np.minimum(horizon[rows.sets], before + within[:, -1])
            # Relative to all the time passed: D need not be resolved where hardly any passes.
            unresolved = chebyshev.tail(pace)
            rough = unresolved * rows.half[:, 0] > _TIME_TOLERANCE * until
            rough &= unresolved > _ROUNDING * pace.max(axis=1)
            split = (rough | ~found.resolved) & (before <= 2.0 * horizon[rows.sets])
            split &= rows.end - rows.start > _SHORTEST * rows.end
            if not split.any():
                break
            rows = rows.split(split)
        kept = (before <= horizon[rows.sets]) | first
        self.rate = rate
        self.rows = rows.keep(kept)
        self.work = None if found.work is None else found.work[:, kept]
        self.division = found.division[kept]
        self.before = before[kept]
        self.within = np.maximum.accumulate(within[kept], axis=1)

    @property
    def times(self) -> Floats:
        """Training time at the points, (rows, points)."""
        return self.before[:, None] + self.within

    def locate(self, t: Floats, run: Ints) -> tuple[Ints, Floats]:
        """Row and place x in it of training times `t` (k,) of runs `run` (k,)."""
        row = self._row_of(self.before + self.within[:, -1], t, run)
        target, most = np.maximum(t - self.before[row], 0.0), self.within[row, -1]
        x = chebyshev.solve_increasing(self.within, row, np.minimum(target, most))
        # Where time has run out for good, D being zero, everything is learned: the very end.
        return row, np.where(target >= most, 1.0, x)

    def tau_of(self, t: Floats, run: Ints) -> Floats:
        """Clock at training times `t` (k,) of runs `run` (k,)."""
        row, x = self.locate(t, run)
        start, end = self.rows.start[row], self.rows.end[row]
        return start + (end - start) * 0.5 * (x + 1.0)

    def tau(self, t: Floats) -> Floats:
        """Clock at training times `t` (runs, k)."""
        return self.tau_of(t.ravel(), _runs_of(t)).reshape(t.shape)

    def time(self, tau: Floats, sets: Ints | slice) -> Floats:
        """Training time at `tau` (runs, k) of all runs; inf beyond the last row."""
        row = self._row_of(self.rows.end, tau.ravel(), _runs_of(tau)).reshape(tau.shape)
        start, end = self.rows.start[row], self.rows.end[row]
        x = np.clip(2.0 * (tau - start) / (end - start) - 1.0, -1.0, 1.0)
        return np.where(tau > end * (1.0 + 1e-12), np.inf, self.time_at(row, x))

    def time_at(self, row: Ints, x: Floats) -> Floats:
        """Training time at places `x` of rows `row`, arrays of one shape."""
        coefficients = self.within @ chebyshev.COEFFICIENTS
        within = np.einsum("...c,...c->...", coefficients[row], chebyshev.basis(x))
        return self.before[row] + within

    def work_at(self, row: Ints, x: Floats) -> Floats:
        """Work (skills, k) at places `x` (k,) of rows `row` (k,)."""
        assert self.work is not None
        coefficients = self.work @ chebyshev.COEFFICIENTS
        return np.einsum("nkc,kc->nk", coefficients[:, row], chebyshev.basis(x))

    def _row_of(self, ends: Floats, wanted: Floats, run: Ints) -> Ints:
        """Index of the row of each run in which `wanted` (k,) lies; the last one if beyond."""
        runs = np.arange(len(self.rate))
        begin, stop = (np.searchsorted(self.rows.sets, runs, side) for side in ("left", "right"))
        if len(runs) == 1:
            return np.minimum(np.searchsorted(ends, wanted), len(ends) - 1)
        # One search for all runs: each run's ends are moved into a unit interval of its own.
        last = np.maximum(ends[stop - 1], 1e-300)
        keys = self.rows.sets + 0.5 * (ends / last[self.rows.sets])
        found = np.searchsorted(keys, run + 0.5 * (np.minimum(wanted, 1.2 * last[run]) / last[run]))
        return np.clip(found, begin[run], stop[run] - 1)


def _runs_of(values: Floats) -> Ints:
    """Run of each element of a flattened (runs, k) array."""
    return np.repeat(np.arange(len(values)), values.shape[1])


def _running(values: Floats, first: np.ndarray) -> Floats:
    """Sum of the earlier `values` of the same run; `first` marks where a run begins."""
    total = np.zeros(len(values))
    bounds = [*np.flatnonzero(first).tolist(), len(values)]
    # Run by run: in one sum over all runs, the long times of some would swallow short ones.
    for begin, end in itertools.pairwise(bounds):
        np.cumsum(values[begin : end - 1], out=total[begin + 1 : end])
    return total
