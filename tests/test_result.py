"""The result: what it holds, its file and its summary."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from fake_runs import fake_run

from domino_sim import __version__
from domino_sim.errors import FileError
from domino_sim.graph import build_graph, load_graph
from domino_sim.result import (
    load_result,
    make_result,
    mean_share,
    save_result,
    summarise,
    summary_text,
)


@pytest.fixture(scope="module")
def ds() -> xr.Dataset:
    return fake_run(load_graph("two-pairs"), steps=300)


def two_skills(**changes: object) -> xr.Dataset:
    values: dict[str, object] = {
        "steps": np.array([0, 10, 40]),
        "names": ["A", "B"],
        "level": np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 0.5]]),
        "gate": np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 1.0]]),
        "share": np.array([[1.0, 0.0], [0.0, 0.8], [0.0, 0.8]]),
        "wasted": np.array([[0.0], [0.2], [0.2]]),
        "opened_at": np.array([0.0, 9.5]),
        "mastered_at": np.array([9.5, np.nan]),
        "reason": ["", "out_of_steps"],
        "frequency": np.array([1.0, 1.0]),
        "attrs": {"title": "Two", "engine": "clock", "seed": 3, "law": "sum", "steps": 40},
    }
    return make_result(**(values | changes))  # type: ignore[arg-type]


def test_values_are_found_by_name_and_step() -> None:
    ds = two_skills()
    assert ds.level.sel(skill="B", step=40) == 0.5
    assert ds.sizes == {"step": 3, "skill": 2, "module": 1}
    assert ds.pool.values.tolist() == ["all", "all"]
    assert ds.step.dtype == np.int64


def test_every_variable_says_what_it_is_and_its_units() -> None:
    ds = two_skills()
    for name in ds.variables:
        assert ds[name].attrs["long_name"]
    for name in ("step", "opened_at", "mastered_at"):
        assert ds[name].attrs["units"] == "steps"
    assert ds.attrs["version"] == __version__


def test_one_result_does_not_change_with_the_attributes_of_another() -> None:
    first, second = two_skills(), two_skills()
    first.level.attrs["long_name"] = "mine"
    assert second.level.attrs["long_name"] == "level"


def test_arrays_are_taken_over_without_a_copy() -> None:
    level = np.zeros((3, 2))
    assert np.shares_memory(two_skills(level=level).level.values, level)


def test_each_skill_knows_its_module() -> None:
    ds = two_skills(modules=["left", "right"], pool_of=np.array([1, 0]), wasted=np.zeros((3, 2)))
    assert ds.pool.values.tolist() == ["right", "left"]
    assert ds.wasted.sel(module="left").shape == (3,)


def test_shares_and_waste_add_up_to_one(ds: xr.Dataset) -> None:
    total = ds.share.sum("skill") + ds.wasted.sum("module")
    np.testing.assert_allclose(total, 1.0)


def test_a_saved_result_is_read_back_identical(ds: xr.Dataset, tmp_path: Path) -> None:
    save_result(ds, tmp_path / "result.nc")
    xr.testing.assert_identical(load_result(tmp_path / "result.nc"), ds)
    assert [p.name for p in tmp_path.iterdir()] == ["result.nc"]


def test_names_of_any_script_and_awkward_attributes_can_be_saved(tmp_path: Path) -> None:
    attrs = {
        "title": "nul \0 and half a character \ud800",
        "seed": 2**80,
        "scenario": "# long\n" * 50_000,
    }
    ds = two_skills(names=["KL divergence / 数", "_x.y=[1] 'q'"], attrs=attrs)
    save_result(ds, tmp_path / "r.nc")
    back = load_result(tmp_path / "r.nc")
    assert back.skill.values.tolist() == ds.skill.values.tolist()
    assert back.attrs["seed"] == str(2**80)
    assert back.attrs["scenario"] == attrs["scenario"]


def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, ds: xr.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "r.nc"
    save_result(ds, path)
    old = path.read_bytes()

    def full(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(xr.Dataset, "to_netcdf", full)
    with pytest.raises(FileError, match="No space left"):
        save_result(ds, path)
    assert path.read_bytes() == old
    assert [p.name for p in tmp_path.iterdir()] == ["r.nc"]


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "no such file"), (b"", "cannot be read"), (b"step,level\n0,1\n", "cannot be read")],
)
def test_what_is_no_result_is_refused_in_one_line(
    tmp_path: Path, content: bytes | None, message: str
) -> None:
    path = tmp_path / "r.nc"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(FileError, match=message) as caught:
        load_result(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_netcdf_of_something_else_is_refused(tmp_path: Path) -> None:
    xr.Dataset({"rain": ("day", [1.0])}).to_netcdf(tmp_path / "r.nc", engine="h5netcdf")
    with pytest.raises(FileError, match="has no variable"):
        load_result(tmp_path / "r.nc")


def test_the_mean_share_is_an_average_over_time_not_over_recorded_points() -> None:
    # A falls from 1 to 0 in the first quarter: ½ · ¼.
    assert mean_share(two_skills()).tolist() == pytest.approx([0.125, 0.7])


def test_the_mean_share_of_one_recorded_step_is_the_share_there() -> None:
    ds = two_skills().isel(step=[1])
    assert mean_share(ds).tolist() == [0.0, 0.8]


def test_the_summary_tells_what_was_mastered_when_and_why_not() -> None:
    summary = summarise(two_skills())
    assert summary["mastered"] == 1
    assert summary["all_mastered_at"] is None
    assert summary["skills"][1] == {
        "skill": "B",
        "opened_at": 9.5,
        "mastered_at": None,
        "reason": "out_of_steps",
        "final_level": 0.5,
        "mean_share": pytest.approx(0.7),
    }


def test_the_last_mastery_is_that_of_the_whole() -> None:
    summary = summarise(two_skills(mastered_at=np.array([9.5, 39.0]), reason=["", ""]))
    assert summary["all_mastered_at"] == 39.0


def test_the_summary_is_strict_json_also_without_shares() -> None:
    ds = fake_run(build_graph({"A": {}, "B": {"requires": "A"}}), steps=5, law="constant")
    summary = summarise(ds)
    assert json.loads(summary_text(summary), parse_constant=pytest.fail) == summary
    assert summary["skills"][0]["mean_share"] is None


def test_a_summary_read_from_the_file_is_the_same(ds: xr.Dataset, tmp_path: Path) -> None:
    save_result(ds, tmp_path / "r.nc")
    assert summary_text(summarise(load_result(tmp_path / "r.nc"))) == summary_text(summarise(ds))
