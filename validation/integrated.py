"""The Resource model integrated by SciPy, in the levels themselves: nothing of the engines' own."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.integrate import solve_ivp

__all__ = ["integrated"]

Floats = NDArray[np.float64]

#: Where less than this is left to learn of every skill, all is learned.
LEARNED = 1e-6

#: What divides the pool: the demands' sum and N₀, or their root of squares.
TOTAL: dict[str, Callable[[Floats, float], float]] = {
    "sum": lambda demand, wasted: float(demand.sum()) + wasted,
    "norm": lambda demand, wasted: float(np.sqrt(np.square(demand).sum() + wasted**2)),
}


def integrated(
    law: str, frequency: ArrayLike, rate: float, wasted: float, step: ArrayLike
) -> Floats:
    """Return levels (step, skill) of independent skills: du/dt = −η p u/D, u = 1 − level.

    Examples
    --------
    >>> integrated("sum", [0.5, 0.5], 0.01, 0.0, [0, 50]).round(6).tolist()
    [[0.0, 0.0], [0.25, 0.25]]
    """
    p, at, total = np.asarray(frequency, dtype=float), np.asarray(step, dtype=float), TOTAL[law]

    def slope(_: float, u: Floats) -> Floats:
        demand = p * np.maximum(u, 0.0)
        return -rate * demand / total(demand, wasted)

    def undone(_: float, u: Floats) -> float:
        return float(u.max()) - LEARNED

    # Without N₀ all skills end at one time, where the slope is none: it is left out.
    undone.terminal = True  # type: ignore[attr-defined]
    start, ends = np.ones(len(p)), (float(at[0]), float(at[-1]))
    found = solve_ivp(slope, ends, start, "LSODA", t_eval=at, events=undone, rtol=1e-9, atol=1e-11)
    level = np.ones((len(at), len(p)))
    level[: found.y.shape[1]] = 1.0 - np.maximum(found.y.T, 0.0)
    return level
