"""What is kept of the replicas of a predicted run."""

from __future__ import annotations

import numpy as np

from domino_sim.levels import Floats, Ints
from domino_sim.meanfield.setting import TINY, GradientSetting

#: Instants at which the spread of runs is worked out: at least, at most, and one in how many
#: steps. Between them it is interpolated.
FEWEST_INSTANTS, MOST_INSTANTS, STEPS_AN_INSTANT = 32, 128, 60

#: Steps kept at each instant: as many as tell a jump to and fro from a drift.
KEPT = 4

#: Angles worked out a step: with many skills, in fewer replicas.
MOST_ANGLES = 256


class Record:
    """Collects blocks of steps.

    Attributes
    ----------
    level, variance
        (steps + 1, n_skills): mean over the replicas, and variance between them.
    aligned
        (steps + 1, n_skills), float32: part of the dimensions aligned with each skill.
    instants
        (instants,): steps, increasing, the first is 0.
    unlearned, weights
        (instants, KEPT, n_skills, replicas), at the instants and just before (at the first few
        steps the first is repeated).
    """

    def __init__(self, setting: GradientSetting, replicas: int) -> None:
        steps, n_skills = setting.steps, len(setting.frequencies)
        self.setting = setting
        self.level = np.empty((steps + 1, n_skills))
        self.variance = np.empty((steps + 1, n_skills), dtype=np.float32)
        self.aligned = np.empty((steps + 1, n_skills), dtype=np.float32)
        self.instants = instants(steps)
        before = np.arange(1 - KEPT, 1)
        self._wanted = np.maximum(self.instants[:, np.newaxis] + before, 0)
        self.unlearned = np.empty((*self._wanted.shape, n_skills, replicas))
        self.weights = np.empty_like(self.unlearned)

    def add(self, first: int, unlearned: Floats, weights: Floats) -> None:
        """Take over a block of steps, arrays of the shape (steps, n_skills, replicas)."""
        rows = slice(first, first + len(unlearned))
        replicas = unlearned.shape[2]
        if replicas == 2:
            one, other = unlearned[..., 0], unlearned[..., 1]
            mean = 0.5 * (one + other)
            # The two are no sample: they are opposite by design.
            self.variance[rows] = np.square(one - mean)
        else:
            even = np.full(replicas, 1.0 / replicas)
            mean = unlearned @ even
            variance = np.square(unlearned) @ even - np.square(mean)
            self.variance[rows] = np.maximum(variance, 0.0) * (replicas / (replicas - 1))
        np.subtract(1.0, mean, out=self.level[rows])
        if self.setting.batch_size is None and self.setting.optimizer != "adam":
            # Replicas differ by the sign of what jumps, if at all: one angle does for both.
            self.aligned[rows] = self._alignment(unlearned[..., 0], mean, self.setting.frequencies)
        else:
            self.aligned[rows] = self._mean_alignment(unlearned, weights)
        inside = (self._wanted >= rows.start) & (self._wanted < rows.stop)
        self.unlearned[inside] = unlearned[self._wanted[inside] - first]
        self.weights[inside] = weights[self._wanted[inside] - first]

    def _mean_alignment(self, unlearned: Floats, weights: Floats) -> Floats:
        n_skills, replicas = unlearned.shape[1:]
        used = min(replicas, max(2, MOST_ANGLES // n_skills))
        each = [
            self._alignment(unlearned[..., r], unlearned[..., r], weights[..., r])
            for r in range(used)
        ]
        return np.mean(each, axis=0)

    def _alignment(self, sized: Floats, signed: Floats, weights: Floats) -> Floats:
        """Return ½ + asin(a_i/D)/π, the quadrant probability of a Gaussian pair.

        D is taken from the unlearned parts `sized`, a from `signed`.
        """
        demand = weights * sized
        total = np.einsum("ki,ki->k", demand, demand) + (self.setting.wasted**2 + TINY)
        np.multiply(weights, signed, out=demand)
        demand /= np.sqrt(total)[:, np.newaxis]
        np.clip(demand, -1.0, 1.0, out=demand)
        np.arcsin(demand, out=demand)
        demand *= 1.0 / np.pi
        demand += 0.5
        return demand


def instants(steps: int) -> Ints:
    """Return increasing steps from 0 to `steps`, half of them evenly spaced, half by ratios."""
    half = min(max(steps // STEPS_AN_INSTANT, FEWEST_INSTANTS), MOST_INSTANTS) // 2
    even = np.linspace(0.0, steps, half)
    ratios = np.geomspace(1.0, max(steps, 1), half)
    return np.unique(np.rint(np.concatenate((even, ratios))).astype(np.int64).clip(0, steps))
