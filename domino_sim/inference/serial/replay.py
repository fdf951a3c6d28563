"""What a graph lets a serial pool serve where there is no curve, and what runs say against it.

Under a graph the turn of a skill without a curve is known: it is served as soon as it is open and
none that is open is more frequent. So a graph is judged whole. Sets of skills are integers here, a
bit for each.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from domino_sim.inference.networks.hypotheses import Graph
from domino_sim.inference.serial.shown import Shown, Told

__all__ = ["Replay"]


@dataclass(frozen=True)
class _Run:
    """A run.

    Attributes
    ----------
    phases
        Groups of skills as they were served, and what was passed over for each.
    waits
        Of each group, which skills are seen to wait until it is served.
    starts
        Sets of skills that may be mastered from the start.
    hidden
        Those whose turn is not seen, the most frequent first, with the first group before which
        they may have been served.
    frequency
        Of all skills.
    exact
        Whether a graph, and a start, tell when hidden skills are served.
    """

    phases: list[tuple[tuple[int, ...], list[int]]]
    waits: list[list[int]]
    starts: list[frozenset[int]]
    hidden: list[tuple[int, int]]
    frequency: list[float]
    exact: bool


class Replay:
    """Serves again what runs served, and under a graph what they do not show.

    Parameters
    ----------
    shown
        What runs show.
    """

    def __init__(self, shown: Shown) -> None:
        self._shape = shown.frequency.shape
        self._runs = [_run(shown, r) for r in range(len(shown.services))]

    def told(self, graph: Graph) -> list[Told | None]:
        """Return with what runs start, and what they serve, where the graph tells it."""
        gates = _gates(graph)
        return [
            _served(run, gates).told if run.exact and run.hidden else None for run in self._runs
        ]

    def against(self, graph: Graph) -> np.ndarray:
        """Return which runs speak against the gate of each skill, (runs, n) of bool."""
        found = np.zeros(self._shape, dtype=bool)
        gates = _gates(graph)
        for r, run in enumerate(self._runs):
            found[r, list(_served(run, gates).wrong)] = True
        return found


def _run(shown: Shown, r: int) -> _Run:
    frequency, trained = shown.frequency[r], shown.trained[r]
    phases, hidden = shown.phases(r), np.flatnonzero(shown.hidden[r])
    first = np.where(shown.doubtful[r], 0, shown.until[r])
    known = np.isfinite(frequency).all()
    known &= len(set(frequency[trained].tolist())) == int(trained.sum())
    served, waits = shown.mastered[r] | shown.doubtful[r], []
    for k, (group, _) in enumerate(phases):
        waits.append(np.flatnonzero(trained & ~served & (shown.until[r] > k)).tolist())
        served = served.copy()
        served[list(group)] = True
    return _Run(
        phases, waits, shown.starts(r),
        [(i, int(first[i])) for i in sorted(hidden.tolist(), key=lambda i: -frequency[i])],
        frequency.tolist(), bool(known and all(len(group) < 2 for group, _ in phases)),
    )  # fmt: skip


def _served(run: _Run, gates: Sequence[tuple[int, bool]]) -> _Served:
    """Return what a run serves, from the start that least speaks against."""
    every = (_Served(run, gates, start) for start in run.starts)
    return min(every, key=lambda one: len(one.wrong))


class _Served:
    """What a run serves under a graph, what it shows being served when it was.

    Attributes
    ----------
    told
        With what it starts, and what it serves.
    wrong
        Whose gates were closed where it served them, or open where it passed them over.
    """

    def __init__(
        self, run: _Run, gates: Sequence[tuple[int, bool]], start: frozenset[int]
    ) -> None:
        self._run, self._gates = run, gates
        self.wrong = set[int]()
        order = list[int]()
        # What is mastered by now: perhaps, and surely.
        some = sure = _bits(start)
        if not run.exact:
            some |= _bits(i for i, _ in run.hidden)
        for k, (group, over) in enumerate(run.phases):
            while run.exact and (skill := self._next(k, group, sure)) is not None:
                self._pass(run.waits[k], run.frequency[skill], sure)
                order.append(skill)
                some = sure = sure | 1 << skill
            self.wrong.update(j for j in over if self._is_open(j, sure))
            here = _bits(group)
            for j in group:
                if not self._is_open(j, some | (here & ~(1 << j))):
                    self.wrong.add(j)
            order += group
            some |= here
            sure |= here
        self.told = Told(start, tuple(order))

    def _is_open(self, skill: int, mastered: int) -> bool:
        mask, one_is_enough = self._gates[skill]
        return bool(mastered & mask) if one_is_enough else mastered & mask == mask

    def _next(self, k: int, group: tuple[int, ...], mastered: int) -> int | None:
        """Return the hidden skill that is served next before a group, if there is one."""
        p = self._run.frequency
        most = max((p[j] for j in group if self._is_open(j, mastered)), default=0.0)
        for i, first in self._run.hidden:
            if p[i] <= most:
                return None
            if k >= first and not mastered >> i & 1 and self._is_open(i, mastered):
                return i
        return None

    def _pass(self, waits: list[int], frequency: float, mastered: int) -> None:
        """Say what must not be open while a hidden skill is served."""
        p = self._run.frequency
        self.wrong.update(j for j in waits if p[j] > frequency and self._is_open(j, mastered))


def _gates(graph: Graph) -> list[tuple[int, bool]]:
    """Return what each gate asks for, as a set, and whether one of it is enough."""
    return [(_bits(gate.skills), gate.any) for gate in graph]


def _bits(skills: Iterable[int]) -> int:
    return sum(1 << i for i in skills)
