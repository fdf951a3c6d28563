"""Better graphs near a good one: single gates changed, and what depends on them mended.

A change is first judged with everything else held but the clock, which answers to first order;
the most promising ones are then judged whole, with the tracks of all descendants and the clock
found again. An error of an early skill has bent its descendants to fit, so that mending it alone
looks worse: the *repairing* change gives the descendants new gates before it is judged.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from domino_sim.inference.forms import Requires
from domino_sim.inference.proposals import Allowed, Scored, search_gates
from domino_sim.inference.structure import Structure
from domino_sim.levels import Floats

__all__ = ["Refiner", "gate_errors"]

#: Gates of a skill that are judged whole in a round, and those that are tried with repairs.
_WHOLE, _REPAIRED = 4, 3

#: A change that seems this much worse (χ²) is not judged whole.
_HOPELESS = 12.0

_MOST_ROUNDS = 30


def gate_errors(structure: Structure, skill: int, gates: list[Requires]) -> Floats:
    """Return χ² (gates,) with another gate for `skill`, all other tracks held.

    The clock answers by one Newton step at every record (the least of χ² along it).
    """
    courses, records, tau = structure.courses, structure.records, structure.tau
    residual, slope = structure.residuals(tau)
    others = np.array([i != skill for i in structure.gates])
    square = np.einsum("irk,irk->rk", residual[others], residual[others])
    drive = np.einsum("irk,irk->rk", residual[others], slope[others])
    stiff = np.einsum("irk,irk->rk", slope[others], slope[others])
    root = np.sqrt(records.weight[..., skill])
    place = courses.place(tau)
    least = 1e-6 * float(stiff.max(initial=0.0)) + 1e-12
    errors = np.empty(len(gates))
    for first in range(0, len(gates), 64):
        part = slice(first, first + 64)
        tracks = courses.track(skill, courses.open_time(gates[part], structure.tracks))
        level, steep = courses.levels(skill, tracks, tau, place)
        miss, steep = (records.level[..., skill] - level) * root, steep * root
        pull = np.square(drive + steep * miss) / (stiff + np.square(steep) + least)
        errors[part] = (square + np.square(miss) - pull).sum(axis=(1, 2))
    return errors


@dataclass
class Refiner:
    """Climbs from a structure to better ones.

    Attributes
    ----------
    allowed, price
        What is permitted, and what an edge must gain.
    floor
        χ² that noise alone would leave; repairs are tried above it only.
    until
        When to stop, by `time.monotonic`.
    keep
        Called with each better structure.
    scored
        Of each skill, the gates of the last round and their χ² with the price of their edges.
    """

    allowed: Allowed
    price: float
    floor: float = 0.0
    until: float = math.inf
    keep: Callable[[Structure], None] = lambda structure: None
    scored: dict[int, Scored] = field(default_factory=dict)
    _seen: set[tuple[int, Requires, int]] = field(default_factory=set)

    def cost(self, structure: Structure) -> float:
        """Return χ² and the price of the edges."""
        return structure.error + self.price * structure.edges

    def climb(self, structure: Structure) -> Structure:
        """Return the best structure that is found."""
        structure = structure.copy()
        structure.polish(12)
        for _ in range(_MOST_ROUNDS):
            better = self._round(structure, repair=False)
            if better is None and structure.error > self.floor:
                better = self._round(structure, repair=True)
            if better is None:
                break
            structure = better
            self.keep(structure)
        return structure

    def _round(self, structure: Structure, *, repair: bool) -> Structure | None:
        """Return a better structure, or None."""
        proposals = []
        for skill in structure.gates:
            if time.monotonic() > self.until:
                return None
            proposals += self._proposals(structure, skill, _REPAIRED if repair else _WHOLE)
        proposals.sort(key=lambda one: one[0])
        now, changed = structure, set[int]()
        for gain, skill, gate in proposals:
            if time.monotonic() > self.until:
                break
            if skill in changed or set(gate.skills) & now.descendants(skill):
                continue
            if gain > _HOPELESS and not repair:
                continue
            key = (skill, gate, round(self.cost(now)))
            if not repair and key in self._seen:
                continue
            other = self._changed(now, skill, gate, repair=repair)
            if self.cost(other) < self.cost(now) - 1e-6:
                now = other
                changed |= {skill}
                if repair:
                    break
            elif not repair:
                self._seen.add(key)
        if now is structure:
            return None
        anew = now.copy()
        anew.seek()
        anew.polish(12)
        return anew if anew.error < now.error else now

    def _proposals(
        self, structure: Structure, skill: int, count: int
    ) -> list[tuple[float, int, Requires]]:
        """Return the best other gates of a skill, with what they seem to cost."""
        here = structure.gates[skill]
        cut = structure.descendants(skill)
        others = [j for j in structure.gates if j not in cut]

        def score(gates: list[Requires]) -> Floats:
            price = self.price * np.array([len(gate.skills) for gate in gates])
            return gate_errors(structure, skill, gates) + price

        scored = search_gates(skill, others, self.allowed, score, wide=True)
        self.scored[skill] = scored
        now = float(score([here])[0])
        best = [
            (float(value) - now, skill, gate)
            for gate, value in zip(scored.gates, scored.score, strict=True)
            if gate != here
        ]
        return best[:count]

    def _changed(
        self, structure: Structure, skill: int, gate: Requires, *, repair: bool
    ) -> Structure:
        """Return the structure with another gate, its clock polished."""
        other = structure.copy()
        other.change(skill, gate)
        other.polish(5)
        if repair:
            for i in self._order(other, other.descendants(skill) - {skill}):
                best = self._proposals(other, i, 1)
                if best and best[0][0] < 0.0:
                    other.change(i, best[0][2])
                    other.polish(4)
            if self.cost(other) < self.cost(structure) + 0.2 * abs(self.cost(structure)):
                other.seek()
                other.polish(12)
        return other

    @staticmethod
    def _order(structure: Structure, skills: set[int]) -> list[int]:
        """Return `skills`, prerequisites first."""
        order: list[int] = []
        left = set(skills)
        while left:
            ready = [i for i in sorted(left) if not left & set(structure.gates[i].skills)]
            order += ready
            left.difference_update(ready)
        return order
