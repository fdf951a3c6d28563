"""Gates that nodes do not decide, judged on all records; and the graph that is told of then."""

from __future__ import annotations

import time

import numpy as np

from domino_sim.inference.forms import Requires
from domino_sim.inference.odds import Odds
from domino_sim.inference.rates import fit
from domino_sim.inference.rating import exchange
from domino_sim.inference.records import Records
from domino_sim.inference.refinement import Refiner
from domino_sim.inference.response import Response
from domino_sim.inference.structure import Structure

__all__ = ["confirm", "likeliest_graph"]

#: Gates within so much of the best (χ²) are judged, at most so many of a skill and of all.
_DOUBTFUL, _OF_SKILL, _MOST = 14.0, 6, 40

#: A gate that changes χ² of no run by this, to first order, says the same.
_SAME = 0.3

#: Newton's steps of the clock at once, rounds of them at most, and the gain that ends them.
_STEPS, _ROUNDS, _CONVERGED = 15, 8, 0.1


def confirm(structure: Structure, refiner: Refiner, records: Records) -> None:
    """Give the gates in doubt the scores that they have on all `records`, the clock free.

    The mean of several records is not the level at the mean of their instants; where two gates
    are within noise of each other, that can decide falsely. Not where frequencies are fitted too:
    for every gate again, on all records, that takes minutes.
    """
    if (whole := _whole(structure, records)) is structure:
        return
    response = Response(whole)
    doubts = []
    for skill, scored in refiner.scored.items():
        here = structure.gates[skill]
        near = [
            gate
            for gate, score in zip(scored.gates, scored.score.tolist(), strict=True)
            if gate != here and score < scored.score.min() + _DOUBTFUL
        ]
        if not near:
            continue
        apart = response.errors(skill, [here, *near])
        apart = np.abs(apart[1:] - apart[0]).max(axis=1)
        told = [gate for gate, far in zip(near, apart, strict=True) if far > _SAME][:_OF_SKILL]
        base = scored.score_of(here)
        doubts += [(scored.score_of(gate) - base, skill, gate) for gate in told]
    for _, skill, gate in sorted(doubts)[:_MOST]:
        if time.monotonic() > refiner.until:
            break
        if set(gate.skills) & whole.descendants(skill):
            continue
        other = whole.copy()
        other.change(skill, gate)
        there = other.polish(_STEPS, 0.01) + refiner.price * other.edges
        # Whatever of that is due to more steps of the clock alone is not the gate's.
        other.change(skill, structure.gates[skill])
        other.polish(_STEPS, 0.01)
        if other.error < whole.error:
            whole = other
        scored = refiner.scored[skill]
        scored.put(gate, scored.score_of(structure.gates[skill]) + there - refiner.cost(whole))
    for scored in refiner.scored.values():
        scored.sort()


def likeliest_graph(
    structure: Structure, refiner: Refiner, odds: Odds, records: Records
) -> Structure:
    """Return the structure with the likeliest gate of every skill (`Odds.likeliest`).

    So that the graph which is told of is the one that is predicted and whose gains are reckoned.
    Scores were reckoned with the rest of the graph as it was: so each gate is judged whole before
    it is taken, on all `records` where `confirm` does.
    """
    whole, judged = structure, set[tuple[int, Requires]]()
    while True:
        other = None
        for skill, scored in refiner.scored.items():
            here, gate = structure.gates[skill], odds.likeliest(skill, scored)
            known = gate == here or (skill, gate) in judged or here not in scored.gates
            if not known and not set(gate.skills) & structure.descendants(skill):
                other = skill, here, gate
                break
        if other is None:
            return structure
        skill, here, gate = other
        scored = refiner.scored[skill]
        if not judged:
            whole = _whole(structure, records)
        judged.add((skill, gate))
        moved = _moved(whole, skill, gate)
        # Whatever of the difference is due to more steps of the clock alone is not the gate's.
        back = _moved(moved, skill, here)
        whole = min(whole, back, key=refiner.cost)
        scored.put(gate, scored.score_of(here) + refiner.cost(moved) - refiner.cost(whole))
        scored.sort()
        if odds.likeliest(skill, scored) == gate:
            whole, structure = moved, _moved(structure, skill, gate)


def _moved(structure: Structure, skill: int, gate: Requires) -> Structure:
    other = structure.copy()
    exchange(other, skill, gate)
    fit(other, _STEPS)
    return other


def _whole(structure: Structure, records: Records) -> Structure:
    """Return the structure on all records; itself where it is, or where more than the clock
    is fitted: frequencies, and what joins pieces of runs.
    """
    courses = structure.courses
    fitted = courses.free is not None or courses.follows is not None
    if fitted or structure.records.level.shape[1] >= records.level.shape[1]:
        return structure
    whole = structure.on(records)
    for _ in range(_ROUNDS):
        before = whole.error
        if before - whole.polish(_STEPS, 0.01) < _CONVERGED:
            break
    return whole
