"""Gradient runs of the geometry model against a plain Torch loop, one run at a time.

Baseline: `benchmarks.torch_loop`, which gathers the sampled batch at every step. Ours: `train`,
from a checked run to labelled curves, its recording of loss and aligned dimensions included; both
record every tenth step and draw the same task vectors. *Fig. 7 top*: the eight settings of the
published figure, one after another. *Fig. 10 slice*: a thousand tasks under cross entropy, three
dimensions and three exponents with the sweep's four seeds each, 1000 of its 100,000 steps. The
agreement is the root mean square difference of levels at all records, which differ by sampled
batches and noise.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from benchmarks.measure import Row, Target, interleaved, speedup
from benchmarks.torch_loop import torch_run
from domino_sim.gradient.run import Run
from domino_sim.gradient.streams import Streams
from domino_sim.gradient.training import train
from domino_sim.gradient.vectors import task_vectors

EVERY = 10

#: What each setting of Fig. 7, top, changes: n_dim 1000, 10 tasks, α = 2, lr 3e-4, batch 1024.
FIG7: dict[str, dict[str, Any]] = {
    "default": {},
    "α 4": {"alpha": 4.0},
    "n_dim 100": {"n_dim": 100},
    "100 tasks": {"n": 100},
    "lr 1e-4": {"lr": 1e-4},
    "noise 1e-3": {"noise": 1e-3},
    "Adam": {"betas": [0.9, 0.999]},
    "batch 16": {"batch_size": 16},
}


def measure(quick: bool) -> Iterator[Row]:
    """Yield a row a slice, and one a setting."""
    steps, rounds = (30, 1) if quick else (3000, 3)
    settings = dict(list(FIG7.items())[-3:] if quick else FIG7)
    defaults = {"n": 10, "n_dim": 1000, "alpha": 2.0, "lr": 3e-4, "batch_size": 1024, "noise": 0.0}
    pairs = {
        name: _pair(steps=steps, loss="mse", vectors="orthogonal", **{**defaults, **changes})
        for name, changes in settings.items()
    }
    yield from _rows("Fig. 7 top", pairs, rounds, Target("≥", 10, ""))
    pairs = {
        f"n_dim {n_dim}, α {alpha:g}": _pair(
            steps=20 if quick else 1000, n=1000, n_dim=n_dim, alpha=alpha, lr=0.01,
            batch_size=1024, noise=0.0, loss="ce", vectors="random", seeds=2 if quick else 4,
        )
        for n_dim in ((100,) if quick else (40, 240, 1000))
        for alpha in ((1.4,) if quick else (1.0, 1.4, 1.8))
    }  # fmt: skip
    yield from _rows("Fig. 10 slice", pairs, rounds, Target("≥", 4, ""))


def _rows(title: str, pairs: dict[str, Any], rounds: int, target: Target) -> Iterator[Row]:
    seconds = {name: interleaved(pair, rounds) for name, pair in pairs.items()}
    total = {
        side: tuple(map(sum, zip(*(taken[side] for taken in seconds.values()), strict=True)))
        for side in ("plain", "ours")
    }
    yield Row(f"{title}, {len(pairs)} settings: plain loop", total["plain"], "s")
    ratio = speedup(total["plain"], total["ours"])
    yield Row(f"{title}, {len(pairs)} settings: train", total["ours"], "s", ratio, target)
    for name, taken in seconds.items():
        away = np.sqrt(np.mean((pairs[name]["plain"]() - pairs[name]["ours"]()) ** 2))
        ratio, note = speedup(taken["plain"], taken["ours"]), f"levels within {away:.2g} rms"
        yield Row(f"{title}: {name}", taken["ours"], "s", ratio, note=note)


def _pair(
    *, n: int, n_dim: int, alpha: float, lr: float, batch_size: int, noise: float, steps: int,
    loss: str, vectors: str, betas: list[float] | None = None, seeds: int = 1,
) -> dict[str, Any]:  # fmt: skip
    """Return the two jobs, which give levels (seeds, records, skills)."""
    run = Run.from_dict({
        "steps": steps, "seeds": seeds, "batch_size": batch_size, "noise": noise, "loss": loss,
        "model": {"kind": "geometry", "n_dim": n_dim, "vectors": vectors},
        "optimizer": {"name": "adam", "lr": lr, "betas": betas} if betas else {"lr": lr},
        "graph": {"family": "independent", "n": n},
        "frequencies": {"law": "power", "exponent": alpha}, "record": {"every": EVERY},
    })  # fmt: skip
    frequency = run.members()[0].frequencies

    def plain() -> np.ndarray:
        x = np.array([one(seed) for seed in range(seeds)])
        return x if loss == "mse" else 1 / (1 + np.exp(-x))

    def one(seed: int) -> np.ndarray:
        drawn = task_vectors(run.model, n, Streams.from_seed(seed).start)
        first, second = betas or (0.0, 0.0)
        return torch_run(
            torch.from_numpy(drawn).float(), frequency, lr, steps, every=EVERY, loss=loss,
            betas=(first, second), noise=noise, batch_size=batch_size, seed=seed,
        )  # fmt: skip

    def ours() -> np.ndarray:
        return train(run)["level"].values

    return {"plain": plain, "ours": ours}
