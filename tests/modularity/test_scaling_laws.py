"""How times grow with the number of skills (design §3.2), and which regime that is."""

from __future__ import annotations

import numpy as np
import pytest
from modular_worlds import chains, independent

from domino_sim.errors import ArgumentError
from domino_sim.modularity.floor import floor_of, time_with_floor
from domino_sim.modularity.partition import with_shares
from domino_sim.modularity.proposals import each
from domino_sim.modularity.regime import regime_of
from domino_sim.modularity.scaling import FLOORED, scaling_of
from domino_sim.modularity.simulated import total_time
from domino_sim.modularity.variants import base_of
from domino_sim.modularity.ways import Way, sampling_ways
from domino_sim.scenario import Scenario


@pytest.mark.parametrize("law", ["domino", "sum"])
@pytest.mark.parametrize("alpha", [0.0, 2.0])
def test_one_pool_goes_with_n_and_a_module_each_with_its_root(law: str, alpha: float) -> None:
    found = scaling_of(independent(64, law, alpha), "equal")
    assert found is not None
    assert found.laws["one pool"].exponent == pytest.approx(1.0, abs=0.005)
    assert found.laws["balanced sampling"].exponent == pytest.approx(1.0, abs=0.005)
    assert found.laws["a module each"].exponent == pytest.approx(0.5, abs=1e-6)


@pytest.mark.parametrize(("alpha", "c"), [(0.0, 1.0), (1.0, 1.24), (2.0, 1.55)])
def test_under_norm_modules_gain_a_constant_factor(alpha: float, c: float) -> None:
    """One pool takes c(α) θ √n/η, a module each θ √n/η; so does even sampling."""
    one, even, balanced = sampling_ways(independent(256, "norm", alpha))
    whole = total_time(one.mastery())
    assert whole * 0.01 / (0.99 * 16) == pytest.approx(c, rel=0.01)
    assert regime_of(one, whole).coefficient == pytest.approx(c, rel=0.01)
    assert total_time(even.mastery()) == pytest.approx(0.99 * 1600)
    assert total_time(balanced.mastery()) == pytest.approx(0.99 * 1600)


def test_the_coefficient_of_many_skills_is_an_integral() -> None:
    """At α = 1 and n → ∞: c θ = ∫₀^W e^(−s)/√(2s) ds = √(π/2) erf √W, W = log(1/(1 − θ))."""
    from math import erf, log, pi, sqrt

    limit = sqrt(pi / 2) * erf(sqrt(log(100.0))) / 0.99
    n = np.array([256, 1024, 4096])
    c = np.array([
        total_time(Way("", independent(int(k), "norm", 1.0)).mastery()) * 0.01 / (0.99 * k**0.5)
        for k in n
    ])  # fmt: skip
    away = limit - c
    assert (away > 0).all() and (away[1:] < 0.6 * away[:-1]).all()
    # What is missing goes with 1/√n: with the first skills, which are few whatever n.
    assert away[2] < 0.01


def test_the_floor_bends_the_root_back_towards_n() -> None:
    found = scaling_of(independent(64, "norm", 2.0, pool={"rate": 3.57e-3}, mastery=0.9), "equal")
    assert found is not None
    bent, plain = found.laws[FLOORED], found.laws["one pool"]
    assert plain.exponent < 0.65 and bent.exponent > plain.exponent + 0.05
    assert bent.slopes[1] > 0.9


def test_a_module_each_has_no_floor_and_balanced_sampling_neither() -> None:
    scenario = independent(16, "norm", 2.0)
    split = with_shares(each(scenario.names), dict.fromkeys(scenario.names, 1.0), "equal", None)
    way = Way("each", scenario, split)
    assert time_with_floor(way) == pytest.approx(total_time(way.mastery()))
    assert floor_of(Way("", scenario, sampling="balanced")) == 0.0
    one = Way("", scenario)
    assert floor_of(one) == pytest.approx(0.5 * 0.01 * scenario.frequency_array()[0])
    assert time_with_floor(one) > 1.2 * total_time(one.mastery())


