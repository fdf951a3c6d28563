"""How gates of a skill agree with a clock, where that is known."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Protocol

import numpy as np

from domino_sim.inference.forms import OPEN, Requires
from domino_sim.inference.onset import Onset, onset_of
from domino_sim.inference.proposals import Allowed, search_gates
from domino_sim.inference.rating import rated
from domino_sim.inference.structure import Structure
from domino_sim.levels import Floats

__all__ = ["EXPLAINED", "KNOWN", "Agreement", "Clock", "is_known"]

#: A skill is explained when it adds less than this for each node.
EXPLAINED = 1.25

#: log τ is known from a record when its standard error is below 1/√this.
KNOWN = 25.0

#: Standard deviations by which χ² may exceed its mean by chance.
_CHANCE = 4.0

#: Gates that agree best: at least so many, those within so much χ² of the best, at most so many.
_LEAST, _REACH, _MOST = 40, 60.0, 120


class Clock(Protocol):
    """A clock and how sharply it is known: of a structure, or with a new skill."""

    @property
    def tau(self) -> Floats: ...

    @property
    def precision(self) -> Floats: ...


def is_known(clock: Clock, frequency: Floats) -> np.ndarray:
    """Return where log(τ + 1/p) is known from records (`KNOWN`), (runs, nodes).

    1/p is the time of the fastest skill, by `frequency` (runs, n).
    """
    unit = 1.0 / frequency.max(axis=1)[:, None]
    return np.asarray(np.square(clock.tau + unit) * clock.precision > KNOWN)


class Agreement:
    """How skills that are not in yet agree with a clock of a structure.

    Parameters
    ----------
    structure
        Where the tracks are from.
    clock
        The clock: of the structure, or with one skill more.
    allowed, price
        Which gates are permitted, and what an edge must gain in χ².
    """

    def __init__(self, structure: Structure, clock: Clock, allowed: Allowed, price: float) -> None:
        self._structure, self._clock = structure, clock
        self._nodes, self._allowed, self._price = structure.records, allowed, price
        self._likely: dict[tuple[int, bool], list[Requires]] = {}

    @cached_property
    def known(self) -> np.ndarray:
        """Where the clock is known, (runs, nodes)."""
        return is_known(self._clock, self._structure.courses.frequency)

    def tested(self, skills: list[int]) -> Floats:
        """Return the part of their way that `skills` go under the known clock."""
        under_way = self._nodes.under_way[..., skills]
        seen = (under_way & self.known[..., None]).sum(axis=(0, 1))
        return seen / (under_way.sum(axis=(0, 1)) + 1.0)

    def tracks(self, skill: int, gates: list[Requires]) -> Floats:
        """Return the tracks that `gates` give to a skill."""
        courses = self._structure.courses
        return courses.track(skill, courses.open_time(gates, self._structure.tracks))

    def onset(self, skill: int) -> Onset | None:
        """Return the onset of a skill under soft gates, where the clock tells of it."""
        others = list(self._structure.gates)
        if self._structure.courses.form.kind == "hard" or not others:
            return None
        onset = onset_of(self._structure, skill, others, self._clock.tau, self.known)
        return onset if onset.known else None

    def likely(self, skill: int, *, wide: bool = False) -> list[Requires]:
        """Return the gates that agree best, the best first."""
        if (skill, wide) not in self._likely:
            self._likely[skill, wide] = self._search(skill, wide=wide)
        return self._likely[skill, wide]

    def _search(self, skill: int, *, wide: bool) -> list[Requires]:
        courses, others = self._structure.courses, list(self._structure.gates)

        def score(gates: list[Requires]) -> tuple[Floats, Floats]:
            tracks = self.tracks(skill, gates)
            return self.errors(skill, tracks), courses.opening(tracks)

        found = search_gates(
            skill, others, self._allowed, score, self._price, onset=self.onset(skill), wide=wide
        )
        near = int((found.score < found.score.min(initial=math.inf) + _REACH).sum())
        return found.gates[: max(_LEAST, min(_MOST, near))]

    def promising(self, skill: int, *, wide: bool) -> bool:
        """Whether some gate of `skill` agrees to within noise."""
        gates = self.likely(skill, wide=wide)
        seen = self._seen(skill)
        bearable = EXPLAINED * seen + _CHANCE * math.sqrt(2.0 * seen)
        errors = self.errors(skill, self.tracks(skill, gates)).sum(axis=1) if gates else np.inf
        return bool(np.min(errors) <= bearable)

    def ahead(self, skills: list[int]) -> list[int]:
        """Return those of `skills` that surely go further than an open gate lets them.

        The furthest first. No gate explains them: what tells this clock must itself wait.
        """
        far = {}
        for skill in skills:
            off, _ = self._off(skill, self.tracks(skill, [OPEN]))
            early, seen = float(np.square(np.maximum(off, 0.0)).sum()), self._seen(skill)
            if early > EXPLAINED * seen + _CHANCE * math.sqrt(2.0 * seen):
                far[skill] = early
        return sorted(far, key=far.__getitem__, reverse=True)

    def errors(self, skill: int, tracks: Floats) -> Floats:
        """Return χ² of each run with each of the tracks, (tracks, runs)."""
        off, owed = self._off(skill, tracks)
        return np.square(off).sum(axis=2) + owed

    def _seen(self, skill: int) -> float:
        """Return at how many nodes the clock is known and the skill has a level."""
        return float((self.known & (self._nodes.weight[..., skill] > 0.0)).sum())

    def _off(self, skill: int, tracks: Floats) -> tuple[Floats, Floats]:
        """Return by how much levels are above each of the tracks, and what frequencies cost.

        In units of the noise and of how far the others let the clock move, (tracks, runs, nodes);
        and (tracks, runs).
        """
        courses, clock = self._structure.courses, self._clock
        tracks, pace, owed = rated(self._structure, skill, tracks, clock.tau, self.known)
        weight = np.where(self.known, self._nodes.weight[..., skill], 0.0)
        found, slope = courses.levels(skill, tracks, clock.tau, courses.place(clock.tau), pace)
        loose = 1.0 + np.square(slope) * weight / (clock.precision + 1e-9)
        return (self._nodes.level[..., skill] - found) * np.sqrt(weight / loose), owed
