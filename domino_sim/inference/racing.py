"""Gate forms race: a graph is built under each, that which fits best ahead of the others."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from domino_sim.inference.construction import Construction
from domino_sim.inference.regaining import regain

__all__ = ["NOISE_ALONE", "WORSE", "in_order", "race"]

#: A form is given up while another has a misfit less than this part of its own.
WORSE = 0.8

#: χ² a value that noise alone can leave, with what moves within a node.
NOISE_ALONE = 1.05

#: A graph of so many prerequisites that fits is taken to have the right gate form.
_MANY_EDGES = 15

#: Forms that are carried to the end where all are lost.
_CARRIED = 4


def race(racing: list[Construction], until: float, update: Callable[[float], None]) -> None:
    """Take the forms to graphs of all skills, one skill a step, as far as it is worth it.

    Where each is lost, ways that were not taken are tried (:mod:`domino_sim.inference.regaining`);
    what is found is put with the others. If nothing is, the few that explained most go on.

    Parameters
    ----------
    racing
        Of each form, the way to its graph.
    until
        When to stop, by `time.monotonic`.
    update
        Takes how many skills are in, of the one that is ahead.
    """
    going, lost = list(racing), False
    while time.monotonic() < until:
        first = min(
            (one for one in going if not one.done),
            key=lambda one: (one.pace, one.hesitates, -len(one.alive[0].gates)),
            default=None,
        )
        best = min((one.misfit for one in racing if one.done and (lost or not one.lost)),
                   default=math.inf)  # fmt: skip
        if not lost and all(one.lost for one in going):
            lost = True
            found = regain(going, until)
            if found is None:
                alive = (one for one in going if one.alive)
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


def _beyond_chance(racing: list[Construction]) -> bool:
    """Whether a graph of many prerequisites is done: a wrong form would hardly let it fit."""
    return any(one.done and one.alive and one.alive[0].edges >= _MANY_EDGES for one in racing)
