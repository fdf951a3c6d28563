"""The machinery of a discrete-event run: skills, pools and interventions as SimPy processes."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Sequence
from typing import Any

import numpy as np
import simpy

from domino_sim.engines.conditions import Conditions
from domino_sim.engines.pools import SharedPool
from domino_sim.engines.quanta import SoftGates
from domino_sim.engines.record import Recording
from domino_sim.engines.special_pools import CorrelatedPool, SerialPool
from domino_sim.engines.system import Intervention, System
from domino_sim.levels import work_from_level

#: Priority of interventions: those of one instant are carried out together, in file order.
_AFTER_TRIGGERS = 4

#: Priority of what users' processes wait for: at one instant, gates open before they are told.
_AFTER_GATES = 5

#: Priority of the end of a run: whatever else happens at the last step happens before it.
_AFTER_ALL = 10


class Opening(simpy.events.Condition):
    """At least k of some events; SimPy's condition without its recursion over nested ones."""

    def __init__(self, env: simpy.Environment, k: int, events: Sequence[simpy.Event]) -> None:
        super().__init__(env, lambda events, count: count >= k, events)

    def _populate_value(self, value: simpy.events.ConditionValue) -> None:
        """A gate has no value: only its opening matters."""

    def _remove_check_callbacks(self) -> None:
        """Late inputs may still call; a condition that has happened ignores them."""


