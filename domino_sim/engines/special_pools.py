"""The two pools that have no common clock for all skills: the serial one and the correlated one."""

from __future__ import annotations

import heapq
from bisect import bisect_right
from typing import TYPE_CHECKING, Any

import numpy as np
import simpy

from domino_sim.engines.correlated import CorrelatedEntropyPhase, CorrelatedPhase
from domino_sim.engines.phase import Sample
from domino_sim.engines.pools import Passed, Pool
from domino_sim.levels import Floats, logit

if TYPE_CHECKING:
    from domino_sim.engines.system import System


#: A level this near one that is waited for has reached it.
_ROUNDING = 1e-12


class SerialPool(Pool):
    """``domino``: the first waiting skill in order of frequency has the whole pool.

    A skill is pre-empted when a more frequent one is admitted, and resumed where it stopped.
    """

    def __init__(
        self, env: simpy.Environment, level: Floats, passed: Passed, rate: float
    ) -> None:
        super().__init__(env, passed)
        self.rate = rate
        self._level = level.tolist()
        self._waiting: list[tuple[float, int]] = []
        self._speed: dict[int, float] = {}
        self._served = -1
        self._since = 0.0
        self._watches: dict[int, list[tuple[float, int, Any]]] = {}
        self._reached: set[int] = set()
        self._count = 0
        #: Served spans: skill, from, until, level at from, rate.
        self.spans: list[tuple[int, float, float, float, float]] = []

    def level(self, skill: int) -> float:
        """Level of `skill` now."""
        level = self._level[skill]
        if skill == self._served:
            level = min(level + (self.env.now - self._since) * self.rate, 1.0)
        return level

    def set_speed(self, skill: int, speed: float) -> None:
        """`skill` competes with this frequency from now on; 0 takes it out."""
        self._speed[skill] = speed
        if speed > 0.0 and self._level[skill] < 1.0:
            heapq.heappush(self._waiting, (-speed, skill))
        self.wake()

    def set_law(self, rate: float, wasted: float) -> None:
        """From now on a skill alone takes 1/`rate` steps."""
        self._pause()
        self.rate = rate
        self.wake()

    def watch(self, skill: int, level: float, tag: Any) -> None:
        """Call `passed(skill, tag)` when `skill` reaches `level`."""
        self._count += 1
        heapq.heappush(self._watches.setdefault(skill, []), (level, self._count, tag))
        if level <= self.level(skill):
            self._reached.add(skill)
        self.wake()

    def _pause(self) -> None:
        """Stop serving; keep what has been learned."""
        if self._served >= 0:
            skill, now = self._served, self.env.now
            if now > self._since:
                self.spans.append((skill, self._since, now, self._level[skill], self.rate))
            self._level[skill] = self.level(skill)
            if self._level[skill] >= self._goal(skill) - _ROUNDING:
                # Interrupted at the very instant it got there.
                self._level[skill] = max(self._level[skill], self._goal(skill))
                self._reached.add(skill)
            if self._level[skill] < 1.0 and self._speed.get(skill, 0.0) > 0.0:
                heapq.heappush(self._waiting, (-self._speed[skill], skill))
            self._served = -1

    def _until_next(self) -> float | None:
        self._pause()
        waiting = self._waiting
        while waiting:
            speed, skill = waiting[0]
            if self._speed.get(skill) == -speed and self._level[skill] < 1.0:
                break
            heapq.heappop(waiting)
        if self._reached:
            return 0.0
        if not waiting:
            return None
        _, self._served = heapq.heappop(waiting)
        self._since = self.env.now
        return (self._goal(self._served) - self._level[self._served]) / self.rate

    def _arrive(self) -> None:
        if self._served >= 0:
            skill = self._served
            goal = self._goal(skill)
            self.spans.append((skill, self._since, self.env.now, self._level[skill], self.rate))
            self._level[skill], self._served = goal, -1
            if goal < 1.0:
                heapq.heappush(self._waiting, (-self._speed[skill], skill))
            self._reached.add(skill)
        for skill in sorted(self._reached):
            watches = self._watches.get(skill, [])
            while watches and watches[0][0] <= self._level[skill]:
                _, _, tag = heapq.heappop(watches)
                self._passed(skill, tag)
        self._reached.clear()

    def _goal(self, skill: int) -> float:
        """The level up to which `skill` is served without interruption."""
        watches = self._watches.get(skill)
        return min(watches[0][0], 1.0) if watches else 1.0

    def sample(self, t: Floats, level: Floats, mastered: Floats) -> tuple[Floats, Floats]:
        """Levels and shares (n, k) at training times `t`, after the run."""
        spans = list(self.spans)
        if self._served >= 0:
            # Still served at the last step.
            skill = self._served
            spans.append((skill, self._since, np.inf, self._level[skill], self.rate))
        levels = np.repeat(level[:, None], len(t), axis=1)
        share = np.zeros_like(levels)
        for skill, begun, until, before, rate in spans:
            after = t >= begun
            levels[skill, after] = np.minimum(
                before + (np.minimum(t[after], until) - begun) * rate, 1.0
            )
            share[skill, after & (t < until)] = 1.0
        return np.where(mastered[:, None] <= t, 1.0, levels), share


