"""A calibration in a folder: what is read is what was written, and no damage passes unnoticed."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from worlds_fitted import curves_of, scenario_of

from domino_sim.calibration import Calibration, calibrate
from domino_sim.calibration.storage import calibration_text, load_calibration, save_calibration
from domino_sim.curves import load_curves, save_curves
from domino_sim.errors import FileError
from domino_sim.forecasting import forecast

PAGE = (Path(__file__).parents[2] / "docs" / "files.md").read_text(encoding="utf-8")

FREQUENCIES = (0.5, 0.3, 0.15, 0.05)


def world(*, runs: int = 2, steps: int = 500, **options: Any) -> xr.Dataset:
    mixtures = [np.roll(FREQUENCIES, r).tolist() for r in range(runs)]
    scenarios = [scenario_of(p, steps=steps, points=25, **options) for p in mixtures]
    return curves_of(*scenarios, noise=0.01)


def with_errors(curves: xr.Dataset) -> xr.Dataset:
    error = 0.01 + 0.002 * np.arange(curves.sizes["skill"])
    return curves.assign(level_se=(curves.level.dims, np.broadcast_to(error, curves.level.shape)))


def unknown(curves: xr.Dataset) -> xr.Dataset:
    return curves.assign(frequency=curves.frequency * np.nan)


def shortened(curves: xr.Dataset) -> xr.Dataset:
    kept = (curves.run != "run 1") | (curves.step < 300)
    return curves.assign(level=curves.level.where(kept).transpose(*curves.level.dims))


@pytest.fixture(scope="module")
def found() -> Calibration:
    return calibrate(world(), held_out=False)


@pytest.fixture(scope="module")
def saved(found: Calibration, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("calibration")
    save_calibration(found, folder)
    return folder


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    """A copy, to be damaged."""
    return shutil.copytree(saved, tmp_path / "saved")


WORLDS: dict[str, Callable[[], Calibration]] = {
    "every law": lambda: calibrate(world()),
    "errors known": lambda: calibrate(with_errors(world()), law="norm"),
    "frequencies fitted": lambda: calibrate(unknown(world()), held_out=False),
    "all shared": lambda: calibrate(unknown(world()), share=["pool", "frequencies"], law="sum"),
    "one pool": lambda: calibrate(world(), share=["pool"], law="sum"),
    "values held": lambda: calibrate(world(), rate=0.01, wasted=0.0, beta=0.9, law="sum"),
    "hard gates": lambda: calibrate(
        world(requires={3: "s0 and s1"}), graph=scenario_of(
            FREQUENCIES, requires={3: "s0 and s1"}
        ).skill_graph(), fit=["leak", "mastery"], leak=0.1, law="sum",
    ),
    "soft gates": lambda: calibrate(
        world(requires={2: "s0 or s1"}, kind="soft", exponent=0.1), graph=scenario_of(
            FREQUENCIES, requires={2: "s0 or s1"}
        ).skill_graph(), exponent=0.1, law="norm",
    ),
    "cross entropy": lambda: calibrate(world(loss="ce"), loss="ce", law="norm"),
    "other run lengths": lambda: calibrate(shortened(world()), law="norm"),
}  # fmt: skip


@cache
def calibrated(name: str) -> Calibration:
    return WORLDS[name]()


@pytest.mark.parametrize("name", WORLDS)
def test_what_is_read_is_what_was_written(name: str, tmp_path: Path) -> None:
    found = calibrated(name)
    save_calibration(found, tmp_path)
    again = load_calibration(tmp_path)
    one, two = json.loads(calibration_text(found)), json.loads(calibration_text(again))
    if found.observations.weighted:
        # The order of learning is drawn anew, from weights that were errors in between.
        del one["order"], two["order"]
    assert one == two
    np.testing.assert_allclose(again.levels(), found.levels(), atol=1e-12)
    assert again.free == found.free and again.settings == found.settings


@pytest.mark.parametrize("name", ["every law", "frequencies fitted", "hard gates"])
def test_a_saved_calibration_gives_the_same_forecast(name: str, tmp_path: Path) -> None:
    found = calibrated(name)
    save_calibration(found, tmp_path)
    one, two = (forecast(f, 1500, draws=20) for f in (found, load_calibration(tmp_path)))
    xr.testing.assert_allclose(one, two, atol=1e-6)


def test_a_run_without_a_skill_is_kept_so(tmp_path: Path) -> None:
    curves = world()
    curves["level"][1, :, 2] = np.nan
    save_calibration(calibrate(curves, law="norm"), tmp_path)
    again = load_calibration(tmp_path)
    assert not again.observations.runs[1].weight[2].any()
    assert np.isnan(again.residuals()[1][2]).all()


def edited(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    file = folder / "calibration.json"
    whole = json.loads(file.read_text("utf-8"))
    change(whole)
    file.write_text(json.dumps(whole), "utf-8")


def at(*keys: Any, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(whole: Any) -> None:
        for key in keys[:-1]:
            whole = whole[key]
        whole[keys[-1]] = value

    return change


DAMAGES: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "another format": (
        at("format", value=2),
        "format: is 2, of domino-sim 0.1.0; expected 1, which domino-sim 0.1.0 reads and writes: "
        "calibrate the curves anew",
    ),
    "no format": (lambda whole: whole.pop("format"), "is no calibration; expected what"),
    "a law": (at("law", value="nrom"), "law: is 'nrom'; expected one of sum, norm"),
    "a missing key": (lambda whole: whole.pop("laws"), "laws: this key is missing"),
    "a setting": (at("settings", "loss", value="mae"), "settings.loss: is 'mae'; expected one of"),
    "mastery": (at("settings", "mastery", value=2), "settings: mastery: is 2; expected a number"),
    "a gate": (
        at("settings", "graph", "s1", value="s9"), "settings: skills.s1.requires: unknown skill"
    ),
    "a part": (
        at("fits", "norm", 0, "at", value=[1.0]), "fits.norm.0.at: has the length 1; expected 2"
    ),
    "a parameter": (
        at("fits", "norm", 0, "at", 0, value=None), "fits.norm.0.at.0: is None; expected a finite"
    ),
    "too large a parameter": (
        at("fits", "norm", 0, "at", 0, value=700), "fits.norm.0.at.0: is 700; expected a number"
    ),
    "a held value": (
        at("fitted", "given", value={"rate": -1}), "fitted.given.rate: is -1; expected a number"
    ),
    "no such held value": (
        at("fitted", "given", value={"rat": 1}), "fitted.given.rat: is 'rat'; expected one of rate"
    ),
    "a run twice": (at("fits", "sum", 0, "runs", value=[1]), "fits.sum: has not each run once"),
    "no such run": (at("fits", "sum", 0, "runs", value=[7]), "fits.sum.0.runs.0: is 7; expected"),
    "a number as text": (
        at("parameters", 0, "value", value="0.1"), "parameters.0.value: is '0.1'; expected a finite"
    ),
    "a status": (at("parameters", 0, "status", value="fine"), "parameters.0.status: is 'fine'"),
    "other runs": (at("runs", 0, "run", value="run 9"), "runs: are not the runs of"),
    "other skills": (at("skills", 0, value="s9"), "skills: are not the skills of"),
    "another fit": (at("fits", "norm", 0, "at", 0, value=3.0), "with the curves of"),
    "errors": (at("errors_known", value=True), "errors_known: is True; expected False"),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_file_is_refused_with_its_place(name: str, folder: Path) -> None:
    change, message = DAMAGES[name]
    edited(folder, change)
    with pytest.raises(FileError, match=re.escape(message)) as refused:
        load_calibration(folder)
    assert str(folder / "calibration.json") in str(refused.value)


def test_no_single_damage_passes_or_breaks_anything_else(folder: Path) -> None:
    file = folder / "calibration.json"
    text = file.read_text("utf-8")
    # What only a reader looks at may be anything.
    free = {"values", "order", "frequencies", "preferred", "version"}
    for key in json.loads(text).keys() - free:
        for value in (None, "x", [None], {"x": None}):
            edited(folder, at(key, value=value))
            if key in ("verdict",) and isinstance(value, str):
                continue
            with pytest.raises(FileError, match=re.escape(str(file))):
                load_calibration(folder)
            file.write_text(text, "utf-8")


def test_curves_of_another_calibration_are_refused(folder: Path) -> None:
    curves = load_curves(folder / "curves.nc")
    save_curves(curves.assign(level=curves.level * 0.9), folder / "curves.nc")
    with pytest.raises(FileError, match=r"laws\.0\.rms: is .* with the curves of"):
        load_calibration(folder)


@pytest.mark.parametrize("file", ["calibration.json", "curves.nc"])
def test_a_missing_or_broken_file_is_named(file: str, folder: Path) -> None:
    (folder / file).write_bytes(b"{")
    with pytest.raises(FileError, match=re.escape(f"{file}: ")):
        load_calibration(folder)
    (folder / file).unlink()
    with pytest.raises(FileError, match=re.escape(f"{file}: no such file")):
        load_calibration(folder)


@cache
def documented_one() -> Calibration:
    return calibrate(unknown(world()), law="norm")


@pytest.mark.parametrize(
    ("title", "keys"),
    [
        ("calibration.json", lambda whole: whole),
        ("parameter", lambda whole: whole["parameters"][0]),
        ("law", lambda whole: whole["laws"][0]),
        ("run", lambda whole: whole["runs"][0]),
    ],
)
def test_the_page_names_every_key(title: str, keys: Callable[[Any], Any]) -> None:
    section = re.search(rf"<!-- {title} -->\n(.*?)\n\n", PAGE, re.DOTALL)
    assert section
    documented = re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (.*?) \|", section[1], re.M)))
    whole = documented_one().to_dict()
    there = set(keys(whole))
    if title == "parameter":
        there |= {key for row in whole["parameters"] for key in row} | {"error"}
    assert set(documented) - {"key"} == there
