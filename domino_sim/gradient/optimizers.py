"""Optimisers and learning-rate schedules.

All are elementwise, so that runs stacked in one tensor do not see each other. SGD, Adam and AdamW
are Torch's; Lion and AdEMAMix are those of pytorch_optimizer, which is imported for them alone: it
takes as long as half of Torch. SignGD is Signum without momentum.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch

from domino_sim.gradient.tables import Optimizer, Schedule

__all__ = ["SignSGD", "bare_step", "learning_rate", "make_optimizer"]


class SignSGD:
    """Steps of lr against the sign of the gradient, or of its mean m ← β m + (1 − β) g (Signum).

    Bernstein et al. 2018, Algorithms 1 and 2; β is `momentum`. The sign of 0 is 0. It has what
    Torch's optimisers have, but is none of them: the first of those that is made imports Torch's
    compiler, which is a third of the time in which a short run starts.
    """

    def __init__(
        self, parameters: Sequence[torch.Tensor], lr: float, momentum: float = 0.0
    ) -> None:
        self.param_groups: list[dict[str, Any]] = [
            {"params": list(parameters), "lr": lr, "momentum": momentum}
        ]
        self.state: dict[int, dict[str, torch.Tensor]] = {}

    def step(self) -> None:
        """Move the parameters that have a gradient."""
        group = self.param_groups[0]
        lr, momentum = group["lr"], group["momentum"]
        with torch.no_grad():
            for i, parameter in enumerate(group["params"]):
                mean = parameter.grad
                if mean is None:
                    continue
                if momentum:
                    if i not in self.state:
                        self.state[i] = {"momentum_buffer": torch.zeros_like(parameter)}
                    mean = self.state[i]["momentum_buffer"].lerp_(mean, weight=1.0 - momentum)
                parameter.add_(torch.sign(mean), alpha=-lr)

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint keeps, in the form of Torch's optimisers."""
        group = self.param_groups[0]
        numbers = list(range(len(group["params"])))
        return {"state": self.state, "param_groups": [group | {"params": numbers}]}

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave."""
        group = self.param_groups[0]
        group.update(lr=saved["param_groups"][0]["lr"])
        self.state = {
            i: {name: value.clone() for name, value in kept.items()}
            for i, kept in saved["state"].items()
        }


def make_optimizer(
    table: Optimizer, parameters: Sequence[torch.Tensor]
) -> SignSGD | torch.optim.Optimizer:
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
            return SignSGD(parameters, lr)
        case "signum":
            return SignSGD(parameters, lr, momentum)
        case "adam":
            # One kernel a step instead of a dozen: the parameters of a run are few.
            return torch.optim.Adam(parameters, lr=lr, betas=betas, fused=True)
        case "adamw":
            return torch.optim.AdamW(
                parameters, lr=lr, betas=betas, weight_decay=decay, fused=True
            )
        case "lion":
            from pytorch_optimizer import Lion

            return Lion(
                parameters, lr=lr, betas=betas, weight_decay=decay, foreach=False
            )
        case "ademamix":
            from pytorch_optimizer import AdEMAMix

            return AdEMAMix(
                parameters,
                lr=lr,
                betas=betas,
                alpha=alpha,
                weight_decay=decay,
                weight_decouple=True,
                foreach=False,
            )
    raise AssertionError(table.name)


def bare_step(optimizer: SignSGD | torch.optim.Optimizer) -> Callable[[], Any]:
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
