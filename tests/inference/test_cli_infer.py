"""``domino-sim infer``: what it writes, says and refuses."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from test_cli import cli, in_a_folder_of_its_own, names_in  # noqa: F401

from benchmarks.inference.worlds import World, make_world, write
from domino_sim import load_graph
from domino_sim.cli.infer import INFER_FILES

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
            "Gate form: hard gates, mastery 0.99, mse", "misfit 0.", "other forms: ",
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
    text = Path("curves.csv").read_text("utf-8").splitlines()
    rng = np.random.default_rng(0)
    spoilt = [
        re.sub(r",s4,.*", f",s4,{rng.random():.4f}", line) if ",s4," in line else line
        for line in text
    ]
    Path("curves.csv").write_text("\n".join(spoilt) + "\n", "utf-8")
    code, out, _ = cli("infer", *files)
    assert code == 0
    assert out.startswith("note: the curves are ")
    assert out.index("times as far") < out.index("Gate form")


def test_a_skill_that_is_left_out_is_said_and_drawn(files: list[str]) -> None:
    text = Path("curves.csv").read_text("utf-8")
    Path("curves.csv").write_text(re.sub(r",s4,.*", ",s4,0.0", text), "utf-8")
    code, out, _ = cli("infer", *files)
    assert code == 0
    assert "s4" in next(line for line in out.splitlines() if line.startswith("note: "))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["none.csv"], "none.csv"),
        (["curves.csv"], "--mixtures: the frequency of 's1' in the run 'run 1' is not known"),
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
    Path("odd.csv").write_text(mixtures + "run 7,s1,0.5\n", "utf-8")
    Path("below.csv").write_text(mixtures.replace("run 1,s1,", "run 1,s1,-0.5#", 1)
                                 .replace("#0.", "", 1), "utf-8")  # fmt: skip
    before = names_in(Path())
    code, out, err = cli("infer", *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("error: ") and err.count("\n") == 1
    assert told in err
    assert names_in(Path()) == before
