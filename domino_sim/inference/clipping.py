"""Levels that were clipped to 0 to 1: what was beyond is put at where it is expected.

Noise around 1 that is clipped is off to one side, and no mean takes that away.

Shapes are (runs, records, n), as in `Records`.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from domino_sim.inference.noise import rounding_step
from domino_sim.inference.records import LEAST_NOISE, Records
from domino_sim.levels import Floats

__all__ = ["Unclipped", "unclip"]

#: Levels are clipped at a bound if so many records are exactly there, and at least half as many
#: among them are not, by more than so many steps of rounding (the median): counts that are mostly
#: all right are off by one or two.
_MANY, _HALF, _STEPS = 20, 0.5, 2.5

#: Rounds in which noise and levels are fitted in turn.
_ROUNDS = 12


class Unclipped(NamedTuple):
    """Levels with those that were clipped where they are expected, and the noise."""

    level: Floats
    sigma: float
    bounds: tuple[float, ...]


def unclip(level: Floats, known: np.ndarray) -> Unclipped | None:
    """Return the levels as if they had not been clipped, or None if they were not.

    What is beyond a bound is taken for the rest of a normal distribution around the nearest rising
    curve: its mean there is put in its place (the expectation step of Dempster, Laird & Rubin's EM
    of censored values), curve and σ are found again, and so on.
    """
    step = rounding_step(level[known])
    scatter = {bound: _scatter(level, known, bound) for bound in (0.0, 1.0)}
    bounds = tuple(bound for bound, (there, off) in scatter.items() if _is_cut(there, off, step))
    if not bounds:
        return None
    sigma = math.sqrt(float(np.mean(np.concatenate([scatter[b][1] for b in bounds]) ** 2)))
    ends = np.isin(level, bounds) & known
    side = np.where(ends, np.where(level > 0.0, 1.0, -1.0), 0.0)
    full, weight = level, known.astype(float)
    for _ in range(_ROUNDS):
        smooth = Records(full, weight).smooth
        mean = np.clip(smooth, 0.0, 1.0)
        beyond, spread = _beyond((side > 0.0) - mean, side, sigma)
        full = np.where(ends, mean + beyond, level)
        square = np.where(ends, spread, (level - mean) ** 2)
        sigma = max(math.sqrt(float(square[known].sum()) / _free(mean, known)), LEAST_NOISE)
    return Unclipped(full, sigma, bounds)


def _scatter(level: Floats, known: np.ndarray, bound: float) -> tuple[int, Floats]:
    """Return how many records are exactly at a bound, and how far those among them are off.

    None are among them if any level is beyond. Among: before the last at 0, after the first at 1.
    """
    off = (level - bound) * (-1.0 if bound else 1.0)
    there = known & (off == 0.0)
    if (off[known] < 0.0).any():
        return 0, np.zeros(0)
    order = there if bound else there[:, ::-1]
    among = np.logical_or.accumulate(order, axis=1)
    among = among if bound else among[:, ::-1]
    return int(there.sum()), off[among & known & ~there]


def _is_cut(there: int, off: Floats, step: float) -> bool:
    least = max(_STEPS * step, LEAST_NOISE)
    enough = there >= _MANY and _HALF * there <= len(off) <= there / _HALF
    return enough and float(np.median(off)) > least


def _beyond(bound: Floats, side: Floats, sigma: float) -> tuple[Floats, Floats]:
    """Return mean and mean square of normal noise that is further than `bound` to its `side`."""
    from scipy.special import log_ndtr

    far = side * bound / sigma
    ratio = np.exp(-0.5 * far**2 - 0.5 * math.log(2.0 * math.pi) - log_ndtr(-far))
    return side * sigma * ratio, sigma**2 * (1.0 + far * ratio)


def _free(smooth: Floats, known: np.ndarray) -> float:
    """Return how many values are left beside rising curves: of each flat piece, 1.5 are not."""
    rises = sum(
        1 + int((np.diff(smooth[r, known[r, :, i], i]) > 1e-9).sum())
        for r, i in np.ndindex(len(smooth), smooth.shape[2])
        if known[r, :, i].any()
    )
    return max(float(known.sum()) - 1.5 * rises, 1.0)
