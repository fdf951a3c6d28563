"""The least loss that a thousand tasks in fewer dimensions can have, whatever trains them.

Cross entropy in the geometry model, Σ p_i log(1 + e^(−t_i·θ)), is convex in θ: it is logistic
regression in which all tasks belong to one class, weighted by frequency. Its least value is where
every optimiser ends that comes to rest, and can be found without any (Newton's method).

It is 0 where some θ has t_i·θ > 0 for all tasks. For N vectors in general position in n dimensions,
each as likely as its opposite, this has the chance 2^(1−N) Σ_{k<n} C(N−1, k) (T. Cover, 1965):
nearly none below n = N/2, nearly 1 above.
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit
from scipy.stats import binom

from domino_sim.levels import Floats

__all__ = ["chance_of_all", "least_loss"]

#: Newton's decrement at which the loss is least, as a part of the loss; steps at most.
ENOUGH, MOST = 1e-9, 100

#: Losses below are 0: where all tasks can be learned, θ grows for ever.
NOTHING = 1e-6


def least_loss(vectors: Floats, p: Floats) -> float:
    """Return the least of Σ p_i log(1 + e^(−t_i·θ)) over θ.

    Examples
    --------
    >>> opposite = np.array([[1.0], [-1.0]])  # log 2: neither can be learned
    >>> round(least_loss(opposite, np.array([0.5, 0.5])), 6)
    0.693147
    >>> least_loss(np.eye(2), np.array([0.5, 0.5]))
    0.0
    """
    x = np.zeros(len(p))
    loss = _loss(x, p)
    for _ in range(MOST):
        away = p * expit(-x)
        slope = vectors.T @ away
        curvature = (vectors * (away * expit(x))[:, None]).T @ vectors
        # Where all can be learned the curvature goes to 0 with the loss.
        curvature[np.diag_indices_from(curvature)] += 1e-9 * np.trace(curvature) / len(slope)
        move = np.linalg.solve(curvature, slope)
        decrement, along, part = float(slope @ move), vectors @ move, 1.0
        if decrement < ENOUGH * loss:
            break
        while (less := _loss(x + part * along, p)) > loss - 1e-4 * part * decrement:
            part /= 2.0
            if part < 1e-12:  # rounding
                return loss
        x, loss = x + part * along, less
        if loss < NOTHING:
            return 0.0
    return loss


def _loss(x: Floats, p: Floats) -> float:
    return float((p * np.logaddexp(0.0, -x)).sum())


def chance_of_all(tasks: int, n_dim: int) -> float:
    """Return the chance that one θ can learn all of so many random tasks (Cover).

    Examples
    --------
    >>> chance_of_all(1000, 500)
    0.5
    >>> round(chance_of_all(1000, 460), 3), round(chance_of_all(1000, 540), 3)
    (0.006, 0.994)
    """
    return float(binom.cdf(n_dim - 1, tasks - 1, 0.5))
