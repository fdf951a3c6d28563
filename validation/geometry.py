"""What the geometry model's gradient does, in closed form and apart from the library."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["aligned"]


def aligned(
    level: NDArray[np.float64], frequency: NDArray[np.float64], n_dim: int, wasted: float = 0.0
) -> NDArray[np.float64]:
    """Return n_dim (½ + asin(d/D)/π), the dimensions aligned with each skill, (…, skill).

    d = p u, D = √(Σ d² + N₀²), for exact gradients.

    Examples
    --------
    >>> aligned(np.zeros(2), np.array([0.5, 0.5]), 1000).tolist()
    [750.0, 750.0]
    """
    demand = frequency * (1.0 - level)
    total = np.sqrt(np.square(demand).sum(axis=-1, keepdims=True) + wasted**2)
    part = np.divide(demand, total, out=np.zeros_like(demand), where=total > 0.0)
    return n_dim * (0.5 + np.arcsin(np.clip(part, -1.0, 1.0)) / np.pi)
