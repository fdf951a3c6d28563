"""Logs of trainers and files of this program in: trainer_state.json, event files, netCDF."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import domino_sim
from domino_sim import read_curves
from domino_sim.curves import load_curves, make_curves, save_curves
from domino_sim.errors import FileError
from domino_sim.result import save_result


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def entries(last: int) -> list[dict[str, Any]]:
    log: list[dict[str, Any]] = []
    for step in range(0, last + 1, 50):
        log.append({"step": step, "loss": 3 - step / 200, "learning_rate": 1e-3, "epoch": 1.0})
        if step % 100 == 0:
            of = {"eval_add_one_loss": 2 - step / 200, "eval_add_one_accuracy": 0.1 + step / 500}
            log.append({"step": step, **of, "eval_add_one_runtime": 0.1})
    return [*log, {"step": last, "train_loss": 1.0, "train_runtime": 5.0, "total_flos": 1e9}]


def test_a_trainers_log_gives_a_curve_for_each_skill() -> None:
    for last in (100, 300):
        path = Path(f"run/checkpoint-{last}/trainer_state.json")
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps({"log_history": entries(last)}), "utf-8")
    curves = read_curves("run")
    assert curves.run.values.tolist() == ["run"]
    assert curves.skill.values.tolist() == ["loss", "add_one"]
    assert curves.level_from.values.tolist() == [["loss", "accuracy"]]
    assert curves.loss.sel(skill="add_one", step=300).item() == 0.5
    assert np.isnan(curves.accuracy.sel(skill="add_one", step=50)).all()
    for key in ("learning_rate", "epoch", "eval_add_one_runtime", "train_loss", "total_flos"):
        assert key in curves.attrs["left_out"]
    assert "of 2 checkpoints the last" in curves.attrs["notes"]


def write_events(folder: Path, tags: dict[str, list[tuple[int, float]]]) -> None:
    writer = pytest.importorskip("tensorboard.summary.writer.event_file_writer")
    from tensorboard.compat.proto import event_pb2, summary_pb2

    folder.mkdir(parents=True, exist_ok=True)
    out = writer.EventFileWriter(str(folder))
    for tag, points in tags.items():
        for step, value in points:
            values = [summary_pb2.Summary.Value(tag=tag, simple_value=value)]
            summary = summary_pb2.Summary(value=values)
            out.add_event(event_pb2.Event(wall_time=1.0, step=step, summary=summary))
    out.close()


def test_every_point_of_an_event_file_is_read() -> None:
    points = [(step, step / 4096) for step in range(4096)]
    write_events(Path("logs/a"), {"eval/copy/accuracy": points, "train/lr": [(0, 0.1)]})
    write_events(Path("logs/b"), {"eval/copy/accuracy": points[::2]})
    curves = read_curves("logs")
    assert curves.run.values.tolist() == ["a", "b"]
    assert curves.skill.values.tolist() == ["copy"]
    assert curves.accuracy.notnull().sum("step").values.ravel().tolist() == [4096, 2048]
    np.testing.assert_array_equal(curves.accuracy[0, :, 0], np.arange(4096) / 4096)
    assert "train/lr" in curves.attrs["left_out"]


def test_scalars_that_do_not_say_what_they_are_have_to_be_told() -> None:
    write_events(Path("log"), {"eval/copy": [(0, 0.0), (9, 1.0)], "x": [(0, 5.0)]})
    with pytest.raises(FileError, match="'eval/copy' may be levels, accuracies or losses"):
        read_curves("log")
    curves = read_curves("log", tags={"eval/(.*)": "level"})
    assert curves.skill.values.tolist() == ["copy"]


def test_a_resumed_training_is_read_as_the_user_says() -> None:
    write_events(Path("log"), {"a_loss": [(0, 3.0), (10, 2.0), (20, 1.0), (10, 2.5), (30, 0.5)]})
    with pytest.raises(FileError, match=r"log: event 5: step 10 .*stands after step 20.*--keep"):
        read_curves("log")
    kept = read_curves("log", keep="last").loss.values.ravel()
    assert kept.tolist() == [3.0, 2.5, 0.5]


@pytest.mark.parametrize("module", ["pyarrow.parquet", "tensorboard"])
def test_a_missing_library_is_named_with_the_way_to_get_it(
    module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("a.parquet").write_bytes(b"PAR1")
    Path("events.out.tfevents.1").write_bytes(b"")
    monkeypatch.setitem(sys.modules, module, None)
    for name in list(sys.modules):
        if name.startswith(f"{module}."):
            monkeypatch.setitem(sys.modules, name, None)
    file = "a.parquet" if "pyarrow" in module else "events.out.tfevents.1"
    with pytest.raises(FileError, match=rf"{file}: .*pip install 'domino-sim\[readers\]'"):
        read_curves(file)


def test_a_simulation_is_the_curves_of_one_run() -> None:
    result = domino_sim.simulate(domino_sim.load_scenario("two-pairs"), "clock")
    Path("mine").mkdir()
    save_result(result, "mine/result.nc")
    curves = read_curves("mine")
    assert curves.run.values.tolist() == ["mine"]
    np.testing.assert_array_equal(curves.level[0], result.level)
    np.testing.assert_array_equal(curves.frequency[0], result.frequency)
    assert curves.attrs["title"] == result.attrs["title"]


def test_frequencies_that_interventions_change_are_not_known() -> None:
    set_ = {"skills.T2.frequency": 0.5}
    scenario = domino_sim.load_scenario("two-pairs", {"interventions": [{"at": 10, "set": set_}]})
    save_result(domino_sim.simulate(scenario, "clock"), "r.nc")
    assert read_curves("r.nc").frequency.isnull().all()


def test_saved_curves_keep_what_else_they_hold_and_join_others() -> None:
    level = np.array([[[0.0], [1.0]]])
    extra = {"n_align": (("run", "step", "skill"), level)}
    ours = make_curves(runs=["a"], steps=[0, 9], skills=["s"], level=level, extra=extra)
    save_curves(ours, "curves.nc")
    Path("b.csv").write_text("step,s\n0,0\n5,1\n", "utf-8")
    curves = read_curves("curves.nc", "b.csv")
    assert set(curves.run.values.tolist()) == {"a", "b"}
    np.testing.assert_array_equal(curves.n_align.sel(run="a", step=[0, 9]), level[0])
    Path("c.csv").write_text("run,step,s\na,0,0\na,5,1\n", "utf-8")
    with pytest.raises(FileError, match=r"c.csv.*two runs are named 'a'"):
        read_curves("curves.nc", "c.csv")


def test_what_was_read_and_saved_is_read_again_the_same() -> None:
    text = "step,a_loss,b_acc\n0,3,0\n5,2,0.4\n10,1,0.5\n15,1,0.9\n20,1,0.9\n25,1,0.9\n"
    Path("a.csv").write_text(text, "utf-8")
    curves = read_curves("a.csv")
    save_curves(curves, "again.nc")
    again, loaded = read_curves("again.nc"), load_curves("again.nc")
    for name in curves.data_vars:
        assert again[name].equals(loaded[name]), name
    other = read_curves("again.nc", normalise=domino_sim.normalisation.Normalisation(floor=0.0))
    np.testing.assert_allclose(other.level.sel(skill="a")[0], 1 - curves.loss.sel(skill="a")[0] / 3)
