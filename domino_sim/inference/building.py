"""Putting one skill into structures: gates it may have, and what the skills to come say of them.

Where no skill that is in moves, nothing fixes the clock, and a new skill fits whatever its gate:
the clock is what it tells. So each gate it may have is a hypothesis about the clock, and is judged
by how well the skills still to come agree with that clock (``docs/inference.md``, "Search").
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from domino_sim.inference.agreement import EXPLAINED, Agreement, is_known
from domino_sim.inference.answering import POLISH
from domino_sim.inference.form_values import nearby
from domino_sim.inference.forms import Requires
from domino_sim.inference.options import Option, clocks
from domino_sim.inference.proposals import Allowed, search_gates
from domino_sim.inference.rates import fit, foreseen
from domino_sim.inference.rating import foretell, rated
from domino_sim.inference.records import Records
from domino_sim.inference.structure import Structure
from domino_sim.levels import Floats

__all__ = ["ALIVE", "ANSWERED", "DOUBTED", "FEW", "UNTESTED", "USUAL", "WIDELY", "Builder", "Grown"]

#: Structures kept alive, those of them a wide search starts from, and options of one that are kept
#: for a skill.
ALIVE, WIDELY, _OPTIONS = 4, 2, 60

#: An option is kept while its score is within this of the best (χ²), and a structure within that.
_CLOSE, _DISTANT = 30.0, 150.0

#: Clocks are the same that are less than this apart (χ²), and courses (log work).
_SAME, _SAME_WORK = 9.0, 0.02

#: Nodes a run of which a skill tells the clock, that judges are not asked about.
_TOLD = 1

#: Below this part of a skill's way the known clock says too little to choose its gates by.
UNTESTED = 0.3

#: The most that a skill that judges can say against a clock, for each node: one whose own
#: prerequisites are not in yet agrees with none, and shall not decide.
_MOST = 0.25

#: What a skill with the right gate adds for each node, before the curves tell.
USUAL = 0.95

#: Standard deviations of χ² above what is usual from which a skill's gate is doubted.
DOUBTED = 1.5

#: From this many only the best option is fitted: of 3,275 that were as far off all but 6 stayed so.
_HOPELESS = 100.0

#: Gates of a skill that are remembered, to be looked at again.
_NEAR = 30

#: Steps of frequencies that are not known, when a skill has been put in.
_ROUNDS = 2

#: Where gates are fitted: options of a structure that are followed, whatever they score; those of
#: all that are fitted, and in how many steps.
_FOLLOWED, _FITTED, _TO_FIT = 12, 20, 12

#: Structures kept alive there, and how much worse than the best (χ²).
ANSWERED, _NEARBY = 10, 60.0

#: With more skills in than this, only the gates that agree best with the clock so far are tried.
FEW = 8


@dataclass(frozen=True)
class Grown:
    """A structure with the new skill, and its `total`: its score and what the judges say."""

    structure: Structure
    added: float
    total: float


class Builder:
    """Puts skills in.

    Parameters
    ----------
    nodes, allowed
        The levels, and which gates are permitted.
    price
        What an edge must gain in χ².
    tuned, mastery
        Whether the values of the gate form are tuned where a skill is not explained; and whether,
        of hard gates, the mastery is.
    """

    def __init__(
        self, nodes: Records, allowed: Allowed, price: float, *, tuned: bool = False,
        mastery: bool = False, fitted: bool = False,
    ) -> None:  # fmt: skip
        self.nodes, self.allowed, self.price = nodes, allowed, price
        self.tuned, self.mastery, self.fitted = tuned, mastery, fitted
        self.size = nodes.level.shape[0] * nodes.level.shape[1]
        self.near: dict[int, list[Requires]] = {}
        self._agreements: list[tuple[Structure, Agreement]] = []

    def attend(self, alive: list[Structure]) -> None:
        """Remember how skills agree with the clocks of these structures, and of no others."""
        self._agreements = [(one, Agreement(one, one, self.allowed, self.price)) for one in alive]

    def agreement(self, structure: Structure) -> Agreement:
        """Return how skills agree with the clock of a structure that is attended to."""
        return next(found for one, found in self._agreements if one is structure)

    def usual(self, chance: float) -> float:
        """Return what a skill with the right gate adds (χ²), and so many standard deviations."""
        return USUAL * self.size + chance * math.sqrt(2.0 * self.size)

    def options(self, structure: Structure, skill: int, *, wide: bool) -> list[Option]:
        """Return the gates `skill` may have, best first."""
        found: dict[Requires, Option] = {}

        def score(gates: list[Requires]) -> tuple[Floats, Floats]:
            courses = structure.courses
            tracks = courses.track(skill, courses.open_time(gates, structure.tracks))
            known = is_known(structure, courses.frequency)
            each = rated(structure, skill, tracks, structure.tau, known)
            tau, by_run, precision = clocks(structure, skill, each.tracks, each.pace)
            by_run = by_run + each.cost
            error = by_run.sum(axis=1)
            scores = error + self.price * np.array([len(gate.skills) for gate in gates])
            paces = [None] * len(gates) if each.pace is None else list(each.pace)
            for one in zip(gates, each.tracks, paces, tau, precision, error, scores, strict=True):
                if self.allowed.permits(skill, one[0]):
                    found[one[0]] = Option(*one)
            return by_run, courses.opening(each.tracks)

        agreement = self.agreement(structure)
        if len(structure.gates) > FEW and agreement.tested([skill])[0] > UNTESTED:
            # What agrees with the best structure is tried with those beside it, too.
            score(self._agreements[0][1].likely(skill, wide=wide))
        else:
            onset, hopeless = agreement.onset(skill), math.inf
            if structure.courses.form.kind == "hard" and structure.courses.free is None:
                hopeless = structure.error + self.usual(_HOPELESS)
            search_gates(
                skill, list(structure.gates), self.allowed, score, self.price, onset=onset,
                wide=wide, hopeless=hopeless,
            )  # fmt: skip
        best = sorted(found.values(), key=lambda one: one.score)
        if not best:
            return []
        excess = best[0].error - structure.error - 1.3 * self.size
        self.near[skill] = [option.gate for option in best[:_NEAR]]
        if self.fitted:
            return best[:_FOLLOWED]
        reach = best[0].score + _CLOSE + 0.5 * max(0.0, excess)
        return [option for option in best if option.score < reach][:_OPTIONS]

    def judge(self, structure: Structure, options: list[Option], judges: list[int]) -> Floats:
        """Return how badly `judges` agree with the clock of each option, (options,)."""
        against = np.zeros(len(options))
        before = self.agreement(structure).known
        clocks = [Agreement(structure, one, self.allowed, self.price) for one in options]
        if max(int((one.known & ~before).sum()) for one in clocks) <= _TOLD * len(before):
            return against  # none tells anything new of the clock
        for skill in judges:
            gates = clocks[0].likely(skill)
            if not gates:
                continue
            tracks = clocks[0].tracks(skill, gates)
            price = self.price * np.array([len(gate.skills) for gate in gates])
            for o, clock in enumerate(clocks):
                miss = clock.errors(skill, tracks).sum(axis=1)
                against[o] += min(float((miss + price).min()), _MOST * self.size)
        return against

    def grow(self, alive: list[Structure], skill: int, judges: list[int], *, wide: bool) -> list[
        Grown
    ]:  # fmt: skip
        """Return the best structures with `skill` put in."""
        if self.fitted:
            return self._grow_fitted(alive, skill, wide=wide)
        pool: list[tuple[float, Option, Structure]] = []
        for structure in alive:
            options = self.options(structure, skill, wide=wide)
            if not options:
                continue
            # Where none explains the skill, it is not the clocks they tell that matter.
            explained = options[0].error - structure.error < EXPLAINED * self.size
            told = len(options) > 1 and explained
            against = self.judge(structure, options, judges) if told else [0.0] * len(options)
            owed = self.price * structure.edges
            pool += [
                (option.score + owed + float(bad), option, structure)
                for option, bad in zip(options, against, strict=True)
            ]
        pool.sort(key=lambda one: one[0])
        doubtful = self.usual(DOUBTED)
        if pool and pool[0][1].error - pool[0][2].error > self.usual(_HOPELESS):
            pool = pool[:1]
        grown: list[Grown] = []
        for rank, (total, option, before) in enumerate(pool[: 4 * ALIVE]):
            if len(grown) >= ALIVE and total > pool[0][0] + _CLOSE:
                break
            after = before.copy()
            after.add(skill, option.gate, option.track, option.pace)
            after.tau = option.tau
            fit(after, 6, _ROUNDS, joined=True)
            if after.error - before.error > doubtful:
                if rank < WIDELY:
                    _anew(after)
                if self.tuned and option.gate.skills:
                    after = nearby(after, mastery=self.mastery)
            foretell(after)
            # The same by another gate is no other hypothesis: refinement weighs the gates.
            if not any(_same(after, one.structure) for one in grown):
                total += after.error + after.penalty - before.penalty - option.error
                owed = after.penalty - before.penalty
                grown.append(Grown(after, after.error - before.error + owed, total))
        grown.sort(key=lambda one: one.total)
        return [one for one in grown if one.total < grown[0].total + _DISTANT][:ALIVE]

    def _grow_fitted(self, alive: list[Structure], skill: int, *, wide: bool) -> list[Grown]:
        """Return the same by what gates come to when all frequencies are fitted."""
        pool = list[tuple[float, int, Structure, Structure]]()
        for before in alive:
            for option in self.options(before, skill, wide=wide):
                after = before.copy()
                after.add(skill, option.gate, option.track, option.pace)
                after.tau = option.tau
                after.polish(POLISH)
                cost = foreseen(after) + self.price * after.edges
                pool.append((cost, len(pool), before, after))
        pool.sort(key=lambda one: one[:2])
        grown, least = list[Grown](), math.inf
        for _, _, before, after in pool[:_FITTED]:
            owed = self.price * after.edges
            fit(after, 6, _TO_FIT, worth=least + _NEARBY - owed, joined=True)
            total = after.cost(self.price)
            least = min(least, total)
            if not any(_same(after, one.structure) for one in grown):
                added = after.error + after.penalty - before.error - before.penalty
                grown.append(Grown(after, added, total))
        grown.sort(key=lambda one: one.total)
        return [one for one in grown if one.total < grown[0].total + _NEARBY][:ANSWERED]


def _same(one: Structure, other: Structure) -> bool:
    """Whether two structures say the same to skills that come later, by whatever gates."""
    sharp = np.minimum(one.precision, other.precision)
    if (np.square(one.tau - other.tau) * sharp).sum() > _SAME:
        return False
    if one.courses.form.kind == "hard":
        return True
    # Work goes on where levels show nothing of it any more, and soft gates open with it.
    return all(
        np.abs(np.log1p(track) - np.log1p(other.tracks[i])).max() < _SAME_WORK
        for i, track in one.tracks.items()
        if one.gates[i] != other.gates[i]
    )


def _anew(structure: Structure) -> None:
    """Look for the clock anew, and keep what is better.

    Pieces of runs are joined anew with it: they were to the clock before.
    """
    other = structure.copy()
    other.seek()
    if other.courses.follows is not None:
        fit(other, 12, _ROUNDS, joined=True)
        if other.error + other.penalty < structure.error + structure.penalty:
            structure.__dict__.update(other.__dict__)
    elif other.polish(12) < structure.polish(12):
        structure.tau, structure.error = other.tau, other.error
        structure.precision = other.precision
