"""The law ``domino``, fitted: one skill after another, each for t₀ steps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from domino_sim.calibration.models import Levels, Parameter
from domino_sim.calibration.observations import Observations, RunRecord
from domino_sim.calibration.skill_path import Path
from domino_sim.engines.circuit import kth_smallest
from domino_sim.levels import Floats, Ints

__all__ = ["SerialModel", "half_rises"]


class SerialModel:
    """A strictly serial run: only t₀ is fitted, in its logarithm.

    Skills come in the order of their frequencies, as soon as their gates are open; where
    frequencies are not known, in the order in which the curves rise half-way.
    """

    law = "domino"

    def __init__(
        self,
        observations: Observations,
        path: Path,
        *,
        shared: bool = False,
        given: float | None = None,
        by_curves: bool = False,
    ) -> None:
        self.observations, self.shared, self.given = observations, shared, given
        self.by_curves = by_curves
        self.path = replace(path, growth="mse" if path.growth == "logistic" else path.growth)
        keys = [""] if shared else [run.name for run in observations.runs]
        self.parameters = (
            ()
            if given is not None
            else tuple(Parameter("rate", key, -60.0, 60.0, True) for key in keys)
        )
        self.orders = []
        for run in observations.runs:
            wanted = 1.0 / half_rises(run) if by_curves else run.frequency
            self.orders.append(_order(self.path, wanted))

    def on(self, observations: Observations) -> SerialModel:
        """Return the same model of other runs."""
        return SerialModel(
            observations, self.path, shared=self.shared, given=self.given, by_curves=self.by_curves
        )

    def pool_of(self, x: Floats, r: int) -> tuple[float, float]:
        """Return η = 1/t₀ of a run; nothing is wasted."""
        if self.given is not None:
            return self.given, 0.0
        return float(np.exp(x[0 if self.shared else r])), 0.0

    def start(self) -> Floats:
        """Return the log of η by which mean levels rise as observed, over a fine grid."""
        x = np.zeros(len(self.parameters))
        for k in range(len(x)):
            runs = range(len(self.observations.runs)) if self.shared else (k,)
            last = max(float(self.observations.runs[r].steps[-1]) for r in runs)
            grid = np.linspace(np.log(0.02 / last), np.log(50.0 * len(self.orders[k]) / last), 240)
            errors = []
            for value in grid:
                trial = x.copy()
                trial[k] = value
                found = 0.0
                for r in runs:
                    run = self.observations.runs[r]
                    level = self.levels_at(trial, r, run.steps)
                    found += float(np.sum(run.weight * (level - run.level) ** 2))
                errors.append(found)
            x[k] = grid[int(np.argmin(errors))]
        return x

    def levels(self, x: Floats, run: int, *, derive: bool = True) -> Levels:
        """Return the levels of a run at its records and their derivatives."""
        steps = self.observations.runs[run].steps
        level = self.levels_at(x, run, steps)
        if not derive or not self.parameters:
            return Levels(level, np.empty((0, *level.shape)), [])
        # s rises as η t while a skill is served: ds/d log η = η t there.
        begin = self.path.begin
        served = (level > begin) & (level < 1.0)
        rate, _ = self.pool_of(x, run)
        slope = np.where(served, rate * steps, 0.0)
        return Levels(level, slope[None], [0 if self.shared else run])

    def levels_at(self, x: Floats, run: int, steps: Floats) -> Floats:
        """Return the levels (n, k) of a run at `steps` (k,)."""
        rate, _ = self.pool_of(x, run)
        begin, order = self.path.begin, self.orders[run]
        level = np.full((len(self.path.frequency), len(steps)), begin)
        place = np.arange(len(order))[:, None] * (1.0 - begin)
        level[order] = np.clip(begin + rate * steps - place, begin, 1.0)
        return level


def half_rises(run: RunRecord) -> Floats:
    """Return about when each skill is half-way up, (n,); later than the run if it never is.

    Where the running maximum of a curve passes ½; a skill that does not get there has the time
    it would take at the pace of its highest level.
    """
    there = run.weight > 0.0
    seen = np.maximum.accumulate(np.where(there, run.level, -np.inf), axis=1)
    found = np.empty(len(seen))
    for i, curve in enumerate(seen):
        top = float(curve[-1])
        if top >= 0.5:
            k = int(np.searchsorted(curve, 0.5))
            before = curve[k - 1] if k and np.isfinite(curve[k - 1]) else 0.0
            earlier = run.steps[k - 1] if k else 0.0
            part = (0.5 - before) / max(float(curve[k] - before), 1e-12)
            found[i] = earlier + part * (run.steps[k] - earlier)
        else:
            pace = -np.log1p(-np.clip(top, 1e-3, 0.5)) / np.log(2.0)
            found[i] = run.steps[-1] / pace
    return np.maximum(found, 1e-3 * max(float(run.steps[-1]), 1.0) / len(run.steps))


def _order(path: Path, frequency: Floats) -> Ints:
    """In which order skills are served: always the open one of the highest frequency."""
    n = len(frequency)
    mastered = np.full(n, np.inf)
    order: list[int] = []
    ranked = np.argsort(-frequency, kind="stable")
    if path.circuit.free:
        return ranked[frequency[ranked] > 0.0]
    while len(order) < n:
        opened = path.circuit.at_once(mastered[:, None], kth_smallest, ungated=0.0)[:, 0]
        ready = [i for i in ranked if np.isinf(mastered[i]) and np.isfinite(opened[i])]
        if not ready or not frequency[ready[0]] > 0.0:
            break
        mastered[ready[0]] = float(len(order))
        order.append(int(ready[0]))
    return np.array(order, dtype=np.int64)
