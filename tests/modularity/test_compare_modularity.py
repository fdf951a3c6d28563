"""`compare_modularity`: what it tells, and that its numbers are those of single runs."""

from __future__ import annotations

import json

import numpy as np
import pytest
from modular_worlds import chains, independent

import domino_sim
from domino_sim import Scenario, compare_modularity
from domino_sim.errors import ArgumentError, InputError
from domino_sim.modularity import summarise
from domino_sim.modularity.result import slower_until
from domino_sim.netcdf import load_dataset, save_dataset

QUICK = {"scaling": False, "errors": False}


def test_a_ladder_gains_the_root_of_its_modules_under_sum() -> None:
    ds = compare_modularity(independent(32, "sum"), **QUICK)
    assert ds.way.values.tolist() == [
        "one pool", "uniform sampling", "balanced sampling", "2 modules", "4 modules", "8 modules",
        "16 modules", "a module each",
    ]  # fmt: skip
    ladder = ds.isel(way=slice(3, None))
    assert ladder.speed_up.values == pytest.approx(ladder.modules.values**0.5, rel=0.02)
    assert ds.speed_up.values[:3] == pytest.approx(1.0, abs=0.03)
    assert ds.mastered_at.max("skill").values == pytest.approx(ds.all_mastered_at.values)


def test_a_partition_is_the_scenario_with_these_modules() -> None:
    """The same numbers as `simulate` gives for a scenario file that has the modules."""
    scenario = domino_sim.load_scenario("modular-pair")
    ds = compare_modularity(scenario, "each", **QUICK)
    alone = domino_sim.simulate(scenario)
    row = ds.sel(way="as in the scenario")
    assert row.mastered_at.values == pytest.approx(alone.mastered_at.values)
    assert row.module.values.tolist() == alone.pool.values.tolist()
    assert row.crossing == 1 and row.modules == 2
    level = alone.level.sel(step=200).values
    p = scenario.frequency_array()
    loss = float((0.5 * (1 - level) ** 2 @ p) / p.sum())
    assert np.interp(200, ds.step, row.loss) == pytest.approx(loss, rel=1e-3)


def test_losses_are_compared_at_the_budget() -> None:
    ds = compare_modularity(independent(8, "sum", 2.0), "each", budget=0.0, **QUICK)
    assert ds.loss_at_budget.values == pytest.approx(0.5)
    assert ds.attrs["budget"] == 0.0
    half = compare_modularity(independent(8, "sum", 2.0), "each", **QUICK)
    assert half.attrs["budget"] == pytest.approx(half.all_mastered_at.values[0] / 2)


def test_modules_are_behind_at_first_where_one_skill_is_most_of_the_mixture() -> None:
    """At the start one pool spends p₁ of itself on skill 1, a module each 1/√n."""
    ds = compare_modularity(independent(16, "sum", 2.0), "each", **QUICK).sel(way="a module each")
    assert 0 < ds.slower_until < ds.all_mastered_at
    even = compare_modularity(independent(16, "sum", 0.0), "each", **QUICK)
    assert even.slower_until.sel(way="a module each") == 0


@pytest.mark.parametrize(
    ("loss", "one", "until", "found"),
    [
        ([1.0, 0.9, 0.4], [1.0, 0.7, 0.6], 2.0, 1.5),
        ([1.0, 0.5, 0.4], [1.0, 0.7, 0.3], 2.0, 0.0),
        ([1.0, 0.9, 0.8], [1.0, 0.7, 0.6], 2.0, np.inf),
        ([1.0, 0.9, 0.4], [1.0, 0.7, 0.6], 1.0, np.inf),
        ([1.0, 0.5, 0.2], [1.0, 0.5, 0.2], 2.0, 0.0),
        ([1.0, 0.5, 0.1], [1.0, 0.5, 0.0], 1.5, 0.0),
        ([1.0, 0.5 + 1e-6, 0.1], [1.0, 0.5, 0.1], 2.0, 0.0),
    ],
    ids=["crosses", "ahead", "behind", "too late", "equal", "equal until learned", "rounding"],
)
def test_the_early_phase_ends_where_a_loss_first_falls_below_that_of_one_pool(
    loss: list[float], one: list[float], until: float, found: float
) -> None:
    steps = np.array([0.0, 1.0, 2.0])
    assert slower_until(steps, np.array(loss), np.array(one), until) == pytest.approx(found)


def test_the_wrong_split_is_the_slowest_and_the_right_one_keeps_chains_whole() -> None:
    ds = compare_modularity(chains(4, 4), "all", **QUICK)
    assert "components: the same as '4 modules'" in ds.attrs["remarks"]
    assert ds.all_mastered_at.sel(way="4 modules") == ds.all_mastered_at.min("way")
    assert ds.all_mastered_at.values[-1] == ds.all_mastered_at.max("way")
    assert str(ds.way.values[-1]).startswith("wrong (")
    assert ds.crossing.sel(way="4 modules") == 0 and ds.crossing.sel(way="a module each") == 12


def test_whole_parameters_are_shared_and_never_more_than_there_are() -> None:
    scenario = independent(8, "norm", 3.0, pool={"rate": 0.01, "n_dim": 10})
    ds = compare_modularity(scenario, "each", shares="frequency", **QUICK)
    parameters = ds.share.sel(way="a module each").values * 10
    assert parameters == pytest.approx(np.round(parameters)) and parameters.sum() <= 10 + 1e-9
    assert parameters.tolist() == pytest.approx([3, 1, 1, 1, 1, 1, 1, 1])


