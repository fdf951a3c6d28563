"""The wheel: installed elsewhere it brings its scenarios and graphs, and runs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from zipfile import ZipFile

import pytest

import domino_sim

ROOT = Path(__file__).resolve().parents[1]

pytestmark = pytest.mark.skipif(
    not (ROOT / "pyproject.toml").is_file(), reason="runs from the checkout"
)


def python(*args: str, cwd: Path, **variables: str) -> str:
    env = {**os.environ, **variables}
    done = subprocess.run(
        [sys.executable, *args], cwd=cwd, env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_an_installed_wheel_runs_a_bundled_scenario_from_any_folder(tmp_path: Path) -> None:
    # What `python -m build` and `pip install` call and do, without what they start and look up.
    build = f"from hatchling.build import build_wheel; build_wheel({str(tmp_path)!r})"
    python("-c", build, cwd=ROOT)
    (wheel,) = tmp_path.glob("*-py3-none-any.whl")
    site, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    elsewhere.mkdir()
    with ZipFile(wheel) as packed:
        packed.extractall(site)
    (told,) = site.glob("*.dist-info/entry_points.txt")
    assert "domino-sim = domino_sim.cli:main" in told.read_text("utf-8")

    run = "import domino_sim; from domino_sim.cli import main; print(domino_sim.__file__); "
    run += "main(['run', 'two-pairs', '--json'])"
    where, _, out = python("-c", run, cwd=elsewhere, PYTHONPATH=str(site)).partition("\n")
    assert Path(where).is_relative_to(site)
    summary = json.loads(out)
    assert summary["mastered"] == 7
    assert (elsewhere / "results/two-pairs/figure.png").is_file()

    for kind in ("graphs", "scenarios"):
        brought = {p.name for p in (site / "domino_sim/_data" / kind).rglob("*.toml")}
        assert brought == {p.name for p in (ROOT / kind).rglob("*.toml")}
    assert (site / "domino_sim/py.typed").is_file()
    assert not list(site.glob("*/tests"))


def test_every_dependency_is_pinned_in_the_constraints() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pins = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().split())
    pinned = {re.sub(r"[-_.]+", "-", name).lower() for name in pins}
    extras = project["optional-dependencies"].values()
    wanted = [*project["dependencies"], *(name for extra in extras for name in extra)]
    for requirement in wanted:
        name = re.match(r"[\w.-]+", requirement)
        assert name is not None
        assert re.sub(r"[-_.]+", "-", name[0]).lower() in pinned, requirement


def test_the_version_is_one() -> None:
    citation = (ROOT / "CITATION.cff").read_text()
    assert f"version: {domino_sim.__version__}\n" in citation
