"""Fig. 10, exponents: the runs that they are fitted to."""

from __future__ import annotations

import numpy as np

from domino_sim.levels import Floats
from validation.figures.fig10_drawing import EVERY_ALPHA, OPTIMIZERS, Exponents
from validation.figures.fig10_theory import RATIO_N, RATIO_S
from validation.scaling_runs import STEPS, Work, exponent, runs
from validation.setting import Setting

__all__ = ["ALPHAS", "PUBLISHED_SEEDS", "SETTLED", "WHOLE", "exponent_works", "exponents_of",
           "longest", "settled"]  # fmt: skip

#: The α of the reference slice, and of runs on task vectors of our own.
ALPHAS = (1.0, 1.4, 1.8)
PUBLISHED_SEEDS = 4

#: Steps after which α_N changes by no more than 0.03 up to α = 1.8: Adam takes longer.
SETTLED = {"signgd": 10_000, "adam": 20_000}

#: Steps of the published sweep.
WHOLE = 100_000


def exponent_works(setting: Setting) -> list[Work]:
    """Return all runs that exponents are fitted to, the longest first."""
    every = range(PUBLISHED_SEEDS)
    return [
        *(_longest(k) for k in every),
        *(settled(setting, o, d, k) for o in OPTIMIZERS[::-1] for d in (40, 220) for k in every),
        *(_own(setting, d) for d in (40, 220)),
    ]


def exponents_of(setting: Setting) -> Exponents:
    """Train for the exponents of all α."""
    return Exponents(
        {o: _size_exponents(setting, o) for o in setting.choose(("signgd",), OPTIMIZERS)},
        {o: _step_exponents(setting, o) for o in OPTIMIZERS},
        _own_exponents(setting),
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
    if not setting.quick and optimizer == "signgd":
        # The loss of the steepest law rises again, and is not at rest before.
        large[-1] = np.median(longest(setting))
    return exponent(small, large, RATIO_N)


def _longest(seed: int) -> Work:
    return "signgd", 220, seed, EVERY_ALPHA[-1:], 1, WHOLE


def longest(setting: Setting) -> list[float]:
    """Return SignGD's last losses at n_dim 220 and the steepest α, by published seed."""
    every = range(PUBLISHED_SEEDS)
    return [float(runs(setting, *_longest(k))["mean500"][0, 0]) for k in every]


def _step_exponents(setting: Setting, optimizer: str) -> Floats:
    """Return α_S by α, on the published vectors of seed 0."""
    found = runs(setting, optimizer, 100, 0, EVERY_ALPHA, 2, 201)
    at = [found["step"].tolist().index(k) for k in (80, 200)]
    return exponent(*(found["loss"].mean(1)[:, k] for k in at), RATIO_S)


def _own(setting: Setting, n_dim: int) -> Work:
    alphas, seeds = setting.choose(ALPHAS[:1], ALPHAS), setting.choose(4, 8)
    return "signgd", n_dim, "random", alphas, seeds, setting.choose(1500, STEPS)


def _own_exponents(setting: Setting) -> Floats:
    """Return α_N of SignGD with task vectors of our own, (alpha, seed)."""
    pair = [runs(setting, *_own(setting, d))["mean500"] for d in (40, 220)]
    return exponent(*pair, RATIO_N)
