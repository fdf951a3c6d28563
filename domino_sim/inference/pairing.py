"""Changes of gates, and pairs of them that gain together though neither does alone."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from domino_sim.inference.forms import Requires
from domino_sim.inference.response import Response
from domino_sim.inference.structure import Structure
from domino_sim.levels import Floats

__all__ = ["Change", "Gates", "pairs"]

#: Pairs that are returned, and pairs whose sums are held at once.
_PAIRS, _BLOCK = 12, 64

#: Other gates, by skill.
Gates = tuple[tuple[int, Requires], ...]


class Change(NamedTuple):
    """Other gates for one skill or more, and what they seem to cost (χ² and edges).

    With the `clock` (records,) of runs for which it was sought anew, by run.
    """

    cost: float
    gates: Gates
    clock: Mapping[int, Floats] = MappingProxyType({})

    @property
    def skill(self) -> int:
        """The first of the skills."""
        return self.gates[0][0]


def pairs(structure: Structure, singles: list[Change], price: float) -> list[Change]:
    """Return pairs of changes that gain together though neither does alone.

    Two skills with the same error hold the clock to it, and each other.
    """
    response = Response(structure)
    found = []
    every = [(skill, gate) for one in singles for skill, gate in one.gates]
    sums = [response.changes(skill, [gate])[0][0] for skill, gate in every]
    now = float(response.error(np.zeros_like(sums[0])).sum()) if sums else 0.0
    owed = [
        price * sum(len(gate.skills) - len(structure.gates[i].skills) for i, gate in one.gates)
        for one in singles
    ]
    for a, one in enumerate(singles):
        rest = [b for b in range(a + 1, len(singles)) if singles[b].skill != one.skill]
        for at in range(0, len(rest), _BLOCK):
            block = rest[at : at + _BLOCK]
            together = response.error(np.stack([sums[a] + sums[b] for b in block])).sum(axis=-1)
            for b, error in zip(block, together.tolist(), strict=True):
                cost = error - now + owed[a] + owed[b]
                if cost < min(one.cost, singles[b].cost, 0.0):
                    found.append(Change(cost, one.gates + singles[b].gates))
    return sorted(found, key=lambda each: each.cost)[:_PAIRS]
