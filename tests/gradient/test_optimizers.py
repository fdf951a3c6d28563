"""Each optimiser makes the update of its paper, elementwise."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from domino_sim.gradient.optimizers import learning_rate, make_optimizer
from domino_sim.gradient.tables import DEFAULT_BETAS, Optimizer, Schedule

LR = 0.01
Updates = Iterator[np.ndarray]


def sgd(gradients: np.ndarray) -> Updates:
    for g in gradients:
        yield -LR * g


def heavy_ball(gradients: np.ndarray) -> Updates:
    v = np.zeros_like(gradients[0])
    for g in gradients:
        v = 0.5 * v + g
        yield -LR * v


def signgd(gradients: np.ndarray) -> Updates:
    for g in gradients:
        yield -LR * np.sign(g)


def signum(gradients: np.ndarray) -> Updates:
    """Bernstein et al. 2018, Algorithm 2."""
    m = np.zeros_like(gradients[0])
    for g in gradients:
        m = 0.9 * m + 0.1 * g
        yield -LR * np.sign(m)


def adam(gradients: np.ndarray) -> Updates:
    """Kingma and Ba 2015, Algorithm 1."""
    m = v = np.zeros_like(gradients[0])
    for t, g in enumerate(gradients, 1):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        yield -LR * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)


def lion(gradients: np.ndarray) -> Updates:
    """Chen et al. 2023, Algorithm 2."""
    m = np.zeros_like(gradients[0])
    for g in gradients:
        yield -LR * np.sign(0.9 * m + 0.1 * g)
        m = 0.99 * m + 0.01 * g


def ademamix(gradients: np.ndarray) -> Updates:
    """Pagliardini et al. 2024, Algorithm 1, without warm-up of α and β₃."""
    m = v = slow = np.zeros_like(gradients[0])
    for t, g in enumerate(gradients, 1):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        slow = 0.9999 * slow + 0.0001 * g
        step = m / (1 - 0.9**t) + 5.0 * slow
        yield -LR * step / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)


CASES: list[tuple[dict[str, Any], Callable[[np.ndarray], Updates]]] = [
    ({"name": "sgd"}, sgd),
    ({"name": "sgd", "momentum": 0.5}, heavy_ball),
    ({"name": "signgd"}, signgd),
    ({"name": "signum"}, signum),
    ({"name": "adam"}, adam),
    ({"name": "lion"}, lion),
    ({"name": "ademamix"}, ademamix),
]


@pytest.mark.parametrize(
    ("table", "paper"), CASES, ids=lambda c: getattr(c, "__name__", None) or str(c)
)
def test_the_updates_are_those_of_the_paper(
    table: dict[str, Any], paper: Callable[[np.ndarray], Updates]
) -> None:
    gradients = np.random.default_rng(1).standard_normal((40, 2, 5))
    theta = torch.zeros(2, 5, dtype=torch.float64)
    theta.grad = torch.zeros_like(theta)
    optimizer = make_optimizer(Optimizer(lr=LR, **table), [theta])
    expected = np.zeros((2, 5))
    for gradient, update in zip(gradients, paper(gradients), strict=True):
        theta.grad.copy_(torch.from_numpy(gradient))
        optimizer.step()
        expected += update
        np.testing.assert_allclose(theta.numpy(), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ["adamw", "lion", "ademamix"])
def test_decoupled_weight_decay_shrinks_by_lr_times_decay(name: str) -> None:
    theta = torch.ones(3, dtype=torch.float64)
    theta.grad = torch.zeros_like(theta)
    optimizer = make_optimizer(Optimizer(name=name, lr=0.1, weight_decay=0.5), [theta])
    optimizer.step()
    np.testing.assert_allclose(theta.numpy(), 0.95, rtol=1e-12)


def test_every_optimiser_of_a_run_file_is_tested() -> None:
    names = set(Optimizer.model_fields["name"].annotation.__args__)  # type: ignore[union-attr]
    assert names == {table["name"] for table, _ in CASES} | {"adamw"}
    assert set(DEFAULT_BETAS) < names


@given(
    st.sampled_from(["constant", "linear", "cosine"]), st.integers(0, 20), st.integers(21, 60)
)
def test_a_learning_rate_rises_to_its_value_and_never_rises_again(
    kind: Any, warmup: int, steps: int
) -> None:
    schedule = Schedule(kind=kind, warmup=warmup)
    rates = [learning_rate(schedule, 2.0, step, steps) for step in range(steps)]
    top = max(warmup - 1, 0)
    assert rates[top] == 2.0 and rates == [*sorted(rates[:top]), *sorted(rates[top:])[::-1]]
    assert kind == "constant" or learning_rate(schedule, 2.0, steps, steps) == 0.0
