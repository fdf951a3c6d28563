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

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from domino_sim.gates import Gate
from domino_sim.levels import Floats, Ints

#: Generations of fewer nodes than this are sorted node by node.
_NARROW = 16

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
    gate_of: Ints
    stages: tuple[SkillStage | GateStage, ...] = field(repr=False)
    instant: tuple[GateStage, ...] = field(repr=False)
    _gates: _Gates = field(repr=False)

    @property
    def n_nodes(self) -> int:
        """Number of skills and gates."""
        return self.n_skills + len(self._gates.needs)

    def gate(self, node: int) -> tuple[int, list[int]]:
        """How many of which inputs the gate `node` needs."""
        return self._gates.of(node - self.n_skills)

    def sources(self, node: int) -> list[int]:
        """Skills that `node` depends on directly, each as often as it is written."""
        found, stack = [], [node]
        while stack:
            node = stack.pop()
            if node < self.n_skills:
                found.append(node)
            else:
                stack.extend(self.gate(node)[1])
        return found

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
    gate_of = [-1] * n
    needs: list[int] = []
    widths: list[int] = []
    inputs: list[int] = []

    def operator(k: int, given: list[int]) -> int:
        if len(given) == 1:
            return given[0]
        needs.append(k)
        widths.append(len(given))
        inputs.extend(given)
        return n + len(needs) - 1

    for i, gate in enumerate(gates):
        if isinstance(gate, Gate):
            stack: list[int] = []
            for token in gate.program:
                if isinstance(token, str):
                    stack.append(index[token])
                else:
                    k, width = token
                    given = stack[-width:]
                    del stack[-width:]
                    stack.append(operator(k, given))
            gate_of[i] = stack[0]
        elif gate:
            gate_of[i] = operator(len(gate), [index[name] for name in gate])
    ends = np.concatenate([[0], np.cumsum(np.array(widths, dtype=np.int64))])
    table = _Gates(np.array(needs, dtype=np.int64), ends, np.array(inputs, dtype=np.int64))
    of = np.array(gate_of, dtype=np.int64)
    alone = np.full(n, -1, dtype=np.int64)
    instant = [s for s in _stages(n, alone, table) if isinstance(s, GateStage)]
    return Circuit(n, of, tuple(_stages(n, of, table)), tuple(instant), table)


@dataclass(frozen=True, slots=True)
class _Gates:
    """All gates: gate g needs `needs[g]` of the nodes `inputs[ends[g]:ends[g + 1]]`."""

    needs: Ints
    ends: Ints
    inputs: Ints

    def of(self, gate: int) -> tuple[int, list[int]]:
        part = slice(self.ends[gate], self.ends[gate + 1])
        return int(self.needs[gate]), self.inputs[part].tolist()


def _stages(n: int, gate_of: Ints, gates: _Gates) -> list[SkillStage | GateStage]:
    """Sort the nodes by how deep they lie, and the gates of a depth by kind."""
    stages: list[SkillStage | GateStage] = []
    widths = np.diff(gates.ends)
    for group in _generations(n, gate_of, gates):
        skills = group[group < n]
        gated = gate_of[skills] >= 0
        for part in (skills[~gated], skills[gated]):
            if len(part):
                stages.append(SkillStage(part, gate_of[part]))
        chosen = group[group >= n] - n
        if not len(chosen):
            continue
        needs, width = gates.needs[chosen], widths[chosen]
        kind = np.where(needs == width, -1, np.where(needs == 1, -2, width))
        for code in np.unique(kind).tolist():
            some = chosen[kind == code]
            counts = widths[some]
            stages.append(
                GateStage(
                    nodes=some + n,
                    inputs=gates.inputs[_ranges(gates.ends[some], counts)],
                    starts=np.cumsum(counts) - counts,
                    kind={-1: "all", -2: "any"}.get(code, "some"),
                    needs=gates.needs[some],
                    width=code,
                )
            )
    return stages


def _generations(n: int, gate_of: Ints, gates: _Gates) -> Iterator[Ints]:
    """Nodes by the longest way to them: Kahn's algorithm, a whole generation at a time.

    Narrow generations are handled one node at a time, since an array operation costs as much as
    dozens of those: a chain has as many generations as skills.
    """
    total = n + len(gates.needs)
    gated = np.flatnonzero(gate_of >= 0)
    sources = np.concatenate([gates.inputs, gate_of[gated]])
    widths = np.diff(gates.ends)
    users = np.concatenate([np.repeat(np.arange(n, total), widths), gated])
    waiting = np.bincount(users, minlength=total)
    order = np.argsort(sources, kind="stable")
    users = users[order]
    counts = np.bincount(sources, minlength=total)
    begin = np.cumsum(counts) - counts
    left = waiting
    group = np.flatnonzero(waiting == 0)
    while len(group):
        yield group
        if len(group) >= _NARROW:
            fed = users[_ranges(begin[group], counts[group])]
            fresh, times = np.unique(fed, return_counts=True)
            left[fresh] -= times
            group = fresh[left[fresh] == 0]
            continue
        ready = []
        for node in group.tolist():
            for user in users[begin[node] : begin[node] + counts[node]].tolist():
                left[user] -= 1
                if left[user] == 0:
                    ready.append(user)
        group = np.array(sorted(ready), dtype=np.int64)


def _ranges(begin: Ints, counts: Ints) -> Ints:
    """begin[0] … begin[0] + counts[0] − 1, begin[1] …, one after another."""
    offset = np.repeat(begin - (np.cumsum(counts) - counts), counts)
    return offset + np.arange(int(counts.sum()))
