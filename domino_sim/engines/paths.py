"""How far every skill is at resource-clock time τ: the part of a run no pool law touches.

Two paths with one interface. Where gates are hard the work is piecewise linear in τ and the whole
run is a critical path (`HardPath`); where they are soft it is one quadrature a skill, in
topological order, on rows of Chebyshev points (`SoftPath`).

Shapes: skills are axis 0, runs ("sets" of parameters on one graph) axis 1. `Rows` are intervals
of some run's clock; arrays on them are (skills, rows, points).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from domino_sim.engines import chebyshev
from domino_sim.engines.circuit import (
    Circuit,
    kth_smallest,
    product_of_largest,
)
from domino_sim.errors import RunError
from domino_sim.levels import Floats, Ints, Loss, log_unlearned

#: Error of a row's work, relative to 1 + work, above which the row is split.
WORK_TOLERANCE = 1e-11

#: Frequency times clock up to which a ten-thousandth of a skill's own time can be told apart.
MOST_RESOLVED = 1e-4 / float(np.finfo(float).eps)


@dataclass(frozen=True, slots=True)
class Rows:
    """Intervals [start, end] of the clocks of runs `sets`, sorted by run and start."""

    sets: Ints
    start: Floats
    end: Floats

    @property
    def half(self) -> Floats:
        """Half the length, shape (rows, 1)."""
        return 0.5 * (self.end - self.start)[:, None]

    @property
    def tau(self) -> Floats:
        """τ at the points, shape (rows, points)."""
        middle = 0.5 * (self.end + self.start)[:, None]
        return middle + self.half * chebyshev.POINTS

    def split(self, which: np.ndarray) -> Rows:
        """Return the rows with those of `which` halved."""
        middle = 0.5 * (self.start + self.end)
        repeat = np.where(which, 2, 1)
        sets = np.repeat(self.sets, repeat)
        start, end = np.repeat(self.start, repeat), np.repeat(self.end, repeat)
        first = np.cumsum(repeat) - repeat
        end[first[which]] = middle[which]
        start[first[which] + 1] = middle[which]
        return Rows(sets, start, end)

    def keep(self, which: np.ndarray) -> Rows:
        """Return only the rows of `which`."""
        return Rows(self.sets[which], self.start[which], self.end[which])


@dataclass(frozen=True)
class Skills:
    """What a path needs to know of the skills while nothing is changed from outside.

    Attributes
    ----------
    work : (skills, runs) array
        Work at τ = 0.
    speed : (skills, runs) array
        dw/dτ with the gate fully open: the frequency, or 0 for a skill that may not learn.
    mastered : (skills,) array of bool, or None
        Skills whose mastery has been seen already (their rounded work may be a hair below).
    target
        Work at mastery.
    """

    circuit: Circuit
    work: Floats
    speed: Floats
    target: float
    leak: float
    loss: Loss
    mastered: np.ndarray | None = None


def check_resolution(speed: Floats | float, tau: Floats | float) -> None:
    """Refuse a skill whose own time 1/`speed` double precision cannot tell apart at clock `tau`."""
    with np.errstate(over="ignore", invalid="ignore"):
        late = np.where(np.isfinite(tau), np.multiply(speed, tau), 0.0)
    if np.max(late, initial=0.0) > MOST_RESOLVED:
        k = np.argmax(late)
        raise RunError(
            f"a skill of frequency {np.ravel(speed)[k]:.3g} opens when the resource clock is at "
            f"{np.ravel(tau)[k]:.3g}: too far apart for double precision; make the frequencies "
            "less unequal, or use engine 'euler'"
        )


class HardPath:
    """Hard gates: work is linear between openings, and openings are a critical path.

    Attributes
    ----------
    opened, mastered : (skills, runs) arrays
        τ of opening and of mastery, inf for never.
    """

    def __init__(self, skills: Skills) -> None:
        self.skills = skills
        self.free = skills.circuit.free
        runs = skills.work.shape[1]
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            if self.free:
                self.mastered = self._mastery(slice(None), None)
                self.opened = np.zeros_like(self.mastered)
            else:
                times = skills.circuit.sweep((runs,), self._mastery, kth_smallest)
                self.mastered = times[: skills.circuit.n_skills]
                self.opened = skills.circuit.gate_values(times, ungated=0.0)
                check_resolution(skills.speed, self.opened)

    def _mastery(self, ids: Ints | slice, opened: Floats | None) -> Floats:
        """Instant of mastery from the instant of opening."""
        s = self.skills
        missing = s.target - s.work[ids]
        if s.mastered is not None:
            missing = np.where(s.mastered[ids][:, None], 0.0, missing)
        return np.where(missing <= 0.0, 0.0, self._passed(missing, s.speed[ids], opened))

    def reach(self, skill: int, work: float) -> float:
        """Clock at which `skill` of the first run has `work`; inf for never."""
        s = self.skills
        missing = np.array([work - s.work[skill, 0]])
        opened = None if self.free else self.opened[skill, :1]
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            return float(self._passed(missing, s.speed[skill, :1], opened)[0])

    def _passed(self, missing: Floats, speed: Floats, opened: Floats | None) -> Floats:
        """When `missing` work is done, given when gates open (design: leak λ before, 1 after)."""
        alone = np.where(speed > 0.0, missing / speed, np.inf)
        if opened is None:
            return alone
        leak = self.skills.leak
        if not leak:
            return opened + alone
        leaked = leak * opened
        after = opened + (alone - np.where(np.isfinite(leaked), leaked, 0.0))
        return np.where(alone <= leaked, alone / leak, after)

    def breaks(self) -> Floats:
        """Instants at which some gate opens, (runs, k) sorted, inf where a run has fewer."""
        if self.free:
            return np.zeros((self.skills.work.shape[1], 1))
        distinct = np.where(self.skills.speed > 0.0, self.opened, np.inf)
        return np.sort(np.concatenate([np.zeros((1, distinct.shape[1])), distinct]), axis=0).T

    def work(self, tau: Floats, sets: Ints | slice) -> Floats:
        """Work at `tau` (rows, k) of runs `sets` (rows,); shape (skills, rows, k)."""
        s = self.skills
        speed = s.speed[:, sets, None]
        if self.free:
            work = speed * tau
        else:
            work = tau - self.opened[:, sets, None]
            np.maximum(work, 0.0, out=work)
            if s.leak:
                work *= 1.0 - s.leak
                work += s.leak * tau
            work *= speed
        work += s.work[:, sets, None]
        return work

    def decayed(self, tau: Floats, sets: Ints | slice) -> Floats:
        """Return e^(−(work − work at 0)) at `tau` (rows, k), runs first: (rows, skills, k)."""
        s = self.skills
        exponent = np.empty((len(tau), len(s.speed), tau.shape[1]))
        slope = -s.speed.T[sets, :, None]
        if self.free:
            np.multiply(slope, tau[:, None, :], out=exponent)
        else:
            np.subtract(tau[:, None, :], self.opened.T[sets, :, None], out=exponent)
            np.maximum(exponent, 0.0, out=exponent)
            if s.leak:
                exponent *= 1.0 - s.leak
                exponent += s.leak * tau[:, None, :]
            exponent *= slope
        return np.exp(exponent, out=exponent)

    def openness(self, tau: Floats, sets: Ints | slice) -> Floats:
        """Gate factor c at `tau` (rows, k), 0 … 1 and at least the leak."""
        if self.free:
            return np.ones((len(self.skills.speed), *tau.shape))
        s = self.skills
        return np.where(self.opened[:, sets, None] <= tau, 1.0, s.leak)

    def on(self, rows: Rows) -> tuple[Floats, Floats, np.ndarray]:
        """Work and c p at the points of `rows`, and which rows resolve them: all."""
        factor = self.openness(rows.start[:, None], rows.sets)
        speed = self.skills.speed[:, rows.sets, None] * factor
        work = self.work(rows.tau, rows.sets)
        return work, np.broadcast_to(speed, work.shape), np.ones(len(rows.start), dtype=bool)


class SoftPath:
    """Soft gates 1 − u^α: one quadrature a skill, in topological order.

    `on` evaluates all rows at once, from each run's start; the rows must cover every run's clock
    without holes.
    """

    def __init__(self, skills: Skills, exponent: float) -> None:
        self.skills = skills
        self.exponent = exponent

    def gate_input(self, work: Floats) -> Floats:
        """Return 1 − u^α in [0, 1] (CE: 2u for u), through log u so that it never underflows."""
        logs = log_unlearned(work, self.skills.loss)
        return np.clip(-np.expm1(self.exponent * logs), 0.0, 1.0)

    def gates(self, work: Floats) -> Floats:
        """Gate values (1 for skills without one) from all skills' work (skills, …)."""
        return self.skills.circuit.at_once(self.gate_input(work), product_of_largest, ungated=1.0)

    def on(self, rows: Rows) -> tuple[Floats, Floats, np.ndarray]:
        """Work and c p at the points of `rows`, and which rows resolve the work."""
        s = self.skills
        sets, half, tau = rows.sets, rows.half, rows.tau
        n_rows = len(sets)
        first = np.concatenate([[0], np.flatnonzero(np.diff(sets)) + 1])
        place = np.arange(n_rows) - np.repeat(first, np.diff(np.append(first, n_rows)))
        which_run = np.repeat(np.arange(len(first)), np.diff(np.append(first, n_rows)))
        work = np.empty((s.circuit.n_skills, *tau.shape))
        rate = np.empty_like(work)
        resolved = np.ones(n_rows, dtype=bool)

        def learn(ids: Ints, gates: Floats | None) -> Floats:
            speed = s.speed[ids][:, sets, None]
            if gates is None:
                rate[ids] = speed
                work[ids] = s.work[ids][:, sets, None] + speed * tau
            else:
                c = s.leak + (1.0 - s.leak) * gates if s.leak else gates
                pace = speed * c
                within = (pace @ chebyshev.INTEGRAL) * half
                # Added up run by run: a running sum over all runs would lose digits.
                grid = np.zeros((len(ids), len(first), int(place.max()) + 2))
                grid[:, which_run, place + 1] = within[:, :, -1]
                before = np.cumsum(grid, axis=2)[:, which_run, place]
                here = s.work[ids][:, sets, None] + before[:, :, None] + within
                scale = 1.0 + np.abs(here[:, :, -1])
                wrong = chebyshev.tail(pace) * half[:, 0] > WORK_TOLERANCE * scale
                np.logical_and(resolved, ~wrong.any(axis=0), out=resolved)
                rate[ids], work[ids] = pace, here
            return self.gate_input(work[ids])

        s.circuit.sweep(tau.shape, learn, product_of_largest)
        return work, rate, resolved
