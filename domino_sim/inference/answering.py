"""Other gates that show to be right only when frequencies that are not known have answered.

Under soft gates a curve leaves many gates open, each with a frequency of its own, and it is what
depends on a skill that tells which is right. To first order, frequencies of other skills held, the
right one may seem worse by hundreds; so gates are tried that suit the skill's own curve best.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping

from domino_sim.inference.forms import Requires
from domino_sim.inference.proposals import Scored
from domino_sim.inference.rates import costs, fit
from domino_sim.inference.rating import exchange
from domino_sim.inference.structure import Structure

__all__ = ["answering"]

#: Gates of a skill that are followed, and by how much they may seem worse (χ²) before frequencies
#: have answered; those that are fitted, and while they are worse by less than this.
_FOLLOWED, _LOOSE, _FITTED, _WORTH = 16, 300.0, 4, 30.0


def answering(
    structure: Structure, scored: Mapping[int, Scored],
    visited: Container[frozenset[tuple[int, Requires]]], price: float,
) -> Iterator[Structure]:  # fmt: skip
    """Yield structures with one other gate, what follows from it and all frequencies fitted.

    None under hard gates, or where all frequencies are known.

    Parameters
    ----------
    scored
        Of each skill, gates and what they cost to first order.
    visited
        Graphs that are not tried again.
    price
        What an edge must gain.
    """
    if structure.courses.free is None or structure.courses.form.kind == "hard":
        return
    here = structure.error + structure.penalty + price * structure.edges
    for skill, each in scored.items():
        base, cut = each.score_of(structure.gates[skill]), structure.descendants(skill)
        found = list[tuple[float, int, Structure]]()
        for gate, score in zip(each.gates[:_FOLLOWED], each.score, strict=False):
            graph = frozenset((structure.gates | {skill: gate}).items())
            if score > base + _LOOSE or graph in visited or cut & set(gate.skills):
                continue
            other = structure.copy()
            exchange(other, skill, gate)
            other.polish()
            found.append((float(costs(other).sum()) + price * other.edges, len(found), other))
        for cost, _, other in sorted(found, key=lambda one: one[:2])[:_FITTED]:
            if cost < here + _LOOSE:
                fit(other, 10, worth=here - price * other.edges + _WORTH)
                yield other
