"""The ``events`` engine: skills and pools are SimPy processes, ``env.now`` is the training step.

A skill waits for its gate (a SimPy condition over its prerequisites' mastery), is admitted to its
module's pool, and is mastered when the pool says so. A pool schedules only its next passage in the
resource clock (`domino_sim.engines.pools`). Interventions, and processes that users write, live in
the same environment. Nothing steps through time: a run takes O(skills + edges + interventions)
events, plus the quanta by which soft gates are followed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import simpy

from domino_sim.engines.conditions import Conditions
from domino_sim.engines.phase import Sample
from domino_sim.engines.pools import SharedPool
from domino_sim.engines.quanta import SoftGates
from domino_sim.engines.record import Recording
from domino_sim.engines.special_pools import CorrelatedPool, SerialPool
from domino_sim.engines.system import Intervention, System
from domino_sim.errors import ArgumentError, nearest_name
from domino_sim.levels import Floats, level_from_work, work_from_level
from domino_sim.pool import shares
from domino_sim.progress import Meter, NullMeter

if TYPE_CHECKING:
    import xarray as xr

#: Priority of interventions: those of one instant are carried out together, in file order.
_AFTER_TRIGGERS = 4

#: Priority of what users' processes wait for: at one instant, gates open before they are told.
_AFTER_GATES = 5

#: Priority of the end of a run: whatever else happens at the last step happens before it.
_AFTER_ALL = 10

Process = Callable[["Training"], Generator[simpy.Event, Any, None]]


@dataclass(frozen=True)
class Events:
    """Options of the ``events`` engine.

    Parameters
    ----------
    processes
        Functions that take the `Training` and return a SimPy process (a generator); they run
        beside the skills, see and change the run.
    quantum
        Soft gates are followed in steps of this much of a prerequisite's gate input, 0 < q ≤ ½;
        levels are then right to about 2 q² (measured: 1.2e-4 at 1/128 on two-pairs; with
        cross entropy and a tiny exponent 40 q²).

    Examples
    --------
    A teacher that trains whatever is learnable ten times as often:

    >>> import domino_sim
    >>> from domino_sim.engines import Events
    >>> def teacher(training):
    ...     while True:
    ...         for name in training.learnable():
    ...             training.set_frequency(name, 10.0)
    ...         yield training.next_mastery()
    >>> scenario = domino_sim.load_scenario("two-pairs", {"gate": {"kind": "hard"}})
    >>> ds = domino_sim.simulate(scenario, Events(processes=[teacher]))
    >>> int(ds.mastered_at.notnull().sum())
    7
    """

    processes: Sequence[Process] = ()
    quantum: float = 1.0 / 128.0
    meter: Meter = field(default_factory=NullMeter)
    name = "events"

    def run(self, system: System) -> xr.Dataset:
        """Return the result of `system`."""
        if not (_is_number(self.quantum) and 0.0 < self.quantum <= 0.5):
            raise ArgumentError(
                f"The 'quantum' parameter of Events is {self.quantum!r}",
                expected="a number above 0 and up to 0.5",
            )
        system.check_memory()
        training = Training(system, self.quantum)
        for process in self.processes:
            training.env.process(process(training))
        with self.meter.task(system.attrs["title"] or "run", system.steps) as update:  # type: ignore[arg-type]
            training._progress = update
            training._run()
            return training._result()


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


class Opening(simpy.events.Condition):
    """At least k of some events; SimPy's condition without its recursion over nested ones."""

    def __init__(self, env: simpy.Environment, k: int, events: Sequence[simpy.Event]) -> None:
        super().__init__(env, lambda events, count: count >= k, events)

    def _populate_value(self, value: simpy.events.ConditionValue) -> None:
        """A gate has no value: only its opening matters."""

    def _remove_check_callbacks(self) -> None:
        """Late inputs may still call; a condition that has happened ignores them."""


