"""A calibration as a folder: ``calibration.json`` and the curves it was fitted to, ``curves.nc``.

The file holds every fitted law's parameters; the models are built again from the curves and the
settings, and evaluated there. Nothing is fitted anew, and nothing is pickled.
"""

from __future__ import annotations

import json
import math
from pathlib import Path as FilePath
from typing import Any

import numpy as np
import xarray as xr

from domino_sim import __version__
from domino_sim.calibration.fits import LAWS, Fit
from domino_sim.calibration.laws import Comparison, LawRow
from domino_sim.calibration.observations import Observations, observe
from domino_sim.calibration.pool_model import GATE_PARAMETERS
from domino_sim.calibration.profiles import Estimate
from domino_sim.calibration.rebuilding import fit_of, free_of, path_of
from domino_sim.calibration.result import FORMAT, Calibration
from domino_sim.calibration.seriality import Seriality
from domino_sim.calibration.stored_form import Entry
from domino_sim.curves import load_curves, make_curves, save_curves
from domino_sim.errors import ArgumentError, FileError
from domino_sim.files import atomic_write, make_folder, read_json

__all__ = ["CALIBRATION_FILES", "calibration_text", "load_calibration", "save_calibration"]

CALIBRATION_FILES = ("calibration.json", "curves.nc")

#: A squared error that differs from the stored one by more than this part is of other curves.
_SAME = 1e-6

#: What a parameter is where nothing is known of it.
_KINDS = ("ok", "at zero", "no lower limit", "no upper limit", "not identified", "given")


def save_calibration(calibration: Calibration, folder: str | FilePath) -> None:
    """Write a calibration into a folder, as ``calibration.json`` and ``curves.nc``.

    Each file holds either its old content or all of the new.

    Raises
    ------
    FileError
        If the folder or a file cannot be written.

    Examples
    --------
    >>> from domino_sim.calibration import calibrate
    >>> curves = make_curves(runs=["a"], steps=[0, 10, 20, 30], skills=["A", "B"],
    ...     level=[[[0, 0], [0.7, 0.2], [1, 0.6], [1, 0.9]]], frequency=[0.8, 0.2])
    >>> found = calibrate(curves, law="sum")
    >>> save_calibration(found, "calibrated")
    >>> load_calibration("calibrated").estimate("rate").value == found.estimate("rate").value
    True
    """
    folder = FilePath(folder)
    make_folder(folder)
    save_curves(_curves(calibration.observations), folder / "curves.nc")
    atomic_write(folder / "calibration.json", calibration_text(calibration))


