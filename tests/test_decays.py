"""Sums of very many exponentials are kept to rounding by a few hundred nodes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domino_sim.decays import MOST_EXACT_RATES, Decays


def spread(rates: np.ndarray, amounts: np.ndarray) -> tuple[Decays, np.ndarray]:
    """Node amounts of all `rates`."""
    decays = Decays(rates)
    onto = np.zeros(len(decays.nodes))
    decays.spread(onto, rates, amounts)
    return decays, onto


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.1, 3.0, 9.0]), st.sampled_from([50, 3000]))
@settings(max_examples=40)
def test_a_sum_of_exponentials_is_kept(seed: int, decades: float, count: int) -> None:
    rng = np.random.default_rng(seed)
    rates = 10.0 ** rng.uniform(-decades, 0.3, count)
    amounts = rng.random(count)
    decays, onto = spread(rates, amounts)
    for x in (0.0, 1e-3, 0.7, 5.0, 1e3, 1e8):
        exact = (amounts * np.exp(-rates * x)).sum()
        assert onto @ np.exp(-decays.nodes * x) == pytest.approx(exact, abs=2e-14 * count)
        demand = (amounts * rates * np.exp(-rates * x)).sum()
        kept = (onto * decays.nodes) @ np.exp(-decays.nodes * x)
        assert kept == pytest.approx(demand, abs=2e-14 * count * rates.max())
        squares = (amounts * rates**2 * np.exp(-2 * rates * x)).sum()
        kept = (onto * decays.nodes**2) @ np.exp(-2 * decays.nodes * x)
        assert kept == pytest.approx(squares, abs=1e-13 * count * rates.max() ** 2)


def test_few_rates_are_kept_as_they_are() -> None:
    rates = np.repeat(np.linspace(0.1, 5.0, MOST_EXACT_RATES), 3)
    decays, onto = spread(rates, np.ones(len(rates)))
    np.testing.assert_array_equal(decays.nodes, np.unique(rates))
    np.testing.assert_array_equal(onto, 3.0)


def test_many_rates_need_few_nodes() -> None:
    rates = np.random.default_rng(0).uniform(1e-3, 1.0, 100_000)
    assert len(Decays(rates).nodes) <= 24 * 11


def test_what_is_added_can_be_taken_away() -> None:
    rates = np.random.default_rng(1).uniform(0.01, 3.0, 500)
    decays, onto = spread(rates, np.ones(500))
    decays.spread(onto, rates, -np.ones(500))
    assert np.abs(onto).max() < 1e-12


def test_zero_rates_are_not_nodes() -> None:
    assert Decays(np.array([0.0, 2.0, 0.0])).nodes.tolist() == [2.0]
    assert len(Decays(np.zeros(3)).nodes) == 0


def test_a_rate_on_a_node_or_at_the_end_of_an_octave() -> None:
    others = np.random.default_rng(2).uniform(0.01, 8, 300)
    rates = np.concatenate([2.0 ** np.arange(-8, 4), others])
    nodes = Decays(rates).nodes
    inside = nodes[(nodes >= rates.min()) & (nodes <= rates.max())]
    decays = Decays(rates)
    for some in (inside, 2.0 ** np.arange(-8.0, 4.0)):
        onto = np.zeros(len(nodes))
        decays.spread(onto, some, np.ones(len(some)))
        for x in (0.0, 0.3, 20.0):
            exact = np.exp(-some * x).sum()
            assert onto @ np.exp(-nodes * x) == pytest.approx(exact, abs=1e-12)
