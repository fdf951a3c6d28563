"""A skill graph with its tracks and the clock of every run: one hypothesis about everything."""

from __future__ import annotations

import numpy as np

from domino_sim.inference.forms import Courses, Requires
from domino_sim.inference.records import Records
from domino_sim.inference.residuals import Residuals, polished
from domino_sim.inference.seeking import sought
from domino_sim.levels import Floats

__all__ = ["Structure"]


class Structure:
    """Gates of some of the skills, their tracks, and the clock τ (runs, records).

    The clock is the one of least squared error among rising sequences. Where frequencies are not
    known they are fitted, too (`rates`), and where runs go on from others how far the clock went
    between (`slack`).

    Attributes
    ----------
    gates
        Of each skill that is in, by index.
    tracks
        Of each skill that is in.
    tau : (runs, records) array
        The clock.
    precision : (runs, records) array
        How sharply a record fixes its τ: Σ (ds/dτ/σ)² over skills that are under way. One that is
        learned says only that it is late.
    error
        Squared error in units of the noise, χ².
    penalty
        What frequencies that are fitted cost beside (:mod:`domino_sim.inference.rates`).
    slack : (runs,) array
        Of a piece that follows another one, how far the clock of that one has gone on after its
        last record (:mod:`domino_sim.inference.links`).
    """

    def __init__(self, courses: Courses, records: Records) -> None:
        self.courses, self.records = courses, records
        self.gates: dict[int, Requires] = {}
        self.tracks: dict[int, Floats] = {}
        self.tau = np.zeros(records.level.shape[:2])
        self.precision = np.zeros(records.level.shape[:2])
        self.error = self.penalty = 0.0
        self.slack = np.zeros(courses.runs)

    def copy(self) -> Structure:
        """Return a copy, to be changed on its own."""
        other = Structure.__new__(Structure)
        other.__dict__.update(self.__dict__)
        other.gates, other.tracks = dict(self.gates), dict(self.tracks)
        return other

    def on(self, records: Records) -> Structure:
        """Return the same graph on other records of the runs, its clock looked for anew."""
        other = Structure(self.courses, records)
        other.gates, other.tracks = dict(self.gates), dict(self.tracks)
        other.slack = self.slack
        other.seek()
        return other

    def without(self, skills: set[int]) -> Structure:
        """Return the structure without `skills` and all that depend on them."""
        cut = set[int]().union(*(self.descendants(skill) for skill in skills))
        other = self.copy()
        for skill in cut:
            del other.gates[skill], other.tracks[skill]
        if other.gates:
            other.seek()
            other.polish(12)
        else:
            other = Structure(self.courses, self.records)
        return other

    def under(self, courses: Courses) -> Structure:
        """Return the same graph and clock under other courses."""
        other = Structure(courses, self.records)
        other.gates, other.tau, other.penalty = dict(self.gates), self.tau, self.penalty
        other.slack = self.slack
        other.follow(set(other.gates))
        return other

    @property
    def edges(self) -> int:
        """Number of prerequisites of all gates."""
        return sum(len(gate.skills) for gate in self.gates.values())

    def cost(self, price: float) -> float:
        """Return χ², what frequencies that are fitted cost, and the price of the edges."""
        return self.error + self.penalty + price * self.edges

    def descendants(self, skill: int) -> set[int]:
        """Return `skill` and all that depend on it."""
        found, new = {skill}, {skill}
        while new:
            new = {
                i for i, gate in self.gates.items() if i not in found and new & set(gate.skills)
            }
            found |= new
        return found

    def add(
        self, skill: int, gate: Requires, track: Floats, pace: Floats | None = None
    ) -> None:
        """Put in a skill whose track is known, and with it its frequency if that is fitted.

        Under hard gates a track does not tell that: it is `pace`, if not as it was.
        """
        courses = self.courses
        if pace is not None:
            frequency = courses.frequency.copy()
            frequency[:, skill] = pace
            self.courses = courses.with_frequency(frequency)
        elif courses.free is not None and courses.form.kind == "soft":
            frequency = courses.frequency.copy()
            frequency[:, skill] = track[:, -1] / courses.open_time([gate], self.tracks)[0][:, -1]
            self.courses = courses.with_frequency(frequency)
        self.gates[skill], self.tracks[skill] = gate, track

    def change(self, skill: int, gate: Requires) -> None:
        """Give a skill another gate; it and its descendants get other tracks."""
        self.gates[skill] = gate
        self.follow(self.descendants(skill))

    def follow(self, left: set[int]) -> None:
        """Find the tracks of the skills `left` again, prerequisites first."""
        while left:
            ready = [i for i in sorted(left) if not left & set(self.gates[i].skills)]
            for i in ready:
                self.tracks[i] = self.track_of(i, self.gates[i])
            left.difference_update(ready)

    def track_of(self, skill: int, gate: Requires) -> Floats:
        """Return the track that `gate` gives to a skill."""
        return self.courses.track(skill, self.courses.open_time([gate], self.tracks)[0])

    def residuals(self, tau: Floats) -> tuple[Floats, Floats]:
        """Return residuals and slopes by τ in units of the noise, (skills in, runs, records)."""
        return self._residuals().at(tau)

    def _residuals(self) -> Residuals:
        return Residuals(self.courses, self.records, {i: self.tracks[i] for i in self.gates})

    def misfits(self) -> dict[int, float]:
        """Return χ² of every skill that is in."""
        residual, _ = self.residuals(self.tau)
        each = np.einsum("irk,irk->i", residual, residual).tolist()
        return dict(zip(self.gates, each, strict=True))

    def polish(self, steps: int = 6, close: float = 0.05) -> float:
        """Improve the clock by Newton's steps (`polished`); return χ².

        Ends when a step gains less than `close`.
        """
        self.tau, _, slope, error = polished(self._residuals(), self.tau, steps, close)
        self.error = float(error.sum())
        under_way = np.moveaxis(self.records.under_way[..., list(self.gates)], -1, 0)
        self.precision = np.einsum("irk,irk->rk", slope * under_way, slope)
        return self.error

    def seek(self) -> float:
        """Find the best clock on a grid, wherever it was (`sought`); return χ² (of the grid)."""
        self.tau, error = sought(self.courses, self.tracks, self.records.level, self.records.weight)
        self.error = float(error.sum())
        return self.error
