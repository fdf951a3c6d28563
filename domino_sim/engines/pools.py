"""Pools as SimPy processes: each divides its resource and schedules only its next passage.

A pool with a divided law is weighted processor sharing in virtual time (`SharedPool`): in the
resource clock τ every member moves at a constant rate, so the next passage (a mastery, or a level
somebody waits for) is the head of a heap, and the law only says how long until then. A change of
membership wakes the pool, which looks at its heap again. No pool ever steps through time.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import simpy

from domino_sim.engines.clocks import FAR, grade
from domino_sim.engines.demand import DecayingDemand, ListedDemand, Segments
from domino_sim.engines.paths import MOST_RESOLVED, Rows, check_resolution
from domino_sim.engines.row_clock import Flow, RowClock
from domino_sim.levels import Floats, Ints

if TYPE_CHECKING:
    from collections.abc import Generator

    from domino_sim.engines.system import System

_INVERSION_STEPS = 200

#: A span shorter than this part of the fastest member's time is integrated in one go.
_SHORT = 0.4

_GAUSS = np.polynomial.legendre.leggauss(8)

Passed = Callable[[int, Any], None]


class Pool:
    """What every pool has in common: its process, and being woken when something changes."""

    def __init__(self, env: simpy.Environment, passed: Passed) -> None:
        self.env, self._passed = env, passed
        self._process: simpy.Process | None = None
        self._woken = False

    def start(self) -> None:
        """Begin to serve."""
        self._process = self.env.process(self._serve())

    def wake(self) -> None:
        """Have the pool look at its next passage again, once however much has changed."""
        process = self._process
        if process is not None and not self._woken and process is not self.env.active_process:
            process.interrupt()
            self._woken = True

    def _serve(self) -> Generator[simpy.Event, Any, None]:
        while True:
            delay = self._until_next()
            try:
                if delay is None:
                    yield self.env.event()
                else:
                    yield self.env.timeout(delay)
            except simpy.Interrupt:
                self._woken = False
                continue
            self._arrive()

    def _until_next(self) -> float | None:
        """Training time until the next passage; None if there is none."""
        raise NotImplementedError

    def _arrive(self) -> None:
        """The next passage is now."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Stretch:
    """A pool between two changes: what is needed to find its clock at times in between."""

    begun: float
    tau: float
    span: float
    rate: float
    wasted: float
    demand: DecayingDemand | ListedDemand


