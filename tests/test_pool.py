"""Pool laws: how a pool is divided, and where its rate and waste come from."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from domino_sim.pool import PoolSettings, division, shares

demands = arrays(float, (4, 3), elements=st.floats(0.0, 1e6))
wastes = st.one_of(st.just(0.0), st.floats(1e-6, 1e3))


@given(demands, wastes, st.sampled_from(["sum", "norm"]))
def test_shares_and_waste_add_up_to_one(demand: np.ndarray, wasted: float, law: Any) -> None:
    part, unused = shares(demand, wasted, law)
    np.testing.assert_allclose(part.sum(axis=0) + unused, 1.0, atol=1e-12)
    assert (part >= 0).all() and (unused >= 0).all()


@given(demands, wastes)
def test_divisions_are_what_the_laws_say(demand: np.ndarray, wasted: float) -> None:
    for k in range(3):
        d = demand[:, k]
        assert division(demand, wasted, "sum")[k] == pytest.approx(math.fsum(d) + wasted)
        assert division(demand, wasted, "norm")[k] == pytest.approx(math.hypot(*d, wasted))
        assert division(demand, wasted, "constant")[k] == 1.0


@given(demands, wastes)
def test_norm_divides_no_more_than_sum(demand: np.ndarray, wasted: float) -> None:
    low, high = division(demand, wasted, "norm"), division(demand, wasted, "sum")
    assert (low <= high * (1 + 1e-12)).all()


def test_one_demand_without_waste_has_the_whole_pool() -> None:
    for law in ("sum", "norm"):
        part, unused = shares(np.array([[0.3], [0.0]]), 0.0, law)
        assert part[:, 0].tolist() == [1.0, 0.0]
        assert unused[0] == 0.0


def test_a_pool_that_nobody_wants_is_wasted() -> None:
    for law in ("sum", "norm"):
        for wasted in (0.0, 0.1):
            part, unused = shares(np.zeros((2, 1)), wasted, law)
            assert part.tolist() == [[0.0], [0.0]]
            assert unused.tolist() == [1.0]


def test_nothing_is_divided_without_competition() -> None:
    part, unused = shares(np.ones((2, 3)), 0.5, "constant")
    assert np.isnan(part).all() and np.isnan(unused).all()
    assert part.shape == (2, 3) and unused.shape == (3,)


@pytest.mark.parametrize("law", ["sum", "norm", "domino"])
def test_rate_from_a_learning_rate(law: Any) -> None:
    rate, _ = PoolSettings(law=law, lr=3e-4, n_dim=1000).derive()
    assert rate == pytest.approx(math.sqrt(2 / math.pi) * 3e-4 * math.sqrt(1000), rel=1e-15)


def test_the_rate_of_sgd_needs_no_dimension() -> None:
    for share in (1.0, 0.3):
        assert PoolSettings(law="constant", lr=0.1, n_dim=50, g0=2.0).derive(share) == (0.2, 0.0)


def test_waste_from_noise() -> None:
    _, wasted = PoolSettings(law="norm", rate=1.0, noise=1e-3, n_dim=1000, g0=2.0).derive()
    assert wasted == pytest.approx(1e-3 * math.sqrt(1000) / 2.0, rel=1e-15)


@pytest.mark.parametrize("law", ["sum", "norm"])
def test_a_module_has_the_root_of_its_share(law: Any) -> None:
    rate, wasted = PoolSettings(law=law, rate=0.02, wasted=0.3).derive(0.25)
    assert (rate, wasted) == pytest.approx((0.01, 0.15))


def test_a_change_keeps_the_rest() -> None:
    settings = PoolSettings(law="norm", lr=1e-3, n_dim=100, noise=1e-2)
    changed = settings.change({"lr": 2e-3})
    assert changed.derive()[0] == pytest.approx(2 * settings.derive()[0])
    assert changed.derive()[1] == settings.derive()[1]
    assert settings.lr == 1e-3
