"""Parts of a graph that do not fit, built anew; and whole graphs, by fits."""

from __future__ import annotations

import time

from domino_sim.inference.answering import answers
from domino_sim.inference.construction import Construction
from domino_sim.inference.patience import Patience
from domino_sim.inference.refined import Refined
from domino_sim.inference.refinement import Refiner
from domino_sim.inference.structure import Structure
from domino_sim.progress import Meter

__all__ = ["build_by_fits", "rebuild"]

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


def build_by_fits(best: Refined, meter: Meter) -> list[Refined]:
    """Build a graph from nothing, each gate judged with all frequencies fitted, and refine it.

    Under soft gates a frequency that is not known goes with the gate, and those of other skills
    answer: what a gate seems to cost with them held says little. One way errs where the other does
    not. None where frequencies do not answer, some runs tell theirs, or nothing came of it.

    Parameters
    ----------
    best
        A graph that was refined: its gate form is used, and what is permitted.
    meter
        Shows progress.
    """
    structure, refiner, form = best
    courses, skills = structure.courses, len(structure.gates)
    if not answers(structure) or not (courses.free | ~courses.trained).all(axis=1).all():
        return []
    start = Structure(courses.with_frequency(courses.first), structure.records)
    anew = Construction(start, refiner.allowed, refiner.price, fitted=True)
    with meter.task("graph, by fits", skills) as update:
        while not anew.done and time.monotonic() < refiner.until:
            anew.step()
            update(len(anew.alive[0].gates) if anew.alive else 0)
    if not (anew.alive and anew.done):
        return []
    again = Refiner(
        refiner.allowed, refiner.price, refiner.floor, refiner.until,
        Patience.with_skills(skills), visited=refiner.visited,
    )  # fmt: skip
    return [Refined(again.climb(anew.alive[0]), again, form)]
