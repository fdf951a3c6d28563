"""Gate forms, and where skills are in the resource clock under them.

In the resource clock a skill's work grows at dw/dτ = c p (``docs/theory.md``), so its whole course
is its frequency times the time its gate has been open, ∫ c dτ. Under hard gates that is a straight
line from an instant, the *opening* (with another, flat one before it if gates leak); under soft
gates it is a curve, kept on a grid of τ. Either is called a *track*. Nothing here knows the pool
law or the training step.

Shapes: a track of one skill is (runs,) hard or (runs, points) soft; leading axes stack skills or
hypotheses. τ is (runs, records), or with a leading axis for every hypothesis.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np

from domino_sim.frequencies.paths import level_and_slope
from domino_sim.inference.gates import OPEN, Requires, hard_open_times, soft_open_times
from domino_sim.inference.places import Place, place_on
from domino_sim.levels import Floats, Ints, Loss, log_unlearned, work_from_level

__all__ = ["OPEN", "Courses", "Follows", "Form", "Requires", "trained"]

#: Which runs: all of them, or rows.
Runs = slice | Ints

#: Less than this part of a run's largest frequency stands for none, where it is known.
_UNTRAINED = 1e-6

#: Points of a soft track, evenly spaced in log τ.
_POINTS = 500

#: Work at about half of the way.
_HALF = 0.7

#: The grid of τ goes from this part of the fastest skill's time 1/p to so many of the slowest's.
_FIRST, _LAST = 0.05, {"mse": 2400.0, "ce": 1e5}


class Follows(NamedTuple):
    """Runs that go on from others: `run` (runs,) from which, −1 of others; `cut` at which step."""

    run: Ints
    cut: Floats


@dataclass(frozen=True)
class Form:
    """How gates open.

    Attributes
    ----------
    kind
        ``hard``: when the prerequisites are at the level `value`. ``soft``: 1 − u^`value` of each,
        multiplied (all) or the largest (any).
    value
        The mastery level, or the exponent.
    loss
        ``mse`` (exponential growth) or ``ce`` (logistic).
    leak
        How far a closed gate lets a skill learn, 0 ≤ λ < 1: c = λ + (1 − λ) gate.
    """

    kind: Literal["hard", "soft"]
    value: float
    loss: Loss = "mse"
    leak: float = 0.0

    @property
    def floor(self) -> float:
        """Level of an unlearned skill."""
        return 0.0 if self.loss == "mse" else 0.5

    @cached_property
    def start(self) -> float:
        """Work at which an unlearned skill starts."""
        return float(work_from_level(self.floor, self.loss))

    @cached_property
    def mastery(self) -> float:
        """Work to do until a hard gate counts a skill as learned."""
        return float(work_from_level(self.value, self.loss)) - self.start

    def __str__(self) -> str:
        # Two digits: of a mastery, of what is left to it.
        if self.kind == "hard":
            value = f"mastery {1.0 - float(f'{1.0 - self.value:.2g}'):.12g}"
        else:
            value = f"exponent {self.value:.2g}"
        leak = f", leak {self.leak:.2g}" if self.leak else ""
        return f"{self.kind} gates, {value}{leak}, {self.loss}"


class Courses:
    """Tracks of skills under one gate form.

    Parameters
    ----------
    form
        The gate form.
    frequency : (runs, n) array
        Frequencies, > 0.
    before : (runs, n) array, optional
        Levels at which skills start, where they were trained before.
    free : (runs, n) array of bool, optional
        Frequencies that are not known, and fitted.
    follows
        Which runs go on from others.
    ties : (runs, n, n) array, optional
        How the frequencies that are not known are tied to each other before any graph.
    mixture : (runs,) array, optional
        The number of the mixture of each run: those of one number share frequencies.

    Attributes
    ----------
    trained : (runs, n) array of bool
        What each run trains. No fit changes that, however far frequencies that are fitted go.
    """

    def __init__(
        self, form: Form, frequency: Floats, before: Floats | None = None,
        free: np.ndarray | None = None, follows: Follows | None = None,
        ties: Floats | None = None, mixture: Ints | None = None,
    ) -> None:  # fmt: skip
        self.form, self.frequency, self.before = form, frequency, before
        self.free, self.follows = free, follows
        self.first, self.ties, self.mixture = frequency, ties, mixture
        self.trained = trained(frequency, free)
        self._paces = self._paces_of(frequency)
        self._kept: dict[int, tuple[Floats, Floats]] = {}
        self.done = np.zeros(frequency.shape)
        if before is not None:
            done = work_from_level(np.maximum(before, form.floor), form.loss) - form.start
            self.done = np.maximum(done, 0.0)
        self.runs, self.skills = frequency.shape
        self._run = np.arange(self.runs)[:, None]
        self.grid = self._width = np.zeros((self.runs, 0))
        if form.kind == "soft":
            first, last = _FIRST / frequency.max(axis=1), _LAST[form.loss] / frequency.min(axis=1)
            rising = np.geomspace(first, last, _POINTS - 1, axis=1)
            self.grid = np.concatenate([np.zeros((self.runs, 1)), rising], axis=1)
            self._width = np.diff(self.grid, axis=1)

    def with_frequency(self, frequency: Floats) -> Courses:
        """Return the same courses with other frequencies, tracks on the same grid."""
        other = copy(self)
        other.frequency, other._paces = frequency, self._paces_of(frequency)
        return other

    def with_done(self, done: Floats) -> Courses:
        """Return the same courses with other works (runs, n) at the start of runs."""
        other = copy(self)
        other.done, other._kept = done, {}
        return other

    def of_runs(self, runs: Ints) -> Courses:
        """Return the courses of some runs, or of one several times, each on its own."""
        other = copy(self)
        other._kept = {}
        other.runs, other._run = len(runs), np.arange(len(runs))[:, None]
        for name in ("frequency", "first", "trained", "done", "grid", "_paces", "_width"):
            setattr(other, name, getattr(self, name)[runs])
        other.before = other.free = other.follows = other.ties = other.mixture = None
        return other

    def under_form(self, form: Form) -> Courses:
        """Return the same courses under another gate form."""
        other = Courses(
            form, self.frequency, self.before, self.free, self.follows, self.ties, self.mixture
        )
        other.first, other.trained = self.first, self.trained
        return other.with_frequency(self.frequency).with_done(self.done)

    def open_time(self, gates: Sequence[Requires], tracks: Mapping[int, Floats]) -> Floats:
        """Return openings (gates, runs), or ∫ c dτ (gates, runs, points), given all tracks."""
        needed = sorted({j for gate in gates for j in gate.skills})
        if self.form.kind == "hard":
            done = [self.mastered(j, tracks[j]) for j in needed]
            return hard_open_times(gates, needed, done, self.runs)
        opened = [self._opened(j, tracks[j]) for j in needed]
        return soft_open_times(gates, needed, opened, self._width, self.form.leak)

    def _opened(self, skill: int, track: Floats) -> Floats:
        """Return how far a skill opens soft gates on the grid, (runs, points).

        Kept while the track is the same: gates are tried by the hundred with the same tracks.
        """
        kept = self._kept.get(skill)
        if kept is None or kept[0] is not track:
            kept = self._kept[skill] = track, self.opened(track + self.done[:, skill, None])
        return kept[1]

    def opened(self, work: Floats) -> Floats:
        """Return how far skills that have done `work` open soft gates, 1 − u^exponent."""
        if self.form.loss == "mse":
            return -np.expm1(-self.form.value * work)
        return -np.expm1(self.form.value * log_unlearned(work + self.form.start, "ce"))

    def opening(self, track: Floats) -> Floats:
        """Return when tracks of one skill have opened: an order of them in each run, (…, runs)."""
        if self.form.kind == "hard":
            return track
        # The point of the grid at which half of the way is done; those not done by its end last.
        passed = (track < _HALF).sum(axis=-1).astype(float)
        return passed - np.minimum(track[..., -1], _HALF)

    def mastered(self, skill: int, track: Floats) -> Floats:
        """Return when a hard gate counts a skill as learned, (runs,); 0 if it is at the start."""
        left = np.maximum(self.form.mastery - self.done[:, skill], 0.0)
        return np.where(left > 0.0, self._until(track, left / self.frequency[:, skill]), 0.0)

    def _until(self, opening: Floats, time: Floats) -> Floats:
        """Return when a hard gate that opens at `opening` has been open for `time`."""
        leak = self.form.leak
        if not leak:
            return opening + time
        leaked = leak * opening
        return np.where(time <= leaked, time / leak, opening + (time - leaked))

    def open_until(self, opening: Floats, tau: Floats) -> Floats:
        """Return how long, ∫ c dτ, a hard gate that opens at `opening` has been open at `tau`."""
        time = np.maximum(tau - opening, 0.0)
        if self.form.leak:
            time += self.form.leak * np.minimum(tau, opening)
        return time

    def track(self, skill: int, open_time: Floats) -> Floats:
        """Return the track of `skill` with its gate open as long as `open_time`."""
        if self.form.kind == "hard":
            return open_time
        return open_time * self.frequency[:, skill, None]

    def place(self, tau: Floats, runs: Runs = slice(None)) -> Place | None:
        """Find `tau` (…, runs, records) on the grid; None where there is none (hard gates)."""
        return None if self.form.kind == "hard" else place_on(self.grid[runs], tau)

    def levels(
        self, skill: int | Sequence[int], track: Floats, tau: Floats, place: Place | None,
        pace: Floats | None = None, runs: Runs = slice(None),
    ) -> tuple[Floats, Floats]:  # fmt: skip
        """Return levels and ds/dτ at `tau`.

        Parameters
        ----------
        skill
            One skill, whose tracks may be stacked; or as many as there are tracks.
        track : (…, runs) or (…, runs, points) array
            Their tracks.
        tau : (…, runs, records) array
            The clock; with leading axes those of `track`, or without them.
        place
            Where `tau` is on the grid.
        pace : (…, runs) array, optional
            Frequencies of each track instead of those of the skill, under hard gates.
        runs
            Those that are asked for, if not all; `tau` and `place` are of them alone.
        """
        if place is None:
            p = self._paces[:, skill].T if pace is None else pace
            p = p[..., runs, None]
            opening = track[..., runs, None]
            work = self.open_until(opening, tau)
            work *= p
            work += self._start(skill, runs)
            level, slope = level_and_slope(work, self.form.loss)
            slope *= np.where(tau > opening, p, self.form.leak * p)
            return level, slope
        index, part, width = place
        if index.ndim == 2 or track.ndim == 2:
            # Much faster than by two indices.
            flat = track.reshape(*track.shape[:-2], -1)
            at = index + self._run[runs] * track.shape[-1]
            low, high = flat.take(at, axis=-1), flat.take(at + 1, axis=-1)
        else:
            track = track[..., runs, :]
            low = np.take_along_axis(track, index, axis=-1)
            high = np.take_along_axis(track, index + 1, axis=-1)
        rise = np.subtract(high, low, out=high)
        low += rise * part
        low += self._start(skill, runs)
        level, slope = level_and_slope(low, self.form.loss)
        slope *= rise
        slope /= width
        return level, slope

    def _paces_of(self, frequency: Floats) -> Floats:
        # A clock could else go on until a skill that is not trained mends where it started.
        return np.where(self.trained, frequency, 0.0)

    def _start(self, skill: int | Sequence[int], runs: Runs) -> Floats:
        """Return the work at which a skill starts (runs, 1), or skills (k, runs, 1)."""
        return self.done[:, skill].T[..., runs, None] + self.form.start

    def inverse(
        self, skill: int, track: Floats, work: Floats, pace: Floats | None = None
    ) -> Floats:
        """Return the clock at which `skill` has done `work` (runs, records), for every track."""
        work = np.maximum(work - self.done[:, skill, None], 0.0)
        if self.form.kind == "hard":
            p = self.frequency[:, skill] if pace is None else pace
            return self._until(track[..., None], work / p[..., None])
        at = np.empty((len(track), *work.shape))
        for row, rising in zip(at, track, strict=True):
            for r in range(self.runs):
                row[r] = np.interp(work[r], rising[r], self.grid[r])
        return at


def trained(frequency: Floats, free: np.ndarray | None = None) -> np.ndarray:
    """Return which skills a run trains, (runs, n): those `free`, and where none is not meant."""
    told = frequency > _UNTRAINED * frequency.max(axis=1, keepdims=True)
    return np.asarray(told if free is None else told | free)
