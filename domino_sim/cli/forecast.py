"""``forecast``."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from domino_sim import __version__
from domino_sim.cli.calibrate import calibrated
from domino_sim.cli.output import check_folder, staged
from domino_sim.cli.reading import stem_of
from domino_sim.errors import ArgumentError, FileError
from domino_sim.files import atomic_write

if TYPE_CHECKING:
    import xarray as xr

    from domino_sim.calibration import Calibration

__all__ = ["forecast_skills"]

FORECAST_FILES = ("forecast.png", "forecast.nc", "forecast.json")


def forecast_skills(
    sources: Sequence[str],
    until: int,
    mastery: float | None,
    confidence: float,
    out: Path | None,
    as_json: bool,
) -> int:
    """Forecast the skills of a calibration, write what was found, and return the exit code."""
    if Path(sources[0]).name == "calibration.json":
        sources = [str(Path(sources[0]).parent)]
    stem = stem_of(sources[0]).removeprefix("calibrate-")
    folder = out or Path("results") / f"forecast-{stem}"
    check_folder(folder, FORECAST_FILES)
    calibration = _calibration(sources)
    from domino_sim.forecasting import forecast
    from domino_sim.netcdf import save_dataset
    from domino_sim.plot import save_figure
    from domino_sim.plot.forecast import forecast_figure

    try:
        ds = forecast(calibration, until, mastery=mastery, confidence=confidence)
    except ArgumentError as error:
        if error.where not in ("until", "mastery", "confidence"):
            raise
        where = f"--{error.where}"
        raise ArgumentError(error.what, where=where, expected=error.expected) from None
    summary = _summary(calibration, ds)
    text = json.dumps(summary, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    with staged(folder) as temporary:
        save_dataset(ds, temporary / "forecast.nc")
        atomic_write(temporary / "forecast.json", text)
        save_figure(forecast_figure(calibration, ds), temporary / "forecast.png")
    if as_json:
        print(text, end="")
    else:
        from domino_sim.cli.calibration_tables import print_forecast

        print_forecast(summary, [folder / file for file in FORECAST_FILES])
    return 0


def _calibration(sources: Sequence[str]) -> Calibration:
    """Return the calibration of a folder, or that of curves, made now."""
    if len(sources) == 1 and (Path(sources[0]) / "calibration.json").is_file():
        from domino_sim.calibration.storage import load_calibration

        return load_calibration(sources[0])
    if len(sources) == 1 and not Path(sources[0]).exists():
        raise FileError(
            "no such file or folder",
            where=sources[0],
            expected="the folder of a calibration, or files of learning curves",
        )
    return calibrated(sources, {}, {})


def _summary(calibration: Calibration, ds: xr.Dataset) -> dict[str, Any]:
    """Return what forecast.json holds; what has no limit is null."""
    rows = []
    for r, run in enumerate(calibration.observations.runs):
        for i, skill in enumerate(calibration.observations.skills):
            seen = run.level[i, run.weight[i] > 0.0]
            row: dict[str, Any] = {
                "run": run.name,
                "skill": skill,
                "status": str(ds["status"].values[r, i]),
                "level": float(seen[-1]) if len(seen) else None,
            }
            for name in ("mastered_at", "low", "high", "probability"):
                value = float(ds[name].values[r, i])
                row[name] = value if math.isfinite(value) else None
            rows.append(row)
    weights = zip(ds.attrs["laws"].split(", "), ds.attrs["weights"].split(", "), strict=True)
    return {
        "version": __version__,
        "laws": {law: float(weight) for law, weight in weights},
        **{key: float(ds.attrs[key]) for key in ("until", "mastery", "confidence")},
        "notes": list(calibration.notes),
        "skills": rows,
    }
