"""Search for the mixtures that tell the most, one run after the other."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from domino_sim.inference.doubts import Pair
from domino_sim.inference.mixing import Limits, changed, drawn
from domino_sim.inference.subjects import Subject
from domino_sim.levels import Floats
from domino_sim.progress import Meter

__all__ = ["MixtureSearch"]

#: Random mixtures at first; then, for each run, rounds of so many near the best few.
_POOL, _ROUNDS, _NEAR, _BEST = 60, 2, 30, 6

#: Mixtures that tell this part of what the best does are as good.
_NEARLY = 0.97

#: A run that gains less (bits) tells nothing.
_NOTHING = 0.01


class MixtureSearch:
    """Chooses one mixture after the other, each the best beside those before it.

    Attributes
    ----------
    mixtures, tables
        Those chosen, and what each tells (as of `Promise.table`).
    attainable
        Of every edge in doubt, the most χ² that any mixture tried tells, in any likely graph.
    """

    def __init__(self, subject: Subject, limits: Limits, rng: np.random.Generator) -> None:
        self._subject, self._limits, self._rng = subject, limits, rng
        self._promise = subject.promise
        self.mixtures: list[Floats] = []
        self.tables: list[Floats] = []
        self.attainable = dict.fromkeys(subject.pairs, 0.0)
        self._tried = np.zeros((0, len(subject.names)))
        self._table = np.zeros((0, self._promise.size))

    def go(self, runs: int, meter: Meter) -> None:
        """Choose up to `runs` mixtures; fewer where no more can be told."""
        if not self._subject.pairs:
            return
        told = np.zeros(self._promise.size)
        self._try(self._subject.starts(self._limits))
        with meter.task("mixtures", runs) as update:
            while len(self.mixtures) < runs and not self._all_decided(told):
                self._try(self._random(told))
                for _ in range(_ROUNDS):
                    best = np.argsort(-self._promise.bits(told + self._table))[:_BEST]
                    self._try(changed(self._tried[best], _NEAR, self._limits, self._rng))
                gain = self._promise.bits(told + self._table) - self._promise.bits(told)
                if gain.max() < _NOTHING:
                    break
                k = self._most_even(gain)
                told = told + self._table[k]
                self.mixtures.append(self._tried[k])
                self.tables.append(self._table[k])
                update(len(self.mixtures))

    def _most_even(self, gain: Floats) -> int:
        """Return the most even mixture of those that tell nearly as much as the best.

        It learns its skills soonest, and leans least on the model far from what was seen.
        """
        p = np.maximum(self._tried, 1e-12)
        evenness = -(p * np.log(p)).sum(axis=1)
        return int(np.argmax(np.where(gain >= _NEARLY * gain.max(), evenness, -np.inf)))

    def _all_decided(self, told: Floats) -> bool:
        return all(self._promise.chance(told, pair) == 1.0 for pair in self._subject.pairs)

    def _random(self, told: Floats) -> Floats:
        """Return random mixtures, many of them meant for edges that are not decided yet."""
        open_pairs = {
            pair: max(1.0 - self._promise.chance(told, pair), 0.0) * _doubt(p)
            for pair, p in self._subject.pairs.items()
        }
        total = sum(open_pairs.values())
        rare, weight = self._aims(open_pairs if total > 0.0 else self._subject.pairs)
        count = _POOL if not self.mixtures else _POOL // 2
        return drawn(count, len(self._subject.names), self._limits, rare, weight, self._rng)

    def _aims(self, worth: Mapping[Pair, float]) -> tuple[list[tuple[int, bool]], Floats]:
        """Return which skills to make slow (to finish last) or fast, and how worth while."""
        aims: dict[tuple[int, bool], float] = {}
        for pair, value in worth.items():
            for key in self._subject.aims(pair) if value > 0.0 else ():
                aims[key] = aims.get(key, 0.0) + value
        weight = np.array(list(aims.values()))
        return list(aims), weight / weight.sum()

    def _try(self, mixtures: Floats) -> None:
        if not len(mixtures):
            return
        table = self._promise.table(mixtures)
        self._tried = np.concatenate([self._tried, mixtures])
        self._table = np.concatenate([self._table, table])
        for pair, most in self.attainable.items():
            least = np.nan_to_num(self._promise.excess(table, pair))
            self.attainable[pair] = max(most, float(least.max(initial=0.0)))


def _doubt(p: float) -> float:
    """How much an edge is worth deciding: what is not seen at all still counts a little."""
    return max(p * (1.0 - p), 0.05)
