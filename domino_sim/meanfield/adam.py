"""Adam: virtual coordinates that carry its two moments.

Adam divides by the size of past gradients, coordinate by coordinate, so its mean field is no
formula of the demands. But coordinates meet only through the levels: so a few hundred *virtual*
ones, each with a Gaussian component z_ik along every skill, stand for all n_dim of them. As many
components as there are dimensions would make a gradient run; the groups are such runs, each with
its own z, made orthonormal over the group.
"""

from __future__ import annotations

import math

import numpy as np

from domino_sim.levels import Floats
from domino_sim.meanfield.batches import SEED, weight_blocks
from domino_sim.meanfield.record import Record
from domino_sim.meanfield.setting import GradientSetting

#: Virtual coordinates of a group.
MOST_COORDINATES = 1024

#: Groups of virtual coordinates; twice as many, in pairs with the same batches, if batches are
#: sampled, so that the spread due to batches can be told from that due to coordinates.
GROUPS = 4

#: Adam's own, in units of the gradient.
EPSILON = 1e-8


def group_count(setting: GradientSetting) -> int:
    """Return the number of groups of virtual coordinates."""
    return GROUPS if setting.batch_size is None else 2 * GROUPS


def step_adam(setting: GradientSetting, record: Record) -> None:
    """Step `setting`, an Adam run, into `record`."""
    groups, n_skills = group_count(setting), len(setting.frequencies)
    coordinates = min(setting.n_dim, MOST_COORDINATES)
    generator = np.random.default_rng(SEED + 2)
    z = _components(groups, n_skills, coordinates, generator)
    squared = setting.loss == "mse"
    left = np.full((n_skills, groups), 1.0 if squared else 0.0)
    moments = np.zeros((2, groups, 1, coordinates))
    spread = 1 if setting.batch_size is None else 2
    along = setting.lr * math.sqrt(setting.n_dim) / coordinates * (1.0 if squared else -1.0)
    step = 0
    for first, drawn in weight_blocks(setting, groups // spread):
        weights = np.repeat(drawn, spread, axis=2)
        unlearned = np.empty(weights.shape)
        for u, w in zip(unlearned, weights, strict=True):
            u[...] = left if squared else 1.0 / (1.0 + np.exp(left))
            step += 1
            demand = (w * u).T[:, np.newaxis]
            gradient = demand @ z
            gradient *= -setting.g0 / math.sqrt(setting.n_dim)
            if setting.noise:
                gradient += setting.noise * generator.standard_normal(gradient.shape)
            direction = _direction(gradient, moments, setting.betas, step)
            left += along * (z @ direction.transpose(0, 2, 1))[:, :, 0].T
        record.add(first, unlearned, weights)
    _separate(record, setting, coordinates)


def _components(
    groups: int, n_skills: int, coordinates: int, generator: np.random.Generator
) -> Floats:
    """Return z (groups, n_skills, coordinates): Σ_k z_ik z_jk = coordinates·δ_ij in each group."""
    drawn = generator.standard_normal((groups, coordinates, n_skills))
    basis = np.linalg.qr(drawn).Q.transpose(0, 2, 1)
    return np.ascontiguousarray(basis) * math.sqrt(coordinates)


def _direction(
    gradient: Floats, moments: Floats, betas: tuple[float, float], step: int
) -> Floats:
    """Update both moments in place and return what Adam moves by, divided by lr."""
    mean, square = moments
    mean *= betas[0]
    mean += (1.0 - betas[0]) * gradient
    square *= betas[1]
    gradient *= gradient
    square += (1.0 - betas[1]) * gradient
    root = np.sqrt(square)
    root *= 1.0 / math.sqrt(1.0 - betas[1] ** step)
    root += EPSILON
    np.divide(mean, root, out=root)
    root *= 1.0 / (1.0 - betas[0] ** step)
    return root


def _separate(record: Record, setting: GradientSetting, coordinates: int) -> None:
    """Scale the spread that comes of few coordinates to the n_dim of a run.

    Only where there are fewer virtual coordinates than dimensions, and with exact batches: the
    spread due to batches does not depend on them.
    """
    if setting.batch_size is None:
        record.variance *= coordinates / setting.n_dim
