"""A graph that was refined, with what it came of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from domino_sim.inference.forms import Form
from domino_sim.inference.racing import OUTDONE
from domino_sim.inference.refinement import Refiner
from domino_sim.inference.structure import Structure

__all__ = ["Refined", "outdone"]


class Refined(NamedTuple):
    """A graph, what refined it, and the form under which it raced, before values were tuned."""

    structure: Structure
    refiner: Refiner
    form: Form

    @property
    def cost(self) -> float:
        """χ² and the price of the edges."""
        return self.refiner.cost(self.structure)


def outdone(structure: Structure, price: float, refined: Sequence[Refined]) -> bool:
    """Return whether a graph is clearly worse than one that was refined, if frequencies are fitted.

    Parameters
    ----------
    structure
        The graph.
    price
        What each of its edges costs.
    refined
        The others.
    """
    if structure.courses.free is None or not refined:
        return False
    return structure.cost(price) > min(each.cost for each in refined) + OUTDONE
