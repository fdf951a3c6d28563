"""In which order runs served their skills, read off the curves, and how clearly."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from domino_sim.inference.serial.lines import Lines, Order
from domino_sim.inference.serial.turns import Turns, start_levels
from domino_sim.inference.study import Study
from domino_sim.levels import Floats

__all__ = ["Service", "read_orders"]

#: χ² a level up to which curves are those of skills that are served one after another; and in the
#: order in which they are half-way, before neighbours are exchanged.
_FITS, _NEARLY = 1.2, 5.0

#: Which of two skills came first is clear if the other order has so much more χ².
_CLEAR = 16.0

#: Standard deviations by which a skill that cannot be told from mastered may be below 1, and the
#: least that it may.
_NEAR, _LEAST = 3.0, 0.02

#: A pool stands still if one that went on as fast as in the last part of its last service would
#: have served a skill. Where learning rates die away it would be less.
_STILL, _LAST_PART = 1.0, 0.5


#: χ² that differs by no more is the same.
_SAME = 1e-6


@dataclass(frozen=True)
class Service:
    """What a run shows.

    Attributes
    ----------
    order
        The skills that were served, the first first.
    groups
        The same, cut wherever it is clear what came first.
    still
        χ² by which it speaks against another skill served after the last one; 0 where the run ends
        before that.
    """

    order: Order
    groups: tuple[Order, ...]
    still: float


def read_orders(
    study: Study, turns: Turns, until: float = np.inf
) -> tuple[list[Service], Lines] | None:
    """Return what each run shows, and the lines it is compared with; None if no order fits.

    Parameters
    ----------
    study
        The curves.
    turns
        What each curve shows alone.
    until
        When to stop (`time.monotonic`): None then.
    """
    orders, values = _first_orders(turns), max(study.records.values, 1)
    lines = Lines(study.records, start_levels(study, turns, _before_others(turns, orders, study)))
    if not any(orders) or lines.errors([orders]).sum() > _NEARLY * values:
        return None
    margins = _exchange(lines, orders, until)
    # From that order follows better where each skill waits.
    waits = lines.walk(orders) <= lines.start[:, None]
    lines = Lines(study.records, start_levels(study, turns, waits))
    margins = None if margins is None else _exchange(lines, orders, until)
    if margins is None or lines.errors([orders]).sum() > _FITS * values:
        return None
    groups = _groups(lines, orders, margins)
    walk = lines.walk(orders)
    return [
        Service(order, groups[r], _still(study, walk[r], r, order))
        for r, order in enumerate(orders)
    ], lines


def _first_orders(turns: Turns) -> list[Order]:
    """Return the skills that were served, by when they were half their way."""
    return [
        tuple(sorted(np.flatnonzero(served).tolist(), key=lambda i: (at[i], i)))
        for served, at in zip(turns.served, turns.at, strict=True)
    ]


def _before_others(turns: Turns, orders: Sequence[Order], study: Study) -> np.ndarray:
    """Return when skills surely wait: until the one before them is half its way."""
    waits = np.zeros(study.records.level.shape, dtype=bool)
    for r, order in enumerate(orders):
        for before, i in pairwise(order):
            waits[r, : max(int(turns.at[r, before]), 0), i] = True
    return waits


def _exchange(lines: Lines, orders: list[Order], until: float) -> Floats | None:
    """Exchange neighbours in `orders` while that fits better.

    Returns by how much worse they are exchanged (`_margins`); None if it was stopped.
    """
    while time.monotonic() < until:
        margins = _margins(lines, orders) - lines.errors([orders])[0]
        worst = [int(row.argmin()) if row.size else 0 for row in margins.T]
        better = [r for r, k in enumerate(worst) if margins.size and margins[k, r] < -_SAME]
        if not better:
            return margins
        for r in better:
            orders[r] = _swapped(orders[r], worst[r])
    return None


def _margins(lines: Lines, orders: list[Order]) -> Floats:
    """Return χ² with two neighbours exchanged, (places, runs); inf where there are none."""
    longest = max(map(len, orders))
    if longest < 2:
        return np.zeros((0, len(orders)))
    found = lines.errors([[_swapped(one, k) for one in orders] for k in range(longest - 1)])
    for r, order in enumerate(orders):
        found[max(len(order) - 1, 0) :, r] = np.inf
    return found


def _swapped(order: Order, k: int) -> Order:
    return order[:k] + order[k : k + 2][::-1] + order[k + 2 :]


def _groups(lines: Lines, orders: list[Order], margins: Floats) -> list[tuple[Order, ...]]:
    """Return the orders (what fits better is taken over) cut where it is clear what came first.

    A skill that has little left to rise may have come several places sooner or later. The last one
    served may follow half of the noise where levels may fall (`Lines.errors`); here they may not.
    """
    least = lines.errors_of_walk(orders)
    near = margins < _CLEAR + lines.records
    moves = [[(k, k + 1) for k in np.flatnonzero(column).tolist()] for column in near.T]
    moves = moves or [[] for _ in orders]
    joined = [set[int]() for _ in orders]
    while any(moves):
        tried = list(orders)
        for r, (order, some) in enumerate(zip(orders, moves, strict=True)):
            if some:
                tried[r] = _moved(order, *some[-1])
        found = lines.errors_of_walk(tried)
        for r, some in enumerate(moves):
            if not some:
                continue
            at, to = some.pop()
            more = found[r] - least[r]
            if more < -_SAME:
                orders[r], least[r] = tried[r], found[r]
                joined[r].clear()
                moves[r] = [(k, k + 1) for k in range(len(orders[r]) - 1)]
            elif more < _CLEAR:
                joined[r] |= set(range(min(at, to), max(at, to)))
                # So may it by one place more, and if they are neighbours, the other one.
                beyond = to + (1 if to > at else -1)
                some += [(at, beyond)] if 0 <= beyond < len(orders[r]) else []
                some += [(at + 1, at - 1)] if to == at + 1 and at else []
    return [tuple(_cut(order, some)) for order, some in zip(orders, joined, strict=True)]


def _moved(order: Order, at: int, to: int) -> Order:
    rest = order[:at] + order[at + 1 :]
    return (*rest[:to], order[at], *rest[to:])


def _cut(order: Order, joined: set[int]) -> Iterator[Order]:
    first = 0
    for k in range(len(order)):
        if k not in joined:
            yield order[first : k + 1]
            first = k + 1


def _still(study: Study, walk: Floats, run: int, order: Order) -> float:
    """Return how surely a run stood still after its last skill was mastered."""
    steps = study.steps[run]
    if not order:
        return 0.0
    last, end = walk[: len(steps), order[-1]], 1.0 - max(_NEAR * study.sigma, _LEAST)
    done = np.flatnonzero(last >= end)
    if not done.size or last[0] >= end:
        return 0.0
    half = float(last[0]) + (1.0 - _LAST_PART) * (end - float(last[0]))
    begun = int(np.flatnonzero(last <= half)[-1])
    # That took no longer than from the record before it; what was left of the skill goes first.
    speed = (end - half) / float(steps[done[0]] - steps[begun])
    more = speed * (steps[done[0] :] - steps[done[0]]) - (1.0 - end)
    if more[-1] < _STILL:
        return 0.0
    return float(np.square(np.clip(more, 0.0, 1.0) / study.sigma).sum())
