"""Gates of one skill, and how well they go with what runs of a serial pool show."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from math import comb, lgamma
from typing import NamedTuple

import numpy as np

from domino_sim.inference.forms import Requires
from domino_sim.inference.networks.hypotheses import Rules
from domino_sim.inference.serial.shown import Evidence
from domino_sim.levels import Floats

__all__ = ["AGAINST", "Priced", "SkillGates", "price_of", "weigh_gates"]

#: χ² by which a run speaks against a gate that was closed where it served, or open where it passed
#: over: orders are only taken where they are clear by 16.
AGAINST = 30.0

#: The most gates of one size that are looked at: beyond it those of the most promising skills.
_MOST_GATES = 20_000


class Priced(NamedTuple):
    """A gate, what it costs, and χ² against it."""

    cost: float
    gate: Requires
    against: float


@dataclass(frozen=True)
class _Block:
    """Gates of one size and kind: `members` (gates, size), χ² against them, and their cost."""

    members: np.ndarray
    any: bool
    against: Floats
    cost: Floats

    def priced(self, k: int) -> Priced:
        gate = Requires.of(self.members[k].tolist(), self.any)
        return Priced(float(self.cost[k]), gate, float(self.against[k]))


class SkillGates:
    """The gates of one skill that were looked at.

    Parameters
    ----------
    blocks
        Gates by size and kind.
    skills
        Number of skills.
    """

    def __init__(self, blocks: Sequence[_Block], skills: int) -> None:
        self._blocks, self._skills = blocks, skills
        # Of each prerequisite, in which gate of each block it is cheapest.
        self._with = np.full((len(blocks), skills), -1)
        for row, block in zip(self._with, blocks, strict=True):
            order = np.argsort(-block.cost, kind="stable")
            for column in block.members.T:
                here = np.full(skills, -1)
                here[column[order]] = order  # the last that is written, the cheapest, stays
                cheaper = (here >= 0) & ((row < 0) | (block.cost[here] < block.cost[row]))
                row[cheaper] = here[cheaper]

    def probability(self) -> Floats:
        """Return how probable each prerequisite is, (n,)."""
        found, total = np.zeros(self._skills), 0.0
        least = min(float(block.cost.min()) for block in self._blocks)
        for block in self._blocks:
            weight = np.exp(-0.5 * (block.cost - least))
            total += float(weight.sum())
            for column in block.members.T:
                found += np.bincount(column, weight, minlength=self._skills)
        return found / total

    def best(self, without: Collection[int] = (), of: int | None = None) -> Priced | None:
        """Return the cheapest gate that asks for none of some skills, and for the skill `of`.

        None if there is none.
        """
        some = []
        for block in self._blocks:
            cost = block.cost
            if without and block.members.size:
                out = np.isin(np.arange(self._skills), list(without))
                cost = np.where(out[block.members].any(axis=1), np.inf, cost)
            if of is not None:
                cost = np.where((block.members == of).any(axis=1), cost, np.inf)
            k = int(cost.argmin())
            if np.isfinite(cost[k]):
                some.append(block.priced(k))
        return min(some, default=None)

    def best_with(self, skill: int) -> Priced | None:
        """Return the cheapest gate that asks for a skill; None if none does."""
        ks = self._with[:, skill].tolist()
        some = (block.priced(k) for block, k in zip(self._blocks, ks, strict=True) if k >= 0)
        return min(some, default=None)

    def cheapest(self, count: int) -> list[Priced]:
        """Return the cheapest gates."""
        some = [
            block.priced(k)
            for block in self._blocks
            for k in np.argsort(block.cost, kind="stable")[:count].tolist()
        ]
        return sorted(some)[:count]


def price_of(size: int, price: float) -> float:
    """Return what a gate of so many prerequisites costs: a set has size! orders."""
    return price * size - 2.0 * lgamma(size + 1.0)


def weigh_gates(skill: int, evidence: Evidence, rules: Rules, price: float) -> SkillGates:
    """Return the permitted gates of a skill and what each costs.

    Parameters
    ----------
    price
        What each prerequisite costs.
    """
    n = len(rules.required)
    must = sorted(rules.required[skill])
    others = [j for j in range(n) if not rules.forbidden[j, skill] and j not in must]
    blocks: list[_Block] = []
    for size in range(len(must), max(rules.most, len(must)) + 1):
        for kind in (False, True) if size > 1 else (False,):
            members = _sets(must, others, size, blocks, kind, evidence)
            if not len(members):
                continue
            against = AGAINST * _violated(members, kind, evidence)
            cost = against + price_of(size, price)
            blocks.append(_Block(members, kind, against, cost))
    return SkillGates(blocks, n)


def _sets(
    must: list[int], others: list[int], size: int, blocks: Sequence[_Block], kind: bool,
    evidence: Evidence,
) -> np.ndarray:  # fmt: skip
    """Return sets of `size` skills with those that must be: all, or of the most promising ones."""
    more = size - len(must)
    if comb(len(others), more) > _MOST_GATES:
        others = _promising(others, more, blocks, kind, evidence)
    some = np.array(others, dtype=np.int64)[_combinations(len(others), more)]
    return np.concatenate([np.full((len(some), len(must)), must, dtype=np.int64), some], axis=1)


@lru_cache(maxsize=64)
def _combinations(count: int, size: int) -> np.ndarray:
    """Return all choices of `size` of `count` places, (choices, size)."""
    every = list(combinations(range(count), size))
    return np.array(every, dtype=np.int64).reshape(len(every), size)


def _promising(
    others: list[int], more: int, blocks: Sequence[_Block], kind: bool, evidence: Evidence
) -> list[int]:
    """Return the skills, as many as can be combined, that no larger gate is wrong for.

    In a gate that asks for all, each must have been mastered wherever the skill was served; of one
    that asks for any, none where it was passed over. First those of the cheapest smaller gates.
    """
    if kind:
        wrong = (evidence.surely & evidence.passed[:, None]).sum(axis=0)
    else:
        wrong = (~evidence.maybe & evidence.served[:, None]).sum(axis=0)
    last = [b for b in blocks if b.any == kind or b.members.shape[1] < 2][-1]
    least = np.full(len(wrong), np.inf)
    for column in last.members.T:
        np.minimum.at(least, column, last.cost)
    ranked = sorted(others, key=lambda j: (wrong[j], least[j]))
    count = more
    while count < len(ranked) and comb(count + 1, more) <= _MOST_GATES:
        count += 1
    return sorted(ranked[:count])


def _violated(members: np.ndarray, kind: bool, evidence: Evidence) -> Floats:
    """Return the number of runs that speak against gates (gates, size), (gates,)."""
    maybe, surely = evidence.maybe.T, evidence.surely.T
    if members.shape[1] == 0:
        return np.array([float(evidence.passed.sum())])
    whole = np.logical_or.reduce if kind else np.logical_and.reduce
    opened = whole([maybe[column] for column in members.T])
    too_soon = whole([surely[column] for column in members.T])
    wrong = (~opened & evidence.served) | (too_soon & evidence.passed)
    found: Floats = wrong.sum(axis=1).astype(float)
    return found