def calibration_text(calibration: Calibration) -> str:
    """Return what calibration.json holds."""
    found = calibration.to_dict()
    return json.dumps(found, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _curves(observations: Observations) -> xr.Dataset:
    """What was fitted, as curves."""
    steps = np.unique(np.concatenate([run.steps for run in observations.runs]))
    shape = (len(observations.runs), len(steps), len(observations.skills))
    level, error = np.full(shape, np.nan), np.full(shape, np.nan)
    for r, run in enumerate(observations.runs):
        rows, there = np.searchsorted(steps, run.steps), run.weight.T > 0.0
        level[r, rows] = np.where(there, run.level.T, np.nan)
        error[r, rows] = np.where(there, 1.0 / np.sqrt(np.where(there, run.weight.T, 1.0)), np.nan)
    return make_curves(
        runs=[run.name for run in observations.runs],
        steps=steps.astype(np.int64),
        skills=observations.skills,
        level=level,
        frequency=np.stack([run.frequency for run in observations.runs]),
        extra={"level_se": (("run", "step", "skill"), error)} if observations.weighted else None,
    )


def load_calibration(folder: str | FilePath) -> Calibration:
    """Read a calibration that `save_calibration` or ``domino-sim calibrate`` wrote.

    Raises
    ------
    FileError
        If a file is missing, damaged, of another version of the format, or does not belong to
        the other one; the message says where.
    """
    folder = FilePath(folder)
    stored = Entry(read_json(folder / "calibration.json"), str(folder / "calibration.json"))
    _check_format(stored)
    curves = folder / "curves.nc"
    try:
        observations = observe(load_curves(curves))
    except ArgumentError as error:
        raise FileError(error.what, where=str(curves), expected=error.expected) from None
    _check_names(stored, observations, curves)
    if stored["errors_known"].flag() != observations.weighted:
        raise stored["errors_known"].refusal(expected=f"{observations.weighted}, as {curves} has")
    settings = stored["settings"].table()
    free = free_of(stored["fitted"])
    path = path_of(stored["settings"], observations, free)
    fits = {}
    for law, parts in stored["fits"].items():
        Entry(law, stored.file, parts.path).text(LAWS)
        fits[law] = fit_of(parts, law, observations, path, free)
    comparison = _comparison(stored, fits)
    _check_errors(stored["laws"], fits, curves)
    law = stored["law"].text(tuple(fits))
    return Calibration(
        law=law,
        estimates=tuple(_estimate(entry) for entry in stored["parameters"].entries()),
        comparison=comparison,
        fits=fits,
        seriality=tuple(map(_seriality, stored["runs"].entries(len(observations.runs)))),
        notes=tuple(entry.text() for entry in stored["notes"].entries()),
        settings=settings,
        observations=observations,
        path=path,
        free=free,
    )


def _check_format(stored: Entry) -> None:
    if "format" not in stored or "version" not in stored:
        raise stored.refusal("is no calibration", expected="what domino-sim calibrate writes")
    number = stored["format"].whole(1, 2**31)
    if number != FORMAT:
        raise stored["format"].refusal(
            f"is {number}, of domino-sim {stored['version'].text()}",
            expected=f"{FORMAT}, which domino-sim {__version__} reads and writes: "
            "calibrate the curves anew",
        )


def _check_names(stored: Entry, observations: Observations, curves: FilePath) -> None:
    """Refuse curves of other runs or skills."""
    runs = [entry["run"].text() for entry in stored["runs"].entries()]
    skills = [entry.text() for entry in stored["skills"].entries()]
    for kind, told, found in (
        ("runs", runs, [run.name for run in observations.runs]),
        ("skills", skills, list(observations.skills)),
    ):
        if told != found:
            what = f"are not the {kind} of {curves}"
            raise stored[kind].refusal(what, expected=", ".join(found[:5]))


def _comparison(stored: Entry, fits: dict[str, Fit]) -> Comparison:
    rows = []
    for entry in stored["laws"].entries():
        rows.append(
            LawRow(
                entry["law"].text(tuple(fits)),
                entry["rms"].number(),
                entry["parameters"].whole(0, 2**31),
                entry["behind"].number(),
                entry["distance"].number(),
                entry["held_out_rms"].number(math.nan),
                entry["left_out_rms"].number(math.nan),
            )
        )
    if not rows:
        raise stored["laws"].refusal("is empty", expected="the laws that were fitted")
    names = tuple(row.law for row in rows)
    candidates = tuple(entry.text(names) for entry in stored["candidates"].entries())
    return Comparison(tuple(rows), candidates, stored["verdict"].text())


def _check_errors(stored: Entry, fits: dict[str, Fit], curves: FilePath) -> None:
    """Refuse curves that the laws do not fit as they are said to."""
    for entry in stored.entries():
        fit = fits[entry["law"].value]
        rms = math.sqrt(fit.error / max(fit.count, 1))
        if not abs(rms - entry["rms"].number()) <= _SAME * rms + 1e-9:
            raise entry["rms"].refusal(
                f"is {entry['rms'].value:.6g}, and {rms:.6g} with the curves of {curves}",
                expected="the two files as calibrate wrote them",
            )


def _estimate(stored: Entry) -> Estimate:
    log = "relative_error" in stored
    points = []
    for entry in stored["profile"].entries() if "profile" in stored else ():
        points.append([value.number(math.inf) for value in entry.entries(2)])
    return Estimate(
        stored["name"].text(("rate", "wasted", "frequency", *GATE_PARAMETERS)),
        stored["of"].text() if "of" in stored else "",
        stored["value"].number(math.inf),
        stored["relative_error" if log else "error"].number(math.nan),
        stored["low"].number(-math.inf),
        stored["high"].number(math.inf),
        stored["status"].text(_KINDS),
        stored["inflation"].number(math.inf),
        np.array(points, dtype=float).reshape(-1, 2),
        log,
        stored["run"].text() if "run" in stored else "",
    )


def _seriality(stored: Entry) -> Seriality:
    table: dict[str, Any] = {
        "run": stored["run"].text(),
        "mastered": stored["mastered"].whole(0, 2**31),
        "mastery": stored["mastery"].number(math.nan),
        "pairs": stored["pairs"].whole(0, 2**62),
        "domino_time": stored["domino_time"].number(math.nan),
        "scatter": stored["scatter"].number(math.nan),
        "index": stored["domino_index"].number(math.nan),
        "parallel_index": stored["index_if_independent"].number(math.nan),
    }
    return Seriality(**table)
