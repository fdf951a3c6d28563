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

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from domino_sim.engines.stages import Gates, GateStage, SkillStage, sort_stages
from domino_sim.gates import Gate
from domino_sim.levels import Floats, Ints

Reduce = Callable[[GateStage, Floats], Floats]


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
    _gates: Gates = field(repr=False)

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

    @cached_property
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
    products = np.multiply.accumulate(grid[:, ::-1], axis=1)
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
    return _circuit(_ints(gate_of), _ints(needs), _ints(widths), _ints(inputs))


def all_required(widths: Ints, inputs: Ints) -> Circuit:
    """Build the circuit in which every skill needs all of its prerequisites.

    Parameters
    ----------
    widths : (n,) array
        How many prerequisites each skill has.
    inputs : (Σ widths,) array
        The prerequisites of all skills, by number, one skill's after another's.
    """
    n = len(widths)
    ends = np.cumsum(widths)
    gate_of = np.full(n, -1, dtype=np.int64)
    single, several = widths == 1, widths > 1
    gate_of[single] = inputs[ends[single] - 1]
    gate_of[several] = n + np.arange(int(several.sum()))
    return _circuit(gate_of, widths[several], widths[several], inputs[np.repeat(several, widths)])


def _circuit(gate_of: Ints, needs: Ints, widths: Ints, inputs: Ints) -> Circuit:
    """Build the circuit with a node for each of the gates `needs` of `widths` inputs."""
    n = len(gate_of)
    gates = Gates(needs, np.concatenate([[0], np.cumsum(widths)]), inputs)
    instant: tuple[GateStage, ...] = ()
    if len(needs):
        alone = np.full(n, -1, dtype=np.int64)
        instant = tuple(s for s in sort_stages(n, alone, gates) if isinstance(s, GateStage))
    return Circuit(n, gate_of, tuple(sort_stages(n, gate_of, gates)), instant, gates)


def _ints(values: list[int]) -> Ints:
    return np.array(values, dtype=np.int64)
