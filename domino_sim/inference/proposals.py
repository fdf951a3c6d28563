"""Which gates a skill may have: what the data rule out, and which are worth a look."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from domino_sim.inference.forms import OPEN, Form, Requires
from domino_sim.inference.records import Records
from domino_sim.levels import Floats

__all__ = ["Allowed", "Scored", "allowed_by", "search_gates"]

#: A hard gate is not open while a prerequisite is surely below the second level; its dependent
#: has surely begun above the first. Soft gates that open late: neither is far ahead of the other.
_BEGUN, _READY = {"hard": 0.1, "soft": 0.25}, {"hard": 0.9, "soft": 0.25}
_SURELY = 4.0

#: Soft gates with an exponent above this open early enough for a dependent to overtake.
_LATE = 0.02

#: Gates asking for one skill that are extended to two, and for two that are extended to three;
#: the same in a wide search, which also tries all of two and three of the best.
_BEST, _BEST_PAIRS = 4, 6
_WIDE, _WIDE_PAIRS = 12, 20
_ALL_PAIRS, _ALL_TRIPLES = 6, 20

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
        others = list(gate.skills)
        if self.forbidden[others, skill].any():
            return False
        ready = self.ready[others, skill]
        return bool(ready.any(axis=0).all() if gate.any else ready.all())


def allowed_by(records: Records, form: Form, forbidden: np.ndarray,
               required: Sequence[Iterable[int]], most: int) -> Allowed:  # fmt: skip
    """Return what the levels (nodes) and prior knowledge permit under a gate form."""
    n = records.level.shape[2]
    ready = np.ones((n, n, records.runs), dtype=bool)
    if form.kind == "hard" or form.value <= _LATE:
        progress = (records.smooth - form.floor) / (1.0 - form.floor)
        known = records.weight > 0.0
        error = _SURELY * records.error / (1.0 - form.floor)
        begun = known & (progress > _BEGUN[form.kind] + error)
        least = _READY[form.kind]
        if form.kind == "hard":
            least = min(least, 0.9 * (form.value - form.floor) / (1.0 - form.floor))
        unready = known & (progress < least - error)
        clash = np.einsum("rki,rkj->jir", begun.astype(float), unready.astype(float))
        ready = clash == 0.0
    return Allowed(ready, forbidden, tuple(frozenset(r) for r in required), most)


@dataclass
class Scored:
    """Gates of one skill and their scores, best first."""

    gates: list[Requires]
    score: Floats

    def best(self, size: int, count: int) -> list[Requires]:
        """Return the `count` best gates that ask for `size` skills."""
        return [gate for gate in self.gates if len(gate.skills) == size][:count]


def _covering(skill: int, others: Sequence[int], allowed: Allowed) -> list[Requires]:
    """Return the gates asking for any of two skills neither of which is ready in every run.

    No search that extends gates of one skill finds them: those are not permitted.
    """
    ready = allowed.ready[:, skill]
    partly = [j for j in others if ready[j].any() and not ready[j].all()]
    return [
        Requires.of(two, True) for two in combinations(partly, 2) if ready[list(two)].any(0).all()
    ]


def search_gates(
    skill: int,
    others: Sequence[int],
    allowed: Allowed,
    score: Callable[[list[Requires]], Floats],
    *,
    wide: bool = False,
) -> Scored:
    """Score gates of one, two and three skills, the larger ones as extensions of the best.

    Parameters
    ----------
    skill, others
        The skill, and those that may be required.
    allowed
        What is permitted.
    score
        Gives the scores (gates,) of a list of gates; less is better.
    wide
        Whether to look at many more.
    """
    found: dict[Requires, float] = {}
    must = allowed.required[skill]
    base = Requires.of(tuple(must))

    def run(gates: Iterable[Requires]) -> None:
        new = [g for g in dict.fromkeys(gates) if g not in found and allowed.permits(skill, g)]
        for block in (new[at : at + _BLOCK] for at in range(0, len(new), _BLOCK)):
            found.update(zip(block, score(block).tolist(), strict=True))

    def best(size: int, count: int) -> list[Requires]:
        fitting = [gate for gate in found if len(gate.skills) == size]
        return sorted(fitting, key=found.__getitem__)[:count]

    def extended(gates: Iterable[Requires]) -> Iterable[Requires]:
        for gate in gates:
            for j in others:
                if j not in gate.skills:
                    if len(gate.skills) != 1 or not gate.any:
                        yield Requires.of((*gate.skills, j), gate.any)
                    if len(gate.skills) == 1:
                        yield Requires.of((*gate.skills, j), True)

    if not must <= set(others):
        return Scored([], np.zeros(0))  # what it needs is not in yet
    if must:
        run([base, Requires.of(base.skills, True)])
        for size in range(len(must), allowed.most):
            run(extended(best(size, _WIDE if wide else _BEST)))
    else:
        run([OPEN, *(Requires.of((j,)) for j in others)])
        singles = [gate.skills[0] for gate in best(1, len(others))]
        if allowed.most > 1:
            every = len(others) <= (_WIDE if wide else _ALL_PAIRS)
            heads = singles if every else singles[: _WIDE if wide else _BEST]
            run(extended(Requires.of((j,)) for j in heads))
            among = combinations(singles[: _WIDE if wide else _ALL_PAIRS], 2)
            run(Requires.of(two, any) for two in among for any in (False, True))
            run(_covering(skill, others, allowed))
        if allowed.most > 2:
            run(extended(best(2, _WIDE_PAIRS if wide else _BEST_PAIRS)))
            if wide:
                three_of = combinations(singles[:_ALL_TRIPLES], 3)
                run(Requires.of(three, any) for three in three_of for any in (False, True))
        for size in range(3, allowed.most):
            run(extended(best(size, 3)))
    order = sorted(found, key=found.__getitem__)
    return Scored(order, np.array([found[gate] for gate in order]))
