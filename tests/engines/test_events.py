"""The ``events`` engine: few events, modules, soft gates by quanta."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
import simpy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracle import integrate
from strategies import hard_scenarios, intervened, modular
from worlds import scenario_of

from domino_sim import simulate
from domino_sim.engines import Euler, Events
from domino_sim.errors import ArgumentError
from domino_sim.scenario import Scenario

LAWS = ("sum", "norm", "constant", "domino")


class Counting(simpy.Environment):
    """An environment that counts its events."""

    counted = 0

    def step(self) -> None:
        Counting.counted += 1
        super().step()


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> type[Counting]:
    """Have the engine run in an environment that counts."""
    monkeypatch.setattr(simpy, "Environment", Counting)
    Counting.counted = 0
    return Counting


def most_events(scenario: Scenario) -> int:
    """The promised bound on the number of events of a hard-gated run."""
    edges = scenario.skill_graph().number_of_edges()
    pools = len(scenario.module_of()[0])
    return 6 * (len(scenario.names) + edges + len(scenario.interventions)) + 20 * pools


@given(st.one_of(hard_scenarios(), intervened(), modular()))
@settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
def test_a_run_takes_few_events(counting: type[Counting], scenario: Scenario) -> None:
    counting.counted = 0
    simulate(scenario, "events")
    assert 0 < counting.counted <= most_events(scenario)


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("loss", ["mse", "ce"])
def test_a_large_layered_run_takes_few_events(
    counting: type[Counting], law: str, loss: str
) -> None:
    scenario = Scenario.from_dict(
        {
            "steps": 10**9,
            "loss": loss,
            "graph": {"family": "layered", "n": 150, "seed": 2},
            "frequencies": {"law": "power", "exponent": 0.5},
            "pool": {"law": law, "rate": 0.01, "wasted": 1e-3},
            "record": {"points": 3},
            "interventions": [
                {"at": 100 * k, "set": {"pool.wasted": 1e-3 * (k + 1)}} for k in range(20)
            ],
        }
    )
    ds = simulate(scenario, "events")
    assert ds.mastered_at.notnull().all()
    assert counting.counted <= most_events(scenario)


def test_more_steps_take_no_more_events(counting: type[Counting]) -> None:
    counts = []
    for steps in (10**4, 10**9):
        counting.counted = 0
        simulate(scenario_of({"a": {}, "b": {"requires": "a"}}, steps=steps), "events")
        counts.append(counting.counted)
    assert counts[0] == counts[1]


# --------------------------------------------------------------------------- modules


@given(modular())
@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
def test_modules_with_crossing_gates_against_an_integrator(scenario: Scenario) -> None:
    ds, truth = simulate(scenario, "events"), integrate(scenario)
    np.testing.assert_allclose(ds.level, truth.level, atol=1e-6)
    sure = ~(np.nan_to_num(np.fmax(ds.mastered_at, truth.mastered)) >= scenario.steps - 1e-3)
    np.testing.assert_allclose(
        ds.mastered_at.values[sure], truth.mastered[sure], rtol=1e-6, atol=1e-6
    )
    np.testing.assert_allclose(ds.share[truth.sure], truth.share[truth.sure], atol=1e-4)
    if scenario.pool.law != "constant":
        for m, module in enumerate(ds.module.values):
            here = scenario.module_of()[2] == m
            total = ds.share.values[:, here].sum(axis=1) + ds.wasted.sel(module=module)
            np.testing.assert_allclose(total, 1.0, atol=1e-9)


@given(modular(laws=("domino",)))
@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])
def test_serial_pools_with_crossing_gates_are_those_of_small_steps(scenario: Scenario) -> None:
    ds, fine = simulate(scenario, "events"), simulate(scenario, Euler(step=0.25))
    sure = ~(np.nan_to_num(np.fmax(ds.mastered_at, fine.mastered_at)) >= scenario.steps - 1.0)
    np.testing.assert_allclose(
        ds.mastered_at.values[sure], fine.mastered_at.values[sure], atol=0.25 * len(scenario.names)
    )


def test_a_module_is_a_pool_with_its_share_of_rate_and_waste() -> None:
    whole = scenario_of({"a": {}, "b": {"frequency": 0.4}})
    data = whole.to_dict()
    data["skills"] |= {"c": {}, "d": {"frequency": 0.4, "requires": "c"}}
    data["modules"] = {
        "left": {"skills": ["a", "b"], "share": 0.25},
        "right": {"skills": ["c", "d"], "share": 0.64},
    }
    pool = {"pool.rate": 0.01 * 0.5, "pool.wasted": 0.05 * 0.5}
    alone = simulate(whole.with_overrides(pool), "events")
    for engine in ("events", "clock"):
        left = simulate(Scenario.from_dict(data), engine).sel(skill=["a", "b"])
        np.testing.assert_allclose(left.level, alone.level, atol=1e-10)
        np.testing.assert_allclose(left.mastered_at, alone.mastered_at, rtol=1e-10)


# --------------------------------------------------------------------------- soft gates


SOFT = {
    "A": {"frequency": 1.0},
    "B": {"frequency": 0.2},
    "C": {"frequency": 0.6, "requires": "A and B"},
    "D": {"frequency": 0.4, "requires": "A or C", "level": 0.3},
    "E": {"frequency": 1.0, "requires": "2 of (B, C, D)"},
}


@pytest.mark.parametrize(
    ("loss", "exponent", "factor"),
    [
        ("mse", 1e-3, 4),
        ("mse", 0.1, 4),
        ("mse", 1.0, 4),
        ("ce", 0.01, 4),
        ("ce", 0.1, 4),
        ("ce", 1.0, 4),
        # A logit grows so slowly that a gate which opens at u = e^−700 stays long half open.
        ("ce", 1e-3, 40),
    ],
)
def test_soft_gates_follow_the_integrator_to_the_stated_tolerance(
    loss: str, exponent: float, factor: float
) -> None:
    skills = {k: dict(v) for k, v in SOFT.items()}
    if loss == "ce":
        skills["D"]["level"] = 0.6
    scenario = scenario_of(
        skills, loss=loss, gate={"kind": "soft", "exponent": exponent}, record={"points": 41}
    )
    truth = integrate(scenario)
    for quantum in (1 / 32, 1 / 128):
        found = simulate(scenario, Events(quantum=quantum)).level
        assert float(abs(found - truth.level).max()) < factor * quantum**2


@pytest.mark.parametrize("frozen", [False, True])
def test_a_prerequisite_that_stands_still_keeps_its_gate_where_it_is(frozen: bool) -> None:
    skills = {"a": {"frequency": 1.0 if frozen else 0.0}, "b": {"requires": "a"}}
    more = {"interventions": [{"at": 0, "freeze": ["a"]}]} if frozen else {}
    scenario = scenario_of(skills, gate={"kind": "soft"}, **more)
    np.testing.assert_allclose(simulate(scenario, "events").level, 0.0, atol=1e-12)
    half = scenario.with_overrides({"skills.a.level": 0.5})
    found, truth = simulate(half, "events").level, integrate(half).level
    np.testing.assert_allclose(found, truth, atol=3e-4)


def test_soft_gates_across_modules() -> None:
    scenario = scenario_of(
        SOFT,
        gate={"kind": "soft", "exponent": 0.5},
        modules={
            "left": {"skills": ["A", "C"], "share": 0.4},
            "right": {"skills": ["B", "D", "E"], "share": 0.5},
        },
    )
    events, truth = simulate(scenario, "events"), integrate(scenario)
    assert float(abs(events.level - truth.level).max()) < 3e-4
    euler = simulate(scenario, Euler(step=0.25))
    assert float(abs(euler.level - truth.level).max()) < 2e-3


@pytest.mark.parametrize("quantum", [0.0, -0.1, 0.6, float("nan"), "a", None])
def test_an_impossible_quantum_is_refused(quantum: Any) -> None:
    with pytest.raises(ArgumentError, match="quantum"):
        simulate(scenario_of(SOFT), Events(quantum=quantum))


# --------------------------------------------------------------------------- extremes


@pytest.mark.parametrize("engine", ["events", "clock", "euler"])
def test_a_gate_nested_a_thousand_deep(engine: str) -> None:
    gate = "a"
    for _ in range(500):
        gate = f"(({gate} and b) or c)"
    skills = {"a": {}, "b": {}, "c": {"frequency": 0.0}, "d": {"requires": gate}}
    scenario = scenario_of(skills, steps=300, pool={"rate": 0.02, "wasted": 0.05})
    ds = simulate(scenario, engine)
    opened = float(ds.opened_at.sel(skill="d"))
    assert opened == float(ds.mastered_at.sel(skill=["a", "b"]).max())


@pytest.mark.parametrize("engine", ["events", "clock"])
@pytest.mark.parametrize("law", LAWS)
def test_a_hub_with_thousands_of_dependents(engine: str, law: str) -> None:
    skills: dict[str, Any] = {"hub": {"frequency": 1.0}}
    skills |= {f"s{i}": {"frequency": 0.5, "requires": "hub"} for i in range(2000)}
    scenario = scenario_of(
        skills,
        steps=10**7,
        pool={"law": law, "rate": 0.01, "wasted": 0.05},
        record={"steps": [0, 10**7]},
    )
    begun = time.perf_counter()
    ds = simulate(scenario, engine)
    assert time.perf_counter() - begun < 20
    assert ds.mastered_at.notnull().all()
    assert (ds.opened_at[1:] == ds.mastered_at[0]).all()


@pytest.mark.parametrize("law", LAWS)
def test_a_long_chain(law: str) -> None:
    skills: dict[str, Any] = {"s0": {}}
    skills |= {f"s{i}": {"requires": f"s{i - 1}"} for i in range(1, 400)}
    scenario = scenario_of(
        skills,
        steps=10**7,
        pool={"law": law, "rate": 0.01, "wasted": 0.05},
        record={"steps": [0, 10**7]},
    )
    clock, events = simulate(scenario, "clock"), simulate(scenario, "events")
    np.testing.assert_allclose(events.mastered_at, clock.mastered_at, rtol=1e-9)
    assert (np.diff(events.mastered_at) > 0).all()


@given(hard_scenarios())
@settings(max_examples=8, suppress_health_check=[HealthCheck.too_slow])
def test_a_run_can_be_repeated_to_the_last_bit(scenario: Scenario) -> None:
    for engine in ("events", "clock"):
        one = simulate(scenario, engine)
        other = simulate(Scenario.from_dict(scenario.to_dict()), engine)
        assert one.equals(other)
