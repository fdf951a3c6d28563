"""What it costs to be wrong."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from modular_worlds import independent

from domino_sim.modularity.misassignment import cost_of_errors, misassigned
from domino_sim.modularity.partition import Partition, with_shares
from domino_sim.modularity.proposals import each
from domino_sim.modularity.simulated import mastery_times, total_time
from domino_sim.modularity.variants import in_modules
from domino_sim.scenario import Scenario


def shared(partition: Partition, base: Scenario) -> Partition:
    return with_shares(partition, dict.fromkeys(base.names, 1.0), "equal", None)


@given(st.integers(2, 12), st.integers(0, 20), st.floats(0, 1), st.integers(0, 99))
def test_so_many_skills_are_elsewhere_and_none_is_lost(
    count: int, more: int, fraction: float, seed: int
) -> None:
    names = [f"s{i}" for i in range(count + more)]
    right = Partition("right", {str(m): names[m::count] for m in range(count)})
    right = with_shares(right, dict.fromkeys(names, 1.0), "equal", None)
    for kind in ("scattered", "crowded"):
        wrong = misassigned(right, fraction, kind, np.random.default_rng(seed))
        before, after = right.module_of(), wrong.module_of()
        assert sorted(after) == sorted(names) and wrong.shares == right.shares
        moved = sum(before[name] != after[name] for name in names)
        movable = len(names) if kind == "scattered" else len(names) - len(right.modules["0"])
        assert moved == min(round(fraction * len(names)), movable)


def test_larger_fractions_have_the_errors_of_smaller_ones() -> None:
    right = Partition("right", {str(m): [f"s{m}"] for m in range(20)})
    few, many = (
        misassigned(right, f, "scattered", np.random.default_rng(1)).module_of() for f in (0.2, 0.6)
    )
    wrong = {name for name in few if few[name] != right.module_of()[name]}
    assert wrong and all(few[name] == many[name] for name in wrong)


@pytest.mark.parametrize("law", ["domino", "sum"])
def test_a_crowded_module_loses_to_no_split_from_root_n_skills_on(law: str) -> None:
    """m skills too many in one module of n: (1 + m) √n/η against n/η, so m = √n − 1 is even."""
    n = 36
    scenario = independent(n, law, 0.0)
    one = total_time(mastery_times(scenario))
    right = shared(each(scenario.names), scenario)
    for moved in (0, 2, 5, 9):
        wrong = misassigned(right, moved / n, "crowded", np.random.default_rng(0))
        ratio = total_time(mastery_times(in_modules(scenario, wrong))) / one
        assert ratio == pytest.approx((1 + moved) / 6)


def test_under_norm_two_skills_in_one_module_lose_unless_frequencies_are_very_skewed() -> None:
    """√2 against c(α): 1.0 at α = 0, and about 1.5 at α = 2."""
    for alpha, loses in ((0.0, True), (2.0, False)):
        scenario = independent(64, "norm", alpha)
        right = shared(each(scenario.names), scenario)
        modules = {**right.modules, "63": [*right.modules["63"], "s64"], "64": []}
        wrong = Partition("wrong", modules, right.shares)
        pair = total_time(mastery_times(in_modules(scenario, wrong)))
        assert pair == pytest.approx(2**0.5 * 8 * 99, rel=0.01)
        assert (pair > total_time(mastery_times(scenario))) == loses


def test_the_cost_is_told_over_fractions_and_skews() -> None:
    scenario = independent(8, "domino")
    cost = cost_of_errors(
        scenario, each(scenario.names), shared, fractions=(0.0, 0.5, 1.0), skews=(0.0, 1.0)
    )
    assert cost.times.shape == (2, 3) and cost.ratio.shape == (2, 2, 3) and cost.skills == 8
    assert cost.times[:, 0] == pytest.approx(8**0.5 * 100)
    assert cost.ratio[:, :, 0] == pytest.approx(8**-0.5)
    # Seven of eight can crowd one module, which then has all of them and an eighth of parameters.
    assert cost.times[1, 2] == pytest.approx(8 * 8**0.5 * 100)
    assert (np.diff(cost.times[1]) > 0).all()


def test_many_skills_are_told_by_the_first_of_them() -> None:
    scenario = independent(70, "domino")
    cost = cost_of_errors(scenario, each(scenario.names), shared, fractions=(0.0,), skews=(0.0,))
    assert cost.skills == 64 and cost.ratio[0, 0, 0] == pytest.approx(64**-0.5)
    assert cost.times[0, 0] == pytest.approx(70**0.5 * 100)
