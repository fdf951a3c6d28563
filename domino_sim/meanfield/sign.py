"""SignGD and Signum in the limit of many dimensions, step by step.

A sign step along Gaussian task vectors moves the level of skill i by η a_i/D, with the demands a =
w u of the batch and D = √(Σ a_j² + N₀²) (``docs/theory.md``, "Mean field of gradient runs"). For
n_dim → ∞ this holds step by step, with signed u: so the *map* is stepped, not its differential
equation, and the jumps of mastered skills by which the step size wastes the pool come out too.

Signum takes the sign of a moving average of gradients, which is Gaussian as well: the same moving
average of the demands takes the place of a, and the noise in it that of N₀.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from domino_sim.levels import Floats
from domino_sim.meanfield.batches import replica_count, weight_blocks
from domino_sim.meanfield.locking import find_locks, slowed
from domino_sim.meanfield.record import Record
from domino_sim.meanfield.setting import TINY, GradientSetting

#: A mastered skill that a long step would throw off balance stays put if it is exactly at level
#: 1, as it is in the map but in no real run. So now and then half of the replicas are nudged one
#: way by this part of lr, the others the other way, in turns.
NUDGE = 0.1

#: A skill that has been less unlearned than this without jumping to and fro has forgotten its
#: phase: in which half of the runs it is up at even steps is chance.
SETTLED = 0.05

#: Steps after which replicas are nudged and it is looked again whether coordinates are locked:
#: often at first, when a run with a long step changes from one to the next.
LOOK, LOOK_LATER, LATER = 8, 32, 256


def step_signs(setting: GradientSetting, record: Record) -> None:
    """Step the map of `setting`, a SignGD or Signum run, into `record`."""
    replicas = replica_count(setting)
    state = _State(setting, replicas)
    for first, weights in weight_blocks(setting, replicas, LOOK_LATER):
        # One row more, for the unlearned parts with which the next block begins.
        unlearned = np.empty((len(weights) + 1, *weights.shape[1:]))
        begin = 0
        while begin < len(weights):
            look = LOOK if first + begin < LATER else LOOK_LATER
            end = min(begin + look, len(weights))
            state.steps(unlearned[begin : end + 1], weights[begin:end])
            if end - begin == look:
                state.look(unlearned[end - 4 : end], weights[end - 1])
            begin = end
        record.add(first, unlearned[:-1], weights)


class _State:
    """What the replicas, (n_skills, replicas), carry from one step to the next."""

    def __init__(self, setting: GradientSetting, replicas: int) -> None:
        self.setting = setting
        self.p = setting.frequencies[:, np.newaxis]
        shape = (len(self.p), replicas)
        self.beta = setting.betas[0] if setting.optimizer == "signum" else 0.0
        self.average = np.zeros(shape)
        self.logit = np.zeros(shape)  # of cross entropy
        self.unlearned = np.full(shape, 1.0 if setting.loss == "mse" else 0.5)
        self.pace = np.empty(replicas)  # D/η
        self.nudge = np.full(shape, NUDGE * setting.lr)
        self.nudge[:, ::2] *= -1.0
        self.settled = np.zeros(shape, dtype=bool)
        self.waste = 0.0 if self.beta else setting.wasted**2
        self.locks: tuple[Floats, Floats] | None = None
        self.factor: Floats | None = None
        self.narrow = float(self.p.max()) * flip_gain(setting)

    def steps(self, unlearned: Floats, weights: Floats) -> None:
        """Fill `unlearned`: the first row with u as it is, each further one with u a step on."""
        setting = self.setting
        squared, beta = setting.loss == "mse", self.beta
        move, average, pace = np.empty_like(self.average), self.average, self.pace
        # N₀² is one more square to add. The dot product is the quickest sum NumPy has.
        squares = np.empty((len(move) + 1, len(pace)))
        squares[-1] = setting.wasted**2 + TINY
        per_rate = np.full(len(squares), setting.rate**-2)
        square = squares[:-1]
        fresh = ((1.0 - beta) * setting.wasted) ** 2
        if beta:
            weights = weights * (1.0 - beta)
        demand = average if beta else move
        unlearned[0] = self.unlearned
        for u, w, after in zip(unlearned[:-1], weights, unlearned[1:], strict=True):
            np.multiply(w, u, out=move)
            if beta:
                average *= beta
                average += move
                self.waste = beta * beta * self.waste + fresh
                squares[-1] = self.waste + TINY
            np.multiply(demand, demand, out=square)
            per_rate.dot(squares, pace)
            np.sqrt(pace, out=pace)
            np.divide(demand, pace, out=move)
            if self.factor is not None:
                move *= self.factor
            elif self.locks is not None:
                move *= slowed(self.locks, square, self.waste)
            if squared:
                np.subtract(u, move, out=after)
            else:
                self.logit += move
                np.exp(self.logit, out=after)
                after += 1.0
                np.divide(1.0, after, out=after)
        self.unlearned = unlearned[-1]

    def look(self, last: Floats, weights: Floats) -> None:
        """Nudge the replicas, and see whether coordinates are locked; `last`: u of four steps.

        Under cross entropy u stays positive, and nothing is thrown off balance.
        """
        if self.setting.loss == "ce":
            return
        self.unlearned += self.nudge
        np.negative(self.nudge, out=self.nudge)
        self.locks = self.factor = None
        if self.pace.min() < self.narrow:
            gain, division = flip_gain(self.setting), self.setting.rate * self.pace
            self.locks = find_locks(last, self.p, self.setting.n_dim, division, gain)
        if self.locks is None:
            self.settled |= np.abs(last[-1]) < SETTLED
            return
        self.oppose(self.locks[0] == 0.0, last[-1] - last[-2])
        if self.setting.batch_size is None:
            # What is demanded changes little from step to step, unless batches are sampled.
            demand = self.average if self.beta else weights * last[-1]
            self.factor = slowed(self.locks, np.square(demand), self.waste)

    def oppose(self, locked: NDArray[np.bool_], swing: Floats) -> None:
        """Let every second replica jump up where the one before it jumps down."""
        even, odd = slice(0, None, 2), slice(1, None, 2)
        alike = locked[:, even] & locked[:, odd] & self.settled[:, odd]
        alike &= swing[:, even] * swing[:, odd] > 0.0
        self.unlearned[:, odd] += alike * swing[:, odd]
        self.average[:, odd] *= 1.0 - 2.0 * alike


def flip_gain(setting: GradientSetting) -> float:
    """Return what is left of a demand that flips at every step in Signum's moving average."""
    beta = setting.betas[0] if setting.optimizer == "signum" else 0.0
    return (1.0 - beta) / (1.0 + beta)
