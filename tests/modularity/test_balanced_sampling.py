"""Balanced sampling: all open skills rise together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from modular_worlds import chains, independent

from domino_sim.engines import Events
from domino_sim.modularity.balanced import Balancer, balanced_run
from domino_sim.modularity.ways import Way
from domino_sim.scenario import Scenario
from domino_sim.simulation import simulate


@pytest.mark.parametrize(("law", "power"), [("sum", 1.0), ("norm", 0.5)])
@pytest.mark.parametrize("n", [1, 4, 30])
def test_without_waste_n_skills_take_n_or_its_root(law: str, power: float, n: int) -> None:
    run = balanced_run(independent(n, law, 2.0))
    assert run.mastered_at == pytest.approx(n**power * 0.99 / 0.01, rel=1e-12)


@pytest.mark.parametrize("loss", ["mse", "ce"])
@pytest.mark.parametrize("law", ["sum", "norm", "constant"])
def test_of_equal_skills_balanced_is_uniform_is_the_pool_law(law: str, loss: str) -> None:
    scenario = independent(6, law, 0.0, loss=loss, pool={"wasted": 0.1}, steps=10**6)
    exact = simulate(scenario, "clock")["mastered_at"].values
    assert balanced_run(scenario).mastered_at == pytest.approx(exact, rel=1e-8)


def test_waste_under_sum_has_its_closed_form() -> None:
    """t = (Σ X + N₀/P Σ X_j ∫ df/(u_j − X_j f))/η, of skills that start at different levels."""
    skills = {"A": {"level": 0.5, "frequency": 2.0}, "B": {"frequency": 0.1}}
    data = {"pool": {"law": "sum", "rate": 0.01, "wasted": 0.3}, "skills": skills}
    at = balanced_run(Scenario.from_dict(data)).mastered_at
    whole = (0.49 + 0.99 + 0.3 / 2.1 * (np.log(0.5 / 0.01) + np.log(1.0 / 0.01))) / 0.01
    assert at == pytest.approx([whole, whole], rel=1e-9)


@given(st.lists(st.floats(0.0, 0.98), min_size=1, max_size=8), st.integers(0, 99))
def test_under_norm_it_is_the_straight_line_and_no_mixture_is_faster(
    levels: list[float], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    skills = {
        f"s{i}": {"level": level, "frequency": float(rng.uniform(0.1, 1.0))}
        for i, level in enumerate(levels)
    }
    data = {"pool": {"law": "norm", "rate": 0.01}, "skills": skills, "steps": 10**6}
    scenario = Scenario.from_dict(data)
    at = balanced_run(scenario).mastered_at
    assert at == pytest.approx(np.linalg.norm(0.99 - np.array(levels)) / 0.01, rel=1e-9)
    assert simulate(scenario, "clock")["mastered_at"].values.max() >= at.max() * (1 - 1e-9)


def test_a_chain_is_learned_one_after_the_other() -> None:
    at = balanced_run(chains(2, 3, "norm")).mastered_at
    assert at == pytest.approx([2**0.5 * 99 * k for k in (1, 2, 3)] * 2)


def test_what_is_not_trained_is_never_mastered_and_its_dependents_neither() -> None:
    skills = {"A": {"frequency": 0.0}, "B": {"requires": "A"}, "C": {"requires": "A or D"}, "D": {}}
    at = balanced_run(Scenario.from_dict({"skills": skills})).mastered_at
    assert np.isnan(at).tolist() == [True, True, False, False]


@settings(max_examples=6)
@given(st.integers(0, 10**6), st.sampled_from(["sum", "norm"]), st.sampled_from([0.0, 0.05]))
def test_a_trainer_who_balances_now_and_then_gets_there_as_fast(
    seed: int, law: str, wasted: float
) -> None:
    """The closed form, against frequencies that are set again and again in the events engine."""
    rng = np.random.default_rng(seed)
    skills = {
        name: {"frequency": float(rng.uniform(0.1, 1)), "level": float(rng.uniform(0, 0.6))}
        for name in "ABC"
    }
    if law == "sum":  # the pool is never idle: the order in which gates open does not matter
        skills["D"] = {"frequency": 0.3, "requires": "A"}  # type: ignore[dict-item]
    data = {"steps": 10**5, "pool": {"law": law, "rate": 0.01, "wasted": wasted}, "skills": skills,
            "record": {"steps": [0]}}  # fmt: skip
    scenario = Scenario.from_dict(data)
    exact = balanced_run(scenario).mastered_at.max()
    balancer = Balancer(scenario, exact / 100)
    stepped = simulate(scenario, Events(processes=[balancer]))["mastered_at"].values.max()
    assert stepped == pytest.approx(exact, rel=0.02)


def test_levels_rise_in_straight_lines_without_waste() -> None:
    run = balanced_run(independent(4, "norm"))
    steps = np.linspace(0.0, 198.0, 7)
    assert run.levels(steps) == pytest.approx(np.tile(steps / 200.0, (4, 1)).T, abs=1e-12)


def test_soft_gates_are_balanced_by_a_trainer() -> None:
    soft = {"kind": "soft", "exponent": 0.1}
    scenario = chains(2, 2, "norm", gate=soft)
    at = Way("balanced sampling", scenario, sampling="balanced").mastery()
    assert np.isfinite(at).all() and at[1] > at[0] and at[0] == pytest.approx(at[2])
