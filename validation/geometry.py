"""The geometry model and the published theory of it, as the figures need them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import ArrayLike, NDArray

from validation.simulator import Simulator

__all__ = ["aligned", "array_file", "published_rate", "published_theory"]


def published_rate(lr: float, n_dim: int) -> float:
    """Return the η of the published theory: SignGD moves a level by at most 0.798 lr √n_dim."""
    return 2.0 * lr * math.sqrt(n_dim)


def published_theory(
    simulator: Simulator, frequency: ArrayLike, rate: float, wasted: float, steps: int
) -> NDArray[np.float64]:
    """Return the published theory's levels (steps, skill): entry i is after Euler step i + 1."""
    skills = {f"s{i}": {"frequency": float(p)} for i, p in enumerate(np.asarray(frequency), 1)}
    found = simulator.simulate(
        {
            "steps": steps, "record": {"every": 1}, "skills": skills,
            "pool": {"law": "sum", "rate": rate, "wasted": wasted},
        },
        "euler",
    )  # fmt: skip
    return np.asarray(found.level.values[1:])


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


@contextmanager
def array_file(values: ArrayLike) -> Iterator[str]:
    """Give the path of a file with an array: task vectors, a Gram matrix. It goes after."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "array.npy"
        np.save(path, np.asarray(values))
        yield str(path)
