"""Pool laws: how a pool of gradient-aligned dimensions is divided between demands.

A skill's speed is η d_i / D(d). The law is the optimiser (``docs/theory.md``, "Pool laws"):

===========  ====================  =================================================
law          D(d)                  what it is
===========  ====================  =================================================
``sum``      Σ d_j + N₀            the paper's Eq. 1
``norm``     √(Σ d_j² + N₀²)       mean field of SignGD on near-orthogonal tasks
``constant`` 1                     SGD: no competition
``domino``   none                  strictly serial: one skill has the whole pool
===========  ====================  =================================================
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from domino_sim.errors import ArgumentError
from domino_sim.levels import Floats

Law = Literal["sum", "norm", "constant", "domino"]

#: Mean of |t| for a standard normal t: how far a sign step moves along a Gaussian task vector.
MEAN_ABS_NORMAL = math.sqrt(2.0 / math.pi)


@dataclass(frozen=True, slots=True)
class PoolSettings:
    """What a scenario says of its pool, as given; `derive` turns it into η and N₀.

    Parameters
    ----------
    law
        The pool law.
    wasted
        N₀ ≥ 0; or `noise` (σ ≥ 0, with `n_dim`), from which it follows under ``norm``.
    rate
        η > 0 per step; or `lr` > 0 with `n_dim`.
    g0
        Scale of the gradient: 1 for the loss ½(1 − s)² and for CE, 2 for (1 − s)².
    """

    law: Law = "sum"
    wasted: float | None = None
    noise: float | None = None
    rate: float | None = None
    lr: float | None = None
    n_dim: int | None = None
    g0: float = 1.0

    def change(self, settings: dict[str, float]) -> PoolSettings:
        """Return these settings with new values of ``wasted``, ``noise``, ``rate`` or ``lr``."""
        return replace(self, **settings)  # type: ignore[arg-type]

    def derive(self, share: float = 1.0) -> tuple[float, float]:
        """Return (η, N₀) of a pool with `share` of the parameters.

        ``norm`` and ``sum``: η = √(2/π)·lr·√n_dim and N₀ = σ√n_dim/g₀, each times √share;
        ``constant``: η = g₀·lr whatever the share; ``domino``: 1/t₀ = η as under ``norm``.

        Examples
        --------
        >>> rate, wasted = PoolSettings(law="norm", lr=3e-4, n_dim=1000, noise=1e-3).derive()
        >>> round(rate, 6), round(wasted, 6)
        (0.007569, 0.031623)
        """
        dimensions = math.sqrt(self.n_dim) if self.n_dim else 1.0
        if self.rate is not None:
            rate = self.rate
        elif self.lr is None:
            raise ArgumentError("a pool has neither rate nor lr", expected="one of them")
        elif self.law == "constant":
            rate = self.g0 * self.lr
        else:
            rate = MEAN_ABS_NORMAL * self.lr * dimensions
        if self.noise is not None:
            wasted = self.noise * dimensions / self.g0
        else:
            wasted = 0.0 if self.wasted is None else self.wasted
        if self.law == "constant":
            return rate, 0.0
        return rate * math.sqrt(share), wasted * math.sqrt(share)


def division(demand: Floats, wasted: Floats | float, law: Law) -> Floats:
    """Return D(d) for demands of shape (skills, …), summed over the first axis."""
    if law == "sum":
        return demand.sum(axis=0) + wasted
    if law == "norm":
        return np.sqrt(np.einsum("i...,i...->...", demand, demand) + np.square(wasted))
    return np.ones(demand.shape[1:])


def shares(demand: Floats, wasted: Floats | float, law: Law) -> tuple[Floats, Floats]:
    """Return each skill's share of the pool, shape (skills, …), and the share no skill gets.

    They add up to one. A pool without any demand or waste gives nobody anything: its wasted
    share is 1. Under ``constant`` nothing is divided and both are NaN.
    """
    if law == "constant":
        return np.full(demand.shape, np.nan), np.full(demand.shape[1:], np.nan)
    total = division(demand, wasted, law)
    idle = total <= 0.0
    safe = np.where(idle, 1.0, total)
    part = demand / safe
    unused = wasted / safe
    if law == "norm":
        part, unused = np.square(part), np.square(unused)
    return part, np.where(idle, 1.0, unused)
