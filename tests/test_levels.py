"""Work, level, gain: one variable in four forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, logit, wrightomega

from domino_sim.levels import (
    MOST_WORK,
    gain_and_unlearned,
    level_from_work,
    log_omega,
    log_unlearned,
    unlearned,
    work_from_level,
)

LOSSES = ("mse", "ce")


@given(st.floats(-600.0, 1e15))
def test_log_omega_is_the_logarithm_of_the_wright_omega(work: float) -> None:
    omega = wrightomega(work).real
    expected = math.log(omega) if omega > 1e-200 else work
    assert float(log_omega(work)) == pytest.approx(expected, rel=1e-14, abs=1e-14)


@given(st.floats(-700.0, 1e250))
def test_log_omega_solves_its_equation(work: float) -> None:
    logit_ = float(log_omega(work))
    assert logit_ + math.exp(logit_) == pytest.approx(work, rel=1e-12, abs=1e-12)


def test_log_omega_is_exact_where_it_is_known() -> None:
    assert float(log_omega(1.0)) == 0.0
    np.testing.assert_allclose(log_omega([1 + math.e, 2 + math.e**2]), [1.0, 2.0], rtol=1e-15)


def test_work_below_the_least_is_the_least() -> None:
    # An unlearned part of 1 − e^−700 is 1.
    assert float(log_omega(-np.inf)) == float(log_omega(-700.0)) == pytest.approx(-700.0)
    assert math.isfinite(float(log_omega(np.inf)))


@given(st.floats(0.0, 1.0, exclude_max=True))
def test_squared_error_work_is_minus_the_log_of_the_unlearned_part(level: float) -> None:
    work = float(work_from_level(level, "mse"))
    assert work == pytest.approx(-math.log1p(-level), rel=1e-15)
    assert float(unlearned(work, "mse")) == pytest.approx(1 - level, rel=1e-14)


@given(st.floats(1e-12, 1 - 1e-9))
def test_cross_entropy_work_is_the_logit_and_its_exponential(level: float) -> None:
    x = logit(level)
    work = float(work_from_level(level, "ce"))
    assert work == pytest.approx(x + math.exp(x), rel=1e-12)
    assert float(unlearned(work, "ce")) == pytest.approx(expit(-x), rel=1e-6)


@given(st.sampled_from(LOSSES), st.floats(1e-9, 1 - 1e-9))
def test_level_and_work_are_inverse(loss: str, level: float) -> None:
    back = float(level_from_work(work_from_level(level, loss), loss))
    assert back == pytest.approx(level, rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("loss", LOSSES)
def test_level_one_has_finite_work_and_comes_back_as_one(loss: str) -> None:
    work = work_from_level(1.0, loss)
    assert float(work) == MOST_WORK
    assert float(level_from_work(work, loss)) == 1.0
    assert float(unlearned(work, loss)) < 1e-200


def test_an_unlearned_skill() -> None:
    assert float(work_from_level(0.0, "mse")) == 0.0
    assert float(work_from_level(0.5, "ce")) == 1.0
    assert float(log_unlearned(0.0, "mse")) == 0.0
    assert float(log_unlearned(1.0, "ce")) == pytest.approx(0.0, abs=1e-15)


@given(st.sampled_from(LOSSES), st.floats(0.0, 50.0))
def test_the_gain_grows_at_the_unlearned_part(loss: str, work: float) -> None:
    step = 1e-5
    before, left = gain_and_unlearned(work, loss)
    after, left_after = gain_and_unlearned(work + step, loss)
    slope = (float(after) - float(before)) / step
    assert slope == pytest.approx(0.5 * (float(left) + float(left_after)), abs=2e-9)
    assert float(left) == pytest.approx(float(unlearned(work, loss)), rel=1e-15)


@given(st.sampled_from(LOSSES), st.floats(1.0, 500.0))
def test_the_log_of_the_unlearned_part_agrees_with_it(loss: str, work: float) -> None:
    whole = 1.0 if loss == "mse" else 2.0
    expected = math.log(whole * float(unlearned(work, loss)))
    assert float(log_unlearned(work, loss)) == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_the_log_of_the_unlearned_part_does_not_underflow() -> None:
    assert float(log_unlearned(1e5, "mse")) == -1e5
    assert float(log_unlearned(1e200, "ce")) == pytest.approx(math.log(2) - 200 * math.log(10))


@pytest.mark.parametrize("loss", LOSSES)
def test_arrays_keep_their_shape(loss: str) -> None:
    work = np.ones((2, 3, 4))
    for function in (unlearned, level_from_work, log_unlearned):
        assert function(work, loss).shape == (2, 3, 4)
    assert all(a.shape == (2, 3, 4) for a in gain_and_unlearned(work, loss))
    assert work_from_level(0.5 * work, loss).shape == (2, 3, 4)
