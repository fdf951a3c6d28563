"""``domino-sim infer``: what it writes, says and refuses."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from test_cli import cli, in_a_folder_of_its_own, names_in  # noqa: F401

from benchmarks.inference.worlds import World, make_world, write
from domino_sim import infer, inference, load_graph
from domino_sim.cli.infer import INFER_FILES
from domino_sim.progress import Meter

#: An or-gate, and gates of two.
WORLD = {"skills": 5, "runs": 3, "operators": "mixed", "seed": 6, "points": 50}


@pytest.fixture(scope="module")
def world() -> World:
    return make_world(**WORLD)


@pytest.fixture(scope="module")
def tables(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    write(world, folder)
    return folder


@pytest.fixture(autouse=True)
def searched_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was asked for before is not searched again: here is tested what is made of it."""
    monkeypatch.setattr(inference, "infer", remembered)


FOUND: dict[str, inference.Inference] = {}


def remembered(curves: xr.Dataset, *, meter: Meter, **options: Any) -> inference.Inference:
    asked = repr((curves.to_dict(), options))
    if asked not in FOUND:
        FOUND[asked] = infer(curves, meter=meter, **options)
    return FOUND[asked]


@pytest.fixture
def files(tables: Path) -> list[str]:
    """The curves and mixtures, in the folder of the test."""
    for name in ("curves.csv", "mixtures.csv"):
        shutil.copy(tables / name, name)
    return ["curves.csv", "--mixtures", "mixtures.csv"]


def found_in(report: dict) -> set[tuple[str, str]]:
    return {(e["from"], e["to"]) for e in report["edges"] if e["status"] == "found"}


def test_it_says_the_gate_form_the_edges_and_what_decides_them(
    files: list[str], world: World
) -> None:
    code, out, err = cli("infer", *files, "--out", "there")
    assert (code, err) == (0, "")
    places = [
        out.index(words)
        for words in (
            "Gate form: hard gates, mastery 0.9", "misfit 0.", "other forms",
            "Prerequisites found: ", "runs that decide", "Undetermined: ", "there/graph.png",
        )
    ]  # fmt: skip
    assert places == sorted(places)
    rows = set(re.findall(r"^ +(s\d) +(s\d) +(?:and|or|–) +", out, re.MULTILINE))
    assert rows == set(world.identifiable)
    assert re.search(r"^ +s3 +s1 +or +> 0.999 +[\d,]+ +run \d \d+%", out, re.MULTILINE)
    reasons = re.findall(r"^  (\d+): ", out, re.MULTILINE)
    assert sum(map(int, reasons)) == int(re.search(r"Undetermined: (\d+) pair", out)[1])


def test_everything_is_written(files: list[str], world: World) -> None:
    assert cli("infer", *files, "--out", "there")[0] == 0
    there = Path("there")
    assert names_in(there) == sorted(INFER_FILES)
    report = json.loads((there / "report.json").read_text("utf-8"))
    assert found_in(report) == set(world.identifiable)
    for name in ("graph.png", "fit.png", "runs.png"):
        assert (there / name).read_bytes().startswith(b"\x89PNG")
    with xr.open_dataset(there / "predicted.nc") as ds:
        assert np.nanmax(np.abs(ds.level - ds.observed)) < 0.1


def test_the_graph_that_is_written_is_a_graph_file(files: list[str], world: World) -> None:
    assert cli("infer", *files, "--out", "there")[0] == 0
    assert set(load_graph("there/graph.json").edges) == set(world.identifiable)
    code, out, _ = cli("show", "there/graph.json")
    assert code == 0 and "s2" in out


def test_results_go_beside_others_named_after_the_file(files: list[str]) -> None:
    Path("curves.csv").rename("mine.csv")
    code, out, _ = cli("infer", "mine.csv", *files[1:])
    assert code == 0
    assert "results/infer-mine/report.json" in out


def test_json_is_the_report_and_nothing_else(files: list[str]) -> None:
    code, out, err = cli("infer", *files, "--out", "there", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out) == json.loads(Path("there/report.json").read_text("utf-8"))


