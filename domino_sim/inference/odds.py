"""How likely gates are, of one skill with the rest of the graph held, and whole graphs beside."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from domino_sim.inference.forms import Requires
from domino_sim.inference.proposals import Scored
from domino_sim.inference.structure import Structure
from domino_sim.levels import Floats

__all__ = ["FOUND", "Odds"]

#: From this probability an edge counts as found.
FOUND = 0.5

#: Graphs that weigh less than this, of the best, are not looked at.
_LEAST = 1e-5

#: Gates, by skill.
_Gates = frozenset[tuple[int, Requires]]


@dataclass(frozen=True)
class Odds:
    """Weighs gates and graphs by Π k! e^(−cost/2), cost = χ²/scale + price Σ k.

    k is the number of prerequisites of a skill: the price is one of lists, and a set of k has k!
    orders. A model that leaves `scale` times what noise does errs by so much more; what an edge
    must gain stays the same.

    Attributes
    ----------
    scale
        By what χ² is divided: 1 where noise explains the residuals.
    price
        Of a prerequisite, which is in scores beside χ².
    joint
        Changes of two gates or more, and how much they weigh beyond what each would alone.
    gates
        Of each skill, in the graph that they are changes of, which weighs 1.
    """

    scale: float
    price: float
    joint: tuple[tuple[Mapping[int, Requires], float], ...] = ()
    gates: Mapping[int, Requires] = field(default_factory=dict)

    @classmethod
    def beside(
        cls, structure: Structure, cost: float, visited: Mapping[_Gates, float],
        scored: Mapping[int, Scored], scale: float, price: float,
    ) -> Odds:  # fmt: skip
        """Return odds that know what whole graphs tell and changes of single gates do not.

        Two changes that have nothing to do with each other weigh together what one does times the
        other: that is in the shares of the gates. Where they make up for each other they weigh
        more; so much more counts.

        Parameters
        ----------
        structure, cost
            The best graph.
        visited
            Graphs that were judged whole, and their costs.
        scored
            Gates of each skill with the rest of the graph held, on the same records.
        """
        odds, here = cls(scale, price), structure.gates
        base = odds._log(cost, here.values())
        found = {}
        for graph, other in visited.items():
            log = odds._log(max(other, cost), (gate for _, gate in graph)) - base
            changes = frozenset(graph - here.items())
            if changes and math.exp(min(log, 0.0)) > _LEAST:
                found[changes] = math.exp(log)
        for skill, each in scored.items():
            now = odds._log(each.score_of(here[skill]), [here[skill]])
            if not math.isfinite(now):  # the search was stopped before it was weighed
                continue
            for gate, score in zip(each.gates, each.score.tolist(), strict=True):
                found.setdefault(
                    frozenset([(skill, gate)]), math.exp(min(odds._log(score, [gate]) - now, 9.0))
                )
        joint = []
        for changes, weight in found.items():
            expected = max(
                found.get(changes - {one}, 0.0) * found.get(frozenset([one]), 0.0)
                for one in changes
            )
            if len(changes) > 1 and weight - expected > _LEAST:
                joint.append((dict(changes), weight - expected))
        return cls(scale, price, tuple(joint), dict(here))

    def _log(self, cost: float, gates: Iterable[Requires]) -> float:
        """Return the logarithm of the weight of gates that cost so much together."""
        sizes = [len(gate.skills) for gate in gates]
        owed = self.price * sum(sizes)
        orders = sum(math.lgamma(size + 1.0) for size in sizes)
        return orders - 0.5 * ((cost - owed) / self.scale + owed)

    def shares(self, scored: Scored) -> Floats:
        """Return the shares of the gates of a skill; they add up to 1."""
        each = zip(scored.gates, scored.score.tolist(), strict=True)
        log = np.array([self._log(score, [gate]) for gate, score in each])
        weight: Floats = np.exp(log - log.max())
        return weight / weight.sum()

    def instead(self, scored: Scored, here: Requires) -> dict[int, tuple[float, Requires]]:
        """Return which prerequisites may stand in the place of others that `here` asks for.

        Of each the share of the gates that ask for it and not for all of those, and the likeliest.
        """
        found: dict[int, tuple[float, Requires]] = {}
        shares = self.shares(scored).tolist()
        for gate, share in sorted(zip(scored.gates, shares, strict=True), key=lambda one: -one[1]):
            if set(here.skills) <= set(gate.skills):
                continue
            for j in gate.skills:
                before, first = found.get(j, (0.0, gate))
                found[j] = before + share, first
        return found

    def prerequisites(self, skill: int, scored: Scored) -> dict[int, float]:
        """Return how probable each prerequisite of a skill is; 0 for those that are not named."""
        found: dict[int, float] = {}
        whole, one = 1.0, 0.0
        for gate, share in zip(scored.gates, self.shares(scored).tolist(), strict=True):
            one = share if gate == self.gates.get(skill) else one
            for j in gate.skills:
                found[j] = found.get(j, 0.0) + share
        for changes, weight in self.joint:
            if skill in changes:
                whole += weight * one
                for j in changes[skill].skills:
                    found[j] = found.get(j, 0.0) + weight * one
        return {j: min(p / whole, 1.0) for j, p in found.items()}

    def likeliest(self, skill: int, scored: Scored) -> Requires:
        """Return the likeliest gate of a skill that asks for all that it is found to need.

        Each of these may be there in other gates, so that the likeliest of all may lack one. It is
        that one if no gate asks for all of them.
        """
        each = self.prerequisites(skill, scored)
        found = {j for j, p in each.items() if p >= FOUND}
        order = np.argsort(-self.shares(scored), kind="stable").tolist()
        whole = (k for k in order if found <= set(scored.gates[k].skills))
        return scored.gates[next(whole, order[0])]
