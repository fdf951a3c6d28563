"""The README's examples, and every command that a document shows, do what they are shown to."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from fenced import ROOT, blocks, prose, run_python

from domino_sim.cli import main

pytestmark = pytest.mark.usefixtures("sketched_figures")

README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]

#: What stands for something of the reader's in a command that is named in a text.
PLACEHOLDERS = {"SCENARIO": "fig17-1", "RUN": "geometry-signgd", "DIR": "elsewhere"}


def run(command: str) -> int:
    """Run a ``domino-sim`` command and return its exit code."""
    with pytest.raises(SystemExit) as ended:
        main(shlex.split(command)[1:])
    return int(ended.value.code or 0)


def named_commands() -> list[str]:
    """Commands within the text of the pages, each once, but for those that a block shows too."""
    shown = {line for block in blocks(README) for line in block.text.splitlines()}
    found: dict[str, None] = {}
    for page in PAGES:
        for command in re.findall(r"`(domino-sim [^`]+)`", " ".join(prose(page).split())):
            words = (PLACEHOLDERS.get(word, word) for word in command.split(" "))
            found[" ".join(words)] = None
    return [command for command in found if command not in shown]


def test_the_examples_run_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    names: dict[str, object] = {}
    printed, seen = "", set()
    for block in blocks(README):
        if block.language == "python":
            run_python(README, block, names)
        elif block.language == "toml":
            name = block.text.split("\n", 1)[0].removeprefix("# ")
            (tmp_path / name).write_text(block.text, encoding="utf-8")
        else:
            assert block.language == "sh"
            for line in block.text.splitlines():
                tool, target = line.split()[:2]
                if line in seen:
                    continue  # it would give the same again
                seen.add(line)
                if tool == "make":
                    assert re.search(rf"^{target}:", makefile, re.MULTILINE)
                else:
                    code = run(line)
                    told = capsys.readouterr()
                    assert code == 0, f"{line}\n{told.err}"
                    printed += told.out
    wanted = {"figure.png", "result.nc", "summary.json"}
    for folder in ("two-pairs", "better", "analysis"):
        assert {file.name for file in (tmp_path / "results" / folder).iterdir()} == wanted
    for column in re.findall(r"\*\*([\w ]+)\*\*", prose(README)):
        assert column in printed
    summary = json.loads((tmp_path / "results" / "analysis" / "summary.json").read_text("utf-8"))
    assert summary["all_mastered_at"] is not None


@pytest.mark.parametrize("command", named_commands())
def test_a_command_that_a_page_names_runs(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(command) == 0


def test_the_figure_is_small() -> None:
    assert (ROOT / "docs" / "images" / "two-pairs.png").stat().st_size < 150_000
