"""Fig. 10, exponents: the runs that they are fitted to."""

from __future__ import annotations

import numpy as np

from domino_sim.levels import Floats
from validation.figures.fig10_drawing import Exponents
from validation.figures.fig10_least import EVERY_ALPHA
from validation.figures.fig10_theory import RATIO_N, RATIO_S
from validation.scaling_runs import OPTIMIZERS, PUBLISHED_SEEDS, WHOLE, Work, exponent, runs
from validation.setting import Setting

__all__ = ["ALPHAS", "SETTLED", "exponent_works", "exponents_of",
           "longest", "settled"]  # fmt: skip

#: The α of the reference slice.
ALPHAS = (1.0, 1.4, 1.8)

#: Steps after which hardly anything changes for α up to 1.6: Adam takes longer.
SETTLED = {"signgd": 10_000, "adam": 20_000}

#: The α at which it still does at n_dim 220, and the steps of the published sweep, which these
#: take there.
STEEP = EVERY_ALPHA[-2:]


def exponent_works(setting: Setting) -> list[Work]:
    """Return all runs that exponents are fitted to, the longest first."""
    every = range(PUBLISHED_SEEDS)
    return [
        *(_longest(o, k) for o in OPTIMIZERS for k in every),
        *(settled(setting, o, d, k) for o in OPTIMIZERS[::-1] for d in (40, 220) for k in every),
        *map(_early, OPTIMIZERS),
    ]


def exponents_of(setting: Setting) -> Exponents:
    """Train for the exponents of all α."""
    return Exponents(
        {o: _size_exponents(setting, o) for o in setting.choose(("signgd",), OPTIMIZERS)},
        {o: _step_exponents(setting, o) for o in OPTIMIZERS},
    )


def settled(setting: Setting, optimizer: str, n_dim: int, seed: int) -> Work:
    """Return the run on published vectors that α_N is fitted to; quick: of the first α."""
    alphas = setting.choose(EVERY_ALPHA[:1], EVERY_ALPHA)
    return optimizer, n_dim, seed, alphas, 1, setting.choose(1500, SETTLED[optimizer])


def _size_exponents(setting: Setting, optimizer: str) -> Floats:
    """Return α_N by α of the median loss over the published seeds."""
    small, large = (
        np.median(
            [runs(setting, *settled(setting, optimizer, d, k))["mean500"][:, 0]
             for k in range(PUBLISHED_SEEDS)],
            axis=0,
        )
        for d in (40, 220)
    )  # fmt: skip
    if not setting.quick:
        large[-len(STEEP) :] = np.median(longest(setting, optimizer), axis=0)
    return exponent(small, large, RATIO_N)


def _longest(optimizer: str, seed: int) -> Work:
    return optimizer, 220, seed, STEEP, 1, WHOLE


def longest(setting: Setting, optimizer: str) -> Floats:
    """Return the last losses at n_dim 220 of steep α, (published seed, alpha)."""
    every = [_longest(optimizer, k) for k in range(PUBLISHED_SEEDS)]
    return np.array([runs(setting, *work)["mean500"][:, 0] for work in every])


def _early(optimizer: str) -> Work:
    return optimizer, 100, 0, EVERY_ALPHA, 2, 201


def _step_exponents(setting: Setting, optimizer: str) -> Floats:
    """Return α_S by α, on the published vectors of seed 0."""
    found = runs(setting, *_early(optimizer))
    at = [found["step"].tolist().index(k) for k in (80, 200)]
    return exponent(*(found["loss"].mean(1)[:, k] for k in at), RATIO_S)
