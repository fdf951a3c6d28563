"""One pool while nothing is changed from outside: levels and instants in training time.

A phase starts at training time 0 with given work and ends at its horizon. It joins a path (where
the skills are in τ) to a clock (τ ↔ t); the clock engine strings phases together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from domino_sim.engines import chebyshev
from domino_sim.engines.circuit import kth_smallest
from domino_sim.engines.clocks import FAR, PlainClock, far_end, grade
from domino_sim.engines.closed_clock import ClosedClock
from domino_sim.engines.crowd import divisions
from domino_sim.engines.paths import HardPath, Rows, Skills, SoftPath
from domino_sim.engines.row_clock import Flow, RowClock
from domino_sim.levels import Floats, level_from_work, unlearned, work_from_level
from domino_sim.pool import Law, division, shares

#: Above this many terms D is summed over all skills together, not one by one.
_CROWD = 2_000_000


@dataclass(frozen=True, slots=True)
class Sample:
    """State at some times: arrays (skills, runs, k), `wasted` (runs, k)."""

    level: Floats
    gate: Floats
    share: Floats
    wasted: Floats


class Phase:
    """One pool from t = 0 to `horizon`.

    Parameters
    ----------
    skills
        Start, speeds, gates.
    exponent
        Exponent α of soft gates, or None for hard ones.
    law, rate, wasted
        The pool law, η (runs,) and N₀ (runs,).
    horizon : (runs,) array
        Training time up to which answers are wanted.

    Attributes
    ----------
    opened, mastered : (skills, runs) arrays
        Training times, inf where not before the horizon.
    """

    def __init__(
        self,
        skills: Skills,
        exponent: float | None,
        law: Law,
        rate: Floats,
        wasted: Floats,
        horizon: Floats,
    ) -> None:
        self.skills, self.law, self.rate, self.wasted = skills, law, rate, wasted
        self.horizon = horizon
        self.path: HardPath | SoftPath
        self.clock: PlainClock | ClosedClock | RowClock
        if exponent is None or skills.circuit.free:
            self.path = HardPath(skills)
            if law == "constant":
                self.clock = PlainClock(rate)
            elif law == "sum":
                self.clock = ClosedClock(self.path, rate, wasted, horizon)
            else:
                self.clock = self._row_clock(self.path.breaks())
            self.mastered = self._time(self.path.mastered)
        else:
            self.path = SoftPath(skills, exponent)
            self.clock = self._row_clock(np.zeros((len(rate), 1)))
            self.mastered = self._passage(skills.target)
            if skills.mastered is not None:
                self.mastered[skills.mastered] = 0.0
        self.opened = self._openings()

    def sample(self, t: Floats) -> Sample:
        """State at training times `t` (runs, k)."""
        work, gate = self._work_and_gate(t)
        leak = self.skills.leak
        opened = leak + (1.0 - leak) * gate if leak else gate
        level = level_from_work(work, self.skills.loss)
        left = 1.0 - level if self.skills.loss == "ce" else np.exp(-work)
        demand = self.skills.speed[:, :, None] * left
        demand *= opened
        share, wasted = shares(demand, self.wasted[:, None], self.law)
        return Sample(level, gate, share, wasted)

    def level(self, t: Floats) -> Floats:
        """Levels (skills, runs, k) at training times `t` (runs, k)."""
        return level_from_work(self._work_and_gate(t)[0], self.skills.loss)

    def work_at(self, t: Floats) -> Floats:
        """Work (skills, runs) at training time `t` (runs,)."""
        return self._work_and_gate(t[:, None])[0][:, :, 0]

    def crossing(self, skill: int, level: float) -> float:
        """Training time at which `skill` of the only run passes `level`; inf if it does not."""
        wanted = float(work_from_level(level, self.skills.loss))
        if self.skills.work[skill, 0] >= wanted:
            return 0.0
        if isinstance(self.path, SoftPath):
            return float(self._passage(wanted)[skill, 0])
        tau = self.path.reach(skill, wanted)
        return float(self._time(np.array([[tau]]))[0, 0])

    def _work_and_gate(self, t: Floats) -> tuple[Floats, Floats]:
        if isinstance(self.path, SoftPath):
            assert isinstance(self.clock, RowClock)
            run = np.repeat(np.arange(len(t)), t.shape[1])
            found = self.clock.work_at(*self.clock.locate(t.ravel(), run))
            work = np.maximum(found.reshape(-1, *t.shape), self.skills.work[:, :, None])
            return work, self.path.gates(work)
        work = self.path.work(self.clock.tau(t), slice(None))
        if self.path.free:
            return work, np.ones_like(work)
        # Compared in t: a record at the very instant of an opening sees the gate open.
        return work, (self.opened[:, :, None] <= t).astype(float)

    def _time(self, tau: Floats) -> Floats:
        """Training times (skills, runs) of clock instants, inf beyond the horizon."""
        never = ~(tau < FAR)
        time = self.clock.time(np.ascontiguousarray(np.where(never, 0.0, tau).T), slice(None)).T
        time = np.where(tau <= 0.0, 0.0, np.maximum(time, 0.0))
        return np.where(never | (time > self.horizon), np.inf, time)

    def _openings(self) -> Floats:
        """Openings from masteries: in t the same k-th smallest as in τ, as t(τ) increases.

        A soft gate counts as opened when a hard one would: its prerequisites are mastered.
        """
        return self.skills.circuit.at_once(self.mastered, kth_smallest, ungated=0.0)

    def _row_clock(self, breaks: Floats) -> RowClock:
        """Integrate D along the path; rows begin at `breaks` (runs, k) and grow from there."""

        def flow(rows: Rows) -> Flow:
            if crowded:
                assert isinstance(self.path, HardPath)
                total = divisions(self.path, rows, float(self.wasted[0]), self.law)
                return Flow(total, np.ones(len(rows.start), dtype=bool))
            work, pace, resolved = self.path.on(rows)
            demand = pace * unlearned(work, self.skills.loss)
            divided = division(demand, self.wasted[rows.sets, None], self.law)
            return Flow(divided, resolved, work if isinstance(self.path, SoftPath) else None)

        end = far_end(self.path, self.law, self.rate, self.wasted, self.horizon)
        ratio = 2.0 if self.law == "sum" else 1.5
        edges = grade(breaks, end, self.skills.speed, ratio=ratio)
        crowded = (
            isinstance(self.path, HardPath)
            and self.skills.loss == "mse"
            and len(edges) == 1
            and len(self.skills.speed) * edges.size * len(chebyshev.POINTS) > _CROWD
        )
        return RowClock(flow, edges, self.rate, self.horizon)

    def _passage(self, wanted: float) -> Floats:
        """First training time (skills, runs) at which the work on rows reaches `wanted`."""
        clock = self.clock
        assert isinstance(clock, RowClock) and clock.work is not None
        values = clock.work
        n, runs = len(values), len(self.rate)
        bounds = np.searchsorted(clock.rows.sets, np.arange(runs + 1))
        row = np.empty((n, runs), dtype=np.int64)
        reached = np.empty((n, runs), dtype=bool)
        for run in range(runs):
            begin, stop = bounds[run], bounds[run + 1]
            below = (values[:, begin:stop, -1] < wanted).sum(axis=1)
            reached[:, run] = below < stop - begin
            row[:, run] = begin + np.minimum(below, stop - begin - 1)
        skill, at_run = np.nonzero(reached)
        at = row[skill, at_run]
        here = np.maximum.accumulate(values[skill, at], axis=1)
        target = np.clip(wanted, here[:, 0], here[:, -1])
        x = chebyshev.solve_increasing(here, np.arange(len(here)), target)
        time = np.full((n, runs), np.inf)
        time[skill, at_run] = np.where(here[:, 0] >= wanted, clock.before[at], clock.time_at(at, x))
        return np.where(time > self.horizon, np.inf, time)
