"""The rows of a sweep as a table, and as an ``xarray.Dataset`` with the axes as dimensions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from domino_sim.netcdf import texts
from domino_sim.sweeps.axes import Axis
from domino_sim.sweeps.summary import unpacked

if TYPE_CHECKING:
    from domino_sim.sweeps.swept import Sweep

__all__ = ["dataset", "frame"]

_ATTRS = {
    "mastered_at": {"long_name": "step at which the skill was mastered", "units": "steps"},
    "all_mastered_at": {"long_name": "step at which all skills were mastered", "units": "steps"},
    "mastered": {"long_name": "number of skills that were mastered"},
    "final_loss": {"long_name": "loss of all skills at the last step", "units": "1"},
    "total_loss": {"long_name": "loss of all skills", "units": "1"},
    "level": {"long_name": "level", "units": "1"},
    "step": {"long_name": "training step", "units": "steps"},
    "skill": {"long_name": "skill"},
}


def frame(sweep: Sweep) -> pd.DataFrame:
    """Return a row a point, in order."""
    rows = []
    for row in sweep.rows():
        found = {"point": row["number"]}
        found |= {key: _scalar(value) for key, value in row["parameters"].items()}
        for key in ("status", "all_mastered_at", "mastered", "final_loss"):
            found[key] = row[key]
        skills = zip(row["skills"] or (), row["mastered_at"] or (), strict=True)
        found |= {f"mastered_at.{skill}": at for skill, at in skills}
        # An axis of seeds counts them; this is the seed that was used.
        found |= {"engine": row["engine"], "version": row["version"], "run_seed": row["seed"]}
        rows.append({**found, "error": row["error"]})
    table = pd.DataFrame(rows)
    ends = [name for name in ("engine", "version", "run_seed", "error") if name in table]
    # Skills that only some points have would come after the error of the first.
    ordered = [*(name for name in table if name not in ends), *ends]
    return table[ordered].astype({k: "Int64" for k in ("mastered", "run_seed") if k in table})


def dataset(
    sweep: Sweep,
    curves: Iterator[tuple[int, int, bytes, bytes | None]],
    labels: Mapping[int, str],
) -> xr.Dataset:
    """Return the results by the axes; `curves` and `labels` are those of the store."""
    plan = sweep.plan
    axes, points = plan.user_axes, plan.points
    shape = tuple(len(axis) for axis in axes)
    at = _cells(points.axes, axes, shape)
    rows = list(sweep.rows())
    skills = list(dict.fromkeys(name for row in rows for name in row["skills"] or ()))
    column = {name: i for i, name in enumerate(skills)}
    count = points.count
    numbers = {k: np.full(count, np.nan) for k in ("all_mastered_at", "mastered", "final_loss")}
    mastered_at = np.full((count, len(skills)), np.nan)
    for row in rows:
        cell = at[row["number"]]
        for name, values in numbers.items():
            values[cell] = np.nan if row[name] is None else row[name]
        if row["skills"]:
            places = [column[name] for name in row["skills"]]
            mastered_at[cell, places] = np.array(row["mastered_at"], dtype=float)
    dims = tuple(axis.name for axis in axes)
    coords = _coordinates(axes)
    coords["skill"] = ("skill", texts(skills))
    variables: dict[str, Any] = {
        "mastered_at": ((*dims, "skill"), mastered_at.reshape(*shape, len(skills)))
    }
    variables |= {name: (dims, values.reshape(shape)) for name, values in numbers.items()}
    kept = list(curves)
    if kept:
        of = {row["number"]: row["skills"] for row in rows}
        steps, found = _curves(kept, at, of, labels, count, column)
        coords["step"] = ("step", steps)
        for name, values in found.items():
            inner = ("step", "skill")[: values.ndim - 1]
            variables[name] = ((*dims, *inner), values.reshape(*shape, *values.shape[1:]))
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


def _curves(
    kept: Sequence[tuple[int, int, bytes, bytes | None]],
    at: np.ndarray,
    skills: Mapping[int, Sequence[str]],
    labels: Mapping[int, str],
    count: int,
    column: Mapping[str, int],
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    records = {label: np.array(json.loads(labels[label])) for label in {k[1] for k in kept}}
    steps = np.unique(np.concatenate(list(records.values())))
    rows = {label: np.searchsorted(steps, record) for label, record in records.items()}
    found = {"total_loss": np.full((count, len(steps)), np.nan)}
    if kept[0][3] is not None:
        found["level"] = np.full((count, len(steps), len(column)), np.nan)
    for number, label, loss, level in kept:
        cell, where = at[number], rows[label]
        found["total_loss"][cell, where] = unpacked(loss)
        if level is not None:
            places = [column[name] for name in skills[number]]
            table = unpacked(level).reshape(len(where), -1)
            found["level"][cell, where[:, None], np.array(places)[None]] = table
    return steps, found


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
            values = [_scalar(value[i]) for value in axis.values]
            array = texts(values) if any(isinstance(v, str) for v in values) else np.array(values)
            if array.dtype == object:
                array = texts([str(v) for v in values])
            coords[key] = (axis.name, array)
    return coords


def _scalar(value: Any) -> Any:
    """Return a value as it may stand in a cell: lists and tables as JSON."""
    return json.dumps(value) if isinstance(value, dict | list | tuple) else value
