"""``domino-sim sweep``."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
import xarray as xr
from fenced import ROOT, blocks
from sweep_cases import command

from domino_sim.cli import main
from domino_sim.gradient.run import load_run
from domino_sim.sweeps.checking import make_plan
from domino_sim.sweeps.plan import table_of
from domino_sim.sweeps.subject import load_subject

FILE = """
title = "Two pairs"
steps = 9000
graph = "two-pairs"
[pool]
rate = 1e-3
[record]
points = 5
[sweep.axes]
"pool.wasted" = [1e-3, 1e-2, 1.0]
"skills.T2.frequency" = [0.1, 1.0]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "s.toml").write_text(FILE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_sweep_is_run_and_its_store_read(folder: Path, capsys) -> None:
    code, out, err = command(capsys, "s.toml", "--csv", "s.csv", "--netcdf", "s.nc")
    assert (code, err) == (0, "")
    assert "Axes     pool.wasted (3), skills.T2.frequency (2)\nPoints   6 of 6 done; 6 in" in out
    assert "Store    results/sweep-s.sqlite" in out
    store = "results/sweep-s.sqlite"
    code, out, _ = command(capsys, store, "--csv", "-")
    assert code == 0 and out == Path("s.csv").read_text()
    assert out.splitlines()[0].startswith("point,pool.wasted,skills.T2.frequency,status,all_mast")
    ds = xr.load_dataset("s.nc", engine="h5netcdf")
    assert ds.mastered_at.dims == ("pool.wasted", "skills.T2.frequency", "skill")
    code, out, _ = command(capsys, store, "--table")
    assert code == 0 and len(out.splitlines()) == 7
    code, out, _ = command(capsys, store, "--rerun", "1")
    line = next(line for line in out.splitlines() if line.startswith("all_mastered_at"))
    _, now, there = line.split()
    assert now == there
    code, out, _ = command(capsys, store, "--figure", "s.png", "--of", "final_loss")
    assert code == 0 and Path("s.png").stat().st_size > 5000
    code, out, _ = command(capsys, "s.toml", "--resume")
    assert code == 0 and "nothing was left to do" in out


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["two-pairs"], "two-pairs.toml: sweep: nothing is varied"),
        (["two-pears"], "did you mean 'two-pairs'?"),
        (["s.toml", "--retry-failed"], "--retry-failed: is given without --resume"),
        (["s.toml", "--of", "final_loss"], "--of: is given without --figure"),
        (["s.toml", "--over", "pool.wasted"], "--over: is given without --scaling"),
        (["s.toml", "--dask", "tcp://127.0.0.1:1", "--workers", "2"], "one of them"),
        (["s.toml", "--curves", "all"], "sweep: curves: unknown: 'all'"),
        (["s.toml", "--set", "sweep.seeds=0"], "sweep.seeds"),
        (["s.toml", "--set", 'sweep.axes={"pool.law"=["summ"]}'], "did you mean 'sum'?"),
        (["s.toml", "--set", 'sweep.axes={"pool.wasted"={low=0, high=1, n=1001}, '
          '"mastery"={low=0.1, high=0.9, n=1000}}'],
         "these are 1,001,000 points: 1,001 (pool.wasted) × 1,000 (mastery); expected at most "
         "1,000,000, or --yes"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_and_nothing_is_written(folder: Path, capsys, args, told) -> None:
    code, out, err = command(capsys, *args)
    assert (code, out) == (2, "") and told in err
    assert not (folder / "results").exists()


def test_options_of_running_are_refused_beside_a_store(folder: Path, capsys) -> None:
    command(capsys, "s.toml")
    for option in (["--set", "steps=3"], ["--engine", "clock"], ["--yes"]):
        code, _, err = command(capsys, "results/sweep-s.sqlite", *option)
        assert code == 2
        assert f"{option[0]}: is for running a sweep, but results/sweep-s.sqlite" in err


def test_failed_points_are_listed_with_their_reason(folder: Path, capsys) -> None:
    axes = 'sweep.axes={"steps"=[900, 100], "record.steps"=[[0, 50], [0, 500]]}'
    code, out, _ = command(capsys, "s.toml", "--set", axes, "--set", "record={steps=[0]}")
    assert code == 1
    assert "Points   3 of 4 done, 1 failed; 4 in" in out
    told = "failed: point 3: steps = 100, record.steps = [0, 500]: s.toml: record.steps.1: 500 is"
    assert told in out


def test_the_bundled_scaling_laws_are_those_of_the_paper() -> None:
    run = load_run("scaling-laws")
    subject, given_table = load_subject("scaling-laws")
    plan = make_plan(subject, table_of(None, given_table, {}))
    alphas = next(a for a in plan.user_axes if a.name == "frequencies.exponent").values
    assert alphas[0] == (1.0,) and alphas[-1] == (2.0,)
    assert len(run.names) == 1000 and plan.points.inner(plan.fast) == 12


def test_the_commands_of_the_page_on_sweeps_run(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    for block in blocks(ROOT / "docs" / "sweeps.md"):
        if block.language == "toml":
            Path("grid.toml").write_text(block.text, "utf-8")
        for line in block.text.splitlines() if block.language == "sh" else ():
            with pytest.raises(SystemExit) as ended:
                main(shlex.split(line)[1:])
            assert not ended.value.code, line
    made = {path.name for path in tmp_path.iterdir()}
    assert {"grid.sqlite", "grid.csv", "grid.nc", "grid.png"} <= made
