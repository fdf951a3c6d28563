"""Work and level: how far a skill has come, counted in the resource clock.

In the resource clock τ the *work* w of a skill grows at dw/dτ = c p whatever the pool does
(``docs/theory.md``, "The resource clock"):

====  ==========================  ==================================  =======================
loss  work                        unlearned part u                    gain (what η t adds up)
====  ==========================  ==================================  =======================
mse   w = −log u                  u = e^(−w)                          s = 1 − e^(−w)
ce    w = l + e^l, s = σ(l)       u = 1/(1 + ω(w)), ω Wright's omega  l = log ω(w)
====  ==========================  ==================================  =======================

The gain g satisfies dg/dτ = c p u, the demand: so ∫ Σ d dτ is a sum of gains, in closed form.
All functions take arrays of any shape and return arrays of that shape.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Loss = Literal["mse", "ce"]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: Work beyond which a skill is at level 1 in double precision under either loss.
MOST_WORK = 1e250

_HALLEY_STEPS = 3


def log_omega(work: ArrayLike) -> Floats:
    """Solve l + e^l = w for l, that is l = log ω(w), to within 4e-15 (relative beyond 1).

    Taken as a logarithm, not as w − ω, which loses digits at large w. Three of Halley's steps
    from log w (or w − 1 below 1); several times faster than the complex-capable library ω.

    Examples
    --------
    >>> float(log_omega(1.0))
    0.0
    """
    w = np.clip(np.asarray(work, dtype=float), -700.0, MOST_WORK)
    guess = np.where(w > 1.0, np.log(np.maximum(w, 1.0)), w - 1.0)
    for _ in range(_HALLEY_STEPS):
        grown = np.exp(guess)
        slope = 1.0 + grown
        miss = guess + grown - w
        guess = guess - miss / (slope - 0.5 * miss * (grown / slope))
    return guess


def work_from_level(level: ArrayLike, loss: Loss) -> Floats:
    """Return the work at which a skill has `level` (0 ≤ level ≤ 1; CE: > 0)."""
    s = np.asarray(level, dtype=float)
    with np.errstate(divide="ignore", over="ignore"):
        if loss == "mse":
            return np.minimum(-np.log1p(-s), MOST_WORK)
        grown = logit(s)
        return np.minimum(grown + np.exp(grown), MOST_WORK)


def logit(level: ArrayLike) -> Floats:
    """Return log(s/(1 − s)) at `level` s, 0 to 1; ∓inf at the ends."""
    s = np.asarray(level, dtype=float)
    with np.errstate(divide="ignore"):
        return np.log(s) - np.log1p(-s)


def unlearned(work: ArrayLike, loss: Loss) -> Floats:
    """Return the unlearned part u = 1 − level at `work`."""
    w = np.asarray(work, dtype=float)
    if loss == "mse":
        return np.exp(-w)
    return 1.0 / (1.0 + np.exp(log_omega(w)))


def level_from_work(work: ArrayLike, loss: Loss) -> Floats:
    """Return the level at `work`."""
    w = np.asarray(work, dtype=float)
    if loss == "mse":
        level = np.negative(w, out=np.empty_like(w))
        np.expm1(level, out=level)
        return np.negative(level, out=level)
    return 1.0 / (1.0 + np.exp(-log_omega(w)))


def gain_and_unlearned(work: ArrayLike, loss: Loss) -> tuple[Floats, Floats]:
    """Return (g, u): the gain, whose derivative in the clock is the demand, and 1 − level."""
    w = np.asarray(work, dtype=float)
    if loss == "mse":
        gain = -np.expm1(-w)
        return gain, np.exp(-w)
    gain = log_omega(w)
    return gain, 1.0 / (1.0 + np.exp(gain))


def log_unlearned(work: ArrayLike, loss: Loss) -> Floats:
    """Return log u, relative to its value at an unlearned skill's start (MSE 1, CE ½).

    This is what a soft gate sees, 1 − u^α: it must not underflow, since with α = 1e-3 a gate
    opens only where u is near e^(−700).
    """
    w = np.asarray(work, dtype=float)
    if loss == "mse":
        return -w
    return math.log(2.0) - np.logaddexp(0.0, log_omega(w))
