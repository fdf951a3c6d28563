"""What runs of a serial pool say about the gate of each skill.

The pool serves the most frequent of the skills that are open. So where a skill is served its gate
was open, by what was mastered then; and where one that is less frequent is served before it, or
nothing is, its gate was closed. Gates are monotone: of each run only the last time at which a skill
was passed over counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import NamedTuple

import numpy as np

from domino_sim.inference.forms import Requires
from domino_sim.inference.serial.orders import Service
from domino_sim.levels import Floats, Ints

__all__ = ["Evidence", "Shown", "Told", "is_open"]
#: Doubtful skills of a run of which every part may be mastered from its start; of more all or none.
_FEW = 3


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


class Told(NamedTuple):
    """What a graph tells of a run: what is mastered from its start, and all that it serves."""

    start: frozenset[int]
    order: tuple[int, ...]


@dataclass(frozen=True)
class Shown:
    """What runs show.

    Attributes
    ----------
    services
        Of each run, in which order it served.
    frequency : (runs, n) array
        Frequencies; NaN where they are not known.
    mastered, doubtful : (runs, n) arrays of bool
        Which skills are mastered from the start, and which may be, or be served unseen.
    trained : (runs, n) array of bool
        Which skills a run trains.
    until : (runs, n) array of int
        How many groups were served while there was a curve that shows that a skill waits; one more
        than there are where there is one to the end.
    """

    services: Sequence[Service]
    frequency: Floats
    mastered: np.ndarray
    doubtful: np.ndarray
    trained: np.ndarray
    until: Ints

    @cached_property
    def hidden(self) -> np.ndarray:
        """Which skills a run may serve unseen, (runs, n) of bool."""
        found: np.ndarray = self.trained & ~self.mastered
        for r, service in enumerate(self.services):
            found[r] &= self.doubtful[r] | (self.until[r] <= len(service.groups))
            found[r, list(service.order)] = False
        return found

    def starts(self, run: int) -> list[frozenset[int]]:
        """Return the sets of skills with which a run may have started mastered."""
        sure = frozenset(np.flatnonzero(self.mastered[run]).tolist())
        some = np.flatnonzero(self.doubtful[run]).tolist()
        sizes = range(len(some) + 1) if self.tells_starts(run) else (0, len(some))
        return [sure.union(more) for size in sizes for more in combinations(some, size)]

    def tells_starts(self, run: int) -> bool:
        """Whether one of `starts` is surely the true one; else doubtful skills are too many."""
        return int(self.doubtful[run].sum()) <= _FEW

    def phases(
        self, run: int, order: Sequence[int] | None = None
    ) -> list[tuple[tuple[int, ...], list[int]]]:
        """Return the groups that a run served, and which skills were passed over for each.

        The last group is empty if the run stood still: what waits was not open then.

        Parameters
        ----------
        order
            All that it served, with what is not seen.
        """
        service, p = self.services[run], self.frequency[run]
        waits = self.trained[run] & ~self.mastered[run] & ~self.doubtful[run]
        groups = service.groups if order is None else [(i,) for i in order]
        found, seen = [], 0
        for group in (*groups, ()) if service.still else groups:
            waits[list(group)] = False
            most = p[list(group)].max() if group else 0.0
            with np.errstate(invalid="ignore"):
                over = waits & (p > most) & (self.until[run] > seen)
            found.append((group, np.flatnonzero(over).tolist()))
            seen += not self.hidden[run, list(group)].any()
        return found

    def evidence(self, told: Sequence[Told | None] | None = None) -> list[Evidence]:
        """Return what the runs say about the gate of each skill.

        Parameters
        ----------
        told
            Of each run what a graph tells of it (`Replay.told`); without it what is hidden may be
            served whenever it helps.
        """
        runs, n = self.frequency.shape
        served, passed = np.zeros((2, n, runs), dtype=bool)
        maybe, surely = np.zeros((2, n, runs, n), dtype=bool)
        for r in range(runs):
            hidden, begun, order = self.hidden[r], self.mastered[r], None
            one = None if told is None else told[r]
            some = hidden
            if one is not None:
                begun = np.isin(np.arange(n), list(one.start))
                order, some = one.order, np.zeros(n, dtype=bool)
            for group, over in self.phases(r, order):
                passed[over, r], surely[over, r] = True, begun
                for skill in group:
                    if not hidden[skill]:
                        served[skill, r], maybe[skill, r] = True, begun | some
                        maybe[skill, r, [j for j in group if j != skill]] = True
                begun = begun.copy()
                begun[list(group)] = True
        return [Evidence(*each) for each in zip(served, passed, maybe, surely, strict=True)]


def is_open(gate: Requires, mastered: set[int]) -> bool:
    """Whether a gate is open when these skills are mastered."""
    if not gate.skills:
        return True
    return (any if gate.any else all)(j in mastered for j in gate.skills)
