"""Sums of very many exponentials, kept as a few hundred: Σ a_i e^(−r_i x) for all x ≥ 0.

The pool needs Σ u_i p_i and Σ u_i at every event; taken skill by skill that is n² exponentials
for n skills. But e^(−r x) is so smooth a function of r that over one octave of rates a polynomial
through `NODES_PER_OCTAVE` Chebyshev points reproduces it for *every* x ≥ 0 at once, to better
than 2e-16 of its largest value. So the amounts of all skills in an octave are shared out over
that octave's nodes (barycentric Lagrange weights), and only the nodes decay from then on.
"""

from __future__ import annotations

import numpy as np

from domino_sim.levels import Floats, Ints

#: Chebyshev points an octave of rates; 20 gives 1.2e-16 for e^(−rx) and 3e-18 for r² e^(−2rx).
NODES_PER_OCTAVE = 20

#: Fewer distinct rates than this are kept as they are, which is exact.
MOST_EXACT_RATES = 128

#: Rates shared out at once.
_BLOCK = 1 << 16


class Decays:
    """Amounts that decay at rates from a known set.

    Parameters
    ----------
    rates
        Every rate that will ever be used, any shape, > 0 where it matters (zeros are ignored).

    Attributes
    ----------
    nodes : (m,) array
        Rates of the nodes.

    Examples
    --------
    >>> decays = Decays(np.linspace(0.5, 2.0, 1000))
    >>> amounts = np.zeros(len(decays.nodes))
    >>> decays.spread(amounts, np.array([0.7, 1.3]), np.array([1.0, 2.0]))
    >>> exact = np.exp(-0.7 * 3) + 2 * np.exp(-1.3 * 3)
    >>> bool(abs((amounts * np.exp(-decays.nodes * 3)).sum() - exact) < 1e-14)
    True
    """

    def __init__(self, rates: Floats) -> None:
        distinct = np.unique(rates[rates > 0.0])
        self._exact = len(distinct) <= MOST_EXACT_RATES
        if self._exact:
            self.nodes = distinct
            return
        self._low = float(distinct[0]) * (1.0 - 1e-12)
        octaves = int(np.floor(np.log2(distinct[-1] / self._low))) + 1
        angles = (np.arange(NODES_PER_OCTAVE) + 0.5) * np.pi / NODES_PER_OCTAVE
        self._points = -np.cos(angles)
        self._barycentric = np.sin(angles) * (-1.0) ** np.arange(NODES_PER_OCTAVE)
        starts = self._low * 2.0 ** np.arange(octaves)
        self._octaves = octaves
        self.nodes = (starts[:, None] * (1.5 + 0.5 * self._points)).ravel()

    def place(self, rates: Floats) -> tuple[Ints, Floats]:
        """Say how `rates` (k,) are made of nodes: (first node (k,), weights (k, width)).

        A rate is shared out over `width` nodes from the first one on; the weights add up to 1.
        """
        if self._exact:
            first = np.searchsorted(self.nodes, rates)
            return first, np.ones((len(rates), 1))
        octave = np.floor(np.log2(rates / self._low)).astype(np.int64)
        np.clip(octave, 0, self._octaves - 1, out=octave)
        gaps = (2.0 * rates / (self._low * 2.0**octave) - 3.0)[:, None] - self._points
        hit = gaps == 0.0
        gaps[hit] = 1.0
        weights = self._barycentric / gaps
        on_node = hit.any(axis=1)
        weights[on_node] = hit[on_node]
        weights /= weights.sum(axis=1, keepdims=True)
        return octave * NODES_PER_OCTAVE, weights

    def spread(self, onto: Floats, rates: Floats, amounts: Floats) -> None:
        """Add `amounts` (k,) at `rates` (k,) to the node amounts `onto` (m,), in place."""
        for begin in range(0, len(rates), _BLOCK):
            part = slice(begin, begin + _BLOCK)
            first, weights = self.place(rates[part])
            weights *= amounts[part, None]
            nodes = first[:, None] + np.arange(weights.shape[1])
            np.add.at(onto, nodes.ravel(), weights.ravel())
