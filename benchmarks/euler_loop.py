"""The baseline: the model stepped in a plain NumPy loop, levels at every step and nothing else."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def euler(
    frequency: Floats,
    rate: float,
    wasted: float,
    steps: int,
    *,
    law: str = "sum",
    parents: NDArray[np.int64] | None = None,
    exponent: float | None = None,
    mastery: float = 0.99,
) -> Floats:
    """Return the levels (steps + 1, n) of explicit Euler with step 1.

    Parameters
    ----------
    frequency : (n,) array
    rate, wasted
        η and N₀.
    law
        "sum" or "norm".
    parents : (n, k) array, or None
        The prerequisites of each skill, all needed; n stands for "no more". None: no gates.
    exponent
        Exponent of soft gates; None where gates are hard.
    """
    u = np.ones(len(frequency))
    levels = np.empty((steps + 1, len(frequency)))
    levels[0] = 0.0
    seen = np.ones(len(frequency) + 1)
    for k in range(1, steps + 1):
        demand = frequency * u
        if parents is not None:
            seen[:-1] = u <= 1.0 - mastery if exponent is None else 1.0 - u**exponent
            demand *= seen[parents].prod(axis=1)
        if law == "sum":
            total = demand.sum() + wasted
        else:
            total = np.sqrt(demand @ demand + wasted * wasted)
        u = np.maximum(u - rate * (demand / total), 0.0)
        levels[k] = 1.0 - u
    return levels


def euler_batch(frequency: Floats, rate: Floats, wasted: Floats, steps: int, every: int) -> Floats:
    """Return the levels (points, runs, n) of independent skills, law sum, all runs at once.

    `frequency` is (runs, n), `rate` and `wasted` (runs,); every `every`-th step is kept.
    """
    u = np.ones(frequency.shape)
    levels = np.empty((steps // every + 1, *frequency.shape))
    levels[0] = 0.0
    for k in range(1, steps + 1):
        demand = frequency * u
        total = demand.sum(axis=1) + wasted
        u = np.maximum(u - rate[:, None] * (demand / total[:, None]), 0.0)
        if k % every == 0:
            levels[k // every] = 1.0 - u
    return levels
