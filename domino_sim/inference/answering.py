"""Other gates that show to be right only when frequencies that are not known have answered.

Under soft gates a curve leaves many gates open, each with a frequency of its own, and it is what
depends on a skill that tells which is right. To first order, frequencies of other skills held, the
right one may seem worse by hundreds or thousands; so gates are tried that suit the skill's own
curve best, in the order of what is foreseen of them (:func:`domino_sim.inference.rates.foreseen`).
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping

from domino_sim.inference.forms import Requires
from domino_sim.inference.proposals import Allowed
from domino_sim.inference.rates import costs, fit, foreseen
from domino_sim.inference.rating import exchange
from domino_sim.inference.reconsidering import neighbours
from domino_sim.inference.structure import Structure

__all__ = ["POLISH", "answering", "answers", "mended"]

#: Steps of the clock before what frequencies answer is foreseen.
POLISH = 3

#: Gates of all skills of which it is foreseen: those that seem best with frequencies held.
_SEEN = 60

#: Those that are fitted, while they are worse than now by less than that (χ²).
_FITTED, _WORTH = 24, 30.0

#: Structures that are mended on the way, gates of each that are fitted, what one must gain (χ²).
_MENDED, _FEW, _GAIN = 4, 8, 1.0


def answers(structure: Structure) -> bool:
    """Whether a gate and the frequency that goes with it can only be found together.

    Under hard gates a frequency shows in the curve itself.
    """
    return structure.courses.free is not None and structure.courses.form.kind == "soft"


def answering(
    structure: Structure, gates: Mapping[int, Iterable[Requires]], price: float,
    visited: Container[frozenset[tuple[int, Requires]]] = (), *, most: int = _FITTED,
) -> Iterator[Structure]:  # fmt: skip
    """Yield structures with one other gate, what follows from it and all frequencies fitted.

    None where frequencies do not answer (`answers`).

    Parameters
    ----------
    gates
        Of each skill, gates that it might have.
    price
        What an edge must gain.
    visited
        Graphs that are not tried again.
    most
        How many are fitted.
    """
    if not answers(structure):
        return
    here = structure.cost(price)
    seen = list[tuple[float, int, Structure]]()
    for skill, some in gates.items():
        cut = structure.descendants(skill)
        for gate in some:
            graph = frozenset((structure.gates | {skill: gate}).items())
            if gate == structure.gates[skill] or graph in visited or cut & set(gate.skills):
                continue
            other = structure.copy()
            exchange(other, skill, gate)
            other.polish(POLISH)
            seen.append((float(costs(other).sum()) + price * other.edges, len(seen), other))
    seen.sort(key=lambda one: one[:2])
    found = [(foreseen(one) + price * one.edges, at, one) for _, at, one in seen[:_SEEN]]
    for _, _, other in sorted(found, key=lambda one: one[:2])[:most]:
        fit(other, 10, worth=here - price * other.edges + _WORTH)
        yield other


def mended(alive: list[Structure], allowed: Allowed, price: float) -> list[Structure]:
    """Return structures and what the first of them come to by one change after another.

    The best first, each graph once.
    """
    found = {frozenset(one.gates.items()): one for one in alive}
    for structure in alive[:_MENDED]:
        better: Structure | None = structure
        while better is not None:
            structure, better = better, _bettered(better, allowed, price)
        found.setdefault(frozenset(structure.gates.items()), structure)
    return sorted(found.values(), key=lambda one: one.cost(price))


def _bettered(structure: Structure, allowed: Allowed, price: float) -> Structure | None:
    near = dict[int, list[Requires]]()
    for skill, here in structure.gates.items():
        each = neighbours(here, sorted(set(structure.gates) - structure.descendants(skill)))
        near[skill] = [gate for gate in each if allowed.permits(skill, gate)]
    others = answering(structure, near, price, most=_FEW)
    best = min(others, key=lambda one: one.cost(price), default=None)
    if best is None or best.cost(price) > structure.cost(price) - _GAIN:
        return None
    return best
