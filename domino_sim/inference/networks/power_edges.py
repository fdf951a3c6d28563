"""Which runs decide an edge between power gates, and what they do not tell.

Every gate of a skill has an exact likelihood, so the best gate with a prerequisite is weighed
against the best without it, what others need held. A skill that comes to need nothing slows all
others that do, and one that no longer does lets them come sooner: that counts as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from domino_sim.inference.evidence import EXCLUDED, IMPLIED, OTHERS, UNDECIDED, UNSEEN, Edge
from domino_sim.inference.forms import Requires
from domino_sim.inference.gates import ancestors
from domino_sim.inference.networks.edges import (
    BESIDE,
    FEW_OF_IT,
    FEW_OF_NEEDED,
    NOISY_ONSETS,
    TURNED,
    Weighed,
    list_edges,
)
from domino_sim.inference.networks.hypotheses import Graph, Rules, descendants
from domino_sim.inference.networks.onsets import Onsets
from domino_sim.inference.networks.power_gates import LEAST, GatesOfSkill
from domino_sim.inference.networks.power_roots import roots_of, whole_evidence
from domino_sim.levels import Floats

__all__ = ["edges_of"]

#: Gates between which so little lies (twice the log likelihood) say the same of these runs.
_SAME = 0.01


def edges_of(
    graph: Graph, probability: Floats, skills: Sequence[GatesOfSkill], onsets: Onsets,
    rules: Rules,
) -> tuple[Edge, ...]:  # fmt: skip
    """Return the edges that are found, possible or cannot be told."""
    seen = (onsets.seen & onsets.trained).sum(axis=0)
    weighing = _Weighing(graph, skills, rules, seen < LEAST, len(onsets.log))
    return list_edges(graph, probability, len(onsets.log), weighing.weigh)


class _Weighing:
    def __init__(
        self, graph: Graph, skills: Sequence[GatesOfSkill], rules: Rules, rare: np.ndarray,
        runs: int,
    ) -> None:  # fmt: skip
        self._graph, self._skills, self._rules, self._rare = graph, skills, rules, rare
        self._roots = roots_of(graph, skills)
        self._evidence = [whole_evidence(skills, graph, i) for i in range(len(graph))]
        self._runs = runs
        self._by_run: dict[tuple[int, int, bytes], Floats] = {}

    def weigh(self, j: int, i: int) -> Weighed | None:
        """Weigh the edge from j to i; None if no gate has it that is permitted."""
        rules, skill = self._rules, self._skills[i]
        if rules.forbidden[j, i]:
            return None
        after = descendants(self._graph, i)
        if skill.unknown or j in rules.required[i]:
            can_be = j in rules.required[i] or j not in after
            return Weighed(0.0, self._nothing, FEW_OF_IT, hidden=True) if can_be else None
        if j in after:
            return self._turned(j, i, after)
        with_it = self._best(i, closed=after, asked=j)
        without = self._best(i, closed=after | {j})
        if with_it is None or without is None:
            return None
        gain = self._gain({i: with_it}, {i: without})
        reason, hidden = self._reason(j, i, with_it, without)
        return Weighed(gain, lambda: self._gains({i: with_it}, {i: without}), reason, hidden)

    def _reason(self, j: int, i: int, with_it: int, without: int) -> tuple[str, bool]:
        """Return why an edge is not decided, and whether these runs cannot tell it at all."""
        skill, here = self._skills[i], j in self._graph[i].skills
        telling = skill.telling(with_it, without, self._roots)
        blind = telling < EXCLUDED
        if not here and j in ancestors(self._graph, i):
            return IMPLIED, blind
        if self._rare[j]:
            return FEW_OF_NEEDED, True
        if not here and self._is_never_first(j, i, without):
            return UNSEEN, True
        rest = set(skill.gates[without].skills)
        if rest - set(skill.gates[with_it].skills):
            return OTHERS, False
        if blind and rest & ancestors(self._graph, j):
            return BESIDE, False
        return NOISY_ONSETS if blind else UNDECIDED, False

    def _is_never_first(self, j: int, i: int, without: int) -> bool:
        """Whether j could be enough too and no run would show it: it never is the soonest."""
        skill, gate = self._skills[i], self._skills[i].gates[without]
        wider = Requires.of([*gate.skills, j], any=True)
        if (len(gate.skills) > 1 and not gate.any) or not gate.skills or wider not in skill.gates:
            return False
        g = skill.gates.index(wider)
        apart = skill.telling(g, without, self._roots)
        return max(apart, abs(self._gain({i: g}, {i: without}))) < _SAME

    def _turned(self, j: int, i: int, after: set[int]) -> Weighed | None:
        """Weigh an edge from a descendant of i: j needs none of those then."""
        with_it = self._best(i, closed=after - {j}, asked=j)
        freed = self._best(j, closed=after)
        if with_it is None or freed is None:
            return None
        here = {k: self._skills[k].gates.index(self._graph[k]) for k in (i, j)}
        there = {i: with_it, j: freed}
        gain = self._gain(there, here)
        reason = FEW_OF_NEEDED if self._rare[j] else TURNED
        return Weighed(gain, lambda: self._gains(there, here), reason)

    def _best(self, i: int, closed: set[int], asked: int | None = None) -> int | None:
        """Return the likeliest gate that asks for none of `closed`, and for `asked`."""
        members = self._skills[i].members
        barred = members[:, list(closed)].any(axis=1)
        if asked is not None:
            barred |= ~members[:, asked]
        return None if barred.all() else int(np.where(barred, -np.inf, self._evidence[i]).argmax())

    def _with(self, gates: Mapping[int, int]) -> tuple[dict[int, int], np.ndarray]:
        """Return the gates of all skills whose likelihood these change, and what needs nothing."""
        roots = self._roots.copy()
        for i, g in gates.items():
            roots[i] = not self._skills[i].gates[g].skills and not self._skills[i].unknown
        # The gate that asks for nothing is the first.
        return dict.fromkeys(np.flatnonzero(roots).tolist(), 0) | dict(gates), roots

    def _gain(self, new: Mapping[int, int], old: Mapping[int, int]) -> float:
        total = []
        for gates, roots in map(self._with, (new, old)):
            total.append(sum(self._skills[i].likelihood(roots)[g] for i, g in gates.items()))
        return 2.0 * float(total[0] - total[1])

    def _gains(self, new: Mapping[int, int], old: Mapping[int, int]) -> Floats:
        total = []
        for gates, roots in map(self._with, (new, old)):
            found = self._nothing()
            for i, g in gates.items():
                key = i, g, roots.tobytes() if not self._skills[i].gates[g].skills else b""
                if key not in self._by_run:
                    self._by_run[key] = self._skills[i].by_run(g, roots)
                found = found + self._by_run[key]
            total.append(found)
        return 2.0 * (total[0] - total[1])

    def _nothing(self) -> Floats:
        return np.zeros(self._runs)
