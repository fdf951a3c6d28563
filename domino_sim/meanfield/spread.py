"""How far one gradient run strays from the mean: the error of a prediction.

Runs differ by their task vectors. What a sign step does along skill i is, in a run with finitely
many dimensions, η a_i/D + lr ζ_i, where ζ_i is a Gaussian field of the direction of the demands
with covariance (2/π)(asin ρ − ρ) between two steps whose demands have the cosine ρ. Random task
vectors that were not made orthonormal overlap as well, and what one skill moves by, v, moves
another by v/√n_dim (``docs/theory.md``, "How far runs stray").

The levels' response to this forcing is linearised about the mean, on a few instants, for a number
of sample fields; the standard deviation over the samples is the answer.
"""

from __future__ import annotations

import math

import numpy as np

from domino_sim.levels import Floats
from domino_sim.meanfield.batches import SEED
from domino_sim.meanfield.locking import UNEXPLAINED, crowding, find_locks, slowing, unrest
from domino_sim.meanfield.record import Record
from domino_sim.meanfield.setting import TINY
from domino_sim.meanfield.sign import flip_gain

#: Sample fields: at least, at most, and how many for one skill and step. The standard deviation
#: of 12 samples is right to 20 %, that of 64 to 9 %.
FEWEST_SAMPLES, MOST_SAMPLES, SAMPLES_A_STEP = 12, 64, 0.25

#: Replicas over which cosines are averaged.
MOST_REPLICAS = 4

#: A skill this much unlearned is still learning.
UNLEARNED = 0.05

#: The pull of all skills on D is 1 at most; where it is guessed to be more, it is not.
MOST_PULL = 0.95


def run_spread(record: Record) -> tuple[Floats, Floats]:
    """Return the variance of levels over task vectors, (instants, n_skills): orthonormal, random.

    What sampled batches and Adam's own coordinates add is not in it.
    """
    gap = np.diff(record.instants, prepend=0)[:, np.newaxis].astype(float)
    direction, division = _directions(record)
    velocity = _velocity(record)
    damping, pull, push, factor = _response(record, division, velocity)
    forcing = _forcing(record, direction, velocity, factor, gap)
    n_skills, samples = forcing.shape[1], forcing.shape[2] // 2
    # Implicit Euler steps: some strays die out within a gap.
    kept = 1.0 / (1.0 + gap * damping)
    carried = gap * kept * push
    regained = 1.0 / (1.0 - np.minimum(np.einsum("gi,gi->g", pull, carried), MOST_PULL))
    moved = np.zeros((n_skills, 2 * samples))
    out = np.empty((2, len(gap), n_skills))
    for g in range(len(gap)):
        moved += forcing[g]
        moved *= kept[g][:, np.newaxis]
        moved += np.outer(carried[g], (pull[g] @ moved) * regained[g])
        out[:, g] = np.square(moved).reshape(n_skills, 2, samples).mean(axis=2).T
    if record.setting.loss == "ce":
        u = record.unlearned[:, -1].mean(axis=2)
        out *= np.square(u * (1.0 - u))
    return out[0], out[1]


def _forcing(
    record: Record, direction: Floats, velocity: Floats, factor: Floats, gap: Floats
) -> Floats:
    """Return what the sample fields move each skill by between instants.

    The shape is (instants, n_skills, samples): first for orthonormal task vectors, then the same
    number for random ones.
    """
    setting = record.setting
    n, n_skills = velocity.shape
    overlap = velocity @ velocity.T / setting.n_dim
    field, fresh = np.zeros_like(overlap), np.zeros(n)
    if setting.optimizer in ("signgd", "signum"):
        field, fresh = (setting.lr**2 * found for found in _field(record, direction))
    generator = np.random.default_rng(SEED + 3)
    wanted = int(SAMPLES_A_STEP * setting.steps / n_skills)
    samples = min(max(wanted, FEWEST_SAMPLES), MOST_SAMPLES)
    normals = generator.standard_normal((n, n_skills * samples))
    fields = [_root(kernel) @ normals for kernel in (field, field + overlap)]
    forcing = np.concatenate([found.reshape(n, n_skills, samples) for found in fields], axis=2)
    # A skill that has D to itself moves by the mean of |t|, which hardly varies.
    share = np.square(direction).mean(axis=(1, 3))
    forcing *= (gap * factor * np.sqrt(np.maximum(1.0 - share, 0.0)))[:, :, np.newaxis]
    if fresh.any():
        shock = factor * np.sqrt(gap * fresh[:, np.newaxis])
        forcing += shock[:, :, np.newaxis] * generator.standard_normal(forcing.shape)
    return forcing


