"""The search for a least squared error."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import lsq_linear

from domino_sim.calibration.least_squares import Bowl, minimise


def _bowl(residual: np.ndarray, jacobian: np.ndarray) -> Bowl:
    return Bowl(float(residual @ residual), jacobian.T @ residual, jacobian.T @ jacobian)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_linear_problems_within_bounds_are_solved_as_scipy_does(seed: int) -> None:
    generator = np.random.default_rng(seed)
    size = int(generator.integers(1, 6))
    matrix, goal = generator.normal(size=(12, size)), generator.normal(size=12)
    low, high = -generator.uniform(0.0, 0.5, size), generator.uniform(0.0, 0.5, size)
    found = minimise(lambda x: _bowl(matrix @ x - goal, matrix), np.zeros(size), low, high)
    wanted = lsq_linear(matrix, goal, (low, high), tol=1e-14)
    assert found.settled
    assert found.bowl.error == pytest.approx(2.0 * wanted.cost, rel=1e-7)


def test_a_curved_valley_is_followed_to_its_end() -> None:
    def rosenbrock(x: np.ndarray) -> Bowl:
        residual = np.array([10.0 * (x[1] - x[0] ** 2), 1.0 - x[0]])
        return _bowl(residual, np.array([[-20.0 * x[0], 10.0], [-1.0, 0.0]]))

    found = minimise(rosenbrock, np.array([-1.2, 1.0]), np.full(2, -5.0), np.full(2, 5.0))
    assert found.at == pytest.approx([1.0, 1.0], abs=1e-4)


def test_a_parameter_that_matters_to_nothing_does_not_hold_up_the_others() -> None:
    def flat(x: np.ndarray) -> Bowl:
        jacobian = np.array([[1.0, 1e-9]])
        return _bowl(jacobian @ x - 3.0, jacobian)

    found = minimise(flat, np.zeros(2), np.full(2, -9.0), np.full(2, 9.0))
    assert found.at[0] == pytest.approx(3.0, abs=1e-6)


def test_held_parameters_stay() -> None:
    goal = np.array([1.0, 2.0])
    held = np.array([True, False])
    found = minimise(
        lambda x: _bowl(x - goal, np.eye(2)), np.zeros(2), np.full(2, -9.0), np.full(2, 9.0),
        held=held,
    )
    assert found.at == pytest.approx([0.0, 2.0])


def test_where_the_model_has_no_answer_the_step_is_shortened() -> None:
    def logarithm(x: np.ndarray) -> Bowl:
        if x[0] <= 0.0:
            return Bowl(np.inf, np.zeros(1), np.eye(1))
        return _bowl(np.log(x) - 1.0, np.diag(1.0 / x))

    found = minimise(logarithm, np.array([9.0]), np.array([-50.0]), np.array([50.0]))
    assert found.at == pytest.approx([np.e], rel=1e-5)
