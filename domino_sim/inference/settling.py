"""A graph's clock and frequencies found anew, from several beginnings."""

from __future__ import annotations

import numpy as np

from domino_sim.inference.agreement import is_known
from domino_sim.inference.rates import TO_THE_END, costs, fit, under
from domino_sim.inference.rating import foretell, rated
from domino_sim.inference.shared import together
from domino_sim.inference.structure import Structure

__all__ = ["settled"]

#: Steps of the frequencies when skills are put in one after another.
_EACH = 4


def settled(structure: Structure) -> Structure:
    """Return the graph with the clock and the frequencies that are not known found anew.

    Of each run the best that is found: no run answers for another, but where one goes on from it.
    Steps of a fit lead to the next valley. Frequencies of skills that overlap little are far off at
    first, by factors of e² and more, and where many are the valley is a wrong one. So skills are
    also put in one after another, their gates held, each when those it needs are in.
    """
    found = [structure, structure.copy()]
    found[1].seek()
    if structure.courses.free is not None:
        found.append(_in_turn(structure))
    for one in found:
        fit(one, rounds=TO_THE_END)
    best = min(found, key=lambda one: one.error + one.penalty)
    if structure.courses.follows is not None:
        return best
    mixture = structure.courses.mixture
    least = np.argmin([together(costs(one), mixture) for one in found], axis=0)
    each = np.arange(len(least))
    frequency = np.stack([one.courses.frequency for one in found])[least, each]
    tau = np.stack([one.tau for one in found])[least, each]
    mixed = under(best, frequency, tau, 1)
    fit(mixed)
    return min(mixed, best, key=lambda one: one.error + one.penalty)


def _in_turn(structure: Structure) -> Structure:
    """Return the graph with skills put in one after another, those learned early first."""
    courses, records = structure.courses, structure.records
    other = Structure(courses.with_frequency(courses.first), records)
    other.slack = structure.slack
    weight = np.maximum(records.weight.sum(axis=(0, 1)), 1e-12)
    early = (records.level * records.weight).sum(axis=(0, 1)) / weight
    left = sorted(structure.gates, key=lambda i: -float(early[i]))
    while left:
        skill = next(i for i in left if set(structure.gates[i].skills) <= other.gates.keys())
        left.remove(skill)
        foretell(other)
        gate = structure.gates[skill]
        track = other.track_of(skill, gate)
        if other.gates:
            known = is_known(other, other.courses.frequency)
            each = rated(other, skill, track[None], other.tau, known)
            track, pace = each.tracks[0], None if each.pace is None else each.pace[0]
            other.add(skill, gate, track, pace)
        else:
            other.add(skill, gate, track)
        other.seek()
        fit(other, rounds=_EACH, joined=True)
    return other
