"""Mixtures: a table of run, skill and frequency, put on curves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from numbers import Real
from typing import Any

import numpy as np
import xarray as xr

from domino_sim.curves import describe
from domino_sim.errors import ArgumentError, FileError, InputError, nearest_name
from domino_sim.readers.columns import find_columns
from domino_sim.readers.options import Options
from domino_sim.readers.records import check_range
from domino_sim.readers.table import Table
from domino_sim.wording import key_path, shown

__all__ = ["with_mixture", "with_mixture_table"]

EVERY = "*"


def with_mixture(ds: xr.Dataset, mixture: Mapping[str, Any]) -> xr.Dataset:
    """Return curves all of whose runs have a mixture: frequencies by skill.

    Raises
    ------
    ArgumentError
        If a skill is unknown, or a frequency is no finite number ≥ 0.
    """
    skills, values = [], []
    for skill, value in mixture.items():
        where = f"mixtures.{key_path(skill)}"
        real = isinstance(value, Real) and not isinstance(value, bool)
        if not (real and 0 <= value < np.inf):
            what = f"is {shown(value)}"
            raise ArgumentError(what, where=where, expected="a finite number ≥ 0")
        skills.append(_known("skill", skill, ds, where, ArgumentError))
        values.append(float(value))
    frequency = ds["frequency"].values.copy()
    frequency[:, skills] = values
    return _put(ds, frequency)


def with_mixture_table(ds: xr.Dataset, table: Table) -> xr.Dataset:
    """Return curves with the frequencies of a table: run, skill, frequency.

    A run ``*``, or no column for it, means every run that has no row of its own for the skill.
    What the table does not name stays as it is.

    Raises
    ------
    FileError
        If a column is missing, a run or skill is unknown, or a row stands twice; with its row.
    """
    of = find_columns(table, Options()).of
    for role in ("skill", "frequency"):
        if role not in of:
            raise FileError(
                f"has no column for {role}",
                where=table.file,
                expected="run (or none: the same for all), skill, frequency",
            )
    (column,) = of["frequency"]
    values = table.numbers(column)
    if np.isnan(values).any():
        i = int(np.argmax(np.isnan(values)))
        where = table.place(i, column)
        raise FileError("is no number", where=where, expected="a finite number ≥ 0")
    check_range("frequency", values, lambda i: table.place(i, column))
    skills = table.words(of["skill"][0])
    runs = table.words(of["run"][0]) if "run" in of else np.full(len(values), EVERY, dtype=object)
    frequency = ds["frequency"].values.copy()
    seen: dict[tuple[str, str], int] = {}
    # Rows for every run first, so that a run's own row has the last word.
    for i in sorted(range(len(values)), key=lambda i: runs[i] != EVERY):
        here = lambda role, i=i: table.place(i, of[role][0])  # noqa: E731
        k = _known("skill", skills[i], ds, here("skill"), FileError)
        rows: Any = slice(None)
        if runs[i] != EVERY:
            rows = _known("run", runs[i], ds, here("run"), FileError)
        before = seen.setdefault((runs[i], skills[i]), i)
        if before != i:
            what = f"the frequency of {shown(skills[i])} stands in {table.unit} "
            what += f"{table.rows[before]} already"
            raise FileError(what, where=here("skill"), expected="it once for a run")
        frequency[rows, k] = values[i]
    return _put(ds, frequency)


def _known(
    dim: str, name: Any, ds: xr.Dataset, where: str, kind: Callable[..., InputError]
) -> int:
    names = ds[dim].values.tolist()
    if name not in names:
        raise kind(
            f"unknown {dim} {shown(name)}",
            where=where,
            expected=f"a {dim} of the curves" + (", or * for all" if dim == "run" else ""),
            nearest=nearest_name(name, names),
        )
    return int(names.index(name))


def _put(ds: xr.Dataset, frequency: np.ndarray) -> xr.Dataset:
    """Return curves with these frequencies; those that are constant now no longer change."""
    new = ds.assign(frequency=(("run", "skill"), frequency, describe("frequency")))
    if "frequency_at" in new:
        given = ~np.isnan(frequency)
        at = np.where(given[:, None, :], frequency[:, None, :], new["frequency_at"].values)
        new = new.assign(frequency_at=(new["frequency_at"].dims, at, describe("frequency_at")))
        if given.all():
            new = new.drop_vars("frequency_at")
    return new
