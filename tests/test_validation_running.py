"""Figures are checked, kept, and gone on with; a subset of them with its verdicts."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from matplotlib.figure import Figure as Drawing

from validation import figure as figures
from validation import running
from validation.__main__ import main
from validation.figure import Checked, Figure
from validation.outcome import Outcome, load_outcome, save_outcome
from validation.references import arrays, number
from validation.report import counts, gallery, lines, markdown, summary
from validation.row import Instead, Row
from validation.setting import Setting
from validation.simulator import CHANGES, Simulator
from validation.value import exactly

ROWS = (
    Row("a | claim <b>", "source", exactly(1.0), exactly(1.0)),
    Row("other", "source", exactly(2.17), exactly(1.53),
        instead=Instead("mislabelled", exactly(1.53))),
)  # fmt: skip


def module(check: object, name: str = "fig99") -> ModuleType:
    made = ModuleType(name)
    made.FIGURE = Figure(name, "A title", "A claim.", "Somewhere", 1.0)  # type: ignore[attr-defined]
    made.check = check  # type: ignore[attr-defined]
    return made


def drawn() -> Drawing:
    return Drawing(figsize=(1, 1))


def test_every_figure_has_its_form() -> None:
    assert {"fig17", "laws", "frequencies", "inference"} <= set(figures.NAMES)
    for name in figures.NAMES:
        found = figures.module_of(name)
        assert found.FIGURE.name == name and callable(found.check)
        assert found.FIGURE.claim.endswith(".") and found.FIGURE.minutes > 0


def test_an_outcome_is_kept_and_found_again(tmp_path: Path, monkeypatch) -> None:
    made = module(lambda setting: Checked(ROWS, drawn(), "a note"))
    monkeypatch.setattr(running, "module_of", lambda name: made)
    first = running.check_one("fig99", Setting(), tmp_path)
    assert (first.verdict, first.count("PASS"), first.note) == ("DIFFERS", 1, "a note")
    again = load_outcome(tmp_path / "fig99", running.fingerprint_of("fig99", Setting()))
    assert again == first
    assert load_outcome(tmp_path / "fig99", running.fingerprint_of("fig99", Setting(False))) is None
    (tmp_path / "fig99" / "result.json").write_text('{"half": ')
    assert load_outcome(tmp_path / "fig99", "x") is None


def test_a_figure_that_breaks_off_is_told_and_done_again(tmp_path: Path, monkeypatch) -> None:
    def check(setting: Setting) -> Checked:
        raise ArithmeticError("no luck")

    monkeypatch.setattr(running, "module_of", lambda name: module(check))
    broken = running.check_one("fig99", Setting(), tmp_path)
    assert broken.verdict == "FAIL" and "no luck" in broken.error
    assert "no luck" in "\n".join(lines(broken)) and "1 broke off" in counts([broken])
    assert "no luck" in gallery([broken], tmp_path, "")
    assert load_outcome(tmp_path / "fig99", running.fingerprint_of("fig99", Setting())) is None


def test_parts_are_kept_for_the_code_they_are_of(tmp_path: Path, monkeypatch) -> None:
    made = []

    def make() -> dict[str, list[int]]:
        made.append(1)
        return {"x": [1, 2]}

    setting = Setting(figure="fig17", folder=tmp_path)
    for _ in range(2):
        assert setting.kept("part", make)["x"].tolist() == [1, 2]
    assert len(made) == 1
    Setting(False, figure="fig17", folder=tmp_path).kept("part", make)
    assert len(made) == 2  # another mode
    (path,) = tmp_path.glob("part.quick.npz")
    path.write_bytes(path.read_bytes()[:50])
    setting.kept("part", make)
    assert len(made) == 3  # half a file
    monkeypatch.setattr("validation.setting.code_fingerprint", lambda figure: "of other code")
    setting.kept("part", make)
    assert len(made) == 4
    assert Setting().kept("part", make)["x"].shape == (2,)


def test_reports_hold_all_rows_and_escape_them(tmp_path: Path) -> None:
    (tmp_path / "fig99").mkdir()
    (tmp_path / "fig99" / "figure.png").write_bytes(b"picture")
    outcome = Outcome(module(None).FIGURE, ROWS, "note <i>", 1.5, "figure.png")
    save_outcome(outcome, tmp_path / "fig99", "of")
    assert load_outcome(tmp_path / "fig99", "of") == outcome
    page = gallery([outcome], tmp_path, "heading")
    assert "a | claim &lt;b&gt;" in page and "note &lt;i&gt;" in page and "mislabelled" in page
    assert "data:image/png;base64,cGljdHVyZQ==" in page
    table = markdown([outcome])
    assert "a \\| claim <b>" in table and "DIFFERS (expected 1.53: mislabelled)" in table
    assert summary([outcome]).splitlines()[-1] == "| fig99 | A title | 1 | 1 |  | 2 |"
    assert counts([outcome]) == "1 PASS, 1 DIFFERS, 0 FAIL"


def test_references_have_sources() -> None:
    for path in sorted(running.Path("validation/data").glob("*.toml")):
        for key in figures_numbers(path):
            value, source = number(path.stem, key)
            assert source and value.low <= value.high, (path, key)
    assert arrays("fig17_case1")["level"].shape == (400, 3)
    with pytest.raises(FileNotFoundError, match="nope"):
        arrays("nope")


def figures_numbers(path: Path) -> list[str]:
    import tomllib

    return list(tomllib.loads(path.read_text("utf-8")))


TWO = {"steps": 1500, "skills": {"A": {"frequency": 0.7}, "B": {"requires": "A"}},
       "pool": {"law": "sum", "rate": 0.01, "wasted": 0.02}}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_a_wrong_simulator_is_wrong(change: str) -> None:
    right = Simulator().simulate(TWO).mastered_at.values
    wrong = Simulator(change).simulate(TWO).mastered_at.values
    assert np.abs(wrong / right - 1.0).max() > 0.05
    lr = {**TWO, "pool": {"law": "norm", "lr": 3e-4, "n_dim": 1000, "noise": 1e-3}}
    changed, same = (Simulator(c).simulate(lr).mastered_at.values for c in (change, None))
    assert np.abs(changed / same - 1.0).max() > 0.05
    asked = {"frequencies": [0.7, 0.3], "n_dim": 1000, "lr": 3e-4, "steps": 90, "noise": 1e-2}
    off = Simulator(change).predict(**asked).level.values - Simulator().predict(**asked).level
    assert (np.abs(off).max() > 0.02) == (change != "gates")


def test_an_unknown_change_is_refused() -> None:
    with pytest.raises(ValueError, match="'speed'; choose from rate, wasted, gates, law"):
        Simulator("speed")


def test_the_command_checks_and_reports(tmp_path: Path, capsys) -> None:
    asked = ["9", "--quick", "--jobs", "1", "--out", str(tmp_path)]
    assert main(asked) == 0
    told = capsys.readouterr().out
    assert "fig09  Skills in series and in parallel" in told and "0 FAIL" in told
    assert {path.name for path in tmp_path.iterdir()} == {"fig09", "report.md", "index.html"}
    kept = json.loads((tmp_path / "fig09" / "result.json").read_text("utf-8"))
    assert {row["verdict"] for row in kept["rows"]} == {"PASS"}
    assert main(asked) == 0
    assert "(done before)" in capsys.readouterr().out


def test_a_figure_that_is_not_there_is_refused(capsys) -> None:
    with pytest.raises(SystemExit) as refused:
        main(["fig71"])
    assert refused.value.code == 2
    assert "no figure 'fig71'; did you mean fig" in capsys.readouterr().err
