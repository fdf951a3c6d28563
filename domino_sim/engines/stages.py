"""The nodes of a circuit in the order of their dependence, as many as possible at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from domino_sim.levels import Ints

#: Generations of fewer nodes than this are sorted node by node.
_NARROW = 16


@dataclass(frozen=True, slots=True)
class Gates:
    """All gates: gate g needs `needs[g]` of the nodes `inputs[ends[g]:ends[g + 1]]`.

    `known` keeps what has been asked for as Python numbers.
    """

    needs: Ints
    ends: Ints
    inputs: Ints
    known: dict[int, tuple[int, list[int]]] = field(default_factory=dict)

    def of(self, gate: int) -> tuple[int, list[int]]:
        found = self.known.get(gate)
        if found is None:
            part = slice(self.ends[gate], self.ends[gate + 1])
            found = self.known[gate] = int(self.needs[gate]), self.inputs[part].tolist()
        return found


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


def sort_stages(n: int, gate_of: Ints, gates: Gates) -> list[SkillStage | GateStage]:
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


def _generations(n: int, gate_of: Ints, gates: Gates) -> Iterator[Ints]:
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
