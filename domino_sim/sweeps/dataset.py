"""The rows of a sweep as an ``xarray.Dataset`` with the axes as dimensions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from domino_sim.netcdf import texts
from domino_sim.sweeps.axes import Axis
from domino_sim.sweeps.store import Store
from domino_sim.sweeps.summary import unpacked
from domino_sim.sweeps.tables import scalar

if TYPE_CHECKING:
    from domino_sim.sweeps.swept import Sweep

__all__ = ["dataset", "storable"]

_ATTRS = {
    "mastered_at": {"long_name": "step at which the skill was mastered", "units": "steps"},
    "all_mastered_at": {"long_name": "step at which all skills were mastered", "units": "steps"},
    "mastered": {"long_name": "number of skills that were mastered"},
    "fell": {
        "long_name": "number of skills that were mastered and are below mastery at the last step"
    },
    "status": {"long_name": "done, failed or pending"},
    "final_loss": {"long_name": "loss of all skills at the last step", "units": "1"},
    "total_loss": {"long_name": "loss of all skills", "units": "1"},
    "level": {"long_name": "level", "units": "1"},
    "step": {"long_name": "training step", "units": "steps"},
    "skill": {"long_name": "skill"},
}

_NUMBERS = ("all_mastered_at", "mastered", "fell", "final_loss")


def dataset(sweep: Sweep, store: Store) -> xr.Dataset:
    """Return the results by the axes, read from the store row by row."""
    plan = sweep.plan
    axes = plan.user_axes
    shape = tuple(len(axis) for axis in axes)
    at = _cells(plan.points.axes, axes, shape)
    places, skills = _skills(store)
    dims = tuple(axis.name for axis in axes)
    coords = _coordinates(axes)
    coords["skill"] = ("skill", texts(skills))
    found = _rows(store, at, places, len(skills)) | _curves(store, at, places, len(skills), coords)
    inner = {"mastered_at": ("skill",), "total_loss": ("step",), "level": ("step", "skill")}
    variables = {
        name: ((*dims, *inner.get(name, ())), values.reshape(*shape, *values.shape[1:]))
        for name, values in found.items()
    }
    ds = xr.Dataset(variables, coords=coords)
    for variable, attrs in _ATTRS.items():
        if variable in ds.variables:
            ds[variable].attrs.update(attrs)
    meta = sweep.meta
    ds.attrs = {
        "title": plan.subject.title,
        "version": meta["version"],
        "scenario": meta["scenario"],
        "sweep": meta["sweep"],
    }
    return ds


def _skills(store: Store) -> tuple[dict[int, np.ndarray], list[str]]:
    """Return where the skills of each list stand among all of them, and all of them."""
    labels = store.labels()
    lists = store.ask(
        "SELECT skills FROM points WHERE skills IS NOT NULL GROUP BY skills ORDER BY min(number)"
    )
    names = {label: json.loads(labels[label]) for (label,) in lists}
    skills = list(dict.fromkeys(name for some in names.values() for name in some))
    column = {name: i for i, name in enumerate(skills)}
    places = {k: np.array([column[n] for n in some], dtype=int) for k, some in names.items()}
    return places, skills


def _rows(
    store: Store, at: np.ndarray, places: Mapping[int, np.ndarray], skills: int
) -> dict[str, np.ndarray]:
    """Return the numbers of each cell; NaN where there is none."""
    count = len(at)
    mastered_at = np.full((count, skills), np.nan)
    status = np.full(count, "pending", dtype=object)
    numbers = {name: np.full(count, np.nan) for name in _NUMBERS}
    query = f"SELECT number, status, skills, mastered_at, {', '.join(_NUMBERS)} FROM points"  # noqa: S608
    for number, word, label, times, *values in store.ask(query):
        cell = at[number]
        status[cell] = word
        for name, value in zip(_NUMBERS, values, strict=True):
            numbers[name][cell] = np.nan if value is None else value
        if label is not None:
            mastered_at[cell, places[label]] = np.array(json.loads(times), dtype=float)
    return {"mastered_at": mastered_at, **numbers, "status": status}


def _curves(
    store: Store,
    at: np.ndarray,
    places: Mapping[int, np.ndarray],
    skills: int,
    coords: dict[str, Any],
) -> dict[str, np.ndarray]:
    """Return losses and levels, if they were kept, and put their steps into `coords`."""
    labels = store.labels()
    kept = store.ask("SELECT steps FROM curves GROUP BY steps")
    records = {label: np.array(json.loads(labels[label])) for (label,) in kept}
    if not records:
        return {}
    steps = np.unique(np.concatenate(list(records.values())))
    coords["step"] = ("step", steps)
    rows = {label: np.searchsorted(steps, record) for label, record in records.items()}
    found = {"total_loss": np.full((len(at), len(steps)), np.nan)}
    if any(store.ask("SELECT 1 FROM curves WHERE level IS NOT NULL LIMIT 1")):
        found["level"] = np.full((len(at), len(steps), skills), np.nan)
    query = "SELECT number, steps, loss, level, skills FROM curves JOIN points USING (number)"
    for number, label, loss, level, of in store.ask(query):
        cell, where = at[number], rows[label]
        found["total_loss"][cell, where] = unpacked(loss)
        if level is not None:
            table = unpacked(level).reshape(len(where), -1)
            found["level"][cell, where[:, None], places[of][None]] = table
    return found


def _cells(
    numbered: Sequence[Axis], axes: Sequence[Axis], shape: tuple[int, ...]
) -> np.ndarray:
    """Return the flat place of each point's number in an array over `axes`."""
    cells = np.arange(int(np.prod(shape))).reshape(shape)
    return cells.transpose([axes.index(axis) for axis in numbered]).ravel()


def _coordinates(axes: Sequence[Axis]) -> dict[str, Any]:
    coords: dict[str, Any] = {}
    for axis in axes:
        if axis.name not in axis.keys:
            coords[axis.name] = (axis.name, np.arange(len(axis)))
        for i, key in enumerate(axis.keys):
            values = [scalar(value[i]) for value in axis.values]
            array = texts(values) if any(isinstance(v, str) for v in values) else np.array(values)
            if array.dtype == object:
                array = texts([str(v) for v in values])
            coords[key] = (axis.name, array)
    return coords


def storable(ds: xr.Dataset) -> xr.Dataset:
    """Return a sweep as netCDF can hold it: a slash in a name would be a group."""
    names = [str(name) for name in {*ds.variables, *ds.dims} if "/" in str(name)]
    ds = ds.rename({name: name.replace("/", "|") for name in names})
    for name in names:
        ds[name.replace("/", "|")].attrs["key"] = name
    return ds
