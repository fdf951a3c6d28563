"""Parts of a graph that do not fit, built anew."""

from __future__ import annotations

from domino_sim.inference.construction import Construction
from domino_sim.inference.refinement import Refiner
from domino_sim.inference.structure import Structure

__all__ = ["rebuild"]

#: The most skills that are taken out to be put in anew.
_TAKEN_OUT = 6

#: What is put in anew is refined if its χ² is below this part of the best one's.
_HOPELESS = 1.5


def rebuild(structure: Structure, refiner: Refiner) -> tuple[Structure, Refiner]:
    """Take the skills that fit worst out, with all that depend on them, and put them in anew.

    While they are in, they bend the clock, and no better gate for one of them shows.
    """
    before, left = [dict(structure.gates)], set[frozenset[int]]()
    for count in range(1, _TAKEN_OUT + 1):
        misfit = structure.misfits()
        worst = sorted(misfit, key=misfit.__getitem__, reverse=True)[:count]
        if refiner.over or len(worst) < count:
            break
        rest = structure.without(set(worst))
        if frozenset(rest.gates) in left:
            continue  # they depend on each other, and were taken out together before
        left.add(frozenset(rest.gates))
        leaky = rest.courses.form.leak > 0.0
        anew = Construction(rest, refiner.allowed, refiner.price, tuned=leaky)
        while not anew.done and anew.alive[0].error < _HOPELESS * structure.error:
            anew.step()
        if not (anew.done and anew.alive) or anew.alive[0].gates in before:
            continue
        before.append(dict(anew.alive[0].gates))
        if anew.alive[0].error < _HOPELESS * structure.error:
            again = Refiner(
                refiner.allowed, refiner.price, refiner.floor, refiner.until, refiner.patience,
                visited=refiner.visited,
            )  # fmt: skip
            better = again.climb(anew.alive[0])
            if again.cost(better) < refiner.cost(structure) - 1e-6:
                structure, refiner, left = better, again, set()
        if structure.error < refiner.floor:
            break
    return structure, refiner