class SharedPool(Pool):
    """A pool under ``sum``, ``norm`` or ``constant``: a resource clock and a heap of passages.

    Parameters
    ----------
    members : (k,) array
        The skills that may ever compete here.
    passed
        Called with a skill and a tag when a level it was asked to watch is passed.
    """

    def __init__(
        self,
        env: simpy.Environment,
        system: System,
        members: Ints,
        work: Floats,
        passed: Passed,
        rate: float,
        wasted: float,
    ) -> None:
        super().__init__(env, passed)
        self.system, self.members = system, members
        self.rate, self.wasted = rate, wasted
        self.t, self.tau = 0.0, 0.0
        self.segments = Segments(work)
        n = len(work)
        self._work, self._since, self._speed = work.tolist(), [0.0] * n, [0.0] * n
        self._watches: list[list[tuple[float, int, Any]]] = [[] for _ in range(n)]
        self._version = [0] * n
        self._heap: list[tuple[float, int, int, int]] = []
        self._count = 0
        self._demand: DecayingDemand | ListedDemand
        if system.loss == "ce" or system.exponent is not None:
            self._demand = ListedDemand(system.loss, system.law)
        else:
            self._demand = self._fresh(system.frequency)
        self._stale = False
        self._changes: list[tuple[float, float, float]] = []
        self._changed: dict[int, tuple[float, float]] = {}
        self._stretches: list[Stretch] = []
        self._recorded = 0

    def work(self, skill: int) -> float:
        """Work of `skill` at the pool's present clock."""
        return self._work[skill] + self._speed[skill] * (self.tau - self._since[skill])

    def speed(self, skill: int) -> float:
        """Work `skill` gains now per unit of the pool's clock."""
        return self._speed[skill]

    def set_speed(self, skill: int, speed: float) -> None:
        """From now on `skill` gains `speed` of work per unit of the clock."""
        old = self._speed[skill]
        if speed == old:
            return
        self.sync()
        if speed * self.tau > MOST_RESOLVED:
            check_resolution(speed, self.tau)
        work = self.work(skill)
        self._work[skill], self._since[skill], self._speed[skill] = work, self.tau, speed
        self.segments.add(skill, self.tau, work, speed)
        if isinstance(self._demand, ListedDemand):
            self._changed[skill] = speed, work
        elif not (speed == 0.0 or self._demand.knows(speed)):
            self._stale = True
        else:
            self._changes.extend((r, work, sign) for r, sign in ((old, -1.0), (speed, 1.0)) if r)
        self._version[skill] += 1
        self._aim(skill)
        self.wake()

    def set_law(self, rate: float, wasted: float) -> None:
        """From now on the pool has this η and N₀."""
        self.sync()
        self.rate, self.wasted = rate, wasted
        self.wake()

    def watch(self, skill: int, work: float, tag: Any) -> None:
        """Call `passed(skill, tag)` when the work of `skill` reaches `work`."""
        self._count += 1
        heapq.heappush(self._watches[skill], (work, self._count, tag))
        self.sync()
        self._version[skill] += 1
        self._aim(skill)
        self.wake()

    def sync(self) -> None:
        """Bring the clock to the present training time."""
        passed = self.env.now - self.t
        if passed <= 0.0:
            return
        self._settle()
        self._advance(self._invert(passed), self.env.now)

    def clocks(self) -> tuple[Floats, Floats]:
        """Clock τ and N₀ at the recorded steps, after the run."""
        stretches, law = self._stretches, self.system.law
        t = self.system.record.astype(float)
        begun = np.array([s.begun for s in stretches])
        run = np.searchsorted(begun, t, side="right") - 1
        since = t - begun[run]
        tau, rate, wasted, span = (
            np.array([getattr(s, name) for s in stretches])
            for name in ("tau", "rate", "wasted", "span")
        )
        if law == "constant":
            return tau[run] + since * rate[run], wasted[run]
        lasts = np.zeros(len(stretches))
        np.maximum.at(lasts, run, since)

        def flow(rows: Rows) -> Flow:
            instants = rows.tau  # reckoned anew whenever it is asked for
            total = np.empty_like(instants)
            bounds = np.searchsorted(rows.sets, np.arange(len(stretches) + 1))
            for k, stretch in enumerate(stretches):
                part = slice(bounds[k], bounds[k + 1])
                at = instants[part]
                total[part] = stretch.demand.totals(at.ravel()).reshape(at.shape)
            unused = wasted[rows.sets, None]
            divided = np.sqrt(total + unused**2) if law == "norm" else total + unused
            return Flow(divided, np.ones(len(rows.start), dtype=bool))

        fastest = np.array([[max(s.demand.fastest(), 1e-300) for s in stretches]])
        zero = np.zeros((len(stretches), 1))
        edges = grade(zero, np.maximum(span, 1e-300), fastest, ratio=1.5)
        return RowClock(flow, edges, rate, lasts).tau_of(since, run) + tau[run], wasted[run]

    def _aim(self, skill: int) -> None:
        """Put the next watched passage of `skill` on the heap."""
        watches = self._watches[skill]
        if not watches:
            return
        missing = watches[0][0] - self._work[skill]
        if missing <= 0.0:
            target = self.tau
        elif self._speed[skill] > 0.0:
            target = max(self._since[skill] + missing / self._speed[skill], self.tau)
            if target > FAR:
                return
        else:
            return
        self._count += 1
        heapq.heappush(self._heap, (target, self._count, skill, self._version[skill]))

    def _next(self) -> float | None:
        """Clock instant of the next passage."""
        heap = self._heap
        while heap and heap[0][3] != self._version[heap[0][2]]:
            heapq.heappop(heap)
        return heap[0][0] if heap else None

    def _until_next(self) -> float | None:
        self._settle()
        target = self._next()
        if target is None:
            return None
        due = self.t + self._time(target - self.tau)
        return max(due - self.env.now, 0.0) if due < np.inf else None

    def _arrive(self) -> None:
        target = self._next()
        assert target is not None
        self._settle()
        self._advance(target - self.tau, self.env.now, tau=target)
        while (instant := self._next()) is not None and instant <= target:
            _, _, skill, _ = heapq.heappop(self._heap)
            _, _, tag = heapq.heappop(self._watches[skill])
            self._aim(skill)
            self._passed(skill, tag)

    def _advance(self, span: float, now: float, tau: float | None = None) -> None:
        record = self.system.record
        # A search among whole numbers for one: for a fraction all of them would be converted.
        if self._recorded < len(record) and record[self._recorded] < now:
            self._keep(span, int(record.searchsorted(math.ceil(now))))
        self._demand.advance(span)
        self.tau = self.tau + span if tau is None else tau
        self.t = now

    def _keep(self, span: float, upto: int) -> None:
        """Remember this stretch if some of the recorded steps before number `upto` lie in it."""
        if upto > self._recorded:
            state = self.t, self.tau, span, self.rate, self.wasted
            self._stretches.append(Stretch(*state, copy(self._demand)))
            self._recorded = upto

    def finish(self) -> None:
        """Bring the clock to the last step, whose record sees what is changed at that step."""
        self.sync()
        self._settle()
        self._keep(0.0, len(self.system.record))

    def _settle(self) -> None:
        """Take the changes of membership into the sums."""
        if isinstance(self._demand, ListedDemand):
            if self._changed:
                self._demand.change(self._changed)
                self._changed.clear()
            return
        if self._stale:
            moving = [i for i in self.members.tolist() if self._speed[i] > 0.0]
            rates = [self._speed[i] for i in moving]
            self._demand = self._fresh(np.concatenate([self.system.frequency, rates]))
            for skill, rate in zip(moving, rates, strict=True):
                self._demand.change(rate, self.work(skill), 1.0)
        else:
            for change in self._changes:
                self._demand.change(*change)
        self._stale = False
        self._changes.clear()

    def _fresh(self, rates: Floats) -> DecayingDemand:
        leak = self.system.leak
        every = np.concatenate([rates, leak * rates]) if leak else rates
        return DecayingDemand(every, self.system.law)

    def _time(self, span: float) -> float:
        """Training time in which the clock runs on by `span`."""
        law = self.system.law
        if law == "constant":
            return span / self.rate
        if law == "sum":
            return (self.wasted * span + self._demand.gains(span)) / self.rate
        return self._norm(span) / self.rate

    def _pace(self, span: float) -> float:
        """Training time per unit of clock after a further `span`."""
        law = self.system.law
        if law == "constant":
            return 1.0 / self.rate
        total = float(self._demand.totals(np.array([span]))[0])
        if law == "norm":
            return math.sqrt(total + self.wasted**2) / self.rate
        return (self.wasted + total) / self.rate

    def _norm(self, span: float) -> float:
        """∫ √(Σ d² + N₀²) dτ over the next `span`."""
        fastest = self._demand.fastest()
        if fastest * span <= _SHORT:
            points, weights = _GAUSS
            squares = self._demand.totals(0.5 * span * (points + 1.0))
            return 0.5 * span * float(np.sqrt(squares + self.wasted**2) @ weights)

        def flow(rows: Rows) -> Flow:
            squares = self._demand.totals(rows.tau.ravel()).reshape(rows.tau.shape)
            return Flow(np.sqrt(squares + self.wasted**2), np.ones(len(rows.start), dtype=bool))

        edges = grade(np.zeros((1, 1)), np.array([span]), np.array([[fastest]]), ratio=1.5)
        clock = RowClock(flow, edges, np.ones(1), np.full(1, np.inf))
        return float(clock.times[-1, -1])

    def _invert(self, time: float) -> float:
        """Clock that runs on in training time `time`: Newton steps inside a bracket."""
        low, high = 0.0, self._far(time)
        if self._time(high) <= time:
            return high
        span = min(time / self._pace(0.0), high) if self._pace(0.0) > 0.0 else high
        for _ in range(_INVERSION_STEPS):
            miss = self._time(span) - time
            if miss <= 0.0:
                low = span
            if miss >= 0.0:
                high = span
            pace = self._pace(span)
            step = span - miss / pace if pace > 0.0 else -1.0
            stepped = step if low <= step <= high else 0.5 * (low + high)
            if abs(stepped - span) <= 4e-16 * abs(span) or abs(miss) <= 2e-16 * self.env.now:
                return stepped
            span = stepped
        return span

    def _far(self, time: float) -> float:
        """Clock span that surely takes longer than `time`, or after which nothing is left."""
        target = self._next()
        if target is not None:
            return target - self.tau
        bounds = [FAR]
        if self.wasted > 0.0 or self.system.law == "constant":
            least = 1.0 if self.system.law == "constant" else self.wasted
            bounds.append(time * self.rate / least * (1.0 + 1e-9))
        elif self.system.loss == "mse":
            slowest = min((s for s in self._speed if s > 0.0), default=1.0)
            bounds.append(800.0 / slowest)
        return min(bounds)

