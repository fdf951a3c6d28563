"""The ``events`` engine: skills and pools are SimPy processes, ``env.now`` is the training step.

A skill waits for its gate (a SimPy condition over its prerequisites' mastery), is admitted to its
module's pool, and is mastered when the pool says so. A pool schedules only its next passage in the
resource clock (`domino_sim.engines.pools`). Interventions, and processes that users write, live in
the same environment. Nothing steps through time: a run takes O(skills + edges + interventions)
events, plus the quanta by which soft gates are followed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from domino_sim.engines.event_run import EventRun
from domino_sim.engines.pools import SharedPool
from domino_sim.engines.special_pools import CorrelatedPool, SerialPool
from domino_sim.engines.system import System
from domino_sim.engines.training import Process, Training, is_number
from domino_sim.errors import ArgumentError
from domino_sim.levels import Floats, level_from_work
from domino_sim.pool import shares
from domino_sim.progress import Meter, NullMeter

if TYPE_CHECKING:
    import xarray as xr


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
        cross entropy and exponent 1e-3 about 6 q²).

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
        if not (is_number(self.quantum) and 0.0 < self.quantum <= 0.5):
            raise ArgumentError(
                f"The 'quantum' parameter of Events is {self.quantum!r}",
                expected="a number above 0 and up to 0.5",
            )
        system.check_memory()
        run = EventRun(system, self.quantum)
        training = Training(run)
        for process in self.processes:
            run.env.process(process(training))
        with self.meter.task(system.attrs["title"] or "run", system.steps) as update:  # type: ignore[arg-type]
            run.finish(update)
        return _result(run)


def _result(run: EventRun) -> xr.Dataset:
    """Levels, gates and shares at the recorded steps, from each pool's history."""
    system, recording = run.system, run.recording
    t = system.record.astype(float)
    work = np.empty((len(run.system.names), len(t)))
    rate, wasted = np.empty_like(work), np.empty((len(run.pools), len(t)))
    for m, pool in enumerate(run.pools):
        here = np.flatnonzero(system.module == m)
        if isinstance(pool, SharedPool):
            pool.finish()
            tau, wasted[m] = pool.clocks()
            work[here], rate[here] = pool.segments.at(tau, here)
        else:
            _take(run, pool, m, here, t)
    gate = (recording.opened_at[:, None] <= t).astype(float)
    if run.soft is not None:
        # Not the quanta the run went by, but the gates its levels make.
        gate = run.soft.values(work)
        rate = _bases(run, t) * (system.leak + (1.0 - system.leak) * gate)
        gate[system.absent] *= run.added_at[system.absent, None] <= t
    recording.gate[:] = gate.T
    if run.by_work:
        level = level_from_work(work, system.loss)
        recording.level[:] = level.T
        left = np.exp(-work) if system.loss == "mse" else 1.0 - level
        for m in range(len(run.pools)):
            here = np.flatnonzero(system.module == m)
            part, unused = shares((rate * left)[here], wasted[m], system.law)
            recording.share[:, here], recording.wasted[:, m] = part.T, unused
    return recording.result(run.conditions, "events")


def _take(
    run: EventRun, pool: SerialPool | CorrelatedPool, module: int, here: np.ndarray, t: Floats
) -> None:
    """Record levels and shares of a pool that keeps its own."""
    recording = run.recording
    if isinstance(pool, SerialPool):
        level, share = pool.sample(t, run.system.level, recording.mastered_at)
        recording.wasted[:, module] = 1.0 - share[here].sum(axis=0)
    else:
        found = pool.sample(t)
        level, share = found.level, found.share
        recording.wasted[:, module] = found.wasted
    recording.level[:, here], recording.share[:, here] = level[here].T, share[here].T


def _bases(run: EventRun, t: Floats) -> Floats:
    """Speeds without gates (n, k) at training times `t`: frequencies, 0 where barred."""
    start = np.where(run.system.absent, 0.0, run.system.frequency)
    bases = np.repeat(start[:, None], len(t), axis=1)
    for now, skill, speed in run.retrained:
        bases[skill, t >= now] = speed
    return bases
