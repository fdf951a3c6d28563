"""Gates that speak against themselves in a few runs only, whose clock may be what is wrong there.

Given the gates, no run knows of another: each has a clock of its own. A clock that was found with
a wrong gate fits that gate, and all that was put in later; the right gate is then far off in that
run, though in all others it is as good or the same. To first order it never comes back. So every
gate that only a few runs speak against is tried with the clock of those runs looked for anew, and
what fits worse then may have another gate that the other runs leave open.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from domino_sim.inference.answering import answers
from domino_sim.inference.forms import Requires
from domino_sim.inference.pairing import Change, Gates
from domino_sim.inference.proposals import Allowed, search_gates
from domino_sim.inference.reconsidering import neighbours
from domino_sim.inference.records import Records
from domino_sim.inference.residuals import Residuals, polished
from domino_sim.inference.response import Response
from domino_sim.inference.seeking import sought_with
from domino_sim.inference.structure import Structure
from domino_sim.levels import Floats

__all__ = ["applies", "elsewhere"]

#: A run speaks against a gate by more than this (χ²); so great a part of all runs may, or so many.
_AGAINST, _PART, _FEW = 6.0, 0.25, 2.0

#: What a run has against a gate counts no more than this (χ²) where gates are looked for that all
#: but a few runs are for. So many of a skill are tried; the first though more runs are against.
_CAP, _BEST, _FIRST, _OF_FIRST = 30.0, 30, 4, 0.5

#: What the other runs may have against a gate all together (χ², with the price of edges).
_OPEN = 14.0

#: A gate that moves χ² of a run by less than this says the same there.
_SAME = 1.0

#: A skill fits worse by this (χ²) at the new clock; so many may be given other gates.
_WORSE, _FEW_WORSE, _ROUNDS = 6.0, 3, 3

#: Other gates of each that are tried: those that fit best at the clock before.
_KEPT = 3

#: Clocks that are looked for at once, and Newton's steps of each; one that gains less is the last.
_AT_ONCE, _STEPS, _CLOSE = 16, 8, 0.05


class _Other(NamedTuple):
    """Another gate of a skill: what each run has against it (runs,), and what more edges cost."""

    skill: int
    gate: Requires
    cost: Floats
    owed: float

    @property
    def change(self) -> Gates:
        """The skill with its gate."""
        return ((self.skill, self.gate),)

    def beside(self, run: int) -> float:
        """Return what it costs without one run."""
        return float(self.cost.sum() - self.cost[run]) + self.owed


def applies(structure: Structure) -> bool:
    """Whether runs can be judged one by one: there are several, and frequencies are no matter.

    Where soft gates and frequencies are fitted a gate changes what frequency goes with it.
    """
    return structure.records.runs > 1 and not answers(structure)


def elsewhere(
    structure: Structure, allowed: Allowed, price: float, until: float = math.inf
) -> list[Change]:
    """Return changes of gates with the clock of the runs that speak against them sought anew.

    The best first; what they cost is reckoned run by run, frequencies that are fitted and what
    pieces of runs go on from held.

    Parameters
    ----------
    structure
        One that `applies`.
    allowed, price
        What is permitted, and what an edge must gain.
    until
        When to stop, by `time.monotonic`.
    """
    others = _others(structure, allowed, price, until)
    changes = [Change(float(one.cost.sum()) + one.owed, one.change) for one in others]
    for run in range(structure.records.runs):
        if time.monotonic() > until:
            break
        some = [k for k, one in enumerate(others) if one.cost[run] > _AGAINST]
        open_: dict[int, list[_Other]] = {}
        for one in others:
            if one.beside(run) < _OPEN and abs(one.cost[run]) > _SAME:
                open_.setdefault(one.skill, []).append(one)
        found = _in_run(structure, run, [others[k] for k in some], open_)
        for k, (cost, way) in zip(some, found, strict=True):
            more = cost - float(others[k].cost[run])
            changes[k] = _both(changes[k], more, way.gates, run, way.structure.tau[0])
    return sorted((one for one in changes if one.clock), key=lambda one: one.cost)


def _both(change: Change, more: float, gates: Gates, run: int, tau: Floats) -> Change:
    """Return a change with the clock of another run, and what was changed for that."""
    both = dict(gates) | dict(change.gates)
    return Change(change.cost + more, tuple(both.items()), {**change.clock, run: tau})


def _others(
    structure: Structure, allowed: Allowed, price: float, until: float
) -> list[_Other]:
    """Return other gates that no more than some runs speak against, each effect once."""
    response, found = Response(structure), list[_Other]()
    base = response.error(np.zeros((3, *structure.tau.shape)))
    for skill, here in structure.gates.items():
        cut = structure.descendants(skill)
        gates = _near(structure, response, base, skill, cut, allowed, price)
        if time.monotonic() > until:
            break
        costs = response.errors(skill, list(gates)) - base
        seen = set[tuple[float, ...]]()
        for (gate, most), cost in zip(gates.items(), costs, strict=True):
            if (cost > _AGAINST).sum() > most:
                continue
            if len(cut) > 1:
                cost = response.error(response.followed(skill, gate)) - base
            effect = tuple(np.round(cost, 1).tolist())
            if effect in seen or np.abs(cost).max() < _SAME or (cost > _AGAINST).sum() > most:
                continue
            seen.add(effect)
            owed = price * (len(gate.skills) - len(here.skills))
            found.append(_Other(skill, gate, cost, owed))
    return found


def _near(
    structure: Structure, response: Response, base: Floats, skill: int, cut: set[int],
    allowed: Allowed, price: float,
) -> dict[Requires, float]:  # fmt: skip
    """Return gates that might be, and how many runs may speak against each.

    Those that differ from the present one by a prerequisite, and those that fit best but for what
    some runs have against them. Those that ask for the fewest skills first.
    """
    courses, here, runs = structure.courses, structure.gates[skill], structure.records.runs
    inside = [j for j in structure.gates if j not in cut]

    def score(gates: list[Requires]) -> tuple[Floats, Floats]:
        tracks = courses.track(skill, courses.open_time(gates, structure.tracks))
        cost = response.errors(skill, gates, tracks) - base
        return np.minimum(cost, _CAP), courses.opening(tracks)

    near = [gate for gate in neighbours(here, inside) if allowed.permits(skill, gate)]
    best = search_gates(skill, inside, allowed, score, price).gates[:_BEST]
    most = dict.fromkeys((*near, *best), min(max(_FEW, _PART * runs), runs - 1.0))
    most |= dict.fromkeys(best[:_FIRST], min(max(_FEW + 1.0, _OF_FIRST * runs), runs - 1.0))
    most.pop(here, None)
    return dict(sorted(most.items(), key=lambda one: len(one[0].skills)))


class _Way(NamedTuple):
    """Gates of one run that were changed; all but the first may cost something in others."""

    structure: Structure
    owed: float = 0.0
    gates: Gates = ()

    def then(self, other: _Other, owed: float) -> _Way:
        """Return it with another gate."""
        structure = self.structure.copy()
        structure.change(other.skill, other.gate)
        return _Way(structure, self.owed + owed, (*self.gates, *other.change))


def _in_run(
    structure: Structure, run: int, some: list[_Other], open_: Mapping[int, list[_Other]]
) -> list[tuple[float, _Way]]:
    """Return what gates cost in a run, its clock sought anew, and what was changed beside them.

    A skill that fits worse then, or what it needs, is given the other gates that the other runs
    leave open, each with the clock sought anew again: two skills that are wrong in the same way
    hold the clock to it, however it is sought with one of them right.
    """
    here = _alone(structure, run)
    before = here.misfits()
    now, seen = sum(before.values()), set[frozenset[tuple[int, Requires]]]()
    best: dict[int, tuple[float, _Way]] = {}
    ways = [(k, _Way(here).then(one, 0.0)) for k, one in enumerate(some)]
    for _ in range(_ROUNDS):
        last: dict[int, tuple[float, _Way]] = {}
        for at in range(0, len(ways), _AT_ONCE):
            block = ways[at : at + _AT_ONCE]
            _seek(here, [way for _, way in block])
            for k, way in block:
                cost = way.structure.error - now + way.owed
                if k not in last or cost < last[k][0]:
                    last[k] = cost, way
        ways = []
        for k, (cost, way) in last.items():
            if k not in best or cost < best[k][0]:
                best[k] = cost, way
            for other in _mended(way, before, open_, run) if cost > 0.0 else ():
                if (graph := frozenset(other.gates)) not in seen:
                    seen.add(graph)
                    ways.append((k, other))
    return [best[k] for k in range(len(some))]


def _alone(structure: Structure, run: int, times: int = 1) -> Structure:
    """Return the structure of one run, several times."""
    rows, records = np.full(times, run), structure.records
    floor = records.floor if isinstance(records.floor, float) else records.floor[rows]
    alone = Records(records.level[rows], records.weight[rows], floor)
    other = Structure(structure.courses.of_runs(rows), alone)
    other.gates = dict(structure.gates)
    other.tracks = {i: track[rows] for i, track in structure.tracks.items()}
    other.tau = structure.tau[rows]
    return other


def _seek(here: Structure, ways: list[_Way]) -> None:
    """Look for the clock of a run anew for each structure of it."""
    records, all_ = here.records, _alone(here, 0, len(ways))
    changed = [
        {i: t for i, t in way.structure.tracks.items() if t is not here.tracks[i]} for way in ways
    ]
    tau = sought_with(here.courses, here.tracks, changed, records.level, records.weight).tau
    tracks = {i: np.concatenate([way.structure.tracks[i] for way in ways]) for i in here.gates}
    residuals = Residuals(all_.courses, all_.records, tracks)
    found = polished(residuals, tau, _STEPS, _CLOSE * len(tau))
    for way, row, error in zip(ways, found.tau, found.error.tolist(), strict=True):
        way.structure.tau, way.structure.error = row[None], error


def _mended(
    way: _Way, before: Mapping[int, float], open_: Mapping[int, list[_Other]], run: int
) -> list[_Way]:
    """Return it with one of the few skills that fit worse, or of what they need, changed."""
    structure = way.structure
    now = structure.misfits()
    worse = [i for i, error in now.items() if error > before[i] + _WORSE]
    if not 0 < len(worse) <= _FEW_WORSE:
        return []
    may = {j for i in worse for j in (i, *structure.gates[i].skills)} - {i for i, _ in way.gates}
    found = list[_Way]()
    for j in sorted(may):
        cut = structure.descendants(j)
        others = [one for one in open_.get(j, ()) if not cut & set(one.gate.skills)]
        ways = [way.then(one, one.beside(run)) for one in others]
        if len(ways) > _KEPT:
            ways.sort(key=lambda one: sum(one.structure.misfits().values()))
        found += ways[:_KEPT]
    return found