def test_all_names_every_pair_that_is_undetermined(files: list[str]) -> None:
    _, out, _ = cli("infer", *files, "--out", "there", "--all")
    report = json.loads(Path("there/report.json").read_text("utf-8"))
    left = {(e["from"], e["to"]) for e in report["edges"] if e["status"] == "undetermined"}
    assert left
    part = out[out.index("Undetermined") :]
    assert set(re.findall(r"^ +(s\d) +(s\d) +[\d.]+ ", part, re.MULTILINE)) == left


def test_what_is_known_is_kept_to(files: list[str]) -> None:
    Path("known.toml").write_text('forbidden = [["s3", "s1"]]\n', "utf-8")
    code, out, _ = cli("infer", *files, "--prior", "known.toml", "--mastery", "0.99", "--json",
                       "--seconds", "0.5")  # fmt: skip
    assert code == 0
    assert ("s3", "s1") not in found_in(json.loads(out))


def test_where_nothing_fits_that_is_said_first(files: list[str]) -> None:
    for name in files[::2]:  # two runs of four skills will do
        rewritten(name, r"^run 3,.*\n|^run \d,(?:\d+,)?s5,.*\n", "")
    text = Path("curves.csv").read_text("utf-8").splitlines()
    rng = np.random.default_rng(0)
    spoilt = [
        re.sub(r",s4,.*", f",s4,{rng.random():.4f}", line) if ",s4," in line else line
        for line in text
    ]
    Path("curves.csv").write_text("\n".join(spoilt) + "\n", "utf-8")
    code, out, _ = cli("infer", *files, "--mastery", "0.99")
    assert code == 0
    assert out.startswith("note: ")
    assert out.index("times as far") < out.index("Gate form")


def _notes(out: str) -> list[str]:
    return [line for line in out.splitlines() if line.startswith("note: ")]


def test_a_skill_that_is_left_out_is_said_and_drawn(files: list[str]) -> None:
    text = Path("curves.csv").read_text("utf-8")
    Path("curves.csv").write_text(re.sub(r",s4,.*", ",s4,0.0", text), "utf-8")
    code, out, _ = cli("infer", *files, "--seconds", "0.3")
    assert code == 0
    assert any("'s4'" in line or "s4 " in line for line in _notes(out))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["none.csv"], "none.csv"),
        (["curves.csv", "--mixtures", "late.csv"], "late.csv: line 2: step: is no step"),
        (["curves.csv", "--mixtures", "none.csv"], "none.csv"),
        (["curves.csv", "--mixtures", "mixtures.csv", "--mastery", "1.5"], "--mastery: is 1.5"),
        (["curves.csv", "--mixtures", "mixtures.csv", "--seconds", "0"], "--seconds: is 0"),
        (["curves.csv", "--mixtures", "mixtures.csv", "--prior", "no.toml"], "no.toml: no such"),
        (["curves.csv", "--mixtures", "mixtures.csv", "--prior", "bad.toml"],
         "bad.toml: required[0]: unknown skill 'Z'; expected a skill of the curves"),
        (["curves.csv", "--mixtures", "mixtures.csv", "--out", "curves.csv"], "not a folder"),
        (["curves.csv", "--mixtures", "mixtures.csv", "--column", "x"], "--column"),
        (["curves.csv", "--mixtures", "odd.csv"], "run 7"),
        (["curves.csv", "--mixtures", "below.csv"], "-0.5"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_refused_in_one_line_and_nothing_is_written(
    arguments: list[str], told: str, files: list[str]
) -> None:
    Path("bad.toml").write_text('required = [["Z", "s1"]]\n', "utf-8")
    mixtures = Path("mixtures.csv").read_text("utf-8")
    Path("odd.csv").write_text(mixtures.replace("run 1,", "run 7,"), "utf-8")
    Path("below.csv").write_text(mixtures.replace("run 1,s1,", "run 1,s1,-0.5#", 1)
                                 .replace("#0.", "", 1), "utf-8")  # fmt: skip
    Path("late.csv").write_text("run,skill,frequency,step\nrun 1,s1,0.5,-3\n", "utf-8")
    before = names_in(Path())
    code, out, err = cli("infer", *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("error: ") and err.count("\n") == 1
    assert told in err
    assert names_in(Path()) == before


def rewritten(name: str, old: str, new: str) -> None:
    """Change a file by a pattern, line by line."""
    text = Path(name).read_text("utf-8")
    Path(name).write_text(re.sub(old, new, text, flags=re.MULTILINE), "utf-8")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("curves.csv", r"^run 2,[1-9].*\n", ""), "the run 'run 2' has one record: left out"),
        (("mixtures.csv", r"^run 2,.*\n", ""), "the mixture of 'run 2' is not known: it is fitted"),
        (("mixtures.csv", r"^run 2,s5,.*", "run 2,s5,0"), "the frequency of 's5' is 0"),
        (("curves.csv", r"^run 2,(\d+),s5,.*", r"run 2,\1,s5,"), "has no curve of 's5'"),
        (("curves.csv", r",s5,.*", ",s5,"), "s5 has no curve in any run: left out"),
        (("curves.csv", r",s5,.*", ",s5,1.0"), "s5 is learned at the start of every run"),
    ],
    ids=["one-record", "no-mixture", "no-frequency", "no-curve-there", "no-curve", "learned"],
)
def test_what_cannot_be_used_is_named_and_the_rest_inferred(
    change: tuple[str, str, str], told: str, files: list[str]
) -> None:
    rewritten(*change)
    code, out, err = cli("infer", *files, "--out", "there", "--seconds", "0.3")
    assert (code, err) == (0, "")
    assert told in " ".join(line for line in out.splitlines() if line.startswith("note: "))
    assert names_in(Path("there")) == sorted(INFER_FILES)


