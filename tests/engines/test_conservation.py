"""What every run keeps: conserved ratios, the pool's balance, the clock identity, symmetries."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.special import logit
from strategies import hard_scenarios, skill_tables

from domino_sim import simulate
from domino_sim.engines import Euler
from domino_sim.scenario import Scenario

ENGINES = ("clock", "events")
P = np.array([3.0, 1.0, 0.4, 0.1, 0.02])


def independent(law: str, loss: str, **data: Any) -> Scenario:
    """Five independent skills."""
    return Scenario.from_dict(
        {
            "steps": 500,
            "loss": loss,
            "pool": {"law": law, "rate": 0.01, "wasted": 0.02},
            "record": {"points": 26},
            "skills": {f"s{i}": {"frequency": float(p)} for i, p in enumerate(P)},
            **data,
        }
    )


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("law", ["sum", "norm", "constant"])
def test_u_to_the_one_over_p_is_the_same_for_all_independent_skills(engine: str, law: str) -> None:
    u = 1 - simulate(independent(law, "mse"), engine).level.values
    clocks = -np.log(np.maximum(u, 1e-300)) / P
    known = u > 1e-4  # below that 1 − level has lost its digits
    reference = clocks[:, [4]]
    np.testing.assert_allclose(
        clocks[known], np.broadcast_to(reference, u.shape)[known], rtol=1e-8, atol=1e-12
    )


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("law", ["sum", "norm", "constant"])
def test_cross_entropy_conserves_the_work_per_frequency(engine: str, law: str) -> None:
    s = simulate(independent(law, "ce"), engine).level.values
    work = (logit(s) + s / (1 - s) - 1.0) / P
    known = s < 0.999
    np.testing.assert_allclose(
        work[known], np.broadcast_to(work[:, [4]], s.shape)[known], rtol=1e-7, atol=1e-12
    )


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("loss", ["mse", "ce"])
def test_the_clock_identity_holds_with_gates(engine: str, loss: str) -> None:
    # η t = N₀ τ + Σ (gain), with τ read off an ungated skill.
    skills = {
        "probe": {"frequency": 0.2},
        "a": {"frequency": 1.0},
        "b": {"frequency": 2.0, "requires": "a"},
        "c": {"frequency": 0.3, "requires": "a or probe", "level": 0.6},
    }
    ds = simulate(independent("sum", loss, skills=skills, gate={"leak": 0.05}), engine)
    s = ds.level.values
    if loss == "mse":
        tau, gains = -np.log1p(-s[:, 0]) / 0.2, s - s[0]
    else:
        tau = (logit(s[:, 0]) + np.exp(logit(s[:, 0])) - 1.0) / 0.2
        gains = logit(s) - logit(s[0])
    np.testing.assert_allclose(
        0.01 * ds.step.values, 0.02 * tau + gains.sum(axis=1), rtol=1e-8, atol=1e-9
    )


@given(hard_scenarios())
@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow])
@pytest.mark.parametrize("engine", ENGINES)
def test_what_a_result_promises(engine: str, scenario: Scenario) -> None:
    ds = simulate(scenario, engine)
    level, opened, mastered = ds.level.values, ds.opened_at.values, ds.mastered_at.values
    assert ((level >= 0) & (level <= 1)).all()
    assert (np.diff(level, axis=0) >= -1e-12).all()
    np.testing.assert_allclose(level[0], scenario.level_array(), atol=1e-12)
    if scenario.gate.leak == 0 or scenario.pool.law == "domino":
        start = scenario.level_array()
        learned = ~np.isnan(mastered) & (start < scenario.mastery)
        assert (mastered[learned] >= opened[learned]).all()
    assert ((ds.reason.values == "") == ~np.isnan(mastered)).all()
    threshold = 1.0 if scenario.pool.law == "domino" else scenario.mastery
    for i, at in enumerate(mastered):
        # (no mastery at the very last step can be told from none by its level)
        instant = np.inf if np.isnan(at) else at
        before = ds.step.values < instant * (1 - 1e-9)
        after = ds.step.values >= instant * (1 + 1e-9) + 1e-9
        assert (level[after, i] >= threshold - 1e-9).all()
        assert (level[before, i] <= threshold + 1e-9).all()
    share, wasted = ds.share.values, ds.wasted.values
    if scenario.pool.law != "constant":
        assert ((share >= 0) & (share <= 1 + 1e-12)).all()
        assert ((wasted >= 0) & (wasted <= 1 + 1e-12)).all()


@st.composite
def plain(draw: st.DrawFn) -> dict[str, Any]:
    """A hard-gated scenario under ``sum`` as tables."""
    return {
        "steps": 2000,
        "mastery": draw(st.sampled_from([0.5, 0.9, 0.99])),
        "loss": draw(st.sampled_from(["mse", "ce"])),
        "pool": {
            "law": draw(st.sampled_from(["sum", "norm"])),
            "rate": draw(st.sampled_from([0.01, 0.05])),
            "wasted": draw(st.sampled_from([1e-3, 0.1])),
        },
        "gate": {"leak": draw(st.sampled_from([0.0, 0.1]))},
        "record": {"points": 5},
        "skills": draw(skill_tables(most=6)),
    }


def instants(data: dict[str, Any], engine: str = "clock") -> np.ndarray:
    """Masteries, infinite where there are none."""
    found = simulate(Scenario.from_dict(data), engine).mastered_at.values
    return np.where(np.isnan(found), np.inf, found)


@given(plain(), st.sampled_from([1.5, 10.0]))
@settings(max_examples=25)
def test_more_waste_never_makes_a_mastery_earlier(data: dict[str, Any], factor: float) -> None:
    more = {**data, "pool": {**data["pool"], "wasted": data["pool"]["wasted"] * factor}}
    assert (instants(more) >= instants(data) * (1 - 1e-9)).all()


@given(plain(), st.sampled_from([0.5, 2.0, 4.0]))
@settings(max_examples=25)
def test_a_rate_k_times_as_large_is_time_k_times_as_fast(data: dict[str, Any], k: float) -> None:
    fast = {
        **data,
        "pool": {**data["pool"], "rate": data["pool"]["rate"] * k},
        "steps": int(data["steps"] / k),
    }
    for engine in ENGINES:
        np.testing.assert_allclose(
            instants(fast, engine) * k, instants(data, engine), rtol=1e-9, atol=1e-9
        )


@given(plain(), st.sampled_from([0.01, 7.0]))
@settings(max_examples=25)
def test_only_ratios_of_frequencies_and_waste_matter(data: dict[str, Any], k: float) -> None:
    skills = {n: {**s, "frequency": s["frequency"] * k} for n, s in data["skills"].items()}
    pool = {**data["pool"], "wasted": data["pool"]["wasted"] * k}
    scaled = {**data, "skills": skills, "pool": pool}
    for engine in ENGINES:
        np.testing.assert_allclose(
            instants(scaled, engine), instants(data, engine), rtol=1e-9, atol=1e-9
        )


@given(plain(), st.randoms(use_true_random=False))
@settings(max_examples=25)
def test_the_order_of_the_skills_does_not_matter(data: dict[str, Any], random: Any) -> None:
    names = list(data["skills"])
    random.shuffle(names)
    shuffled = {**data, "skills": {n: data["skills"][n] for n in names}}
    for engine in (*ENGINES, Euler(step=20)):
        one = simulate(Scenario.from_dict({**data, "record": {"every": 500}}), engine)
        other = simulate(Scenario.from_dict({**shuffled, "record": {"every": 500}}), engine)
        other = other.sel(skill=one.skill)
        np.testing.assert_allclose(other.level, one.level, atol=1e-9)
        np.testing.assert_allclose(other.mastered_at, one.mastered_at, rtol=1e-9)


@given(plain())
@settings(max_examples=25)
def test_what_is_recorded_does_not_change_the_run(data: dict[str, Any]) -> None:
    some = simulate(Scenario.from_dict({**data, "record": {"steps": [0, 77, 1000]}}), "events")
    all_of_it = simulate(Scenario.from_dict({**data, "record": {"every": 1}}), "events")
    np.testing.assert_allclose(some.level, all_of_it.level.sel(step=[0, 77, 1000]), atol=1e-10)
    np.testing.assert_array_equal(some.mastered_at, all_of_it.mastered_at)


@pytest.mark.parametrize(
    ("law", "low", "high"), [("domino", 1.0, 1.0), ("sum", 0.99, 1.0), ("norm", 0.9, 2.0)]
)
def test_time_to_learn_n_skills_scales_as_the_law_says(law: str, low: float, high: float) -> None:
    # Design 3.2, N₀ = 0: n/η, between θn/η and n/η, and c(α) θ √n/η.
    for n in (4, 16, 64):
        for alpha in (0.0, 1.0, 2.0):
            ds = simulate(
                Scenario.from_dict(
                    {
                        "steps": 10**6,
                        "graph": {"family": "independent", "n": n},
                        "frequencies": {"law": "power", "exponent": alpha},
                        "pool": {"law": law, "rate": 0.01, "wasted": 0.0},
                        "record": {"steps": [0]},
                    }
                ),
                "clock",
            )
            size = np.sqrt(n) if law == "norm" else n
            last = float(ds.mastered_at.max()) * 0.01 / size
            assert low - 1e-9 <= last <= high + 1e-9
