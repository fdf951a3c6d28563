"""Tidy and wide tables, CSV, JSON Lines and Parquet give the same curves, in any order."""

from __future__ import annotations

import csv
import gzip
import io
import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from domino_sim import Recorder, read_curves
from domino_sim.errors import ArgumentError, FileError

DATA = Path(__file__).parents[1] / "data"

names = st.lists(
    st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=6).filter(
        # A name in a header of a wide table that a reader knows as something else.
        lambda text: text.isalpha() and len(text) > 3 and text.isprintable()
        and text.casefold() not in ("step", "steps", "iter", "model", "seed", "trial", "time",
                                    "runtime", "epoch", "task", "skill", "none", "null", "loss",
                                    "level", "exact_match", "perplexity", "accuracy", "update")
    ),
    min_size=1, max_size=4, unique_by=str.casefold,
)  # fmt: skip


@st.composite
def rows(draw: st.DrawFn) -> list[tuple[str, int, str, float]]:
    """Values of runs with steps of their own, some of them missing; at least one curve moves."""
    runs, skills = draw(names), draw(names)
    found = [(runs[0], 0, skills[0], 0.0), (runs[0], 7, skills[0], 1.0)]
    steps = st.sets(st.integers(1, 6) | st.integers(8, 10**9), max_size=4)
    for run in runs:
        for step in sorted(draw(steps)):
            for skill in skills:
                level = draw(st.none() | st.floats(-0.1, 1.1))
                if level is not None:
                    found.append((run, step, skill, level))
    return found


def written(folder: Path, name: str, header: list[str], lines: list[tuple]) -> Path:
    text = io.StringIO()
    out = csv.writer(text)
    out.writerow(header)
    out.writerows(lines)
    (folder / name).write_text(text.getvalue(), "utf-8")
    return folder / name


def holds(curves: xr.Dataset, found: list[tuple[str, int, str, float]]) -> bool:
    """Whether curves have these values and no others."""
    assert int(curves.level.notnull().sum()) == len(found)
    return all(
        curves.level.sel(run=run, step=step, skill=skill) == level
        for run, step, skill, level in found
    )


@given(rows(), st.randoms())
@settings(max_examples=40)
def test_a_tidy_table_gives_back_its_values_in_any_order(found, random) -> None:
    random.shuffle(found)
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder), "a.csv", ["run", "step", "skill", "level"], found)
        assert holds(read_curves(path), found)


@given(rows())
@settings(max_examples=40)
def test_a_wide_table_is_the_tidy_one(found) -> None:
    skills = list(dict.fromkeys(row[2] for row in found))
    cells: dict[tuple[str, int], dict[str, float]] = {}
    for run, step, skill, level in sorted(found):
        cells.setdefault((run, step), {})[skill] = level
    lines = [(*key, *(of.get(skill, "") for skill in skills)) for key, of in cells.items()]
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder), "a.csv", ["run", "step", *skills], lines)
        assert holds(read_curves(path), found)


