"""Demand-balanced sampling: one pool, and a mixture by which all open skills are mastered together.

At every step the demand of a skill that is open and not mastered is in proportion to what it has
left to mastery, x_i = θ − s_i (logits under cross entropy): p_i ∝ x_i/u_i. The others are not
sampled, and Σ p stays what it was. Skills that start alike have equal demands. All go the same part
f of their way at the same time, from x_i(0) = X_i to 0; with g = Σ p / Σ_j (X_j/u_j)

    dt/df = D/(η g):   `sum` (Σ X + N₀/g)/η,   `norm` √(Σ X² + N₀²/g²)/η,   `constant` 1/(η g).

Without waste n skills take n θ/η under `sum` and √n θ/η under `norm`. Under `norm` no mixture is
faster: the levels move at the speed η, and this is the straight line (``docs/modularity.md``,
"Sampling in place of modules").

That is for hard gates. A soft gate opens on after its prerequisites are mastered, so they must go
on being sampled: `Balancer` then sets the frequencies again and again, as a trainer would.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from domino_sim.engines.events import Training
from domino_sim.gates import Gate
from domino_sim.graph import gate_of
from domino_sim.levels import Floats, Loss, logit
from domino_sim.pool import PoolSettings, division
from domino_sim.scenario import Scenario

__all__ = ["BalancedRun", "Balancer", "balanced_run"]

#: Gauss–Legendre points of a stretch, and the e-folds of the smallest unlearned part in one.
_POINTS, _WEIGHTS = np.polynomial.legendre.leggauss(6)
_FOLDS = 0.05

#: The least that a trainer sees left to mastery: what is nearly mastered is not to wait for what
#: has just opened.
_LITTLE = 0.05


@dataclass(frozen=True)
class BalancedRun:
    """One pool on a demand-balanced mixture.

    Attributes
    ----------
    mastered_at : (n_skills,)
        In steps; NaN where never.
    times : (k,)
        Rising steps.
    gains : (k, n_skills)
        Levels (mse) or logits (ce) at these.
    loss
        ``"mse"`` or ``"ce"``.
    """

    mastered_at: Floats
    times: Floats
    gains: Floats
    loss: Loss

    def levels(self, steps: Floats) -> Floats:
        """Return levels (len(steps), n_skills); interpolated between `times`."""
        columns = [np.interp(steps, self.times, gain) for gain in self.gains.T]
        return level_of_gain(np.stack(columns, axis=1), self.loss)


def level_of_gain(gain: Floats, loss: Loss) -> Floats:
    """Return the level of a gain: itself under mse, σ of it under ce."""
    return gain if loss == "mse" else 0.5 * (1.0 + np.tanh(0.5 * gain))


def balanced_run(scenario: Scenario) -> BalancedRun:
    """Train the skills of a scenario in one pool on a demand-balanced mixture.

    Parameters
    ----------
    scenario
        With hard gates, and any law but ``domino``, which serves one skill at a time whatever the
        mixture. A leak is not used, as what is not open is not sampled.

    Examples
    --------
    >>> skills = {name: {"frequency": p} for name, p in zip("ABCD", (0.7, 0.2, 0.09, 0.01))}
    >>> pool = {"law": "norm", "rate": 0.01}
    >>> run = balanced_run(Scenario.from_dict({"pool": pool, "skills": skills}))
    >>> run.mastered_at.round(6)  # √4 · 0.99 / 0.01
    array([198., 198., 198., 198.])
    """
    course = _Course(scenario)
    while course.next_mastery():
        pass
    return BalancedRun(
        course.mastered_at, np.array(course.times), np.array(course.gains), scenario.loss
    )


class _Course:
    """Where the skills are, from one mastery to the next."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario, self.loss = scenario, scenario.loss
        level = scenario.level_array()
        self.gain = level.copy() if self.loss == "mse" else logit(level)
        theta = scenario.mastery
        self.goal = theta if self.loss == "mse" else float(logit(theta))
        graph, names = scenario.skill_graph(), scenario.names
        self.gates: list[Gate | None] = [gate_of(graph, name) for name in names]
        self.index = {name: i for i, name in enumerate(names)}
        self.trained = scenario.frequency_array() > 0.0
        self.total = float(scenario.frequency_array().sum())
        settings = PoolSettings(**scenario.pool.model_dump())
        self.law, (self.rate, self.wasted) = settings.law, settings.derive()
        self.now = 0.0
        self.mastered_at = np.where(self.gain >= self.goal, 0.0, np.nan)
        self.times, self.gains = [0.0], [self.gain.copy()]

    def next_mastery(self) -> bool:
        """Go on to the next mastery; return whether there was one."""
        active = [
            i for i, gate in enumerate(self.gates)
            if self.trained[i] and np.isnan(self.mastered_at[i])
            and (gate is None or gate.is_open(self._is_mastered))
        ]  # fmt: skip
        if not active:
            return False
        here = np.array(active)
        self._go(here)
        self.gain[here] = self.goal
        self.mastered_at[here] = self.now
        return True

    def _is_mastered(self, name: str) -> bool:
        return bool(np.isfinite(self.mastered_at[self.index[name]]))

    def _unlearned(self, gain: Floats | float) -> Floats:
        return 1.0 - level_of_gain(np.asarray(gain, dtype=float), self.loss)

    def _go(self, here: np.ndarray) -> None:
        """Let the skills `here` go all of their way to mastery together."""
        start = self.gain[here]
        way = self.goal - start
        # Where the least unlearned skill ends, demands change fastest: stretches are e-folds of it.
        first = int(np.argmax(self._unlearned(start)))
        least = np.array([self._unlearned(start[first]), self._unlearned(self.goal)])
        pieces = int(np.clip(np.ceil(np.log(least[0] / max(least[1], 1e-300)) / _FOLDS), 4, 1000))
        left = np.geomspace(least[0], least[1], pieces + 1)
        gain = 1.0 - left if self.loss == "mse" else logit(1.0 - left)
        parts = (gain - start[first]) / way[first]
        parts[0], parts[-1] = 0.0, 1.0
        for low, high in pairwise(parts.tolist()):
            part = low + 0.5 * (high - low) * (_POINTS + 1.0)
            self.now += 0.5 * (high - low) * float(self._slowness(start, way, part) @ _WEIGHTS)
            self.gain[here] = start + high * way
            self.times.append(self.now)
            self.gains.append(self.gain.copy())

    def _slowness(self, start: Floats, way: Floats, part: Floats) -> Floats:
        """Return dt/df = D/(η g) at parts f of the way (k,)."""
        ask = way[:, None] / self._unlearned(start[:, None] + way[:, None] * part)
        g = self.total / ask.sum(axis=0)
        return division(way[:, None] * g, self.wasted, self.law) / (self.rate * g)


