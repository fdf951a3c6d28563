"""`predict_gradient` against one gradient run of the same setting.

The baseline is a plain Torch loop, one run, one thread: autograd, `torch.optim` (Adam with betas
(0, 0) for SignGD), the sampled batch gathered at every step; it keeps levels at every tenth step.
Signum is compared with the loop of SignGD, which does less. The prediction is the whole call:
levels at all steps, both errors, aligned dimensions, labels. Targets: 20 times faster with exact
batches, 10 times with sampled ones, Adam no slower.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.measure import Row, Target, interleaved, speedup
from domino_sim import predict_gradient

EXACT, SAMPLED, ADAM = Target("≥", 20, "×"), Target("≥", 10, "×"), Target("≥", 1, "×")

#: Name, skills, further arguments, target. All n_dim 1000, lr 3e-4, p ∝ i^−2.
SETTINGS: list[tuple[str, int, dict[str, Any], Target]] = [
    ("SignGD, 10 skills", 10, {}, EXACT),
    ("SignGD, 10 skills, ce", 10, {"loss": "ce"}, EXACT),
    ("SignGD, 10 skills, noise", 10, {"noise": 1e-3}, EXACT),
    ("SignGD, 60 skills", 60, {}, EXACT),
    ("Signum, 10 skills", 10, {"optimizer": "signum"}, EXACT),
    ("SignGD, 10 skills, batch 32", 10, {"batch_size": 32}, SAMPLED),
    ("SignGD, 10 skills, batch 128", 10, {"batch_size": 128}, SAMPLED),
    ("SignGD, 10 skills, batch 1024", 10, {"batch_size": 1024}, SAMPLED),
    ("SignGD, 60 skills, batch 64", 60, {"batch_size": 64}, SAMPLED),
    ("Adam, 10 skills", 10, {"optimizer": "adam"}, ADAM),
    ("Adam, 10 skills, batch 128", 10, {"optimizer": "adam", "batch_size": 128}, ADAM),
]


def measure(quick: bool) -> Iterator[Row]:
    """Yield two rows a setting."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for name, n, given, target in SETTINGS[::5] if quick else SETTINGS:
            yield from _rows(name, n, given, target, quick)
    finally:
        torch.set_num_threads(threads)


def _rows(
    name: str, n: int, given: dict[str, Any], target: Target, quick: bool
) -> Iterator[Row]:
    import torch

    from benchmarks.torch_loop import torch_run

    p = np.arange(1.0, n + 1) ** -2.0
    p /= p.sum()
    steps = 50 if quick else 2000
    vectors = torch.linalg.qr(torch.randn(1000, n))[0].T.contiguous()
    loop = {key: value for key, value in given.items() if key != "optimizer"}
    if given.get("optimizer") == "adam":
        loop["betas"] = (0.9, 0.999)
    jobs = {
        "loop": lambda: torch_run(vectors, p, 3e-4, steps, **loop),
        "prediction": lambda: predict_gradient(
            frequencies=p, n_dim=1000, lr=3e-4, steps=steps, **given
        ),
    }
    seconds = interleaved(jobs, 1 if quick else 5)
    ratio = speedup(seconds["loop"], seconds["prediction"])
    yield Row(f"{name}: Torch loop (baseline)", seconds["loop"], "s")
    yield Row(f"{name}: prediction", seconds["prediction"], "s", ratio, target, f"{steps} steps")
