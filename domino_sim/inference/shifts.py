"""Changes of gates for which the clock is to be looked for anew, or that several skills make.

Where no skill moves the clock is free: it may be later, and with it all that follows. What is
learned then can seem to be what the next skills wait for. No small step of the clock leads out of
that. If several skills wait, each of them alone would be at odds with the others in such a run,
though in the other runs nothing speaks against the change: so they change together.
"""

from __future__ import annotations

from collections.abc import Iterator

from domino_sim.inference.forms import Requires
from domino_sim.inference.pairing import Gates
from domino_sim.inference.proposals import Allowed
from domino_sim.inference.response import Response
from domino_sim.inference.structure import Structure

__all__ = ["is_small", "shared_changes", "shifts", "sweeps"]

#: A change speaks against itself in a run by more than this (χ²); it may in so great a part of all.
_AGAINST, _PART = 6.0, 0.5

#: Prerequisites times skills up to which each is replaced by each, the clock looked for anew.
_REPLACED = 150

#: The most skills that change together.
_MOST = 5


def is_small(structure: Structure) -> bool:
    """Whether each prerequisite may be replaced by each skill, the clock looked for anew."""
    return structure.edges * len(structure.gates) <= _REPLACED


def shifts(structure: Structure, allowed: Allowed, *, replaced: bool) -> Iterator[Gates]:
    """Yield changes of one gate that drop a prerequisite, or replace it by another."""
    for skill, gate in structure.gates.items():
        others = set(structure.gates) - structure.descendants(skill) - set(gate.skills)
        for j in gate.skills:
            rest = [k for k in gate.skills if k != j]
            for k in (None, *sorted(others)) if replaced else (None,):
                new = Requires.of(rest if k is None else [*rest, k], gate.any)
                if allowed.permits(skill, new):
                    yield ((skill, new),)


def sweeps(structure: Structure, allowed: Allowed) -> Iterator[Gates]:
    """Yield changes that drop a prerequisite of several skills everywhere, or replace it.

    Skills with the same error agree on a wrong clock, each of them alone at odds with it.
    """
    for j in structure.gates:
        skills = [skill for skill, gate in structure.gates.items() if j in gate.skills]
        if len(skills) < 2:
            continue
        for other in (None, *structure.gates):
            gates = []
            for skill in skills:
                gate = structure.gates[skill]
                rest = [k for k in gate.skills if k not in (j, other)]
                new = Requires.of(rest if other is None else [*rest, other], gate.any)
                if other not in (j, skill) and allowed.permits(skill, new):
                    gates.append((skill, new))
            if len(gates) > 1:
                yield tuple(gates)


def shared_changes(structure: Structure, allowed: Allowed, *, replaced: bool) -> Iterator[Gates]:
    """Yield changes of two and more skills that drop a prerequisite which they share.

    Those first put together against which the fewest runs speak.

    Parameters
    ----------
    structure
        Its clock is held: what it costs to bend that is not counted.
    allowed
        What is permitted.
    replaced
        Whether the prerequisite may be replaced by another one as well.
    """
    response, most = Response(structure), _PART * structure.records.runs
    before = {skill: structure.descendants(skill) for skill in structure.gates}
    for j in structure.gates:
        sharing = [i for i, gate in structure.gates.items() if j in gate.skills]
        if len(sharing) < 2:
            continue
        others = [k for k in structure.gates if k != j] if replaced else []
        doubts: dict[int | None, list[tuple[int, float, int, Requires]]] = {}
        for i in sharing:
            gate = structure.gates[i]
            rest = [k for k in gate.skills if k != j]
            new: dict[int | None, Requires] = {None: Requires.of(rest, gate.any)}
            for k in others:
                if k not in rest and k not in before[i]:
                    new[k] = Requires.of((*rest, k), gate.any)
            new = {other: one for other, one in new.items() if allowed.permits(i, one)}
            costs = response.errors(i, [gate, *new.values()])
            for (other, one), cost in zip(new.items(), costs[1:] - costs[0], strict=True):
                against = int((cost > _AGAINST).sum())
                if against <= most:
                    doubts.setdefault(other, []).append((against, float(cost.sum()), i, one))
        for some in doubts.values():
            some.sort()
            for size in range(2, min(len(some), _MOST) + 1):
                yield tuple((i, one) for _, _, i, one in some[:size])
