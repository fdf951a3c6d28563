"""Learning curves: what they hold, how they are joined, their file, when skills are mastered."""

from __future__ import annotations

import tempfile
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from domino_sim import __version__
from domino_sim.curves import join_curves, load_curves, make_curves, mastered_at, save_curves
from domino_sim.errors import ArgumentError, FileError


def two_runs(**changes: object) -> xr.Dataset:
    values: dict[str, object] = {
        "runs": ["seed 0", "seed 1"],
        "steps": [0, 10, 30],
        "skills": ["A", "B"],
        "level": np.linspace(0.0, 1.1, 12).reshape(2, 3, 2),
        "frequency": [0.9, 0.1],
        "attrs": {"title": "Two", "lr": 1e-3},
    }
    return make_curves(**(values | changes))  # type: ignore[arg-type]


names = st.lists(
    st.text(st.characters(categories=["L", "M", "N", "P", "S", "Zs"]), min_size=1)
    .map(lambda text: "".join(c for c in text if c.isprintable()) or "x"),
    min_size=1,
    max_size=4,
    unique=True,
)


@st.composite
def any_curves(draw: st.DrawFn) -> xr.Dataset:
    runs, skills = draw(names), draw(names)
    steps = sorted(draw(st.sets(st.integers(0, 10**15), min_size=1, max_size=5)))
    number = st.floats(allow_infinity=False) | st.just(np.nan)
    shape = (len(runs), len(steps), len(skills))
    kinds = draw(st.sampled_from([("level",), ("loss",), ("level", "loss")]))
    tables = {kind: draw(hnp.arrays(float, shape, elements=number)) for kind in kinds}
    frequency = draw(hnp.arrays(float, shape[::2], elements=st.floats(0, 1) | st.just(np.nan)))
    return make_curves(runs=runs, steps=steps, skills=skills, frequency=frequency, **tables)


def test_values_are_found_by_run_step_and_skill() -> None:
    curves = two_runs()
    assert curves.level.sel(run="seed 1", step=30, skill="B") == 1.1
    assert curves.level.dims == ("run", "step", "skill")
    assert curves.step.dtype == np.int64


def test_every_variable_says_what_it_is_and_who_made_it() -> None:
    curves = two_runs(loss=np.zeros((2, 3, 2)), run_labels={"seed": [0, 1]})
    for name in curves.variables:
        assert curves[name].attrs["long_name"]
    assert curves.attrs == {"version": __version__, "title": "Two", "lr": 1e-3}


def test_one_mixture_is_that_of_every_run_and_an_unknown_one_is_nan() -> None:
    assert two_runs().frequency.values.tolist() == [[0.9, 0.1], [0.9, 0.1]]
    assert np.isnan(two_runs(frequency=None).frequency).all()
    each = [[0.9, 0.1], [0.5, np.nan]]
    np.testing.assert_array_equal(two_runs(frequency=each).frequency, each)


def test_arrays_of_floats_are_taken_over_without_a_copy() -> None:
    level = np.zeros((2, 3, 2), dtype=np.float32)
    assert np.shares_memory(two_runs(level=level).level.values, level)


