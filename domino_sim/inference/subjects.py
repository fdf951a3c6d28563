"""What runs are planned for: what is in doubt, what mixtures promise, and how that is said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from domino_sim.inference.doubts import Doubts, Pair
from domino_sim.inference.mixing import Limits
from domino_sim.inference.outlook import Pace
from domino_sim.inference.planned import gate_reasons, left_reason
from domino_sim.inference.promise import Promise
from domino_sim.levels import Floats

__all__ = ["GateSubject", "Promises", "Subject"]


class Promises(Protocol):
    """How much runs promise to tell: see `promise.Promise`."""

    @property
    def size(self) -> int:
        """Length of a row of the table."""
        ...

    def table(self, mixtures: Floats) -> Floats:
        """Return what each mixture tells, a row each; of several runs rows add up."""
        ...

    def bits(self, table: Floats) -> Floats:
        """Return the information in bits."""
        ...

    def excess(self, table: Floats, pair: Pair) -> Floats:
        """Return by how much χ² what says otherwise of an edge is worse, by likely graph."""
        ...

    def chance(self, table: Floats, pair: Pair) -> float:
        """Return the part of the likely graphs in which an edge is decided."""
        ...


class Subject(Protocol):
    """What is in doubt: the names of the skills, the edges, what mixtures promise.

    `unplanned` are skills of which cannot be said what they need, whatever the mixture.
    """

    names: tuple[str, ...]
    runs: tuple[str, ...]
    pairs: Mapping[Pair, float]
    known: bool
    total: float
    remarks: tuple[str, ...]
    unplanned: tuple[str, ...]
    assumed: Mapping[str, Any]

    @property
    def promise(self) -> Promises:
        """What mixtures promise to tell."""
        ...

    def aims(self, pair: Pair) -> Iterable[tuple[int, bool]]:
        """Yield which skills to make slow (True) or fast to tell an edge."""
        ...

    def starts(self, limits: Limits) -> Floats:
        """Return mixtures to be tried first, (m, n)."""
        ...

    def why(self, mixture: Floats, pairs: Sequence[Pair]) -> list[str]:
        """Return what in a run tells each edge."""
        ...

    def left(self, pair: Pair, most: float) -> str:
        """Return why an edge is left, if mixtures tell `most` of it at best."""
        ...


class GateSubject:
    """Gates that wait."""

    total = 1.0
    unplanned: tuple[str, ...] = ()

    def __init__(self, doubts: Doubts, pace: Pace, promise: Promise) -> None:
        self._doubts, self._pace, self.promise = doubts, pace, promise
        self.names, self.runs, self.pairs = doubts.names, doubts.runs, doubts.pairs
        self.known, self.remarks = doubts.known, doubts.remarks
        self.assumed: Mapping[str, Any] = {
            "form": str(doubts.form), "noise": doubts.noise, "law": pace.law,
            "wasted": pace.wasted, "points": pace.points,
        }  # fmt: skip

    def aims(self, pair: Pair) -> Iterable[tuple[int, bool]]:
        """Yield the prerequisite, the last of all or the first of any to be learned."""
        j, i = pair
        return [(j, not one.any) for one in self._doubts.options[i] if j in one.needs]

    def starts(self, limits: Limits) -> Floats:
        """Return none."""
        del limits
        return np.zeros((0, len(self.names)))

    def why(self, mixture: Floats, pairs: Sequence[Pair]) -> list[str]:
        """Return what in a run tells each edge."""
        return gate_reasons(self._doubts, mixture, self._pace, pairs)

    def left(self, pair: Pair, most: float) -> str:
        """Return why an edge is left."""
        return left_reason(self._doubts, pair, most)
