"""All gates of a graph as one threshold circuit, evaluated for many runs and times at once.

A gate is a tree of "at least k of n"; AND is k = n, OR is k = 1. Skills and gates are numbered
as nodes of one circuit and sorted into stages, so that a stage only needs earlier ones. Three
questions are then the same sweep with another reduction (design: "Resource clock"):

* when does a gate open: the k-th smallest of its inputs' mastery times;
* how far is a soft gate open: the product of the k largest of its inputs' values;
* is it open now: are at least k inputs mastered.

Arrays are node-major, shape (nodes, …): the trailing axes are runs, times or both.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from domino_sim.gates import Gate
from domino_sim.levels import Floats, Ints

Reduce = Callable[["GateStage", Floats], Floats]


@dataclass(frozen=True, slots=True)
class SkillStage:
    """Skills whose gates are known by now; `gates` is the node of each one's gate, −1 for none."""

    skills: Ints
    gates: Ints


@dataclass(frozen=True, slots=True)
class GateStage:
    """Gates of one kind whose inputs are known by now.

    `inputs` are the input nodes of all gates one after another, gate g's from `starts[g]`;
    `kind` is "all", "any" or "some" (then every gate has the same number of inputs, and
    `needs` says how many of them it takes).
    """

    nodes: Ints
    inputs: Ints
    starts: Ints
    kind: str
    needs: Ints
    width: int


@dataclass(frozen=True)
class Circuit:
    """The gates of `n_skills` skills; node numbers below that are skills, above it gates.

    Attributes
    ----------
    gate_of : (n_skills,) array
        Node of each skill's gate, −1 for none. A single prerequisite is its own gate.
    stages
        Everything in dependency order, for `sweep`.
    instant
        The gates alone, in the order of their nesting, for `at_once`.
    """

    n_skills: int
    n_nodes: int
    gate_of: Ints
    gates: dict[int, tuple[int, tuple[int, ...]]]
    stages: tuple[SkillStage | GateStage, ...] = field(repr=False)
    instant: tuple[GateStage, ...] = field(repr=False)

    @property
    def free(self) -> bool:
        """Whether no skill has a prerequisite."""
        return self.n_nodes == self.n_skills and bool((self.gate_of < 0).all())

    def sweep(
        self,
        shape: tuple[int, ...],
        skills: Callable[[Ints, Floats | None], Floats],
        reduce: Reduce,
    ) -> Floats:
        """Evaluate the circuit and return all nodes' values, shape (nodes, *shape).

        `skills(ids, gates)` gives the skills' values from those of their gates (None where the
        skills have none); `reduce` is one of `kth_smallest` and `product_of_largest`.
        """
        values = np.empty((self.n_nodes, *shape))
        for stage in self.stages:
            if isinstance(stage, GateStage):
                values[stage.nodes] = reduce(stage, values)
            else:
                gated = stage.gates[0] >= 0
                values[stage.skills] = skills(stage.skills, values[stage.gates] if gated else None)
        return values

    def at_once(self, skills: Floats, reduce: Reduce, ungated: float) -> Floats:
        """Gate values of all skills, (n_skills, …), when the `skills`' own values are known."""
        if self.free:
            return np.full_like(skills, ungated)
        values = np.empty((self.n_nodes, *skills.shape[1:]))
        values[: self.n_skills] = skills
        for stage in self.instant:
            values[stage.nodes] = reduce(stage, values)
        return self.gate_values(values, ungated)

    def gate_values(self, values: Floats, ungated: float) -> Floats:
        """Pick every skill's gate value out of `values` (nodes, …); `ungated` where it has none."""
        picked = values[self.gate_of]
        picked[self.gate_of < 0] = ungated
        return picked


def kth_smallest(stage: GateStage, values: Floats) -> Floats:
    """Opening times of a stage's gates from their inputs' mastery times."""
    inputs = values[stage.inputs]
    if stage.kind == "all":
        return np.maximum.reduceat(inputs, stage.starts, axis=0)
    if stage.kind == "any":
        return np.minimum.reduceat(inputs, stage.starts, axis=0)
    grid = np.sort(inputs.reshape(len(stage.nodes), stage.width, *values.shape[1:]), axis=1)
    return grid[np.arange(len(stage.nodes)), stage.needs - 1]