class CorrelatedPool(Pool):
    """Correlated tasks: a phase in closed form (CE: an ODE), begun anew at each change."""

    def __init__(
        self,
        env: simpy.Environment,
        system: System,
        passed: Passed,
        rate: float,
        wasted: float,
    ) -> None:
        super().__init__(env, passed)
        self.system, self.rate, self.wasted = system, rate, wasted
        self._speed = np.zeros(len(system.names))
        self._held = np.zeros(len(system.names), dtype=bool)
        self._state = 1.0 - system.level if system.loss == "mse" else logit(system.level)
        #: What is waited for: when it is due (NaN: not worked out yet), number, skill, level, tag.
        self._watches: list[tuple[float, int, int, float, Any]] = []
        self._count = 0
        self._begun: list[float] = []
        self._phases: list[CorrelatedPhase | CorrelatedEntropyPhase] = []
        self._changed = True

    def level(self, skill: int) -> float:
        """Level of `skill` now."""
        if not self._phases:
            return float(self.system.level[skill])
        found = self._phases[-1].sample(np.array([self.env.now - self._begun[-1]]))
        return float(found.level[skill, 0])

    def set_speed(self, skill: int, speed: float, *, held: bool = False) -> None:
        """`skill` is trained with this frequency from now on; `held` keeps its level as it is."""
        self._keep()
        self._speed[skill], self._held[skill] = speed, held
        self.wake()

    def set_law(self, rate: float, wasted: float) -> None:
        """From now on the pool has this η and N₀."""
        self._keep()
        self.rate, self.wasted = rate, wasted
        self.wake()

    def watch(self, skill: int, level: float, tag: Any) -> None:
        """Call `passed(skill, tag)` when `skill` reaches `level`."""
        self._count += 1
        due = np.nan
        if not self._changed:
            due = self._begun[-1] + self._phases[-1].crossing(skill, level)
        heapq.heappush(self._watches, (due, self._count, skill, level, tag))
        self.wake()

    def _keep(self) -> None:
        """Remember where the levels are before something changes."""
        if not self._changed:
            self._state = self._phases[-1].end_state(self.env.now - self._begun[-1])
            self._changed = True

    def _until_next(self) -> float | None:
        if self._changed:
            self._begin()
        if not self._watches or self._watches[0][0] == np.inf:
            return None
        return max(self._watches[0][0] - self.env.now, 0.0)

    def _arrive(self) -> None:
        due = self._watches[0][0]
        while self._watches and self._watches[0][0] <= due:
            _, _, skill, _, tag = heapq.heappop(self._watches)
            self._passed(skill, tag)

    def _begin(self) -> None:
        """Start a new phase, and work out once when each watched level will be passed in it."""
        system, now = self.system, self.env.now
        assert system.gram is not None
        moving = (self._speed.copy(), self._held.copy(), system.law, self.rate, self.wasted)
        left = system.steps - now
        phase: CorrelatedPhase | CorrelatedEntropyPhase
        if system.loss == "mse":
            phase = CorrelatedPhase(
                system.gram, self._state, *moving, left, system.mastery, now
            )
        else:
            phase = CorrelatedEntropyPhase(system.gram, self._state, *moving, left, system.mastery)
        if self._begun and self._begun[-1] == now:
            self._begun.pop()
            self._phases.pop()
        self._begun.append(now)
        self._phases.append(phase)
        self._changed = False
        if self._watches:
            skills = np.array([watch[2] for watch in self._watches])
            levels = np.array([watch[3] for watch in self._watches])
            due = (now + phase.passages(skills, levels)).tolist()
            self._watches = [(at, *w[1:]) for at, w in zip(due, self._watches, strict=True)]
            heapq.heapify(self._watches)

    def sample(self, t: Floats) -> Sample:
        """State at training times `t` (k,), after the run."""
        if self._changed:
            self._begin()
        which = np.array([bisect_right(self._begun, float(x)) - 1 for x in t], dtype=np.int64)
        n = len(self._speed)
        level, gate, share = np.empty((n, len(t))), np.ones((n, len(t))), np.empty((n, len(t)))
        wasted = np.empty(len(t))
        for k in np.unique(which):
            at = which == k
            found = self._phases[k].sample(t[at] - self._begun[k])
            level[:, at], share[:, at], wasted[at] = found.level, found.share, found.wasted
        return Sample(level, gate, share, wasted)

