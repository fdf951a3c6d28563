"""The best value of a gate form: mastery, or exponent."""

from __future__ import annotations

from domino_sim.inference.patience import Patience
from domino_sim.inference.rates import fit
from domino_sim.inference.refinement import Refiner
from domino_sim.inference.structure import Structure

__all__ = ["tune"]

#: Factors by which the value is changed in turn.
_FACTORS = (2.0, 1.3, 1.08)


def tune(structure: Structure, refiner: Refiner) -> Structure:
    """Return the structure with the best value of its gate form, its graph climbed once more."""
    best, moved = structure, False
    for factor in _FACTORS:
        for direction in (factor, 1.0 / factor):
            while True:
                other = _with_value(best, direction)
                if other is None or other.error > best.error - 1.0:
                    break
                best, moved = other, True
    if not moved:
        return structure
    # Costs of graphs under another value do not compare.
    refiner.scored.clear()
    refiner.visited.clear()
    refiner.patience = Patience.with_skills(len(structure.gates))
    return refiner.climb(best)


def _with_value(structure: Structure, factor: float) -> Structure | None:
    """Return the structure with another mastery (its unlearned part times `factor`) or exponent."""
    form = structure.courses.form
    value = form.value * factor if form.kind == "soft" else 1.0 - (1.0 - form.value) * factor
    if not (0.0 < value < (1.0 if form.kind == "hard" else 100.0)):
        return None
    if form.kind == "hard" and value <= form.floor:
        return None
    other = structure.under(structure.courses.with_value(value))
    fit(other, 8)
    return other
