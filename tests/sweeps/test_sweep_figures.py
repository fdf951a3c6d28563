"""Figures of sweeps: what is drawn, and that nothing is drawn for what it is not."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from sweep_cases import HARD

from domino_sim import sweep
from domino_sim.errors import ArgumentError
from domino_sim.plot.sweep import sweep_figure


def figure_of(axes, scenario=HARD, **options):
    return sweep_figure(sweep(scenario, axes).to_xarray(), **options)


def test_one_axis_is_lines_two_a_map_three_maps_and_drawn_points_dots() -> None:
    wasted = {"low": 1e-3, "high": 1.0, "n": 5, "spacing": "log"}
    lines = figure_of({"pool.wasted": wasted})
    (ax,) = lines.axes
    drawn = [line for line in ax.lines if line.get_marker() == "o"]
    assert len(drawn) == 7 and "△ not within 9,000 steps" in ax.get_title(loc="right")
    assert len([line for line in ax.lines if line.get_marker() == "^"]) == 5  # seldom mastered
    assert lines.axes[0].get_xscale() == "log"
    plane = figure_of({"pool.wasted": wasted, "mastery": [0.5, 0.9]})
    assert plane.axes[0].get_ylabel() == "N₀ (pool.wasted)" and len(plane.axes) == 2
    maps = figure_of({"pool.law": ["sum", "norm"], "pool.wasted": wasted, "mastery": [0.5, 0.9]})
    assert len(maps.axes) == 3
    dots = figure_of({
        "axes": {"pool.wasted": {"low": 1e-3, "high": 1.0, "spacing": "log"},
                 "pool.law": ["sum", "norm"]},
        "sampling": "sobol", "count": 16,
    })  # fmt: skip
    assert [ax.get_xlabel() for ax in dots.axes] == ["N₀ (pool.wasted)", "pool.law"]
    with pytest.raises(ArgumentError, match=r"did you mean 'mastered_at\.T1'"):
        figure_of({"pool.wasted": wasted}, of="mastered_at.T1x")


def test_bands_go_over_seeds_if_they_differ() -> None:
    table = {"axes": {"graph.n": [3, 4]}, "seeds": 3}
    scenario = {**HARD, "graph": {"family": "chain", "n": 3}}
    ds = sweep(scenario, table).to_xarray()
    (ax,) = sweep_figure(ds, of="all_mastered_at").axes
    assert not ax.collections and ax.get_title(loc="right") == "3 seeds, all alike"
    ds["all_mastered_at"] = ds.all_mastered_at + ds.seed
    (ax,) = sweep_figure(ds, of="all_mastered_at").axes
    assert len(ax.collections) == 1 and "median of 3 seeds" in ax.get_title(loc="right")


def sweep_of(**changed):
    """A sweep of 2 × 3 points, with some of its numbers changed."""
    ds = xr.Dataset(
        {"all_mastered_at": (("a", "b"), [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]),
         "status": (("a", "b"), np.full((2, 3), "done", dtype=object)),
         "mastered": (("a", "b"), np.ones((2, 3))), "final_loss": (("a", "b"), np.ones((2, 3))),
         "mastered_at": (("a", "b", "skill"), np.ones((2, 3, 1)))},
        coords={"a": [1.0, 2.0], "b": [1.0, 2.0, 3.0], "skill": ["A"]},
    )  # fmt: skip
    for name, values in changed.items():
        ds[name] = (ds[name].dims, values)
    return ds


def test_numbers_of_an_axis_rise_in_a_figure_whatever_their_order() -> None:
    shuffled = {"pool.wasted": [1e-2, 1.0, 1e-3, 0.1], "mastery": [0.9, 0.5, 0.99]}
    rising = {key: sorted(values) for key, values in shuffled.items()}
    one, other = (figure_of(axes).axes[0].collections[1] for axes in (shuffled, rising))
    assert (np.diff(one.get_coordinates()[:, 0, 1]) > 0).all()
    assert np.array_equal(one.get_coordinates(), other.get_coordinates())
    assert np.ma.allclose(one.get_array(), other.get_array())
    line = figure_of({"pool.wasted": shuffled["pool.wasted"]}).axes[0].lines[0]
    assert line.get_xdata().tolist() == [1e-3, 1e-2, 0.1, 1.0]


def test_a_map_tells_never_from_failed_and_from_not_done() -> None:
    nan = np.nan
    ds = sweep_of(
        all_mastered_at=[[1.0, nan, 3.0], [nan, nan, 6.0]],
        status=np.array([["done", "done", "done"], ["failed", "pending", "done"]], dtype=object),
    )
    ds.attrs["scenario"] = '{"steps": 10000}'
    (ax, _) = sweep_figure(ds).axes
    blank, cells = (np.ma.filled(mesh.get_array(), nan) for mesh in ax.collections)
    assert np.array_equal(blank, [[nan, 0, nan], [1, 2, nan]], equal_nan=True)
    assert np.array_equal(cells, [[1, nan, 3], [nan, nan, 6]], equal_nan=True)
    told = "grey: not within 10,000 steps; red: failed; white: not done"
    assert ax.get_title(loc="right") == told


def test_a_median_leaves_out_what_failed_and_counts_what_was_never_reached() -> None:
    ds = sweep_of().rename(b="seed")
    ds["all_mastered_at"] = (("a", "seed"), [[np.nan, np.nan, 3.0], [np.nan, np.nan, 6.0]])
    ds["status"] = (("a", "seed"), [["failed", "failed", "done"], ["done", "done", "done"]])
    (ax,) = sweep_figure(ds, "all_mastered_at").axes
    assert np.array_equal(ax.lines[0].get_ydata(), [3.0, np.nan], equal_nan=True)
    never = next(line for line in ax.lines if line.get_marker() == "^")
    assert never.get_xdata().tolist() == [2.0]


def test_the_loss_of_failed_points_is_no_loss_that_was_never_reached() -> None:
    ds = sweep_of(
        final_loss=[[1.0, np.nan, 3.0]] * 2, status=[["done", "failed", "done"]] * 2
    ).rename(b="seed")
    (ax,) = sweep_figure(ds, "final_loss").axes
    assert ax.lines[0].get_ydata().tolist() == [2.0, 2.0] and len(ax.lines) == 1


def test_zipped_axes_and_drawn_texts_are_told_apart() -> None:
    zipped = figure_of({
        "axes": {"pool.wasted": [1e-3, 1e-2], "steps": [8000, 9000], "mastery": [0.5, 0.9]},
        "zip": [["pool.wasted", "steps"]],
    })  # fmt: skip
    assert zipped.axes[0].get_ylabel() == "N₀ (pool.wasted) (with steps)"
    same = figure_of({
        "axes": {"pool.wasted": [1e-2, 1e-2, 1e-3], "mastery": [0.5, 0.9, 0.9]},
        "zip": [["pool.wasted", "mastery"]],
    })  # fmt: skip
    ticks = [text.get_text() for text in same.axes[0].get_xticklabels()]
    assert ticks == ["0.01, 0.5", "0.01, 0.9", "0.001, 0.9"]
    drawn = figure_of({
        "axes": {"pool.law": ["sum", "norm"], "mastery": {"low": 0.5, "high": 0.9}},
        "sampling": "random", "count": 30,
    })  # fmt: skip
    ticks = [text.get_text() for text in drawn.axes[0].get_xticklabels()]
    assert sorted(ticks) == ["norm", "sum"]
    assert set(drawn.axes[0].lines[0].get_xdata()) == {0.0, 1.0}


def test_drawn_points_that_were_not_mastered_are_counted() -> None:
    figure = figure_of({
        "axes": {"pool.wasted": {"low": 1e-3, "high": 1.0, "spacing": "log"}},
        "sampling": "random", "count": 30,
    })  # fmt: skip
    (ax,) = figure.axes
    line, never = ax.lines
    missing = int(np.isnan(line.get_ydata()).sum())
    assert 0 < missing == len(never.get_xdata()) < 30
    assert ax.get_title(loc="right") == f"△ not within 9,000 steps: {missing} of 30"


def test_axes_of_one_value_are_no_axes_of_a_figure() -> None:
    many = {"pool.wasted": [1e-3, 1e-2], "mastery": [0.9], "steps": [9000], "pool.law": ["sum"]}
    (ax,) = figure_of(many).axes
    assert ax.get_xlabel() == "N₀ (pool.wasted)"
    assert len(figure_of({"mastery": [0.9], "steps": [9000]}).axes) == 1


def test_what_is_drawn_by_default_depends_on_what_was_mastered() -> None:
    two = {"pool.wasted": [1e-3, 1e-2], "mastery": [0.5, 0.9]}
    for steps, label in (
        (9000, "step at which all skills are mastered"), (4500, "skills mastered"),
        (10, "loss at the last step"),
    ):  # fmt: skip
        figure = figure_of(two, scenario={**HARD, "steps": steps})
        assert figure.axes[-1].get_ylabel() == label
    one = figure_of({"pool.wasted": [1e-3, 1e-2]}, scenario={**HARD, "steps": 4500})
    assert one.axes[0].get_ylabel() == "step at which mastered"
    assert len(figure_of({"pool.wasted": [1e-3]}, of="mastered_at").axes[0].get_legend().texts) == 7
    with pytest.raises(ArgumentError, match=r"expected mastered_at\.SKILL"):
        figure_of(two, of="mastered_at")


def test_a_list_of_numbers_far_apart_has_a_log_axis() -> None:
    (ax,) = figure_of({"pool.wasted": [1e-3, 1e-2]}).axes
    assert ax.get_xscale() == "log"
    (ax,) = figure_of({"pool.wasted": {"low": 0.1, "high": 1.0, "n": 5}}).axes
    assert ax.get_xscale() == "linear"
