"""The gradient that is written out is the one autograd finds."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch.nn import functional

from domino_sim.gradient.losses import LOSSES
from domino_sim.gradient.network import ACTIVATIONS, Embedding, Network

BY_NAME = {
    "relu": torch.relu,
    "silu": functional.silu,
    "tanh": torch.tanh,
    "gelu": functional.gelu,
    "identity": lambda z: z,
}


def layers(runs: int, widths: list[int], seed: int = 0) -> tuple[list, list]:
    rng = np.random.default_rng(seed)
    sizes = list(pairwise(widths))
    weights = [torch.from_numpy(rng.standard_normal((runs, *size))) for size in sizes]
    return weights, [torch.from_numpy(rng.standard_normal((runs, out))) for _, out in sizes]


def plain(x, weights, biases, activation):  # type: ignore[no-untyped-def]
    for i, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        x = x @ weight + bias[:, None]
        if i < len(weights) - 1:
            x = BY_NAME[activation](x)
    return x.transpose(1, 2)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("widths", [[3, 5, 4, 2], [2, 7, 1], [4, 3]])
def test_gradients_are_those_of_autograd(activation: str, widths: list[int]) -> None:
    weights, biases = layers(3, widths)
    network = Network(weights, biases, activation)
    x = torch.from_numpy(np.random.default_rng(1).standard_normal((3, 6, widths[0])))
    leaves = [p.clone().requires_grad_() for p in (x, *weights, *biases)]
    count = len(weights)
    expected = plain(leaves[0], leaves[1 : 1 + count], leaves[1 + count :], activation)
    (expected**3).sum().backward()

    into = torch.empty_like(x)
    output = network.forward(x)
    torch.testing.assert_close(output, expected.detach())
    network.backward(3.0 * output**2, into)
    torch.testing.assert_close(into, leaves[0].grad)
    for kept, leaf in zip(network.parameters[::2], leaves[1 : 1 + count], strict=True):
        found = kept.grad if kept.shape == leaf.shape else kept.grad.transpose(1, 2)
        torch.testing.assert_close(found, leaf.grad)
    for kept, leaf in zip(network.parameters[1::2], leaves[1 + count :], strict=True):
        torch.testing.assert_close(kept.grad, leaf.grad)


def test_pieces_of_runs_and_rows_add_up_to_the_whole_gradient() -> None:
    weights, biases = layers(4, [3, 6, 5, 2])
    whole, pieces = Network(weights, biases, "silu"), Network(weights, biases, "silu")
    x = torch.from_numpy(np.random.default_rng(1).standard_normal((4, 10, 3)))
    whole.backward(whole.forward(x).clone())
    for runs in (slice(0, 3), slice(3, 4)):
        for rows in (slice(0, 6), slice(6, 10)):
            pieces.backward(pieces.forward(x[runs, rows], runs).clone())
    for a, b in zip(whole.parameters, pieces.parameters, strict=True):
        torch.testing.assert_close(a.grad, b.grad)


def test_token_vectors_get_the_gradient_of_every_place_they_stand_in() -> None:
    vectors = torch.arange(2 * 3 * 2, dtype=torch.float64).reshape(2, 3, 2)
    embedding = Embedding(vectors)
    tokens = torch.tensor([[[0, 2], [1, 1]], [[2, 2], [0, 1]]])
    assert embedding.forward(tokens)[0].tolist() == [[0, 1, 4, 5], [2, 3, 2, 3]]
    embedding.slope.fill_(1.0)
    embedding.backward()
    assert vectors.grad is not None
    assert vectors.grad[:, :, 0].tolist() == [[1, 2, 1], [1, 1, 2]]
    embedding.forward(tokens[1:], slice(1, 2))
    embedding.slope.fill_(1.0)
    embedding.backward()
    assert vectors.grad[:, :, 1].tolist() == [[1, 2, 1], [2, 2, 4]]


@pytest.mark.parametrize("name", LOSSES)
def test_slopes_of_losses_are_those_of_autograd(name: str) -> None:
    rng = np.random.default_rng(2)
    output = torch.from_numpy(rng.standard_normal((2, 4, 5))).requires_grad_()
    target = torch.from_numpy(rng.integers(0, 2, (2, 4, 5)).astype(float))
    if name == "softmax":
        target = torch.eye(4, dtype=torch.float64)[:, [0, 3, 3, 1, 2]].expand(2, -1, -1)
    loss = LOSSES[name]  # type: ignore[index]
    loss.value(output, target).sum().backward()
    torch.testing.assert_close(loss.slope(output.detach(), target), output.grad)


def test_losses_are_those_of_torch() -> None:
    rng = np.random.default_rng(3)
    output = torch.from_numpy(rng.standard_normal((2, 4, 5)))
    bits = torch.from_numpy(rng.integers(0, 2, (2, 4, 5)).astype(float))
    expected = functional.binary_cross_entropy_with_logits(output, bits, reduction="none")
    torch.testing.assert_close(LOSSES["logit"].value(output, bits), expected)
    choice = torch.tensor([[0, 3, 3, 1, 2], [1, 1, 0, 2, 3]])
    one_hot = functional.one_hot(choice, 4).transpose(1, 2).double()
    expected = functional.cross_entropy(output, choice, reduction="none")
    torch.testing.assert_close(LOSSES["softmax"].value(output, one_hot)[:, 0], expected)


def test_an_output_hits_on_the_side_of_its_target() -> None:
    output = torch.tensor([[[0.4, 0.6, -0.1, 0.1]]])
    hits = LOSSES["bits"].hit(output, torch.tensor([[[0.0, 1.0, 1.0, 0.0]]]))  # type: ignore[misc]
    assert hits.flatten().tolist() == [True, True, False, True]
    hits = LOSSES["signs"].hit(output, torch.tensor([[[1.0, -1.0, -1.0, 1.0]]]))  # type: ignore[misc]
    assert hits.flatten().tolist() == [True, False, True, True]
    hits = LOSSES["logit"].hit(output, torch.tensor([[[0.0, 1.0, 0.0, 0.0]]]))  # type: ignore[misc]
    assert hits.flatten().tolist() == [False, True, True, False]
