"""Composed skills under an optimiser that remembers: Adam's second moments.

Adam divides each parameter's gradient by the root of its past mean square. A direction that is new
is divided by little and goes fast. With components t of the task vectors along a parameter, normal
and independent, the gradient along it is t · pull and its mean square t · M t, with M the
exponential mean of pull pullᵀ. So projections move along A pull, A the mean over parameters

    A = E[t tᵀ / √(t · M t)],

exactly, for many parameters. Along an eigenvector of M, by 1/√q = (2/√π) ∫ e^(−q s²) ds,

    a_i = (2/√π) ∫ (1 + 2 λ_i s²)^(−3/2) Π_(j ≠ i) (1 + 2 λ_j s²)^(−½) ds,    s from 0 to ∞.

In log s the integrand is analytic within ±iπ/2, and the trapezoidal rule with steps of 1 is exact
to e^(−π²).

The memory is an exponential mean in units in which projections move at about 1: Adam's 1000 steps
at β₂ = 0.999 are 1000 lr √(2 n_dim/π) of them, unknown here; paths hardly depend on it above 1.
"""

from __future__ import annotations

from copy import copy

import numpy as np

from domino_sim.levels import Floats

__all__ = ["Memory"]

#: log s where the integrand is not negligible, for eigenvalues of 1 and less.
_LOG_S = np.arange(-5.0, 16.5)

#: ds at steps of 1 in log s; the first with all that are below it, where the integrand is 1.
_STEPS = np.exp(_LOG_S)
_STEPS[0] *= 1.0 + 1.0 / np.expm1(1.0)

#: Eigenvalues are at least this part of the largest: without it what is all new went infinitely
#: fast, as the logarithm.
_LEAST = 1e-12

#: E|z| of a standard normal z, inverted, times 2/√π: with it speeds are about 1.
_UNIT = (0.5 * np.pi) ** 0.5 * 2.0 / np.pi**0.5


class Memory:
    """The optimiser's memory of pulls (graphs, runs, n).

    Parameters
    ----------
    pull : (graphs, runs, n) array
        The first one.
    memory
        Over what length of path it remembers.

    Attributes
    ----------
    matrix : (graphs, runs, n, n) array
        A: by what pulls are multiplied.

    Examples
    --------
    >>> memory = Memory(np.array([[[1.0, 0.0]]]), 2.0)
    >>> memory.steer(np.array([[[1.0, 0.0]]])).round(3)  # of size 1, whatever the gradient's
    array([[[1., 0.]]])
    """

    def __init__(self, pull: Floats, memory: float) -> None:
        self._memory = memory
        self._past = np.zeros((*pull.shape, pull.shape[-1]))
        # As Adam, which begins with no past at all, the mean is over what there is.
        self._weight = np.zeros((*pull.shape[:-1], 1, 1))
        self.matrix = _mean(_square(pull))

    def steer(self, pull: Floats) -> Floats:
        """Return the direction in which the optimiser goes."""
        go: Floats = np.matmul(self.matrix, pull[..., None])[..., 0]
        return go

    def remembering(self, pull: Floats, then: Floats, step: Floats) -> Memory:
        """Return the memory after steps (graphs, runs, 1), given pulls at their two ends."""
        share = -np.expm1(-step / self._memory)[..., None]
        mean = 0.5 * (_square(pull) + _square(then))
        past = self._past + share * (mean - self._past)
        weight = self._weight + share * (1.0 - self._weight)
        return self._with(past, weight, _mean(past / weight))

    def where(self, which: np.ndarray, other: Memory) -> Memory:
        """Return the memory of `other` for graphs and runs (graphs, runs, 1), else this one."""
        one = which[..., None]
        return self._with(
            np.where(one, other._past, self._past),
            np.where(one, other._weight, self._weight),
            np.where(one, other.matrix, self.matrix),
        )

    def _with(self, past: Floats, weight: Floats, matrix: Floats) -> Memory:
        new = copy(self)
        new._past, new._weight, new.matrix = past, weight, matrix
        return new


def _square(pull: Floats) -> Floats:
    return pull[..., :, None] * pull[..., None, :]


def _mean(past: Floats) -> Floats:
    """Return A for M = `past`, (…, n, n)."""
    size, axes = np.linalg.eigh(past)
    largest = size[..., -1:] + 1e-300
    grown = np.maximum(size / largest, _LEAST)[..., None, :] * np.exp(2.0 * _LOG_S)[:, None]
    grown += 1.0
    whole = _STEPS / np.sqrt(grown.prod(axis=-1))
    along = (whole[..., None] / grown).sum(axis=-2) * (_UNIT / np.sqrt(2.0 * largest))
    mean: Floats = np.matmul(axes * along[..., None, :], axes.swapaxes(-1, -2))
    return mean
