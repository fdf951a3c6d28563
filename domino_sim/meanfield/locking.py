"""Locked coordinates: how much slower skills learn beside one that jumps to and fro.

``docs/theory.md``, "Locked coordinates", derives what is computed here. A mastered skill with a
long step flips the sign of its demand at every update, and with it the sign of every coordinate of
the gradient in which it is the largest. Those coordinates are *locked*: they undo what they did.
Only a few free ones serve the other skills; and mastered skills, which stay where they are, hold
one degree of freedom each. What is left for the rest is a problem of robust regression, with as
many parameters as mastered skills and as many observations as dimensions.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from scipy.special import erfc

from domino_sim.levels import Floats
from domino_sim.meanfield.setting import TINY

#: A skill is locked if it flips at every step and holds this part of D.
LEAST_SHARE = 0.1

#: Variance of the sign of a Gaussian that is not explained by the Gaussian itself.
UNEXPLAINED = 1.0 - 2.0 / math.pi

_MEAN_ABS = math.sqrt(2.0 / math.pi)


@cache
def crowding_table() -> tuple[Floats, Floats, Floats]:
    """Return crowding, which grows from 0 to 1.38, and slowing and unrest at it, (4001,) each.

    With x a standard normal and ℓ ≥ 0 the ratio of the proximal step to the spread of the free
    part: g = E min(|x|, ℓ), q = E of min(y, ℓ)² integrated over y from 0 to |x|, r = q/g. Then
    crowding is g/√(1 − r), slowing g/ℓ, and unrest √(r/(1 − r)/(crowding √(2/π))).
    """
    ratio = np.geomspace(1e-4, 300.0, 4000)
    density = _MEAN_ABS * np.exp(-0.5 * ratio * ratio)
    beyond = erfc(ratio / math.sqrt(2.0))
    g = _MEAN_ABS - density + ratio * beyond
    third = 2.0 * _MEAN_ABS - (ratio * ratio + 2.0) * density
    q = third / 3.0 + ratio**2 * density - (2.0 / 3.0) * ratio**3 * beyond
    r = q / g
    crowding = np.maximum.accumulate(g / np.sqrt(1.0 - r))
    unrest = np.sqrt(r / (1.0 - r) / (crowding * _MEAN_ABS))
    return (
        np.concatenate(([0.0], crowding)),
        np.concatenate(([1.0], g / ratio)),
        np.concatenate(([1.0], unrest)),
    )


def slowing(crowding: Floats) -> Floats:
    """Return the factor by which learning slows: 1 without `crowding`, 0 above 1.38."""
    table, factor, _ = crowding_table()
    return np.interp(crowding, table, factor, right=0.0)


def unrest(crowding: Floats) -> Floats:
    """Return the factor by which skills stray further than few free coordinates explain."""
    table, _, factor = crowding_table()
    return np.interp(crowding, table, factor)


def find_locks(
    unlearned: Floats, frequencies: Floats, n_dim: int, division: Floats, gain: float = 1.0
) -> tuple[Floats, Floats] | None:
    """Return which skills are free, 1 or 0 (n_skills, replicas), and what is held (replicas,).

    None where nothing locks. What is held, over the size of the free demands, is the crowding.

    Parameters
    ----------
    unlearned
        (4, n_skills, replicas): signed unlearned parts at the last four steps.
    frequencies
        (n_skills, 1).
    n_dim
        Dimensions of the run.
    division
        D at the last step, (replicas,).
    gain
        What is left of a demand that flips at every step in the average that Signum takes.
    """
    demand = gain * frequencies * unlearned
    flips = (demand[1:] * demand[:-1] < 0.0).all(axis=0)
    locked = flips & (np.abs(demand[-1]) > LEAST_SHARE * division)
    if not locked.any():
        return None
    free = 1.0 - locked
    jump = np.sqrt(np.square(0.5 * (demand[-1] - demand[-2]) * locked).sum(axis=0))
    mastered = (np.maximum(1.0 - np.square(unlearned[-1]), 0.0) * free).sum(axis=0) / n_dim
    return free, mastered * jump / _MEAN_ABS


def crowding(locks: tuple[Floats, Floats], square: Floats, waste: float) -> Floats:
    """Return the crowding (replicas,), of squared demands (n_skills, replicas) and N₀²."""
    free, held = locks
    rest = np.einsum("ir,ir->r", free, square)
    rest += waste + TINY
    np.sqrt(rest, out=rest)
    return held / rest


def slowed(locks: tuple[Floats, Floats], square: Floats, waste: float) -> Floats:
    """Return the factor on every skill's step, (n_skills, replicas); arguments of `crowding`."""
    lost = slowing(crowding(locks, square, waste))
    lost -= 1.0
    factor = locks[0] * lost
    factor += 1.0
    return factor
