"""The geometry model: gradients against autograd, closed forms, and the literal resource."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from domino_sim.gradient import geometry
from domino_sim.gradient.composition import Composition
from domino_sim.gradient.geometry import GeometryRuns
from domino_sim.gradient.streams import Streams
from domino_sim.gradient.training import train
from domino_sim.gradient.vectors import task_vectors
from domino_sim.graph import build_graph

MODEL = {"kind": "geometry", "n_dim": 60}


def power(n: int, exponent: float) -> dict[str, dict[str, float]]:
    p = np.arange(1, n + 1.0) ** -exponent
    return {f"s{i + 1}": {"frequency": float(f)} for i, f in enumerate(p / p.sum())}


def spec(**keys: Any) -> dict[str, Any]:
    return {
        "steps": 30, "dtype": "float64", "model": MODEL, "skills": power(6, 1.5),
        "optimizer": {"lr": 0.02}, "record": {"every": 1}, **keys,
    }  # fmt: skip


@given(
    loss=st.sampled_from(["mse", "ce"]),
    g0=st.sampled_from([1.0, 2.0, 0.5]),
    runs=st.integers(1, 3),
    skills=st.integers(1, 8),
    seed=st.integers(0, 999),
)
@settings(max_examples=40)
def test_the_gradient_is_that_of_the_loss(
    loss: Any, g0: float, runs: int, skills: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    vectors = torch.from_numpy(rng.standard_normal((runs, skills, 5)))
    frequencies = rng.random((runs, skills))
    streams = [Streams.from_seed(r) for r in range(runs)]
    problem = GeometryRuns(vectors, frequencies, streams, loss=loss, g0=g0)
    theta = torch.from_numpy(rng.standard_normal((runs, 5)))
    problem.theta.copy_(theta)
    found = problem.gradient()

    theta.requires_grad_()
    x = torch.einsum("rsn,rn->rs", vectors, theta)
    each = -torch.nn.functional.logsigmoid(x) if loss == "ce" else 0.5 * (1 - x) ** 2
    each = g0 * each
    expected = (torch.from_numpy(frequencies) * each).sum(1)
    expected.sum().backward()
    np.testing.assert_allclose(found.numpy(), expected.detach().numpy(), rtol=1e-12)
    grad = problem.theta.grad
    assert grad is not None and theta.grad is not None
    np.testing.assert_allclose(grad.numpy(), theta.grad.numpy(), rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(problem.measure()["loss"], each.detach().numpy(), rtol=1e-12)


def test_sgd_on_orthogonal_tasks_decays_geometrically() -> None:
    curves = train(spec(optimizer={"name": "sgd", "lr": 0.5}, model={**MODEL, "g0": 2.0}))
    p, k = curves.frequency.values[0], curves.step.values[:, None]
    np.testing.assert_allclose(curves.level.values[0], 1 - (1 - 2 * 0.5 * p) ** k, atol=1e-12)


def test_sgd_on_any_tasks_follows_the_linear_closed_form() -> None:
    # u(k) = (1 − lr C P)^k u(0), C the Gram matrix: also where there are more tasks than
    # parameters, which no orthogonal vectors allow.
    model = {"kind": "geometry", "n_dim": 4, "vectors": "random"}
    curves = train(spec(optimizer={"name": "sgd", "lr": 0.5}, model=model, seeds=[3]))
    t = task_vectors(geometry_of(model), 6, Streams.from_seed(3).start)
    step = np.eye(6) - 0.5 * t @ t.T * curves.frequency.values[0]
    u = np.linalg.matrix_power(step, 30) @ np.ones(6)
    np.testing.assert_allclose(curves.level.values[0, -1], 1 - u, atol=1e-12)


def geometry_of(model: dict[str, Any]) -> Any:
    from domino_sim.gradient.tables import Geometry

    return Geometry(**model)


@pytest.mark.parametrize("loss", ["mse", "ce"])
def test_a_run_with_a_basis_moves_every_trained_parameter_by_the_learning_rate(loss: str) -> None:
    model = {"kind": "geometry", "n_dim": 3, "vectors": "basis"}
    curves = train(spec(loss=loss, model=model, steps=10))
    x = 0.02 * np.arange(11)
    level = x if loss == "mse" else 1 / (1 + np.exp(-x))
    for i in range(3):
        np.testing.assert_allclose(curves.level.values[0, :, i], level, atol=1e-12)
    start = 0.0 if loss == "mse" else 0.5
    np.testing.assert_array_equal(curves.level.values[0, :, 3:], start)


@pytest.mark.parametrize("loss", ["mse", "ce"])
@pytest.mark.parametrize("batch_size", [None, 7])
@pytest.mark.parametrize("skills", [6, 80])
def test_a_run_does_not_depend_on_the_runs_beside_it(
    loss: str, batch_size: int | None, skills: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = spec(
        skills=power(skills, 1.0), model={"kind": "geometry", "n_dim": 90}, noise=0.01,
        dtype="float32", loss=loss, **({"batch_size": batch_size} if batch_size else {}),
    )  # fmt: skip
    together = train({**keys, "seeds": 4})
    monkeypatch.setattr(geometry, "CACHE", 1)
    apart = train({**keys, "seeds": 4})
    alone = train({**keys, "seeds": [2]})
    # Products are taken one run at a time; but the last bit of one depends, on some processors, on
    # where its run lies in memory, that of a sigmoid on where in a vector register it is computed.
    pairs = [
        (apart.level.values, together.level.values),
        (alone.level.values[0], together.level.values[2]),
    ]
    for one, other in pairs:
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-6)


def test_computing_with_drawn_skills_only_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keys = spec(skills=power(90, 1.5), model={"kind": "geometry", "n_dim": 90}, batch_size=16)
    few = train(keys)
    monkeypatch.setattr(geometry, "MANY", 10**9)
    every = train(keys)
    np.testing.assert_allclose(few.level.values, every.level.values, atol=1e-12)


def test_batched_products_give_what_products_one_by_one_give() -> None:
    # The way of an accelerator, on this processor.
    rng = np.random.default_rng(0)
    vectors, frequencies = torch.from_numpy(rng.standard_normal((3, 4, 6))), rng.random((3, 4))
    pair = [
        GeometryRuns(vectors, frequencies, [Streams.from_seed(r) for r in range(3)])
        for _ in range(2)
    ]
    pair[1]._one_by_one = False
    for problem in pair:
        problem.theta.copy_(torch.from_numpy(np.random.default_rng(1).standard_normal((3, 6))))
        problem.gradient()
    one, all_ = (problem.theta.grad for problem in pair)
    assert one is not None and all_ is not None
    np.testing.assert_allclose(one.numpy(), all_.numpy(), rtol=1e-12)


def test_the_mean_over_batches_is_the_exact_gradient() -> None:
    vectors, p = torch.eye(3, dtype=torch.float64)[None], np.array([[1.0, 0.5, 0.0]])
    sampled = GeometryRuns(vectors, p, [Streams.from_seed(0)], batch_size=5)
    total = torch.zeros(1, 3, dtype=torch.float64)
    for _ in range(20_000):
        sampled.gradient()
        assert sampled.theta.grad is not None
        total += sampled.theta.grad
    # sd of a weight: Σp √(q (1 − q) / B), q = p / Σp.
    error = 1.5 * np.sqrt(2 / 9 / 5 / 20_000)
    np.testing.assert_allclose(-total[0].numpy() / 20_000, p[0], atol=4 * error)


def test_aligned_dimensions_follow_the_closed_form() -> None:
    # n_align = n (½ + asin(d / D) / π) under exact gradients (docs/theory.md, "Mean field of
    # gradient runs"): within sampling error of n coordinates.
    n = 4000
    model = {"kind": "geometry", "n_dim": n}
    curves = train(spec(model=model, steps=300, optimizer={"lr": 2e-4}, record={"every": 60}))
    d = curves.frequency.values[0] * (1 - curves.level.values[0])
    share = d / np.sqrt((d**2).sum(axis=1, keepdims=True))
    predicted = 0.5 + np.arcsin(share) / np.pi
    assert np.abs(curves.n_align.values[0] / n - predicted).max() < 5 * 0.5 / np.sqrt(n)


def test_a_parameter_without_a_gradient_is_aligned_with_nothing() -> None:
    model = {"kind": "geometry", "n_dim": 4, "vectors": "basis"}
    curves = train(spec(model=model, steps=2))
    np.testing.assert_array_equal(curves.n_align.values[0, 0], [1, 1, 1, 1, 0, 0])


def test_a_composed_skill_is_learned_after_what_it_is_composed_of() -> None:
    skills = {"A": {}, "B": {"frequency": 0.4}, "AB": {"requires": "A and B", "frequency": 0.5}}
    curves = train(
        {"steps": 900, "model": {"kind": "geometry", "n_dim": 1000}, "skills": skills,
         "optimizer": {"lr": 2e-4}, "mixtures": {"all": {}, "without B": {"B": 0.0, "AB": 0.5}}}
    )  # fmt: skip
    late = curves.level.sel(step=900)
    assert (late.sel(run="all, seed 0") > 0.95).all()
    half = (curves.level.values[0] > 0.5).argmax(axis=0)
    assert half[0] < half[1] < half[2]


def test_the_gradient_of_composed_levels_is_that_of_their_loss() -> None:
    graph = build_graph(
        {"A": {}, "B": {}, "C": {}, "D": {"requires": "A and B"}, "E": {"requires": "A or C"},
         "F": {"requires": "2 of (A, B, C)"}, "G": {"requires": "D and (B or C)"}}
    )  # fmt: skip
    rng = np.random.default_rng(5)
    vectors, p = torch.from_numpy(rng.standard_normal((2, 7, 9))), rng.random((2, 7))
    streams = [Streams.from_seed(r) for r in range(2)]
    problem = GeometryRuns(vectors, p, streams, composition=Composition(graph))
    theta = torch.from_numpy(rng.standard_normal((2, 9)) * 0.3)

    def loss(theta: torch.Tensor) -> float:
        problem.theta.copy_(theta)
        return float(problem.gradient().sum())

    _ = loss(theta)
    assert problem.theta.grad is not None
    grad = problem.theta.grad.clone()
    for r, k in [(0, 0), (1, 3), (0, 8)]:
        step = torch.zeros_like(theta)
        step[r, k] = 1e-6
        slope = (loss(theta + step) - loss(theta - step)) / 2e-6
        assert abs(slope - float(grad[r, k])) < 1e-7


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("loss", ["mse", "ce"])
def test_an_accelerator_gives_the_numbers_of_the_processor(loss: str) -> None:
    keys = spec(loss=loss, batch_size=20, noise=1e-3, seeds=3)
    here, there = train(keys), train({**keys, "device": "cuda"})
    np.testing.assert_allclose(there.level.values, here.level.values, atol=1e-9)
