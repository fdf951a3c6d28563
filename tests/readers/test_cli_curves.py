"""``domino-sim curves`` says what it understood, draws it, and keeps it."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from fenced import ROOT, blocks, run_python

from domino_sim.cli import main
from domino_sim.curves import load_curves, make_curves
from domino_sim.plot import learning_figure
from domino_sim.readers import read_curves, summarise_curves

DATA = Path(__file__).parents[1] / "data"
FILES = {"curves.nc", "figure.png", "summary.json"}


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")


def cli(capsys: pytest.CaptureFixture[str], *args: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main([str(arg) for arg in args])
    told = capsys.readouterr()
    return int(ended.value.code or 0), told.out, told.err


def test_published_curves_are_read_by_one_command(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = cli(capsys, "curves", DATA / "pythia_extract.csv.gz")
    assert (code, err) == (0, "")
    folder = Path("results/curves-pythia_extract")
    assert {path.name for path in folder.iterdir()} == FILES
    for said in ("3 runs", "7 skills", "0 to 143,000", "run: model, skill: task", "no signal",
                 "mixture: not known", "lambada_openai/ppl"):  # fmt: skip
        assert said in out
    curves = load_curves(folder / "curves.nc")
    assert curves.equals(read_curves(folder / "curves.nc"))
    summary = json.loads((folder / "summary.json").read_text("utf-8"))
    assert summary == summarise_curves(curves)


def test_the_summary_is_printed_instead(capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.csv").write_text("step,a,b\n0,0,0\n10,0.5,\n20,1,0.5\n", "utf-8")
    code, out, _ = cli(capsys, "curves", "a.csv", "--json", "--out", "o")
    assert code == 0
    (run,) = json.loads(out)["by_run"]
    assert (run["steps"], run["spacing"], run["missing"]) == (3, "every 10", 1)
    assert run["mixture"] == "none"
    assert [skill["last_level"] for skill in json.loads(out)["by_skill"]] == [1.0, 0.5]


def test_a_refusal_leaves_nothing_behind(capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.csv").write_text("step,a\n0,0\n10,high\n", "utf-8")
    code, out, err = cli(capsys, "curves", "a.csv")
    assert (code, out) == (2, "")
    assert err.startswith("error: a.csv: line 3: a: is 'high'")
    assert not Path("results").exists()
    code, _, err = cli(capsys, "curves", "a.csv", "--column", "skill")
    assert code == 2 and "--column: is 'skill'; expected such as skill=task" in err


def test_the_page_does_what_it_shows(capsys: pytest.CaptureFixture[str]) -> None:
    page, names, count = ROOT / "docs" / "curves.md", {}, 0
    for block in blocks(page):
        if block.language == "python":
            run_python(page, block, names)
        elif block.language == "sh":
            for line in block.text.splitlines():
                count += 1
                code, _, err = cli(capsys, *shlex.split(line)[1:])
                assert code == 0, f"{line}\n{err}"
    assert count > 5


def test_the_pages_name_every_file_of_the_readers() -> None:
    page = (ROOT / "docs" / "extending.md").read_text("utf-8")
    rooms = {path.stem for path in (ROOT / "domino_sim" / "readers").glob("[!_]*.py")}
    assert not {room for room in rooms if not re.search(rf"^[^|]*\b{room}\b", page, re.MULTILINE)}


@pytest.mark.parametrize(("runs", "skills", "kind"), [(1, 2, "level"), (7, 40, "level"),
                                                      (30, 3, "loss")])  # fmt: skip
def test_any_number_of_runs_and_skills_is_drawn(runs: int, skills: int, kind: str) -> None:
    steps = np.unique(np.r_[0, np.geomspace(1, 1e5, 20).round()]).astype(int)
    values = 1 - np.exp(-np.multiply.outer(steps, np.geomspace(1e-2, 1e-5, skills)))
    values = np.stack([values] * runs)
    values[:, 3, 0] = np.nan
    curves = make_curves(
        runs=[f"$run_{i}$" for i in range(runs)],
        steps=steps,
        skills=[f"_s{k}" for k in range(skills)],
        **{kind: values if kind == "level" else 3 - values},
    )
    figure = learning_figure(curves)
    panels = [ax for ax in figure.axes if ax.axison]
    assert len(panels) == min(runs, 24)
    assert panels[0].get_xscale() == "symlog" and panels[0].get_ylabel() == kind
    figure.draw_without_rendering()


def test_a_big_table_is_read_in_little_time() -> None:
    lines = [f"run {r},{s},skill {k},{min(s / (50 * (k + 1)), 1.0)}" for r in range(4)
             for s in range(0, 500, 5) for k in range(100)]  # fmt: skip
    Path("big.csv").write_text("\n".join(["run,step,skill,level", *lines]), "utf-8")
    assert int(read_curves("big.csv").level.notnull().sum()) == 40_000
