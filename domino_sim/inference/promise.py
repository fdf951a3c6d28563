"""How much runs with certain mixtures promise to tell: χ² between graphs, bits, edges decided."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from domino_sim.inference.doubts import Doubts, Pair
from domino_sim.inference.outlook import Outlook, Pace
from domino_sim.levels import Floats

__all__ = ["DECIDES", "Promise", "informed"]

#: An edge is decided when every gate that says otherwise would fit by so much χ² worse: inference
#: excludes from 9, and noise moves 20 by its root, 4.5, times two.
DECIDES = 20.0


def informed(doubts: Doubts, pace: Pace) -> Doubts:
    """Return doubts of which the runs there are have told all and any apart.

    That an edge is not decided leaves open whether its prerequisite would be needed too, or would
    be enough; of the two, runs in which it is learned last, or first, exclude one.
    """
    if doubts.mixtures is None:
        return doubts
    outlook = Outlook(doubts, doubts.mixtures, pace)
    chosen = [0] * len(doubts.names)
    view = outlook.view(chosen)
    for i, some in enumerate(doubts.options):
        weights = [one.weight for one in some]
        for needs in {one.needs for one in some}:
            same = [o for o, one in enumerate(some) if one.needs == needs]
            if len(same) < 2 or 0 in same:
                continue
            told = [float(np.nansum(outlook.distance(view, chosen, i, o))) for o in same]
            share = np.array([weights[o] for o in same])
            left = share * np.exp(-0.5 * (np.array(told) - min(told)))
            for o, weight in zip(same, (share.sum() * left / left.sum()).tolist(), strict=True):
                weights[o] = weight
        doubts = doubts.weighed(i, weights)
    return doubts


class Promise:
    """χ² by which gates would fit worse than those of a few likely graphs, mixture by mixture.

    Runs are independent: their χ² add up.

    Attributes
    ----------
    graphs
        The likely graphs: of each skill which option it has. The first is the one that was found.
    """

    def __init__(self, doubts: Doubts, pace: Pace, graphs: list[tuple[int, ...]]) -> None:
        self.doubts, self.graphs, self._pace = doubts, graphs, pace
        self._rows = [
            (g, i, o)
            for g, chosen in enumerate(graphs)
            for i, some in enumerate(doubts.options)
            for o in range(len(some))
            if o != chosen[i]
        ]
        self._weight = np.array([doubts.options[i][o].weight for _, i, o in self._rows])
        self._here = np.array([doubts.options[i][graphs[g][i]].weight for g, i, _ in self._rows])
        self._against = {pair: list(self._opposing(pair)) for pair in doubts.pairs}

    @property
    def size(self) -> int:
        """Number of gates that are compared."""
        return len(self._rows)

    def _opposing(self, pair: Pair) -> Iterator[np.ndarray]:
        """Yield, graph by graph, the rows of gates that say otherwise of an edge."""
        j, i = pair
        options = self.doubts.options[i]
        for g, chosen in enumerate(self.graphs):
            there = j in options[chosen[i]].needs
            yield np.array(
                [k for k, (h, skill, o) in enumerate(self._rows)
                 if (h, skill) == (g, i) and (j in options[o].needs) != there], dtype=np.int64,
            )  # fmt: skip

    def table(self, mixtures: Floats) -> Floats:
        """Return χ² (mixtures, rows); NaN for gates that do not go with the graph."""
        outlook = Outlook(self.doubts, mixtures, self._pace)
        found = np.empty((len(mixtures), self.size))
        views = [outlook.view(chosen) for chosen in self.graphs]
        for k, (g, i, o) in enumerate(self._rows):
            found[:, k] = outlook.distance(views[g], self.graphs[g], i, o)
        return found

    def bits(self, table: Floats) -> Floats:
        """Return the information about the gates, mean of the likely graphs, (…,).

        Each gate is weighed against that of the graph. What Gaussian noise leaves of the entropy
        of two is at least −Σ wᵢ log₂ Σ wⱼ e^(−χ²ᵢⱼ/8) less (Kolchinsky and Tracey 2017, Entropy
        19, 361, eq. 15).
        """
        alike = np.where(np.isnan(table), 1.0, np.exp(-np.nan_to_num(table) / 8.0))
        here, other = self._here, self._weight
        both = here + other
        told = here * np.log2((here + other * alike) / both)
        told += other * np.log2((other + here * alike) / both)
        return -told.sum(axis=-1) / len(self.graphs)

    def excess(self, table: Floats, pair: Pair) -> Floats:
        """Return the least χ² of a gate that says otherwise of an edge, (…, graphs).

        NaN where no gate that goes with the graph does.
        """
        each = [
            np.where(np.isnan(table[..., rows]), np.inf, table[..., rows]).min(
                axis=-1, initial=np.inf
            )
            for rows in self._against[pair]
        ]
        least = np.stack(each, axis=-1)
        return np.where(np.isinf(least), np.nan, least)

    def chance(self, table: Floats, pair: Pair) -> float:
        """Return the part of the likely graphs in which an edge is decided."""
        least = self.excess(table, pair)
        there = least[~np.isnan(least)]
        return float((there >= DECIDES).mean()) if there.size else 1.0
