"""What runs of a serial pool say about the gate of each skill.

The pool serves the most frequent of the skills that are open. So where a skill is served its gate
was open, by what was mastered then; and where one that is less frequent is served before it, or
nothing is, its gate was closed. Gates are monotone: of each run only the last time at which a skill
was passed over counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from domino_sim.inference.forms import Requires
from domino_sim.inference.networks.hypotheses import Graph
from domino_sim.inference.serial.orders import Service
from domino_sim.levels import Floats, Ints

__all__ = ["Evidence", "Shown", "is_open"]

#: The place of what is never mastered.
_NEVER = 1 << 30


@dataclass(frozen=True)
class Evidence:
    """What runs say about the gate of one skill.

    Attributes
    ----------
    served, passed : (runs,) arrays of bool
        Whether a run served the skill, and whether it passed it over.
    maybe : (runs, n) array of bool
        Which skills may have been mastered when it was served.
    surely : (runs, n) array of bool
        Which surely were when it was passed over last.
    """

    served: np.ndarray
    passed: np.ndarray
    maybe: np.ndarray
    surely: np.ndarray


@dataclass(frozen=True)
class Shown:
    """What runs show.

    Attributes
    ----------
    services
        Of each run, in which order it served.
    frequency : (runs, n) array
        Frequencies; NaN where they are not known.
    mastered : (runs, n) array of bool
        Which skills are mastered from the start.
    trained, seen : (runs, n) arrays of bool
        Which skills a run trains, and of which it has a curve.
    """

    services: Sequence[Service]
    frequency: Floats
    mastered: np.ndarray
    trained: np.ndarray
    seen: np.ndarray

    @property
    def hidden(self) -> np.ndarray:
        """Which skills a run trains without a curve of them, (runs, n) of bool."""
        return self.trained & ~self.seen & ~self.mastered

    def evidence(self, places: Ints | None = None) -> list[Evidence]:
        """Return what the runs say about the gate of each skill.

        Parameters
        ----------
        places : (runs, n) array
            Of skills that are hidden, before which group of those served they are mastered
            (`places_under`); without it they may be mastered whenever it helps.
        """
        runs, n = self.frequency.shape
        served, passed = np.zeros((2, n, runs), dtype=bool)
        maybe, surely = np.zeros((2, n, runs, n), dtype=bool)
        never = np.zeros(n, dtype=bool)
        for r, service in enumerate(self.services):
            hidden, begun = self.hidden[r], self.mastered[r]
            waits = self.trained[r] & self.seen[r] & ~begun
            for k, group in enumerate((*service.groups, ()) if service.still else service.groups):
                there = never if places is None else hidden & (places[r] <= k)
                some = hidden if places is None else there
                waits[list(group)] = False
                with np.errstate(invalid="ignore"):
                    over = waits & (self.frequency[r] > self._most(r, group))
                passed[over, r], surely[over, r] = True, begun | there
                for skill in group:
                    served[skill, r], maybe[skill, r] = True, begun | some
                    maybe[skill, r, [j for j in group if j != skill]] = True
                begun = begun.copy()
                begun[list(group)] = True
        return [Evidence(*each) for each in zip(served, passed, maybe, surely, strict=True)]

    def places_under(self, graph: Graph) -> Ints:
        """Return before which group of those served hidden skills are mastered, under a graph."""
        places = np.full(self.frequency.shape, _NEVER)
        for r in np.flatnonzero(self.hidden.any(axis=1)).tolist():
            row = self.frequency[r]
            left = sorted(np.flatnonzero(self.hidden[r]).tolist(), key=lambda i: -row[i])
            done = set(np.flatnonzero(self.mastered[r]).tolist())
            for k, group in enumerate((*self.services[r].groups, ())):
                while True:
                    ready = [
                        i for i in left
                        if is_open(graph[i], done) and not self._waits(r, i, group, graph, done)
                    ]  # fmt: skip
                    if not ready:
                        break
                    left.remove(ready[0])
                    done.add(ready[0])
                    places[r, ready[0]] = k
                done.update(group)
        return places

    def _waits(
        self, run: int, skill: int, group: Sequence[int], graph: Graph, done: set[int]
    ) -> bool:
        """Whether one of a group is open and more frequent."""
        p = self.frequency[run]
        return any(p[skill] <= p[j] and is_open(graph[j], done) for j in group)

    def _most(self, run: int, group: Sequence[int]) -> float:
        """Return the highest frequency of a group; 0 where nothing is served."""
        return float(self.frequency[run, list(group)].max(initial=0.0)) if group else 0.0


def is_open(gate: Requires, mastered: set[int]) -> bool:
    """Whether a gate is open when these skills are mastered."""
    if not gate.skills:
        return True
    return (any if gate.any else all)(j in mastered for j in gate.skills)
