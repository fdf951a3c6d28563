"""A first graph: skills are put in one by one, several structures kept alive.

A skill that nothing explains to within noise tells that something before it is wrong: an earlier
gate, which is looked at again, or the order, and then the way is gone back.
"""

from __future__ import annotations

import math
from copy import copy

import numpy as np

from domino_sim.inference.agreement import Agreement
from domino_sim.inference.answering import mended
from domino_sim.inference.building import (
    ANSWERED,
    DOUBTED,
    FEW,
    UNTESTED,
    USUAL,
    WIDELY,
    Builder,
    Grown,
)
from domino_sim.inference.contradicting import contradicted, reconsider
from domino_sim.inference.proposals import ALL, Allowed
from domino_sim.inference.structure import Structure
from domino_sim.inference.trail import Graphs, Past, graphs_of, learned_order

__all__ = ["Construction"]

#: Skills that are tried where the first is not explained, and that judge a clock; all are tried
#: while the misfit is below this, for then there is one that belongs here.
_TRIED, _JUDGES, _RIGHT = 4, 5, 1.1

#: As `_CHANCE`, of a skill that nothing explains, and of one that may yet have been in its place.
_LOST, _NEARLY = 8.0, 6.0

#: From this part of its way under a known clock a skill counts as tested by it.
_TESTED = 0.8

#: Where it tests more than this part of a skill, and no gate explains it, earlier ones are doubted.
_MOSTLY = 0.5

#: Standard deviations by which a skill with the right gate exceeds what is usual.
_CHANCE = 2.5

#: Of skills that are explained alike: what this much of what the judges say, and of χ², counts.
_FAR_SIGHTED = 0.2

#: Other skills that are put in where a construction goes back.
_FORKS = 3

#: Skills to come times skills that are in from which it takes long to try many gates for each.
_LONG = 300

#: Standard deviations of the misfit that tell no form from another.
_LEAD = 2.0

#: Of so many skills that are explained one may be put in that is not, before others are preferred.
_BENEFIT = 10


