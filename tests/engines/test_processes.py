"""Processes that users write: they see and change a run as interventions do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from worlds import scenario_of

from domino_sim import load_scenario, simulate
from domino_sim.engines import Events
from domino_sim.errors import ArgumentError
from domino_sim.scenario import Scenario

LAWS = ("sum", "norm", "constant", "domino")


def hard_pairs() -> Scenario:
    """The two pairs with hard gates."""
    return load_scenario("two-pairs", overrides={"gate": {"kind": "hard"}, "record.points": 11})


def test_a_teacher_raises_whatever_is_learnable() -> None:
    seen: list[tuple[str, list[str]]] = []

    def teacher(training: Any) -> Any:
        last = ""
        while True:
            seen.append((last, training.learnable()))
            for name in training.learnable():
                training.set_frequency(name, 10.0)
            last = yield training.next_mastery()

    taught = simulate(hard_pairs(), Events(processes=[teacher]))
    plain = simulate(hard_pairs(), "events")
    assert seen[0] == ("", ["T1", "T2", "T3", "T4"])
    # Masteries of one instant come as one event: afterwards all of them have happened.
    masteries = [name for name, _ in seen[1:]]
    assert len(set(masteries)) == len(masteries)
    assert taught.mastered_at.notnull().all()
    assert masteries == sorted(masteries, key=lambda n: float(taught.mastered_at.sel(skill=n)))
    assert all(name not in learnable for name, learnable in seen[1:])
    assert float(taught.mastered_at.sel(skill="T7")) < float(plain.mastered_at.sel(skill="T7"))


def test_a_process_that_only_looks_changes_nothing() -> None:
    log: dict[str, Any] = {}

    def watcher(training: Any) -> Any:
        yield training.passes("T1", 0.5)
        log["half"] = training.env.now
        log["level"] = training.level("T1")
        yield training.mastered("T1")
        log["mastered"] = training.env.now
        log["is"] = training.is_mastered("T1"), training.is_open("T5"), training.is_open("T7")
        yield training.opened("T5")
        log["opened"] = training.env.now
        yield training.opened("T5")  # has happened already
        log["again"] = training.env.now

    watched = simulate(hard_pairs(), Events(processes=[watcher]))
    plain = simulate(hard_pairs(), "events")
    np.testing.assert_allclose(watched.mastered_at, plain.mastered_at, rtol=1e-12)
    assert log["level"] == pytest.approx(0.5, abs=1e-12)
    assert log["half"] < log["mastered"]
    assert log["mastered"] == pytest.approx(float(plain.mastered_at.sel(skill="T1")))
    assert log["is"] == (True, False, False)
    opened = float(plain.opened_at.sel(skill="T5"))
    assert log["opened"] == log["again"] == pytest.approx(opened)


@pytest.mark.parametrize("law", LAWS)
def test_what_a_process_does_equals_what_an_intervention_does(law: str) -> None:
    skills = {
        "a": {"frequency": 1.0},
        "b": {"frequency": 0.5},
        "c": {"requires": "a", "frequency": 0.7},
    }
    pool = {"law": law, "rate": 0.004, "wasted": 0.05}
    scenario = scenario_of(skills, pool=pool)

    def hand(training: Any) -> Any:
        yield training.env.timeout(30)
        training.freeze("a")
        yield training.env.timeout(50.5)
        training.unfreeze("a")
        training.set_frequency("b", 2.0)
        assert training.frequency("b") == 2.0
        yield training.passes("b", 0.8)
        training.set_frequency("c", 3.0)

    changed = scenario.with_overrides(
        {
            "interventions": [
                {"at": 30, "freeze": ["a"]},
                {"at": 80.5, "unfreeze": ["a"], "set": {"skills.b.frequency": 2.0}},
                {"when": "b > 0.8", "set": {"skills.c.frequency": 3.0}},
            ]
        }
    )
    by_hand = simulate(scenario, Events(processes=[hand]))
    for engine in ("events", "clock"):
        ds = simulate(changed, engine)
        np.testing.assert_allclose(by_hand.level, ds.level, atol=1e-10)
        np.testing.assert_allclose(by_hand.mastered_at, ds.mastered_at, rtol=1e-10)


def test_passing_a_level_that_is_already_passed_happens_now() -> None:
    now = []

    def process(training: Any) -> Any:
        yield training.mastered("a")
        yield training.passes("a", 0.5)
        yield training.mastered("a")
        now.append(training.env.now)

    ds = simulate(scenario_of({"a": {}}), Events(processes=[process]))
    assert now == [float(ds.mastered_at[0])]


@pytest.mark.parametrize(
    "call",
    [
        lambda t: t.level("T9"),
        lambda t: t.mastered(None),
        lambda t: t.freeze(["T1"]),
        lambda t: t.set_frequency("T1", -1.0),
        lambda t: t.set_frequency("T1", float("nan")),
        lambda t: t.set_frequency("T1", "1"),
        lambda t: t.set_frequency("T1", True),
        lambda t: t.passes("T1", 1.5),
        lambda t: t.passes("T1", float("nan")),
        lambda t: t.passes("T1", None),
    ],
)
def test_a_process_that_asks_the_impossible_is_told(call: Any) -> None:
    def process(training: Any) -> Any:
        call(training)
        yield training.env.timeout(1)

    with pytest.raises(ArgumentError):
        simulate(hard_pairs(), Events(processes=[process]))


def test_random_numbers_of_a_process_come_from_the_seed() -> None:
    def draws(seed: int) -> list[float]:
        found: list[float] = []

        def process(training: Any) -> Any:
            found.extend(training.rng.random(3))
            yield training.env.timeout(1)

        simulate(scenario_of({"a": {}}, seed=seed), Events(processes=[process]))
        return found

    assert draws(1) == draws(1) != draws(2)


def test_an_error_of_a_process_is_not_hidden() -> None:
    def process(training: Any) -> Any:
        yield training.env.timeout(1)
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        simulate(scenario_of({"a": {}}), Events(processes=[process]))
