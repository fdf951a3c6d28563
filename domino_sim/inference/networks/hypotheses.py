"""Graphs as hypotheses: a gate for every skill, and what may be changed in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from domino_sim.inference.forms import OPEN, Requires

__all__ = ["Graph", "Rules", "descendants", "is_acyclic"]

#: A gate for every skill, in order.
Graph = tuple[Requires, ...]


def is_acyclic(graph: Graph) -> bool:
    """Whether no skill needs itself, directly or through others."""
    left = set(range(len(graph)))
    while left:
        free = [i for i in left if left.isdisjoint(graph[i].skills)]
        if not free:
            return False
        left.difference_update(free)
    return True


def descendants(graph: Graph, skill: int) -> set[int]:
    """Return `skill` and all skills that need it, directly or through others."""
    found, new = {skill}, {skill}
    while new:
        new = {i for i, gate in enumerate(graph) if not new.isdisjoint(gate.skills)} - found
        found |= new
    return found


@dataclass(frozen=True)
class Rules:
    """Which gates are permitted.

    Attributes
    ----------
    forbidden : (n, n) array of bool
        ``[j, i]``: j is no prerequisite of i.
    required
        Of each skill, the prerequisites it must have.
    most
        The most prerequisites of a gate.
    """

    forbidden: np.ndarray
    required: tuple[frozenset[int], ...]
    most: int

    @classmethod
    def of(
        cls, n: int, forbidden: np.ndarray | None, required: Sequence[Sequence[int]] | None,
        most: int,
    ) -> Rules:  # fmt: skip
        """Return the rules; what is None rules nothing."""
        none = np.zeros((n, n), dtype=bool) if forbidden is None else np.asarray(forbidden, bool)
        must = [()] * n if required is None else required
        return cls(none | np.eye(n, dtype=bool), tuple(map(frozenset, must)), most)

    def permits(self, skill: int, gate: Requires) -> bool:
        """Whether `skill` may have `gate`."""
        return (
            len(gate.skills) <= max(self.most, len(self.required[skill]))
            and self.required[skill] <= set(gate.skills)
            and not self.forbidden[list(gate.skills), skill].any()
        )

    def start(self) -> Graph:
        """Return the graph of what is required and nothing else."""
        return tuple(Requires.of(tuple(must)) for must in self.required)

    def gates(self, skill: int) -> list[Requires]:
        """Return all permitted gates of a skill, the smallest first."""
        others = np.flatnonzero(np.logical_not(self.forbidden[:, skill])).tolist()
        found = [OPEN]
        for size in range(1, max(self.most, len(self.required[skill])) + 1):
            for skills in combinations(others, size):
                found.append(Requires.of(skills))
                if size > 1:
                    found.append(Requires.of(skills, any=True))
        return [gate for gate in found if self.permits(skill, gate)]

    def neighbours(self, skill: int, gate: Requires) -> set[Requires]:
        """Return the gates that differ by one prerequisite (added, removed, exchanged) or kind."""
        near = set(self._near(gate)) - {gate}
        return {one for one in near if self.permits(skill, one)}

    def _near(self, gate: Requires) -> Iterator[Requires]:
        skills, kind = gate
        others = [j for j in range(len(self.required)) if j not in skills]
        for j in skills:
            rest = [k for k in skills if k != j]
            yield Requires.of(rest, kind)
            yield from (Requires.of([*rest, k], kind) for k in others)
        for k in others:
            yield Requires.of([*skills, k], kind)
            if len(skills) == 1:
                yield Requires.of([*skills, k], any=True)
        yield Requires.of(skills, not kind)

    def pairs(self, skill: int, gate: Requires) -> set[Requires]:
        """Return the gates with two prerequisites more, of either kind."""
        others = [j for j in range(len(self.required)) if j not in gate.skills]
        found = {
            Requires.of([*gate.skills, *two], kind)
            for two in combinations(others, 2)
            for kind in (False, True)
            if kind == gate.any or len(gate.skills) < 2
        }
        return {one for one in found if self.permits(skill, one)}
