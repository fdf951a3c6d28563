"""`simulate`: what it takes, what it refuses and what it says then."""

from __future__ import annotations

import tomllib
from typing import Any

import numpy as np
import pytest

import domino_sim
from domino_sim import load_scenario, memory, simulate
from domino_sim.engines import ENGINES, Clock, Euler, Events
from domino_sim.errors import ArgumentError, EngineError, ScenarioError
from domino_sim.files import list_bundled
from domino_sim.scenario import Scenario

SMALL = Scenario.from_dict({"steps": 50, "skills": {"A": {}, "B": {"requires": "A"}}})


def crossing(kind: str) -> Scenario:
    """Two modules with a gate from one to the other."""
    return Scenario.from_dict(
        {
            "title": "two halves",
            "steps": 50,
            "gate": {"kind": kind},
            "skills": {"A": {}, "B": {"requires": "A"}},
            "modules": {
                "left": {"skills": ["A"], "share": 0.5},
                "right": {"skills": ["B"], "share": 0.5},
            },
        }
    )


@pytest.mark.parametrize("wrong", ["event", "Clock", "eulr", "", "clock ", "EVENTS"])
def test_an_unknown_engine_is_refused_with_the_nearest(wrong: str) -> None:
    with pytest.raises(ArgumentError, match="one of 'events', 'clock', 'euler'") as caught:
        simulate(SMALL, wrong)
    near = {"event": "events", "Clock": "clock", "eulr": "euler", "clock ": "clock"}.get(wrong)
    assert near is None or f"did you mean '{near}'?" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("wrong", [None, 3, ["clock"], object(), {"clock"}, b"clock", Clock])
def test_what_is_no_engine_is_refused(wrong: Any) -> None:
    with pytest.raises(ArgumentError, match="engine"):
        simulate(SMALL, wrong)


@pytest.mark.parametrize("wrong", [None, "two-pairs", {"skills": {"A": {}}}, 3, Scenario])
def test_what_is_no_scenario_is_refused(wrong: Any) -> None:
    with pytest.raises(ArgumentError, match="load_scenario"):
        simulate(wrong)


@pytest.mark.parametrize("engine", ["events", "clock", "euler", Events(), Clock(), Euler(step=0.5)])
def test_every_engine_returns_the_same_labels(engine: Any) -> None:
    ds, reference = simulate(SMALL, engine), simulate(SMALL)
    assert dict(ds.sizes) == dict(reference.sizes)
    assert set(ds.variables) == set(reference.variables)
    assert ds.skill.values.tolist() == ["A", "B"]
    np.testing.assert_array_equal(ds.step, reference.step)
    assert reference.attrs["engine"] == "events"


def test_the_default_engine_is_events() -> None:
    assert simulate(SMALL).equals(simulate(SMALL, "events"))
    assert next(iter(ENGINES)) == "events"


@pytest.mark.parametrize(("kind", "other"), [("hard", "events"), ("soft", "euler")])
def test_the_clock_refuses_gates_across_modules_and_names_another_engine(
    kind: str, other: str
) -> None:
    with pytest.raises(EngineError, match=f"'clock'.*'two halves'.*module.*'{other}'") as caught:
        simulate(crossing(kind), "clock")
    assert "\n" not in str(caught.value)
    assert simulate(crossing(kind), other).level.notnull().all()