def test_given_shares_are_kept() -> None:
    mine = {"x": {"skills": ["s1"], "share": 0.09}, "y": {"skills": ["s2"], "share": 0.25}}
    ds = compare_modularity(independent(2, "domino"), mine, **QUICK)
    at = ds.mastered_at.sel(way="given").values
    assert at == pytest.approx([100 / 0.3, 100 / 0.5])


def test_shares_that_leave_parameters_idle_are_said() -> None:
    mine = {"x": {"skills": ["s1"], "share": 0.3}, "y": {"skills": ["s2"], "share": 0.3}}
    ds = compare_modularity(independent(2, "domino"), mine, **QUICK)
    assert "given: shares add up to 0.6, the other parameters are idle" in ds.attrs["remarks"]


def test_what_was_given_counts_as_right(tmp_path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('[modules]\nx = ["s1", "s3"]\ny = ["s2"]\n', "utf-8")
    ds = compare_modularity(independent(3, "domino"), path, scaling=False)
    assert ds.attrs["right"] == "mine"
    right = float(ds.wrong_time.sel(kind="crowded", fraction=0.0))
    assert right == pytest.approx(float(ds.all_mastered_at.sel(way="mine")))


def test_a_wrong_split_that_is_there_already_is_not_there_twice() -> None:
    ds = compare_modularity(independent(2, "sum"), ["each", "wrong"], **QUICK)
    assert ds.way.values.tolist()[3:] == ["a module each"]
    assert "2 modules: the same as 'a module each'" in ds.attrs["remarks"]


def test_what_no_parameters_are_there_for_is_not_tried_unless_asked_for() -> None:
    scenario = independent(5, "norm", pool={"n_dim": 4})
    ds = compare_modularity(scenario, "random", modules=2)
    assert ds.way.values.tolist()[3:] == ["random, 2 modules"] and "wrong_time" not in ds


def test_cross_entropy_and_soft_gates_are_compared_too() -> None:
    scenario = chains(2, 2, "norm", loss="ce", gate={"kind": "soft", "exponent": 0.5})
    ds = compare_modularity(scenario, "components", **QUICK)
    assert np.isfinite(ds.all_mastered_at).all()
    assert ds.loss.values[:, 0] == pytest.approx(np.log(2.0))


def test_what_is_never_trained_is_told_and_nothing_fails() -> None:
    skills = {"A": {}, "B": {"frequency": 0.0}, "C": {"requires": "B"}, "D": {}}
    found = summarise(compare_modularity(Scenario.from_dict({"skills": skills}), "each"))
    assert found["regime"]["name"] == "unfinished" and "misassigned" not in found
    assert {way["all_mastered_at"] for way in found["ways"]} == {None}
    json.dumps(found, allow_nan=False)


def test_everything_is_in_the_summary_and_survives_a_file(tmp_path) -> None:
    ds = compare_modularity(independent(5, "norm", 2.0), ["each", "random"])
    found = summarise(ds)
    json.dumps(found, allow_nan=False)
    assert [way["way"] for way in found["ways"]] == ds.way.values.tolist()
    assert found["scaling"]["skills"] == [2, 4, 5]
    assert {w["way"]: round(w["exponent"], 3) for w in found["scaling"]["ways"]}[
        "a module each"
    ] == 0.5
    assert len(found["misassigned"]["ratio"]["crowded"]) == 5
    path = tmp_path / "modularity.nc"
    save_dataset(ds, path)
    again = load_dataset(path, needs=["loss"], file="it", kind="it")
    assert summarise(again) == found


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"partitions": {"x": ["s1", "s2"], "y": ["s2", "s3"]}}, "'s2' is in the module 'y' and"),
        ({"partitions": {"x": ["s1", "s2"]}}, "'s3' is in no module"),
        ({"partitions": {"x": ["s1", "s2", "s3"], "y": []}}, "the module 'y' is empty"),
        (
            {"partitions": {"x": {"skills": ["s1"], "share": 0.9},
                            "y": {"skills": ["s2", "s3"], "share": 0.2}}},
            r"the shares add up to 1\.1",
        ),
        ({"shares": "evenly"}, "unknown rule 'evenly'"),
        ({"budget": -1.0}, "budget: is -1.0; expected a step"),
        ({"budget": float("nan")}, "budget: is nan"),
        ({"train": 2}, "train: the pool has no lr and n_dim"),
    ],
    ids=["two", "none", "empty", "shares", "rule", "negative", "nan", "train"],
)  # fmt: skip
def test_bad_input_is_named(options: dict, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        compare_modularity(independent(3, "sum"), **options)


def test_more_modules_than_parameters_are_named() -> None:
    scenario = independent(3, "sum", pool={"n_dim": 2})
    with pytest.raises(ArgumentError, match="3 modules share 2 parameters"):
        compare_modularity(scenario)


def test_what_is_no_scenario_is_refused() -> None:
    with pytest.raises(InputError, match="is a str; expected a Scenario"):
        compare_modularity("two-pairs")  # type: ignore[arg-type]