class EventRun:
    """One run: its environment, processes and pools, and what has happened so far.

    Attributes
    ----------
    opened : list of bool
        Whether each skill's gate is open (soft: all it needs is mastered).
    retrained : list of (step, skill, speed)
        Every change of a frequency, or of whether a skill may learn.
    added_at : (n,) array
        Step from which each skill is there; inf for those yet to be added.
    by_work
        Whether pools count in work (else in levels: ``domino`` and correlated tasks).
    """

    def __init__(self, system: System, quantum: float) -> None:
        self.env = simpy.Environment()
        self.system = system
        self.conditions = Conditions(system)
        self.recording = Recording(system)
        self._progress: Callable[[float], None] = lambda done: None
        n = len(system.names)
        self._mastered_event = [self.env.event() for _ in range(n)]
        self.told_opened: dict[int, simpy.Event] = {}
        self.told_mastered: dict[int, simpy.Event] = {}
        self._gates: dict[int, simpy.Event] = {}
        self.opened = [False] * n
        self._due: list[Intervention] = []
        self._waited: dict[int, simpy.Event] = {}
        self.retrained: list[tuple[float, int, float]] = []
        self.added_at = np.where(system.absent, np.inf, 0.0)
        self.next_mastery: simpy.Event | None = None
        self.by_work = system.law != "domino" and system.gram is None
        self.serial = system.law == "domino"
        self.pools = self._make_pools()
        self.soft = None
        if system.exponent is not None and not system.circuit.free:
            self.soft = SoftGates(system, quantum, self._watch_work, self.update)
        for skill in np.flatnonzero(~system.absent).tolist():
            self.env.process(self._skill(skill))
        for intervention in system.interventions:
            self.env.process(self._intervention(intervention))
        for pool in self.pools:
            pool.start()

    def finish(self, progress: Callable[[float], None]) -> None:
        """Run to the last step; what happens at that step still happens."""
        self._progress = progress
        if self.soft is not None:
            self.soft.begin()
        end = self.env.event()
        self._happen(end, None, _AFTER_ALL, self.system.steps)
        self.env.run(until=end)

    def _skill(self, skill: int) -> Generator[simpy.Event, Any, None]:
        """The life of a skill."""
        goal = self.system.target_work if self.by_work else self.system.threshold
        self.pool(skill).watch(skill, goal, None)
        self.update(skill)
        gate = int(self.system.circuit.gate_of[skill])
        if gate >= 0:
            yield self._gate(gate)
        self.opened[skill] = True
        self.recording.opened_at[skill] = self.env.now
        self.tell(self.told_opened.get(skill), self.system.names[skill])
        if gate >= 0 or self.serial:
            self.update(skill)
        yield self._mastered_event[skill]

    def _intervention(self, item: Intervention) -> Generator[simpy.Event, Any, None]:
        """Wait for the trigger, then for its turn among those of the same instant."""
        if item.at is not None:
            yield self.env.timeout(item.at)
        else:
            if self.conditions.absent[item.skill]:
                yield self._added(item.skill)
            yield self.reaches(item.skill, item.level, lambda event: event.succeed())
        if not self._due:
            turn = self.env.event()
            turn.callbacks.append(self._take_turns)
            self._happen(turn, None, _AFTER_TRIGGERS)
        self._due.append(item)

    def _take_turns(self, _: simpy.Event) -> None:
        """Carry out the interventions of this instant, in file order."""
        due, self._due = self._due, []
        for item in self.system.interventions:
            if any(item is waiting for waiting in due):
                self._carry_out(item)

    def _carry_out(self, item: Intervention) -> None:
        self.conditions.apply(item)
        if item.settings:
            rates, wastes = self.conditions.rate, self.conditions.wasted
            for pool, rate, wasted in zip(self.pools, rates, wastes, strict=True):
                pool.set_law(float(rate), float(wasted))
        for skill in item.add:
            self.env.process(self._skill(skill))
            self.added_at[skill] = self.env.now
            if skill in self._waited:
                self._waited.pop(skill).succeed()
        changed = (s for s, _ in item.frequency)
        for skill in dict.fromkeys((*changed, *item.freeze, *item.unfreeze, *item.add)):
            self.retrain(skill)

    def _make_pools(self) -> list[SharedPool | SerialPool | CorrelatedPool]:
        system, conditions = self.system, self.conditions
        pools: list[SharedPool | SerialPool | CorrelatedPool] = []
        work = system.start_work if self.by_work else None
        for m in range(len(system.modules)):
            rate, wasted = float(conditions.rate[m]), float(conditions.wasted[m])
            if self.serial:
                pools.append(SerialPool(self.env, system.level, self._passed, rate))
            elif system.gram is not None:
                pools.append(CorrelatedPool(self.env, system, self._passed, rate, wasted))
            else:
                assert work is not None
                members = np.flatnonzero(system.module == m)
                pools.append(
                    SharedPool(self.env, system, members, work, self._passed, rate, wasted)
                )
        return pools

    def pool(self, skill: int) -> SharedPool | SerialPool | CorrelatedPool:
        return self.pools[self.system.module[skill]]

    def is_mastered(self, skill: int) -> bool:
        return not math.isnan(self.recording.mastered_at[skill])

    def told(self, told: dict[int, simpy.Event], skill: int, *, done: bool) -> simpy.Event:
        """The event by which processes are told of something about `skill`."""
        if skill not in told:
            told[skill] = self.env.event()
            if done:
                self.tell(told[skill], self.system.names[skill])
        return told[skill]

    def tell(self, event: simpy.Event | None, name: str) -> None:
        """Let `event` happen, after the gates that open now."""
        if event is not None and not event.triggered:
            self._happen(event, name, _AFTER_GATES)

    def _happen(self, event: simpy.Event, value: Any, priority: int, delay: float = 0.0) -> None:
        """Let `event` happen with a priority of its own, which SimPy's `succeed` does not take."""
        event._ok, event._value = True, value
        self.env.schedule(event, priority=priority, delay=delay)  # type: ignore[arg-type]

    def reaches(
        self, skill: int, level: float, happen: Callable[[simpy.Event], Any]
    ) -> simpy.Event:
        """Event that is made to `happen` when `skill` reaches `level`."""
        event = self.env.event()
        goal = float(work_from_level(level, self.system.loss)) if self.by_work else level
        self.pool(skill).watch(skill, goal, lambda _: happen(event))
        return event

    def _watch_work(self, skill: int, work: float, passed: Callable[[int], None]) -> None:
        """Have `passed` called when `skill` has `work`."""
        self.pool(skill).watch(skill, work, passed)

    def _added(self, skill: int) -> simpy.Event:
        """Event of an absent skill being added."""
        return self._waited.setdefault(skill, self.env.event())

    def _gate(self, node: int) -> simpy.Event:
        """The event of a circuit node: a skill's mastery, or a condition over such events."""
        circuit, n = self.system.circuit, len(self.system.names)
        stack = [node]
        while stack:
            top = stack[-1]
            if top < n or top in self._gates:
                stack.pop()
                continue
            k, inputs = circuit.gate(top)
            missing = [i for i in inputs if i >= n and i not in self._gates]
            if missing:
                stack.extend(missing)
                continue
            events = [self._mastered_event[i] if i < n else self._gates[i] for i in inputs]
            self._gates[top] = Opening(self.env, k, events)
            stack.pop()
        return self._mastered_event[node] if node < n else self._gates[node]

    def retrain(self, skill: int) -> None:
        """Note that the frequency of `skill`, or whether it may learn, has changed."""
        barred = self.conditions.frozen[skill] or self.conditions.absent[skill]
        speed = 0.0 if barred else float(self.conditions.frequency[skill])
        self.retrained.append((self.env.now, skill, speed))
        self.update(skill)

    def update(self, skill: int) -> None:
        """Tell the pools how fast `skill` may go now, and what soft gates make of that."""
        todo = [skill]
        while todo:
            skill = todo.pop()
            speed, pool = self._speed(skill), self.pool(skill)
            if isinstance(pool, CorrelatedPool):
                pool.set_speed(skill, speed, held=bool(self.conditions.frozen[skill]))
                continue
            if self.soft is None:
                pool.set_speed(skill, speed)
                continue
            assert isinstance(pool, SharedPool)
            moved = pool.speed(skill) > 0.0
            pool.set_speed(skill, speed)
            if moved != (speed > 0.0):
                todo.extend(self.soft.refresh(skill, pool.work(skill), moving=speed > 0.0))

    def _speed(self, skill: int) -> float:
        """Work `skill` gains now per unit of its pool's clock (domino: its frequency)."""
        conditions, system = self.conditions, self.system
        if conditions.frozen[skill] or conditions.absent[skill]:
            return 0.0
        speed = float(conditions.frequency[skill])
        if self.serial:
            return speed if self.opened[skill] else 0.0
        if system.circuit.gate_of[skill] < 0:
            return speed
        if self.soft is not None:
            return speed * (system.leak + (1.0 - system.leak) * self.soft.gate(skill))
        return speed if self.opened[skill] else speed * system.leak

    def _passed(self, skill: int, tag: Any) -> None:
        """A pool reports that a watched level has been passed."""
        if tag is None:
            self.recording.mastered_at[skill] = self.env.now
            self._mastered_event[skill].succeed()
            self.tell(self.told_mastered.get(skill), self.system.names[skill])
            self.tell(self.next_mastery, self.system.names[skill])
            self.next_mastery = None
            self._progress(self.env.now)
        else:
            tag(skill)
