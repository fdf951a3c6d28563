"""Composed skills in the resource clock: the mean field of many graphs at once.

A skill's level is y_i = x_i f_i, with x its projection and f_i the product of the prerequisites'
projections (`and`) or 1 − Π (1 − x_j) (`or`). Under the loss Σ p_i ½ (1 − y_i)² projections follow

    dx_i/dτ = −∂loss/∂x_i = Σ_k p_k (1 − y_k) ∂y_k/∂x_i,

k over i and its dependents: a composite pulls what it needs (``docs/theory.md``, "Gradient runs
with a known graph"). The clock is that of the optimiser: τ ∝ t under SGD, dτ ∝ dt/|G| under SignGD,
with G the right-hand side. A path does not depend on it. It is followed in steps of equal length,
and the clock is found afterwards (:mod:`.alignment`).

Shapes: (graphs, runs, n).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from domino_sim.inference.networks.hypotheses import Graph
from domino_sim.levels import Floats

__all__ = ["Composed"]

#: The longest step in τ, times the largest frequency: near a saddle nothing moves for long.
_LONGEST = 30.0

#: A projection moves at most by this part of what would bring it to rest: larger steps overshoot.
_DAMPED = 1.2


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
        self._to = [(who[w][..., None] == np.arange(n)).astype(float) for w in range(width)]
        self._from = [np.ascontiguousarray(to.swapaxes(1, 2)) for to in self._to]

    def factors(self, x: Floats) -> tuple[Floats, list[Floats]]:
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

    def pull(self, x: Floats) -> tuple[Floats, Floats]:
        """Return dx/dτ and a bound on how fast each projection comes to rest."""
        p = self.frequency
        factor, slopes = self.factors(x)
        size = np.abs(x)
        missing = p * (1.0 - x * factor)
        # Gershgorin's bound on the curvature: all |∂y_k/∂x_j| of a skill k together.
        reach = np.abs(factor) + sum(np.abs(slope) * size for slope in slopes)
        pull, stiff = missing * factor, p * np.abs(factor) * reach
        up, down = missing * x, p * size * reach
        for slope, to in zip(slopes, self._to, strict=True):
            pull = pull + (up * slope) @ to
            stiff = stiff + (down * np.abs(slope)) @ to
        return pull, stiff

    def levels(self, x: Floats) -> Floats:
        """Return the levels along paths of projections, (graphs, runs, points, n)."""
        graphs, runs, points, n = x.shape
        factor, _ = self.factors(x.reshape(graphs, runs * points, n))
        return x * factor.reshape(x.shape)

    def path(self, length: float, points: int) -> Floats:
        """Return levels (graphs, runs, points + 1, n) at steps of a given length from x = 0.

        Midpoint steps.
        """
        x = np.zeros((self._whole[0].shape[0], *self.frequency.shape))
        found = np.empty((points + 1, *x.shape))
        found[0] = x
        longest = _LONGEST / self.frequency.max(axis=1)
        for k in range(points):
            pull, stiff = self.pull(x)
            speed = np.sqrt(np.einsum("cri,cri->cr", pull, pull)) + 1e-12
            step = np.minimum(length / speed, longest)[..., None]
            half = x + pull * np.minimum(0.5 * step, _DAMPED / (stiff + 1e-12))
            pull, stiff = self.pull(half)
            x = x + pull * np.minimum(step, _DAMPED / (stiff + 1e-12))
            found[k + 1] = x
        return self.levels(np.moveaxis(found, 0, 2))
