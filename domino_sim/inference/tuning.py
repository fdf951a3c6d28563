"""The best values of a gate form: mastery or exponent, and leak."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from domino_sim.inference.form_values import cost, nearby, under
from domino_sim.inference.forms import Form
from domino_sim.inference.patience import Patience
from domino_sim.inference.refinement import Refiner
from domino_sim.inference.structure import Structure

__all__ = ["tune"]

#: Leaks that gates without one are given.
_LEAKS = (0.1, 0.01)

#: Values that differ by less than this part are the same.
_ALIKE = 0.01


def tune(structure: Structure, refiner: Refiner, *, mastery: bool = True) -> Structure:
    """Return the structure with the best values of its gate form, its graph climbed once more.

    Parameters
    ----------
    structure, refiner
        The graph, and what refined it, which has it at the end.
    mastery
        Whether the mastery of hard gates is free.
    """
    best = nearby(structure, mastery=mastery)
    form = best.courses.form
    worth = math.log(max(structure.records.values, 1))  # of one value more
    if form.leak:
        tight = nearby(under(best, replace(form, leak=0.0)), mastery=mastery)
        best = tight if cost(tight) < cost(best) + worth else best
    elif structure.edges:
        # A leak of 0 is no value that would move.
        leaky = min((under(best, replace(form, leak=leak)) for leak in _LEAKS), key=cost)
        leaky = nearby(leaky, mastery=mastery)
        best = leaky if cost(leaky) < cost(best) - worth else best
    if best is structure or _alike(best.courses.form, structure.courses.form):
        return structure
    # Costs of graphs under other values do not compare, and where gates leak any skill may begin
    # (what is permitted because they leaked before costs time, no more).
    refiner.scored.clear()
    refiner.visited.clear()
    refiner.patience = Patience.with_skills(len(structure.gates))
    if best.courses.form.leak:
        allowed = refiner.allowed
        refiner.allowed = replace(allowed, ready=np.ones_like(allowed.ready))
    return refiner.climb(best)


def _alike(one: Form, other: Form) -> bool:
    """Whether values differ too little to let other gates fit."""
    if one.kind == "hard":
        one, other = (replace(form, value=1.0 - form.value) for form in (one, other))
    return one.leak == other.leak and abs(math.log(one.value / other.value)) < _ALIKE
