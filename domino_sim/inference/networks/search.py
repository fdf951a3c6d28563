"""The best graph of composed skills: whole graphs, changed gate by gate.

Each graph is judged whole: its path is followed and aligned with the curves. The cost is
Σ N log(χ²/values) over the runs + price · prerequisites, for the model's own error is not known
beforehand; N counts a few independent values a skill, since what remains is smooth. Each run has an
error of its own: where one lingers at a saddle, chance says how it leaves, and the graph with which
it strays least is not the true one.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

import numpy as np

from domino_sim.inference.forms import Requires
from domino_sim.inference.networks.alignment import Aligner
from domino_sim.inference.networks.composed import Composed
from domino_sim.inference.networks.hypotheses import Graph, Rules, is_acyclic
from domino_sim.inference.records import make_nodes
from domino_sim.inference.study import Study
from domino_sim.levels import Floats

__all__ = ["Judge", "climb", "price", "restart"]

#: Independent values a skill and run; what a prerequisite must gain; the model's arithmetic error.
_VALUES, PRICE, _FLOOR = 3.0, 8.0, 0.004

#: Graphs followed at once times points of a path: what stays in the cache.
_BLOCK = 9000

#: Changes that are judged finely: those that are best roughly.
_BEST = 40


class Judge:
    """Judges graphs, and remembers.

    Parameters
    ----------
    study
        Curves and frequencies.
    length, points, nodes
        Steps of a path and their number; nodes of a run.
    memory
        That of the optimiser, 0 for none.
    until
        When to stop (`time.monotonic`): later graphs are as bad as can be.
    rough
        One that is quicker, to say which changes are worth a look.

    Attributes
    ----------
    seen
        χ² a value (in levels²) of each run, (runs,), by graph.
    """

    def __init__(
        self, study: Study, length: float, points: int, nodes: int, *, memory: float = 0.0,
        until: float = np.inf, rough: Judge | None = None,
    ) -> None:  # fmt: skip
        self.rough = rough
        self._frequency = study.frequency
        self._length, self._points = length, points
        self.memory = memory
        self._nodes = make_nodes(study.records, nodes)
        self._aligner = Aligner(self._nodes)
        # A run counts as much as another, however many records it has.
        self._values = self._nodes.weight.sum(axis=(1, 2))
        self._count = _VALUES * study.frequency.shape[1]
        self.seen: dict[Graph, Floats] = {}
        self.until = until

    def paths(self, graphs: list[Graph]) -> Floats:
        """Return levels along the paths, (graphs, runs, points, n)."""
        return Composed(graphs, self._frequency).path(self._length, self._points, self.memory)

    def errors(self, graphs: Iterable[Graph]) -> Floats:
        """Return mean square errors in levels, (graphs, runs)."""
        asked = list(graphs)
        new = [graph for graph in dict.fromkeys(asked) if graph not in self.seen]
        size = max(4, _BLOCK // self._points)
        for at in range(0, len(new), size):
            if at and time.monotonic() > self.until:
                break
            block = new[at : at + size]
            errors = self._aligner.errors(self.paths(block)) / self._values
            self.seen.update(zip(block, errors, strict=True))
        worst = np.full(len(self._frequency), np.inf)
        return np.array([self.seen.get(graph, worst) for graph in asked])

    def costs(self, graphs: Iterable[Graph]) -> Floats:
        """Return costs, (graphs,)."""
        asked = list(graphs)
        return self.cost_of(self.errors(asked), asked)

    def cost_of(self, errors: Floats, graphs: list[Graph]) -> Floats:
        """Return the costs of graphs with these mean square errors (graphs, runs)."""
        return self.runs_cost(errors).sum(axis=1) + price(graphs)

    def runs_cost(self, errors: Floats) -> Floats:
        """Return what mean square errors (graphs, runs) cost, by run, without prerequisites."""
        return self._count * np.log(errors + _FLOOR**2)

    def gain(self, errors: Floats, others: Floats) -> Floats:
        """Return how much less the cost is with these errors (runs,) than with others, by run.

        Without the price of prerequisites.
        """
        return self.runs_cost(others) - self.runs_cost(errors)

    def walk(self, graph: Graph, study: Study) -> Floats:
        """Return the levels of a graph at every record, (runs, records, n)."""
        return Aligner(study.records).walk(self.paths([graph])[0])


def price(graphs: Sequence[Graph]) -> Floats:
    """Return what the prerequisites of graphs cost, (graphs,)."""
    return PRICE * np.array([float(sum(len(gate.skills) for gate in one)) for one in graphs])


def climb(judge: Judge, graph: Graph, rules: Rules, *, wide: bool = False) -> tuple[Graph, float]:
    """Change gates as long as the cost falls; return the best graph and its cost.

    Every change of one gate is judged; then the best, and the best with those of other skills that
    are good too. With `wide`, where nothing else helps, two prerequisites are added at once, or an
    edge is turned round with other changes to both its gates.
    """
    cost = float(judge.costs([graph])[0])
    while time.monotonic() < judge.until:
        better, value = _step(judge, graph, rules, wide=False)
        if value >= cost - 1e-9 and wide:
            better, value = _step(judge, graph, rules, wide=True)
            if value >= cost - 1e-9:
                better, value = _turn(judge, graph, rules)
        if value >= cost - 1e-9:
            break
        graph, cost = better, value
    return graph, cost


def _turn(judge: Judge, graph: Graph, rules: Rules) -> tuple[Graph, float]:
    """Turn an edge round: with any exchange for it at the one end, any small gate at the other."""
    before = float(judge.costs([graph])[0])
    turned = []
    for i, gate in enumerate(graph):
        for j in gate.skills:
            rest = [k for k in gate.skills if k != j]
            others = [k for k in range(len(graph)) if k not in (i, j)]
            ends = [Requires.of([*rest, *more], gate.any) for more in [(), *((k,) for k in others)]]
            new = [Requires.of([i, *more], kind) for kind in (False, True) for more in
                   [(), *((k,) for k in others)]]  # fmt: skip
            turned += [
                _changed(_changed(graph, i, end), j, other)
                for end in ends
                if rules.permits(i, end)
                for other in dict.fromkeys(new)
                if rules.permits(j, other)
            ]
    turned = _promising(judge, [one for one in dict.fromkeys(turned) if is_acyclic(one)])
    if not turned:
        return graph, before
    costs = judge.costs(turned)
    best = int(costs.argmin())
    return turned[best], float(costs[best])


def restart(judge: Judge, graph: Graph, rules: Rules, close: float, tries: int) -> Graph:
    """Climb from other graphs too, drawn at random, while levels are not `close`; return the best.

    Wrong gates hold each other in place where each fits the other's levels.
    """
    rng = np.random.default_rng(0)
    cost = float(judge.costs([graph])[0])
    for _ in range(tries):
        if np.median(judge.errors([graph])) < close**2 or time.monotonic() > judge.until:
            break
        other, less = climb(judge, _random(rules, rng), rules)
        if less < cost:
            graph, cost = other, less
    return graph


def _random(rules: Rules, rng: np.random.Generator) -> Graph:
    """Draw a graph: half of the skills need one or two of those before them in a random order."""
    graph = list(rules.start())
    order = rng.permutation(len(graph)).tolist()
    for k, skill in enumerate(order[1:], 1):
        if rng.random() < 0.5:
            continue
        size = min(int(rng.integers(1, 3)), k)
        skills = rng.choice(order[:k], size=size, replace=False).tolist()
        gate = Requires.of([*rules.required[skill], *skills], any=bool(rng.random() < 0.5))
        changed = _changed(tuple(graph), skill, gate)
        if rules.permits(skill, gate) and is_acyclic(changed):
            graph = list(changed)
    return tuple(graph)


def _step(judge: Judge, graph: Graph, rules: Rules, *, wide: bool) -> tuple[Graph, float]:
    before = float(judge.costs([graph])[0])
    changes = [
        (i, gate)
        for i, old in enumerate(graph)
        for gate in sorted(rules.pairs(i, old) if wide else rules.neighbours(i, old))
    ]
    changes = [one for one in changes if is_acyclic(_changed(graph, *one))]
    if not changes:
        return graph, before
    promising = set(_promising(judge, [_changed(graph, *one) for one in changes]))
    changes = [one for one in changes if _changed(graph, *one) in promising]
    costs = judge.costs(_changed(graph, *one) for one in changes)
    order = np.argsort(costs, kind="stable").tolist()
    both, done = [_changed(graph, *changes[order[0]])], {changes[order[0]][0]}
    for k in order[1:]:
        skill, gate = changes[k]
        if costs[k] < before and skill not in done:
            other = _changed(both[-1], skill, gate)
            if is_acyclic(other):
                both.append(other)
                done.add(skill)
    costs = judge.costs(both)
    best = int(costs.argmin())
    return both[best], float(costs[best])


def _promising(judge: Judge, graphs: list[Graph]) -> list[Graph]:
    """Return the graphs that are best roughly."""
    if judge.rough is None or not graphs:
        return graphs
    return [graphs[k] for k in np.argsort(judge.rough.costs(graphs), kind="stable")[:_BEST]]


def _changed(graph: Graph, skill: int, gate: Requires) -> Graph:
    return (*graph[:skill], gate, *graph[skill + 1 :])
