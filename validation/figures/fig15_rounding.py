"""Fig. 15 without noise, 10 tasks: what single precision does to losses below 1e-6.

A plain loop in NumPy, which shares nothing with what it is held against. In single precision σ(l)
is 1 from l ≈ 17 on: loss and gradient are then 0 and the run halts, as the published one does; in
double precision it goes on.
"""

from __future__ import annotations

import numpy as np

from domino_sim.levels import Floats
from validation.gradient_run import power
from validation.references import arrays
from validation.row import Instead, Row
from validation.value import exactly, range_of

__all__ = ["rounding_rows"]

STEPS, LR, BATCH, LAST = 15_000, 0.01, 128, 1000

#: Loops, all at once: the published run must lie in their range.
LOOPS = 20


def rounding_rows(lion: Floats | None) -> list[Row]:
    """Return the rows of losses that are rounding: the loop in single precision gives them.

    `lion` are the mean losses of our runs of Lion by seed, where there are any.
    """
    reference = arrays("fig15")
    rows = []
    if lion is not None:
        double = _losses("Lion", np.float64)[:, -LAST:].mean(1)
        rows.append(
            Row(
                "Lion, 10 tasks, no noise: log₁₀ of the mean loss of the last 1000 steps",
                "reference run, seed 7",
                exactly(np.log10(reference["lossmean1000"][0, 0, 2])),
                range_of(np.log10(lion)),
                instead=Instead(
                    "the published run halts where σ(l) is 1 in single precision; this is a loop "
                    "in double precision", range_of(np.log10(double))),
            )
        )  # fmt: skip
    for k, name in ((0, "Adam"), (2, "Lion")):
        found = _losses(name, np.float32)
        told = float(reference["lossmean1000"][0, 0, k]), float(reference["lossmin"][0, 0, k])
        mean = np.log10(found[:, -LAST:].mean(1))
        rows.append(
            Row(
                f"{name}, 10 tasks, no noise: log₁₀ of the mean loss of the last 1000 steps, range "
                f"of {LOOPS} loops in single precision",
                "reference run, seed 7", exactly(np.log10(told[0])), range_of(mean),
            )
        )  # fmt: skip
        rows.append(
            Row(
                f"{name}, 10 tasks, no noise: least loss of those loops, in units of 1e-7",
                "reference run, seed 7", exactly(1e7 * told[1]), range_of(1e7 * found.min(1)),
            )
        )  # fmt: skip
    return rows


def _losses(name: str, dtype: type[np.floating], seeds: int = LOOPS) -> Floats:
    """Return the loss before each step, (seed, step), of runs with the published vectors."""
    vectors = arrays("fig15")["vectors_10"].astype(dtype)
    n = len(vectors)
    p = power(n, 2.0)
    rng = np.random.default_rng(11)
    x, mean, square = np.zeros((3, seeds, vectors.shape[1]), dtype)
    losses = np.empty((seeds, STEPS))
    one = dtype(1.0)
    for i in range(STEPS):
        level = one / (one + np.exp(-(x @ vectors.T)))
        losses[:, i] = (-np.log(level) * p).sum(1)
        counts = rng.multinomial(BATCH, p, size=seeds).astype(dtype)
        gradient = -((one - level) * counts / dtype(BATCH)) @ vectors
        if name == "Lion":
            x -= dtype(LR) * np.sign(dtype(0.9) * mean + dtype(0.1) * gradient)
            mean += dtype(0.01) * (gradient - mean)
        else:
            mean += dtype(0.1) * (gradient - mean)
            square += dtype(0.05) * (gradient * gradient - square)
            root = np.sqrt(square / dtype(1 - 0.95 ** (i + 1))) + dtype(1e-8)
            x -= dtype(LR / (1 - 0.9 ** (i + 1))) * mean / root
    return losses
