"""Sampled batches: replicas of a run, each with batches of its own."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from domino_sim.levels import Floats
from domino_sim.meanfield.setting import GradientSetting

#: Replicas of a run with sampled batches: the mean of 16 differs from the mean of infinitely many
#: by a quarter of what one run does. Fewer where skills are so many that drawing costs too much.
MOST_REPLICAS, FEWEST_REPLICAS = 16, 4
REPLICAS_TIMES_SKILLS = 2400

#: Numbers in one block of steps, which is held in memory as a whole.
BLOCK_NUMBERS = 60_000
MOST_BLOCK_STEPS = 1024

#: A prediction is deterministic: the batches it averages over are always the same ones.
SEED = 20250121


def replica_count(setting: GradientSetting) -> int:
    """Return how many replicas stand for all runs of `setting`, an even number.

    Two will do where nothing is left to chance: all they differ in is which way they are nudged
    (`domino_sim.meanfield.sign`). Noise is left to chance in SGD alone.
    """
    if setting.batch_size is None and not (setting.optimizer == "sgd" and setting.noise):
        return 2
    wanted = REPLICAS_TIMES_SKILLS // len(setting.frequencies)
    return min(max(wanted, FEWEST_REPLICAS), MOST_REPLICAS) // 2 * 2


def weight_blocks(
    setting: GradientSetting, replicas: int, multiple: int = 1
) -> Iterator[tuple[int, Floats]]:
    """Yield (first step, weights) of one block of steps after the other.

    Weights have the shape (steps of the block, n_skills, replicas): what each skill has in each
    replica's batch, Σ p · count / batch size. With exact batches they are the frequencies, and
    the first axis only repeats them. A block has a number of steps that `multiple` divides, but
    for the last one. Together they hold ``setting.steps + 1`` steps, the last for the demands
    after the last update.
    """
    p = setting.frequencies
    most = BLOCK_NUMBERS // (len(p) * replicas) // multiple * multiple
    length = min(max(most, multiple), MOST_BLOCK_STEPS // multiple * multiple)
    total = float(p.sum())
    generator = np.random.default_rng(SEED)
    for first in range(0, setting.steps + 1, length):
        steps = min(length, setting.steps + 1 - first)
        shape = (steps, len(p), replicas)
        if setting.batch_size is None:
            yield first, np.broadcast_to(p[:, np.newaxis], shape)
            continue
        counts = generator.multinomial(setting.batch_size, p / total, size=(steps, replicas))
        weights = np.empty(shape)
        np.multiply(counts.transpose(0, 2, 1), total / setting.batch_size, out=weights)
        yield first, weights
