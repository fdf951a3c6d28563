"""``domino-sim calibrate`` and ``forecast``: what they write, say and refuse."""

from __future__ import annotations

import csv
import json
import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from test_cli import cli, in_a_folder_of_its_own, names_in  # noqa: F401

import domino_sim
from domino_sim.calibration.storage import load_calibration
from domino_sim.curves import make_curves, save_curves
from domino_sim.scenario import Scenario

CALIBRATE_FILES = ["calibration.json", "curves.nc", "figure.png"]
FORECAST_FILES = ["forecast.json", "forecast.nc", "forecast.png"]


@cache
def curves(
    *, skills: int = 4, runs: int = 2, steps: int = 500, known: bool = True, law: str = "norm"
) -> xr.Dataset:
    """Runs whose mixtures are turned, with 1 % noise; a few skills are not finished."""
    p = (1.0 + np.arange(skills)) ** -1.0
    mixtures = np.stack([np.roll(p / p.sum(), r) for r in range(runs)])
    names = [f"skill {i}" for i in range(skills)]
    levels = []
    for mixture in mixtures:
        table = {name: {"frequency": float(x)} for name, x in zip(names, mixture, strict=True)}
        scenario = Scenario.from_dict(
            {
                "steps": steps,
                "pool": {"law": law, "rate": 0.003 * skills**0.5, "wasted": 0.02},
                "record": {"points": 30},
                "skills": table,
            }
        )
        levels.append(domino_sim.simulate(scenario, engine="clock"))
    level = np.stack([ds.level.values for ds in levels])
    return make_curves(
        runs=[f"seed {r}" for r in range(runs)],
        steps=levels[0].step.values,
        skills=names,
        level=level + 0.01 * np.random.default_rng(0).normal(size=level.shape),
        frequency=mixtures if known else None,
    )


@pytest.fixture
def saved() -> Path:
    save_curves(curves(), "few.nc")
    return Path("few.nc")


