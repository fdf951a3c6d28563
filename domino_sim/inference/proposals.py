"""Which gates a skill may have: what the data rule out, and which are worth a look."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np

from domino_sim.inference.forms import OPEN, Form, Requires
from domino_sim.inference.onset import Onset
from domino_sim.inference.records import Records
from domino_sim.levels import Floats

__all__ = ["ALL", "Allowed", "Scored", "allowed_by", "search_gates"]

#: A hard gate is not open while a prerequisite is surely below the second level; its dependent
#: has surely begun above the first. Soft gates that open late: none is far ahead of what it needs.
_BEGUN, _READY = {"hard": 0.1, "soft": 0.5}, {"hard": 0.9, "soft": 0.1}
_SURELY = 4.0

#: Soft gates with an exponent above this open early enough for a dependent to overtake.
_LATE = 0.02

#: Gates of two and of three skills that are scored because of what each of them does alone; gates
#: of one skill, and of two, that are extended by one more. Narrow and wide.
_BEST, _HEADS, _HEAD_PAIRS = (24, 60), (2, 8), (3, 10)

#: A wide search scores all sets that are so little worse (χ²) than the best, at most so many: where
#: a skill never begins, many would keep it shut.
_AS_GOOD, _MOST = 4.0, 400

#: Of so many skills, all gates of two and three are scored, so that a wide search finds no more; of
#: more, so many pairs are looked at with each third.
ALL, _PAIRS_OF_TRIPLES = 8, 400

#: What a pair that opens too early counts, of one that opens too late, where a third may follow.
_EARLY = 0.1

#: Gates of a search before that were within so much of the best (χ²) are scored anew.
_AGAIN = 40.0

#: Gates scored at once, so that their tracks fit in memory.
_BLOCK = 200


@dataclass(frozen=True)
class Allowed:
    """What may be required of what.

    Attributes
    ----------
    ready : (n, n, runs) array of bool
        ``[j, i, r]``: whether, in run r, j may be what i waits for.
    forbidden : (n, n) array of bool
        ``[j, i]``: prior knowledge that j is no prerequisite of i.
    required
        Of each skill, the prerequisites it must have.
    most
        The most prerequisites of a gate.
    """

    ready: np.ndarray
    forbidden: np.ndarray
    required: tuple[frozenset[int], ...]
    most: int

    def permits(self, skill: int, gate: Requires) -> bool:
        """Whether `skill` may have `gate`."""
        if len(gate.skills) > self.most or not self.required[skill] <= set(gate.skills):
            return False
        if not gate.skills:
            return True
        ready, every = self._ready, (1 << self.ready.shape[2]) - 1
        if gate.any:
            some = 0
            for j in gate.skills:
                if ready[j][skill] < 0:
                    return False
                some |= ready[j][skill]
            return some == every
        return all(ready[j][skill] == every for j in gate.skills)

    @cached_property
    def _ready(self) -> list[list[int]]:
        """The runs in which j may be what i waits for, as bits; −1 where that is forbidden."""
        bits = [1 << r for r in range(self.ready.shape[2])]
        return [
            [
                -1 if no else sum(bit for bit, may in zip(bits, runs, strict=True) if may)
                for runs, no in zip(row, closed, strict=True)
            ]
            for row, closed in zip(self.ready.tolist(), self.forbidden.tolist(), strict=True)
        ]


def allowed_by(records: Records, form: Form, forbidden: np.ndarray,
               required: Sequence[Iterable[int]], most: int) -> Allowed:  # fmt: skip
    """Return what the levels (nodes) and prior knowledge permit under a gate form."""
    n = records.level.shape[2]
    ready = np.ones((n, n, records.runs), dtype=bool)
    if not form.leak and (form.kind == "hard" or form.value <= _LATE):
        progress = (records.smooth - form.floor) / (1.0 - form.floor)
        known = records.weight > 0.0
        error = _SURELY * records.error / (1.0 - form.floor)
        # A skill that was trained before has begun when it is above where it started.
        before = (np.maximum(records.floor, form.floor) - form.floor) / (1.0 - form.floor)
        begun = known & (progress > before + _BEGUN[form.kind] + error)
        least = _READY[form.kind]
        if form.kind == "hard":
            least = min(least, 0.9 * (form.value - form.floor) / (1.0 - form.floor))
        unready = known & (progress < least - error)
        clash = np.einsum("rki,rkj->jir", begun.astype(float), unready.astype(float))
        ready = clash == 0.0
    return Allowed(ready, forbidden, tuple(frozenset(r) for r in required), most)


#: Gives what a list of gates costs in each run, (gates, runs), and when each opens there.
Score = Callable[[list[Requires]], tuple[Floats, Floats]]


@dataclass
class Scored:
    """Gates of one skill and their scores, best first."""

    gates: list[Requires]
    score: Floats

    def score_of(self, gate: Requires) -> float:
        """Return the score of a gate; infinite if it was not scored."""
        return float(self.score[self.gates.index(gate)]) if gate in self.gates else math.inf

    def put(self, gate: Requires, score: float) -> None:
        """Give a gate another score, or its first."""
        if gate in self.gates:
            self.score[self.gates.index(gate)] = score
        else:
            self.gates.append(gate)
            self.score = np.append(self.score, score)

    def sort(self) -> None:
        """Put the best first again."""
        order = np.argsort(self.score, kind="stable")
        self.gates, self.score = [self.gates[k] for k in order], self.score[order]

    def take_over(self, before: Scored, score: Score, price: float, others: set[int]) -> None:
        """Put in gates of a search before, of `others`, those that were near scored anew."""
        there, now = set(self.gates), float(self.score.min(initial=math.inf))
        old = {
            gate: value
            for gate, value in zip(before.gates, before.score.tolist(), strict=True)
            if gate not in there and others.issuperset(gate.skills)
        }
        near = [gate for gate, value in old.items() if value < before.score[0] + _AGAIN]
        anew = {gate: value + now - float(before.score[0]) for gate, value in old.items()}
        if near:
            owed = price * np.array([len(gate.skills) for gate in near])
            anew.update(zip(near, (score(near)[0].sum(axis=1) + owed).tolist(), strict=True))
        self.gates += anew
        self.score = np.append(self.score, list(anew.values()))


def search_gates(
    skill: int,
    others: Sequence[int],
    allowed: Allowed,
    score: Score,
    price: float,
    *,
    onset: Onset | None = None,
    wide: bool = False,
    hopeless: float = math.inf,
) -> Scored:
    """Score gates of none, one, two, three and more skills, the promising ones of all.

    In each run a gate opens with one of its skills: the last where all are needed, the first where
    one is enough. So what two or three cost together is known beforehand, run by run, from what
    they cost alone: exactly under hard gates, nearly under soft ones.

    Parameters
    ----------
    skill, others
        The skill, and those that may be required.
    allowed
        What is permitted.
    score
        Scores gates; less is better.
    price
        What an edge must gain.
    onset
        Of the skill, under soft gates, where the clock is known.
    wide
        Whether to look at many more; of few skills that is done anyway.
    hopeless
        Under hard gates, no gates of several skills are scored where none can cost less than this.
    """
    found: dict[Requires, float] = {}
    must, wide = allowed.required[skill], wide or len(others) <= ALL

    def run(gates: Iterable[Requires]) -> None:
        new = [g for g in dict.fromkeys(gates) if g not in found and allowed.permits(skill, g)]
        for block in (new[at : at + _BLOCK] for at in range(0, len(new), _BLOCK)):
            cost = score(block)[0].sum(axis=1) + price * np.array([len(g.skills) for g in block])
            found.update(zip(block, cost.tolist(), strict=True))

    def best(size: int, count: int) -> list[Requires]:
        fitting = [gate for gate in found if len(gate.skills) == size]
        return sorted(fitting, key=found.__getitem__)[:count]

    if not must <= set(others):
        return Scored([], np.zeros(0))  # what it needs is not in yet
    if must:
        base = Requires.of(tuple(must))
        run([base, Requires.of(base.skills, True)])
        for size in range(len(must), allowed.most):
            run(_extended(best(size, _HEADS[wide]), others))
    else:
        free = [j for j in others if not allowed.forbidden[j, skill]]
        first = [OPEN, *(Requires.of((j,)) for j in free)]
        alone, opening = score(first)
        for gate, by_run in zip(first, alone, strict=True):
            if allowed.permits(skill, gate):
                found[gate] = float(by_run.sum()) + price * len(gate.skills)
        if free and alone.min(axis=0).sum() < hopeless:
            for size in range(2, min(allowed.most, 3) + 1):
                for any in (False, True):
                    if len(free) <= ALL:
                        chosen: Iterable[Sequence[int]] = combinations(free, size)
                    elif onset is not None and not any:
                        chosen = _by_onset(free, others, onset, size, wide=wide)
                    else:
                        chosen = _together(free, alone[1:], opening[1:], size, _BEST[wide], any=any)
                    run(Requires.of(one, any) for one in chosen)
            for size in range(1, allowed.most):
                run(_extended(best(size, (_HEADS if size == 1 else _HEAD_PAIRS)[wide]), others))
    order = sorted(found, key=found.__getitem__)
    return Scored(order, np.array([found[gate] for gate in order]))


def _extended(gates: Iterable[Requires], others: Sequence[int]) -> Iterable[Requires]:
    """Return gates with one skill more."""
    for gate in gates:
        for j in others:
            if j not in gate.skills:
                yield Requires.of((*gate.skills, j), gate.any)
                if len(gate.skills) == 1:
                    yield Requires.of((*gate.skills, j), True)


def _pairs(count: int) -> np.ndarray:
    return np.stack(np.triu_indices(count, 1), axis=1)


def _together(
    skills: Sequence[int], cost: Floats, opening: Floats, size: int, count: int, *, any: bool
) -> list[list[int]]:
    """Return the sets of `size` skills that promise the most as a gate.

    `cost` and `opening` (skills, runs) are of each alone.
    """
    sets = _pairs(len(skills))
    if size == 3:
        promise, _ = _promise(sets, cost, opening, any=any)
        sets = sets[np.argsort(promise, kind="stable")[:_PAIRS_OF_TRIPLES]]
        sets = _with_third(sets, len(skills))
    promise, counts = _promise(sets, cost, opening, any=any)
    sets, promise = sets[counts], promise[counts]
    first = sets[np.argsort(promise, kind="stable")[:count]]
    return [[skills[k] for k in one] for one in first.tolist()]


def _with_third(pairs: np.ndarray, count: int) -> np.ndarray:
    """Return all sets of a pair and a third of `count` skills, (m, 3), each once."""
    third = np.tile(np.arange(count), len(pairs))
    sets = np.concatenate([np.repeat(pairs, count, axis=0), third[:, None]], axis=1)
    sets = np.sort(sets[(third != sets[:, 0]) & (third != sets[:, 1])], axis=1)
    code = (sets[:, 0] * count + sets[:, 1]) * count + sets[:, 2]
    return sets[np.unique(code, return_index=True)[1]]


def _promise(
    sets: np.ndarray, cost: Floats, opening: Floats, *, any: bool
) -> tuple[Floats, np.ndarray]:
    """Return what `sets` (m, size) of skills cost, (m,), and whether each skill opens some run."""
    when = opening[sets]
    opens = when.argmin(axis=1) if any else when.argmax(axis=1)
    skill = np.take_along_axis(sets, opens, axis=1)
    counts = np.all([(opens == k).any(axis=1) for k in range(sets.shape[1])], axis=0)
    return cost[skill, np.arange(cost.shape[1])].sum(axis=1), counts


def _as_good(cost: Floats, count: int, *, wide: bool) -> int:
    """Return how many sets to score: in a wide search all that may be as good as the best."""
    near = int((cost < cost.min(initial=math.inf) + _AS_GOOD).sum())
    return max(count, min(near, _MOST)) if wide else count


def _by_onset(
    skills: Sequence[int], others: Sequence[int], onset: Onset, size: int, *, wide: bool
) -> list[list[int]]:
    """Return the sets of `size` skills that open a soft gate most nearly when it opened."""
    count = _BEST[wide]
    rows = [others.index(j) for j in skills]
    pairs = _pairs(len(rows))
    cost = onset.pairs()[np.ix_(rows, rows)][pairs[:, 0], pairs[:, 1]]
    if size == 2:
        count = _as_good(cost, count, wide=wide)
        first = pairs[np.argsort(cost, kind="stable")[:count]]
        return [[skills[k] for k in one] for one in first.tolist()]
    if len(pairs) > _PAIRS_OF_TRIPLES:
        # A third makes a gate open later: too early is no fault of a pair.
        late = onset.pairs(early=True)[np.ix_(rows, rows)][pairs[:, 0], pairs[:, 1]]
        order = np.argsort(late + _EARLY * cost, kind="stable")
        pairs = pairs[order[:_PAIRS_OF_TRIPLES]]
    place = np.array(rows, dtype=np.int64)
    three = onset.triples(place[pairs])[:, rows]
    three[np.arange(len(pairs)), pairs[:, 0]] = np.inf
    three[np.arange(len(pairs)), pairs[:, 1]] = np.inf
    count = _as_good(np.sort(three, axis=None)[::3], count, wide=wide)  # each is there three times
    some = np.argsort(three, axis=None, kind="stable")[: 3 * count]
    chosen = {
        tuple(sorted((*pairs[at // len(rows)].tolist(), at % len(rows)))): None
        for at in some.tolist()
        if np.isfinite(three.flat[at])
    }
    return [[skills[k] for k in one] for one in list(chosen)[:count]]
