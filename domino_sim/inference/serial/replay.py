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
        Which skills are seen to wait until each group is served.
    starts
        Sets of skills that may be mastered from the start.
    hidden
        Those whose turn is not seen, with the first group before which they may have been served.
    frequency
        Of all skills.
    exact
        Whether a graph, and a start, tell when skills are served.
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
        return [_served(run, gates).told if run.exact else None for run in self._runs]

    def against(self, graph: Graph) -> np.ndarray:
        """Return which runs speak against the gate of each skill, (runs, n) of bool."""
        found = np.zeros(self._shape, dtype=bool)
        gates = _gates(graph)
        for r, run in enumerate(self._runs):
            found[r, list(_served(run, gates).wrong)] = True
        return found

    def blamed(self, graph: Graph) -> set[int]:
        """Return the skills one of which may have to have another gate, where runs speak against.

        Those that are wrong from one start or another; those that would not have been passed over
        if the next one seen had not had to wait; and those that are hidden there.
        """
        gates, found = _gates(graph), set[int]()
        for run in self._runs:
            every = [_Served(run, gates, start) for start in run.starts]
            if all(one.wrong for one in every):
                found.update(i for i, _ in run.hidden)
                found.update(i for one in every for i in one.wrong | one.waited)
        return found


def _run(shown: Shown, r: int) -> _Run:
    frequency, trained = shown.frequency[r], shown.trained[r]
    phases, hidden = shown.phases(r), np.flatnonzero(shown.hidden[r])
    first = np.where(shown.doubtful[r], 0, shown.until[r])
    served, waits = shown.mastered[r] | shown.doubtful[r], []
    for k, (group, _) in enumerate(phases):
        waits.append(np.flatnonzero(trained & ~served & (shown.until[r] > k)).tolist())
        served = served.copy()
        served[list(group)] = True
    return _Run(
        phases, waits, shown.starts(r),
        [(i, int(first[i])) for i in hidden.tolist()],
        frequency.tolist(), bool(np.isfinite(frequency).all()) and shown.tells_starts(r),
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
    waited
        What is seen to be served next where a hidden skill was served in its place, and another
        passed over for that.
    """

    def __init__(
        self, run: _Run, gates: Sequence[tuple[int, bool]], start: frozenset[int]
    ) -> None:
        self._run, self._gates = run, gates
        self._done = _bits(start)
        self._order = list[int]()
        self.wrong, self.waited = set[int](), set[int]()
        for k in range(len(run.phases)):
            if run.exact:
                self._serve(k)
            else:
                self._serve_perhaps(k)
        self.told = Told(start, tuple(self._order))

    def _is_open(self, skill: int, mastered: int) -> bool:
        mask, one_is_enough = self._gates[skill]
        return bool(mastered & mask) if one_is_enough else mastered & mask == mask

    def _serve(self, k: int) -> None:
        """Serve a group, and what is hidden before it or between, the most frequent first."""
        p, group, waits = self._run.frequency, self._run.phases[k][0], self._run.waits[k]
        left = set(group)
        while left or not group:  # at the end, all that is open
            ready = [i for i in left if self._is_open(i, self._done)]
            ready += [
                i for i, first in self._run.hidden
                if first <= k and not self._done >> i & 1 and self._is_open(i, self._done)
            ]  # fmt: skip
            if not ready and not left:
                break
            i = max(ready or left, key=lambda i: p[i])
            if not ready:
                self.wrong.add(i)
            if self._pass(waits, p[i]) and i not in left:
                self.waited |= left
            self._order.append(i)
            self._done |= 1 << i
            left.discard(i)
        if not group:
            self._pass(waits, 0.0)

    def _pass(self, waits: list[int], frequency: float) -> bool:
        """Say which of those that are seen to wait must not be open; return whether some are."""
        p, done = self._run.frequency, self._done
        found = [
            j for j in waits
            if p[j] > frequency and not done >> j & 1 and self._is_open(j, done)
        ]  # fmt: skip
        self.wrong.update(found)
        return bool(found)

    def _serve_perhaps(self, k: int) -> None:
        """Serve a group where what is hidden may have been served, or not."""
        group, over = self._run.phases[k]
        here, hidden = _bits(group), _bits(i for i, _ in self._run.hidden)
        self.wrong.update(j for j in over if self._is_open(j, self._done))
        for j in group:
            if not self._is_open(j, self._done | hidden | (here & ~(1 << j))):
                self.wrong.add(j)
        self._order += group
        self._done |= here


def _gates(graph: Graph) -> list[tuple[int, bool]]:
    """Return what each gate asks for, as a set, and whether one of it is enough."""
    return [(_bits(gate.skills), gate.any) for gate in graph]


def _bits(skills: Iterable[int]) -> int:
    return sum(1 << i for i in skills)
