"""Residuals with a memory widen intervals; those without do not."""

from __future__ import annotations

import numpy as np
import pytest

from domino_sim.calibration.noise import inflation_of, memory


def _autoregressive(shape: tuple[int, int], rho: float, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=shape)
    for k in range(1, shape[1]):
        noise[:, k] = rho * noise[:, k - 1] + np.sqrt(1.0 - rho**2) * noise[:, k]
    return noise


@pytest.mark.parametrize("shape", [(1, 100), (10, 100), (5, 20)])
def test_white_residuals_are_left_alone(shape: tuple[int, int]) -> None:
    generator = np.random.default_rng(0)
    pull = [np.ones((1, *shape))]
    found = np.array(
        [inflation_of([generator.normal(size=shape)], pull, 1.0)[0] for _ in range(300)]
    )
    assert np.mean(found > 1.0) < 0.12
    assert np.mean(found) < 1.1


@pytest.mark.parametrize("rho", [0.3, 0.6, 0.9])
@pytest.mark.parametrize("shape", [(1, 4000), (10, 300)])
def test_the_variance_of_a_sum_of_autoregressive_residuals_is_found(
    rho: float, shape: tuple[int, int]
) -> None:
    pull = [np.ones((1, *shape))]
    found = [inflation_of([_autoregressive(shape, rho, seed)], pull, 1.0)[0] for seed in range(30)]
    # Short curves with a long memory are taken to be somewhat worse than they are.
    assert 0.85 < np.mean(found) * (1.0 - rho) / (1.0 + rho) < 1.6


def test_the_memory_is_that_of_the_residuals() -> None:
    found = memory([_autoregressive((20, 400), 0.8, 3)])
    np.testing.assert_allclose(found[:5], 0.8 ** np.arange(5), atol=0.05)
    assert memory([np.zeros((3, 50))])[1:].sum() == 0.0


def test_a_pull_that_changes_its_sign_is_hardly_moved_by_slow_residuals() -> None:
    slow = _autoregressive((4, 1000), 0.9, 5)
    swift = np.where(np.arange(1000) % 2, 1.0, -1.0) * np.ones((1, 4, 1000))
    assert inflation_of([slow], [swift], 1.0)[0] < 2.0


def test_skills_that_err_together_count_once() -> None:
    common = np.random.default_rng(2).normal(size=(1, 500)) * np.ones((10, 1))
    # Ten skills with the same residual: their sum has a hundred times the variance, not ten.
    assert inflation_of([common], [np.ones((1, 10, 500))], 1.0)[0] == pytest.approx(10, rel=0.2)


def test_runs_of_different_length_go_together() -> None:
    generator = np.random.default_rng(3)
    residuals = [generator.normal(size=(3, 200)), generator.normal(size=(3, 70))]
    pulls = [np.ones((2, 3, 200)), np.ones((2, 3, 70))]
    assert inflation_of(residuals, pulls, 1.0) == pytest.approx([1.0, 1.0], abs=0.3)


def test_what_has_no_influence_has_no_inflation() -> None:
    assert inflation_of([np.ones((1, 9))], [np.zeros((1, 1, 9))], 1.0).tolist() == [1.0]
