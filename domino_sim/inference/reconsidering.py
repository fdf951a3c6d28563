"""Gates that were nearly as good when their skill was put in, looked at again.

What a level does not show of a gate may show later: work goes on where a skill is learned, and
what needs it follows. So when a new skill is not explained, an earlier gate may be what is wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from domino_sim.inference.forms import Requires
from domino_sim.inference.proposals import Allowed
from domino_sim.inference.rates import fit
from domino_sim.inference.rating import exchange
from domino_sim.inference.response import Response
from domino_sim.inference.structure import Structure

__all__ = ["neighbours", "reconsidered"]

#: Other gates are followed whole that cost their own skill no more than this (χ²), at most so
#: many of a skill; so many of all that seem best are judged whole.
_OWN, _FOLLOWED, _WHOLE = 40.0, 30, 40

#: What depends on a skill answers to its gate if it changes χ² of a run by this.
_EFFECT = 1.0

#: A round must gain so much (χ²), and there are at most so many.
_GAIN, _ROUNDS = 10.0, 6


def neighbours(gate: Requires, others: Iterable[int]) -> list[Requires]:
    """Return the gates that differ by one skill, put in, left out or replaced, or by operator."""
    found = dict[Requires, None]()
    both = (False, True) if len(gate.skills) < 2 else (gate.any,)
    free = [k for k in others if k not in gate.skills]
    for k in free:
        found.update(dict.fromkeys(Requires.of((*gate.skills, k), any) for any in both))
    for j in gate.skills:
        rest = [k for k in gate.skills if k != j]
        found[Requires.of(rest, gate.any)] = None
        for k in free:
            found.update(dict.fromkeys(Requires.of((*rest, k), any) for any in both))
    if len(gate.skills) > 1:
        found[Requires.of(gate.skills, not gate.any)] = None
    return list(found)


def reconsidered(
    structure: Structure, allowed: Allowed, price: float, near: Mapping[int, Iterable[Requires]]
) -> Structure:
    """Return the best structure that is reached by changing one gate after another.

    `near` are other gates that each skill might have had.
    """
    best = structure
    for _ in range(_ROUNDS):
        found = _changed(best, allowed, price, near)
        if found is None:
            break
        best = found
    return best


def _changed(
    structure: Structure, allowed: Allowed, price: float, near: Mapping[int, Iterable[Requires]]
) -> Structure | None:
    """Return the structure with the one change that is best when judged whole, or None."""
    response = Response(structure)
    changes = [
        change
        for skill in structure.gates
        for change in _of_skill(structure, response, skill, allowed, price, near.get(skill, ()))
    ]
    best, least = None, structure.cost(price) - _GAIN
    for _, skill, gate in sorted(changes)[:_WHOLE]:
        other = structure.copy()
        exchange(other, skill, gate)
        fit(other, 6, worth=least - price * other.edges)
        cost = other.cost(price)
        if cost < least:
            best, least = other, cost
    return best


def _of_skill(
    structure: Structure, response: Response, skill: int, allowed: Allowed, price: float,
    near: Iterable[Requires],
) -> list[tuple[float, int, Requires]]:  # fmt: skip
    """Return gates that cost a skill itself little, and change what depends on it, or gain.

    What they cost the others is not counted: a clock that is bent far does not answer to first
    order, and what is right may seem to be the worst.
    """
    here, cut = structure.gates[skill], structure.descendants(skill)
    others = [j for j in structure.gates if j not in cut]
    gates = [
        gate
        for gate in dict.fromkeys((*neighbours(here, others), *near))
        if gate != here and allowed.permits(skill, gate) and set(gate.skills) <= set(others)
    ]
    own = response.errors(skill, [here, *gates])
    cost = (own[1:] - own[0]).sum(axis=1)
    cost += price * np.array([len(gate.skills) - len(here.skills) for gate in gates])
    found, effects = list[tuple[float, int, Requires]](), set[tuple[float, ...]]()
    for at in np.argsort(cost, kind="stable")[:_FOLLOWED].tolist():
        if cost[at] > _OWN:
            break
        if len(cut) > 1:
            after = response.error(response.followed(skill, gates[at])) - own[0]
            effect = tuple(np.round(after, 1).tolist())
            same = np.abs(after - own[1 + at] + own[0]).max() < _EFFECT
            if effect in effects or (same and cost[at] > 0.0):
                continue
            effects.add(effect)
        elif cost[at] > 0.0:
            break
        found.append((float(cost[at]), skill, gates[at]))
    return found
