"""The cheapest graph of a serial pool, by what runs say about its gates."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import numpy as np

from domino_sim.inference.forms import OPEN, Requires
from domino_sim.inference.gates import ancestors
from domino_sim.inference.networks.hypotheses import Graph, Rules, descendants, is_acyclic
from domino_sim.inference.serial.gates import AGAINST, SkillGates, price_of, weigh_gates
from domino_sim.inference.serial.replay import Replay
from domino_sim.inference.serial.shown import Evidence, Shown

__all__ = ["cheapest", "searched"]

#: The cheapest gates of a skill that are tried against others, where circles are in the way; and
#: where skills are hidden, of all and of those that go best with the graph as it is.
_TRIED, _SOME, _BEST = 30, 100, 20

#: Of the search where skills are hidden: steps without a better graph, and graphs it starts from.
_PATIENCE, _STARTS = 10, 10

#: Costs that differ by no more are even.
_EVEN = 1e-9


def searched(
    shown: Shown, rules: Rules, price: float, until: float = np.inf
) -> tuple[Graph, list[SkillGates]]:
    """Return the cheapest graph and what gates cost.

    When a skill without a curve was served depends on the graph. So from the graph that is cheapest
    if it was whenever that helps, and those that follow when it is found anew under each, one gate
    after another is changed while graphs are judged whole. What gates cost is told by what is so
    under any. After `until` (`time.monotonic`) the best graph so far is what is returned.
    """
    sound = _weighed(shown.evidence(), rules, price)
    graph = cheapest(sound, rules)
    clear = all(len(group) == 1 for one in shown.services for group in one.groups)
    if shown.hidden.any() or not clear:
        graph = _Hidden(shown, sound, rules, price, until).search(graph)
    return graph, sound


class _Hidden:
    """Finds graphs where the turns of skills that are hidden depend on them."""

    def __init__(
        self, shown: Shown, sound: Sequence[SkillGates], rules: Rules, price: float, until: float
    ) -> None:
        self._shown, self._replay = shown, Replay(shown)
        self._rules, self._price, self._until = rules, price, until
        self._cheap = [gates.cheapest(_SOME) for gates in sound]
        self._gates = [[one.gate for one in some] for some in self._cheap]

    def search(self, graph: Graph) -> Graph:
        """Return the best graph that is found from one, and from others drawn by their weight."""
        seen = dict[Graph, float]()
        rng = np.random.default_rng(0)
        for _ in range(_STARTS):
            best = self._climb(graph, seen)
            if not self._replay.against(best).any() or time.monotonic() > self._until:
                break
            graph = self._drawn(rng)
        return min(seen, key=lambda one: seen[one])

    def _drawn(self, rng: np.random.Generator) -> Graph:
        """Return a graph of gates drawn by their weight, those that close a circle left out."""
        graph = list(self._rules.start())
        for i in rng.permutation(len(graph)).tolist():
            after = descendants(tuple(graph), i)
            some = [one for one in self._cheap[i] if after.isdisjoint(one.gate.skills)]
            if some:
                cost = np.array([one.cost for one in some])
                weight = np.exp(-0.5 * (cost - cost.min()))
                graph[i] = some[int(rng.choice(len(some), p=weight / weight.sum()))].gate
        return tuple(graph)

    def _climb(self, graph: Graph, seen: dict[Graph, float]) -> Graph:
        """Return the best graph that is found from one; `seen` takes all with what they cost."""
        here = list[Graph]()
        while graph not in here:
            here.append(graph)
            graph = cheapest(self._under(graph), self._rules)
        for one in here:
            seen.setdefault(one, self._cost(one))
        best = graph = min(here, key=lambda one: seen[one])
        step = last = 0
        while (
            step < last + _PATIENCE
            and time.monotonic() < self._until
            and (blamed := sorted(self._replay.blamed(graph)))
        ):
            step += 1
            near = self._near(graph, blamed)
            if not near:
                break
            for one in near:
                if one not in seen:
                    seen[one] = self._cost(one)
            graph = min(near, key=lambda one: seen[one])
            if seen[graph] < seen[best] - _EVEN:
                best, last = graph, step
        return best

    def _cost(self, graph: Graph) -> float:
        sizes = [len(gate.skills) for gate in graph]
        wrong = int(self._replay.against(graph).sum())
        return AGAINST * wrong + sum(price_of(k, self._price) for k in sizes)

    def _under(self, graph: Graph) -> list[SkillGates]:
        evidence = self._shown.evidence(self._replay.told(graph))
        return _weighed(evidence, self._rules, self._price)

    def _near(self, graph: Graph, skills: Sequence[int]) -> list[Graph]:
        """Return graphs with another gate of one of some skills."""
        under, found = self._under(graph), list[Graph]()
        for i in skills:
            after = descendants(graph, i)
            more = [one.gate for one in under[i].cheapest(_BEST)]
            for gate in dict.fromkeys([*self._gates[i], *more]):
                if gate != graph[i] and after.isdisjoint(gate.skills):
                    found.append((*graph[:i], gate, *graph[i + 1 :]))
        return found


def _weighed(evidence: Sequence[Evidence], rules: Rules, price: float) -> list[SkillGates]:
    return [weigh_gates(i, one, rules, price) for i, one in enumerate(evidence)]


def cheapest(gates: Sequence[SkillGates], rules: Rules) -> Graph:
    """Return the cheapest graph without circles, as far as changes of a gate find it.

    Where the cheapest gates close none, that is they. Else each skill takes the cheapest gate that
    closes none with those that have theirs; then one that could not have its cheapest gates gets
    them in turn, where another that is in the way can have another gate for less.
    """
    wished = [one.best() for one in gates]
    assert all(wished), "gates with all that is required are among those looked at"
    graph = [one.gate for one in wished if one is not None]
    cost = [one.cost for one in wished if one is not None]
    if is_acyclic(tuple(graph)):
        return tuple(graph)
    least = list(cost)
    graph = list(rules.start())
    for i in range(len(gates)):
        _choose(i, graph, cost, gates)
    better = True
    while better:
        better = False
        for i in np.argsort(np.subtract(least, cost), kind="stable").tolist():
            if cost[i] - least[i] < _EVEN:
                break
            for tried, price in _given_way(i, graph, cost, gates):
                if sum(price) < sum(cost) - _EVEN:
                    graph, cost, better = tried, price, True
    return tuple(graph)


def _given_way(
    i: int, graph: list[Requires], cost: list[float], gates: Sequence[SkillGates]
) -> Iterator[tuple[list[Requires], list[float]]]:
    """Yield graphs in which a skill has a cheaper gate, and one that was in its way another."""
    for one in gates[i].cheapest(_TRIED):
        if one.cost >= cost[i] - _EVEN:
            return
        with_it = (*graph[:i], one.gate, *graph[i + 1 :])
        for k in sorted(descendants(with_it, i) & ancestors(with_it, i) - {i}):
            tried, price = list(with_it), list(cost)
            tried[k], price[i] = OPEN, one.cost
            # None may be left to it that asks for what must be.
            if _choose(k, tried, price, gates) and is_acyclic(tuple(tried)):
                yield tried, price


def _choose(i: int, graph: list[Requires], cost: list[float], gates: Sequence[SkillGates]) -> bool:
    """Give a skill the cheapest gate that asks for nothing that needs it; else leave it.

    Returns whether there is one.
    """
    one = gates[i].best(descendants(tuple(graph), i))
    if one is not None:
        graph[i], cost[i] = one.gate, one.cost
    return one is not None


