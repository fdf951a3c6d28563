"""Mixtures: a table of run, skill and frequency, put on curves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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

__all__ = ["with_mixture", "with_mixture_tables"]

EVERY = "*"

#: Names that a note gives before it counts the rest.
NAMED = 6


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


def with_mixture_tables(
    ds: xr.Dataset, tables: Sequence[Table]
) -> tuple[xr.Dataset, list[str]]:
    """Return curves with the frequencies of tables of different runs, and what is to be said.

    Raises
    ------
    FileError
        As of `_with_table`; or if a run stands in two tables, or in one beside another of all runs.
    """
    notes: list[str] = []
    before: dict[str, str] = {}
    for table in tables:
        ds, runs, told = _with_table(ds, table)
        for run in (one for one in before if one in runs or EVERY in (one, *runs)):
            what = "all runs have" if run == EVERY else f"the run {shown(run)} has"
            raise FileError(
                f"{what} a mixture in {before[run]} already", where=table.file,
                expected="every run in one table of mixtures",
            )  # fmt: skip
        before |= dict.fromkeys(runs, table.file)
        notes += told
    return ds, notes


def _with_table(ds: xr.Dataset, table: Table) -> tuple[xr.Dataset, list[str], list[str]]:
    """Return curves with the frequencies of a table: run, skill, frequency, and maybe step.

    A run ``*``, or no column for it, means every run that has no row of its own for the skill. A
    row holds from its step on; without one, or with an empty one, from the start.
    What the table does not name stays as it is. Runs and skills that are not in the curves are
    passed over if all that are in them are named: then none is misspelt. And the runs that are
    named, and what is to be said.

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
    values = table.numbers(column, "a finite number ≥ 0")
    if np.isnan(values).any():
        i = int(np.argmax(np.isnan(values)))
        where = table.place(i, column)
        raise FileError("is no number", where=where, expected="a finite number ≥ 0")
    check_range("frequency", values, lambda i: table.place(i, column))
    skills = table.words(of["skill"][0])
    runs = table.words(of["run"][0]) if "run" in of else np.full(len(values), EVERY, dtype=object)
    since = _since(table, of)
    spare_runs = _spare(ds["run"].values.tolist(), runs)
    spare_skills = _spare(ds["skill"].values.tolist(), skills)
    used = [
        i for i in range(len(values)) if runs[i] not in spare_runs and skills[i] not in spare_skills
    ]
    frequency = ds["frequency"].values.copy()
    changes: list[tuple[float, Any, int, float]] = []
    seen: dict[tuple[str, str, float], int] = {}
    # Rows for every run first, so that a run's own row has the last word.
    for i in sorted(used, key=lambda i: runs[i] != EVERY):
        here = lambda role, i=i: table.place(i, of[role][0])  # noqa: E731
        k = _known("skill", skills[i], ds, here("skill"), FileError)
        rows: Any = slice(None)
        if runs[i] != EVERY:
            rows = _known("run", runs[i], ds, here("run"), FileError)
        before = seen.setdefault((runs[i], skills[i], since[i]), i)
        if before != i:
            what = f"the frequency of {shown(skills[i])} stands in {table.unit} "
            what += f"{table.rows[before]} already"
            more = "" if "step" not in of else " and a step"
            raise FileError(what, where=here("skill"), expected=f"it once for a run{more}")
        if since[i] > 0.0:
            changes.append((since[i], rows, k, values[i]))
        else:
            frequency[rows, k] = values[i]
    notes = []
    if spare_runs:
        notes.append(f"{table.file}: no curves of {_listed('run', spare_runs)}: not used")
    if spare_skills:
        notes.append(f"{table.file}: no curves of {_listed('skill', spare_skills)}: not used")
    return _changing(_put(ds, frequency), changes), list(dict.fromkeys(runs)), notes


def _spare(names: Sequence[str], given: np.ndarray) -> list[str]:
    """Return what is given beyond `names` if all of these are; else none: it may be misspelt."""
    if not set(names) <= set(given):
        return []
    return [one for one in dict.fromkeys(given) if one not in {EVERY, *names}]


def _listed(dim: str, names: Sequence[str]) -> str:
    some = ", ".join(map(shown, names[:NAMED]))
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"the {dim}{'s' * (len(names) > 1)} {some}{more}"


def _since(table: Table, of: Mapping[str, tuple[str, ...]]) -> np.ndarray:
    """Return the step from which each row holds: 0 without a column for it."""
    if "step" not in of:
        return np.zeros(len(table.rows))
    (column,) = of["step"]
    since = table.numbers(column, "a number ≥ 0, or none for 0")
    bad = ~(np.nan_to_num(since) >= 0.0)
    if bad.any():
        where = table.place(int(np.argmax(bad)), column)
        raise FileError("is no step", where=where, expected="a number ≥ 0, or none for 0")
    return np.nan_to_num(since)


def _changing(ds: xr.Dataset, changes: list[tuple[float, Any, int, float]]) -> xr.Dataset:
    """Return curves with frequencies that change: from a step, of runs, of a skill, to a value."""
    if not changes:
        return ds
    frequency, steps = ds["frequency"].values.copy(), ds["step"].values
    at = np.repeat(frequency[:, None], len(steps), axis=1)
    if "frequency_at" in ds:
        at = np.where(np.isnan(at), ds["frequency_at"].values, at)
    for step, rows, k, value in sorted(changes, key=lambda one: one[0]):
        at[rows, steps >= step, k] = value
    recorded = np.zeros(at.shape[:2], dtype=bool)
    for kind in ("level", "loss"):
        if kind in ds:
            recorded |= np.isfinite(ds[kind].values).any(axis=2)
    at[~recorded] = np.nan
    last, first = np.fmax.reduce(at, axis=1), np.fmin.reduce(at, axis=1)
    # What is not known until a step changes there, too.
    varies = (last > first) | ((np.isnan(at) & recorded[..., None]).any(axis=1) & ~np.isnan(last))
    frequency = np.where(varies, np.nan, np.where(np.isnan(last), frequency, last))
    at[~varies.any(axis=1)] = np.nan
    new = ds.assign(frequency=(("run", "skill"), frequency, describe("frequency")))
    if not varies.any():
        return new
    return new.assign(frequency_at=(("run", "step", "skill"), at, describe("frequency_at")))


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