def product_of_largest(stage: GateStage, values: Floats) -> Floats:
    """Soft values of a stage's gates from their inputs': Π of the k largest, in written order."""
    inputs = values[stage.inputs]
    if stage.kind == "all":
        return np.multiply.reduceat(inputs, stage.starts, axis=0)
    if stage.kind == "any":
        return np.maximum.reduceat(inputs, stage.starts, axis=0)
    grid = np.sort(inputs.reshape(len(stage.nodes), stage.width, *values.shape[1:]), axis=1)
    products = np.cumprod(grid[:, ::-1], axis=1)
    return products[np.arange(len(stage.nodes)), stage.needs - 1]


def compile_circuit(names: Sequence[str], gates: Iterable[Gate | Sequence[str] | None]) -> Circuit:
    """Build the circuit of skills `names` with `gates`, one each.

    A gate is a `Gate`, a sequence of names (all of them are required), or None. The graph must
    have been checked: names known, no cycles.
    """
    index = {name: i for i, name in enumerate(names)}
    n = len(names)
    gate_of = np.full(n, -1, dtype=np.int64)
    operators: dict[int, tuple[int, tuple[int, ...]]] = {}

    def operator(k: int, inputs: tuple[int, ...]) -> int:
        if len(inputs) == 1:
            return inputs[0]
        node = n + len(operators)
        operators[node] = (k, inputs)
        return node

    for i, gate in enumerate(gates):
        if gate is None:
            continue
        if isinstance(gate, Gate):
            stack: list[int] = []
            for token in gate.program:
                if isinstance(token, str):
                    stack.append(index[token])
                else:
                    k, width = token
                    inputs = tuple(stack[-width:])
                    del stack[-width:]
                    stack.append(operator(k, inputs))
            gate_of[i] = stack[0]
        elif gate:
            gate_of[i] = operator(len(gate), tuple(index[name] for name in gate))
    ungated = np.full(n, -1, dtype=np.int64)
    nesting = _depths(n, ungated, operators)
    instant = [s for s in _stages(n, ungated, operators, nesting) if isinstance(s, GateStage)]
    stages = _stages(n, gate_of, operators, _depths(n, gate_of, operators))
    return Circuit(n, n + len(operators), gate_of, operators, stages, tuple(instant))


def _depths(n: int, gate_of: Ints, operators: dict[int, tuple[int, tuple[int, ...]]]) -> Ints:
    """Longest-path depth of every node. Kahn's algorithm, so that no depth of graph recurses."""
    total = n + len(operators)
    feeds: list[list[int]] = [[] for _ in range(total)]
    waiting = [0] * total
    for node, (_, inputs) in operators.items():
        waiting[node] = len(inputs)
        for source in inputs:
            feeds[source].append(node)
    for i, gate in enumerate(gate_of.tolist()):
        if gate >= 0:
            waiting[i] = 1
            feeds[gate].append(i)
    depth = [0] * total
    ready = deque(node for node in range(total) if not waiting[node])
    while ready:
        node = ready.popleft()
        below = depth[node] + 1
        for fed in feeds[node]:
            depth[fed] = max(depth[fed], below)
            waiting[fed] -= 1
            if not waiting[fed]:
                ready.append(fed)
    return np.array(depth, dtype=np.int64)


def _stages(
    n: int, gate_of: Ints, operators: dict[int, tuple[int, tuple[int, ...]]], depth: Ints
) -> tuple[SkillStage | GateStage, ...]:
    """Sort the nodes by depth, and the gates of a depth by kind."""
    stages: list[SkillStage | GateStage] = []
    order = np.argsort(depth, kind="stable")
    cuts = np.flatnonzero(np.diff(depth[order])) + 1
    for group in np.split(order, cuts):
        skills = group[group < n]
        gated = gate_of[skills] >= 0
        for part in (skills[~gated], skills[gated]):
            if len(part):
                stages.append(SkillStage(part, gate_of[part]))
        kinds: dict[tuple[str, int], list[int]] = {}
        for node in group[group >= n].tolist():
            k, inputs = operators[node]
            width = len(inputs)
            kind = ("all", 0) if k == width else ("any", 0) if k == 1 else ("some", width)
            kinds.setdefault(kind, []).append(node)
        for (kind_name, width), nodes in kinds.items():
            counts = [len(operators[node][1]) for node in nodes]
            stages.append(
                GateStage(
                    nodes=np.array(nodes, dtype=np.int64),
                    inputs=np.array([s for x in nodes for s in operators[x][1]], dtype=np.int64),
                    starts=np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64),
                    kind=kind_name,
                    needs=np.array([operators[node][0] for node in nodes], dtype=np.int64),
                    width=width,
                )
            )
    return tuple(stages)
