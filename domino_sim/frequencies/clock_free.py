"""The resource clock from levels when the frequencies are known: monotone, otherwise free.

Each record has a τ of its own, and τ rises; that is all that is assumed, so no pool law, waste
or schedule of the learning rate matters. Least squares under this constraint is a regression
along a monotone path: found on a grid by dynamic programming, then polished by Newton's steps that
are each projected onto rising sequences (isotonic regression), which pools records that cannot be
told apart into blocks of one τ.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from domino_sim.frequencies.paths import Path
from domino_sim.levels import Floats, Ints

__all__ = ["Run", "Scale", "block_ends", "guess_clock", "polish_clock"]

#: Points of the grid for each factor e of the clock, and at most.
_DENSITY = 24
_MOST_POINTS = 800

_MOST_STEPS = 60

#: Steps end when the squared error falls by less than this part, or this much a value.
_CLOSE = 1e-9
_ROUNDING = 1e-30

#: Records whose clocks differ by less than this part of themselves are one block.
_SAME = 1e-9


@dataclass(frozen=True, slots=True)
class Run:
    """The records of one run.

    Attributes
    ----------
    rows : (k,) array
        Which of the steps of the curves they are.
    level, weight : (k, n) arrays
        Levels, and one over their variances (up to a common factor); 0 and 0 where missing.
    starts
        Whether the first is step 0, where the clock is 0.
    """

    rows: Ints
    level: Floats
    weight: Floats
    starts: bool


@dataclass(frozen=True, slots=True)
class Scale:
    """The clock as v = log(1 + τ/unit), 0 … v(last): even where frequencies are far apart."""

    unit: float
    last: float

    def tau(self, v: Floats) -> Floats:
        """Return τ at `v`."""
        return self.unit * np.expm1(v)

    def v(self, tau: Floats) -> Floats:
        """Return v at `tau`."""
        return np.log1p(tau / self.unit)


def guess_clock(path: Path, run: Run, scale: Scale) -> Floats:
    """Return the rising sequence of grid points that fits `run` best, (k,).

    Viterbi's recursion: the best way to be at point g with record k comes from the best way to be
    at any point up to g with record k − 1.
    """
    top = float(scale.v(np.array(scale.last)))
    points = scale.tau(np.linspace(0.0, top, int(min(_MOST_POINTS, 2 + _DENSITY * top))))
    level, _ = path.levels(points)
    weighted = run.weight * run.level
    cost = run.weight @ np.square(level).T - 2.0 * weighted @ level.T  # (k, points)
    if run.starts:
        cost[0, 1:] = np.inf
    for k in range(1, len(cost)):
        cost[k] += np.minimum.accumulate(cost[k - 1])
    at = np.empty(len(cost), dtype=np.int64)
    stop = len(points)
    for k in range(len(cost) - 1, -1, -1):
        at[k] = int(cost[k, :stop].argmin())
        stop = at[k] + 1
    return points[at]


def polish_clock(path: Path, run: Run, tau: Floats, scale: Scale) -> tuple[Floats, float]:
    """Return the rising sequence of least squared error near `tau`, and that error.

    Newton's step for every record alone, then the nearest rising sequence in the metric of their
    curvatures: a projected Newton method, damped record by record (Levenberg).
    """
    from scipy.optimize import isotonic_regression

    top = float(scale.v(np.array(scale.last)))
    free = slice(1, None) if run.starts else slice(None)
    level, weight = run.level[free], run.weight[free]
    v = np.clip(scale.v(tau), 0.0, top)[free]

    def look(at: Floats) -> tuple[Floats, Floats, Floats]:
        here = scale.tau(at)
        found, slope = path.levels(here)
        slope = slope * (here + scale.unit)[:, None]
        miss = level - found
        pull = weight * slope
        return (
            np.einsum("ki,ki,ki->k", weight, miss, miss),
            np.einsum("ki,ki->k", pull, miss),
            np.einsum("ki,ki->k", pull, slope),
        )

    begun = 0.0
    if run.starts:
        found, _ = path.levels(np.zeros(1))
        begun = float((run.weight[:1] * np.square(run.level[:1] - found)).sum())
    if not len(v):
        return np.zeros(len(run.rows)), begun
    error, drive, stiff = look(v)
    damping, begin = np.full(len(v), 1e-3), np.ones(len(v), dtype=bool)
    weak = 1e-14 * float(weight.max(initial=1e-300))
    small = _ROUNDING * float(weight.sum())
    for _ in range(_MOST_STEPS):
        metric = stiff * (1.0 + damping) + weak
        goal = v + np.minimum(np.maximum(drive / metric, -1.0), 1.0)
        rising = isotonic_regression(goal, weights=metric).x
        trial = np.minimum(np.maximum(rising, 0.0), top)
        error_there, drive_there, stiff_there = look(trial)
        gain = float(error.sum() - error_there.sum())
        # By blocks: within one, some records get worse for the good of the others.
        begin[1:] = trial[1:] > trial[:-1]
        rise = np.add.reduceat(error_there - error, begin.nonzero()[0])
        worse = (rise > 0.0)[begin.cumsum() - 1]
        if gain >= 0.0:
            v, error, drive, stiff = trial, error_there, drive_there, stiff_there
            damping = np.where(worse, 2.0 * damping, np.maximum(0.2 * damping, 1e-9))
            if gain <= _CLOSE * float(error.sum()) + small:
                break
        else:
            damping = np.where(worse, 8.0 * damping, damping)
            if damping.max() > 1e9:
                break
    out = np.zeros(len(run.rows))
    out[free] = scale.tau(v)
    return out, begun + float(error.sum())


def block_ends(tau: Floats, run: Run, scale: Scale) -> Ints:
    """Return which block of equal τ each record is in, (k,); −1 where τ rests on a bound."""
    v = scale.v(tau)
    new = np.diff(v, prepend=-1.0) > _SAME * (1.0 + v)
    block = np.cumsum(new) - 1
    resting = (v <= _SAME) | (v >= float(scale.v(np.array(scale.last))) * (1.0 - _SAME))
    if run.starts:
        resting[0] = True
    _, block = np.unique(np.where(resting, -1, block), return_inverse=True)
    return block.astype(np.int64) - (1 if resting.any() else 0)
