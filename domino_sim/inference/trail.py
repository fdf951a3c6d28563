"""The order in which skills are put in, where that has been, and what graphs are known by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from domino_sim.inference.building import Grown
from domino_sim.inference.forms import Requires
from domino_sim.inference.records import Records
from domino_sim.inference.structure import Structure

__all__ = ["Graphs", "Past", "graphs_of", "learned_order"]

#: A skill that starts nearer to 1 than this is learned at the start.
_LEFT = 0.1

#: A gate form, and several graphs under it, each of skills and their gates.
Graphs = tuple[str, frozenset[frozenset[tuple[int, Requires]]]]


class Past(NamedTuple):
    """Where a construction was before a step: the skills that were tried, and the one put in."""

    alive: list[Structure]
    order: list[int]
    added: list[float]
    tried: dict[int, list[Grown]]
    chosen: int


def graphs_of(alive: Sequence[Structure]) -> Graphs:
    """Return graphs with their gate form: the same ones lead to the same."""
    form = str(alive[0].courses.form) if alive else ""
    return form, frozenset(frozenset(one.gates.items()) for one in alive)


def learned_order(records: Records) -> list[int]:
    """Return the skills in the order in which they are learned, on the mean of all runs."""
    known = records.weight.sum(axis=(0, 1))
    left = 1.0 - records.floor
    part = (records.level - records.floor) / np.maximum(left, _LEFT)
    part = np.where(left > _LEFT, np.clip(part, 0.0, 1.0), 1.0)
    mean = (part * records.weight).sum(axis=(0, 1)) / np.where(known > 0.0, known, 1.0)
    order: list[int] = np.argsort(-mean, kind="stable").tolist()
    return order
