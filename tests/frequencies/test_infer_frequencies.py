"""Frequencies and the clock from curves alone (``docs/frequencies.md``)."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from domino_sim import Scenario, load_graph, simulate
from domino_sim.curves import join_curves, make_curves
from domino_sim.errors import ArgumentError
from domino_sim.frequencies import infer_frequencies
from validation.studies.frequencies import cover

DATA = Path(__file__).parents[1] / "data"


def curves_of(
    level: np.ndarray, steps: np.ndarray | None = None, *, noise: float = 0.0, run: str = "1",
    names: list[str] | None = None, seed: int = 0,
) -> xr.Dataset:  # fmt: skip
    """Return a run with `level` (k, n) and noise on it."""
    level = level + noise * np.random.default_rng(seed).normal(size=level.shape)
    return make_curves(
        runs=[run],
        steps=np.arange(len(level)) if steps is None else steps,
        skills=names or [f"s{i + 1}" for i in range(level.shape[1])],
        level=level[None],
    )


def simulated(tables: dict[str, Any], noise: float = 0.0) -> tuple[Scenario, xr.Dataset]:
    scenario = Scenario.from_dict(tables)
    ds = simulate(scenario, "clock")
    names = list(scenario.names)
    return scenario, curves_of(ds.level.values, ds.step.values, noise=noise, names=names)


def scaled(frequency: np.ndarray) -> np.ndarray:
    return frequency / frequency.sum()


def independent(tau: np.ndarray, p: list[float]) -> np.ndarray:
    return 1.0 - np.exp(-np.outer(tau, p))


POOLS: list[dict[str, Any]] = [
    {"law": "sum", "wasted": 0.003, "rate": 0.01},
    {"law": "norm", "wasted": 0.003, "rate": 0.01},
    {"law": "constant", "rate": 0.01},
]


def six(loss: str, pool: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "steps": 1500,
        "loss": loss,
        "record": {"points": 100},
        "graph": {"family": "independent", "n": 6},
        "frequencies": {"law": "power", "exponent": 1.5},
        "pool": pool,
        **more,
    }


@pytest.mark.parametrize("loss", ["mse", "ce"])
@pytest.mark.parametrize("pool", POOLS, ids=lambda pool: str(pool["law"]))
def test_frequencies_come_back_whatever_the_pool_law(loss: Any, pool: dict[str, Any]) -> None:
    scenario, curves = simulated(six(loss, pool))
    found = infer_frequencies(curves, loss=loss)
    np.testing.assert_allclose(
        found.frequencies.estimate, scaled(scenario.frequency_array()), rtol=1e-6
    )
    assert found.settled and found.residual < 1e-7


def test_a_change_of_the_learning_rate_halfway_does_not_matter() -> None:
    change = {"interventions": [{"at": 300, "set": {"pool.rate": 0.002}}]}
    scenario, curves = simulated(six("mse", POOLS[1], **change))
    found = infer_frequencies(curves)
    np.testing.assert_allclose(
        found.frequencies.estimate, scaled(scenario.frequency_array()), rtol=1e-6
    )


def test_the_conserved_quantity_is_that_of_every_skill() -> None:
    _, curves = simulated(six("mse", POOLS[0]))
    found = infer_frequencies(curves)
    p = found.frequencies.estimate.values
    u = 1.0 - curves.level.values[0]
    some = u > 1e-6
    conserved = np.where(some, u, 1.0) ** (1.0 / p)
    expected = np.broadcast_to(found.clock.conserved.values[0][:, None], some.shape)
    np.testing.assert_allclose(conserved[some], expected[some], rtol=1e-6)


@pytest.mark.parametrize("exponent", [None, 0.3])
@pytest.mark.parametrize("loss", ["mse", "ce"])
def test_gates_hide_nothing_when_the_graph_is_known(loss: Any, exponent: float | None) -> None:
    skills = {
        "A": {"frequency": 0.4},
        "B": {"frequency": 0.1},
        "C": {"frequency": 0.3, "requires": "A"},
        "D": {"frequency": 0.15, "requires": "A or B"},
        "E": {"frequency": 0.05, "requires": "2 of (B, C, D)"},
    }
    gate = {"leak": 0.05} | ({"kind": "soft", "exponent": exponent} if exponent else {})
    tables = {"steps": 6000, "loss": loss, "record": {"points": 80}, "pool": POOLS[1]}
    scenario, curves = simulated(tables | {"gate": gate, "skills": skills})
    found = infer_frequencies(
        curves, loss=loss, graph=scenario.skill_graph(), exponent=exponent, leak=0.05
    )
    np.testing.assert_allclose(found.frequencies.estimate, [0.4, 0.1, 0.3, 0.15, 0.05], rtol=1e-5)


@pytest.mark.parametrize("n_dim", [10, 4])
def test_correlated_tasks_even_more_of_them_than_dimensions(n_dim: int) -> None:
    tables = six("mse", POOLS[1]) | {"correlation": {"n_dim": n_dim, "seed": 3}}
    scenario, curves = simulated(tables)
    found = infer_frequencies(curves, correlation=scenario.gram())
    np.testing.assert_allclose(
        found.frequencies.estimate, scaled(scenario.frequency_array()), rtol=1e-5
    )


@settings(max_examples=20)
@given(
    warp=st.floats(0.2, 5.0),
    p=st.lists(st.floats(0.05, 1.0), min_size=2, max_size=6),
    seed=st.integers(0, 1000),
)
def test_no_warp_of_the_step_axis_changes_anything(warp: float, p: list[float], seed: int) -> None:
    k = np.linspace(0.0, 1.0, 40)
    level = independent(8.0 * k**2, p)
    plain = infer_frequencies(curves_of(level, np.arange(40), noise=0.01, seed=seed))
    warped = (1e6 * k**warp).round().astype(int) + np.arange(40)
    other = infer_frequencies(curves_of(level, warped, noise=0.01, seed=seed))
    np.testing.assert_array_equal(other.frequencies.estimate, plain.frequencies.estimate)
    np.testing.assert_array_equal(other.clock.tau, plain.clock.tau)


@settings(max_examples=15)
@given(seed=st.integers(0, 10_000))
def test_neither_the_order_of_skills_nor_that_of_runs_matters(seed: int) -> None:
    level = independent(np.linspace(0, 10, 60), [0.5, 0.3, 0.2])
    one = curves_of(level, noise=0.02, run="1", seed=seed)
    two = curves_of(level[::2], noise=0.02, run="2", seed=seed + 1)
    plain = infer_frequencies(join_curves(one, two)).frequencies
    other = infer_frequencies(join_curves(two, one).isel(skill=[2, 0, 1])).frequencies
    same = other.sel(skill=plain.skill)
    np.testing.assert_allclose(same.estimate, plain.estimate, rtol=2e-3)
    np.testing.assert_allclose(same.log_error, plain.log_error, rtol=0.1)


def test_more_runs_of_one_mixture_know_it_better() -> None:
    k = np.linspace(0, 1, 60)
    levels = [independent(10 * k ** (1 + 0.1 * r), [0.5, 0.3, 0.2]) for r in range(8)]
    runs = [curves_of(level, noise=0.02, run=str(r), seed=r) for r, level in enumerate(levels)]
    one = infer_frequencies(runs[0]).frequencies.log_error.values
    all_of_them = infer_frequencies(join_curves(*runs))
    assert all_of_them.clock.sizes["run"] == 8
    np.testing.assert_allclose(all_of_them.frequencies.log_error, one / np.sqrt(8), rtol=0.4)


@pytest.mark.parametrize("noise", [0.01, 0.05])
@pytest.mark.parametrize("loss", ["mse", "ce"])
def test_intervals_cover_and_estimates_are_not_biased(loss: Any, noise: float) -> None:
    found = cover(loss, skills=5, records=60, noise=noise, draws=24)
    assert 0.88 <= found.covered <= 1.0
    assert 0.88 <= found.clock_covered <= 0.99
    # Chance alone: 0.2 of a standard error a skill, 0.5 for the largest of five 1 time in 15.
    assert found.bias < 0.5


def test_a_known_law_is_tighter_and_agrees() -> None:
    scenario, curves = simulated(six("mse", POOLS[1]), noise=0.02)
    truth = scaled(scenario.frequency_array())
    free = infer_frequencies(curves).frequencies
    known = infer_frequencies(curves, law="norm")
    table = known.frequencies
    assert (table.log_error.values <= 1.02 * free.log_error.values).all()
    assert (np.abs(np.log(table.estimate.values / truth)) < 4.0 * table.log_error.values).all()
    width = known.clock.tau_high - known.clock.tau_low
    wide = infer_frequencies(curves).clock
    assert float(width.sum()) < 0.5 * float((wide.tau_high - wide.tau_low).sum())


@pytest.mark.parametrize("exponent", [None, 0.3])
def test_a_known_law_goes_with_gates_and_several_runs(exponent: float | None) -> None:
    skills = {
        "A": {"frequency": 0.5},
        "B": {"frequency": 0.3, "requires": "A"},
        "C": {"frequency": 0.2},
    }
    gate = {"kind": "soft", "exponent": exponent} if exponent else {"kind": "hard"}
    runs = []
    for r, wasted in enumerate((0.001, 0.1)):
        pool = {"law": "norm", "rate": 0.01, "wasted": wasted}
        tables = {"steps": 1500, "record": {"points": 60}, "pool": pool, "gate": gate}
        scenario, curves = simulated(tables | {"skills": skills})
        runs.append(curves.assign_coords(run=[str(r)]))
    found = infer_frequencies(
        join_curves(*runs), graph=scenario.skill_graph(), exponent=exponent, law="norm"
    )
    np.testing.assert_allclose(found.frequencies.estimate, [0.5, 0.3, 0.2], rtol=1e-4)


def test_a_known_law_goes_with_correlated_tasks() -> None:
    tables = six("mse", POOLS[1]) | {"correlation": {"n_dim": 10, "seed": 3}}
    scenario, curves = simulated(tables)
    found = infer_frequencies(curves, correlation=scenario.gram(), law="norm")
    np.testing.assert_allclose(
        found.frequencies.estimate, scaled(scenario.frequency_array()), rtol=1e-4
    )


def test_a_wrong_law_shows_in_the_residual() -> None:
    _, curves = simulated(six("mse", POOLS[0]), noise=0.01)
    assert infer_frequencies(curves).residual < 0.011
    assert infer_frequencies(curves, law="constant").residual > 0.03


# What cannot be known.


def test_a_skill_that_does_not_leave_its_start_has_an_upper_bound_only() -> None:
    level = independent(np.linspace(0, 12, 200), [0.6, 0.4, 1e-4])
    found = infer_frequencies(curves_of(level, noise=0.01))
    rare = found.frequencies.isel(skill=2)
    assert (rare.status, rare.low) == ("upper bound", 0.0)
    assert 1e-4 < rare.high < 1e-3
    assert any("'s3' hardly leaves its start" in sentence for sentence in found.not_identified)
    np.testing.assert_allclose(found.frequencies.estimate[:2].sum(), 1.0)


def test_a_skill_learned_before_the_first_record_has_a_lower_bound_only() -> None:
    level = independent(np.linspace(1.0, 12, 200), [0.6, 0.4, 30.0])
    found = infer_frequencies(curves_of(level, np.arange(10, 210), noise=0.01))
    frequent = found.frequencies.isel(skill=2)
    assert (frequent.status, frequent.high) == ("lower bound", np.inf)
    assert 1.0 < frequent.low < 30.0
    assert any("'s3' is learned before" in sentence for sentence in found.not_identified)


def test_groups_that_never_learn_together_are_told_apart() -> None:
    tau = np.concatenate([np.linspace(0, 6e-3, 50), np.geomspace(0.3, 200, 80)])
    found = infer_frequencies(curves_of(independent(tau, [1000, 500, 0.6, 0.3, 0.1]), noise=0.01))
    table = found.frequencies
    assert table.group.values.tolist() == [1, 1, 0, 0, 0]
    assert (
        (table.low <= [1000, 500, 0.6, 0.3, 0.1]) & (table.high >= [1000, 500, 0.6, 0.3, 0.1])
    ).all()
    assert 1.8 < float(table.estimate[0] / table.estimate[1]) < 2.2
    assert any("'s1' and 's2' to those of" in sentence for sentence in found.not_identified)


def test_a_chain_of_hard_gates_is_hardly_known_though_each_curve_is_complete() -> None:
    skills = {"A": {"frequency": 0.6}, "B": {"frequency": 0.3, "requires": "A"}}
    tables = {"steps": 3000, "record": {"points": 300}, "pool": POOLS[0], "skills": skills}
    scenario, curves = simulated(tables, noise=0.01)
    table = infer_frequencies(curves, graph=scenario.skill_graph()).frequencies
    assert "poorly known" in table.status or "upper bound" in table.status
    assert table.status.values.tolist().count("reference") == 1
    low, high = table.low.values, table.high.values
    assert low[1] / high[0] <= 0.5 <= high[1] / low[0]


def test_one_skill_has_a_clock_but_no_frequency() -> None:
    tau = np.linspace(0, 5, 50)
    found = infer_frequencies(curves_of(independent(tau, [1.0])))
    np.testing.assert_allclose(found.clock.tau.values[0], tau, atol=1e-7)
    assert found.frequencies.estimate.values.tolist() == [1.0]
    assert len(found.not_identified) == 1 and "set to 1" in found.not_identified[0]


def test_noise_alone_tells_nothing() -> None:
    found = infer_frequencies(curves_of(np.zeros((100, 3)), noise=0.01))
    assert "known" not in found.frequencies.status
    assert sum("Nothing tells" in sentence for sentence in found.not_identified) == 2


def test_a_clock_is_unknown_where_all_is_at_rest_and_its_interval_is_open() -> None:
    found = infer_frequencies(
        curves_of(independent(np.linspace(0, 200, 100), [0.6, 0.4]), noise=0.01)
    )
    clock = found.clock.isel(run=0)
    assert np.isinf(clock.tau_high[-1]) or clock.tau_high[-1] > 50
    assert clock.conserved_low[-1] < 1e-3
    for bound in (clock.tau_low.values, clock.tau_high.values):
        assert (bound[1:] >= bound[:-1]).all()


# Real gradients.


@pytest.mark.parametrize(("loss", "within"), [("mse", 0.10), ("ce", 0.35)])
def test_a_signgd_run_shows_its_frequencies_without_its_law(loss: Any, within: float) -> None:
    with np.load(DATA / "geometry_model.npz") as file:
        truth = scaled(file["prob"].astype(float))
        curves = curves_of(file[f"level_{loss}_signgd"].astype(float), file["step"])
    table = infer_frequencies(curves, loss=loss).frequencies
    off = np.log(table.estimate.values / truth)
    assert np.abs(off).max() < within
    slope = np.polyfit(np.log(np.arange(1, 11)), np.log(table.estimate.values), 1)[0]
    assert abs(slope + 2.0) < 0.05
    assert ((table.low.values <= truth) & (truth <= table.high.values)).mean() >= 0.5


def test_adam_is_no_pool_and_its_frequencies_come_out_too_equal() -> None:
    with np.load(DATA / "geometry_model.npz") as file:
        curves = curves_of(file["level_mse_adam"].astype(float), file["step"])
    estimate = infer_frequencies(curves).frequencies.estimate.values
    slope = np.polyfit(np.log(np.arange(1, 11)), np.log(estimate), 1)[0]
    assert -1.9 < slope < -1.6


# Input and output.


def test_losses_become_levels() -> None:
    tau = np.linspace(0, 8, 40)
    left = np.exp(-np.outer(tau, [0.7, 0.3]))
    given = {"runs": ["1"], "steps": np.arange(40), "skills": ["A", "B"]}
    squared = infer_frequencies(make_curves(**given, loss=(0.5 * left**2)[None]))
    np.testing.assert_allclose(squared.frequencies.estimate, [0.7, 0.3], rtol=1e-6)
    _, curves = simulated(six("ce", POOLS[0]))
    direct = infer_frequencies(curves, loss="ce").frequencies
    entropy = curves.assign(loss=-np.log(curves.level)).drop_vars("level")
    np.testing.assert_allclose(
        infer_frequencies(entropy, loss="ce").frequencies.estimate, direct.estimate, rtol=1e-6
    )


def test_missing_values_standard_errors_and_starts_are_respected() -> None:
    tau = np.linspace(0, 8, 80)
    level = 1.0 - np.array([0.8, 1.0, 1.0]) * np.exp(-np.outer(tau, [0.5, 0.3, 0.2]))
    curves = curves_of(level)
    values = curves.level.values
    values[0, 5:30, 1] = np.nan
    values[0, 40] = np.nan
    error = np.full(values.shape, 0.01)
    values[0, 60, 2], error[0, 60, 2] = 0.3, 1e3  # an outlier that is known as one
    curves["level_se"] = (("run", "step", "skill"), error)
    found = infer_frequencies(curves, start={"s1": 0.2})
    np.testing.assert_allclose(found.frequencies.estimate, [0.5, 0.3, 0.2], rtol=1e-5)
    assert np.isnan(found.clock.tau.values[0, 40])


def test_the_answer_reads_well_and_is_json() -> None:
    found = infer_frequencies(
        curves_of(independent(np.linspace(0, 9, 50), [0.6, 0.4, 0.0]), noise=0.01)
    )
    text = repr(found)
    assert text.splitlines()[0].split() == ["skill", "frequency", "95", "%", "interval", "status"]
    assert "- Only ratios" in text
    stored = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert stored["skills"][0]["skill"] == "s1"
    assert len(stored["clock"][0]["tau"]) == 50
    assert stored["settings"]["confidence"] == 0.95


CURVES = curves_of(independent(np.linspace(0, 9, 20), [0.6, 0.4]))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"loss": "l2"}, "loss: is 'l2'; expected 'mse' or 'ce'"),
        ({"law": "summ"}, "did you mean 'sum'?"),
        ({"law": "domino"}, "law: is 'domino'"),
        ({"confidence": 95}, "confidence: is 95; expected a number between 0 and 1"),
        ({"leak": 1.0}, "leak: is 1.0; expected 0 ≤ leak < 1"),
        ({"exponent": 0}, "exponent: is 0"),
        ({"start": {"s3": 0.1}}, "unknown skill 's3'"),
        ({"start": 1.0}, "start: is 1.0; expected 0 ≤ level < 1"),
        ({"correlation": np.eye(3)}, "correlation: has the shape (3, 3)"),
        ({"correlation": [[1, 2], [2, 1]]}, "correlation: has the eigenvalue -1"),
        ({"correlation": np.eye(2), "loss": "ce"}, 'expected loss="mse"'),
        ({"correlation": np.eye(2), "graph": nx.DiGraph([("s1", "s2")])}, "correlated tasks have"),
        ({"graph": nx.DiGraph([("s1", "s9")])}, "the skill 's2' of the curves is not in the graph"),
        ({"graph": nx.DiGraph([("a", "s1"), ("a", "s2")])}, "depends on 'a', which the curves"),
    ],
)
def test_what_cannot_be_used_is_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        infer_frequencies(CURVES, **arguments)
    assert message in str(caught.value)


def test_curves_that_cannot_be_used_are_named() -> None:
    level = np.full((3, 2), 0.5)
    with pytest.raises(ArgumentError, match="is 50 in run '1', step 0"):
        infer_frequencies(curves_of(100 * level))
    with pytest.raises(ArgumentError, match="1 step"):
        infer_frequencies(curves_of(level[:1]))
    given = {"runs": ["1"], "steps": [5, 6], "skills": ["A"], "loss": [[[1.0], [0.5]]]}
    with pytest.raises(ArgumentError, match="losses at step 0"):
        infer_frequencies(make_curves(**given))


def test_ten_skills_take_a_fraction_of_a_second() -> None:
    tau = np.linspace(0, 100, 1000)
    curves = curves_of(independent(tau, scaled(np.arange(1.0, 11.0) ** -1).tolist()), noise=0.01)
    infer_frequencies(curves)
    begun = time.process_time()
    infer_frequencies(curves)
    assert time.process_time() - begun < 1.0  # 0.05 s measured; the machine may be busy


def test_the_graph_of_a_file_does() -> None:
    graph = load_graph("two-pairs")
    tables = {"steps": 20000, "record": {"points": 200}, "graph": "two-pairs", "pool": POOLS[0]}
    scenario, curves = simulated(tables)
    found = infer_frequencies(curves, graph=graph)
    np.testing.assert_allclose(
        found.frequencies.estimate, scaled(scenario.frequency_array()), rtol=1e-4
    )
