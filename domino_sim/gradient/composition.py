"""Composed skills: levels that are products of projections, as the graph says.

A skill's level is its own projection times a factor of its prerequisites' projections: the product
for `and`, 1 − Π (1 − x) for `or`. Both are one rule, from which `k of n` follows: the probability
that the gate is open if each mention of a prerequisite were open, independently, with probability
x (in "A and (A or B)", A is mentioned twice). The gradient of such a level carries the factor, so
gates appear that no one put in (``docs/theory.md``, "Gradient runs with a known graph").
"""

from __future__ import annotations

from collections.abc import Sequence

import networkx as nx
import torch

from domino_sim.gates import Gate
from domino_sim.graph import gate_of

__all__ = ["Composition"]


class Composition:
    """The levels of composed skills, as a function of the projections.

    Parameters
    ----------
    graph
        A checked skill graph.

    Examples
    --------
    >>> from domino_sim.graph import build_graph
    >>> graph = build_graph({"A": {}, "B": {}, "C": {"requires": "A or B"}})
    >>> Composition(graph).level(torch.tensor([[0.5, 0.5, 1.0]]))
    tensor([[0.5000, 0.5000, 0.7500]])
    """

    def __init__(self, graph: nx.DiGraph) -> None:
        names = list(graph)
        index = {name: i for i, name in enumerate(names)}
        found = ((index[name], gate_of(graph, name)) for name in names)
        gates = {i: gate for i, gate in found if gate is not None}
        self.composed = bool(gates)
        flat = {i: _flat(gate, index) for i, gate in gates.items()}
        every = [(i, members) for i, (kind, members) in flat.items() if kind == "and"]
        some = [(i, members) for i, (kind, members) in flat.items() if kind == "or"]
        self._every, self._some = _padded(every, len(names)), _padded(some, len(names))
        self._others = [(gates[i], index) for i, (kind, _) in flat.items() if kind == "nested"]
        # Factors are computed kind by kind, then put into the order of the skills.
        free = [i for i in range(len(names)) if i not in gates]
        nested = [i for i, (kind, _) in flat.items() if kind == "nested"]
        order = free + [i for i, _ in every] + [i for i, _ in some] + nested
        self._free = len(free)
        self._back = torch.argsort(torch.tensor(order))

    def to(self, device: torch.device) -> Composition:
        """Move what is needed for computing to `device`; return self."""
        self._back = self._back.to(device)
        self._every = [column.to(device) for column in self._every]
        self._some = [column.to(device) for column in self._some]
        return self

    def level(self, x: torch.Tensor) -> torch.Tensor:
        """Return the levels (runs, skills) at projections `x` (runs, skills); differentiable."""
        return x * self.factor(x)

    def factor(self, x: torch.Tensor) -> torch.Tensor:
        """Return how far prerequisites let each skill learn (runs, skills); 1 without any."""
        one = x.new_ones(len(x), 1)
        factors = [one.expand(-1, self._free)]
        if self._every:
            padded = torch.cat([x, one], 1)
            factors.append(_product(padded, self._every))
        if self._some:
            padded = torch.cat([1.0 - x, one], 1)
            factors.append(1.0 - _product(padded, self._some))
        for gate, index in self._others:
            factors.append(_probability(gate, x, index)[:, None])
        return torch.cat(factors, 1)[:, self._back]


def _flat(gate: Gate, index: dict[str, int]) -> tuple[str, list[int]]:
    """Tell an `and` or `or` of plain skills from any other gate."""
    program = gate.program
    members, last = [index[m] for m in program if isinstance(m, str)], program[-1]
    if isinstance(last, str):
        return "and", members
    k, n = last
    if n + 1 == len(program) == len(set(members)) + 1 and k in (1, n):
        return ("and" if k == n else "or"), members
    return "nested", []


def _padded(gates: Sequence[tuple[int, list[int]]], blank: int) -> list[torch.Tensor]:
    """Return the members of gates as columns of indices, short gates filled with `blank`."""
    width = max((len(members) for _, members in gates), default=0)
    rows = [members + [blank] * (width - len(members)) for _, members in gates]
    return [torch.tensor([row[c] for row in rows]) for c in range(width)]


def _product(padded: torch.Tensor, columns: Sequence[torch.Tensor]) -> torch.Tensor:
    # Column by column: the derivative of torch.prod divides, which fails where a factor is 0.
    product = padded[:, columns[0]]
    for column in columns[1:]:
        product = product * padded[:, column]
    return product


def _probability(gate: Gate, x: torch.Tensor, index: dict[str, int]) -> torch.Tensor:
    """Return the probability (runs,) that a gate of any form is open."""
    stack: list[torch.Tensor] = []
    for item in gate.program:
        if isinstance(item, str):
            stack.append(x[:, index[item]])
        else:
            k, n = item
            stack[-n:] = [_at_least(k, stack[-n:])]
    return stack[0]


def _at_least(k: int, chances: Sequence[torch.Tensor]) -> torch.Tensor:
    """Return the probability that at least k of independent events happen."""
    # exactly[j]: that j of those seen so far happened, for j < k; `enough` that k or more did.
    one = torch.ones_like(chances[0])
    exactly = [one] + [torch.zeros_like(one)] * (k - 1)
    enough = torch.zeros_like(one)
    for chance in chances:
        enough = enough + exactly[-1] * chance
        before = [torch.zeros_like(one), *exactly[:-1]]
        exactly = [e * (1.0 - chance) + b * chance for e, b in zip(exactly, before, strict=True)]
    return enough
