"""Multilayer perceptrons of many runs, stacked: forward, and backward written out.

Autograd would do; written out, with every buffer made once and thin products the right way round,
a step takes about two thirds of its time (measured on the networks of Fig. 19).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch

__all__ = ["ACTIVATIONS", "Embedding", "Network"]


class Activation(NamedTuple):
    """An activation f and its slope, in two buffers of one shape.

    Attributes
    ----------
    value
        ``value(a, b)``: `a` holds z; returns the one of the two that now holds f(z).
    slope
        ``slope(a, b)``, of what `value` left there: returns f′(z), which lies in one of them, and
        the other one, which is free; f′ is None where it is 1.
    """

    value: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
    slope: Callable[[torch.Tensor, torch.Tensor], tuple[torch.Tensor | None, torch.Tensor]]


def _relu(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return a.clamp_min_(0.0)


def _relu_slope(a: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.gt(a, 0.0, out=b), a


def _silu(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return a.mul_(torch.sigmoid(a, out=b))


def _silu_slope(a: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    # σ + h (1 − σ), with h = z σ from before: no second exponential.
    return torch.lerp(a, a.new_ones(()), b, out=b), a


def _tanh(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return a.tanh_()


def _tanh_slope(a: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.addcmul(a.new_ones(()), a, a, value=-1.0, out=b), a


def _gelu(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return torch.ops.aten.gelu.out(a, out=b)


def _gelu_slope(a: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    ones = a.new_ones(()).expand_as(a)
    return torch.ops.aten.gelu_backward.grad_input(ones, a, grad_input=a), b


#: By the name a run file gives them.
ACTIVATIONS = {
    "relu": Activation(_relu, _relu_slope),
    "silu": Activation(_silu, _silu_slope),
    "tanh": Activation(_tanh, _tanh_slope),
    "gelu": Activation(_gelu, _gelu_slope),
    "identity": Activation(lambda a, b: a, lambda a, b: (None, b)),
}


class Network:
    """The same layers in every run, each run with numbers of its own.

    Parameters
    ----------
    weights
        A layer each, (runs, inputs, outputs): y = x W + b. They are kept with the shorter side
        first, where thin products are three times as fast.
    biases
        A layer each, (runs, outputs).
    activation
        Of every layer but the last; a key of `ACTIVATIONS`.

    Attributes
    ----------
    parameters
        Weights and biases, layer by layer. `backward` adds to their ``grad``.

    Examples
    --------
    >>> network = Network([torch.ones(1, 2, 1)], [torch.zeros(1, 1)], "relu")
    >>> network.forward(torch.tensor([[[1.0, 2.0]]]))
    tensor([[[3.]]])
    >>> network.backward(torch.tensor([[[0.5]]]))
    >>> network.parameters[0].grad
    tensor([[[0.5000, 1.0000]]])
    """

    def __init__(
        self, weights: Sequence[torch.Tensor], biases: Sequence[torch.Tensor], activation: str
    ) -> None:
        self._flipped = [w.shape[1] > w.shape[2] for w in weights]
        self._widths = [bias.shape[1] for bias in biases]
        self.parameters: list[torch.Tensor] = []
        for weight, bias, flipped in zip(weights, biases, self._flipped, strict=True):
            weight = weight.transpose(1, 2) if flipped else weight
            self.parameters += weight.contiguous(), bias.contiguous()
        for parameter in self.parameters:
            parameter.grad = torch.zeros_like(parameter)
        #: Numbers that a pass keeps of each row.
        self.room = 2 * sum(self._widths[:-1]) + 2 * self._widths[-1]
        self._activation = ACTIVATIONS[activation]
        self._views: dict[tuple[int | None, int | None], list[_Layer]] = {}
        self._spaces: dict[tuple[int, int], _Space] = {}
        self._last: tuple[list[_Layer], torch.Tensor, _Space] | None = None

    def forward(self, x: torch.Tensor, runs: slice = slice(None)) -> torch.Tensor:
        """Return the outputs, (runs, outputs, rows); they hold until the next call.

        Parameters
        ----------
        x
            Inputs, (runs, rows, inputs), of the runs in `runs`.
        runs
            Which of the stacked runs these are.
        """
        layers, space = self._layers(runs), self._space(x)
        self._last = layers, x, space
        for i, (a, b) in enumerate(space.pairs):
            torch.baddbmm(layers[i].bias, x, layers[i].matrix, out=a)
            x = space.values[i] = self._activation.value(a, b)
        last = layers[-1]
        torch.baddbmm(
            last.bias.transpose(1, 2), last.transposed, x.transpose(1, 2), out=space.output
        )
        return space.output

    def backward(self, slope: torch.Tensor, into: torch.Tensor | None = None) -> None:
        """Add the gradient of the runs of the last `forward` to ``grad``; once after each.

        Parameters
        ----------
        slope
            ∂loss/∂output, (runs, outputs, rows).
        into
            Where ∂loss/∂x is written, if that is wanted.
        """
        assert self._last is not None
        layers, x, space = self._last
        self._last = None
        layers[-1].bias_grad.add_(slope.sum(2)[:, None])
        slope = slope.transpose(1, 2)
        for i in reversed(range(len(layers))):
            layer, value = layers[i], space.values[i - 1] if i else x
            left, right = (slope, value) if layer.flipped else (value, slope)
            torch.baddbmm(layer.grad, left.transpose(1, 2), right, out=layer.grad)
            if i:
                factor, out = self._activation.slope(*space.pairs[i - 1])
            elif into is None:
                return
            else:
                factor, out = None, into
            torch.bmm(slope, layer.transposed, out=out)
            slope = out if factor is None else out.mul_(factor)
            if i:
                total = layers[i - 1].bias_grad
                torch.baddbmm(total, space.ones, slope, out=total)

    def _layers(self, runs: slice) -> list[_Layer]:
        """Return the layers of some of the runs; made once, for slicing costs as much as adding."""
        key = (runs.start, runs.stop)
        if key not in self._views:
            self._views[key] = [
                _Layer.of(weight, bias, flipped, runs)
                for weight, bias, flipped in zip(
                    self.parameters[::2], self.parameters[1::2], self._flipped, strict=True
                )
            ]
        return self._views[key]

    def _space(self, x: torch.Tensor) -> _Space:
        key = (x.shape[0], x.shape[1])
        if key not in self._spaces:
            *hidden, outputs = self._widths
            pairs = [(x.new_empty(*key, w), x.new_empty(*key, w)) for w in hidden]
            values = [a for a, _ in pairs]
            self._spaces[key] = _Space(
                pairs, values, x.new_empty(key[0], outputs, key[1]), x.new_ones(key[0], 1, key[1])
            )
        return self._spaces[key]


class Embedding:
    """Vectors of tokens: the input of a network is those of the tokens of a row, joined.

    Parameters
    ----------
    vectors
        (runs, tokens, length).

    Attributes
    ----------
    vectors
        The same; `backward` adds to its ``grad``.
    slope
        After a `forward`: where ∂loss/∂input is to be written before `backward`.
    """

    def __init__(self, vectors: torch.Tensor) -> None:
        self.vectors = vectors
        vectors.grad = torch.zeros_like(vectors)
        self._last: tuple[slice, torch.Tensor] | None = None

    def forward(self, tokens: torch.Tensor, runs: slice = slice(None)) -> torch.Tensor:
        """Return the inputs (runs, rows, tokens a row × length) of tokens (runs, rows, tokens)."""
        vectors = self.vectors[runs]
        count, rows, places = tokens.shape
        first = torch.arange(count, device=tokens.device).mul_(vectors.shape[1])
        index = (tokens + first[:, None, None]).flatten()
        found = vectors.reshape(-1, vectors.shape[2]).index_select(0, index)
        found = found.view(count, rows, places * vectors.shape[2])
        self.slope = torch.empty_like(found)
        self._last = runs, index
        return found

    def backward(self) -> None:
        """Add what `slope` holds to the gradient of the vectors."""
        assert self._last is not None and self.vectors.grad is not None
        runs, index = self._last
        grad = self.vectors.grad[runs]
        length = grad.shape[2]
        # Unlike index_add, deterministic on a GPU too.
        found = torch.ops.aten.embedding_dense_backward(
            self.slope.view(-1, length), index, grad.shape[0] * grad.shape[1], -1, False
        )
        grad.add_(found.view_as(grad))


class _Layer(NamedTuple):
    """A layer of some of the runs, as views; `flipped` where `grad` is (runs, outputs, inputs)."""

    matrix: torch.Tensor
    transposed: torch.Tensor
    grad: torch.Tensor
    bias: torch.Tensor
    bias_grad: torch.Tensor
    flipped: bool

    @classmethod
    def of(cls, weight: torch.Tensor, bias: torch.Tensor, flipped: bool, runs: slice) -> _Layer:
        assert weight.grad is not None and bias.grad is not None
        one, other = weight[runs], weight[runs].transpose(1, 2)
        matrix, transposed = (other, one) if flipped else (one, other)
        grads = weight.grad[runs], bias.grad[runs]
        return cls(matrix, transposed, grads[0], bias[runs, None], grads[1][:, None], flipped)


class _Space(NamedTuple):
    """Room for one pass: two buffers a hidden layer, which of them holds its value, the output.

    `ones`, (runs, 1, rows), adds up rows.
    """

    pairs: list[tuple[torch.Tensor, torch.Tensor]]
    values: list[torch.Tensor]
    output: torch.Tensor
    ones: torch.Tensor
