"""Learning curves: one labelled ``xarray.Dataset``, whoever trained, and its netCDF file.

Curves are built with :func:`make_curves`, so that all of them look the same:

============ ================== ==============================================================
name         dimensions         meaning
============ ================== ==============================================================
run          run                names of the runs
step         step               steps of the record, rising; 0 is the start
skill        skill              names of the skills
level        run, step, skill   how well the skill is learned
loss         run, step, skill   its loss after as many updates
frequency    run, skill         how often it is trained throughout the run: the mixture
frequency_at run, step, skill   of runs whose mixture changes: the frequency from this step on
============ ================== ==============================================================

There is a level, a loss or both. What is not known is NaN: a value that was not recorded, a step
or a skill that only other runs have, the frequency of a skill in a mixture that is not known or
that changes (then ``frequency_at`` has it, at the steps of that run's record). Infinite values are
none. More variables, over any of the dimensions but at least over ``run``, and further labels of
runs, such as a seed, stand beside these.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from domino_sim import __version__
from domino_sim.curve_form import DIMS, PLACES, check_attrs, check_curves, check_names, check_place
from domino_sim.errors import ArgumentError, FileError
from domino_sim.netcdf import TEXT, load_dataset, save_dataset, texts
from domino_sim.wording import shown

__all__ = ["describe", "join_curves", "load_curves", "make_curves", "mastered_at", "save_curves"]

_ATTRS: dict[str, dict[str, str]] = {
    "run": {"long_name": "run"},
    "step": {"long_name": "training step", "units": "steps"},
    "skill": {"long_name": "skill"},
    "level": {"long_name": "level", "units": "1"},
    "level_se": {"long_name": "standard error of the level", "units": "1"},
    "level_common_se": {
        "long_name": "error that all levels of a curve share, of its start and end", "units": "1",
    },
    "level_from": {"long_name": "what levels are made of: level, accuracy, loss or nothing"},
    "accuracy": {"long_name": "accuracy", "units": "1"},
    "accuracy_se": {"long_name": "standard error of the accuracy", "units": "1"},
    "chance": {"long_name": "accuracy at level 0", "units": "1"},
    "chance_se": {"long_name": "standard error of the accuracy at level 0", "units": "1"},
    "ceiling": {"long_name": "accuracy at level 1", "units": "1"},
    "ceiling_se": {"long_name": "standard error of the accuracy at level 1", "units": "1"},
    "loss": {"long_name": "loss", "units": "1"},
    "loss_se": {"long_name": "standard error of the loss", "units": "1"},
    "initial": {"long_name": "loss at level 0", "units": "1"},
    "initial_se": {"long_name": "standard error of the loss at level 0", "units": "1"},
    "floor": {"long_name": "loss at level 1", "units": "1"},
    "floor_se": {"long_name": "standard error of the loss at level 1", "units": "1"},
    "signal": {"long_name": "how far the curve rises, in standard errors", "units": "1"},
    "at_rest": {"long_name": "1: the curve has come to rest at its end", "units": "1"},
    "frequency": {"long_name": "frequency throughout the run", "units": "1"},
    "frequency_at": {"long_name": "frequency from this step on", "units": "1"},
    "mastered_at": {"long_name": "step at which the skill was mastered", "units": "steps"},
    "n_align": {"long_name": "gradient-aligned dimensions", "units": "1"},
}


def make_curves(
    *,
    runs: Sequence[str],
    steps: ArrayLike,
    skills: Sequence[str],
    level: ArrayLike | None = None,
    loss: ArrayLike | None = None,
    frequency: ArrayLike | None = None,
    extra: Mapping[str, tuple[Sequence[str], ArrayLike]] | None = None,
    run_labels: Mapping[str, ArrayLike] | None = None,
    attrs: Mapping[str, Any] | None = None,
) -> xr.Dataset:
    """Build labelled learning curves. Arrays of floats are taken over, not copied.

    Parameters
    ----------
    runs, skills
        Their names: unique, of printable characters.
    steps
        Recorded steps, (n_steps,): integers ≥ 0, rising.
    level, loss
        (n_runs, n_steps, n_skills), finite or NaN (not recorded); at least one of them.
    frequency
        The mixtures, (n_runs, n_skills), or (n_skills,) if all runs have the same: ≥ 0, NaN where
        not known or not constant. By default nothing is known.
    extra
        Further variables by name: their dimensions, of which ``run`` is the first, and values;
        for example ``{"n_align": (("run", "step", "skill"), values)}``.
    run_labels
        Further labels of runs by name, (n_runs,): ``{"seed": [0, 1]}``.
    attrs
        Provenance: title, source and the like, texts and numbers. The version of this program is
        added.

    Raises
    ------
    ArgumentError
        If a name, step, value or shape is not as described; the message names it.

    Examples
    --------
    >>> curves = make_curves(runs=["seed 0"], steps=[0, 10], skills=["A"],
    ...                      level=[[[0.0], [0.5]]], frequency=[1.0])
    >>> float(curves.level.sel(run="seed 0", step=10, skill="A"))
    0.5
    """
    index = {"run": texts(list(runs)), "step": _steps(steps), "skill": texts(list(skills))}
    sizes = {dim: len(values) for dim, values in index.items()}
    if frequency is None or np.ndim(frequency) == 1:
        mixture = np.full(sizes["skill"], np.nan) if frequency is None else frequency
        mixture = _array("frequency", ("skill",), mixture, sizes)
        frequency = np.tile(mixture, (sizes["run"], 1))
    given: dict[str, tuple[Sequence[str], ArrayLike]] = {
        **{name: (DIMS, v) for name, v in (("level", level), ("loss", loss)) if v is not None},
        "frequency": (("run", "skill"), frequency),
        **(extra or {}),
    }
    labels = run_labels or {}
    for name in labels:
        if name in DIMS or name in given:
            raise ArgumentError(f"the name {shown(name)} is taken", where="run_labels")
    check_attrs(attrs or {})
    ds = xr.Dataset(
        {name: _variable(name, *pair, sizes) for name, pair in given.items()},
        coords={
            **{dim: (dim, values, dict(_ATTRS[dim])) for dim, values in index.items()},
            **{name: _variable(name, ("run",), values, sizes) for name, values in labels.items()},
        },
        attrs={"version": __version__, **(attrs or {})},
    )
    return check_curves(ds)


def _steps(steps: ArrayLike) -> NDArray[Any]:
    array = np.asarray(steps)
    return array.astype(np.int64) if array.dtype.kind in "iu" or not array.size else array


def describe(name: str) -> dict[str, str]:
    """Return the attributes of a variable of that name: what it is, and its unit."""
    return dict(_ATTRS.get(name, {"long_name": name}))


def _variable(
    name: str, dims: Sequence[str], values: ArrayLike, sizes: Mapping[str, int]
) -> xr.Variable:
    check_place(name, tuple(dims))
    return xr.Variable(dims, _array(name, dims, values, sizes), describe(name))


def _array(
    name: str, dims: Sequence[str], values: ArrayLike, sizes: Mapping[str, int]
) -> NDArray[Any]:
    try:
        array = np.asarray(values)
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"is not a table: {error}", where=name) from None
    if array.dtype.kind in TEXT:
        array = array.astype(object)
        others = [value for value in array.ravel() if not isinstance(value, str)]
        if others:
            odd = next((value for value in others if not isinstance(value, Real)), others[0])
            what = f"holds {shown(odd)}"
            raise ArgumentError(what, where=name, expected="all numbers, or all texts")
    elif array.dtype.kind not in "fiub":
        raise ArgumentError(f"is of type {array.dtype}", where=name, expected="numbers or texts")
    elif name in PLACES or array.dtype == np.float16:  # which netCDF does not have
        array = array.astype(np.result_type(array, np.float32), copy=False)
    shape = tuple(sizes[dim] for dim in dims)
    if array.shape != shape:
        raise ArgumentError(
            f"has the shape {array.shape}", where=name, expected=f"{shape} ({', '.join(dims)})"
        )
    return array


def join_curves(*parts: xr.Dataset) -> xr.Dataset:
    """Return several sets of curves as one, with all their runs, steps, skills and variables.

    Skills come in the order in which they are first met. What a part does not have is NaN in its
    runs, and empty where there are texts. Attributes that differ are dropped: what tells runs apart
    belongs into labels of runs.

    Raises
    ------
    ArgumentError
        If a part is not learning curves, two runs have the same name (rename them:
        ``curves.assign_coords(run=[…])``), or a variable is over other dimensions elsewhere.

    Examples
    --------
    >>> one = make_curves(runs=["1"], steps=[0, 9], skills=["A"], level=[[[0.0], [1.0]]])
    >>> two = make_curves(runs=["2"], steps=[0, 5], skills=["B"], level=[[[0.0], [0.5]]])
    >>> both = join_curves(one, two)
    >>> both.level.sel(skill="B").values
    array([[nan, nan, nan],
           [0. , 0.5, nan]])
    """
    if not parts:
        raise ArgumentError("no curves to join", expected="at least one")
    kinds: dict[str, xr.Variable] = {}
    for part in parts:
        for name, variable in check_curves(part).variables.items():
            first = kinds.setdefault(str(name), variable)
            if _kind(variable) != _kind(first):
                what = f"is {_kind(variable)} in one part, {_kind(first)} in another"
                raise ArgumentError(what, where=str(name), expected="the same in all")
    check_names("run", texts([run for part in parts for run in part["run"].values.tolist()]))
    labels = {str(name) for part in parts for name in part.coords} - set(DIMS)
    for name in labels:
        if kinds[name].dims != ("run",) or any(name in part.data_vars for part in parts):
            raise ArgumentError("labels something else in a part", where=name, expected="runs only")
    steps = np.unique(np.concatenate([part["step"].values for part in parts]))
    met = (skill for part in parts for skill in part["skill"].values.tolist())
    skills = texts(list(dict.fromkeys(met)))
    blank = {name: "" if v.dtype.kind in TEXT else np.nan for name, v in kinds.items()}
    wide = [part.reindex(step=steps, skill=skills, fill_value=blank) for part in parts]
    for part in wide:
        for name in kinds.keys() - part.variables.keys():
            dims, attrs = kinds[name].dims, kinds[name].attrs
            kind = object if blank[name] == "" else float
            values = np.full([part.sizes[dim] for dim in dims], blank[name], kind)
            (part.coords if name in labels else part)[name] = (dims, values, attrs)
    return xr.concat(
        wide,
        "run",
        data_vars="minimal",
        coords="minimal",
        compat="override",
        join="exact",
        combine_attrs="drop_conflicts",
    )


def _kind(variable: xr.Variable) -> str:
    kind = "texts" if variable.dtype.kind in TEXT else "numbers"
    return f"{kind} over {', '.join(map(str, variable.dims))}"


def save_curves(curves: xr.Dataset, path: str | Path) -> None:
    """Write curves as netCDF-4; the file holds either its old content or all of the new.

    Raises
    ------
    ArgumentError
        If they are not learning curves.
    FileError
        If the file cannot be written.

    Examples
    --------
    >>> curves = make_curves(runs=["seed 0"], steps=[0], skills=["A"], loss=[[[2.3]]])
    >>> save_curves(curves, "curves.nc")
    >>> load_curves("curves.nc").identical(curves)
    True
    """
    save_dataset(check_curves(curves), path)


def load_curves(path: str | Path) -> xr.Dataset:
    """Read curves that :func:`save_curves` wrote, all of them into memory.

    Raises
    ------
    FileError
        If the file cannot be read, or does not hold learning curves.
    """
    kind = "learning curves of domino-sim"
    ds = load_dataset(path, needs=DIMS, file="a netCDF file", kind=kind)
    try:
        return check_curves(ds)
    except ArgumentError as error:
        raise FileError(
            error.what, where=f"{path}: {error.where}" if error.where else str(path), expected=kind
        ) from None


def mastered_at(curves: xr.Dataset, mastery: float = 0.99) -> xr.DataArray:
    """Return the step at which each skill first reaches a level in each run.

    Between two records a level rises along a straight line; records that are missing are left
    out. A skill that is at the level at its first record has that step: it may have been there
    before.

    Parameters
    ----------
    curves
        With levels.
    mastery
        The level, finite.

    Returns
    -------
    xarray.DataArray
        (run, skill), in steps, real-valued; NaN = never in the record.

    Raises
    ------
    ArgumentError
        If there are no levels, or `mastery` is not a number.

    Examples
    --------
    >>> curves = make_curves(runs=["seed 0"], steps=[0, 10, 30], skills=["A", "B"],
    ...                      level=[[[0.0, 0.1], [0.8, 0.2], [1.0, 0.3]]])
    >>> mastered_at(curves, 0.9).values
    array([[20., nan]])
    """
    if "level" not in check_curves(curves).data_vars:
        raise ArgumentError("there are no levels", where="curves", expected="levels, not losses")
    if isinstance(mastery, bool) or not (isinstance(mastery, Real) and math.isfinite(mastery)):
        raise ArgumentError(f"is {shown(mastery)}", where="mastery", expected="a finite number")
    steps, level = curves["step"].values.astype(float), curves["level"].values
    at = np.full((level.shape[0], level.shape[2]), np.nan)
    for run, skill in np.argwhere((level >= mastery).any(axis=1)):
        known = ~np.isnan(level[run, :, skill])
        t, s = steps[known], level[run, known, skill].astype(float)
        k = int(np.argmax(s >= mastery))
        at[run, skill] = np.interp(mastery, s[k - 1 : k + 1], t[k - 1 : k + 1]) if k else t[0]
    coords, dims = curves["frequency"].coords, curves["frequency"].dims
    return xr.DataArray(at, coords, dims, "mastered_at", dict(_ATTRS["mastered_at"]))
