"""Composed skills under an optimiser that remembers: Adam's second moments.

Adam divides each parameter's gradient by the root of its past mean square. A direction that is new
is divided by little and goes fast. The mean over parameters is taken over points of a Sobol
sequence brought to the normal distribution: (t_1, …, t_n) of one point are the components of the
task vectors along one parameter.

The memory is an exponential mean in units in which projections move at about 1: Adam's 1000 steps
at β₂ = 0.999 are 1000 lr √(2 n_dim/π) of them, unknown here; paths hardly depend on it above ½.
"""

from __future__ import annotations

import numpy as np

from domino_sim.inference.networks.composed import Composed
from domino_sim.levels import Floats

__all__ = ["path_with_memory"]

#: E|z| of a standard normal z, inverted: with it speeds are about 1.
_UNIT = 1.2533

#: As of `composed`; the longest step; by how much more than its length one may go.
_DAMPED, _LONGEST, _OVER = 1.2, 0.5, 1.5

#: Cross talk is a chance of the sample where two skills have no common past: kept up to this times
#: their correlation.
_TALK = 1.5


def path_with_memory(
    field: Composed, graphs: int, length: float, points: int, memory: float, parameters: int
) -> Floats:
    """Return levels (graphs, runs, points + 1, n) at steps of about a given length from x = 0.

    Parameters
    ----------
    field, graphs
        The mean field, and of how many graphs it is.
    memory
        Over what length of path second moments are remembered.
    parameters
        Points of the sample, a power of 2.
    """
    runs, n = field.frequency.shape
    push = _Push(n, parameters, (graphs, runs), memory)
    x = np.zeros((graphs, runs, n))
    found = np.empty((points + 1, *x.shape))
    found[0] = x
    step = np.full((graphs, runs, 1), 1e-3)
    for k in range(points):
        pull, stiff = field.pull(x)
        go, gain = push(pull, step, keep=False)
        speed = np.sqrt(np.einsum("cri,cri->cr", go, go))[..., None] + 1e-9
        step = np.minimum(length / speed, _LONGEST)
        half = x + go * np.minimum(0.5 * step, _DAMPED / (stiff * gain + 1e-12))
        pull, stiff = field.pull(half)
        go, gain = push(pull, step, keep=True)
        move = go * np.minimum(step, _DAMPED / (stiff * gain + 1e-12))
        far = np.sqrt(np.einsum("cri,cri->cr", move, move))[..., None] + 1e-12
        # Cross talk alone would bring projections below 0, and composites to wrong saddles.
        x = np.maximum(x + move * np.minimum(1.0, _OVER * length / far), 0.0)
        found[k + 1] = x
    return field.levels(np.moveaxis(found, 0, 2))


class _Push:
    """Where the optimiser goes, given where the gradient points; remembers."""

    def __init__(self, n: int, parameters: int, shape: tuple[int, int], memory: float) -> None:
        self._vectors = _sample(n, parameters)
        pairs = self._vectors[:, None] * self._vectors[None] * (_UNIT / parameters)
        self._pairs = pairs.reshape(n * n, parameters).T.copy()
        self._memory, self._n = memory, n
        self._square = np.zeros((*shape, parameters))
        self._past = np.zeros((*shape, n, n))
        self._weight = np.zeros((*shape, 1))

    def __call__(self, pull: Floats, step: Floats, *, keep: bool) -> tuple[Floats, Floats]:
        """Return the direction (graphs, runs, n) and by what each skill's pull is multiplied."""
        gradient = pull @ self._vectors
        share = -np.expm1(-step / self._memory)
        square = self._square + share * (np.square(gradient) - self._square)
        weight = self._weight + share * (1.0 - self._weight)
        past = pull[..., None] * pull[..., None, :]
        past = self._past + share[..., None] * (past - self._past)
        if keep:
            self._square, self._weight, self._past = square, weight, past
        scale = 1.0 / (np.sqrt(square / weight) + 1e-12)
        mixing = (scale @ self._pairs).reshape(past.shape)
        own = np.arange(self._n)
        root = np.sqrt(past[..., own, own])
        talk = _TALK * np.abs(past) / (root[..., None] * root[..., None, :] + 1e-30)
        gain = mixing[..., own, own]
        return np.matmul(mixing * np.minimum(talk, 1.0), pull[..., None])[..., 0], gain


def _sample(n: int, parameters: int) -> Floats:
    """Return task vectors (n, parameters), orthogonal, of mean square 1 a component."""
    from scipy.special import ndtri
    from scipy.stats import qmc

    points = ndtri(np.clip(qmc.Sobol(n, seed=1).random(parameters), 1e-9, 1.0 - 1e-9))
    points -= points.mean(axis=0)
    values, vectors = np.linalg.eigh(points.T @ points / parameters)
    return np.ascontiguousarray(((points @ vectors) / np.sqrt(values) @ vectors.T).T)
