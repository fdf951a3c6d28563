"""One verb: the graph behind curves of a serial pool."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from domino_sim.inference.evidence import (
    BAD_FIT,
    EXCLUDED,
    IMPLIED,
    OTHERS,
    SUREST,
    UNDECIDED,
    UNSEEN,
)
from domino_sim.inference.forms import OPEN, Requires, trained
from domino_sim.inference.networks.edges import TURNED, Weighed, ancestors, list_edges
from domino_sim.inference.networks.grown import Grown, typical_misfit
from domino_sim.inference.networks.hypotheses import Graph, Rules, descendants, is_acyclic
from domino_sim.inference.serial.circles import probabilities
from domino_sim.inference.serial.gates import SkillGates, weigh_gates
from domino_sim.inference.serial.lines import Lines, Order
from domino_sim.inference.serial.orders import Service, read_orders
from domino_sim.inference.serial.shown import Evidence, Shown, is_open
from domino_sim.inference.study import NO_CURVE, Study
from domino_sim.levels import Floats

__all__ = ["infer_serial"]

#: Standard deviations within which a skill cannot be told from untrained, or from mastered.
_NEAR = 3.0

#: The cheapest gates of a skill that are tried against others, where circles are in the way.
_TRIED = 30

#: Costs that differ by no more are even.
_EVEN = 1e-9


def infer_serial(
    study: Study, rules: Rules, price: float, until: float = np.inf
) -> Grown | None:
    """Infer the graph if one skill at a time was served; None if no graph explains curves so.

    Parameters
    ----------
    study
        Curves and frequencies. A run of which some frequency is not known tells by its order alone
        what was open, not what was closed.
    rules
        Which gates are permitted.
    price
        What each prerequisite costs, in χ².
    until
        When to stop (`time.monotonic`): None then.
    """
    read = read_orders(study, _start(study), until)
    if read is None:
        return None
    services, lines = read
    orders = [one.order for one in services]
    scale = max(1.0, float(lines.errors([orders]).sum()) / max(study.records.values, 1))
    known = trained(study.frequency, study.free)
    frequency = study.frequency.copy()
    if study.free is not None:
        frequency[study.free.any(axis=1)] = np.nan
    seen, mastered = _seen(study, services), lines.start >= 1.0
    # Where a skill has no curve it may be what is served when nothing seems to be.
    unseen = (known & ~seen & ~mastered).any(axis=1) | (NO_CURVE in study.left_out.values())
    services = [
        replace(one, still=0.0) if some else one
        for one, some in zip(services, unseen, strict=True)
    ]
    shown = Shown(services, frequency, mastered, known, seen)
    graph, gates = _searched(shown, rules, price, scale)
    court = _Court(shown, lines)
    level = lines.walk(court.orders(graph))
    weight = study.records.weight
    error = weight * np.square(study.records.level - level)
    misfit = float(error.sum()) / max(study.records.values, 1)
    if misfit > BAD_FIT:
        return None
    weighing = _Weighing(graph, gates, court, rules)
    edges = list_edges(graph, weighing.probability, len(study.runs), weighing.weigh)
    values = np.maximum((weight > 0.0).sum(axis=(0, 1)), 1)
    return Grown(
        "serial", graph, weighing.probability, level, misfit,
        typical_misfit(error.sum(axis=(0, 1)) / values), "one skill at a time",
        misfits={"one skill at a time": study.sigma * misfit**0.5}, edges=edges, rules=rules,
    )  # fmt: skip


def _start(study: Study) -> Floats:
    """Return levels at the start of runs, of pieces of runs those of their own first records."""
    start = study.before[study.growths[0]]
    if study.follows is None:
        return start
    start, untrained = start.copy(), start.min()
    for r in np.flatnonzero(study.follows.run >= 0):
        known = study.records.weight[r] > 0.0
        for i in np.flatnonzero(known.any(axis=0)):
            first = float(study.records.smooth[r, int(known[:, i].argmax()), i])
            mastered = first > 1.0 - _NEAR * study.sigma
            start[r, i] = 1.0 if mastered else max(first, untrained)
            if start[r, i] < untrained + _NEAR * study.sigma:
                start[r, i] = untrained
    return start


def _seen(study: Study, services: Sequence[Service]) -> np.ndarray:
    """Return which skills runs show to their end, or until they were served, (runs, n)."""
    known = study.records.weight > 0.0
    records = np.arange(known.shape[1])[:, None]
    last = np.where(known, records, -1).max(axis=1)
    seen: np.ndarray = (last >= last.max(axis=1, keepdims=True) - 1) & (last >= 0)
    for r, service in enumerate(services):
        seen[r, list(service.order)] = True
    return seen


def _searched(
    shown: Shown, rules: Rules, price: float, scale: float
) -> tuple[Graph, list[SkillGates]]:
    """Return the cheapest graph and what gates cost.

    When a skill without a curve was served depends on the graph: it is found anew under each. What
    gates cost is told by what is so under any.
    """
    places, seen = None, list[Graph]()
    sound = gates = _weighed(shown.evidence(), rules, price, scale)
    while True:
        graph = _cheapest(gates, rules)
        if not shown.hidden.any() or graph in seen:
            return graph, sound
        seen.append(graph)
        places = shown.places_under(graph)
        gates = _weighed(shown.evidence(places), rules, price, scale)


def _weighed(
    evidence: Sequence[Evidence], rules: Rules, price: float, scale: float
) -> list[SkillGates]:
    return [weigh_gates(i, one, rules, price, scale) for i, one in enumerate(evidence)]


def _cheapest(gates: Sequence[SkillGates], rules: Rules) -> Graph:
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
    second = [one.cheapest(2)[-1].cost for one in gates]
    for i in sorted(range(len(gates)), key=lambda i: least[i] - second[i]):
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


class _Court:
    """Judges graphs by the orders in which they serve."""

    def __init__(self, shown: Shown, lines: Lines) -> None:
        self._shown, self._lines = shown, lines
        self._queues = [
            self._queue(*each)
            for each in zip(shown.services, shown.frequency, shown.trained, strict=True)
        ]
        self._visible = [set(np.flatnonzero(row).tolist()) for row in shown.seen]

    @property
    def runs(self) -> int:
        """Number of runs."""
        return len(self._queues)

    @staticmethod
    def _queue(service: Service, frequency: Floats, trained: np.ndarray) -> list[int]:
        """Return the skills, the most frequent first: in order where that is not known."""
        place = {skill: k for k, skill in enumerate(service.order)}
        return sorted(
            np.flatnonzero(trained).tolist(),
            key=lambda i: (-float(np.nan_to_num(frequency[i])), place.get(i, len(place)), i),
        )

    def orders(self, graph: Graph) -> list[Order]:
        """Return in which order the runs would serve, under a graph."""
        return [self._order(graph, r) for r in range(len(self._queues))]

    def _order(self, graph: Graph, run: int) -> Order:
        mastered = set(np.flatnonzero(self._shown.mastered[run]).tolist())
        queue = [i for i in self._queues[run] if i not in mastered]
        order: list[int] = []
        while True:
            i = next((i for i in queue if is_open(graph[i], mastered)), None)
            if i is None:
                return tuple(order)
            queue.remove(i)
            order.append(i)
            mastered.add(i)

    def errors(self, graphs: Sequence[Graph]) -> Floats:
        """Return χ² (graphs, runs): of levels, and of service where a run stands still."""
        orders = [self.orders(graph) for graph in graphs]
        found = self._lines.errors(orders)
        for row, each in zip(found, orders, strict=True):
            for r, (service, order) in enumerate(zip(self._shown.services, each, strict=True)):
                if len(set(order) & self._visible[r]) > len(service.order):
                    row[r] += service.still
        return found


class _Weighing:
    def __init__(
        self, graph: Graph, gates: Sequence[SkillGates], court: _Court, rules: Rules
    ) -> None:
        self._graph, self._gates, self._court, self._rules = graph, gates, court, rules
        self._after = [descendants(graph, i) for i in range(len(graph))]
        self._best = [one.best(after) for one, after in zip(gates, self._after, strict=True)]
        self.probability = probabilities(gates, graph)
        for j, i in np.argwhere(self.probability > SUREST).tolist():
            if self._is_idle(j, i):
                self.probability[j, i] = SUREST

    def _is_idle(self, j: int, i: int) -> bool:
        """Whether all runs go as well with a gate without an edge: it is likelier by its size."""
        without = self._gates[i].best({j, *self._after[i]})
        with_it = self._gates[i].best_with(j)
        return bool(without and with_it and without.against <= with_it.against)

    def weigh(self, j: int, i: int) -> Weighed | None:
        """Weigh the edge from j to i."""
        if self._rules.forbidden[j, i]:
            return None
        after = self._after[i]
        with_it, without = self._gates[i].best_with(j), self._best[i]
        if without is not None and j in without.gate.skills:
            without = self._gates[i].best({j, *after})
        if j not in after and with_it is not None and not after.isdisjoint(with_it.gate.skills):
            with_it = self._gates[i].best(after, of=j)
        if with_it is None or without is None:
            return None
        nothing = np.zeros(self._court.runs)
        gain = without.against - with_it.against
        reason, hidden = self._reason(j, i, with_it.gate, without.gate)
        if gain == 0.0 or (gain < -EXCLUDED and j not in self._graph[i].skills):
            return Weighed(gain, lambda: nothing, reason, hidden)
        two = [(*self._graph[:i], one.gate, *self._graph[i + 1 :]) for one in (with_it, without)]
        errors = self._court.errors(two)
        by_run = errors[1] - errors[0]
        return Weighed(float(by_run.sum()), lambda: by_run, reason, hidden)

    def _reason(self, j: int, i: int, with_it: Requires, without: Requires) -> tuple[str, bool]:
        """Return why an edge is not decided, and whether these runs cannot tell it at all."""
        if j not in self._graph[i].skills and j in ancestors(self._graph, i):
            return IMPLIED, True
        if j in descendants(self._graph, i):
            return TURNED, False
        if set(without.skills) - set(with_it.skills):
            return OTHERS, False
        # It goes with all runs that the gate without it goes with, and tells them nothing.
        return (UNSEEN, True) if set(with_it.skills) > set(without.skills) else (UNDECIDED, False)