def test_other_variables_and_labels_of_runs_stand_beside() -> None:
    curves = two_runs(
        extra={
            "n_align": (("run", "step", "skill"), np.arange(12).reshape(2, 3, 2)),
            "stopped": (("run",), ["", "diverged"]),
        },
        run_labels={"seed": [7, 8]},
    )
    assert curves.n_align.sel(run="seed 1").max() == 11
    assert curves.stopped.sel(run="seed 1") == "diverged"
    by_seed = curves.swap_dims(run="seed")
    assert by_seed.level.sel(seed=8, step=0, skill="A") == curves.level[1, 0, 0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": [0, 30, 10]}, "steps: 10 stands after 30; expected rising steps, each once"),
        ({"steps": [0, 10, 10]}, "steps: 10 stands after 10"),
        ({"steps": [-1, 0, 1]}, "steps: -1 is negative"),
        ({"steps": [0.0, 0.5, 1.0]}, "steps: is of type float64"),
        ({"runs": ["one", "one"]}, "runs: two runs are named 'one'; expected unique names"),
        ({"skills": ["A", ""]}, "skills: the name '' is no name"),
        ({"skills": ["A", "B\0"]}, "is no name; expected one or more printable characters"),
        ({"skills": ["A", 2]}, "skills: the name 2 is no name"),
        ({"level": np.zeros((3, 2))}, r"level: has the shape \(3, 2\); expected \(2, 3, 2\) \(r"),
        ({"level": [[0.0], [1.0, 2.0]]}, "level: is not a table"),
        ({"level": np.full((2, 3, 2), "high")}, "level: is of type object; expected numbers"),
        ({"level": np.full((2, 3, 2), np.inf)}, "level: is inf at run 'seed 0', step 0, skill 'A'"),
        ({"level": None}, "neither level nor loss"),
        ({"frequency": [1.0, -0.1]}, "frequency: is -0.1 at run 'seed 0', skill 'B'"),
        ({"frequency": [1.0]}, "frequency: has the shape"),
        ({"extra": {"n": (("step",), np.zeros(3))}}, "n: is over .'step',.; expected run, or run"),
        ({"extra": {"loss": (("run",), np.zeros(2))}}, "loss: is over run; expected run, step"),
        ({"run_labels": {"skill": [1, 2]}}, "run_labels: the name 'skill' is taken"),
        ({"run_labels": {"seed": [1, None]}}, "seed: holds None; expected all numbers, or"),
        ({"attrs": {"data": {}}}, "attrs.data: is {}; expected a text or number"),
    ],
)
def test_what_is_wrong_is_named(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        two_runs(**changes)


@given(any_curves())
@settings(max_examples=20)
def test_saved_curves_are_read_back_identical(curves: xr.Dataset) -> None:
    with tempfile.TemporaryDirectory() as folder:
        save_curves(curves, Path(folder) / "curves.nc")
        xr.testing.assert_identical(load_curves(Path(folder) / "curves.nc"), curves)


def test_texts_and_a_record_without_steps_can_be_saved(tmp_path: Path) -> None:
    stopped = {"stopped": (("run",), ["", "a \0 b"])}
    saved = two_runs(steps=[], level=np.zeros((2, 0, 2)), extra=stopped)
    save_curves(saved, tmp_path / "c.nc")
    curves = load_curves(tmp_path / "c.nc")
    assert curves.level.shape == (2, 0, 2)
    assert curves.stopped.values.tolist() == ["", "a � b"]
    assert saved.stopped.values.tolist() == ["", "a \0 b"]


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.nc"
    with pytest.raises(FileError, match="no such file"):
        load_curves(path)
    two_runs().rename(skill="task").to_netcdf(path, engine="h5netcdf")
    with pytest.raises(FileError, match="has no variable 'skill'; expected learning curves"):
        load_curves(path)
    two_runs().isel(step=[0, 2, 1]).to_netcdf(path, engine="h5netcdf")
    with pytest.raises(FileError, match=r"c.nc: steps: 10 stands after 30"):
        load_curves(path)


@given(any_curves(), any_curves())
@settings(max_examples=25)
def test_joined_curves_have_every_value_of_each_part_and_nothing_else(
    one: xr.Dataset, two: xr.Dataset
) -> None:
    one = one.assign_coords(run=[f"1 {run}" for run in one.run.values])
    two = two.assign_coords(run=[f"2 {run}" for run in two.run.values])
    both = join_curves(one, two)
    for part in (one, two):
        for name in part.data_vars:
            labels = {dim: part[dim] for dim in part[name].dims}
            np.testing.assert_array_equal(both[name].sel(labels), part[name])
    for name in both.data_vars:
        known = sum(int(part[name].notnull().sum()) for part in (one, two) if name in part)
        assert int(both[name].notnull().sum()) == known


def test_skills_are_joined_in_the_order_in_which_they_are_met() -> None:
    one = make_curves(runs=["1"], steps=[0], skills=["z", "b"], loss=np.zeros((1, 1, 2)))
    two = make_curves(runs=["2"], steps=[5], skills=["a", "b"], loss=np.ones((1, 1, 2)))
    both = join_curves(one, two)
    assert both.skill.values.tolist() == ["z", "b", "a"]
    assert both.step.values.tolist() == [0, 5]


def test_what_runs_have_in_common_and_what_tells_them_apart_outlives_the_join(
    tmp_path: Path,
) -> None:
    one = two_runs(runs=["a", "b"], run_labels={"seed": [0, 1], "data": ["x", "y"]})
    two = two_runs(runs=["c", "d"], run_labels={"seed": [2, 3]}, attrs={"title": "Two", "lr": 1.0})
    both = join_curves(one, two)
    assert both.attrs == {"version": __version__, "title": "Two"}
    assert both.seed.values.tolist() == [0, 1, 2, 3]
    assert both.data.values.tolist() == ["x", "y", "", ""]
    save_curves(both, tmp_path / "c.nc")
    xr.testing.assert_identical(load_curves(tmp_path / "c.nc"), both)


def test_curves_that_were_saved_and_renamed_can_be_joined(tmp_path: Path) -> None:
    one = two_runs(run_labels={"data": ["x", "y"]})
    save_curves(one, tmp_path / "c.nc")
    saved = load_curves(tmp_path / "c.nc")
    renamed = saved.assign_coords(run=["a", "longer"], data=("run", ["", "z"]))
    both = join_curves(one, renamed, saved.assign_coords(run=["b", "c"]))
    assert both.run.values.tolist() == ["seed 0", "seed 1", "a", "longer", "b", "c"]
    assert both.data.values.tolist() == ["x", "y", "", "z", "x", "y"]
    save_curves(both, tmp_path / "both.nc")
    xr.testing.assert_identical(load_curves(tmp_path / "both.nc"), both)


def test_curves_that_do_not_belong_together_are_not_joined() -> None:
    with pytest.raises(ArgumentError, match="no curves to join"):
        join_curves()
    with pytest.raises(ArgumentError, match="two runs are named 'seed 0'"):
        join_curves(two_runs(), two_runs())
    with pytest.raises(ArgumentError, match="no dimension 'run'"):
        join_curves(two_runs().sel(run="seed 0"))
    per_run = two_runs(runs=["c", "d"], extra={"n": (("run",), [1, 2])})
    per_skill = two_runs(extra={"n": (("run", "skill"), np.ones((2, 2)))})
    with pytest.raises(ArgumentError, match="n: is numbers over run, skill in one part"):
        join_curves(per_run, per_skill)
    labelled = two_runs().assign_coords(module=("skill", ["left", "right"]))
    with pytest.raises(ArgumentError, match="module: labels something else in a part"):
        join_curves(labelled)


def test_mastery_lies_on_the_line_between_two_records() -> None:
    level = np.array([[[0.0, 1.0, 0.0], [0.8, 0.0, 0.5], [1.0, 0.0, 0.6]]])
    curves = two_runs(
        runs=["x"], skills=["A", "B", "C"], level=level, frequency=None, run_labels={"seed": [3]}
    )
    at = mastered_at(curves, 0.9)
    # Half way from 10 to 30; there from the first; never.
    np.testing.assert_allclose(at, [[20.0, 0.0, np.nan]])
    assert at.sel(run="x").seed == 3
    assert at.attrs["units"] == "steps"


def test_missing_records_are_bridged_when_mastery_is_sought() -> None:
    level = np.array([[[np.nan, 0.1], [0.2, np.nan], [np.nan, np.nan], [0.4, 0.9]]])
    curves = make_curves(runs=["x"], steps=[0, 1, 2, 9], skills=["A", "B"], level=level)
    np.testing.assert_allclose(mastered_at(curves, 0.3), [[5.0, 2.25]])


@given(any_curves().filter(lambda curves: "level" in curves), st.floats(0.01, 0.99))
def test_a_skill_is_mastered_within_the_record_or_never(curves: xr.Dataset, mastery: float) -> None:
    at = mastered_at(curves, mastery)
    reached = (curves.level >= mastery).any("step")
    np.testing.assert_array_equal(at.notnull(), reached)
    inside = at.isnull() | ((at >= curves.step[0]) & (at <= curves.step[-1]))
    assert inside.all()


def test_losses_have_no_mastery() -> None:
    losses = two_runs(level=None, loss=np.zeros((2, 3, 2)))
    with pytest.raises(ArgumentError, match="there are no levels"):
        mastered_at(losses)
    with pytest.raises(ArgumentError, match="mastery: is nan"):
        mastered_at(two_runs(), np.nan)


@pytest.mark.parametrize("name", ["a/b", "", "run", "a\nb"])
def test_a_variable_or_label_whose_name_no_file_holds_is_refused(name: str) -> None:
    form = {"runs": ["1"], "steps": [0], "skills": ["A"], "level": [[[0.5]]]}
    with pytest.raises(ArgumentError):
        make_curves(**form, extra={name: (("run",), [1.0])})
    with pytest.raises(ArgumentError):
        make_curves(**form, run_labels={name: [1.0]})


@pytest.mark.parametrize(
    "attrs", [{"a": None}, {"a": {}}, {"a": Fraction(1, 2)}, {"_NCProperties": "x"},
              {"coordinates": "x"}, {"": 1}, {"a/b": 1}, {1: 1}], ids=str,
)  # fmt: skip
def test_an_attribute_that_no_file_holds_is_refused_before_it_is_written(
    attrs: dict[Any, Any], tmp_path: Path
) -> None:
    form = {"runs": ["1"], "steps": [0], "skills": ["A"], "level": [[[0.5]]]}
    with pytest.raises(ArgumentError, match="attrs"):
        make_curves(**form, attrs=attrs)
    curves = make_curves(**form).assign_attrs(attrs)
    with pytest.raises(ArgumentError, match="attrs"):
        save_curves(curves, tmp_path / "curves.nc")
    assert not list(tmp_path.iterdir())
