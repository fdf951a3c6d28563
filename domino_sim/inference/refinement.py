"""Better graphs near a good one: gates changed, alone, in pairs, and with what follows from them.

A change is first judged with everything else held but the clock, which answers to first order;
the most promising are then judged whole, with the tracks of all descendants and the clock found
again. Two errors can hold each other in place, since both bend the clock: so pairs of changes are
judged as well, and changes after which the other skills may choose anew.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from domino_sim.inference.answering import answering
from domino_sim.inference.elsewhere import applies, elsewhere
from domino_sim.inference.forms import Requires
from domino_sim.inference.judging import judge_near
from domino_sim.inference.onset import onset_of
from domino_sim.inference.pairing import Change, Gates, pairs
from domino_sim.inference.patience import Patience
from domino_sim.inference.proposals import ALL, Allowed, Scored, search_gates
from domino_sim.inference.rates import fit
from domino_sim.inference.rating import exchange
from domino_sim.inference.reconsidering import reconsidered
from domino_sim.inference.response import Response
from domino_sim.inference.settling import settled
from domino_sim.inference.shifts import is_small, shared_changes, shifts, sweeps
from domino_sim.inference.structure import Structure
from domino_sim.levels import Floats

__all__ = ["Refiner"]

#: Changes of a skill that are kept for pairs, and those of a skill that are judged whole.
_KEPT, _WHOLE = 6, 4

#: A skill that fits to so many standard deviations of χ², and no gate of which is within so much of
#: the best, is not looked at more widely.
_DOUBTED, _RIVAL = 1.5, 30.0

#: Gates of a skill that are looked at again with all that depends on it.
_NEAR = 30

#: Changes that are tried with mending, and rounds of it.
_REPAIRED, _MENDING = 12, 3

#: A skill fits worse by this (χ²) after a change that others make; so many may be mended then.
_WORSE, _FEW_WORSE = 6.0, 3

#: A change that seems this much worse (χ²) is not judged whole.
_HOPELESS = 12.0

#: Frequencies that are not known are fitted no further where a change costs so much more (χ²).
_WORTH = 30.0

_MOST_ROUNDS = 30


@dataclass
class Refiner:
    """Climbs from a structure to better ones.

    Attributes
    ----------
    allowed, price
        What is permitted, and what an edge must gain.
    floor
        χ² that noise alone would leave; repairs are tried above it only.
    until, patience
        When to stop, by `time.monotonic`; and after how many graphs, with other refiners.
    visited
        Other graphs that were judged whole, and their cost.
    scored
        Of each skill, the gates of the last round and their χ² with the price of their edges.
    """

    allowed: Allowed
    price: float
    floor: float = 0.0
    until: float = math.inf
    patience: Patience = field(default_factory=Patience)
    scored: dict[int, Scored] = field(default_factory=dict)
    visited: dict[frozenset[tuple[int, Requires]], float] = field(default_factory=dict)
    _fitted: dict[int, float] = field(default_factory=dict)
    _seen: set[tuple[Gates, int, bool]] = field(default_factory=set)

    @property
    def over(self) -> bool:
        """Whether it is time to stop."""
        return self.patience.left <= 0 or time.monotonic() > self.until

    def cost(self, structure: Structure) -> float:
        """Return χ² and the price of the edges."""
        return structure.cost(self.price)

    def climb(self, structure: Structure) -> Structure:
        """Return the best structure that is found."""
        structure = settled(structure.copy())
        for _ in range(_MOST_ROUNDS):
            singles = self._singles(structure)
            better = self._best_of(structure, singles)
            if better is None and structure.error > self.floor:
                found = reconsidered(structure, self.allowed, self.price, self._near())
                better = None if found is structure else found
            if better is None and structure.error > self.floor:
                better = self._best_of(structure, pairs(structure, singles, self.price))
                swept = sweeps(structure, self.allowed)
                better = better or self._sought(structure, swept, anew=False)
                better = better or self._repaired(structure, singles)
            if better is None:
                find = self._elsewhere if applies(structure) else self._shifted
                better = find(structure) or self._shared(structure) or self._answered(structure)
            if better is None:
                break
            before, structure = structure, settled(better)
            if self.over:
                changed = structure.gates.items() - before.gates.items()
                self._score_again(structure, {skill for skill, _ in changed})
                break
        judge_near(
            structure.gates, self.cost(structure), self.scored, self.visited,
            lambda skill, gate: self._judge(structure, skill, gate),
            lambda: time.monotonic() > self.until,
        )  # fmt: skip
        return structure

    def _judge(self, structure: Structure, skill: int, gate: Requires) -> None:
        self._changed(structure, Change(0.0, ((skill, gate),)))

    def _score_again(self, structure: Structure, skills: set[int]) -> None:
        """Score the gates of skills again whose own have changed since."""
        response = Response(structure)
        for skill in sorted(skills):
            self._of_skill(structure, response, skill, remember=True)

    def _singles(self, structure: Structure) -> list[Change]:
        """Return the best other gates of every skill, and remember all that were scored."""
        response, changes = Response(structure), list[Change]()
        self._fitted = structure.misfits()
        for skill in structure.gates:
            if self.over and skill in self.scored:
                continue
            changes += self._of_skill(structure, response, skill, remember=True)[:_KEPT]
        return sorted(changes, key=lambda one: one.cost)

    def _of_skill(
        self, structure: Structure, response: Response, skill: int, *, remember: bool
    ) -> list[Change]:
        here, cut = structure.gates[skill], structure.descendants(skill)
        courses = structure.courses

        def score(gates: list[Requires]) -> tuple[Floats, Floats]:
            tracks = courses.track(skill, courses.open_time(gates, structure.tracks))
            return response.errors(skill, gates, tracks), courses.opening(tracks)

        others = [j for j in structure.gates if j not in cut]
        onset = None
        if courses.form.kind == "soft" and others:
            everywhere = np.ones(structure.tau.shape, dtype=bool)
            onset = onset_of(structure, skill, others, structure.tau, everywhere)
            onset = onset if onset.known else None

        def search(*, wide: bool) -> Scored:
            return search_gates(
                skill, others, self.allowed, score, self.price, onset=onset, wide=wide
            )

        before = self.scored.get(skill) if remember else None
        scored, few = search(wide=False), len(others) <= ALL
        if remember and before is None and not (few or self._clear(structure, skill, scored)):
            scored = search(wide=True)
        now = float(score([here])[0].sum()) + self.price * len(here.skills)
        if here not in scored.gates:
            scored.put(here, now)
        if before is not None:
            scored.take_over(before, score, self.price, set(others))
        scored.sort()
        if remember:
            self.scored[skill] = scored
        return [
            Change(float(value) - now, ((skill, gate),))
            for gate, value in zip(scored.gates, scored.score, strict=True)
            if gate != here
        ]

    def _clear(self, structure: Structure, skill: int, scored: Scored) -> bool:
        """Whether the gate of a skill leaves no more than noise, and no other comes near."""
        here = structure.gates[skill]
        rivals = scored.score < scored.score.min(initial=math.inf) + _RIVAL
        if not scored.gates or scored.gates[0] != here or rivals.sum() > 1:
            return False
        values = int((structure.records.weight[..., skill] > 0.0).sum())
        return self._fitted[skill] < values + _DOUBTED * math.sqrt(2.0 * values)

    def _best_of(self, structure: Structure, changes: list[Change]) -> Structure | None:
        """Return the structure with all of `changes` made that hold when judged whole, or None."""
        now, changed, judged = structure, set[int](), dict[int, int]()
        for change in changes:
            if self.over or change.cost > _HOPELESS:
                break
            skills = {skill for skill, _ in change.gates}
            judged[change.skill] = judged.get(change.skill, 0) + 1
            if skills & changed or judged[change.skill] > _WHOLE:
                continue
            key = (change.gates, round(self.cost(now)), bool(change.clock))
            if key in self._seen:
                continue
            other = self._changed(now, change)
            if other is not None and self.cost(other) < self.cost(now) - 1e-6:
                now, changed = other, changed | skills
            else:
                self._seen.add(key)
        return None if now is structure else now

    def _changed(
        self, structure: Structure, change: Change, *, anew: bool = False
    ) -> Structure | None:
        """Return the structure with a change, its clock polished, or `anew`; None for a cycle."""
        other = structure.copy()
        for skill, gate in change.gates:
            if set(gate.skills) & other.descendants(skill):
                return None
            exchange(other, skill, gate)
        here = self.cost(structure) - self.price * other.edges
        if anew:
            other.seek()
        if change.clock:
            other.tau = other.tau.copy()
            for run, tau in change.clock.items():
                other.tau[run] = tau
        fit(other, 10, worth=here + _WORTH)
        self._remember(other)
        return other

    def _remember(self, structure: Structure) -> None:
        self.patience.left -= 1
        key = frozenset(structure.gates.items())
        self.visited[key] = min(self.cost(structure), self.visited.get(key, math.inf))

    def _near(self) -> dict[int, list[Requires]]:
        return {skill: scored.gates[:_NEAR] for skill, scored in self.scored.items()}

    def _shifted(self, structure: Structure) -> Structure | None:
        """Return a better structure with one prerequisite dropped or replaced, or None."""
        changes = shifts(structure, self.allowed, replaced=is_small(structure))
        return self._sought(structure, changes)

    def _sought(
        self, structure: Structure, changes: Iterable[Gates], *, anew: bool = True
    ) -> Structure | None:
        """Return the best structure of `changes` if it is better, or None."""
        best, found = self.cost(structure), None
        for gates in changes:
            if self.over:
                break
            other = self._changed(structure, Change(0.0, gates), anew=anew)
            if other is not None and self.cost(other) < best - 1e-6:
                best, found = self.cost(other), other
        return found

    def _shared(self, structure: Structure) -> Structure | None:
        """Return a better structure with one change that several skills make, or None."""
        best, near = structure, list[tuple[float, int, Structure]]()
        changes = shared_changes(structure, self.allowed, replaced=is_small(structure))
        for at, gates in enumerate(changes):
            if self.over:
                break
            other = structure.copy()
            for skill, gate in gates:
                exchange(other, skill, gate)
            if structure.courses.free is None:
                other = settled(other)  # the clock of the others is as well found as before
            else:
                other.seek()
                fit(other)
            self._remember(other)
            # Under soft gates each holds a grid of every skill: no more are kept than are used.
            near = sorted([*near, (self.cost(other), at, other)])[:_REPAIRED]
        if near and near[0][0] < self.cost(structure) - 1e-6:
            return near[0][2]
        fitted = structure.misfits()
        for _, _, other in near:
            worse = [i for i, error in other.misfits().items() if error > fitted[i] + _WORSE]
            if self.over or not 0 < len(worse) <= _FEW_WORSE:
                continue
            best = min(best, self._mended(other, worse) or other, key=self.cost)
        return None if best is structure else best

    def _mended(self, structure: Structure, skills: Iterable[int]) -> Structure | None:
        """Return the structure with the best other gates of `skills` that hold, or None."""
        response = Response(structure)
        first = [
            one
            for skill in skills
            for one in self._of_skill(structure, response, skill, remember=False)[:1]
        ]
        return self._best_of(structure, sorted(first, key=lambda one: one.cost))

    def _answered(self, structure: Structure) -> Structure | None:
        """Return a better structure whose frequencies must answer to show it, or None."""
        best = structure
        for other in answering(structure, self._near(), self.price, self.visited):
            self._remember(other)
            best = min(best, other, key=self.cost)
            if self.over:
                break
        return None if best is structure else best

    def _elsewhere(self, structure: Structure) -> Structure | None:
        """Return a better structure with the clock of a few runs sought anew, or None."""
        if self.over:
            return None
        changes = elsewhere(structure, self.allowed, self.price, self.until)[:_REPAIRED]
        near = [one.gates for one in changes if one.cost < _HOPELESS]
        # Other runs, too, may have a clock that no small step leads out of.
        return self._best_of(structure, changes) or self._sought(structure, near)

    def _repaired(self, structure: Structure, singles: list[Change]) -> Structure | None:
        """Return a better structure with one change and others that follow from it, or None."""
        for change in singles[:_REPAIRED]:
            if self.over:
                return None
            other = self._changed(structure, change)
            for _ in range(_MENDING):
                if other is None:
                    break
                mended = self._mended(other, [i for i in other.gates if i != change.skill])
                if mended is None:
                    break
                other = mended
                if self.cost(other) < self.cost(structure) - 1e-6:
                    return other
        return None
