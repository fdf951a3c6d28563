"""Predictions where the answer is known in closed form."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from domino_sim import predict_gradient, simulate
from domino_sim.scenario import Scenario

ETA = math.sqrt(2 / math.pi) * 1e-4 * math.sqrt(1000)


def predicted(p: Any, **given: Any) -> Any:
    return predict_gradient(**{"frequencies": p, "n_dim": 1000, "lr": 1e-4, "steps": 300, **given})


def test_one_skill_learns_at_the_full_rate_until_it_is_there() -> None:
    level = predicted([0.3], steps=500).level.values[:, 0]
    steps = int(1 / ETA)
    np.testing.assert_allclose(level[: steps + 1], ETA * np.arange(steps + 1), atol=1e-4)


@pytest.mark.parametrize("n", [4, 25, 100])
def test_equal_skills_share_the_rate_as_the_root_of_their_number(n: int) -> None:
    level = predicted(np.full(n, 1 / n), steps=100).level.values
    np.testing.assert_allclose(level, np.outer(np.arange(101), np.full(n, ETA / math.sqrt(n))))


def test_sgd_unlearns_geometrically_whatever_the_batch_and_the_noise() -> None:
    p = np.array([0.6, 0.3, 0.1])
    exact = 1 - (1 - 2 * 0.05 * p) ** np.arange(301)[:, np.newaxis]
    for given in ({}, {"batch_size": 4}, {"noise": 0.01, "batch_size": 64}):
        ds = predicted(p, optimizer="sgd", lr=0.05, g0=2.0, **given)
        np.testing.assert_allclose(ds.level.values, exact, atol=1e-12)
        assert (ds.attrs["rate"], ds.attrs["law"]) == (0.1, "constant")


def test_an_overshooting_sgd_alternates() -> None:
    level = predicted([1.0], optimizer="sgd", lr=1.5, steps=4).level.values[:, 0]
    np.testing.assert_allclose(level, [0.0, 1.5, 0.75, 1.125, 0.9375])


def test_noise_in_sgd_spreads_a_mastered_skill_by_its_stationary_variance() -> None:
    error = predicted([1.0], optimizer="sgd", lr=0.1, noise=0.05, steps=3000).error.values[500:, 0]
    stationary = 0.1 * 0.05 / math.sqrt(1 - 0.9**2)
    assert np.sqrt(np.square(error).mean()) == pytest.approx(stationary, rel=0.05)


@pytest.mark.parametrize("loss", ["mse", "ce"])
def test_small_steps_are_the_norm_law(loss: str) -> None:
    p = np.arange(1.0, 6.0) ** -1.5
    given = {"lr": 2e-5, "noise": 2e-2, "steps": 2000, "loss": loss}
    ds = predicted(p, **given)
    names = [f"s{i}" for i in range(1, 6)]
    scenario = Scenario.from_dict({
        "steps": 2000, "loss": loss, "record": {"every": 1},
        "skills": {n: {"frequency": f} for n, f in zip(names, p.tolist(), strict=True)},
        "pool": {"law": "norm", "rate": ds.attrs["rate"], "wasted": ds.attrs["wasted"]},
    })  # fmt: skip
    law = simulate(scenario, "clock").level.values
    assert np.abs(ds.level.values - law).max() < 2e-3


def test_signum_without_memory_is_signgd() -> None:
    p = np.arange(1.0, 6.0) ** -2.0
    sign = predicted(p, noise=1e-3, batch_size=16)
    signum = predicted(p, noise=1e-3, batch_size=16, optimizer="signum", betas=(0.0, 0.5))
    np.testing.assert_allclose(signum.level.values, sign.level.values, rtol=1e-12)


def test_a_skill_that_has_the_pool_is_aligned_with_all_dimensions() -> None:
    ds = predicted([1.0, 0.0, 1e-9], steps=10)
    np.testing.assert_allclose(ds.n_align.values[:10], [[1000.0, 500.0, 500.0]] * 10, atol=1.0)


def test_aligned_dimensions_are_the_quadrant_probability() -> None:
    ds = predicted([0.8, 0.6], noise=1.0 / math.sqrt(1000), steps=1)
    at_start = 1000 * (0.5 + np.arcsin(np.array([0.8, 0.6]) / math.sqrt(2.0)) / math.pi)
    np.testing.assert_allclose(ds.n_align.values[0], at_start, rtol=1e-6)


def test_a_long_step_wastes_half_of_itself() -> None:
    # One skill jumps to and fro by η/2, up at even steps in half of the runs. So D stays at η p₁/2,
    # and a rare skill learns as (1 − 2 p₂/p₁)^t.
    ds = predicted([1.0, 0.01], lr=1e-3, steps=200, n_dim=1000)
    level, rate = ds.level.values, ds.attrs["rate"]
    left = (1 - level[130, 1]) / (1 - level[80, 1])
    assert np.log(left) == pytest.approx(50 * np.log(1 - 0.02), rel=0.1)
    np.testing.assert_allclose(level[80:, 0], 1.0, atol=0.1 * rate)
    np.testing.assert_allclose(ds.error.values[80:, 0], rate / 2, rtol=0.1)
