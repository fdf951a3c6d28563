"""SGD: no competition, each projection moves by g₀ lr w_i u_i a step."""

from __future__ import annotations

import math

import numpy as np

from domino_sim.levels import Floats
from domino_sim.meanfield.batches import SEED, replica_count, weight_blocks
from domino_sim.meanfield.record import Record
from domino_sim.meanfield.setting import GradientSetting


def step_sgd(setting: GradientSetting, record: Record) -> None:
    """Step `setting`, an SGD run, into `record`.

    Under squared error the mean over batches and noise is E u = Π (1 − g₀ lr p), exactly, since a
    batch knows nothing of the ones before; this mean replaces that of the replicas.
    """
    p, replicas = setting.frequencies, replica_count(setting)
    squared = setting.loss == "mse"
    left = np.full((len(p), replicas), 1.0 if squared else 0.0)
    rate = -setting.rate if squared else setting.rate
    kicks = np.random.default_rng(SEED + 1)
    for first, weights in weight_blocks(setting, replicas):
        unlearned = np.empty(weights.shape)
        for u, w in zip(unlearned, weights, strict=True):
            u[...] = left if squared else 1.0 / (1.0 + np.exp(left))
            left += rate * w * u
            if setting.noise:
                left += setting.lr * setting.noise * kicks.standard_normal(left.shape)
        record.add(first, unlearned, weights)
    if squared:
        record.level[:] = 1.0 - _powers(1.0 - setting.rate * p, setting.steps)


def _powers(base: Floats, steps: int) -> Floats:
    """Return base^k, (steps + 1, n)."""
    k = np.arange(steps + 1.0)[:, np.newaxis]
    with np.errstate(divide="ignore"):
        size = np.exp(k * np.log(np.abs(base)), where=k > 0, out=np.ones((steps + 1, len(base))))
    return np.where((base < 0.0) & (k % 2 == 1), -size, size)


def diverges(setting: GradientSetting) -> float | None:
    """Return the largest stable learning rate if that of an SGD run on squared error is not."""
    largest = 2.0 / (setting.g0 * float(setting.frequencies.max(initial=1e-300)))
    unstable = setting.optimizer == "sgd" and setting.loss == "mse" and setting.lr > largest
    return largest if unstable and math.isfinite(largest) else None
