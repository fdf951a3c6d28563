"""What curves show before any model, and what is left out because of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
import xarray as xr
from inferred import simulated

from domino_sim.inference.records import Records
from domino_sim.inference.screening import (
    falls_from,
    first_levels,
    growths,
    heads,
    in_rises,
    outside,
    rises,
    start_levels,
)
from domino_sim.inference.study import Study, make_study

REQUIRES = {"A": "", "B": "", "C": "A", "D": "B"}
MIXTURES = [[0.4, 0.1, 0.2, 0.3], [0.1, 0.4, 0.3, 0.2], [0.25, 0.25, 0.3, 0.2]]
SIGMA = 0.01

Change = Callable[[xr.Dataset], Any]


def table(*curves: np.ndarray, noise: float = SIGMA, seed: int = 0) -> tuple[Any, Any, float]:
    """Curves of one run each, as `screening` takes them."""
    level = np.stack(curves)[..., None]
    level = level + noise * np.random.default_rng(seed).normal(size=level.shape)
    return level, np.ones(level.shape, dtype=bool), SIGMA


@cache
def whole(*, begin: int = 0, every: int = 60, end: int = 9000) -> xr.Dataset:
    return simulated(REQUIRES, MIXTURES, steps=[np.arange(begin, end + 1, every)] * 3, noise=SIGMA)


def study(change: Change, **steps: int) -> Study:
    curves = whole(**steps).copy(deep=True)
    change(curves)
    return make_study(curves, None)


def remark(found: Study, *words: str) -> bool:
    return any(all(word in told for word in words) for told in found.remarks)


RISING = 1.0 - np.exp(-np.linspace(0.0, 6.0, 100))


def test_a_rise_is_more_than_noise() -> None:
    found = rises(*table(RISING, np.zeros(100), np.full(100, 0.7), RISING[::-1]))
    assert found[0, 0] > 0.5
    assert not found[1:].any()


def test_a_skill_that_is_learned_within_a_few_records_rises() -> None:
    soon = np.r_[0.0, 0.5, 0.8, np.ones(97)]
    odd = np.r_[0.0, np.full(99, 0.5)]  # one odd record is no rise
    level, known, _ = table(soon, np.zeros(100), np.ones(100), odd, noise=0.1)
    found = rises(level, known, 0.1)
    assert found[0, 0] > 0.25
    assert (found[1:] == 0.0).all()
    level, known, _ = table(np.r_[0.0, np.full(99, 0.15)], noise=0.01)
    assert (rises(level, known, 0.01) == 0.0).all()


@pytest.mark.parametrize("noise", [0.0, 0.01])
def test_a_curve_falls_from_the_last_record_at_its_height(noise: float) -> None:
    dip = np.where(np.arange(100) < 60, RISING, RISING - 0.4)
    back = np.where(np.arange(100) == 50, 0.0, RISING)  # one bad record is no forgetting
    level, known, sigma = table(RISING, dip, back, np.full(100, 0.5), noise=noise)
    found = falls_from(level, known, sigma)[:, 0]
    assert found[[0, 2, 3]].tolist() == [-1, -1, -1]
    assert 50 <= found[1] < 60


def test_curves_begin_where_they_are_flat() -> None:
    waits = np.where(np.arange(100) < 40, 0.3, 0.9)
    level, known, sigma = table(waits, RISING + 0.2)
    known[0, :3] = False
    found = first_levels(level, known, sigma)[:, 0]
    assert abs(found[0] - 0.3) < 0.004  # a mean of many
    assert abs(found[1] - 0.2) < 0.05
    assert np.isnan(first_levels(level, np.zeros_like(known), sigma)).all()


@pytest.mark.parametrize(
    ("first", "laws"),
    [
        ([0.0] * 6, ("mse",)),
        ([0.5] * 6, ("ce",)),
        ([], ("mse",)),
        ([0.0, 0.0, 0.5, 0.7, 0.8], ("mse",)),  # records that begin late
        ([0.5, 0.5, 0.5, 0.8, 0.9, 0.7], ("ce",)),
        ([0.7, 0.8, 0.9, 0.6], ("ce", "mse")),
        ([0.5, 0.52], ("ce", "mse")),
        ([0.5] * 8 + [0.1], ("ce", "mse")),
    ],
)
def test_growth_is_told_by_where_curves_begin(first: list[float], laws: tuple[str, ...]) -> None:
    assert growths(np.array(first)) == laws


def test_a_skill_is_trained_before_where_it_starts_above_an_untrained_one() -> None:
    first = np.array([[0.0, 0.05, 0.4, 0.99, np.nan]])
    found = start_levels(first, np.ones((1, 5), dtype=bool), SIGMA, 0.0)
    np.testing.assert_array_equal(found, [[0.0, 0.0, 0.4, 1.0, 0.0]])
    assert not start_levels(first, np.zeros((1, 5), dtype=bool), SIGMA, 0.0).any()
    assert (start_levels(np.array([[0.5, 0.53]]), np.ones((1, 2), bool), SIGMA, 0.5) == 0.5).all()


def test_levels_outside_0_to_1_are_seen_if_noise_does_not_explain_them() -> None:
    assert outside(*table(RISING, np.zeros(100))) is None
    assert outside(*table(RISING, noise=0.01, seed=5)) is None
    low, high = outside(*table(RISING * 1.06, np.full(100, -0.06)))
    assert (round(low, 2), round(high, 2)) == (-0.06, 1.05)  # of the mean of its last quarter


def test_records_are_counted_while_curves_rise() -> None:
    level = np.array([0.0, 0.0, 0.2, 0.5, 0.8, 1.0])[None, :, None]
    records = Records(level, np.full(level.shape, 1e4))
    assert in_rises(records, np.ones((1, 1), dtype=bool), 0.0) == 3.0
    assert in_rises(records, np.zeros((1, 1), dtype=bool), 0.0) == np.inf


# What a study makes of it


def test_curves_as_they_should_be_leave_nothing_to_say() -> None:
    found = study(lambda curves: None)
    assert found.remarks == () and not found.left_out
    assert (found.growths, found.surest, found.learned) == (("mse",), 1.0, frozenset())
    assert found.skills == tuple(REQUIRES) and not found.before["mse"].any()


def test_records_that_begin_late_do_not_change_how_skills_grow() -> None:
    for begin in (500, 1500, 2500):
        found = study(lambda curves: None, begin=begin)
        assert "mse" in found.growths
        assert not found.before["mse"].any()
    assert study(lambda curves: None, begin=500).growths == ("mse",)


def test_a_skill_learned_at_the_start_of_every_run_is_left_out() -> None:
    found = study(lambda curves: curves.level.values[..., 0].fill(1.0))
    assert found.left_out == {"A": "is learned at the start of every run"}


def test_a_skill_learned_before_late_records_is_needed_but_needs_nothing_that_is_known() -> None:
    found = study(lambda curves: curves.level.values[..., 0].fill(1.0), begin=60)
    assert found.learned == {"A"} and not found.left_out
    assert remark(found, "'A' is learned before the first record of every run")


def test_where_a_skill_is_learned_from_the_start_of_some_runs_they_say_where() -> None:
    def change(curves: xr.Dataset) -> None:
        curves.level.values[1, :, 0] = 1.0

    found = study(change)
    np.testing.assert_array_equal(found.before["mse"][:, 0], [0.0, 1.0, 0.0])
    np.testing.assert_array_equal(found.records.floor[:, 0, 0], [0.0, 1.0, 0.0])
    assert remark(found, "'A' starts at 1.00 in 'run 2': taken as trained before")


def test_many_starts_make_no_edge_sure() -> None:
    def change(curves: xr.Dataset) -> None:
        level = curves.level.values
        level[..., :3] = 0.3 + 0.7 * level[..., :3]

    assert study(change).surest == 0.89


def test_a_run_whose_mixture_cannot_be_right_is_left_out() -> None:
    def change(curves: xr.Dataset) -> None:
        curves.frequency.values[1, 2] = 0.0

    found = study(change)
    assert found.runs == ("run 1", "run 3") and found.skills == tuple(REQUIRES)
    assert remark(found, "in the run 'run 2' the frequency of 'C' is 0", "the run is left out")


def test_where_most_mixtures_cannot_be_right_only_the_curves_are_left_out() -> None:
    def change(curves: xr.Dataset) -> None:
        curves.frequency.values[[0, 1], [2, 3]] = 0.0

    found = study(change)
    assert found.runs == ("run 1", "run 2", "run 3")
    assert not found.records.weight[0, :, 2].any() and not found.records.weight[1, :, 3].any()
    assert remark(found, "'run 1'", "that curve is left out")


def test_a_skill_that_always_rises_without_being_trained_is_left_out() -> None:
    found = study(lambda curves: curves.frequency.values[:, 2].fill(0.0))
    assert set(found.left_out) == {"C"} and "frequency is 0" in found.left_out["C"]


def test_a_knock_out_that_does_not_rise_is_none() -> None:
    def change(curves: xr.Dataset) -> None:
        curves.frequency.values[1, 2] = 0.0
        curves.level.values[1, :, 2] = 0.0

    found = study(change)
    assert found.remarks == () and found.frequency[1, 2] < 1e-6


def test_what_follows_a_fall_is_left_out() -> None:
    def change(curves: xr.Dataset) -> None:
        curves.level.values[1, 100:, 2] -= 0.5

    found = study(change)
    assert not found.records.weight[1, 100:, 2].any()
    assert found.records.weight[1, :80, 2].all()
    assert remark(found, "'C' falls in 'run 2' (step 5,")


def test_runs_of_less_than_two_records_are_left_out_those_without_a_mixture_fitted() -> None:
    def change(curves: xr.Dataset) -> None:
        curves.level.values[0, 1:] = np.nan
        curves.frequency.values[1] = np.nan

    found = study(change)
    assert found.runs == ("run 2", "run 3")
    assert remark(found, "the run 'run 1' has one record: left out")
    assert found.free is not None and found.free.all(axis=1).tolist() == [True, False]


def test_a_skill_that_a_run_trains_but_does_not_record_keeps_its_frequency() -> None:
    def change(curves: xr.Dataset) -> None:
        curves.level.values[1, :, 0] = np.nan

    found = study(change)
    assert found.frequency[1, 0] == MIXTURES[1][0]
    assert remark(found, "'run 2' has no curve of 'A', which its mixture trains")


@pytest.mark.parametrize(("every", "most"), [(60, 1.0), (600, 0.89), (2250, 0.7)])
def test_few_records_make_no_edge_sure(every: int, most: float) -> None:
    found = study(lambda curves: None, every=every)
    assert found.surest == most
    assert remark(found, "few records", f"above {most}") == (most < 1.0)


def test_levels_of_another_scale_are_said() -> None:
    def change(curves: xr.Dataset) -> None:
        curves.level.values[...] *= 1.06

    assert remark(study(change), "levels go from 0.00 to 1.06")


@pytest.mark.parametrize("loss", ["mse", "ce"])
def test_a_network_may_learn_some_of_what_it_is_never_trained_on(loss: str) -> None:
    def change(curves: xr.Dataset, part: float = 0.3) -> None:
        curves.frequency.values[1, 2] = 0.0
        curves.level.values[1, :, 2] *= part
        if loss == "ce":
            curves.level.values[...] = 0.5 + 0.5 * curves.level.values

    found = study(change)
    assert found.runs == ("run 1", "run 2", "run 3")
    little = remark(found, "'run 2' the frequency of 'C' is 0", "a little", "leave the run out")
    assert little == (loss == "mse")  # from ½ it rises by less than counts
    assert study(lambda curves: change(curves, 0.7)).runs == ("run 1", "run 3")


def test_what_would_rise_as_far_if_its_run_went_on_is_trained() -> None:
    def change(curves: xr.Dataset) -> None:
        curves.frequency.values[1, 2] = 0.0
        half = int((curves.level.values[1, :, 2] > 0.45).argmax())
        curves.level.values[1, half + 1 :] = np.nan

    found = study(change)
    assert found.runs == ("run 1", "run 3")
    assert remark(found, "in the run 'run 2' the frequency of 'C' is 0", "the run is left out")


def test_where_a_curve_leads_is_told_by_steps_not_by_records() -> None:
    steps = np.unique(np.r_[0, np.geomspace(10.0, 4000.0, 120)])
    curve = 0.4 * (1.0 - np.exp(-steps / 1500.0))
    level, known, sigma = table(curve)
    last, later = heads(level, known, sigma, [steps])
    assert last[0, 0] == pytest.approx(curve[-1], abs=0.01)
    assert curve[-1] + 0.02 < later[0, 0] < curve[-1] + 0.1  # by records: far above
    level, known, sigma = table(np.full(121, 0.3))
    last, later = heads(level, known, sigma, [steps])
    assert (last == later).all()
    assert np.isnan(heads(level, known & False, sigma, [steps])).all()


def test_what_rises_as_far_as_where_it_is_trained_is_trained_however_short_the_runs() -> None:
    def change(curves: xr.Dataset) -> None:
        curves.frequency.values[1, 2] = 0.0
        curves.level.values[..., 2] *= 0.3

    found = study(change)
    assert found.runs == ("run 1", "run 3")
    assert remark(found, "in the run 'run 2' the frequency of 'C' is 0", "the run is left out")