def test_runs_and_skills_may_have_any_names_and_steps_be_written_with_a_point(
    files: list[str], world: World
) -> None:
    names = {"s1": "it's", "s2": '"say ""hi"""', "s3": "日本", "s4": "and", "s5": "a b"}
    for name in files[::2]:
        rewritten(name, r"s\d", lambda match: names[match[0]])
        rewritten(name, r"^run (\d)", r"\1")
    rewritten("curves.csv", r"^(\d),(\d+),", r"\1,\2.0,")
    code, out, _ = cli("infer", *files, "--out", "there", "--json")
    assert code == 0
    plain = names | {"s2": 'say "hi"'}
    report = json.loads(out)
    assert found_in(report) == {(plain[a], plain[b]) for a, b in world.identifiable}
    assert report["runs"] == ["1", "2", "3"]


def test_seconds_end_the_search_as_asked(files: list[str]) -> None:
    code, out, _ = cli("infer", *files, "--out", "there", "--seconds", "0.001")
    assert code == 0
    assert "note: the search was stopped: this is the best graph so far" in out
    assert names_in(Path("there")) == sorted(INFER_FILES)


@pytest.mark.skipif(sys.platform == "win32", reason="a terminal, and Ctrl-C in it, of Unix")
def test_ctrl_c_ends_the_search_and_what_it_came_to_is_written(tmp_path: Path) -> None:
    """On a world that takes long: 12 skills, noise of a twentieth."""
    write(make_world(skills=12, runs=3, noise=0.05, seed=3, points=60), tmp_path)
    master, terminal = os.openpty()
    arguments = ["curves.csv", "--mixtures", "mixtures.csv", "--out", "there"]
    with subprocess.Popen(
        [sys.executable, "-m", "domino_sim", "infer", *arguments], cwd=tmp_path, text=True,
        stdout=subprocess.PIPE, stderr=terminal, env=os.environ | {"TERM": "xterm"},
    ) as running:  # fmt: skip
        os.close(terminal)
        shown = b""
        while b"graph" not in shown:  # the bar of the search
            shown += os.read(master, 1024)
        running.send_signal(signal.SIGINT)
        out, _ = running.communicate()
    os.close(master)
    assert running.returncode == 1
    assert "note: the search was stopped: this is the best graph so far" in out
    assert names_in(tmp_path / "there") == sorted(INFER_FILES)
    report = json.loads((tmp_path / "there" / "report.json").read_text("utf-8"))
    assert len(report["skills"]) == 12