@given(rows())
@settings(max_examples=10)
def test_json_lines_and_parquet_hold_what_csv_holds(found) -> None:
    keys = ["run", "step", "skill", "level"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tidy = written(folder, "a.csv", keys, found)
        lines = [json.dumps(dict(zip(keys, row, strict=True))) for row in sorted(found)]
        (folder / "b.jsonl").write_text("\n".join(lines), "utf-8")
        (folder / "c.csv.gz").write_bytes(gzip.compress(tidy.read_bytes()))
        files = ["b.jsonl", "c.csv.gz"]
        pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
        columns = zip(keys, zip(*found, strict=True), strict=True)
        pq.write_table(pa.table({key: list(of) for key, of in columns}), folder / "d.parquet")
        for file in [*files, "d.parquet"]:
            assert holds(read_curves(folder / file), found)


def curves_of(text: str, name: str = "a.csv", **options: object) -> xr.Dataset:
    Path(name).write_text(text, "utf-8")
    return read_curves(name, **options)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_cells_may_be_parted_by_commas_semicolons_or_tabs(delimiter: str) -> None:
    text = "step,copy,reverse\r\n0,0,0\r\n\r\n5,1,0.5\r\n".replace(",", delimiter)
    assert curves_of(text).level.values.tolist() == [[[0.0, 0.0], [1.0, 0.5]]]


def test_names_are_kept_as_they_stand() -> None:
    curves = curves_of("seed,step,task,level\n007,0,NA,0\n007,1,NA,1\n1e5,1, null ,0.5\n")
    assert curves.run.values.tolist() == ["007", "1e5"]
    assert curves.skill.values.tolist() == ["NA", "null"]


def test_what_was_taken_for_what_is_said() -> None:
    text = "Model,Step,Task,Acc,Acc_StdErr,shots\nm,0,a,0,0.1,5\nm,9,a,1,0.1,5\n"
    curves = curves_of(text)
    assert curves.attrs["columns"] == (
        "a.csv: run: Model, step: Step, skill: Task, accuracy: Acc, "
        "standard error of accuracy: Acc_StdErr"
    )
    assert curves.attrs["left_out"] == "a.csv: shots"
    assert curves.accuracy_se.values.tolist() == [[[0.1], [0.1]]]


def test_the_user_says_which_column_is_which() -> None:
    text = "model,seed,t,what,x,err\nm,0,0,a,10,1\nm,0,9,a,90,1\nm,1,0,a,10,1\nm,1,9,a,95,1\n"
    columns = {"run": "model+seed", "step": "t", "skill": "what", "percent": "x", "se": "err"}
    curves = curves_of(text, columns=columns)
    assert curves.run.values.tolist() == ["m/0", "m/1"]
    assert curves.accuracy.values[:, 1, 0].tolist() == [0.9, 0.95]
    assert curves.accuracy_se.values[0, 0, 0] == 0.01


def test_metrics_tell_what_values_are_and_several_of_a_task_are_skills_of_their_own() -> None:
    text = (
        "step,task,metric,value,stderr\n0,a,acc,0,0.1\n9,a,acc,1,0.1\n0,b,acc,0,0.1\n9,b,acc,1,0.1\n"
        "0,b,ppl,20,2\n9,b,ppl,2,0.2\n0,c,f1,0,0\n9,c,f1,1,0\n9,c,bleu,30,0\n"
    )
    curves = curves_of(text, metrics={"f1": "accuracy", "bleu": "skip"})
    assert curves.skill.values.tolist() == ["a", "b/acc", "c", "b/ppl"]
    np.testing.assert_allclose(curves.loss.sel(skill="b/ppl").values, [np.log([20, 2])])
    np.testing.assert_allclose(curves.loss_se.sel(skill="b/ppl").values, [[0.1, 0.1]])


def test_wide_columns_say_what_they_are_by_their_ends() -> None:
    text = "step,copy_loss,copy_acc,copy_acc_se,lr,sort\n0,2,0,0.1,1,0.2\n9,1,0.7,0.1,1,0.9\n"
    curves = curves_of(text)
    assert curves.skill.values.tolist() == ["copy", "sort"]
    assert curves.level_from.values.tolist() == [["accuracy", "level"]]
    assert curves.loss.sel(skill="copy").values.tolist() == [[2.0, 1.0]]
    assert curves.accuracy_se.sel(skill="copy").values.tolist() == [[0.1, 0.1]]
    assert curves.attrs["left_out"] == "a.csv: lr"


def test_tags_select_and_name_skills() -> None:
    text = "step,eval/a/err,eval/b/err,x\n0,2,2,7\n9,1,1.5,8\n"
    curves = curves_of(text, tags={"eval/(.*)/err": "loss"})
    assert curves.skill.values.tolist() == ["a", "b"]
    assert curves.attrs["left_out"] == "a.csv: x"
    assert curves_of(text, tags={"x": "skip"}, kind="loss").skill.size == 2


def test_missing_values_are_missing_whatever_they_are_called() -> None:
    text = "step,a,b\n0,0,\n1,NA,0.1\n2,nan,-\n3,inf,0.2\n4,1,null\n"
    curves = curves_of(text)
    assert curves.level.sel(skill="a").values[0].tolist()[::4] == [0.0, 1.0]
    assert curves.level.notnull().sum("step").values.tolist() == [[2, 2]]


def test_a_log_that_went_back_is_read_as_the_user_says() -> None:
    text = "step,a\n0,0\n10,0.5\n20,0.9\n10,0.4\n15,0.6\n"
    first, last = (curves_of(text, keep=keep) for keep in ("first", "last"))
    assert first.level.dropna("step").values.ravel().tolist() == [0.0, 0.5, 0.9]
    assert last.level.dropna("step").values.ravel().tolist() == [0.0, 0.4, 0.6]


def test_of_two_values_the_first_or_last_is_kept() -> None:
    text = "step,skill,level\n0,a,0\n9,a,0.8\n9,a,0.9\n"
    kept = [curves_of(text, keep=keep).level.values[0, 1, 0] for keep in ("first", "last")]
    assert kept == [0.8, 0.9]


def test_files_without_runs_name_them_and_a_run_may_be_spread_over_files() -> None:
    for name in ("x/one.csv", "x/two.csv", "y/one.csv"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text("step,a\n0,0\n9,1\n", "utf-8")
    assert read_curves("x").run.values.tolist() == ["one", "two"]
    assert read_curves("x/one.csv", "y/one.csv").run.values.tolist() == ["x/one", "y/one"]
    Path("b.csv").write_text("run,step,skill,level\nr,0,a,0\nr,9,a,1\n", "utf-8")
    Path("c.csv").write_text("run,step,skill,level\nr,0,b,0\nr,20,a,1\n", "utf-8")
    curves = read_curves("b.csv", "c.csv")
    assert int(curves.level.notnull().sum()) == 4
    assert "run 'r' is in b.csv, c.csv" in curves.attrs["notes"]


def test_the_journal_of_a_recorder_is_its_curves() -> None:
    recorder = Recorder("seed 0", mixture={"a": 0.9, "b": 0.1}, path="r.jsonl")
    recorder.log(0, losses={"a": 2.0, "b": 2.0}, levels={"a": 0.1})
    recorder.log(10, losses={"a": 1.0, "b": None})
    recorder.log(20, losses={"a": 0.5, "b": 1.5}, mixture={"b": 0.5})
    with open("r.jsonl", "a", encoding="utf-8") as file:
        file.write('{"run": "seed 0", "st')
    read = read_curves("r.jsonl", normalise="none")
    own = recorder.curves()
    for name in ("loss", "frequency", "frequency_at", "level"):
        np.testing.assert_array_equal(read[name], own[name])
    assert read.attrs["left_out"] == "r.jsonl: line 9, which is not complete"


def test_a_frequency_column_is_the_mixture() -> None:
    text = "step,skill,level,frequency\n0,a,0,0.7\n9,a,1,0.7\n0,b,0,0.3\n9,b,1,0.1\n"
    curves = curves_of(text)
    np.testing.assert_array_equal(curves.frequency, [[0.7, np.nan]])
    np.testing.assert_array_equal(curves.frequency_at.sel(skill="b"), [[0.3, 0.1]])


def test_a_mixture_is_that_of_every_run_or_of_one() -> None:
    text = "run,step,skill,level\n" + "".join(f"{r},{s},a,{s}\n" for r in "pqr" for s in (0, 1))
    Path("m.csv").write_text("run,skill,frequency\nq,a,0.2\n*,a,0.5\n", "utf-8")
    curves = curves_of(text, mixtures="m.csv")
    assert curves.frequency.values.ravel().tolist() == [0.5, 0.2, 0.5]
    assert curves_of(text, mixtures={"a": 1}).frequency.values.ravel().tolist() == [1.0] * 3


def test_published_curves_load_as_they_are() -> None:
    curves = read_curves(DATA / "pythia_extract.csv.gz")
    assert dict(curves.sizes) == {"run": 3, "step": 27, "skill": 7}
    published = curves.accuracy.sel(run="pythia-12b", step=143000, skill="sciq")
    assert curves.accuracy_se.notnull().sum() == 3 * 27 * 6
    level = (published - curves.chance.sel(run="pythia-12b", skill="sciq")) / (
        1 - curves.chance.sel(run="pythia-12b", skill="sciq")
    )
    np.testing.assert_allclose(level, curves.level.sel(run="pythia-12b", step=143000, skill="sciq"))
    assert curves.chance.sel(skill="piqa")[0].item() == pytest.approx(0.5, abs=0.04)
    assert "no signal" in curves.attrs["notes"] and "anatomy" in curves.attrs["notes"]


def test_mixtures_may_stand_in_several_tables_and_name_more_than_there_is() -> None:
    text = "run,step,skill,level\n" + "".join(
        f"{run},{step},{skill},{step / 10}\n"
        for run in ("one", "two") for step in (0, 10) for skill in "ab"
    )  # fmt: skip
    head = "run,skill,frequency\n"
    Path("first.csv").write_text(head + "one,a,1\none,b,2\n", "utf-8")
    Path("second.csv").write_text(head + "two,a,3\ntwo,b,4\n", "utf-8")
    both = ["first.csv", Path("second.csv")]
    assert curves_of(text, mixtures=both).frequency.values.tolist() == [[1, 2], [3, 4]]
    Path("more.csv").write_text(head + "one,a,1\none,b,2\none,c,5\ntwo,a,3\nsix,a,7\n", "utf-8")
    more = curves_of(text, mixtures="more.csv")
    assert more.frequency.sel(run="one").values.tolist() == [1, 2]
    assert "more.csv: no curves of the run 'six': not used" in more.attrs["notes"]
    assert "more.csv: no curves of the skill 'c': not used" in more.attrs["notes"]
    Path("all.csv").write_text("skill,frequency\na,1\n", "utf-8")
    for tables, told in (
        (["first.csv", "more.csv"], "more.csv: the run 'one' has a mixture in first.csv already"),
        (["first.csv", "all.csv"], "all.csv: the run 'one' has a mixture in first.csv already"),
        (["all.csv", "first.csv"], "first.csv: all runs have a mixture in all.csv already"),
    ):
        with pytest.raises(FileError, match=told):
            curves_of(text, mixtures=tables)
    with pytest.raises(ArgumentError, match=r"mixtures: is .*; expected paths of tables"):
        curves_of(text, mixtures=[{"one": 1}])
