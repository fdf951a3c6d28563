"""``calibrate --gradient``: gradient runs trained and calibrated in one go."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from domino_sim.cli.output import check_folder, staged
from domino_sim.errors import ArgumentError
from domino_sim.files import atomic_write
from domino_sim.progress import RichMeter
from domino_sim.scenario.overrides import parse_override

if TYPE_CHECKING:
    from domino_sim.calibration.gradient import GradientCalibration

__all__ = ["calibrate_run", "parse_sweep"]

ONE_FILES = ("figure.png", "calibration.json", "curves.nc", "gradient.json")
SWEEP_FILES = ("figure.png", "curves.nc", "gradient.json")

#: Where interrupted training leaves what it has, inside the result folder.
CHECKPOINT = "checkpoint"


def calibrate_run(
    name: str,
    settings: Sequence[str],
    sweep: Sequence[str],
    law: str,
    out: Path | None,
    as_json: bool,
) -> int:
    """Train the runs of a run file, calibrate them, write what was found; return the exit code.

    With a sweep (``KEY=V1,V2,…``, each key after the other) results are N₀ and η against what was
    varied; else what ``calibrate`` writes of curves, and ``gradient.json`` with the predictions.
    """
    from domino_sim.calibration.gradient import calibrate_gradient
    from domino_sim.gradient.run import load_run

    vary = dict(parse_sweep(text) for text in sweep)
    run = load_run(name, dict(parse_override(setting) for setting in settings))
    folder = out or Path("results") / f"calibrate-gradient-{Path(name).name.removesuffix('.toml')}"
    files = SWEEP_FILES if vary else ONE_FILES
    check_folder(folder, files)
    checkpoint = folder / CHECKPOINT
    if _kept(checkpoint):
        print(f"going on from {checkpoint}", file=sys.stderr)
    try:
        found = calibrate_gradient(
            run, vary, law, checkpoint=checkpoint, meter=RichMeter()  # type: ignore[arg-type]
        )
    except KeyboardInterrupt:
        if _kept(checkpoint):
            print(f"the same command goes on from {checkpoint}", file=sys.stderr)
        raise
    text = _text(found, run.title, law)
    _write(folder, found, text, run.title, bool(vary))
    _remove(checkpoint)
    if as_json:
        print(text, end="")
    else:
        _print(found, [folder / file for file in files], bool(vary))
    return 0


def parse_sweep(text: str) -> tuple[str, list[Any]]:
    """Split ``KEY=V1,V2,…`` of the command line; values are TOML values, else plain text.

    Examples
    --------
    >>> parse_sweep("optimizer.lr=1e-4,1e-3")
    ('optimizer.lr', [0.0001, 0.001])
    """
    key, equals, values = text.rpartition("=")
    given = [value.strip() for value in values.split(",")]
    if not (key.strip() and equals and all(given)):
        raise ArgumentError(
            f"is {text!r}", where="--sweep", expected="KEY=V1,V2,…, such as noise=1e-3,1e-2"
        )
    return key.strip(), [parse_override(f"{key}={value}")[1] for value in given]


def _kept(checkpoint: Path) -> bool:
    from domino_sim.gradient.checkpoint import checkpoints_in

    return any(checkpoints_in(folder) for folder in _folders(checkpoint))


def _remove(checkpoint: Path) -> None:
    from domino_sim.gradient.checkpoint import remove_checkpoints

    for folder in _folders(checkpoint):
        remove_checkpoints(folder)
    remove_checkpoints(checkpoint)


def _folders(checkpoint: Path) -> list[Path]:
    return sorted(path for path in checkpoint.glob("*") if path.is_dir())


def _text(found: GradientCalibration, title: str, law: str) -> str:
    """Return what gradient.json holds."""
    settings = []
    names = [str(name) for name in found.table.data_vars]
    for k, calibration in enumerate(found.calibrations):
        one = found.table.isel(setting=k)
        laws = []
        for law_name in one["law"].values.tolist():
            of = one.sel(law=law_name)
            laws.append({"law": law_name, **{name: _number(of[name].item()) for name in names}})
        settings.append(
            {
                "setting": str(one["setting"].item()),
                "key": str(one["key"].item()),
                "value": _number(one["value"].item()),
                "verdict": calibration.comparison.verdict,
                "laws": laws,
                "notes": list(calibration.notes),
            }
        )
    content = {
        "title": title,
        "law": law,
        "rate_held_under_sum": found.held,
        "notes": list(found.notes),
        "settings": settings,
    }
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _write(
    folder: Path, found: GradientCalibration, text: str, title: str, swept: bool
) -> None:
    from domino_sim.calibration.storage import save_calibration
    from domino_sim.curves import join_curves, save_curves
    from domino_sim.plot import save_figure

    with staged(folder) as temporary:
        if swept:
            from domino_sim.plot.wasted import wasted_figure

            parts = []
            for label, curves in zip(found.table["setting"].values, found.curves, strict=True):
                names = [f"{label}, {run}" for run in curves["run"].values.tolist()]
                parts.append(curves.assign_coords(run=("run", names)))
            save_curves(join_curves(*parts), temporary / "curves.nc")
            save_figure(wasted_figure(found.table, title), temporary / "figure.png")
        else:
            from domino_sim.plot.calibration import calibration_figure

            save_calibration(found.calibrations[0], temporary)
            save_figure(calibration_figure(found.calibrations[0]), temporary / "figure.png")
        atomic_write(temporary / "gradient.json", text)


def _print(found: GradientCalibration, files: Iterable[Path], swept: bool) -> None:
    import numpy as np
    from rich.console import Console
    from rich.text import Text

    from domino_sim.cli.calibration_tables import print_calibration
    from domino_sim.cli.printing import new_table, print_files, print_line, print_numbers

    console = Console()
    if not swept:
        print_calibration(found.calibrations[0], [])
    sums = "sum" in found.table["law"].values
    title = "All runs together" + ("; under 'sum' η is 2·lr·√n_dim" if found.held and sums else "")
    for key in dict.fromkeys(found.table["key"].values.tolist()):
        part = found.table.isel(setting=np.flatnonzero(found.table["key"].values == key))
        values = [str(label).removeprefix(f"{key} = ") for label in part["setting"].values]
        table = new_table([key, "law"] if swept else ["law"], ["N₀", "interval", "predicted", "η"])
        # Numbers are kept whole where room is short; what they belong to must not vanish for that.
        table.columns[0].min_width = min(max(map(len, values)), 16) if swept else None
        for k, law in product(range(len(values)), range(part.sizes["law"])):
            of = part.isel(setting=k, law=law)
            names = ("wasted", "low", "high", "predicted_wasted", "rate")
            n0, low, high, predicted, rate = (f"{of[name].item():.3g}" for name in names)
            table.add_row(
                *([Text("" if law else values[k])] if swept else []), str(of["law"].item()),
                n0, f"{low}–{high}", predicted.replace("nan", "–"), rate,
            )  # fmt: skip
        if part.sizes["law"]:
            print_numbers(console, title, table)
        title = ""
    for note in found.notes:
        print_line(console, f"note: {note}")
    print_files(console, files)
