"""netCDF files that this program wrote: learning curves, and results of simulations."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import xarray as xr

from domino_sim.curves import load_curves, make_curves
from domino_sim.levelling import DERIVED
from domino_sim.netcdf import load_dataset

__all__ = ["read_netcdf"]

#: Attributes that :func:`domino_sim.read_curves` writes anew.
REPORT = ("files", "columns", "left_out", "notes", "normalisation")


def read_netcdf(path: Path, run: str) -> xr.Dataset:
    """Return learning curves; the result of a simulation becomes the curves of one run.

    Levels that were made of accuracies or losses are taken out: they are made anew.

    Raises
    ------
    FileError
        If it cannot be read, or is neither.
    """
    kind = "learning curves, or the result of a simulation, of domino-sim"
    ds = load_dataset(path, needs=("step", "skill"), file="a netCDF file", kind=kind)
    if "run" not in ds.dims and {"level", "frequency"} <= set(ds.variables):
        return _of_result(ds, run)
    curves = load_curves(path)
    if "level" not in curves:
        curves["level"] = (curves["loss"].dims, np.full(curves["loss"].shape, np.nan))
    if "level_from" in curves:
        made = curves["level_from"].isin(["accuracy", "loss"])
        for name in {"level", "level_se"} & set(curves.data_vars):
            dims = curves[name].dims
            curves[name] = curves[name].where(~made).transpose(*dims)
    for key in REPORT:
        curves.attrs.pop(key, None)
    return curves.drop_vars(DERIVED, errors="ignore")


def _of_result(ds: xr.Dataset, run: str) -> xr.Dataset:
    """Return the levels and frequencies of a simulated run."""
    scenario = tomllib.loads(str(ds.attrs.get("scenario", "")))
    # The result has the frequencies of the end; interventions may have changed them on the way.
    known = "interventions" not in scenario
    return make_curves(
        runs=[run],
        steps=ds["step"].values,
        skills=ds["skill"].values.tolist(),
        level=ds["level"].values[None],
        frequency=ds["frequency"].values if known else None,
        attrs={k: v for k, v in ds.attrs.items() if k not in ("version", "scenario")},
    )
