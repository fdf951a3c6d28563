"""What a pool's members will want is the sum over the members, however they are kept."""

from __future__ import annotations

from copy import copy

import numpy as np
import pytest

from domino_sim.engines.demand import DecayingDemand, ListedDemand
from domino_sim.levels import Loss, gain_and_unlearned
from domino_sim.pool import Law

SPANS = np.array([0.0, 0.5, 3.0, 40.0])


def plain(loss: Loss, law: Law, rates: np.ndarray, work: np.ndarray) -> tuple[np.ndarray, ...]:
    """Gains and demands after `SPANS`, member by member."""
    gain, left = gain_and_unlearned(work[:, None] + np.multiply.outer(rates, SPANS), loss)
    demand = rates[:, None] * left
    return (gain - gain[:, :1]).sum(axis=0), (demand**2 if law == "norm" else demand).sum(axis=0)


def check(demand: ListedDemand | DecayingDemand, gains: np.ndarray, totals: np.ndarray) -> None:
    found = np.array([demand.gains(span) for span in SPANS.tolist()])
    np.testing.assert_allclose(found, gains, rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(demand.totals(SPANS), totals, rtol=1e-13)
    one_by_one = [demand.totals(SPANS[k : k + 1])[0] for k in range(len(SPANS))]
    np.testing.assert_allclose(one_by_one, totals, rtol=1e-13)


@pytest.mark.parametrize("loss", ["mse", "ce"])
@pytest.mark.parametrize("law", ["sum", "norm"])
def test_listed_members_come_change_and_stop(loss: Loss, law: Law) -> None:
    rates, work = np.array([1.0, 0.3, 0.05]), np.array([0.0, 0.2, 0.1])
    demand = ListedDemand(loss, law)
    demand.change({7: (1.0, 0.0), 4: (0.3, 0.2)})
    check(demand, *plain(loss, law, rates[:2], work[:2]))
    demand.advance(1.5)
    work[:2] += rates[:2] * 1.5
    demand.change({2: (0.05, 0.1), 4: (0.7, float(work[1]))})
    rates[1] = 0.7
    check(demand, *plain(loss, law, rates, work))
    demand.change({7: (0.0, float(work[0]))})
    rates[0] = 0.0
    check(demand, *plain(loss, law, rates, work))


@pytest.mark.parametrize("loss", ["mse", "ce"])
def test_a_copy_stays_what_it_was(loss: Loss) -> None:
    demand = ListedDemand(loss, "sum")
    demand.change({0: (1.0, 0.0), 1: (0.3, 0.2)})
    demand.gains(2.0)
    kept = copy(demand)
    demand.advance(1.0)
    demand.change({1: (0.9, 0.5), 5: (2.0, 0.0)})
    check(kept, *plain(loss, "sum", np.array([1.0, 0.3]), np.array([0.0, 0.2])))


@pytest.mark.parametrize("law", ["sum", "norm"])
def test_decaying_members_are_listed_members(law: Law) -> None:
    rng = np.random.default_rng(0)
    rates, work = rng.uniform(0.1, 5.0, 400), rng.uniform(0.0, 2.0, 400)
    demand = DecayingDemand(rates, law)
    for rate, done in zip(rates.tolist(), work.tolist(), strict=True):
        demand.change(rate, done, 1.0)
    gains, totals = plain("mse", law, rates, work)
    if law == "sum":  # Σ d² has no gains of its own
        assert [demand.gains(span) for span in SPANS.tolist()] == pytest.approx(gains, rel=1e-13)
    assert demand.totals(SPANS) == pytest.approx(totals, rel=1e-9, abs=1e-12)


def test_nobody_wants_nothing() -> None:
    demand = ListedDemand("mse", "sum")
    demand.advance(1.0)
    assert demand.gains(2.0) == 0.0
    assert demand.totals(SPANS).tolist() == [0.0] * 4
    assert demand.fastest() == 0.0
