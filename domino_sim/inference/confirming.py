"""Gates that nodes do not decide, judged on all records."""

from __future__ import annotations

import time

import numpy as np

from domino_sim.inference.records import Records
from domino_sim.inference.refinement import Refiner
from domino_sim.inference.response import Response
from domino_sim.inference.structure import Structure

__all__ = ["confirm"]

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
    courses = structure.courses
    fitted = courses.free is not None or courses.follows is not None
    if fitted or structure.records.level.shape[1] >= records.level.shape[1]:
        return
    whole = structure.on(records)
    for _ in range(_ROUNDS):
        before = whole.error
        if before - whole.polish(_STEPS, 0.01) < _CONVERGED:
            break
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
