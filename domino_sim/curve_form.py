"""What makes a dataset learning curves, and the check of it (:mod:`domino_sim.curves`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from domino_sim.errors import ArgumentError
from domino_sim.wording import shown

__all__ = ["DIMS", "PLACES", "check_attrs", "check_curves", "check_names", "check_place"]

DIMS = ("run", "step", "skill")

#: Attributes that netCDF writes itself.
RESERVED = ("coordinates", "CLASS", "NAME", "REFERENCE_LIST", "DIMENSION_LIST")

#: Where the variables of the form stand.
PLACES: dict[str, tuple[str, ...]] = {
    "level": DIMS,
    "loss": DIMS,
    "frequency": ("run", "skill"),
    "frequency_at": DIMS,
}


def check_curves(ds: xr.Dataset) -> xr.Dataset:
    """Return a dataset as it is if it is learning curves.

    Raises
    ------
    ArgumentError
        If it is not as :func:`make_curves` describes them; the message names what is wrong.
    """
    if not isinstance(ds, xr.Dataset):
        raise ArgumentError(
            f"is {shown(ds)}", where="curves", expected="learning curves, as of read_curves"
        )
    for dim in DIMS:
        if dim not in ds.indexes:
            raise ArgumentError(f"no dimension {dim!r} with labels", expected="learning curves")
    if not {"level", "loss"} & set(ds.data_vars):
        raise ArgumentError("there is neither level nor loss", expected="at least one of them")
    if "frequency" not in ds.data_vars:
        raise ArgumentError("there is no frequency", expected="learning curves (NaN: not known)")
    check_attrs(ds.attrs)
    check_names("run", ds["run"].values)
    _check_steps(ds["step"].values)
    check_names("skill", ds["skill"].values)
    for name, variable in ds.data_vars.items():
        check_place(str(name), tuple(map(str, variable.dims)))
        _check_values(str(name), variable)
    return ds


def check_names(kind: str, names: NDArray[Any]) -> None:
    """Refuse names of runs or skills that are empty, not printable or not unique."""
    seen: set[str] = set()
    for name in names.tolist():
        if not isinstance(name, str) or not name or not name.isprintable():
            raise ArgumentError(
                f"the name {shown(name)} is no name",
                where=f"{kind}s",
                expected="one or more printable characters",
            )
        if name in seen:
            raise ArgumentError(
                f"two {kind}s are named {shown(name)}", where=f"{kind}s", expected="unique names"
            )
        seen.add(name)


def _check_steps(steps: NDArray[Any]) -> None:
    if steps.ndim != 1 or (steps.dtype.kind not in "iu" and steps.size):
        what = f"is of type {steps.dtype}, shape {steps.shape}"
        raise ArgumentError(what, where="steps", expected="a list of integers")
    if steps.size and steps[0] < 0:
        raise ArgumentError(f"{steps[0]} is negative", where="steps", expected="integers ≥ 0")
    falls = np.flatnonzero(steps[1:] <= steps[:-1])
    if falls.size:
        earlier, later = steps[falls[0] : falls[0] + 2]
        raise ArgumentError(
            f"{later} stands after {earlier}", where="steps", expected="rising steps, each once"
        )


def check_attrs(attrs: Mapping[Any, Any]) -> None:
    """Refuse attributes that a netCDF file cannot hold, or keeps for itself."""
    for key, value in attrs.items():
        if not isinstance(key, str) or not key.isprintable() or not key or "/" in key:
            raise ArgumentError(f"the name {shown(key)} is no name", where="attrs")
        if key in RESERVED or key.startswith("_"):
            raise ArgumentError(f"the name {shown(key)} is netCDF's own", where="attrs")
        if not isinstance(value, str | int | float | np.number):
            where = f"attrs.{key}"
            raise ArgumentError(f"is {shown(value)}", where=where, expected="a text or number")


def check_place(name: str, dims: tuple[str, ...]) -> None:
    """Refuse a variable whose name cannot be one, or over dimensions it does not belong over."""
    if not name or not name.isprintable() or "/" in name or name in DIMS:
        what = f"a variable or label named {shown(name)}"
        raise ArgumentError(what, expected="printable characters, no /, not a dimension")
    if name in PLACES and dims != PLACES[name]:
        expected = ", ".join(PLACES[name])
        raise ArgumentError(f"is over {', '.join(dims)}", where=name, expected=expected)
    if dims[:1] != ("run",) or not set(dims) <= set(DIMS) or len(set(dims)) < len(dims):
        raise ArgumentError(
            f"is over {shown(dims)}", where=name, expected="run, or run with step, skill or both"
        )


def _check_values(name: str, variable: xr.DataArray) -> None:
    if name not in PLACES:
        return
    values = variable.values
    if values.dtype.kind != "f":
        raise ArgumentError(f"is of type {values.dtype}", where=name, expected="numbers with NaN")
    wrong, expected = np.isinf(values), "finite, or NaN (not recorded)"
    if name.startswith("frequency"):
        wrong, expected = wrong | (values < 0), "finite and ≥ 0, or NaN (not known)"
    if wrong.any():
        at = np.unravel_index(np.argmax(wrong), wrong.shape)
        here = zip(variable.dims, at, strict=True)
        place = ", ".join(f"{dim} {shown(variable[dim].values.tolist()[i])}" for dim, i in here)
        raise ArgumentError(f"is {values[at]} at {place}", where=name, expected=expected)