class Balancer:
    """A process of the `events` engine that balances demands at every mastery and now and then.

    Parameters
    ----------
    scenario
        What is trained. Sampled are skills that are open and not mastered, by (θ − s)/u; with soft
        gates also mastered ones that a skill which is not needs, as one that is not learned at all.
    every
        Steps between two looks at the levels.
    """

    def __init__(self, scenario: Scenario, every: float) -> None:
        self._needed_by = scenario.skill_graph().succ if scenario.gate.kind == "soft" else {}
        self._every, self._mastery = every, scenario.mastery

    def __call__(self, training: Training) -> Iterator[Any]:
        """Run beside the skills."""
        usual = {name: training.frequency(name) for name in training.names}
        total = sum(usual.values())
        while True:
            ask = {name: self._ask(training, name) for name in training.names if usual[name]}
            whole = sum(ask.values())
            if not whole:
                return
            for name, part in ask.items():
                training.set_frequency(name, total * part / whole)
            yield training.next_mastery() | training.env.timeout(self._every)

    def _ask(self, training: Training, name: str) -> float:
        """Return (θ − s)/u of a skill that is to be sampled, 0 of others."""
        if training.is_mastered(name):
            dependents = self._needed_by.get(name, ())
            return float(any(not training.is_mastered(other) for other in dependents))
        if not training.is_open(name):
            return 0.0
        level = training.level(name)
        return max(self._mastery - level, _LITTLE) / max(1.0 - level, 1.0 - self._mastery)
