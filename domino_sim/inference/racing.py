"""Gate forms race: a graph is built under each, that which fits best ahead of the others."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

from domino_sim.inference.construction import Construction
from domino_sim.inference.forms import Form, Requires
from domino_sim.inference.patience import Patience
from domino_sim.inference.records import Records
from domino_sim.inference.regaining import regain
from domino_sim.inference.structure import Structure

__all__ = [
    "LOST", "NOISE_ALONE", "OUTDONE", "SMALL", "WORSE", "furthest", "in_order", "noise_alone",
    "race", "strayed",
]  # fmt: skip

#: A form is given up while another has a misfit less than this part of its own.
WORSE = 0.8

#: χ² a value that noise alone can leave, with what moves within a node.
NOISE_ALONE = 1.05

#: Where frequencies are fitted, by how much more χ² on the same skills a form is outdone; and by
#: how much a serial pool must cost less than gates, or gates than it.
OUTDONE = 60.0

#: Skills that are put in on ways that were not taken, for each skill, of all forms together.
_REGAINED = 6

#: A graph of so many prerequisites that fits is taken to have the right gate form where frequencies
#: are known: of the forms of 28 worlds with 7 to 13 no wrong one came to the end. Else of so many.
_TELLING_EDGES, _MANY_EDGES = 8, 15

#: Forms that are carried to the end where all are lost.
_CARRIED = 4

#: Standard deviations by which χ² may exceed its mean by chance.
_CHANCE = 2.0

#: What is said of a search that was lost.
LOST = (
    "under every gate form some skill had no gate that explains it, and what was found leaves more "
    "than noise: the search may have missed the graph; no probability is above 0.89 for that, and "
    "pairs that are not named are not excluded"
)

#: Levels times skills below which everything is tried.
SMALL = 20_000


def race(
    racing: list[Construction],
    until: float,
    update: Callable[[float], None],
    more: Callable[[], list[Construction]] = list,
    *,
    rivalled: bool = False,
) -> None:
    """Take the forms to graphs of all skills, one skill a step, as far as it is worth it.

    Where each is lost, or one of so many prerequisites that its form must be right, ways that were
    not taken are tried (:mod:`domino_sim.inference.regaining`); what is found is put with the
    others. If nothing is, `more` forms race in the same manner; if nothing is again, the few of all
    that explained most go on.

    Parameters
    ----------
    racing
        Of each form, the way to its graph.
    until
        When to stop, by `time.monotonic`.
    update
        Takes how many skills are in, of the one that is ahead.
    more
        Returns the ways of the forms that are tried only where the others are lost.
    rivalled
        Whether another model surely leaves noise alone: then forms that are lost are given up.
    """
    going, lost, started, before = list(racing), False, False, 0
    regained = list[Construction]()
    skills = next((one.alive[0].courses.skills for one in racing if one.alive), 0)
    patience = Patience(_REGAINED * skills)
    while time.monotonic() < until:
        if rivalled and all(one.lost or one.pace > NOISE_ALONE for one in going if not one.done):
            break
        first = min(
            (one for one in going if not (one.done or _outdone(one, racing))),
            key=lambda one: (one.rank, one.hesitates, -len(one.alive[0].gates)),
            default=None,
        )
        best = min((one.misfit for one in racing if one.done and (lost or not one.lost)),
                   default=math.inf)  # fmt: skip
        # Many edges, and of many skills: a wrong form gives few skills many prerequisites.
        far = [
            one for one in going
            if one.alive and min(one.explained, one.alive[0].edges) >= _MANY_EDGES
        ]  # fmt: skip
        again = next((one for one in far if one.astray and one not in regained), None)
        if not lost and again is not None:
            # Its gate form is right, but the way is not.
            regained.append(again)
            found = regain([again], until, update, patience)
            if found is not None:
                lost = True
                racing.append(found)
            continue
        if not lost and all(one.lost for one in going):
            explained = max((one.explained for one in going), default=0)
            # Forms that explain no more than those before them are not the way.
            worth = not started or explained > before
            found = regain(going, until, update, patience, forks=worth)
            # Where not even one skill is explained, it is not its gate that is wrong.
            fresh = more() if found is None and not started and explained else []
            if fresh:
                started, before, going = True, explained, fresh
                racing += fresh
                continue
            lost = True
            if found is None:
                alive = (one for one in racing if one.alive)
                going = sorted(alive, key=lambda one: (-one.explained, one.pace))[:_CARRIED]
            else:
                racing.append(found)
            continue
        if first is None or best < WORSE * first.pace:
            break
        if best < NOISE_ALONE and (first.pace > NOISE_ALONE or _beyond_chance(racing)):
            break
        first.step(hesitating=first.alive[0].edges < _MANY_EDGES)
        update(max((len(one.alive[0].gates) for one in racing if one.alive), default=0))


def in_order(racing: list[Construction]) -> list[Construction]:
    """Return those that came to a graph, the best first."""
    return sorted((one for one in racing if one.done and one.alive), key=lambda one: one.misfit)


def furthest(racing: list[Construction], required: Sequence[tuple[int, ...]]) -> Structure:
    """Return the best structure that has come furthest.

    Skills that it lacks need what is `required` of them alone.
    """
    alive = (one for one in racing if one.alive)
    far = max(alive, key=lambda one: (len(one.alive[0].gates), -one.misfit))
    structure = far.alive[0].copy()
    left = {*range(len(required))} - {*structure.gates}
    while left:
        skill = min(i for i in left if not left & {*required[i]})
        gate = Requires.of(required[skill])
        structure.add(skill, gate, structure.track_of(skill, gate))
        left.remove(skill)
    structure.seek()
    structure.polish(12)
    return structure


def strayed(best: Structure, form: Form, finished: list[Construction]) -> bool:
    """Return whether a graph came of a search that was lost, and leaves more than noise.

    Lost: no way to the graphs of the `form` that it raced under went without a skill that no gate
    explained. What one such gate was wrong in, others make up for, so that edges look sure that are
    not.
    """
    same = [one for one in finished if one.alive[0].courses.form == form]
    left = _left(best.records)
    return all(one.lost for one in same) and best.error > max(left, noise_alone(best.records))


def _outdone(one: Construction, racing: list[Construction]) -> bool:
    """Whether another form came to a graph that explains the skills that are in clearly better.

    Frequencies that are not known let a wrong form fit to within noise for long. In the graph that
    is whole the clock answers for all skills, in the other one for those that are in alone: so that
    should cost less, if it is to be the better one in the end.
    """
    if not one.alive or one.alive[0].courses.free is None:
        return False
    part = one.alive[0]
    for other in racing:
        if other.done and other.alive and not other.lost:
            each = other.alive[0].misfits()
            whole = sum(each[i] for i in part.gates) + other.alive[0].penalty
            if part.error + part.penalty > whole + OUTDONE:
                return True
    return False


def _beyond_chance(racing: list[Construction]) -> bool:
    """Whether a graph of many prerequisites is done: a wrong form would hardly let it fit."""
    graphs = [one.alive[0] for one in racing if one.done and one.alive]
    return any(
        one.edges >= (_TELLING_EDGES if one.courses.free is None else _MANY_EDGES) for one in graphs
    )


def noise_alone(records: Records) -> float:
    """Return χ² below which no more is tried: what noise hardly exceeds beside a fitted clock.

    Where that costs little, what noise hardly falls below.
    """
    left = _left(records)
    chance = _CHANCE * math.sqrt(2.0 * left)
    small = records.values * records.level.shape[2] < SMALL
    return left - chance if small else NOISE_ALONE * left + chance


def _left(records: Records) -> int:
    """Return how many levels are left beside a clock that is fitted: what noise leaves as χ²."""
    return max(records.values - int((records.weight > 0.0).any(axis=2).sum()), 1)
