"""The result of a run: one labelled ``xarray.Dataset``, its netCDF file and its summary.

Every engine builds its result with :func:`make_result`, so that all of them look the same:

========== ================= ==============================================================
name       dimensions        meaning
========== ================= ==============================================================
step       step              recorded steps (0 is the start)
skill      skill             names of the skills, in the order of the scenario
module     module            names of the modules; a run without modules has one, ``"all"``
pool       skill             the module in whose pool the skill competes
level      step, skill       how well the skill is learned
gate       step, skill       how far its prerequisites let it learn, in [0, 1]
share      step, skill       its share of its pool; NaN under ``constant``
wasted     step, module      the share of the pool no skill gets
opened_at  skill             the step at which the gate opened; NaN = never
mastered_at skill            the step at which it was mastered; NaN = never
reason     skill             why it was not mastered (`REASONS`); ``""`` if it was
frequency  skill             how often it is trained, at the end of the run
========== ================= ==============================================================
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from xarray.indexes import PandasIndex

from domino_sim import __version__
from domino_sim.netcdf import load_dataset, save_dataset, texts

__all__ = ["REASONS", "load_result", "make_result", "save_result", "summarise", "summary_text"]

#: Why a skill is not mastered at the end of a run; the empty string is for one that is.
REASONS = ("", "never_opened", "out_of_steps", "zero_frequency", "frozen")

_ATTRS: dict[str, dict[str, str]] = {
    "step": {"long_name": "training step", "units": "steps"},
    "skill": {"long_name": "skill"},
    "module": {"long_name": "module"},
    "pool": {"long_name": "module in whose pool the skill competes"},
    "level": {"long_name": "level", "units": "1"},
    "gate": {"long_name": "gate", "units": "1"},
    "share": {"long_name": "share of the skill's pool", "units": "1"},
    "wasted": {"long_name": "share of the pool no skill gets", "units": "1"},
    "opened_at": {"long_name": "step at which the gate opened", "units": "steps"},
    "mastered_at": {"long_name": "step at which the skill was mastered", "units": "steps"},
    "reason": {"long_name": "why the skill was not mastered"},
    "frequency": {"long_name": "frequency at the end of the run", "units": "1"},
}

_BY_SKILL = ("step", "skill")


def make_result(
    *,
    steps: np.ndarray,
    names: Sequence[str],
    level: np.ndarray,
    gate: np.ndarray,
    share: np.ndarray,
    wasted: np.ndarray,
    opened_at: np.ndarray,
    mastered_at: np.ndarray,
    reason: Sequence[str] | np.ndarray,
    frequency: np.ndarray,
    modules: Sequence[str] = ("all",),
    pool_of: np.ndarray | None = None,
    attrs: Mapping[str, Any],
) -> xr.Dataset:
    """Build the labelled result of a run. Arrays are taken over, not copied.

    Parameters
    ----------
    steps
        Recorded steps, (n_steps,), increasing integers.
    names
        Names of the n_skills skills.
    level, gate, share
        (n_steps, n_skills), C-contiguous.
    wasted
        (n_steps, n_modules); (n_steps,) will do for a single module.
    opened_at, mastered_at
        (n_skills,), in steps; NaN = never.
    reason
        One of `REASONS` for each skill.
    frequency
        (n_skills,), at the end of the run.
    modules
        Names of the modules.
    pool_of
        (n_skills,), the index of each skill's module; by default all are in the first.
    attrs
        Provenance: title, source, engine, seed, law, loss, mastery, steps, scenario. The
        version of this program is added.

    Examples
    --------
    >>> ds = make_result(
    ...     steps=np.array([0, 10]), names=["A"], level=np.array([[0.0], [1.0]]),
    ...     gate=np.ones((2, 1)), share=np.ones((2, 1)), wasted=np.zeros((2, 1)),
    ...     opened_at=np.zeros(1), mastered_at=np.array([9.9]), reason=[""],
    ...     frequency=np.ones(1), attrs={"title": "One skill"})
    >>> float(ds.level.sel(skill="A", step=10))
    1.0
    """
    steps = np.asarray(steps, dtype=np.int64)
    module_names = texts(modules)
    if pool_of is None:
        pool_of = np.zeros(len(names), dtype=np.intp)
    data = {
        "level": _variable("level", _BY_SKILL, level),
        "gate": _variable("gate", _BY_SKILL, gate),
        "share": _variable("share", _BY_SKILL, share),
        "wasted": _variable("wasted", ("step", "module"), wasted.reshape(len(steps), -1)),
        "opened_at": _variable("opened_at", ("skill",), opened_at),
        "mastered_at": _variable("mastered_at", ("skill",), mastered_at),
        "reason": _variable("reason", ("skill",), texts(reason)),
        "frequency": _variable("frequency", ("skill",), frequency),
    }
    # Ready-made indexes: letting xarray infer them doubles the time this function takes.
    coords: dict[str, xr.Variable] = {}
    indexes = {}
    for name, values in (("step", steps), ("skill", texts(names)), ("module", module_names)):
        index = indexes[name] = PandasIndex(values, name)
        coords.update(index.create_variables())
        coords[name].attrs = dict(_ATTRS[name])
    coords["pool"] = _variable("pool", ("skill",), module_names[pool_of])
    return xr.Dataset(
        data,
        coords=xr.Coordinates(coords, indexes=indexes),
        attrs={"version": __version__, **attrs},
    )


def _variable(name: str, dims: tuple[str, ...], values: np.ndarray) -> xr.Variable:
    return xr.Variable(dims, values, dict(_ATTRS[name]), fastpath=True)


def save_result(ds: xr.Dataset, path: str | Path) -> None:
    """Write a result as netCDF-4; the file holds either its old content or all of the new.

    Raises
    ------
    FileError
        If the file cannot be written.
    """
    save_dataset(ds, path)


def load_result(path: str | Path) -> xr.Dataset:
    """Read a result that :func:`save_result` wrote, all of it into memory.

    Raises
    ------
    FileError
        If the file cannot be read, or is not a result.
    """
    return load_dataset(path, needs=_ATTRS, file="a result.nc", kind="a result of domino-sim")


def summarise(ds: xr.Dataset) -> dict[str, Any]:
    """Return the main numbers of a result as plain Python values, ready for JSON.

    Returns
    -------
    dict
        title, engine, version, seed, law, steps; ``all_mastered_at`` (null unless all are),
        ``mastered`` (how many are), and ``skills``: for each its skill, opened_at, mastered_at,
        reason, final_level and ``mean_share``, the time average of its share over the record.
        What is not a finite number becomes None.
    """
    mastered_at = ds["mastered_at"].values
    mastered = int(np.count_nonzero(np.isfinite(mastered_at)))
    columns = zip(
        ds["skill"].values.tolist(),
        _finite(ds["opened_at"].values),
        _finite(mastered_at),
        ds["reason"].values.tolist(),
        _finite(ds["level"].values[-1]),
        _finite(mean_share(ds)),
        strict=True,
    )
    keys = ("skill", "opened_at", "mastered_at", "reason", "final_level", "mean_share")
    skills = [dict(zip(keys, row, strict=True)) for row in columns]
    head = {key: ds.attrs.get(key) for key in ("title", "engine", "version", "seed", "law")}
    return {
        **{key: v.item() if isinstance(v, np.generic) else v for key, v in head.items()},
        "steps": int(ds.attrs.get("steps", ds["step"].values[-1])),
        "all_mastered_at": float(mastered_at.max()) if mastered == len(skills) else None,
        "mastered": mastered,
        "skills": skills,
    }


def mean_share(ds: xr.Dataset) -> np.ndarray:
    """Return the time average of each skill's share over the record (n_skills,), by trapezia."""
    steps, share = ds["step"].values.astype(float), ds["share"].values
    if len(steps) == 1:
        return share[0]
    width = np.diff(steps, prepend=steps[0]) + np.diff(steps, append=steps[-1])
    return width @ share / (2 * (steps[-1] - steps[0]))


def _finite(values: np.ndarray) -> list[float | None]:
    return [v if math.isfinite(v) else None for v in values.tolist()]


def summary_text(summary: Mapping[str, Any]) -> str:
    """Return a summary as JSON, a line for each skill, so that files compare line by line."""
    head = {key: value for key, value in summary.items() if key != "skills"}
    lines = [f"  {_json(key)}: {_json(value)}," for key, value in head.items()]
    rows = ",\n".join(f"    {_json(row)}" for row in summary["skills"])
    return "\n".join(["{", *lines, '  "skills": [', rows, "  ]", "}"]) + "\n"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