@pytest.fixture
def table() -> Path:
    """The same as a tidy table, with a table of mixtures beside it."""
    ds = curves()
    with open("few.csv", "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["run", "step", "skill", "level"])
        for (run, step, skill), level in ds.level.stack(row=ds.level.dims).to_series().items():
            rows.writerow([run, step, skill, f"{level:.5f}"])
    with open("mixtures.csv", "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["run", "skill", "frequency"])
        for (run, skill), p in ds.frequency.stack(row=ds.frequency.dims).to_series().items():
            rows.writerow([run, skill, p])
    return Path("few.csv")


# What is written and said


def test_it_says_the_law_first_then_the_numbers_and_where_they_are(saved: Path) -> None:
    code, out, err = cli("calibrate", saved)
    assert (code, err) == (0, "")
    assert out.startswith("Pool law: 'norm', by ")
    places = [
        out.index(words)
        for words in (
            "Parameters of 'norm', t₀ = 1/η", "How the laws compare", "How serial: ",
            "results/calibrate-few/figure.png",
        )
    ]  # fmt: skip
    assert places == sorted(places)
    assert "seed 0" in out and "–" in out and "domino index" in out
    assert max(map(len, out.splitlines())) <= 80
    assert names_in(Path("results/calibrate-few")) == CALIBRATE_FILES
    found = load_calibration("results/calibrate-few")
    for run in ("seed 0", "seed 1"):
        assert found.estimate("rate", run).value == pytest.approx(0.006, rel=0.05)
        assert found.estimate("wasted", run).low < 0.02 < found.estimate("wasted", run).high


def test_a_table_with_mixtures_says_the_same(saved: Path, table: Path) -> None:
    assert cli("calibrate", saved, "--law", "norm", "--out", "a")[0] == 0
    code, _, err = cli(
        "calibrate", table, "--mixtures", "mixtures.csv", "--law", "norm", "--out", "b"
    )
    assert (code, err) == (0, "")
    one, two = load_calibration("a"), load_calibration("b")
    for e in one.estimates:
        assert two.estimate(e.name, e.key).value == pytest.approx(e.value, rel=1e-2)


def test_json_is_the_file(saved: Path) -> None:
    code, out, _ = cli("calibrate", saved, "--law", "norm", "--out", "here", "--json")
    assert code == 0 and out == Path("here/calibration.json").read_text("utf-8")
    assert json.loads(out)["law"] == "norm"


def test_options_reach_the_fit(saved: Path) -> None:
    code, out, _ = cli(
        "calibrate", saved, "--law", "norm", "--share", "pool", "--wasted", "0.02", "--fit", "beta",
        "--confidence", "0.8", "--loss", "mse", "--out", "here",
    )  # fmt: skip
    assert code == 0
    assert "all" in out and "given" in out and "0.8 interval" in out and "beta" in out
    settings = json.loads(Path("here/calibration.json").read_text("utf-8"))["settings"]
    assert (settings["wasted"], settings["share"], settings["fit"]) == (0.02, ["pool"], ["beta"])


def test_a_graph_gives_gates(saved: Path) -> None:
    Path("g.toml").write_text(
        '[skills]\n"skill 0" = {}\n"skill 1" = {}\n"skill 2" = {}\n'
        "\"skill 3\" = { requires = \"'skill 0' or 'skill 1'\" }\n"
    )
    assert cli("calibrate", saved, "--graph", "g.toml", "--law", "sum", "--out", "here")[0] == 0
    settings = json.loads(Path("here/calibration.json").read_text("utf-8"))["settings"]
    assert settings["graph"]["skill 3"] == "'skill 0' or 'skill 1'"


def test_frequencies_that_are_not_known_are_fitted_and_it_says_so() -> None:
    save_curves(curves(known=False), "unknown.nc")
    code, out, _ = cli("calibrate", "unknown.nc", "--law", "norm")
    assert code == 0
    assert "frequency of skill 1" in out and "What else was fitted" in out
    assert "note: frequencies are not known; they were fitted" in out


def test_long_tables_are_cut() -> None:
    save_curves(curves(skills=2, runs=43, steps=100), "runs.nc")
    code, out, _ = cli("calibrate", "runs.nc", "--law", "constant", "--out", "runs")
    assert code == 0 and out.count("… and 3 more (all are in calibration.json)") == 2
    save_curves(curves(skills=44, runs=1, steps=100, known=False), "skills.nc")
    code, out, _ = cli("calibrate", "skills.nc", "--law", "constant", "--out", "skills")
    assert code == 0 and out.count("… and 4 more (all are in calibration.json)") == 2


def test_long_names_are_shortened_not_the_numbers() -> None:
    ds = curves().assign_coords(run=["a run with a very long name, seed 0", "the same, seed 1"])
    save_curves(ds, "long.nc")
    code, out, _ = cli("calibrate", "long.nc", "--law", "norm")
    assert code == 0 and "a run wi… seed 0" in out and "the same, seed 1" in out
    assert max(map(len, out.splitlines())) <= 80


# What is refused, and then leaves nothing


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "nothing to calibrate; expected files of learning curves, or --gradient RUN"),
        (["no.csv"], "no.csv: no such file or folder; expected CSV, "),
        (["few.csv", "--law", "summ"], "--law: is 'summ'; expected one of auto, sum, norm, "),
        (["few.csv", "--law", "summ"], "did you mean 'sum'?"),
        (["few.csv", "--loss", "mae"], "--loss: is 'mae'; expected one of mse, ce"),
        (["few.csv", "--fit", "lekk"], "--fit: is 'lekk'; "),
        (["few.csv", "--fit", "exponent"], "such as --exponent 0.1"),
        (["few.csv", "--rate", "-1"], "--rate: is -1.0; expected a number above 0"),
        (["few.csv", "--confidence", "2"], "--confidence: is 2.0; expected a number between 0 and"),
        (["few.csv", "--graph", "two-pairs"], "--graph: the skill 'skill 0' of the curves is not"),
        (["few.csv", "--graph", "nonesuch"], "no bundled graph is named 'nonesuch'"),
        (["few.csv", "--share", "pool"], "--share: runs with frequencies of their own cannot"),
        (["few.csv", "--column", "skill"], "--column: is 'skill'; expected such as skill=task"),
        (
            ["few.csv", "--mixtures", "part.csv"],
            "curves: the frequency of 'skill 3' in the run 'seed 1' is not known; expected all "
            "frequencies of all runs (--mixtures FILE), or --fit frequencies",
        ),
        (["still.csv"], "is constant, and no other curve moves; expected curves that move"),
        (["few.csv", "--out", "few.csv"], "few.csv: is not a folder"),
        (["few.csv", "--gradient", "geometry-signgd"], "--gradient: stands beside files of curves"),
        (
            ["--gradient", "geometry-signgd", "--share", "pool"],
            "--share: does not go with --gradient; expected --law, --set, --sweep, --out or --json",
        ),
        (["few.csv", "--set", "seeds=1"], "--set: only a gradient run has keys to set"),
        (["few.csv", "--sweep", "noise=1,2"], "--sweep: only a gradient run has keys to set"),
    ],
)
def test_what_calibrate_refuses_leaves_nothing(
    table: Path, arguments: list[str], message: str
) -> None:
    Path("still.csv").write_text("step,A,B\n0,0.5,0.5\n10,0.5,0.5\n20,0.5,0.5\n")
    mixtures = Path("mixtures.csv").read_text().splitlines()
    Path("part.csv").write_text("\n".join(mixtures[:-1]) + "\n")
    before = names_in(Path())
    code, out, err = cli("calibrate", *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("error: ") and message in err and err.count("\n") == 1
    assert names_in(Path()) == before


def test_a_failure_while_writing_leaves_the_old_files(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli("calibrate", saved, "--law", "norm", "--out", "here")[0] == 0
    before = {path.name: path.read_bytes() for path in Path("here").iterdir()}

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("domino_sim.plot.save_figure", full)
    code, _, err = cli("calibrate", saved, "--law", "sum", "--out", "here")
    assert code == 1 and "here: cannot be written: No space left on device" in err
    assert {path.name: path.read_bytes() for path in Path("here").iterdir()} == before
    assert names_in(Path()) == ["few.nc", "here"]


# Forecasts


def test_a_forecast_from_the_folder_of_a_calibration() -> None:
    save_curves(curves(steps=250), "few.nc")
    assert cli("calibrate", "few.nc", "--law", "norm")[0] == 0
    code, out, err = cli("forecast", "results/calibrate-few", "--until", 2000)
    assert (code, err) == (0, "")
    assert names_in(Path("results/forecast-few")) == FORECAST_FILES
    assert "chance" in out and "0.8 interval" in out and "by step 2,000" in out
    assert "of 8 curves are there already" in out and "laws: norm (100%)" in out
    whole = json.loads(Path("results/forecast-few/forecast.json").read_text("utf-8"))
    open_ = [row for row in whole["skills"] if row["status"] == "expected"]
    assert open_ and all(row["low"] <= row["mastered_at"] <= row["high"] for row in open_)
    page = (Path(__file__).parents[1] / "docs" / "files.md").read_text("utf-8")
    for title, table in (("forecast.json", whole), ("forecast skill", whole["skills"][0])):
        section = re.search(rf"<!-- {title} -->\n(.*?)(\n\n|$)", page, re.DOTALL)
        keys = re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (.*?) \|", section[1], re.M)))
        assert set(keys) == set(table)
    ds = xr.load_dataset("results/forecast-few/forecast.nc")
    assert ds.level.dims == ("run", "step", "skill") and ds.step[-1] == 2000


def test_a_forecast_of_curves_calibrates_them_first(saved: Path) -> None:
    code, out, _ = cli(
        "forecast", saved, "--until", 900, "--mastery", 0.9, "--confidence", 0.5, "--json"
    )
    whole = json.loads(out)
    assert code == 0 and (whole["mastery"], whole["confidence"]) == (0.9, 0.5)
    assert out == Path("results/forecast-few/forecast.json").read_text("utf-8")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere", "--until", "9"], "nowhere: no such file or folder; expected the folder of a"),
        (["few.nc"], "Missing option '--until'"),
        (["few.nc", "--until", "9"], "--until: is 9; expected a number above 500"),
        (["few.nc", "--until", "900", "--mastery", "2"], "--mastery: is 2.0; expected a number"),
        (["broken", "--until", "900"], "calibration.json: is no calibration"),
    ],
)
def test_what_forecast_refuses_leaves_nothing(
    saved: Path, arguments: list[str], message: str
) -> None:
    Path("broken").mkdir()
    Path("broken/calibration.json").write_text("{}")
    code, out, err = cli("forecast", *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("error: ") and message in err
    assert names_in(Path()) == ["broken", "few.nc"]
