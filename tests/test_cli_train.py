"""``domino-sim train``: what it writes, says and keeps."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from test_cli import cli, in_a_folder_of_its_own, names_in  # noqa: F401

from domino_sim.curves import load_curves
from domino_sim.files import list_bundled, read_toml
from domino_sim.gradient import checkpoint, training
from domino_sim.gradient.run import Run
from domino_sim.scenario import table_schema

TRAIN_FILES = ["curves.nc", "figure.png", "summary.json"]

SMALL = """
title = "Small"
steps = 60
mastery = 0.5
seeds = 2
[model]
kind = "geometry"
n_dim = 30
[optimizer]
name = "sgd"
lr = 0.1
[skills]
A = {}
B = { frequency = 0.01 }
[mixtures]
plain = {}
"without A" = { A = 0.0 }
"""


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.toml"
    path.write_text(SMALL, "utf-8")
    return path


def test_it_writes_curves_figure_and_summary_and_says_where(small: Path) -> None:
    code, out, err = cli("train", small)
    assert (code, err) == (0, "")
    assert names_in(Path("results/small")) == TRAIN_FILES
    said = ("plain", "without A", "2 of 2", "0 of 2", "4 runs of 60 steps", "predicted")
    assert all(words in out for words in (*said, "results/small/"))
    curves = load_curves("results/small/curves.nc")
    assert curves.sizes == {"run": 4, "step": 61, "skill": 2}
    np.testing.assert_allclose(curves.predicted, curves.level, atol=1e-5)  # SGD is exact
    again = Run.from_dict(json.loads(curves.attrs["run"]))
    assert [m.name for m in again.members()] == curves.run.values.tolist()
    summary = json.loads(Path("results/small/summary.json").read_text("utf-8"))
    assert summary["mixtures"][0]["skills"][1]["median"] is None
    assert summary["mixtures"][0]["skills"][0]["mastered"] == 2
    frequent = summary["mixtures"][0]["skills"][0]
    assert frequent["predicted"] == pytest.approx(frequent["median"], abs=1e-3)
    level = 1 - 0.9 ** np.arange(61)
    np.testing.assert_allclose(curves.level.values[0, :, 0], level, atol=1e-5)


def test_settings_and_json(small: Path) -> None:
    code, out, _ = cli("train", small, "--set", "seeds=[7]", "--out", "here", "--json")
    assert code == 0 and json.loads(out)["runs"] == 2
    assert load_curves("here/curves.nc").seed.values.tolist() == [7, 7]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["no-such-run"], "no bundled run is named 'no-such-run'"),
        (["two-pairs"], "('two-pairs' is a bundled graph and scenario)"),
        (["geometry-signgd", "--set", "optimizer.lrs=1"], "did you mean 'optimizer.lr'?"),
        (["geometry-signgd", "--set", "device=cuda:7"], "device: the device 'cuda:7' cannot be"),
        (["geometry-signgd", "--out", "small.toml"], "small.toml: is not a folder"),
    ],
)
def test_what_it_refuses_leaves_nothing(small: Path, arguments: list[str], message: str) -> None:
    before = names_in(Path())
    code, out, err = cli("train", *arguments)
    assert code == 2 and out == ""
    assert err.startswith("error: ") and message in err
    assert names_in(Path()) == before


def test_runs_that_diverge_are_named_and_the_others_kept(small: Path) -> None:
    change = "mixtures={calm = {}, wild = {A = 1e5}}"
    code, out, err = cli("train", small, "--set", change, "--set", "seeds=1", "--out", "d")
    assert code == 1
    assert err == (
        "error: diverged: wild, seed 0 at step 1; the other runs are complete; "
        "a smaller optimizer.lr may help\n"
    )
    assert "calm" in out and names_in(Path("d")) == TRAIN_FILES
    assert json.loads(Path("d/summary.json").read_text("utf-8"))["diverged"] == {"wild, seed 0": 1}


def test_an_interrupted_run_goes_on_where_it_was(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In this process, to press Ctrl-C in the middle; one of its own is interrupted below."""
    steps = ["--set", "steps=1000", "--set", "record.points=3", "--out", "r"]
    write = checkpoint.write_checkpoint
    at: list[int] = []
    presses: list[int] = []

    def pressed(path: Path, content: dict[str, Any]) -> None:
        write(path, content)
        at.append(content["step"])
        if content["step"] > 100 and not presses:
            presses.append(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(training, "CHECKPOINT_SECONDS", 0.0)
        patch.setattr(checkpoint, "write_checkpoint", pressed)
        code, _, err = cli("train", small, *steps)
    assert (code, err) == (130, "the same command goes on from r/checkpoint\ninterrupted\n")
    assert 100 < at[-1] < 1000
    assert names_in(Path("r")) == ["checkpoint"]
    code, _, err = cli("train", small, *steps, "--set", "noise=0.1")
    assert code == 2 and "is the checkpoint of another run" in err
    code, _, err = cli("train", small, *steps)
    assert (code, err) == (0, "going on from r/checkpoint\n")
    assert names_in(Path("r")) == TRAIN_FILES
    assert cli("train", small, *steps[:-1], "whole")[0] == 0
    assert load_curves("r/curves.nc").equals(load_curves("whole/curves.nc"))


def test_what_else_is_in_a_folder_named_checkpoint_stays(small: Path) -> None:
    Path("r/checkpoint").mkdir(parents=True)
    Path("r/checkpoint/model.bin").write_text("precious")
    for more in ([], ["--fresh"]):
        code, _, err = cli("train", small, "--out", "r", *more)
        assert (code, err) == (0, "")
        assert names_in(Path("r/checkpoint")) == ["model.bin"]


def test_a_file_where_the_checkpoints_belong_is_refused(small: Path) -> None:
    Path("r").mkdir()
    Path("r/checkpoint").touch()
    code, _, err = cli("train", small, "--out", "r", "--fresh")
    assert code == 2 and "r/checkpoint: cannot be made" in err
    assert names_in(Path("r")) == ["checkpoint"]


def test_fresh_begins_anew(small: Path) -> None:
    Path("r/checkpoint").mkdir(parents=True)
    Path("r/checkpoint/runs-000000-000003.pt").write_bytes(b"of something else")
    code, _, err = cli("train", small, "--out", "r")
    assert code == 2 and "cannot be read as a checkpoint" in err
    assert cli("train", small, "--out", "r", "--fresh")[0] == 0
    assert names_in(Path("r")) == TRAIN_FILES


@pytest.mark.parametrize("name", list_bundled("runs"))
def test_a_bundled_run_fits_the_schema_for_editors(name: str) -> None:
    data = read_toml(list_bundled("runs")[name])
    jsonschema.validate(data, table_schema(Run), cls=jsonschema.Draft202012Validator)


def test_the_schema_of_run_files_is_printed() -> None:
    code, out, _ = cli("schema", "--runs")
    assert code == 0 and "optimizer" in json.loads(out)["properties"]
    jsonschema.Draft202012Validator.check_schema(json.loads(out))


SAYS_WHEN_IT_TRAINS = """
import sys
from domino_sim.cli import main
from domino_sim.gradient.loop import Loop
advance = Loop.advance
def told(*arguments):
    advance(*arguments)
    print("training", flush=True)
Loop.advance = told
main(sys.argv[1:])
"""


def test_an_interruption_is_saved_though_no_time_was_up(small: Path) -> None:
    steps = ["--set", "steps=100000", "--set", "record.points=3", "--out", "r"]
    command = [sys.executable, "-c", SAYS_WHEN_IT_TRAINS, "train", str(small), *steps]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, **pipes, text=True) as process:  # type: ignore[call-overload]
        assert process.stdout.readline() == "training\n"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()
    assert process.returncode == 130
    assert err == "the same command goes on from r/checkpoint\ninterrupted\n"
    assert names_in(Path("r/checkpoint")) == ["runs-000000-000003.pt"]


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["run", "small.toml"], "is a gradient run; expected a scenario"),
        (["train", "scenario.toml"], "is a scenario; expected a run file"),
    ],
)
def test_a_file_for_the_other_command_is_named_as_such(
    small: Path, command: list[str], said: str
) -> None:
    Path("scenario.toml").write_text("[pool]\nrate = 0.1\n[skills]\nA = {}\n", "utf-8")
    code, _, err = cli(*command)
    assert code == 2 and said in err


def test_the_graph_of_a_gradient_run_is_shown() -> None:
    code, out, _ = cli("show", "composed-pairs", "--out", "g")
    assert code == 0 and "7 skills, 6 prerequisites" in out
    assert names_in(Path("g")) == ["graph.png"]
