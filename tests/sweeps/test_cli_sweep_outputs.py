"""``domino-sim sweep``: what it writes, what it says of it, and what it refuses before it runs."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sweep_cases import command

FILE = """
title = "Two pairs"
steps = 9000
graph = "two-pairs"
[pool]
rate = 1e-3
[gate]
kind = "hard"
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


REFUSED = {
    "the store itself": (["--csv", "s.sqlite"], "--csv: s.sqlite is the store"),
    "the store by another name": (["--netcdf", "x/../s.sqlite"], "is the store"),
    "the scenario": (["--csv", "s.toml"], "--csv: s.toml is the scenario"),
    "one file twice": (["--csv", "a", "--netcdf", "a"], "--netcdf: a is the file of --csv"),
    "another store": (["--csv", "other.sqlite"], "other.sqlite is the store of a sweep"),
    "no folder": (["--csv", "none/a.csv"], "there is no folder none"),
    "a folder": (["--netcdf", "x"], "x is a folder"),
    "a kind of figure": (["--figure", "f.txt"], "unknown kind of figure '.txt'; expected one of"),
    "a quantity": (
        ["--figure", "f.png", "--of", "mastered_at.T17"],
        "--of: there is no 'mastered_at.T17'; expected one of all_mastered_at, mastered_at",
    ),
    "axes of a figure": (
        ["--figure", "f.png", "--set", 'sweep.axes={"pool.wasted"=[0.1, 0.2], "mastery"=[0.5, 0.6],'
         '"steps"=[8, 9], "pool.rate"=[1, 2]}'],
        "--figure: 4 axes (pool.wasted, mastery, steps, pool.rate) are too many",
    ),
    "a point": (["--rerun", "6"], "--rerun: there is no point 6; expected a number from 0 to 5"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_could_not_be_written_is_refused_before_anything_runs(
    folder: Path, capsys, name: str
) -> None:
    args, told = REFUSED[name]
    (folder / "x").mkdir()
    with closing(sqlite3.connect("other.sqlite")) as db, db:
        db.execute("CREATE TABLE t (x)")
    code, out, err = command(capsys, "s.toml", "--out", "s.sqlite", *args)
    assert (code, out) == (2, "") and told in err
    assert not Path("s.sqlite").exists() and Path("s.toml").read_text() == FILE


@pytest.mark.parametrize("option", ["--csv", "--netcdf"])
def test_a_store_is_never_written_over_by_its_own_results(
    folder: Path, capsys, option: str
) -> None:
    command(capsys, "s.toml", "--out", "s.sqlite")
    before = Path("s.sqlite").read_bytes()
    code, _, err = command(capsys, "s.sqlite", option, "s.sqlite")
    assert code == 2 and f"{option}: s.sqlite is the store" in err
    assert Path("s.sqlite").read_bytes() == before


def test_what_was_written_is_said(folder: Path, capsys) -> None:
    files = ("--csv", "s.csv", "--netcdf", "s.nc", "--figure", "s.png")
    _, out, _ = command(capsys, "s.toml", "--out", "s.sqlite", *files)
    assert out.endswith("CSV      s.csv\nNetCDF   s.nc\nFigure   s.png\n")
    _, out, err = command(capsys, "s.sqlite", "--csv", "-", "--figure", "s.png")
    assert out == Path("s.csv").read_text() and err == "Figure   s.png\n"


def test_exponents_are_printed_with_or_without_a_figure(folder: Path, capsys) -> None:
    axes = 'sweep.axes={"pool.law"=["sum", "norm"], "pool.rate"=[1e-3, 2e-3, 4e-3, 8e-3]}'
    given = ("s.toml", "--out", "s.sqlite", "--set", axes, "--set", "steps=20000")
    _, out, _ = command(capsys, *given, "--scaling", "--of", "all_mastered_at")
    assert out.count("Exponent over pool.rate, pool.law = ") == 2
    assert ", pool.law = sum: -1 (-1 to -1), 4 points from 0.001 to 0.008\n" in out
    code, again, _ = command(
        capsys, "s.sqlite", "--scaling", "--of", "all_mastered_at", "--figure", "s.png",
        "--over", "pool.rate",
    )  # fmt: skip
    assert code == 0 and "Figure   s.png" in again and again.splitlines()[0] in out
    code, _, err = command(capsys, "s.sqlite", "--scaling", "--over", "pool.law")
    assert code == 2 and "'pool.law' is no axis of numbers above 0; expected one of pool" in err


def test_points_that_are_done_again_are_counted(folder: Path, capsys) -> None:
    command(capsys, "s.toml", "--out", "s.sqlite")
    with closing(sqlite3.connect("s.sqlite")) as db, db:
        db.execute("UPDATE points SET status = 'failed', error = 'lightning' WHERE number < 2")
    code, out, _ = command(capsys, "s.toml", "--out", "s.sqlite", "--resume", "--retry-failed")
    assert code == 0 and "Points   6 of 6 done; 2 in " in out


def test_a_store_is_gone_on_with_without_its_scenario(folder: Path, capsys) -> None:
    command(capsys, "s.toml", "--out", "s.sqlite")
    Path("s.toml").unlink()
    with closing(sqlite3.connect("s.sqlite")) as db, db:
        db.execute("DELETE FROM points WHERE number < 2")
    code, out, _ = command(capsys, "s.sqlite", "--resume")
    assert code == 0 and "Points   6 of 6 done; 2 in " in out


def test_seeds_of_a_scenario_are_said_to_change_nothing(folder: Path, capsys) -> None:
    _, out, _ = command(capsys, "s.toml", "--out", "s.sqlite", "--set", "sweep.seeds=2")
    assert "Seeds    nothing in a scenario is random: all 2 give the same numbers" in out
    _, out, _ = command(capsys, "s.toml", "--out", "t.sqlite")
    assert "Seeds" not in out


def test_what_is_no_store_is_called_so(folder: Path, capsys) -> None:
    code, _, err = command(capsys, "missing.sqlite")
    assert code == 2 and "missing.sqlite: no such store" in err
    Path("notes.md").write_text("notes")
    code, _, err = command(capsys, "notes.md")
    assert code == 2 and "notes.md: is neither a store of a sweep nor a scenario file" in err


def test_axes_that_are_drawn_or_zipped_are_said_to_be(folder: Path, capsys) -> None:
    drawn = 'sweep={axes={"mastery"={low=0.5, high=0.9}}, sampling="sobol", count=4}'
    _, out, _ = command(capsys, "s.toml", "--out", "a.sqlite", "--set", drawn)
    assert "Axes     mastery, drawn (4)" in out
    zipped = 'sweep={axes={mastery=[0.5, 0.9], steps=[8000, 9000]}, zip=[["mastery", "steps"]]}'
    _, out, _ = command(capsys, "s.toml", "--out", "b.sqlite", "--set", zipped)
    assert "Axes     mastery & steps (2)" in out


def test_skills_that_fell_again_are_told(folder: Path, capsys) -> None:
    command(capsys, "s.toml", "--out", "s.sqlite")
    _, out, _ = command(capsys, "s.sqlite")
    assert "Fell" not in out
    with closing(sqlite3.connect("s.sqlite")) as db, db:
        db.execute("UPDATE points SET fell = mastered, mastered = 7 WHERE number < 1")
    _, out, _ = command(capsys, "s.sqlite")
    assert "of what was mastered is below mastery again at the last step, in 1 points\n" in out
