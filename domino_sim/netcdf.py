"""Labelled datasets as netCDF files: the part that results and curves have in common."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from domino_sim.errors import FileError
from domino_sim.files import atomic_write

__all__ = ["TEXT", "load_dataset", "save_dataset", "texts"]

#: The kinds of NumPy types in which texts come: ours, fixed-width ones, and new ones.
TEXT = "OUT"


def texts(values: Sequence[str] | np.ndarray) -> np.ndarray:
    """Return texts as an array of objects.

    Objects, because one long name would widen every element of a fixed-width array.

    Examples
    --------
    >>> texts(["A", "KL divergence"])
    array(['A', 'KL divergence'], dtype=object)
    """
    out = np.empty(len(values), dtype=object)
    out[:] = values
    return out


def save_dataset(ds: xr.Dataset, path: str | Path) -> None:
    """Write a dataset as netCDF-4; the file holds either its old content or all of the new.

    What HDF5 cannot hold in a text (NUL, half a character) is replaced by ``�``, an integer
    attribute of more than 64 bits is written as text. Tables are compressed, without loss.

    Raises
    ------
    FileError
        If the file cannot be written.
    """
    packed = {"zlib": True, "complevel": 1, "shuffle": True}
    tables = (name for name, v in ds.data_vars.items() if v.ndim > 1 and v.size)
    encoding = {name: packed for name in tables if ds[name].dtype.kind not in TEXT}
    plain = ds.assign_attrs({key: _storable(value) for key, value in ds.attrs.items()})
    for name, variable in ds.variables.items():
        # Names of dimensions are left: they are printable, and two must not become one.
        if variable.dtype.kind in TEXT and name not in ds.dims:
            plain[name] = variable.copy(data=_storables(variable.values))

    def write(temporary: Path) -> None:
        plain.to_netcdf(temporary, engine="h5netcdf", encoding=encoding)

    atomic_write(path, write)


def _storables(values: np.ndarray) -> np.ndarray:
    return texts([_storable(value) for value in values.ravel()]).reshape(values.shape)


def _storable(value: Any) -> Any:
    """Return a value in a form HDF5 can hold: no NUL, no half characters, no flags, 64 bits."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode().replace("\0", "�")
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return str(value)
    return value


def load_dataset(
    path: str | Path, *, needs: Iterable[str], file: str, kind: str
) -> xr.Dataset:
    """Read a dataset that :func:`save_dataset` wrote, all of it into memory.

    Parameters
    ----------
    path
        The file.
    needs
        The variables it must have.
    file, kind
        What was expected, for the message of an error: ``"a result.nc"``, ``"a result of
        domino-sim"``.

    Raises
    ------
    FileError
        If the file cannot be read, or lacks a variable.
    """
    path = Path(path)
    if not path.is_file():
        what = "is a directory" if path.is_dir() else "no such file"
        raise FileError(what, where=str(path), expected=file)
    try:
        ds = xr.load_dataset(path, engine="h5netcdf")
    except Exception as error:  # h5py and xarray raise many kinds for a broken file
        raise FileError(
            f"cannot be read as netCDF: {error}", where=str(path), expected=file
        ) from error
    missing = [name for name in needs if name not in ds.variables]
    if missing:
        raise FileError(f"has no variable {missing[0]!r}", where=str(path), expected=kind)
    return ds
