"""A plain gradient run in NumPy: the maths that predictions are checked against.

One run at a time, single precision as in training, batches as counts. It shares no code with what
it checks.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Steps whose batches are drawn together.
DRAWN = 1000

EPSILON = 1e-8


def task_vectors(
    n_skills: int, n_dim: int, rng: np.random.Generator, kind: str
) -> NDArray[np.float32]:
    """Return (n_skills, n_dim) vectors of length 1: ``"orthonormal"`` (by QR) or ``"random"``."""
    drawn = rng.standard_normal((n_skills, n_dim))
    if kind == "orthonormal":
        drawn = np.linalg.qr(drawn.T).Q.T
    else:
        drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
    return np.ascontiguousarray(drawn, dtype=np.float32)


def gradient_run(
    *,
    frequencies: Any,
    n_dim: int,
    lr: float,
    steps: int,
    seed: int,
    optimizer: str = "signgd",
    betas: tuple[float, float] = (0.9, 0.999),
    noise: float = 0.0,
    batch_size: int | None = None,
    loss: str = "mse",
    g0: float = 1.0,
    kind: str = "orthonormal",
) -> NDArray[np.float64]:
    """Train once; return levels (steps + 1, n_skills). Arguments as for `predict_gradient`."""
    p = np.asarray(frequencies, dtype=float)
    rng = np.random.default_rng(seed)
    tasks = task_vectors(len(p), n_dim, rng, kind)
    theta, mean, square = np.zeros((3, n_dim), dtype=np.float32)
    weights = p.astype(np.float32)
    levels = np.empty((steps + 1, len(p)))
    for k in range(steps + 1):
        along = tasks @ theta
        if loss == "mse":
            levels[k], u = along, 1.0 - along
        else:
            levels[k] = 0.5 * (1.0 + np.tanh(0.5 * along.astype(float)))
            u = (1.0 - levels[k]).astype(np.float32)
        if k == steps:
            break
        if batch_size is not None:
            if k % DRAWN == 0:
                counts = rng.multinomial(batch_size, p / p.sum(), size=DRAWN)
                drawn = (counts * (p.sum() / batch_size)).astype(np.float32)
            weights = drawn[k % DRAWN]
        gradient = (weights * u * np.float32(-g0)) @ tasks
        if noise:
            gradient += np.float32(noise) * rng.standard_normal(n_dim, dtype=np.float32)
        if optimizer == "sgd":
            theta -= np.float32(lr) * gradient
        elif optimizer == "signgd":
            theta -= np.float32(lr) * np.sign(gradient)
        elif optimizer == "signum":
            mean += np.float32(1.0 - betas[0]) * (gradient - mean)
            theta -= np.float32(lr) * np.sign(mean)
        else:
            mean += np.float32(1.0 - betas[0]) * (gradient - mean)
            square += np.float32(1.0 - betas[1]) * (gradient * gradient - square)
            rate = lr / (1.0 - betas[0] ** (k + 1))
            root = np.sqrt(square / np.float32(1.0 - betas[1] ** (k + 1)))
            theta -= np.float32(rate) * mean / (root + np.float32(EPSILON))
    return levels


def power(n_skills: int, exponent: float) -> NDArray[np.float64]:
    """Return p ∝ i^−exponent, Σ p = 1."""
    p = np.arange(1.0, n_skills + 1) ** -exponent
    return p / math.fsum(p)
