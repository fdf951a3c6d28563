"""Optimisers and learning-rate schedules.

All are elementwise, so that runs stacked in one tensor do not see each other. SGD, Adam and AdamW
are Torch's; Signum, Lion and AdEMAMix are those of pytorch_optimizer; SignGD is its Signum without
momentum.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pytorch_optimizer
import torch

from domino_sim.gradient.tables import Optimizer, Schedule

__all__ = ["bare_step", "learning_rate", "make_optimizer"]


def make_optimizer(table: Optimizer, parameters: Sequence[torch.Tensor]) -> torch.optim.Optimizer:
    """Return the optimiser that a run file names, for `parameters`.

    Examples
    --------
    >>> theta = torch.zeros(3)
    >>> theta.grad = torch.tensor([0.5, -2.0, 0.0])
    >>> make_optimizer(Optimizer(name="signgd", lr=0.25), [theta]).step()
    >>> theta
    tensor([-0.2500,  0.2500,  0.0000])
    """
    lr, decay = table.lr, table.weight_decay
    betas: Any = table.betas  # as many as the optimiser takes: the table has checked it
    momentum, alpha = table.momentum or 0.0, table.alpha or 0.0
    match table.name:
        case "sgd":
            return torch.optim.SGD(parameters, lr=lr, momentum=momentum)
        case "signgd":
            return pytorch_optimizer.SignSGD(parameters, lr=lr, momentum=0.0, foreach=False)
        case "signum":
            return pytorch_optimizer.SignSGD(
                parameters, lr=lr, momentum=momentum, foreach=False
            )
        case "adam":
            # One kernel a step instead of a dozen: the parameters of a run are few.
            return torch.optim.Adam(parameters, lr=lr, betas=betas, fused=True)
        case "adamw":
            return torch.optim.AdamW(
                parameters, lr=lr, betas=betas, weight_decay=decay, fused=True
            )
        case "lion":
            return pytorch_optimizer.Lion(
                parameters, lr=lr, betas=betas, weight_decay=decay, foreach=False
            )
        case "ademamix":
            return pytorch_optimizer.AdEMAMix(
                parameters,
                lr=lr,
                betas=betas,
                alpha=alpha,
                weight_decay=decay,
                weight_decouple=True,
                foreach=False,
            )
    raise AssertionError(table.name)


def bare_step(optimizer: torch.optim.Optimizer) -> Callable[[], Any]:
    """Return the optimiser's step without Torch's hooks around it.

    Nobody hooks into these optimisers, and looking for hooks and telling the profiler takes longer
    (8 of 14 µs) than a sign step of a thousand parameters.
    """
    step = type(optimizer).step
    return partial(getattr(step, "__wrapped__", step), optimizer)


def learning_rate(schedule: Schedule, lr: float, step: int, steps: int) -> float:
    """Return the learning rate of the update from `step` to `step` + 1 in a run of `steps`.

    Examples
    --------
    >>> cosine = Schedule(kind="cosine", warmup=10, final=0.1)
    >>> [round(learning_rate(cosine, 1.0, step, 110), 3) for step in (0, 9, 10, 60, 110)]
    [0.1, 1.0, 1.0, 0.55, 0.1]
    """
    if step < schedule.warmup:
        return lr * (step + 1) / schedule.warmup
    if schedule.kind == "constant":
        return lr
    done = min((step - schedule.warmup) / max(steps - schedule.warmup, 1), 1.0)
    left = 1.0 - done if schedule.kind == "linear" else 0.5 * (1.0 + math.cos(math.pi * done))
    return lr * (schedule.final + (1.0 - schedule.final) * left)
