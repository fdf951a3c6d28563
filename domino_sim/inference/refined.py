"""A graph that was refined, with what it came of."""

from __future__ import annotations

from typing import NamedTuple

from domino_sim.inference.forms import Form
from domino_sim.inference.refinement import Refiner
from domino_sim.inference.structure import Structure

__all__ = ["Refined"]


class Refined(NamedTuple):
    """A graph, what refined it, and the form under which it raced, before values were tuned."""

    structure: Structure
    refiner: Refiner
    form: Form

    @property
    def cost(self) -> float:
        """χ² and the price of the edges."""
        return self.refiner.cost(self.structure)
