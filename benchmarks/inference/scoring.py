"""How well a graph was found: edges found, missed and invented, and what probabilities were worth.

Real edges that these runs do not show (`World.unidentifiable`) count for nothing, found or not. An
edge that others only imply is not real, and counts as invented.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from scipy.stats import beta

from benchmarks.inference.worlds import Edge, World

__all__ = ["FOUND", "Bin", "Pooled", "Score", "pool", "reliability", "score"]

#: Probability from which an edge counts as found.
FOUND = 0.5

#: Bounds of the bins of probabilities.
BINS = (0.0, 0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.98, 1.0)


@dataclass(frozen=True)
class Score:
    """One graph: `found`, `missed` and `invented` edges, and all pairs (probability, is real)."""

    found: frozenset[Edge]
    missed: frozenset[Edge]
    invented: frozenset[Edge]
    pairs: tuple[tuple[float, bool], ...] = ()

    @property
    def f1(self) -> float:
        """2 TP/(2 TP + FP + FN); 1 where there is nothing to find and nothing was invented."""
        return _f1(len(self.found), len(self.invented), len(self.missed))

    @property
    def exact(self) -> bool:
        """Whether all edges that show were found and no other."""
        return not self.missed and not self.invented

    def invented_from(self, probability: float) -> int:
        """Return how many false edges were given at least `probability`."""
        return sum(p >= probability and not real for p, real in self.pairs)

    def to_dict(self) -> dict[str, Any]:
        """Return the score for a JSON file; probabilities below 0.001 are left out but counted."""
        kept = [[round(p, 4), real] for p, real in self.pairs if p >= 1e-3 or real]
        return {
            "found": sorted(map(list, self.found)),
            "missed": sorted(map(list, self.missed)),
            "invented": sorted(map(list, self.invented)),
            "f1": self.f1,
            "exact": self.exact,
            "pairs": kept,
            "low_pairs": len(self.pairs) - len(kept),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Score:
        """Read back what `to_dict` gave; what it left out comes back with probability 0."""
        pairs = [(float(p), bool(real)) for p, real in data["pairs"]]
        pairs += [(0.0, False)] * int(data["low_pairs"])
        sets = {
            key: frozenset((str(a), str(b)) for a, b in data[key])
            for key in ("found", "missed", "invented")
        }
        return cls(**sets, pairs=tuple(pairs))


@dataclass(frozen=True)
class Pooled:
    """Several graphs of one kind.

    Attributes
    ----------
    f1
        Of all graphs' edges counted together.
    mean, low, high
        The mean of the graphs' own F1, with its 95 % interval (bootstrap over graphs).
    exact
        Part of graphs recovered exactly.
    graphs, sure_but_false
        How many graphs, and how many false edges had a probability of at least 0.9.
    """

    f1: float
    mean: float
    low: float
    high: float
    exact: float
    graphs: int
    sure_but_false: int


@dataclass(frozen=True)
class Bin:
    """Edges given probabilities in [low, high): how many, their mean, how many are real.

    `at_least` and `at_most` are the 95 % Clopper–Pearson interval of the real part.
    """

    low: float
    high: float
    count: int
    mean: float
    real: int
    at_least: float
    at_most: float


def score(world: World, probabilities: Mapping[Edge, float]) -> Score:
    """Score probabilities of edges; edges that are not given have probability 0.

    Raises
    ------
    ValueError
        If an edge names an unknown skill or leads to itself, or a probability is none.
    """
    known = set(world.names)
    for (a, b), p in probabilities.items():
        if a not in known or b not in known or a == b:
            raise ValueError(f"{a} → {b} is no edge of these skills")
        if not 0.0 <= p <= 1.0:
            raise ValueError(f"{a} → {b} has the probability {p}")
    real, ignored = world.identifiable, world.unidentifiable
    given = {edge for edge, p in probabilities.items() if p >= FOUND}
    pairs = tuple(
        (float(probabilities.get((a, b), 0.0)), (a, b) in real)
        for a in world.names
        for b in world.names
        if a != b and (a, b) not in ignored
    )
    return Score(
        frozenset(given & real), frozenset(real - given), frozenset(given - real - ignored), pairs
    )


def pool(scores: Sequence[Score], *, seed: int = 0, draws: int = 2000) -> Pooled:
    """Summarise the scores of one kind of world."""
    each = np.array([s.f1 for s in scores])
    rng = np.random.default_rng(seed)
    means = each[rng.integers(len(each), size=(draws, len(each)))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    totals = (sum(map(len, sets)) for sets in zip(*map(_counted, scores), strict=True))
    return Pooled(
        f1=_f1(*totals),
        mean=float(each.mean()),
        low=float(low),
        high=float(high),
        exact=float(np.mean([s.exact for s in scores])),
        graphs=len(scores),
        sure_but_false=sum(s.invented_from(0.9) for s in scores),
    )


def reliability(scores: Iterable[Score], bounds: Sequence[float] = BINS) -> list[Bin]:
    """Return, bin by bin of probability, which part of the edges is real; empty bins left out."""
    pairs = [pair for s in scores for pair in s.pairs]
    p = np.array([pair[0] for pair in pairs])
    real = np.array([pair[1] for pair in pairs], dtype=bool)
    found = []
    for low, high in pairwise(bounds):
        here = (p >= low) & ((p < high) | (high == bounds[-1]))
        count, hits = int(here.sum()), int(real[here].sum())
        if count:
            least = 0.0 if hits == 0 else float(beta.ppf(0.025, hits, count - hits + 1))
            most = 1.0 if hits == count else float(beta.ppf(0.975, hits + 1, count - hits))
            found.append(Bin(low, high, count, float(p[here].mean()), hits, least, most))
    return found


def _counted(found: Score) -> tuple[frozenset[Edge], ...]:
    return found.found, found.invented, found.missed


def _f1(found: int, invented: int, missed: int) -> float:
    whole = 2 * found + invented + missed
    return 2 * found / whole if whole else 1.0
