"""The engines solve the same model: what one says, the others must say."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from strategies import hard_scenarios

from domino_sim import simulate
from domino_sim.scenario import Scenario

SAME_INSTANTS = 1e-9


def assert_same_instants(one: xr.Dataset, other: xr.Dataset, scenario: Scenario) -> None:
    """Openings and masteries agree to 1e-9, up to what happens at the very last step."""
    for name in ("opened_at", "mastered_at"):
        a, b = one[name].values, other[name].values
        at_end = (np.nan_to_num(np.fmax(a, b)) >= scenario.steps * (1 - 1e-9))
        assert (np.isnan(a) == np.isnan(b))[~at_end].all(), (name, a, b)
        both = ~np.isnan(a) & ~np.isnan(b)
        np.testing.assert_allclose(a[both], b[both], rtol=SAME_INSTANTS, atol=1e-12)


@given(hard_scenarios())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_events_and_clock_open_and_master_skills_at_the_same_instants(scenario: Scenario) -> None:
    clock, events = simulate(scenario, "clock"), simulate(scenario, "events")
    assert_same_instants(clock, events, scenario)
    np.testing.assert_allclose(clock.level, events.level, atol=1e-9)


@given(hard_scenarios())
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@pytest.mark.parametrize("engine", ["events", "clock", "euler"])
def test_shares_and_waste_add_up_to_one(engine: str, scenario: Scenario) -> None:
    ds = simulate(scenario, engine)
    total = ds.share.sum("skill", skipna=False) + ds.wasted.sel(module="all")
    if scenario.pool.law == "constant":
        assert np.isnan(total).all()
    else:
        np.testing.assert_allclose(total, 1.0, atol=1e-9)
