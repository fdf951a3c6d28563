"""One verb: the graph behind curves of a serial pool."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from domino_sim.inference.curve_table import several
from domino_sim.inference.evidence import (
    BAD_FIT,
    EXCLUDED,
    IMPLIED,
    OTHERS,
    SUREST,
    UNDECIDED,
    UNSEEN,
)
from domino_sim.inference.forms import Requires, trained
from domino_sim.inference.gates import ancestors
from domino_sim.inference.networks.edges import TURNED, Weighed, list_edges
from domino_sim.inference.networks.grown import Grown, typical_misfit
from domino_sim.inference.networks.hypotheses import Graph, Rules, descendants
from domino_sim.inference.serial.circles import probabilities
from domino_sim.inference.serial.gates import SkillGates
from domino_sim.inference.serial.lines import Lines, Order
from domino_sim.inference.serial.orders import Service, read_orders
from domino_sim.inference.serial.search import searched
from domino_sim.inference.serial.shown import Shown, is_open
from domino_sim.inference.serial.turns import Turns, read_turns
from domino_sim.inference.study import NO_CURVE, STILL, Study
from domino_sim.levels import Floats, Ints

__all__ = ["infer_serial"]


#: What is said where a skill has no curve at all.
_OF_BLIND = (
    "a skill without a curve may be served, and be what others wait for, in any run: no "
    "probability is above 0.89 for that"
)


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
    turns = read_turns(study)
    read = read_orders(study, turns, until)
    if read is None:
        return None
    services, lines = read
    shown = _shown(study, turns, services, lines)
    graph, gates = searched(shown, rules, price, until)
    court = _Court(shown, lines)
    level = lines.walk(court.orders(graph))
    weight = study.records.weight
    error = weight * np.square(study.records.level - level)
    misfit = float(error.sum()) / max(study.records.values, 1)
    if misfit > BAD_FIT:
        return None
    blind = NO_CURVE in study.left_out.values()
    weighing = _Weighing(graph, gates, court, rules, blind=blind)
    edges = list_edges(graph, weighing.probability, len(study.runs), weighing.weigh)
    values = np.maximum((weight > 0.0).sum(axis=(0, 1)), 1)
    return Grown(
        "serial", graph, weighing.probability, level, misfit,
        typical_misfit(error.sum(axis=(0, 1)) / values), "one skill at a time",
        misfits={"one skill at a time": study.sigma * misfit**0.5}, edges=edges, rules=rules,
        remarks=(*_of_doubt(study, shown), *((_OF_BLIND,) if blind else ())),
    )  # fmt: skip


def _shown(study: Study, turns: Turns, services: list[Service], lines: Lines) -> Shown:
    """Return what runs show, of skills with a curve and without."""
    known, until = trained(study.frequency, study.free), _until(study, turns, services)
    if STILL in study.left_out.values():
        # What is never served is as what is left out: each may be what the other waits for.
        known = known & turns.served.any(axis=0)
    frequency = study.frequency.copy()
    if study.free is not None:
        frequency[study.free.any(axis=1)] = np.nan
    doubtful = turns.doubtful | (known & (until == 0) & _trained_before(study, turns, lines))
    found = Shown(services, frequency, turns.mastered, doubtful, known, until)
    # Where a skill is hidden it may be what is served when nothing seems to be.
    unseen = [bool(row.any()) for row in found.hidden]
    if NO_CURVE in study.left_out.values():
        unseen = [True] * len(services)
    return replace(found, services=[
        replace(one, still=0.0) if some else one
        for one, some in zip(services, unseen, strict=True)
    ])  # fmt: skip


def _of_doubt(study: Study, shown: Shown) -> list[str]:
    """Say where it cannot be told whether a skill was mastered from the start."""
    return [
        f"{several(study.skills[i] for i in np.flatnonzero(row))} may have been mastered from the "
        f"start of {several([run])}, or have been served unseen: both were tried"
        for run, row in zip(study.runs, shown.doubtful, strict=True)
        if row.any()
    ]


def _until(study: Study, turns: Turns, services: Sequence[Service]) -> Ints:
    """Return how many groups were served while a curve shows that a skill waits, (runs, n)."""
    known = study.records.weight > 0.0
    last = np.where(known, np.arange(known.shape[1])[:, None], -1).max(axis=1)
    found = np.zeros(last.shape, dtype=np.int64)
    for r, service in enumerate(services):
        for k, group in enumerate(service.groups):
            found[r, last[r] >= turns.at[r, list(group)].max()] = k + 1
        found[r, (last[r] >= last[r].max() - 1) & (last[r] >= 0)] = len(service.groups) + 1
    return found


def _trained_before(study: Study, turns: Turns, lines: Lines) -> np.ndarray:
    """Return which runs began with skills that were trained before, (runs, 1) of bool.

    There one without a curve may have been mastered from the start.
    """
    found = turns.mastered | (lines.start > lines.start.min())
    if study.follows is not None:
        found |= study.follows.run[:, None] >= 0
    return found.any(axis=1, keepdims=True)


class _Court:
    """Judges graphs by the orders in which they serve."""

    def __init__(self, shown: Shown, lines: Lines) -> None:
        self._shown, self._lines = shown, lines
        self._queues = [
            self._queue(*each)
            for each in zip(shown.services, shown.frequency, shown.trained, strict=True)
        ]
        self._starts = [shown.starts(r) for r in range(len(shown.services))]
        self._visible = [set(np.flatnonzero(~row).tolist()) for row in shown.hidden]

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
        starts, runs = self._starts, range(len(self._queues))
        if max(map(len, starts)) == 1:
            return [self._order(graph, r, starts[r][0]) for r in runs]
        each = [
            [self._order(graph, r, starts[r][min(k, len(starts[r]) - 1)]) for r in runs]
            for k in range(max(map(len, starts)))
        ]
        best = self._lines.errors(each).argmin(axis=0).tolist()
        return [each[k][r] for r, k in enumerate(best)]

    def _order(self, graph: Graph, run: int, start: frozenset[int]) -> Order:
        mastered = set(start)
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
        self, graph: Graph, gates: Sequence[SkillGates], court: _Court, rules: Rules,
        *, blind: bool,
    ) -> None:  # fmt: skip
        self._graph, self._gates, self._court, self._rules = graph, gates, court, rules
        self._after = [descendants(graph, i) for i in range(len(graph))]
        self._best = [one.best(after) for one, after in zip(gates, self._after, strict=True)]
        self.probability = probabilities(gates, graph)
        for j, i in np.argwhere(self.probability > SUREST).tolist():
            if (blind and j not in rules.required[i]) or self._is_idle(j, i):
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