def _directions(record: Record) -> tuple[Floats, Floats]:
    """Return a/D of the last two steps of each instant (instants, 2, n_skills, replicas), and D.

    Signum's moving average of demands is that of many batches, and so is its noise.
    """
    setting = record.setting
    weights, wasted = record.weights[:, -2:], setting.wasted
    if setting.optimizer == "signum":
        beta = setting.betas[0]
        weights = setting.frequencies[:, np.newaxis]
        wasted = wasted * math.sqrt((1.0 - beta) / (1.0 + beta))
    demand = weights * record.unlearned[:, -2:]
    division = np.sqrt(np.square(demand).sum(axis=2, keepdims=True) + wasted**2 + TINY)
    return demand / division, division[:, :, 0]


def _field(record: Record, direction: Floats) -> tuple[Floats, Floats]:
    """Return the covariance of ζ between instants, and what is fresh at every step."""
    direction = direction[..., :MOST_REPLICAS]
    n, _, n_skills, replicas = direction.shape
    points = direction.transpose(3, 0, 1, 2).reshape(replicas, 2 * n, n_skills)
    cosine = np.clip(points @ points.transpose(0, 2, 1), -1.0, 1.0)
    kernel = ((2.0 / math.pi) * (np.arcsin(cosine) - cosine)).mean(axis=0)
    kernel = kernel.reshape(n, 2, n, 2)
    lasting = kernel[np.arange(n), 0, np.arange(n), 1]
    between = kernel.mean(axis=(1, 3))
    # The same step twice says nothing of what lasts: noise and batch are the same, too.
    between[np.arange(n), np.arange(n)] = 0.5 * (lasting + np.abs(lasting))
    fresh = np.maximum(UNEXPLAINED - np.abs(lasting), 0.0)
    fresh[fresh < 1e-3 * UNEXPLAINED] = 0.0
    if record.setting.optimizer == "signum":
        beta = record.setting.betas[0]
        fresh *= (1.0 + beta) / (1.0 - beta)
    return between, fresh


def _velocity(record: Record) -> Floats:
    """Return what the mean moves by a step, (instants, n_skills): the level, or the logit."""
    at = record.level[record.instants]
    if record.setting.loss == "ce":
        at = np.clip(at, 1e-12, 1.0 - 1e-12)
        at = np.log(at) - np.log1p(-at)
    gaps = np.maximum(np.diff(record.instants, prepend=0), 1)
    return np.diff(at, axis=0, prepend=at[:1]) / gaps[:, np.newaxis]


def _root(kernel: Floats) -> Floats:
    """Return R with R Rᵀ = `kernel`, its negative eigenvalues (of rounding) taken as zero."""
    values, vectors = np.linalg.eigh(kernel)
    return vectors * np.sqrt(np.maximum(values, 0.0))


def _response(
    record: Record, division: Floats, velocity: Floats
) -> tuple[Floats, Floats, Floats, Floats]:
    """Return damping, pull, push and the factor on ζ at each instant, (instants, n_skills).

    A stray x of the projections decays at `damping` x, and as D changes with it everything moves
    on at a rate changed by `push` (`pull` · x). Where coordinates are locked all is slowed.
    """
    setting = record.setting
    p = setting.frequencies
    u = record.unlearned[:, -2:].mean(axis=(1, 3))
    relative = np.ones_like(u) if setting.loss == "mse" else u * (1.0 - u)
    none, whole = np.zeros_like(u), np.ones_like(u)
    if setting.optimizer == "sgd":
        return setting.rate * p * relative, none, none, whole
    ahead = np.maximum(velocity, 0.0)
    learning = ahead / np.maximum(u, UNLEARNED) * relative
    if setting.optimizer == "adam":
        return learning, none, none, whole
    narrow = setting.rate * float(p.max()) * flip_gain(setting)
    strays = np.ones_like(u)
    for g in np.flatnonzero((setting.loss == "mse") & (division[:, 1].min(axis=1) < narrow)):
        locks = find_locks(
            record.unlearned[g], p[:, np.newaxis], setting.n_dim, division[g, 1],
            flip_gain(setting),
        )  # fmt: skip
        if locks is not None:
            demand = record.weights[g, -1] * record.unlearned[g, -1]
            crowd = crowding(locks, np.square(demand), setting.wasted**2)
            whole[g] += (locks[0] * (slowing(crowd) - 1.0)).mean(axis=1)
            strays[g] += (locks[0] * (slowing(crowd) * unrest(crowd) - 1.0)).mean(axis=1)
    speed = setting.rate * (1.0 / division).mean(axis=(1, 2))[:, np.newaxis] * whole * p * relative
    # While a skill learns, its own speed is the better guess: with few samples in a batch it
    # learns at the steps at which it is in it, and D is larger then.
    damping = np.where(u > UNLEARNED, learning, speed)
    # With few samples skills seldom meet in a batch, and hardly feel what they do to D.
    pull = np.square(p) * u * relative / np.square(division).mean(axis=(1, 2))[:, np.newaxis]
    return damping, pull, ahead, strays