@pytest.mark.parametrize("engine", ["events", "clock", "euler"])
def test_a_record_that_does_not_fit_the_memory_is_refused_with_its_size(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario = Scenario.from_dict(
        {
            "steps": 10**6,
            "graph": {"family": "independent", "n": 1000},
            "record": {"points": 100_001},
        }
    )
    monkeypatch.setattr(memory, "_free_memory", lambda: 4e9)
    what = r"^record: .*100,001 points of 1,000 skills takes 2\.4 GB"
    with pytest.raises(ScenarioError, match=what):
        simulate(scenario, engine)


@pytest.mark.parametrize("name", [n for n in list_bundled("scenarios") if n != "layered-1000"])
def test_bundled_scenarios_run_and_say_why_a_skill_was_not_mastered(name: str) -> None:
    scenario = load_scenario(name, overrides={"record": {"points": 3}})
    ds = simulate(scenario, "events")
    assert ds.level.notnull().all()
    learned = ds.mastered_at.notnull().values
    assert ((ds.reason.values == "") == learned).all()
    assert learned.any()


def test_a_scenario_can_be_run_again_and_is_not_changed() -> None:
    before = SMALL.to_toml()
    assert simulate(SMALL, "clock").equals(simulate(SMALL, "clock"))
    assert SMALL.to_toml() == before


def test_a_result_carries_the_scenario_it_came_from() -> None:
    ds = simulate(SMALL, "clock")
    again = Scenario.from_dict(tomllib.loads(ds.attrs["scenario"]))
    assert again == SMALL


def test_one_step_one_skill() -> None:
    scenario = Scenario.from_dict({"steps": 1, "skills": {"A": {}}})
    for engine in ("events", "clock", "euler"):
        ds = simulate(scenario, engine)
        assert ds.step.values.tolist() == [0, 1]
        np.testing.assert_allclose(ds.level[:, 0], [0.0, 0.01], atol=1e-12)


def test_a_trillion_steps_cost_nothing() -> None:
    scenario = Scenario.from_dict(
        {"steps": 10**12, "pool": {"wasted": 0.1}, "record": {"points": 5}, "skills": {"A": {}}}
    )
    for engine in ("events", "clock"):
        ds = simulate(scenario, engine)
        assert float(ds.level[-1, 0]) == 1.0
        assert float(ds.mastered_at[0]) == pytest.approx((0.1 * np.log(100) + 0.99) / 0.01)


EXTREMES: dict[str, dict[str, Any]] = {
    "rare": {"skills": {"A": {"frequency": 1e-9}, "B": {"frequency": 1.0}}},
    "frequent": {"skills": {"A": {"frequency": 1e9}, "B": {"frequency": 1.0}}},
    "rare and frequent": {
        "skills": {"A": {"frequency": 1e9}, "B": {"frequency": 1e-9, "requires": "A"}}
    },
    "no waste": {"pool": {"wasted": 0.0}},
    "a huge rate": {"pool": {"rate": 1e6, "wasted": 0.1}},
    "a tiny rate": {"pool": {"rate": 1e-12, "wasted": 0.1}},
    "a strict mastery": {"mastery": 0.999999},
    "a lax mastery": {"mastery": 1e-6},
    "known at the start": {"skills": {"A": {"level": 1.0}, "B": {"requires": "A", "level": 1.0}}},
    "half known": {"skills": {"A": {"level": 1.0}, "B": {"requires": "A"}}},
    "nothing is trained": {"skills": {"A": {"frequency": 0.0}, "B": {"frequency": 0.0}}},
    "subnormal": {"skills": {"A": {"frequency": 5e-324}, "B": {}}},
    "enormous": {"skills": {"A": {"frequency": 1e100}, "B": {}}},
}


@pytest.mark.parametrize("name", EXTREMES)
@pytest.mark.parametrize("loss", ["mse", "ce"])
@pytest.mark.parametrize("law", ["sum", "norm", "constant", "domino"])
def test_extremes_agree(name: str, loss: str, law: str) -> None:
    data = {
        "steps": 3000,
        "loss": loss,
        "record": {"points": 7},
        "skills": {"A": {}, "B": {"requires": "A"}, "C": {"frequency": 0.1}},
        **EXTREMES[name],
    }
    data["pool"] = {"rate": 0.01, "wasted": 0.1, **data.get("pool", {}), "law": law}
    scenario = Scenario.from_dict(data)
    clock, events = simulate(scenario, "clock"), simulate(scenario, "events")
    np.testing.assert_allclose(clock.level, events.level, atol=1e-8)
    np.testing.assert_allclose(clock.mastered_at, events.mastered_at, rtol=1e-8, atol=1e-9)
    assert (clock.reason.values == events.reason.values).all()
    euler = simulate(scenario, Euler(step=5.0) if law == "domino" else "euler")
    assert ((euler.level >= 0) & (euler.level <= 1)).all()
    np.testing.assert_allclose(
        (clock.share.sum("skill", skipna=False) + clock.wasted.sel(module="all")),
        np.nan if law == "constant" else 1.0,
        atol=1e-9,
    )


def test_simulate_is_the_packages() -> None:
    assert domino_sim.simulate is simulate