@pytest.mark.parametrize(
    ("scenario", "name"),
    [
        (independent(8, "constant"), "no competition"),
        (independent(8, "sum"), "n"),
        (independent(8, "domino"), "n"),
        (independent(8, "sum", 0.0, pool={"wasted": 2.0}), "waste"),
        (independent(8, "norm", 0.5, pool={"rate": 1e-4}), "√n"),
        (independent(64, "norm", 2.0), "√n, bent by the step size"),
        (chains(1, 5), "dependencies"),
        (chains(5, 2, "sum"), "n"),
        (chains(20, 5, "norm", steps=10), "√n"),
        (chains(1, 5, gate={"kind": "soft", "exponent": 0.1}), "n"),
        (chains(1, 5, gate={"kind": "hard", "leak": 0.1}), "n"),
    ],
    ids=["constant", "sum", "domino", "waste", "norm", "floor", "chain", "pairs", "many chains",
         "soft", "leak"],
)  # fmt: skip
def test_the_regime_is_told_by_a_rule(scenario: Scenario, name: str) -> None:
    one = Way("one pool", base_of(scenario))
    found = regime_of(one, total_time(one.mastery()))
    assert found.name == name and found.rule and found.text.endswith(".")
    assert "  " not in found.text + found.rule


def test_alone_in_a_module_a_soft_gate_holds_nobody_up() -> None:
    """Without waste the only open skill has all of the pool, however little it is open."""
    scenario = chains(2, 2, "norm", gate={"kind": "soft", "exponent": 0.1})
    split = with_shares(each(scenario.names), dict.fromkeys(scenario.names, 1.0), "equal", None)
    assert total_time(Way("", scenario, split).mastery()) == pytest.approx(2 * 99.0, rel=1e-3)


def test_waste_rules_as_its_closed_form_says() -> None:
    """With much waste every skill alone takes N₀ log(1/(1 − θ))/(p η), also in a module."""
    scenario = independent(4, "norm", 1.0, pool={"wasted": 50.0})
    p = scenario.frequency_array()
    for way in sampling_ways(scenario)[:1]:
        assert total_time(way.mastery()) == pytest.approx(
            50 * np.log(100) / (p[-1] * 0.01), rel=0.01
        )


def test_what_is_never_trained_leaves_no_total_time() -> None:
    scenario = Scenario.from_dict({"skills": {"A": {}, "B": {"frequency": 0.0}}})
    one = Way("one pool", scenario)
    total = total_time(one.mastery())
    found = regime_of(one, total)
    assert total == np.inf and found.name == "unfinished"
    assert "mastered: 'B';" in found.text and "frequency 0: 'B'." in found.text
    never = {name: {"requires": "B"} for name in "CDE"} | {"B": {"frequency": 0.0}, "A": {}}
    assert scaling_of(Scenario.from_dict({"skills": never}), "equal") is None


def test_sizes_with_more_modules_than_parameters_are_left_open() -> None:
    found = scaling_of(independent(8, "norm", pool={"n_dim": 5}), "equal")
    assert found is not None
    assert np.isfinite(found.times["a module each"]).tolist() == [True, True, False]
    assert np.isfinite(found.times["one pool"]).all()


@pytest.mark.parametrize("written", [True, False], ids=["expressions", "edges"])
def test_parts_of_a_graph_keep_its_dependencies(written: bool) -> None:
    """A chain takes n whatever the law, also where a graph has edges without expressions."""
    chain = chains(1, 8, "norm") if written else independent(8, "norm", 0.0)
    if not written:
        chain = chain.model_copy(update={"graph": {"family": "chain", "n": 8}})
    found = scaling_of(chain, "equal")
    assert found is not None
    assert found.laws["balanced sampling"].exponent == pytest.approx(1.0, abs=0.01)
    assert found.laws["one pool"].exponent == pytest.approx(1.0, abs=0.02)
    assert found.laws["a module each"].exponent == pytest.approx(1.5, abs=0.01)


def test_few_skills_have_no_scaling() -> None:
    assert scaling_of(independent(3, "sum"), "equal") is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"interventions": [{"at": 5, "freeze": ["A"]}]}, "interventions"),
        ({"correlation": {"n_dim": 9}}, "correlated tasks"),
        ({"skills": {"A": {"frequency": 0.0}}}, "no skill is trained"),
    ],
    ids=["interventions", "correlation", "untrained"],
)
def test_what_cannot_be_compared_is_refused(changes: dict, message: str) -> None:
    scenario = Scenario.from_dict({"skills": {"A": {}, "B": {}}, **changes})
    with pytest.raises(ArgumentError, match=message):
        base_of(scenario)