class Training:
    """A run in progress, as processes see it.

    Attributes
    ----------
    env : simpy.Environment
        ``env.now`` is the training step; ``env.timeout(k)`` waits k steps.
    names : tuple of str
        The skills.
    rng : numpy.random.Generator
        Random numbers from the scenario's seed, for processes that need them.
    """

    def __init__(self, system: System, quantum: float) -> None:
        self.env = simpy.Environment()
        self.names = system.names
        self.rng = np.random.default_rng(int(system.attrs["seed"]))
        self._system = system
        self._index = {name: i for i, name in enumerate(system.names)}
        self._conditions = Conditions(system)
        self._recording = Recording(system)
        self._progress: Callable[[float], None] = lambda done: None
        n = len(system.names)
        self._mastered_event = [self.env.event() for _ in range(n)]
        self._told_opened: dict[int, simpy.Event] = {}
        self._told_mastered: dict[int, simpy.Event] = {}
        self._gates: dict[int, simpy.Event] = {}
        self._open = [False] * n
        self._due: list[Intervention] = []
        self._retrained: list[tuple[float, int, float]] = []
        self._added_at = np.where(system.absent, np.inf, 0.0)
        self._next_mastery: simpy.Event | None = None
        self._by_work = system.law != "domino" and system.gram is None
        self._serial = system.law == "domino"
        self._pools = self._make_pools()
        self._soft = None
        if system.exponent is not None and not system.circuit.free:
            self._soft = SoftGates(system, quantum)
        for skill in np.flatnonzero(~system.absent).tolist():
            self.env.process(self._skill(skill))
        for intervention in system.interventions:
            self.env.process(self._intervention(intervention))
        for pool in self._pools:
            pool.start()

    # ---------------------------------------------------------------- what processes may ask

    def level(self, name: str) -> float:
        """Level of skill `name` now."""
        skill = self._skill_number(name)
        pool = self._pool(skill)
        if isinstance(pool, SharedPool):
            pool.sync()
            return float(level_from_work(pool.work(skill), self._system.loss))
        return pool.level(skill)

    def frequency(self, name: str) -> float:
        """Frequency of skill `name` now."""
        return float(self._conditions.frequency[self._skill_number(name)])

    def is_open(self, name: str) -> bool:
        """Whether the gate of `name` is open (soft: all it needs is mastered)."""
        return self._open[self._skill_number(name)]

    def is_mastered(self, name: str) -> bool:
        """Whether `name` has been mastered."""
        return self._is_mastered(self._skill_number(name))

    def learnable(self) -> list[str]:
        """Names of the skills whose gates are open and which are neither mastered nor frozen."""
        barred = self._conditions.frozen | self._conditions.absent
        return [
            name
            for i, name in enumerate(self.names)
            if self._open[i] and not barred[i] and not self._is_mastered(i)
        ]

    def mastered(self, name: str) -> simpy.Event:
        """Event of the mastery of `name`; it may have happened already.

        Like all events processes are given, it comes after the gates that open at that instant.
        """
        skill = self._skill_number(name)
        return self._told(self._told_mastered, skill, done=self._is_mastered(skill))

    def opened(self, name: str) -> simpy.Event:
        """Event of the opening of the gate of `name`; it may have happened already."""
        skill = self._skill_number(name)
        return self._told(self._told_opened, skill, done=self._open[skill])

    def next_mastery(self) -> simpy.Event:
        """Event of the next mastery of any skill; its value is the skill's name.

        Of several skills mastered at one instant it names the first; `is_mastered` tells of all.
        """
        if self._next_mastery is None:
            self._next_mastery = self.env.event()
        return self._next_mastery

    def passes(self, name: str, level: float) -> simpy.Event:
        """Event of `name` passing `level` (0 to 1)."""
        skill = self._skill_number(name)
        if not (_is_number(level) and 0.0 <= level <= 1.0):
            raise ArgumentError(
                f"The 'level' parameter of passes is {level!r}", expected="a number from 0 to 1"
            )
        return self._reaches(skill, level, lambda event: self._tell(event, name))

    # ------------------------------------------------------------- what processes may change

    def set_frequency(self, name: str, frequency: float) -> None:
        """From now on train `name` with `frequency` (≥ 0, finite)."""
        skill = self._skill_number(name)
        if not (_is_number(frequency) and 0.0 <= frequency < math.inf):
            raise ArgumentError(
                f"The 'frequency' parameter of set_frequency is {frequency!r}",
                expected="a finite number ≥ 0",
            )
        self._conditions.frequency[skill] = frequency
        self._retrain(skill)

    def freeze(self, name: str) -> None:
        """From now on `name` has no demand; its level is kept."""
        skill = self._skill_number(name)
        self._conditions.frozen[skill] = True
        self._retrain(skill)

    def unfreeze(self, name: str) -> None:
        """From now on `name` may learn again."""
        skill = self._skill_number(name)
        self._conditions.frozen[skill] = False
        self._retrain(skill)

    # --------------------------------------------------------------------------- processes

    def _skill(self, skill: int) -> Generator[simpy.Event, Any, None]:
        """The life of a skill."""
        threshold = 1.0 if self._serial else self._system.mastery
        goal = float(work_from_level(threshold, self._system.loss)) if self._by_work else threshold
        self._pool(skill).watch(skill, goal, None)
        self._update(skill)
        gate = int(self._system.circuit.gate_of[skill])
        if gate >= 0:
            yield self._gate(gate)
        self._open[skill] = True
        self._recording.opened_at[skill] = self.env.now
        self._tell(self._told_opened.get(skill), self.names[skill])
        if gate >= 0 or self._serial:
            self._update(skill)
        yield self._mastered_event[skill]

    def _intervention(self, item: Intervention) -> Generator[simpy.Event, Any, None]:
        """Wait for the trigger, then for its turn among those of the same instant."""
        if item.at is not None:
            yield self.env.timeout(item.at)
        else:
            if self._conditions.absent[item.skill]:
                yield self._added(item.skill)
            yield self._reaches(item.skill, item.level, lambda event: event.succeed())
        if not self._due:
            turn = self.env.event()
            turn.callbacks.append(self._take_turns)
            self._happen(turn, None, _AFTER_TRIGGERS)
        self._due.append(item)

    def _take_turns(self, _: simpy.Event) -> None:
        """Carry out the interventions of this instant, in file order."""
        due, self._due = self._due, []
        for item in self._system.interventions:
            if any(item is waiting for waiting in due):
                self._carry_out(item)

    def _carry_out(self, item: Intervention) -> None:
        self._conditions.apply(item)
        if item.settings:
            rates, wastes = self._conditions.rate, self._conditions.wasted
            for pool, rate, wasted in zip(self._pools, rates, wastes, strict=True):
                pool.set_law(float(rate), float(wasted))
        for skill in item.add:
            self.env.process(self._skill(skill))
            self._added_at[skill] = self.env.now
            if skill in self._waited:
                self._waited.pop(skill).succeed()
        changed = (s for s, _ in item.frequency)
        for skill in dict.fromkeys((*changed, *item.freeze, *item.unfreeze, *item.add)):
            self._retrain(skill)

    # ------------------------------------------------------------------------------ inside

    def _make_pools(self) -> list[SharedPool | SerialPool | CorrelatedPool]:
        system, conditions = self._system, self._conditions
        self._waited: dict[int, simpy.Event] = {}
        pools: list[SharedPool | SerialPool | CorrelatedPool] = []
        work = system.start_work if self._by_work else None
        for m in range(len(system.modules)):
            rate, wasted = float(conditions.rate[m]), float(conditions.wasted[m])
            if self._serial:
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

    def _pool(self, skill: int) -> SharedPool | SerialPool | CorrelatedPool:
        return self._pools[self._system.module[skill]]

    def _skill_number(self, name: str) -> int:
        try:
            return self._index[name]
        except (KeyError, TypeError):
            raise ArgumentError(
                f"there is no skill {name!r}", nearest=nearest_name(name, self.names)
            ) from None

    def _is_mastered(self, skill: int) -> bool:
        return not math.isnan(self._recording.mastered_at[skill])

    def _told(self, told: dict[int, simpy.Event], skill: int, *, done: bool) -> simpy.Event:
        """The event by which processes are told of something about `skill`."""
        if skill not in told:
            told[skill] = self.env.event()
            if done:
                self._tell(told[skill], self.names[skill])
        return told[skill]

    def _tell(self, event: simpy.Event | None, name: str) -> None:
        """Let `event` happen, after the gates that open now."""
        if event is not None and not event.triggered:
            self._happen(event, name, _AFTER_GATES)

    def _happen(self, event: simpy.Event, value: Any, priority: int, delay: float = 0.0) -> None:
        """Let `event` happen with a priority of its own, which SimPy's `succeed` does not take."""
        event._ok, event._value = True, value
        self.env.schedule(event, priority=priority, delay=delay)  # type: ignore[arg-type]

    def _reaches(
        self, skill: int, level: float, happen: Callable[[simpy.Event], Any]
    ) -> simpy.Event:
        """Event that is made to `happen` when `skill` reaches `level`."""
        event = self.env.event()
        goal = float(work_from_level(level, self._system.loss)) if self._by_work else level
        self._pool(skill).watch(skill, goal, lambda _: happen(event))
        return event

    def _added(self, skill: int) -> simpy.Event:
        """Event of an absent skill being added."""
        return self._waited.setdefault(skill, self.env.event())

    def _gate(self, node: int) -> simpy.Event:
        """The event of a circuit node: a skill's mastery, or a condition over such events."""
        circuit, n = self._system.circuit, len(self.names)
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

    def _retrain(self, skill: int) -> None:
        """Note that the frequency of `skill`, or whether it may learn, has changed."""
        barred = self._conditions.frozen[skill] or self._conditions.absent[skill]
        speed = 0.0 if barred else float(self._conditions.frequency[skill])
        self._retrained.append((self.env.now, skill, speed))
        self._update(skill)

    def _update(self, skill: int) -> None:
        """Tell the pools how fast `skill` may go now, and what soft gates make of that."""
        todo = [skill]
        while todo:
            skill = todo.pop()
            speed, pool = self._speed(skill), self._pool(skill)
            if self._soft is None:
                pool.set_speed(skill, speed)
                continue
            assert isinstance(pool, SharedPool)
            moved = pool.speed(skill) > 0.0
            pool.set_speed(skill, speed)
            if moved != (speed > 0.0):
                todo.extend(self._soft.refresh(skill, pool.work(skill), moving=speed > 0.0))

    def _speed(self, skill: int) -> float:
        """Work `skill` gains now per unit of its pool's clock (domino: its frequency)."""
        conditions, system = self._conditions, self._system
        if conditions.frozen[skill] or conditions.absent[skill]:
            return 0.0
        speed = float(conditions.frequency[skill])
        if self._serial:
            return speed if self._open[skill] else 0.0
        if system.circuit.gate_of[skill] < 0:
            return speed
        if self._soft is not None:
            return speed * (system.leak + (1.0 - system.leak) * self._soft.gate(skill))
        return speed if self._open[skill] else speed * system.leak

    def _passed(self, skill: int, tag: Any) -> None:
        """A pool reports that a watched level has been passed."""
        if tag is None:
            self._recording.mastered_at[skill] = self.env.now
            self._mastered_event[skill].succeed()
            self._tell(self._told_mastered.get(skill), self.names[skill])
            self._tell(self._next_mastery, self.names[skill])
            self._next_mastery = None
            self._progress(self.env.now)
        else:
            tag(skill)

    def _run(self) -> None:
        """Run to the last step; what happens at that step still happens."""
        if self._soft is not None:
            self._soft.begin(self)
        end = self.env.event()
        self._happen(end, None, _AFTER_ALL, self._system.steps)
        self.env.run(until=end)

    def _result(self) -> xr.Dataset:
        """Levels, gates and shares at the recorded steps, from each pool's history."""
        system, recording = self._system, self._recording
        t = system.record.astype(float)
        work = np.empty((len(self.names), len(t)))
        rate, wasted = np.empty_like(work), np.empty((len(self._pools), len(t)))
        for m, pool in enumerate(self._pools):
            here = np.flatnonzero(system.module == m)
            if isinstance(pool, SharedPool):
                pool.finish()
                tau, wasted[m] = pool.clocks()
                work[here], rate[here] = pool.segments.at(tau, here)
            else:
                self._take(pool, m, here, t)
        gate = (recording.opened_at[:, None] <= t).astype(float)
        if self._soft is not None:
            # Not the quanta the run went by, but the gates its levels make.
            gate = self._soft.values(work)
            rate = self._bases(t) * (system.leak + (1.0 - system.leak) * gate)
            gate[system.absent] *= self._added_at[system.absent, None] <= t
        recording.gate[:] = gate.T
        if self._by_work:
            level = level_from_work(work, system.loss)
            recording.level[:] = level.T
            left = np.exp(-work) if system.loss == "mse" else 1.0 - level
            for m in range(len(self._pools)):
                here = np.flatnonzero(system.module == m)
                part, unused = shares((rate * left)[here], wasted[m], system.law)
                recording.share[:, here], recording.wasted[:, m] = part.T, unused
        return recording.result(self._conditions, "events")

    def _take(
        self, pool: SerialPool | CorrelatedPool, module: int, here: np.ndarray, t: Floats
    ) -> None:
        """Record levels and shares of a pool that keeps its own."""
        recording = self._recording
        if isinstance(pool, SerialPool):
            level, share = pool.sample(t, self._system.level, recording.mastered_at)
            recording.wasted[:, module] = 1.0 - share[here].sum(axis=0)
        else:
            found: Sample = pool.sample(t)
            level, share = found.level, found.share
            recording.wasted[:, module] = found.wasted
        recording.level[:, here], recording.share[:, here] = level[here].T, share[here].T

    def _bases(self, t: Floats) -> Floats:
        """Speeds without gates (n, k) at training times `t`: frequencies, 0 where barred."""
        start = np.where(self._system.absent, 0.0, self._system.frequency)
        bases = np.repeat(start[:, None], len(t), axis=1)
        for now, skill, speed in self._retrained:
            bases[skill, t >= now] = speed
        return bases
