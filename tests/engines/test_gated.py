"""Gated graphs, extremes and batches under ``clock``, against SciPy's integrator."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracle import integrate
from strategies import skill_tables

from domino_sim import load_scenario, simulate
from domino_sim.engines.clock import solve_batch
from domino_sim.engines.system import build_system
from domino_sim.errors import ArgumentError, EngineError, RunError
from domino_sim.scenario import Scenario

EXACT = 1e-9


@st.composite
def gated(draw: st.DrawFn, kind: str) -> Scenario:
    """A random gated scenario whose curves an integrator can follow to 1e-6."""
    gate: dict[str, Any] = {"kind": kind, "leak": draw(st.sampled_from([0.0, 0.02, 0.3]))}
    if kind == "soft":
        gate["exponent"] = draw(st.sampled_from([2.5, 1.0, 0.3, 0.01, 1e-3]))
    return Scenario.from_dict(
        {
            "steps": draw(st.sampled_from([50, 1000, 3000])),
            "mastery": draw(st.sampled_from([0.5, 0.9, 0.99, 0.999])),
            "loss": draw(st.sampled_from(["mse", "ce"])),
            "pool": {
                "law": draw(st.sampled_from(["sum", "norm", "constant"])),
                "rate": draw(st.sampled_from([1e-3, 1e-2, 0.1])),
                "wasted": draw(st.sampled_from([1e-3, 0.1, 1.0])),
            },
            "gate": gate,
            "record": {"points": 21},
            "skills": draw(skill_tables(most=6)),
        }
    )


@pytest.mark.parametrize("kind", ["hard", "soft"])
@given(data=st.data())
@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
def test_random_gated_graphs_against_an_integrator(kind: str, data: st.DataObject) -> None:
    scenario = data.draw(gated(kind))
    ds, truth = simulate(scenario, "clock"), integrate(scenario)
    np.testing.assert_allclose(ds.level, truth.level, atol=1e-6)
    seen = truth.sure
    np.testing.assert_allclose(ds.gate[seen], truth.gate[seen], atol=1e-5)
    np.testing.assert_allclose(ds.share[seen], truth.share[seen], atol=1e-4)
    for found, expected in ((ds.mastered_at, truth.mastered), (ds.opened_at, truth.opened)):
        sure = ~(np.nan_to_num(np.fmax(found, expected)) >= scenario.steps * (1 - 1e-6))
        np.testing.assert_array_equal(np.isnan(found)[sure], np.isnan(expected)[sure])
        np.testing.assert_allclose(found[sure], expected[sure], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("gate", ["a or b", "2 of (a, b, c)", "(a and b) or c"])
def test_soft_gates_with_kinks(gate: str) -> None:
    # a overtakes b, so that the maximum and the k largest change hands during the run.
    scenario = Scenario.from_dict(
        {
            "steps": 2000,
            "pool": {"rate": 0.005, "wasted": 0.05},
            "gate": {"kind": "soft", "exponent": 0.5},
            "record": {"points": 41},
            "skills": {
                "a": {"frequency": 1.0},
                "b": {"frequency": 0.3, "level": 0.5},
                "c": {"frequency": 0.1, "level": 0.7},
                "d": {"frequency": 0.8, "requires": gate},
                "e": {"frequency": 0.8, "requires": "d or c"},
            },
        }
    )
    ds, truth = simulate(scenario, "clock"), integrate(scenario)
    np.testing.assert_allclose(ds.level, truth.level, atol=1e-6)
    np.testing.assert_allclose(ds.mastered_at, truth.mastered, rtol=1e-6)


# --------------------------------------------------------------------------- regressions


REGRESSIONS: dict[str, dict[str, Any]] = {
    "soft gates without competition, a change at the last step": {
        "steps": 50,
        "pool": {"law": "constant"},
        "gate": {"kind": "soft"},
        "skills": {"a": {}, "b": {"requires": "a"}},
        "interventions": [{"at": 50, "freeze": ["a"]}],
    },
    "cross entropy with a skill at level 1": {
        "steps": 50,
        "loss": "ce",
        "pool": {"rate": 0.1, "wasted": 0.1},
        "skills": {"a": {"level": 1.0}, "b": {}},
    },
    "norm and cross entropy with a skill at level 1": {
        "steps": 50,
        "loss": "ce",
        "pool": {"law": "norm", "rate": 0.1, "wasted": 0.1},
        "skills": {"a": {"level": 1.0}, "b": {}},
    },
    "soft gates without competition, frequencies above 1": {
        "steps": 50,
        "pool": {"law": "constant", "rate": 0.001},
        "gate": {"kind": "soft"},
        "skills": {"a": {"frequency": 3.07}, "b": {"requires": "a"}},
    },
    "a gated cross-entropy prerequisite below ½": {
        "steps": 1000,
        "loss": "ce",
        "pool": {"rate": 0.01, "wasted": 1.0},
        "gate": {"kind": "soft", "exponent": 2.5},
        "skills": {
            "a": {},
            "b": {"frequency": 0.17, "requires": "a", "level": 0.1},
            "c": {"frequency": 0.3, "requires": "b"},
        },
    },
}


@pytest.mark.parametrize("name", REGRESSIONS)
def test_scenarios_that_once_went_wrong(name: str) -> None:
    scenario = Scenario.from_dict({**REGRESSIONS[name], "record": {"points": 11}})
    np.testing.assert_allclose(
        simulate(scenario, "clock").level, integrate(scenario).level, atol=1e-6
    )


def test_frequencies_too_unequal_for_one_clock_are_refused() -> None:
    # When s1 opens, the clock stands at 1e7 and cannot tell apart the 1e-9 that s1 takes.
    data = {
        "steps": 50,
        "loss": "ce",
        "pool": {"law": "norm", "rate": 1.0},
        "skills": {
            "s0": {"frequency": 1e-6, "level": 0.001},
            "s1": {"frequency": 1e9, "requires": "s0"},
        },
    }
    for engine in ("clock", "events"):
        with pytest.raises(RunError, match=r"frequency 1e\+09 .* use engine 'euler'"):
            simulate(Scenario.from_dict(data), engine)


@pytest.mark.parametrize("engine", ["clock", "events"])
@pytest.mark.parametrize("law", ["sum", "norm", "constant"])
@pytest.mark.parametrize("loss", ["mse", "ce"])
@pytest.mark.parametrize(("steps", "rate"), [(2, 1000.0), (10**15, 1e-3), (10**15, 1.0)])
def test_one_skill_without_waste_learns_at_its_rate_however_long_the_run(
    engine: str, law: str, loss: str, steps: int, rate: float
) -> None:
    data = {"steps": steps, "loss": loss, "pool": {"law": law, "rate": rate, "wasted": 0.0}}
    scenario = Scenario.from_dict({**data, "record": {"points": 3}, "skills": {"a": {}}})
    ds = simulate(scenario, engine)
    competing = {"mse": 0.99, "ce": np.log(99)}[loss]
    alone = {"mse": np.log(100), "ce": np.log(99) + 99 - 1}[loss]
    gained = alone if law == "constant" else competing
    assert float(ds.mastered_at[0]) == pytest.approx(gained / rate, rel=EXACT)
    assert float(ds.level[-1, 0]) == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("law", ["sum", "norm"])
def test_a_thousand_skills_in_layers_have_the_levels_of_the_events(law: str) -> None:
    scenario = load_scenario("layered-1000", overrides={"pool.law": law, "record": {"points": 61}})
    clock, events = simulate(scenario, "clock"), simulate(scenario, "events")
    np.testing.assert_allclose(clock.level, events.level, atol=1e-8)
    np.testing.assert_allclose(clock.mastered_at, events.mastered_at, rtol=1e-9)


# --------------------------------------------------------------------------- batches


@pytest.mark.parametrize("law", ["sum", "norm", "constant"])
@pytest.mark.parametrize("loss", ["mse", "ce"])
@pytest.mark.parametrize("kind", ["hard", "soft"])
def test_a_batch_is_its_runs_one_by_one(law: str, loss: str, kind: str) -> None:
    skills = {
        "a": {"frequency": 1.0},
        "b": {"frequency": 0.5, "level": 0.6},
        "c": {"frequency": 0.4, "requires": "a and b"},
        "d": {"frequency": 0.9, "requires": "2 of (a, b, c)"},
        "e": {"frequency": 0.2, "requires": "c or d"},
    }
    scenario = Scenario.from_dict(
        {
            "steps": 900,
            "loss": loss,
            "pool": {"law": law},
            "gate": {"kind": kind, "leak": 0.01},
            "record": {"points": 13},
            "skills": skills,
        }
    )
    rng = np.random.default_rng(5)
    runs = 7
    frequency = rng.uniform(0.05, 3.0, (runs, 5)) * (rng.random((runs, 5)) > 0.1)
    rate, wasted = rng.uniform(1e-3, 0.05, runs), rng.uniform(0.0, 0.3, runs)
    batch = solve_batch(build_system(scenario), frequency=frequency, rate=rate, wasted=wasted)
    for k in range(runs):
        changes = {"pool.rate": float(rate[k]), "pool.wasted": float(wasted[k])}
        for name, p in zip(skills, frequency[k], strict=True):
            changes[f"skills.{name}.frequency"] = float(p)
        one = simulate(scenario.with_overrides(changes), "clock")
        np.testing.assert_allclose(batch.level[k], one.level, atol=1e-10)
        np.testing.assert_allclose(batch.mastered_at[k], one.mastered_at, rtol=1e-10)
        np.testing.assert_allclose(batch.opened_at[k], one.opened_at, rtol=1e-10)


def test_a_batch_refuses_what_it_cannot_do() -> None:
    scenario = Scenario.from_dict({"skills": {"a": {}, "b": {}}})
    system = build_system(scenario)
    for bad in (
        {"frequency": np.ones((3, 3))},
        {"frequency": np.ones((3, 2)), "rate": np.ones(4)},
        {"rate": np.ones(2), "wasted": np.ones(3)},
    ):
        with pytest.raises(ArgumentError, match="solve_batch"):
            solve_batch(system, **bad)
    changed = scenario.with_overrides({"pool.law": "domino"})
    with pytest.raises(EngineError, match="simulate"):
        solve_batch(build_system(changed), rate=np.ones(2))


def test_a_batch_records_where_it_is_told() -> None:
    scenario = Scenario.from_dict({"steps": 100, "pool": {"wasted": 0.1}, "skills": {"a": {}}})
    steps = np.array([0.0, 12.5, 99.0])
    found = solve_batch(build_system(scenario), rate=np.array([0.01, 0.02]), record=steps)
    assert found.level.shape == (2, 3, 1)
    # η twice as large is time twice as fast.
    there = solve_batch(build_system(scenario), rate=np.array([0.01]), record=2 * steps[:2])
    np.testing.assert_allclose(found.level[1, :2], there.level[0], atol=1e-12)
