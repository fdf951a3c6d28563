"""Nothing is guessed silently: what cannot be read is named with its file and row."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from domino_sim import read_curves
from domino_sim.errors import ArgumentError, FileError

OK = "run,step,skill,level\nr,0,a,0\nr,10,a,1\nr,0,b,0\nr,10,b,0.5\n"


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "", "^a.csv: is empty; expected CSV"),
        ("a.csv", "step,a\n", "^a.csv: has a header but no rows"),
        ("a.csv", "words\n1\n", "^a.csv: line 1: is 'words'; expected a header"),
        ("a.csv", "step,a,b\n0,1,2\n\n1,2\n", "^a.csv: line 4: has 2 cells; expected 3"),
        ("a.csv", "step,a,a\n0,1,2\n", "line 1: the column 'a' stands twice"),
        ("a.csv", 'step,a\n0,"1\n', "^a.csv: line 2: not valid CSV"),
        ("a.csv", "step,a\n0,0\n9,high\n", "^a.csv: line 3: a: is 'high'; expected a number"),
        ("a.csv", "step;a\n0;0,5\n", "^a.csv: line 2: a: is '0,5'; expected a number such as 0.5"),
        ("a.csv", "step,a\n0,0\n1.5,1\n", "line 3: step: is '1.5'; expected a step"),
        ("a.csv", "step,a\n0,0\nten,1\n", "line 3: step: is 'ten'; expected a step"),
        ("a.csv", "step,a\n0,0\n,1\n", "line 3: step: is empty; expected a step"),
        ("a.csv", "step,a\n-1,0\n", "line 2: step: is '-1'; expected a step"),
        ("a.csv", "step,skill,level\n0,,1\n", "line 2: skill: is empty; expected a name"),
        ("a.csv", "step,a\n0,0\n9,1\n5,1\n", r"line 4: step 5 of skill 'a' of run 'a' stands "
         r"after step 9 \(a.csv: line 3\); expected rising steps"),
        ("a.csv", "step,skill,level\n0,a,1\n9,a,1\n0,a,0\n", r"line 4: skill 'a' of run 'a' has a "
         r"value at step 0 already \(a.csv: line 2\); expected one \(--keep"),
        ("a.csv", "step,a\n0,3\n9,90\n", "line 2: a: is 3; expected a level, from −1 to 2 .--kind"),
        ("a.csv", "step,skill,acc\n0,a,0\n9,a,90\n", "line 3: acc: is 90; expected an accuracy"),
        ("a.csv", "step,skill,percent\n0,a,900\n", "line 2: percent: is 900; expected per cent"),
        ("a.csv", "step,skill,ppl\n0,a,0\n", "line 2: ppl: is 0; expected a perplexity, above 0"),
        ("a.csv", "step,skill,acc,se\n0,a,0,-1\n", "line 2: se: is -1; expected a standard error"),
        ("a.csv", "step,skill,value\n0,a,0\n", "the column 'value' may hold levels, accuracies or"),
        ("a.csv", "step,skill,value,loss\n0,a,0,1\n", "'value', 'loss' may each be the value"),
        ("a.csv", "step,skill,acc,accuracy\n0,a,0,1\n", "'acc', 'accuracy' may each be the acc"),
        ("a.csv", "step,skill,acc,loss,se\n0,a,0,1,1\n", "'se' may be the standard error of 'accu"),
        ("a.csv", "model,seed,step,a\nm,0,0,1\n", "'model', 'seed' may each be the run; expected to"
         r" be told which: --column run=model, or together: --column run=model\+seed"),
        ("a.csv", "step,skill,metric,value\n0,a,acc,0\n9,a,bleu,0\n", "line 3: metric: unknown "
         "metric 'bleu'; expected to be told what it is: --metric 'bleu=accuracy'"),
        ("a.csv", "run,skill,level\nr,a,0\n", "^a.csv: has no column for step"),
        ("a.csv", "step,skill,x\n0,a,0\n", "^a.csv: has no column for level, accuracy or loss"),
        ("a.csv", "step,run\n0,a\n", "^a.csv: has no column for a skill"),
        ("a.csv", "step,a_loss,a_nll\n0,1,1\n", "'a_loss' and 'a_nll' are both the loss of 'a'"),
        ("a.csv", "step,a\n0,1\n", "line 2: skill 'a' of run 'a' has a single record; expected"),
        ("a.csv", "step,a\n0,1\n9,1\n", "line 2: skill 'a' of run 'a' is constant; expected curve"),
        ("a.csv", "step,a\n0,\n9,\n", "^a.csv: has no values"),
        ("a.csv", b"step,\xe4\n0,1\n", "^a.csv: not UTF-8 text"),
        (
            "a.csv.gz",
            gzip.compress(b"step,a\n0,1\n9,0\n", mtime=0)[:20],
            "^a.csv.gz: cannot be unpacked",
        ),
        ("a.jsonl", '{"step": 0, "a": 1}\n{"st\n{}\n', "^a.jsonl: line 2: not valid JSON"),
        ("a.jsonl", "[1]\n", r"^a.jsonl: line 1: is \[1\]; expected an object"),
        ("a.jsonl", '{"step": 0, "a": true}\n', "line 1: a: is True; expected a number"),
        ("a.jsonl", '{"step": 0, "a": [1]}\n', r"line 1: a: is \[1\]; expected a number"),
        ("a.json", '{"a": 1}', "^a.json: has no log_history"),
        ("a.json", '{"log_history": [1]}', r"^a.json: log_history: is \[1\]; expected a list of"),
        ("a.json", '{"log_history": []}', "^a.json: log_history: is empty"),
        ("a.json", '{"log_history": [{"step": 1, "eval_a_f1": 1}]}', "'eval_a_f1' may be levels"),
        ("a.nc", "hello", "^a.nc: is no netcdf file"),
        ("a.xlsx", "PK", "^a.xlsx: of unknown kind '.xlsx'; expected CSV"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_file_is_named(name: str, text: str | bytes, message: str) -> None:
    Path(name).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(FileError, match=message):
        read_curves(name)


def test_a_broken_parquet_file_is_refused() -> None:
    pytest.importorskip("pyarrow")
    Path("a.parquet").write_bytes(b"PAR1junk")
    with pytest.raises(FileError, match=r"^a.parquet: cannot be read as Parquet"):
        read_curves("a.parquet")


def test_paths_that_mean_no_curves_are_refused() -> None:
    Path("a.csv").write_text(OK, "utf-8")
    Path("empty").mkdir()
    Path("mixed").mkdir()
    Path("mixed/a.csv").write_text(OK, "utf-8")
    Path("mixed/b.jsonl").write_text("{}", "utf-8")
    for paths, message in (
        ((), "paths: no files"),
        ((3,), "paths: is 3"),
        (("b.csv",), "^b.csv: no such file or folder"),
        (("a.csv", "a.csv"), "^a.csv: is given twice"),
        (("empty",), "^empty: has no learning curves"),
        (("mixed",), r"^mixed: has files of several kinds \(a.csv, b.jsonl\)"),
    ):
        with pytest.raises((FileError, ArgumentError), match=message):
            read_curves(*paths)  # type: ignore[arg-type]


def test_values_in_two_files_are_refused_with_both_places() -> None:
    Path("a.csv").write_text(OK, "utf-8")
    Path("b.csv").write_text("run,step,skill,level\nr,5,b,0\nr,10,a,1\n", "utf-8")
    with pytest.raises(FileError, match=r"^b.csv: line 3: .* step 10 already \(a.csv: line 3\)"):
        read_curves("a.csv", "b.csv")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("run,skill,frequency\nr,a,1\nr,c,1\n", "^m.csv: line 3: skill: unknown skill 'c'"),
        ("run,skill,frequency\nq,a,1\n", r"^m.csv: line 2: run: unknown run 'q'; expected a run"),
        ("skill,frequency\na,1\na,2\n", "^m.csv: line 3: skill: the frequency of 'a' stands in li"),
        ("skill,frequency\na,-1\n", "^m.csv: line 2: frequency: is -1; expected a finite number"),
        ("skill,frequency\na,\n", "^m.csv: line 2: frequency: is no number"),
        ("skill,frequency\na,b\n", "^m.csv: line 2: frequency: is 'b'; expected a finite num"),
        ("skill,weight\na,1\n", "^m.csv: has no column for frequency"),
    ],
)
def test_what_is_wrong_with_a_mixture_is_named(table: str, message: str) -> None:
    Path("a.csv").write_text(OK, "utf-8")
    Path("m.csv").write_text(table, "utf-8")
    with pytest.raises(FileError, match=message):
        read_curves("a.csv", mixtures="m.csv")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mixtures": {"c": 1}}, "mixtures.c: unknown skill 'c'"),
        ({"mixtures": {"a": -1}}, "mixtures.a: is -1; expected a finite number"),
        ({"columns": {"skil": "x"}}, "unknown role 'skil'.*did you mean 'skill'"),
        ({"columns": {"skill": "task"}}, "a.csv: there is no column 'task' .for skill."),
        ({"metrics": {"acc": "loss"}}, "metrics.acc: no file has a metric 'acc'"),
        ({"metrics": {"acc": "los"}}, "metrics.acc: is 'los'.*did you mean 'loss'"),
        ({"tags": {"(": "loss"}}, "is no regular expression"),
        ({"tags": "loss"}, "tags: is 'loss'; expected texts by name"),
        ({"kind": "los"}, "kind: is 'los'; expected one of .*did you mean 'loss'"),
        ({"keep": "best"}, "keep: is 'best'; expected one of first, last"),
        ({"normalise": "nona"}, "normalise: is 'nona'.*did you mean 'none'"),
        ({"normalise": 3}, "normalise: is 3; expected 'auto'"),
    ],
)
def test_what_is_wrong_with_an_option_is_named(options: dict[str, object], message: str) -> None:
    Path("a.csv").write_text(OK, "utf-8")
    with pytest.raises((ArgumentError, FileError), match=message):
        read_curves("a.csv", **options)  # type: ignore[arg-type]


def test_single_and_constant_curves_beside_others_are_kept_and_named() -> None:
    Path("a.csv").write_text(OK + "r,0,c,0.5\nr,0,d,0.1\nr,10,d,0.1\n", "utf-8")
    curves = read_curves("a.csv")
    assert curves.skill.size == 4
    notes = curves.attrs["notes"].split("\n")
    assert "1 curve has a single record: skill 'c' of run 'r' (a.csv: line 6)" in notes
    assert "1 curve is constant: skill 'd' of run 'r' (a.csv: line 7)" in notes


def test_levels_that_fall_are_said_to() -> None:
    Path("a.csv").write_text("step,a\n" + "".join(f"{s},{2 - s / 10}\n" for s in range(9)), "utf-8")
    assert "falls in every run (losses? --kind loss): a" in read_curves("a.csv").attrs["notes"]
