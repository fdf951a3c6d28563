"""The pages of ``docs/`` say what is so: their examples run, their links and titles exist."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
import re
import shlex
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest
from fenced import ROOT, blocks, prose, run_python

import domino_sim
from domino_sim.engines.events import Training
from domino_sim.gradient.run import Run, load_run
from domino_sim.scenario import parse_override

PAGES = sorted((ROOT / "docs").glob("*.md"))
LINKING = [ROOT / "README.md", ROOT / "CHANGELOG.md", *PAGES]


def titles(page: Path) -> list[str]:
    return re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)


def anchor(title: str) -> str:
    """Return the anchor that a title gets where Markdown is shown."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_python_examples_of_a_page_run(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in blocks(page):
        if block.language == "python":
            run_python(page, block, names)


@pytest.mark.parametrize("page", LINKING, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if target.startswith("https://"):
            continue
        file, _, section = target.partition("#")
        there = page.parent / file if file else page
        assert there.exists(), f"{page.name} links to {target}"
        if section:
            assert section in map(anchor, titles(there)), f"{page.name} links to {target}"


def test_the_sections_that_docstrings_name_exist() -> None:
    named = set()
    for file in (ROOT / "domino_sim").rglob("*.py"):
        text = " ".join(file.read_text(encoding="utf-8").split())
        named |= set(re.findall(r'``(docs/\w+\.md)``(?:, "([^"]+)")?', text))
    assert ("docs/theory.md", "The resource clock") in named
    for file, title in named:
        assert not title or title in titles(ROOT / file), f"{file} has no section {title!r}"


def test_the_page_on_extending_names_all_that_a_process_may_use() -> None:
    page = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    table = re.search(r"<!-- Training -->\n(.*?)\n\n", page, re.DOTALL)
    assert table
    documented = set(re.findall(r"`training\.(\w+)", table[1].replace("env.", "")))
    methods = {name for name, _ in inspect.getmembers(Training, inspect.isfunction)}
    attributes = {"env", "names", "rng"}
    assert documented == {name for name in methods if not name.startswith("_")} | attributes


@pytest.mark.parametrize("folder", ["", "engines", "gradient", "inference", "inference/networks"])
def test_the_page_on_extending_names_every_room(folder: str) -> None:
    page = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    if folder.startswith("inference"):
        page = page[page.index("Inside `inference/`") : page.index("Inside `sweeps/`")]
    places = (ROOT / "domino_sim" / folder).iterdir()
    rooms = {path.stem for path in places if not path.name.startswith("_")}
    missing = {room for room in rooms if not re.search(rf"^[^|]*\b{room}\b", page, re.MULTILINE)}
    assert not missing


def test_the_run_files_and_commands_of_the_page_on_gradient_runs_are_valid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    page = ROOT / "docs" / "gradient.md"
    files, commands = [], []
    for block in blocks(page):
        if block.language == "toml":
            files.append(block.text)
        elif block.language == "sh":
            commands += [shlex.split(line)[1:] for line in block.text.splitlines()]
    whole, addition = files
    Path(whole.split("\n", 1)[0].removeprefix("# ")).write_text(whole, "utf-8")
    assert Run.from_dict(tomllib.loads(whole + addition)).interventions
    assert len(commands) > 3
    for verb, name, *options in commands:
        settings = [o for flag, o in pairwise(options) if flag == "--set"]
        assert verb == "train" and load_run(name, dict(map(parse_override, settings))).members()


def test_every_source_is_cited_and_every_citation_has_its_source() -> None:
    text = (ROOT / "docs" / "theory.md").read_text(encoding="utf-8")
    body, _, sources = text.partition("\n## Sources\n")
    groups = re.findall(r"\[([1-9][\d, ]*)\](?!\()", body)  # an interval begins with 0
    cited = {int(number) for group in groups for number in group.split(",")}
    listed = [int(n) for n in re.findall(r"^(\d+)\. ", sources, re.MULTILINE)]
    assert listed == sorted(listed) and cited == set(listed)


MODULES = [
    module.name
    for module in pkgutil.walk_packages(domino_sim.__path__, "domino_sim.")
    if not module.name.endswith("__main__")
]


@pytest.mark.parametrize("name", ["domino_sim", *MODULES])
def test_the_examples_of_docstrings_run(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    runner = doctest.DocTestRunner()
    for docstring in doctest.DocTestFinder().find(importlib.import_module(name)):
        if docstring.examples:  # each that is run prepares a debugger, also one without any
            runner.run(docstring)
    assert runner.failures == 0
