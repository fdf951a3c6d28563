"""Composed skills in the resource clock: the mean field of many graphs at once.

A skill's level is y_i = x_i f_i, with x its projection and f_i the product of the prerequisites'
projections (`and`) or 1 − Π (1 − x_j) (`or`). Under the loss Σ p_i ½ (1 − y_i)² projections follow

    dx_i/dτ = −∂loss/∂x_i = Σ_k p_k (1 − y_k) ∂y_k/∂x_i,

k over i and its dependents: a composite pulls what it needs (``docs/theory.md``, "Gradient runs
with a known graph"). The clock is that of the optimiser: τ ∝ t under SGD, dτ ∝ dt/|G| under SignGD,
with G the right-hand side. A path does not depend on it. It is followed in steps of equal length,
and the clock is found afterwards (:mod:`.alignment`).

What is learned stays at rest while others move, so the equations are stiff. Steps are those of
Rosenbrock's method of two stages, L-stable and of second order whatever matrix stands for the
Jacobian (Verwer, Spee, Blom and Hundsdorfer 1999, "A second-order Rosenbrock method applied to
photochemical dispersion problems", SIAM J. Sci. Comput. 20, 1456). Here it is that of Gauss and
Newton, Σ p_k ∇y_k ∇y_kᵀ, which has no negative eigenvalues.

Shapes: (graphs, runs, n).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from domino_sim.inference.networks.hypotheses import Graph
from domino_sim.inference.networks.memory import Memory
from domino_sim.levels import Floats

__all__ = ["Composed"]

#: γ of Rosenbrock's method.
_GAMMA = 1.0 - 0.5**0.5

#: The longest step in τ, times the largest frequency: near a saddle nothing moves for long. With a
#: memory τ is in units in which projections move at about 1.
_LONGEST, _LONGEST_REMEMBERING = 30.0, 0.5

#: A step that goes further than so many times its length is made again, shorter; so is one whose
#: two orders differ by more than the length's square. The next step is at most so much longer.
_OVER, _LONGER, _SAFE = 1.5, 4.0, 0.8


class Composed:
    """The mean field of graphs.

    Parameters
    ----------
    graphs
        Gates of every skill, for each graph.
    frequency : (runs, n) array
        Frequencies.

    Examples
    --------
    >>> from domino_sim.inference.forms import OPEN, Requires
    >>> field = Composed([(OPEN, Requires.of([0]))], np.array([[1.0, 0.5]]))
    >>> pull, _ = field.pull(np.array([[[0.5, 1.0]]]))
    >>> pull  # of A: 1 (1 - 0.5) of its own and 0.5 (1 - 0.5) 1 of B
    array([[[0.75 , 0.125]]])
    """

    def __init__(self, graphs: Sequence[Graph], frequency: Floats) -> None:
        n = frequency.shape[1]
        self.frequency = frequency
        width = max(2, max(len(gate.skills) for graph in graphs for gate in graph))
        who = np.full((width, len(graphs), n), n)
        some = np.zeros((len(graphs), 1, n), dtype=bool)
        for c, graph in enumerate(graphs):
            for i, gate in enumerate(graph):
                who[: len(gate.skills), c, i] = gate.skills
                some[c, 0, i] = gate.any
        there = who < n
        # Each member of a gate gives the factor offset + slope x: x, or 1 − x of an `or`.
        sign = np.where(some, -1.0, 1.0)
        self._offset = np.where(there[:, :, None], some, True).astype(float)
        self._slope = np.where(there[:, :, None], sign, 0.0)
        self._whole = some.astype(float), sign
        self._graphs, self._own = len(graphs), np.eye(n)
        to = [(who[w][..., None] == np.arange(n)).astype(float) for w in range(width)]
        self._to = [one[:, None] for one in to]
        self._from = [np.ascontiguousarray(one.swapaxes(1, 2)) for one in to]

    def pull(self, x: Floats) -> tuple[Floats, Floats]:
        """Return dx/dτ, and the curvature of the loss without that of the levels, (…, n, n)."""
        factor, slopes = self._factors(x)
        # [k, j]: ∂y_k/∂x_j.
        slope = factor[..., None] * self._own
        for one, to in zip(slopes, self._to, strict=True):
            slope += (x * one)[..., None] * to
        missing = self.frequency * (1.0 - x * factor)
        pull = np.matmul(missing[..., None, :], slope)[..., 0, :]
        return pull, np.matmul(slope.swapaxes(-1, -2), self.frequency[:, :, None] * slope)

    def levels(self, x: Floats) -> Floats:
        """Return the levels along paths of projections, (graphs, runs, points, n)."""
        graphs, runs, points, n = x.shape
        factor, _ = self._factors(x.reshape(graphs, runs * points, n))
        return x * factor.reshape(x.shape)

    def path(self, length: float, points: int, memory: float = 0.0) -> Floats:
        """Return levels (graphs, runs, points + 1, n) at steps of about a length from x = 0.

        Parameters
        ----------
        length, points
            Steps of a path, and their number.
        memory
            Over what length of path the optimiser remembers (:mod:`.memory`); 0 for none.
        """
        x = np.zeros((self._graphs, *self.frequency.shape))
        found = np.empty((points + 1, *x.shape))
        found[0] = x
        longest = _LONGEST_REMEMBERING if memory else _LONGEST / self.frequency.max(axis=1)[:, None]
        own = np.eye(x.shape[2])
        pull, curved = self.pull(x)
        steer = Memory(pull, memory) if memory else None
        step = np.minimum(length / _length(steer.steer(pull) if steer else pull), longest)
        for k in range(points):
            go, back = (steer.steer(pull), steer.matrix @ curved) if steer else (pull, curved)
            inverse = np.linalg.inv(own + (_GAMMA * step)[..., None] * back)
            first = _times(inverse, go)
            then, _ = self.pull(x + step * first)
            onward = steer.remembering(pull, then, step) if steer else None
            second = _times(inverse, (onward.steer(then) if onward else then) - 2.0 * first)
            move = step * (1.5 * first + 0.5 * second)
            far = length / _length(move)
            apart = _SAFE * length / np.sqrt(_length(0.5 * step * (first + second)))
            good = (far > 1.0 / _OVER) & (apart > _SAFE)
            if steer and onward:
                steer = steer.where(good, onward)
            x = x + np.where(good, move, 0.0)
            found[k + 1] = x
            step = np.minimum(
                step * np.clip(np.minimum(far, apart), 1.0 / _LONGER, _LONGER), longest
            )
            pull, curved = self.pull(x)
        return self.levels(np.moveaxis(found, 0, 2))

    def _factors(self, x: Floats) -> tuple[Floats, list[Floats]]:
        """Return the factors f, and their derivatives by each member of the gate."""
        members = [
            offset + slope * (x @ come)
            for offset, slope, come in zip(self._offset, self._slope, self._from, strict=True)
        ]
        slopes = []
        for w in range(len(members)):
            others = [member for v, member in enumerate(members) if v != w]
            product = others[0]
            for member in others[1:]:
                product = product * member
            slopes.append(product)
        offset, sign = self._whole
        return offset + sign * (members[0] * slopes[0]), slopes


def _times(matrix: np.ndarray, vector: Floats) -> Floats:
    product: Floats = np.matmul(matrix, vector[..., None])[..., 0]
    return product


def _length(vector: Floats) -> Floats:
    """Return lengths, (…, 1), of vectors (…, n)."""
    return np.sqrt(np.einsum("...i,...i->...", vector, vector))[..., None] + 1e-12
