"""The ``euler`` engine: the paper's own stepping, explicit Euler with (by default) step 1.

The order of operations is the published code's, because gates with a tiny exponent amplify
rounding (``docs/theory.md``, "The paper's own numerics"): per step ``d = c*p*u;
u = maximum(u - eta*(d/(d.sum() + N0)), 0)``, products of gates in written order, OR as the
maximum, no clamp with correlated tasks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from numbers import Real
from typing import TYPE_CHECKING

import numpy as np

from domino_sim.engines.circuit import kth_smallest, product_of_largest
from domino_sim.engines.conditions import Conditions, Pending
from domino_sim.engines.record import Recording
from domino_sim.engines.system import System
from domino_sim.errors import ArgumentError, RunError
from domino_sim.levels import Floats, logit
from domino_sim.progress import Meter, NullMeter

if TYPE_CHECKING:
    import xarray as xr

#: Updates between two reports of progress.
_REPORT = 512


@dataclass(frozen=True)
class Euler:
    """Options of the ``euler`` engine. It runs everything, at a cost of O(skills × steps).

    Parameters
    ----------
    step
        Size of a step in training steps, > 0; recorded steps must be multiples of it.

    Examples
    --------
    >>> import domino_sim
    >>> from domino_sim.engines import Euler
    >>> scenario = domino_sim.load_scenario("two-pairs").with_overrides({"record.points": 11})
    >>> coarse = domino_sim.simulate(scenario, "euler")
    >>> fine = domino_sim.simulate(scenario, Euler(step=0.5))
    >>> bool(abs(coarse.level - fine.level).max() < 0.1)
    True
    """

    step: float = 1.0
    meter: Meter = field(default_factory=NullMeter)
    name = "euler"

    def run(self, system: System) -> xr.Dataset:
        """Return the result of `system`."""
        points = self._points(system)
        system.check_memory()
        stepping = _Stepping(system, self.step)
        with self.meter.task(system.attrs["title"] or "run", system.steps) as update:  # type: ignore[arg-type]
            updates, row = round(system.steps / self.step), 0
            # A logit beyond 709 overflows to the unlearned part 0, which is what it is.
            with np.errstate(over="ignore"):
                for k in range(updates + 1):
                    stepping.intervene(k * self.step)
                    stepping.divide()
                    while row < len(points) and points[row] == k:
                        stepping.keep(row)
                        row += 1
                    if k < updates:
                        stepping.update((k + 1) * self.step)
                    if k % _REPORT == 0:
                        update(k * self.step)
        return stepping.recording.result(stepping.conditions, "euler")

    def _points(self, system: System) -> list[int]:
        """Numbers of updates at which to record."""
        number = isinstance(self.step, Real) and not isinstance(self.step, bool)
        if not (number and math.isfinite(self.step) and self.step > 0):
            raise ArgumentError(
                f"The 'step' parameter of Euler is {self.step!r}", expected="a number > 0"
            )
        counts = np.append(system.record, system.steps) / self.step
        whole = np.rint(counts)
        if (np.abs(counts - whole) > 1e-9 * np.maximum(whole, 1.0)).any():
            raise ArgumentError(
                f"The 'step' parameter of Euler is {self.step!r}, of which not every recorded "
                "step is a multiple",
                expected="1, a divisor of the recorded steps, or 1/n",
            )
        return [int(k) for k in whole[:-1]]


class _Stepping:
    """State of a run: `x` is the unlearned part (MSE), the logit (CE) or the level (domino)."""

    def __init__(self, system: System, step: float) -> None:
        self.system, self.step, self.law = system, step, system.law
        self.threshold = system.threshold
        self.conditions, self.pending = Conditions(system), Pending(system)
        self.recording = Recording(system)
        if self.law == "domino":
            self.x = system.level.copy()
        elif system.loss == "mse":
            self.x = 1.0 - system.level
        else:
            self.x = logit(system.level)
        self.mastered = np.zeros(len(system.names), dtype=bool)
        #: Who may still be mastered.
        self.waiting = np.ones(len(system.names), dtype=bool)
        self.groups = [np.flatnonzero(system.module == m) for m in range(len(system.modules))]
        self._heed()
        self.opened = self._prerequisites()
        self.gate = self._gates()
        self.changed = False
        self._note(0.0, anew=True)

    def intervene(self, now: float) -> None:
        """Carry out what is due at step `now`, once and in file order."""
        if not self.pending:
            return
        level = None
        for item in self.pending:
            if item.at is not None:
                due = item.at <= now
            else:
                level = self._levels() if level is None else level
                there = not self.conditions.absent[item.skill]
                due = there and bool(level[item.skill] >= item.level)
            if due:
                self.conditions.apply(item)
                self.pending.take(item)
                self._heed()
                self._note(now, anew=True)

    def _heed(self) -> None:
        """Take over what interventions have changed."""
        conditions = self.conditions
        self.speed, self.eta = conditions.speed(), conditions.rate * self.step
        self.wasted = conditions.wasted.tolist()
        self.held = conditions.frozen if conditions.frozen.any() else None

    def divide(self) -> None:
        """Work out gates, demands and every pool's D."""
        system = self.system
        # Hard gates change with what is mastered, soft ones with every step.
        soft = system.exponent is not None and self.law != "domino"
        if not system.circuit.free and (soft or self.changed):
            self.opened = self._prerequisites()
            self.gate = self._gates()
            self.changed = False
        if self.law == "domino":
            self.served = [self._served(group) for group in self.groups]
            return
        left = self.x if system.loss == "mse" else 1.0 / (1.0 + np.exp(self.x))
        self.demand = self.gate * self.speed * left
        self.flow = self.demand if system.gram is None else system.gram @ self.demand
        self.total = [self._total(m) for m in range(len(self.groups))]

    def update(self, then: float) -> None:
        """Take one step, to step `then`."""
        system, eta = self.system, self.eta
        if self.law == "domino":
            for m, skill in enumerate(self.served):
                if skill >= 0:
                    # A hair below 1 is 1: sums of 1/t₀ need not hit it exactly.
                    level = self.x[skill] + eta[m]
                    self.x[skill] = 1.0 if level >= 1.0 - 1e-12 else level
        else:
            if len(self.groups) == 1:
                change = eta[0] * (self.flow / self.total[0])
            else:
                change = np.empty_like(self.x)
                for m, group in enumerate(self.groups):
                    change[group] = eta[m] * (self.flow[group] / self.total[m])
            if self.held is not None:
                change[self.held] = 0.0
            if system.loss == "ce":
                self.x = self.x + change
            elif system.gram is not None:
                self.x = self.x - change
            else:
                self.x = np.maximum(self.x - change, 0.0)
        self._note(then)

    def keep(self, row: int) -> None:
        """Record the state as point `row`."""
        system, kept = self.system, self.recording
        absent = self.conditions.absent
        kept.level[row] = self._levels()
        kept.gate[row] = np.where(absent, 0.0, self.opened)
        if system.law == "domino":
            kept.share[row] = 0.0
            for m, skill in enumerate(self.served):
                kept.wasted[row, m] = float(skill < 0)
                if skill >= 0:
                    kept.share[row, skill] = 1.0
            return
        for m, group in enumerate(self.groups):
            total = self.total[m]
            if system.law == "constant":
                kept.share[row, group], kept.wasted[row, m] = np.nan, np.nan
            elif system.law == "sum":
                kept.share[row, group] = self.demand[group] / total
                kept.wasted[row, m] = self._unused(m)
            else:
                part = self.demand[group] * self.flow[group]
                kept.share[row, group] = part / (total * total)
                kept.wasted[row, m] = self._unused(m) ** 2

    def _unused(self, module: int) -> float:
        """N₀/D of a pool; 1 where nobody wants anything."""
        total = self.total[module]
        return self.wasted[module] / total if math.isfinite(total) else 1.0

    def _levels(self) -> Floats:
        if self.law == "domino":
            return self.x
        return 1.0 - self.x if self.system.loss == "mse" else 1.0 / (1.0 + np.exp(-self.x))

    def _total(self, module: int) -> float:
        """D of a pool; inf where nobody wants anything and nothing is wasted, so nothing moves."""
        # `np.add.reduce` is what `sum` calls, in half the time.
        law, wasted = self.law, self.wasted[module]
        demand = self.demand if len(self.groups) == 1 else self.demand[self.groups[module]]
        if law == "constant":
            return 1.0
        if law == "sum":
            total = float(np.add.reduce(demand) + wasted)
            if total < 0.0:
                raise RunError(
                    "the total demand plus N₀ fell below zero: with correlated tasks the law "
                    "'sum' adds signed demands; use a larger pool.wasted, or the law 'norm'"
                )
        else:
            flow = self.flow if len(self.groups) == 1 else self.flow[self.groups[module]]
            total = math.sqrt(max(float(np.add.reduce(demand * flow)), 0.0) + wasted * wasted)
        return total if total > 0.0 else math.inf

    def _prerequisites(self) -> Floats:
        """Gates without the leak, (n,)."""
        system = self.system
        if system.exponent is None or system.law == "domino":
            opened = system.circuit.at_once(
                np.where(self.mastered, 0.0, np.inf), kth_smallest, ungated=0.0
            )
            return np.where(opened == 0.0, 1.0, 0.0)
        if system.loss == "mse":
            seen = 1.0 - self.x**system.exponent
        else:
            seen = np.maximum(1.0 - (2.0 / (1.0 + np.exp(self.x))) ** system.exponent, 0.0)
        return system.circuit.at_once(seen, product_of_largest, ungated=1.0)

    def _gates(self) -> Floats:
        leak = self.system.leak
        return leak + (1.0 - leak) * self.opened if leak else self.opened

    def _served(self, group: np.ndarray) -> int:
        """The first open, unmastered skill of a serial pool in order of frequency; −1 for none."""
        opened = self.opened[group] > 0.0
        waiting = group[opened & ~self.mastered[group] & (self.speed[group] > 0.0)]
        if not len(waiting):
            return -1
        return int(waiting[np.argmax(self.speed[waiting])])

    def _note(self, now: float, *, anew: bool = False) -> None:
        """Write down openings and masteries that have happened by step `now`.

        Without a new mastery nothing opens, unless what is there has changed (`anew`).
        """
        recording, absent = self.recording, self.conditions.absent
        passed = self._levels() >= self.threshold
        if anew or np.count_nonzero(passed & self.waiting):
            self.changed = True
            self.mastered |= passed & ~absent
            self.waiting = ~(self.mastered | absent)
            fresh = self.mastered & np.isnan(recording.mastered_at)
            recording.mastered_at[fresh] = now
            instants = np.where(self.mastered, recording.mastered_at, np.inf)
            opened = self.system.circuit.at_once(instants, kth_smallest, ungated=0.0)
            fresh = np.isfinite(opened) & ~absent & np.isnan(recording.opened_at)
            recording.opened_at[fresh] = now
