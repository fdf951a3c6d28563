"""Which runs decide an edge between composed skills, and what they do not tell.

The best graph with an edge is weighed against the best without it, of all that were judged: those
of the search, and all that differ from the best graph by one edge. Twice the log of how much
likelier curves are is the sum over runs of N log(error without / error with), of mean square errors
of each run, which has an error of its own (`Judge.runs_cost`).

How sure an edge is, draws of the runs tell. A bootstrap over two runs that agree knows no doubt, so
how many there are is drawn as well: each run counts as often as Poisson's law with mean 1 says.
What k runs show, each clearly, has a probability of 1 − e^(−k) then: 0.86 with two, 0.95 with
three.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from domino_sim.inference.evidence import (
    EXCLUDED,
    FOUND,
    IMPLIED,
    NOISY,
    OTHERS,
    POSSIBLE,
    SHOWS,
    STOPPED,
    UNDECIDED,
    UNSEEN,
    Edge,
)
from domino_sim.inference.forms import Requires
from domino_sim.inference.gates import ancestors
from domino_sim.inference.networks.edges import TURNED, Weighed, list_edges
from domino_sim.inference.networks.hypotheses import Graph, Rules, descendants, is_acyclic
from domino_sim.inference.networks.search import Judge, price
from domino_sim.inference.study import Study
from domino_sim.levels import Floats

__all__ = ["edges_of"]

#: Draws of runs for probabilities.
_DRAWS = 1000


def edges_of(
    graph: Graph, judge: Judge, study: Study, rules: Rules
) -> tuple[Floats, tuple[Edge, ...]]:
    """Return the probabilities of edges (n, n), and those found, possible or not to be told.

    Judges the graphs that differ from `graph` by one edge: `judge` has seen more after it.
    """
    near = list(dict.fromkeys(_near(graph, rules)))
    judge.errors(near)
    stopped = any(one not in judge.seen for one in near)
    weighing = _Weighing(graph, judge, study, rules, stopped)
    edges = list_edges(graph, weighing.probability, len(study.runs), weighing.weigh)
    return weighing.probability, edges


def _near(graph: Graph, rules: Rules) -> Iterator[Graph]:
    """Yield the graphs with an edge less, more, or more where it turns others round."""
    for i, gate in enumerate(graph):
        after = descendants(graph, i)
        for j in range(len(graph)):
            if j == i:
                continue
            if j in gate.skills:
                changed = [(i, Requires.of([k for k in gate.skills if k != j], gate.any))]
                yield from _permitted(graph, changed, rules)
                continue
            freed = Requires.of([k for k in graph[j].skills if k not in after], graph[j].any)
            for kind in {gate.any, len(gate.skills) == 1}:
                changed = [(i, Requires.of([*gate.skills, j], kind))]
                yield from _permitted(graph, changed + ([(j, freed)] if j in after else []), rules)


def _permitted(graph: Graph, changed: list[tuple[int, Requires]], rules: Rules) -> Iterator[Graph]:
    new = list(graph)
    for i, gate in changed:
        new[i] = gate
    if all(rules.permits(i, gate) for i, gate in changed) and is_acyclic(tuple(new)):
        yield tuple(new)


class _Weighing:
    """Weighs edges.

    Attributes
    ----------
    probability : (n, n) array
        ``[j, i]``: that i needs j.
    """

    def __init__(
        self, graph: Graph, judge: Judge, study: Study, rules: Rules, stopped: bool
    ) -> None:
        self._graph, self._judge = graph, judge
        self._study, self._rules, self._stopped = study, rules, stopped
        self._graphs = list(judge.seen)
        self._errors = np.array([judge.seen[one] for one in self._graphs])
        self._cost = judge.cost_of(self._errors, self._graphs)
        n = len(graph)
        self._has = np.zeros((len(self._graphs), n, n), dtype=bool)
        for k, one in enumerate(self._graphs):
            for i, gate in enumerate(one):
                self._has[k, list(gate.skills), i] = True
        self._levels: dict[int, Floats] = {}
        self.probability = self._drawn()

    def _drawn(self) -> Floats:
        """Return the part of draws of the runs that speak for each edge, (n, n).

        The edge is in the best graph, and its gain is more than its price: what several edges have
        from the same run they all lack without it, but few graphs lack all of them.
        """
        runs = self._errors.shape[1]
        drawn = np.random.default_rng(0).poisson(1.0, size=(_DRAWS, runs)).astype(float)
        cost = self._judge.runs_cost(self._errors)
        owed = price(self._graphs)
        best = [int((cost @ one + owed).argmin()) for one in drawn]
        found: Floats = self._has[best].mean(axis=0)
        for j, i in np.argwhere(found > 0.0).tolist():
            if j in self._rules.required[i]:
                continue
            if self._has[:, j, i].all():
                found[j, i] = min(found[j, i], FOUND)  # stopped before it was weighed
                continue
            with_it, without = self._best(self._has[:, j, i]), self._best(~self._has[:, j, i])
            gain = drawn @ (cost[without] - cost[with_it])
            found[j, i] = min(found[j, i], float((gain > owed[with_it] - owed[without]).mean()))
        return found

    def weigh(self, j: int, i: int) -> Weighed | None:
        """Weigh the edge from j to i; None if no graph that was judged has it."""
        if self._rules.forbidden[j, i]:
            return None
        has = self._has[:, j, i]
        if has.all() or not has.any():
            if not self._stopped and not has.any():
                return None
            return Weighed(0.0, lambda: np.zeros(len(self._study.runs)), STOPPED)
        with_it, without = self._best(has), self._best(~has)
        by_run = self._judge.gain(self._errors[with_it], self._errors[without])
        gain = float(by_run.sum())
        if gain < -EXCLUDED and self.probability[j, i] < POSSIBLE:
            return Weighed(gain, lambda: by_run, UNDECIDED)  # excluded: a reason would cost time
        reason, hidden = self._reason(j, i, with_it, without)
        return Weighed(gain, lambda: by_run, reason, hidden)

    def _best(self, which: np.ndarray) -> int:
        return int(np.where(which, self._cost, np.inf).argmin())

    def _reason(self, j: int, i: int, with_it: int, without: int) -> tuple[str, bool]:
        """Return why an edge is not decided, and whether these runs cannot tell it at all."""
        if j not in self._graph[i].skills and j in ancestors(self._graph, i):
            return IMPLIED, True
        if j in descendants(self._graph, i):
            return TURNED, False
        if set(self._graphs[without][i].skills) - set(self._graphs[with_it][i].skills):
            return OTHERS, False
        apart = np.abs(self._level(with_it, i) - self._level(without, i))
        if np.nanmax(apart, initial=0.0) < SHOWS:
            return UNSEEN, True
        return NOISY if self.probability[j, i] < POSSIBLE else UNDECIDED, False

    def _level(self, graph: int, skill: int) -> Floats:
        if graph not in self._levels:
            self._levels[graph] = self._judge.walk(self._graphs[graph], self._study)
        return self._levels[graph][..., skill]