class Construction:
    """The way from a structure of some skills, or none, to graphs of all, one skill a step.

    Skills are put in in the order in which they are learned, on the mean of all runs; one whose
    gate is not explained by those that are in waits for the next that is.

    Where it is `tuned`, the values of the gate form are fitted on the way: leak, exponent, and
    mastery if `mastery` is free. Where it is `fitted`, each gate is judged with all frequencies
    fitted.

    Attributes
    ----------
    alive
        Structures, the best first; none if a skill has no permitted gate.
    """

    def __init__(
        self, start: Structure, allowed: Allowed, price: float, *, tuned: bool = False,
        mastery: bool = False, fitted: bool = False,
    ) -> None:  # fmt: skip
        nodes = start.records
        self._builder = Builder(
            nodes, allowed, price, tuned=tuned, mastery=mastery, fitted=fitted
        )
        self._order = [i for i in learned_order(nodes) if i not in start.gates]
        self._begin = Past([start], list(self._order), [], {}, -1)
        self.unled, self._led = True, frozenset[int]()  # whether it was not asked for `leads` yet
        self.alive = [start]
        self._added: list[float] = []
        self._past: list[Past] = []
        self._tried_back: set[int] = set()
        #: Skills that were in when all was explained to within noise for the last time.
        self.explained = 0
        #: Whether no skill is explained by the gates that seem best.
        self.hesitates = False
        self._narrowly: list[tuple[int, list[Grown]]] = []
        self._excess, self._fitted = 0.0, math.inf
        self._trail: list[Past] = []
        self._untried = 0

    @property
    def done(self) -> bool:
        """Whether all skills are in, or none can be put in."""
        return not self._order or not self.alive

    @property
    def misfit(self) -> float:
        """χ², with what frequencies cost, a level of the skills that are in; infinite without."""
        if not self.alive:
            return math.inf
        there = self._builder.nodes.weight[..., list(self.alive[0].gates)] > 0.0
        first = self.alive[0]
        return (first.error + first.penalty) / max(int(there.sum()), 1)

    @property
    def pace(self) -> float:
        """Misfit by which it is ahead of others; that of noise alone, 1, is not told from less.

        Of one that has explained many skills and then one not, it is as before for some steps: with
        the next skills an earlier gate is often mended.
        """
        return max(self._fitted if self.lost and not self.astray else self.misfit, 1.0)

    @property
    def rank(self) -> float:
        """The same less what chance may add: by what one that has come further goes on first.

        Else one would wait for all others, with a few skills each, for a misfit of 1.001.
        """
        if not self.alive:
            return math.inf
        values = self._builder.size * max(len(self.alive[0].gates), 1)
        return max(self.pace - _LEAD * math.sqrt(2.0 / values), 1.0)

    def step(self, *, hesitating: bool = False) -> None:
        """Put in one more skill.

        Where none is explained by the gates that seem best, many more are tried, which takes ten
        times as long. With `hesitating` nothing is done the first time that this comes to much.
        """
        builder, first = self._builder, self.alive[0]
        builder.attend(self.alive)
        agreement, many = builder.agreement(first), len(first.gates) > FEW
        queue = self._tested_first(agreement) if many else list(self._order)
        clear = self._clear()
        tried = self._narrowly

        def grow(skill: int, *, wide: bool) -> bool:
            judges = [other for other in queue[: _JUDGES + 1] if other != skill]
            alive = self.alive[:WIDELY] if wide else self.alive
            grown = builder.grow(alive, skill, judges, wide=wide)
            if grown:
                tried.append((skill, grown))
            return bool(grown) and grown[0].added < clear

        def explained(some: list[int], *, wide: bool) -> bool:
            return any(
                (not many or agreement.promising(skill, wide=wide)) and grow(skill, wide=wide)
                for skill in some
            )

        right = self.misfit < _RIGHT
        done = not self.hesitates and explained(queue[: None if right else _TRIED], wide=False)
        if done and right and agreement.tested([tried[-1][0]])[0] < UNTESTED:
            # What hardly meets the known clock fits whatever is wrong before it.
            tested = zip(queue, agreement.tested(queue).tolist(), strict=True)
            passed = [i for i, part in tested if part > _MOSTLY]
            found = contradicted(self.alive, passed, dict(tried), builder, clear)
            tried = tried if found is None else [found]
        if not done and right and len(first.gates) > ALL:
            if hesitating and not self.hesitates and len(queue) * len(first.gates) > _LONG:
                self.hesitates = True
                return
            done = explained(queue, wide=True)
        self.hesitates, self._narrowly = False, []
        if not done:
            hopeless = self._clear(_LOST)
            if all(grown[0].added > hopeless for _, grown in tried):
                there = {skill for skill, _ in tried}
                for skill in [i for i in queue if i not in there][:_TRIED]:
                    grow(skill, wide=len(first.gates) > ALL)
        if not tried:
            self.alive = []
            return
        least = min(grown[0].total for _, grown in tried)

        def place(one: tuple[int, list[Grown]]) -> float:
            return max(one[1][0].added, clear) + _FAR_SIGHTED * (one[1][0].total - least)

        tried.sort(key=place)
        if tried[0][1][0].added > self._clear(DOUBTED):
            reconsider(tried, builder, clear)
        skill, grown = min(tried, key=place)
        if grown[0].added > self._clear(_LOST) and right:
            if self._back():
                return
            self._excess = max(self._excess, 1e-9)
        self._keep(dict(tried), skill)
        self._put(skill, grown)

    def _keep(self, tried: dict[int, list[Grown]], chosen: int) -> None:
        past = Past(self.alive, list(self._order), list(self._added), tried, chosen)
        self._past.append(past)
        self._trail.append(past)
        self._untried = len(self._trail)

    def _put(self, skill: int, grown: list[Grown]) -> None:
        usual = self._clear(0.0)
        self._order.remove(skill)
        self._added.append(grown[0].added)
        self.alive = [one.structure for one in grown]
        if self._builder.fitted:
            allowed, price = self._builder.allowed, self._builder.price
            self.alive = mended(self.alive, allowed, price)[:ANSWERED]
        if self._excess > 0.0:
            self._excess += grown[0].added - usual
        if self._excess < _CHANCE * math.sqrt(2.0 * self._builder.size):
            self._excess = 0.0
        if not self.lost:
            self.explained, self._fitted = len(self.alive[0].gates), self.misfit

    @property
    def lost(self) -> bool:
        """Whether what is in leaves more than noise, or nothing explained some skill."""
        return self._excess > 0.0 or self.misfit > _RIGHT

    @property
    def astray(self) -> bool:
        """Whether it is lost and the next skills will not mend it, or none is left."""
        if not (self.lost and self.alive):
            return self.lost
        benefit = self.explained // _BENEFIT
        return self.done or len(self.alive[0].gates) - self.explained > benefit

    @property
    def exhausted(self) -> bool:
        """Whether no earlier choice is left for which others could be tried."""
        return self._untried == 0

    @property
    def graphs(self) -> Graphs:
        """The graphs that are alive, with their gate form: the same ones lead to the same."""
        return graphs_of(self.alive)

    @property
    def passed(self) -> list[Graphs]:
        """The same of every step so far, and now."""
        return [*(graphs_of(past.alive) for past in self._trail), self.graphs]

    def leads(self) -> list[Construction]:
        """Return one that begins with the skill that goes farthest beyond any gate here, if one is.

        By the clock of those that are in. So these wait themselves, whatever gates fit them: where
        all wait for the same their clock waits with them, and only that very skill tells.
        """
        self.unled, past = False, Past(self.alive, self._order, [], {}, -1)
        past = next((one for one in self._trail if len(one.added) >= self.explained), past)
        self._builder.attend(past.alive)
        ahead = self._builder.agreement(past.alive[0]).ahead(past.order)
        skill = next((i for i in ahead if i not in self._led), None)
        if skill is None:
            return []
        order = [skill, *(i for i in self._begin.order if i != skill)]
        fork = self._fork(self._begin._replace(order=order))
        fork._begin, fork._led = self._begin._replace(order=order), self._led | {skill}
        self._builder.attend(fork.alive)
        if grown := self._builder.grow(fork.alive, skill, [], wide=False):
            fork._put(skill, grown)
        return [fork] if grown else []

    def _fork(self, past: Past) -> Construction:
        """Return a construction that goes on from another place."""
        fork = copy(self)
        fork.alive, fork._order, fork._added = past.alive, list(past.order), list(past.added)
        fork._past, fork._trail, fork._tried_back = [], [], set()
        fork._untried, fork._excess, fork.unled = 0, 0.0, True
        fork.hesitates, fork._narrowly = False, []
        return fork

    def forks(self) -> list[Construction]:
        """Return constructions that put in another skill than this one did, in their order.

        At the last choice for which others were not asked for yet. Where the clock is not known a
        skill fits whatever its gate, and one too early is put in wrongly.
        """
        self._untried -= 1
        past = self._trail[self._untried]
        builder, first = self._builder, past.alive[0]
        builder.attend(past.alive)
        agreement, many = builder.agreement(first), len(first.gates) > FEW
        tried = dict(past.tried)
        for skill in past.order:
            if skill not in tried and (not many or agreement.promising(skill, wide=False)):
                judges = [other for other in past.order[: _JUDGES + 1] if other != skill]
                grown = builder.grow(past.alive, skill, judges, wide=False)
                if grown:
                    tried[skill] = grown
        nearly = self._clear(_NEARLY, past.added)
        others = [
            skill
            for skill in past.order
            if skill != past.chosen and skill in tried and tried[skill][0].added < nearly
        ]
        found = []
        for skill in others[:_FORKS]:
            fork = self._fork(past)
            fork._put(skill, tried[skill])
            found.append(fork)
        return found

    def _back(self) -> bool:
        """Go back to where one of the skills still to come fitted, and put it in there.

        What was put in before it cannot be right if nothing explains it any more.
        """
        while self._past:
            past = self._past.pop()
            lost = [i for i in self._order if i in past.tried and i not in self._tried_back]
            if not lost:
                continue
            skill = min(lost, key=lambda i: past.tried[i][0].added)
            if past.tried[skill][0].added < self._clear(_NEARLY):
                self._tried_back.add(skill)
                self.alive, self._order, self._added = past.alive, past.order, past.added
                self._put(skill, past.tried[skill])
                self._trail = [one for one in self._trail if len(one.added) < len(self._added) - 1]
                self._untried = len(self._trail)
                return True
        return False

    def _clear(self, chance: float = _CHANCE, added: list[float] | None = None) -> float:
        """Return the most that a skill adds with the right gate, but for chance (deviations)."""
        size, added = self._builder.size, self._added if added is None else added
        usual = float(np.median(added[2:])) if len(added) > 5 else USUAL * size
        return min(usual, size) + chance * math.sqrt(2.0 * size)

    def _tested_first(self, agreement: Agreement) -> list[int]:
        """Return the skills still to come, those first that the known clock tests.

        Of those that it tests alike, the ones last that nothing explained a step ago: with one
        skill more that is mostly still so.
        """
        tested = np.minimum(agreement.tested(self._order), _TESTED)
        before = self._past[-1].tried if self._past else {}
        failed = np.array([skill in before for skill in self._order])
        return [self._order[at] for at in np.lexsort((failed, -tested))]
