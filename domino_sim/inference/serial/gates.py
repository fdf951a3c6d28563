"""Which gates of a skill go with what runs show of the order of service.

A serial pool serves the most frequent of the skills that are open. So where a skill is served its
gate was open, by what was mastered then; and where one that is less frequent is served before it,
or nothing is, its gate was closed. Gates are monotone: of each run only the last time at which a
skill was passed over counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb, lgamma

import numpy as np

from domino_sim.inference.forms import Requires
from domino_sim.inference.networks.hypotheses import Rules
from domino_sim.inference.serial.orders import Service
from domino_sim.levels import Floats

__all__ = ["Evidence", "SkillGates", "read_evidence", "weigh_gates"]

#: χ² by which a run speaks against a gate that was closed where it served, or open where it passed
#: over: orders are only taken where they are clear by 16.
AGAINST = 30.0

#: The most gates of one size that are looked at; those of larger gates are taken from the best
#: smaller ones beyond it.
_MOST_GATES = 30_000


@dataclass(frozen=True)
class Evidence:
    """What runs say about the gate of one skill.

    Attributes
    ----------
    served, passed : (runs,) arrays of bool
        Whether a run served the skill, and whether it passed it over.
    maybe : (runs, n) array of bool
        Which skills may have been mastered when it was served.
    surely : (runs, n) array of bool
        Which surely were when it was passed over last.
    """

    served: np.ndarray
    passed: np.ndarray
    maybe: np.ndarray
    surely: np.ndarray


@dataclass(frozen=True)
class _Block:
    """Gates of one size and kind: `members` (gates, size), χ² against them, and their cost."""

    members: np.ndarray
    any: bool
    against: Floats
    cost: Floats


class SkillGates:
    """The gates of one skill that were looked at, and how much each costs.

    Parameters
    ----------
    blocks
        Gates by size and kind.
    """

    def __init__(self, blocks: Sequence[_Block], skills: int) -> None:
        self._blocks, self._skills = blocks, skills
        self._least = min(float(block.cost.min()) for block in blocks)
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
        for block in self._blocks:
            weight = np.exp(-0.5 * (block.cost - self._least))
            total += float(weight.sum())
            for column in block.members.T:
                found += np.bincount(column, weight, minlength=self._skills)
        return found / total

    def best(self, count: int) -> list[tuple[float, Requires]]:
        """Return the cheapest gates with their costs."""
        some = []
        for block in self._blocks:
            for k in np.argsort(block.cost, kind="stable")[:count].tolist():
                some.append((float(block.cost[k]), self._gate(block, k)))
        return sorted(some)[:count]

    def best_with(self, skill: int) -> tuple[Requires, float] | None:
        """Return the cheapest gate with a prerequisite and χ² against it; None without any."""
        ks = self._with[:, skill].tolist()
        return self._cheapest((block, k) for block, k in zip(self._blocks, ks, strict=True) if k >= 0)

    def best_without(self, skill: int) -> tuple[Requires, float] | None:
        """Return the cheapest gate without a prerequisite and χ² against it; None without any."""
        some = []
        for block in self._blocks:
            cost = np.where((block.members == skill).any(axis=1), np.inf, block.cost)
            k = int(cost.argmin())
            if np.isfinite(cost[k]):
                some.append((block, k))
        return self._cheapest(some)

    def _cheapest(self, some: Iterable[tuple[_Block, int]]) -> tuple[Requires, float] | None:
        found = min(some, key=lambda one: float(one[0].cost[one[1]]), default=None)
        if found is None:
            return None
        block, k = found
        return self._gate(block, k), float(block.against[k])

    @staticmethod
    def _gate(block: _Block, k: int) -> Requires:
        return Requires.of(block.members[k].tolist(), block.any)


def read_evidence(
    services: Sequence[Service], frequency: Floats, start: Floats, trained: np.ndarray,
    seen: np.ndarray,
) -> list[Evidence]:  # fmt: skip
    """Return what runs say about the gate of each skill.

    Parameters
    ----------
    services
        What each run shows.
    frequency : (runs, n) array
        Frequencies; NaN where they are not known.
    start : (runs, n) array
        Levels at the start; 1 of skills that are mastered by then.
    trained, seen : (runs, n) arrays of bool
        Which skills a run trains, and of which it has a curve.
    """
    runs, n = frequency.shape
    served, passed = np.zeros((2, n, runs), dtype=bool)
    maybe, surely = np.zeros((2, n, runs, n), dtype=bool)
    for r, service in enumerate(services):
        hidden = trained[r] & ~seen[r]
        mastered = start[r] >= 1.0
        waits = trained[r] & seen[r] & ~mastered

        def pass_over(above: float, among: np.ndarray, mastered: np.ndarray, r: int) -> None:
            with np.errstate(invalid="ignore"):
                over = among & (frequency[r] > above)
            passed[over, r], surely[over, r] = True, mastered

        for group in service.groups:
            waits[list(group)] = False
            pass_over(frequency[r, list(group)].max(), waits, mastered, r)
            for skill in group:
                others = np.isin(np.arange(n), group) & (np.arange(n) != skill)
                served[skill, r], maybe[skill, r] = True, mastered | hidden | others
            mastered = mastered.copy()
            mastered[list(group)] = True
        if service.still:
            pass_over(0.0, waits, mastered, r)
    return [Evidence(*each) for each in zip(served, passed, maybe, surely, strict=True)]


def weigh_gates(
    skill: int, evidence: Evidence, rules: Rules, price: float, scale: float
) -> SkillGates:
    """Return the permitted gates of a skill and what each costs.

    Parameters
    ----------
    price
        What each prerequisite costs.
    scale
        By what χ² is divided: 1 where noise explains the residuals.
    """
    n = len(rules.required)
    must = sorted(rules.required[skill])
    others = [j for j in range(n) if not rules.forbidden[j, skill] and j not in must]
    blocks: list[_Block] = []
    for size in range(len(must), max(rules.most, len(must)) + 1):
        for kind in (False, True) if size > 1 else (False,):
            members = np.array(_sets(must, others, size, blocks, kind), dtype=np.int64)
            if not len(members):
                continue
            against = AGAINST * _violated(members, kind, evidence)
            cost = against / scale + price * size - 2.0 * lgamma(size + 1.0)
            blocks.append(_Block(members, kind, against, cost))
    return SkillGates(blocks, n)


def _sets(
    must: list[int], others: list[int], size: int, blocks: Sequence[_Block], kind: bool
) -> list[tuple[int, ...]]:
    """Return sets of `size` skills with those that must be: all, or of the best smaller ones."""
    more = size - len(must)
    if comb(len(others), more) > _MOST_GATES:
        others = list(_promising(others, more, blocks, kind))
    return [(*must, *some) for some in combinations(others, more)]


def _promising(
    others: list[int], more: int, blocks: Sequence[_Block], kind: bool
) -> Iterator[int]:
    """Yield the skills of the cheapest smaller gates, as many as can be combined."""
    last = [b for b in blocks if b.any == kind or b.members.shape[1] < 2][-1]
    kept: dict[int, None] = {}
    for k in np.argsort(last.cost, kind="stable").tolist():
        for j in last.members[k].tolist():
            if j in others and j not in kept:
                if comb(len(kept) + 1, more) > _MOST_GATES:
                    return
                kept[j] = None
                yield j


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
