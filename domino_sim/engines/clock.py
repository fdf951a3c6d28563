"""The ``clock`` engine: closed forms and quadratures in the resource clock, no stepping.

A run is a string of phases, each with constant parameters; an intervention ends a phase by
inverting t(τ) and starts the next. `solve_batch` solves one graph for many parameter sets at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np

from domino_sim.engines.conditions import Conditions, Pending
from domino_sim.engines.correlated import CorrelatedEntropyPhase, CorrelatedPhase
from domino_sim.engines.paths import Skills
from domino_sim.engines.phase import Phase, Sample
from domino_sim.engines.record import Recording
from domino_sim.engines.serial import SerialPhase
from domino_sim.engines.system import System
from domino_sim.errors import ArgumentError
from domino_sim.levels import Floats, logit
from domino_sim.progress import Meter, NullMeter

if TYPE_CHECKING:
    import xarray as xr

#: Numbers of a batch (sets × points × skills) worked on at once, so that they stay in the cache.
_BATCH_BLOCK = 1 << 17


@dataclass(frozen=True)
class Clock:
    """Options of the ``clock`` engine.

    It runs every pool law, both losses, hard and soft gates, correlated tasks and interventions;
    modules only while no gate crosses from one to another.

    Examples
    --------
    >>> import domino_sim
    >>> from domino_sim.engines import Clock
    >>> ds = domino_sim.simulate(domino_sim.load_scenario("two-pairs"), engine=Clock())
    >>> int(ds.mastered_at.notnull().sum())
    7
    """

    meter: Meter = field(default_factory=NullMeter)
    name = "clock"

    def run(self, system: System) -> xr.Dataset:
        """Return the result of `system`."""
        _refuse(system)
        system.check_memory()
        with self.meter.task(system.attrs["title"] or "run", system.steps) as update:  # type: ignore[arg-type]
            return _run(system, update)


class PoolPhase(Protocol):
    """One pool in one phase: arrays over all n skills, of which those of its module count."""

    opened: Floats
    mastered: Floats

    def sample(self, t: Floats) -> Sample:
        """State at training times `t` (k,) since the phase began."""

    def crossing(self, skill: int, level: float) -> float:
        """Training time at which `skill` passes `level`."""

    def end_state(self, t: float) -> Floats:
        """State variable (n,) with which the next phase goes on."""


class _GatedPhase:
    """A `Phase` of one run."""

    def __init__(self, phase: Phase) -> None:
        self._phase = phase
        self.opened, self.mastered = phase.opened[:, 0], phase.mastered[:, 0]
        self.crossing = phase.crossing

    def sample(self, t: Floats) -> Sample:
        found = self._phase.sample(t[None])
        return Sample(found.level[:, 0], found.gate[:, 0], found.share[:, 0], found.wasted[0])

    def end_state(self, t: float) -> Floats:
        return self._phase.work_at(np.array([t]))[:, 0]


def _refuse(system: System) -> None:
    """Decline what has no common clock."""
    if system.crossing_gates():
        raise system.refuse(
            "clock",
            "a gate needs a skill of another module, whose clock is another",
            "engine 'events' or 'euler'",
        )


def _run(system: System, update) -> xr.Dataset:  # type: ignore[no-untyped-def]
    conditions, pending = Conditions(system), Pending(system)
    recording = Recording(system)
    state, target = _start(system)
    now = 0.0
    while True:
        left = system.steps - now
        phases = [
            _phase(system, conditions, recording, state, target, m, now, left)
            for m in range(len(system.modules))
        ]
        due = {}
        for item in pending:
            if item.at is not None:
                due[id(item)] = max(item.at - now, 0.0)
            elif not conditions.absent[item.skill]:
                due[id(item)] = phases[system.module[item.skill]].crossing(item.skill, item.level)
        until = min(due.values(), default=np.inf)
        last = not until <= left
        span = left if last else until
        for m, phase in enumerate(phases):
            recording.keep(phase, m, now, span, last=last, absent=conditions.absent)
        update(now + span)
        if last:
            return recording.result(conditions, "clock")
        for m, phase in enumerate(phases):
            here = (system.module == m) & ~conditions.absent
            state[here] = phase.end_state(span)[here]
        now += span
        for item in pending:
            if due.get(id(item), np.inf) <= span:
                conditions.apply(item)
                pending.take(item)


def _start(system: System) -> tuple[Floats, float]:
    """State variable of every skill at the start, and its value at mastery."""
    if system.law == "domino":
        return system.level.copy(), 1.0
    if system.gram is None:
        return system.start_work.copy(), system.target_work
    if system.loss == "mse":
        return 1.0 - system.level, 1.0 - system.mastery
    return logit(system.level), np.nan


def _phase(
    system: System,
    conditions: Conditions,
    recording: Recording,
    state: Floats,
    target: float,
    module: int,
    now: float,
    left: float,
) -> PoolPhase:
    """Set up the pool of `module` from `now` on."""
    speed = conditions.speed()
    if len(system.modules) > 1:
        speed = np.where(system.module == module, speed, 0.0)
    rate, wasted = float(conditions.rate[module]), float(conditions.wasted[module])
    mastered = ~np.isnan(recording.mastered_at)
    if system.gram is not None:
        if system.loss == "mse":
            return CorrelatedPhase(
                system.gram, state, speed, conditions.frozen.copy(), system.law, rate, wasted,
                left, system.mastery, now,
            )
        return CorrelatedEntropyPhase(
            system.gram, state, speed, conditions.frozen.copy(), system.law, rate, wasted, left,
            system.mastery,
        )
    # A skill that is not there yet opens nothing, however much it will know.
    present = np.where(conditions.absent & (state >= target), 0.0, state)
    if system.law == "domino":
        return SerialPhase(system.circuit, present, speed, rate, left)
    skills = Skills(
        system.circuit, present[:, None], speed[:, None], target, system.leak, system.loss,
        mastered if mastered.any() else None,
    )
    return _GatedPhase(
        Phase(
            skills, system.exponent, system.law, np.array([rate]), np.array([wasted]),
            np.array([float(left)]),
        )
    )


@dataclass(frozen=True, slots=True)
class Batch:
    """Runs of one graph with different numbers.

    Attributes
    ----------
    level : (runs, points, n) array
    opened_at, mastered_at : (runs, n) arrays
        In steps, NaN = never.
    """

    level: Floats
    opened_at: Floats
    mastered_at: Floats


def solve_batch(
    system: System,
    *,
    frequency: Floats | None = None,
    rate: Floats | None = None,
    wasted: Floats | None = None,
    record: Floats | None = None,
) -> Batch:
    """Solve one graph for many parameter sets, arrays in and arrays out.

    Parameters
    ----------
    system
        Graph, gates, law, loss and everything that is not varied; one pool, no interventions.
    frequency : (runs, n) array
        Frequencies of each run.
    rate, wasted : (runs,) arrays
        η > 0 and N₀ ≥ 0 of each run. What is left out is as in `system`.
    record : (points,) array
        Steps to record; by default those of `system`.

    Raises
    ------
    EngineError
        If the system has interventions, modules, correlated tasks or the law ``domino``.
    ArgumentError
        If the arrays' shapes do not go together.
    """
    simple = not (system.interventions or len(system.modules) > 1 or system.gram is not None)
    if not simple or system.law == "domino":
        raise system.refuse("clock", "a batch takes one pool and no interventions", "simulate")
    n = len(system.names)
    arrays = {"frequency": frequency, "rate": rate, "wasted": wasted}
    given = {name: np.asarray(value) for name, value in arrays.items() if value is not None}
    runs = max((len(value) for value in given.values() if value.ndim), default=1)
    for name, value in given.items():
        shape = (runs, n) if name == "frequency" else (runs,)
        if value.shape != shape:
            raise ArgumentError(
                f"The '{name}' parameter of solve_batch has shape {value.shape}",
                expected=str(shape),
            )
    rates, wastes = system.pools(system.pool)
    p = np.broadcast_to(system.frequency if frequency is None else frequency, (runs, n))
    eta = np.broadcast_to(rates[0] if rate is None else np.asarray(rate, float), (runs,))
    n0 = np.broadcast_to(wastes[0] if wasted is None else np.asarray(wasted, float), (runs,))
    steps = np.asarray(system.record if record is None else record, dtype=float)
    work = system.start_work
    level = np.empty((runs, len(steps), n))
    opened, mastered = np.empty((runs, n)), np.empty((runs, n))
    size = max(1, _BATCH_BLOCK // max(1, n * len(steps)))
    for begin in range(0, runs, size):
        part = slice(begin, min(begin + size, runs))
        count = part.stop - begin
        skills = Skills(
            system.circuit,
            np.broadcast_to(work[:, None], (n, count)),
            np.ascontiguousarray(p[part].T),
            system.target_work,
            system.leak,
            system.loss,
        )
        phase = Phase(
            skills, system.exponent, system.law, eta[part], n0[part],
            np.full(count, float(system.steps)),
        )
        level[part] = np.moveaxis(phase.level(np.broadcast_to(steps, (count, len(steps)))), 0, -1)
        opened[part] = np.where(phase.opened < np.inf, phase.opened, np.nan).T
        mastered[part] = np.where(phase.mastered < np.inf, phase.mastered, np.nan).T
    return Batch(level, opened, mastered)
