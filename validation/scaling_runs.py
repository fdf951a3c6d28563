"""A thousand tasks in fewer dimensions: the gradient runs that Figs. 10 and 18 share.

Task vectors are those of the published runs (seed 0 … 3 of Torch, rows of length 1: with them the
published losses come back, with others they do not), so that only the sampling of batches differs.

SignGD is trained as published, which is Adam without averages: g/(|g| + 1e-8) in the place of a
sign. Where most is learned that stands still in directions a sign goes on to shake: at n_dim 380,
α = 2, it ends at 2.7 times the least loss there is (published: 2.6), with signs at 3.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from domino_sim import load_run, train
from domino_sim.levels import Floats
from validation.geometry import array_file
from validation.gradient_run import power
from validation.references import arrays
from validation.setting import Arrays, Setting

__all__ = [
    "BATCH", "LR", "OPTIMIZERS", "PUBLISHED_SEEDS", "STEPS", "TASKS", "TITLES", "WHOLE", "Work",
    "away", "cross_entropy", "exponent", "frequencies", "published", "published_vectors", "runs",
]  # fmt: skip

TASKS, BATCH, LR, STEPS = 1000, 1024, 0.01, 5000

#: What `runs` takes beside the setting: optimizer, n_dim, vectors, alphas, seeds, steps.
Work = tuple[str, int, str | int, tuple[float, ...], int, int]

#: Sets of task vectors that were trained on, and the steps of the whole sweep.
PUBLISHED_SEEDS, WHOLE = 4, 100_000

#: What is published as SignGD and as Adam.
OPTIMIZER: dict[str, dict[str, Any]] = {
    "signgd": {"optimizer.name": "adam", "optimizer.betas": [0.0, 0.0]},
    "adam": {"optimizer.name": "adam"},
}
OPTIMIZERS, TITLES = tuple(OPTIMIZER), {"signgd": "SignGD", "adam": "Adam"}

#: Every how many steps of the last 500 the loss is recorded, for its mean over them.
LAST, EVERY = 500, 10


def published() -> Arrays:
    """Return the reference slice (`validation/data/README.md`)."""
    return arrays("scaling")


def frequencies(alpha: float, tasks: int = TASKS) -> Floats:
    """Return p ∝ i^−α, Σ p = 1."""
    return power(tasks, alpha)


def published_vectors(n_dim: int, seed: int) -> NDArray[np.float64]:
    """Return the task vectors of the published run of a seed, (TASKS, n_dim)."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(TASKS, n_dim, generator=generator).numpy().astype(float)
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def runs(
    setting: Setting,
    optimizer: str,
    n_dim: int,
    vectors: str | int,
    alphas: Sequence[float],
    seeds: int,
    steps: int = STEPS,
) -> Arrays:
    """Train, or return what was trained before.

    `vectors` is ``"basis"`` (a parameter for each of the first n_dim tasks), ``"random"`` (other
    ones for every seed), or the seed of published ones.

    Returns
    -------
    dict
        ``step``; ``loss`` (alpha, seed, step) and ``mean500`` (alpha, seed), its mean over the last
        500 steps; ``level`` (alpha, seed, skill), the last, of the skills of the reference.
    """
    kept = setting
    if setting.folder is not None:
        # Both figures work with these: they are kept in a place of their own.
        kept = replace(setting, figure="scaling", folder=setting.folder.parents[1] / "scaling")
    several = "_".join(f"{a:g}" for a in alphas)
    name = f"{optimizer}-{vectors}-{n_dim}-{several}-{seeds}x{steps}"
    make = partial(_train, optimizer, n_dim, vectors, tuple(alphas), seeds, steps)
    return kept.kept(name, make)


def _train(
    optimizer: str, n_dim: int, vectors: str | int, alphas: Sequence[float], seeds: int, steps: int
) -> dict[str, Any]:
    reference = published()
    last = steps - 1
    means = set(range(last, max(last - LAST, 0), -EVERY))
    wanted = [int(k) for k in reference["step"] if k <= last]
    record = sorted({*wanted, *means, last})
    named = isinstance(vectors, str)
    with nullcontext(vectors) if named else array_file(published_vectors(n_dim, vectors)) as given:
        names = list(load_run("scaling-slice").skill_graph())
        mixtures = {
            f"{a:g}": dict(zip(names, frequencies(a).tolist(), strict=True)) for a in alphas
        }
        # Seeds of their own: those of the published runs are small.
        run = load_run(
            "scaling-slice",
            {
                "model.n_dim": n_dim, "model.vectors": given, **OPTIMIZER[optimizer],
                "device": _device(), "mixtures": mixtures, "steps": steps,
                "seeds": [1001 + k for k in range(seeds)], "record": {"steps": record},
            },
        )  # fmt: skip
        curves = train(run)
    step = curves.step.values
    shape = (len(alphas), seeds)
    loss = (curves.loss.values * curves.frequency.values[:, None]).sum(-1).reshape(*shape, -1)
    level = curves.level.values[:, -1, reference["skill"]].reshape(*shape, -1)
    return {
        "step": np.array(wanted),
        "loss": loss[..., np.searchsorted(step, wanted)],
        "mean500": loss[..., np.isin(step, list(means))].mean(-1),
        "level": level.astype(np.float32),
    }


def _device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def cross_entropy(level: Floats, p: Floats) -> Floats:
    """Return Σ p · −log level over the last axis."""
    return -(np.log(level) * p).sum(-1)


def exponent(first: Any, second: Any, ratio: float) -> Any:
    """Return the exponent of a power law between two points: −log(second/first)/log ratio."""
    return np.log(np.asarray(first) / np.asarray(second)) / np.log(ratio)


def away(ours: Any, reference: Any) -> float:
    """Return the largest part of the reference by which ours differs from it."""
    return float(np.abs(np.asarray(ours) / np.asarray(reference) - 1.0).max())
