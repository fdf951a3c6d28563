"""Losses of network outputs, written out: values, slopes and hits, rows last."""

from __future__ import annotations

from typing import Literal, NamedTuple, Protocol

import torch
from torch.nn.functional import softplus

__all__ = ["LOSSES", "Loss", "LossName"]

LossName = Literal["bits", "signs", "values", "logit", "softmax"]


class LossOf(Protocol):
    """A function of outputs and targets, each (runs, outputs, rows)."""

    def __call__(self, output: torch.Tensor, target: torch.Tensor) -> torch.Tensor: ...


class Loss(NamedTuple):
    """A loss.

    Attributes
    ----------
    value
        The loss of each output and row, (runs, outputs, rows); of softmax (runs, 1, rows).
    slope
        Its derivative by the output, (runs, outputs, rows).
    hit
        Where the output says what the target says, of the shape of `value`; None for values.
    """

    value: LossOf
    slope: LossOf
    hit: LossOf | None


def _squared(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    return (output - target).square_()


def _squared_slope(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    return (output - target).mul_(2.0)


def _logistic(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    return softplus(output) - output * target


def _logistic_slope(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    return torch.sigmoid(output).sub_(target)


def _softmax(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    return -(torch.log_softmax(output, 1) * target).sum(1, keepdim=True)


def _softmax_slope(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    return torch.softmax(output, 1).sub_(target)


def _over(threshold: float, between: float) -> LossOf:
    """Return whether output and target are on the same side of their thresholds."""

    def hit(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return (output > threshold) == (target > between)

    return hit


#: Squared error of bits, signs and values; cross entropy of one logit a target, and of one choice.
LOSSES: dict[LossName, Loss] = {
    "bits": Loss(_squared, _squared_slope, _over(0.5, 0.5)),
    "signs": Loss(_squared, _squared_slope, _over(0.0, 0.0)),
    "values": Loss(_squared, _squared_slope, None),
    "logit": Loss(_logistic, _logistic_slope, _over(0.0, 0.5)),
    "softmax": Loss(
        _softmax,
        _softmax_slope,
        lambda output, target: output.argmax(1, keepdim=True) == target.argmax(1, keepdim=True),
    ),
}
