"""Records of all files into one labelled set of curves, not normalised yet."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from domino_sim.curves import make_curves
from domino_sim.errors import FileError
from domino_sim.memory import check_record
from domino_sim.readers.records import START, Records
from domino_sim.wording import shown

__all__ = ["assemble"]

#: Kinds in their plain forms.
PLAIN = ("level", "accuracy", "loss")


def assemble(parts: Sequence[Records], keep: str | None = None) -> xr.Dataset:
    """Return the values of all parts as curves.

    A variable for each kind there is (``level``, ``accuracy``, ``loss``), and its standard errors
    (``level_se`` …) if any are known; frequencies as of a recorder. There is always ``level``.

    Parameters
    ----------
    parts
        The records of each file.
    keep
        Which of several values of a run, step and skill is kept, ``"first"`` or ``"last"`` in
        the order of the file; so for steps that go back, which a resumed training logs again.

    Raises
    ------
    FileError
        If there are several values and `keep` does not say which is meant.
    """
    frames = [part.frame.assign(part=number) for number, part in enumerate(parts)]
    frame = pd.concat(frames, ignore_index=True)
    if not len(frame):
        raise FileError("there are no values", where=parts[0].file, expected="one or more")
    run_codes, runs = pd.factorize(frame["run"])
    skill_codes, skills = pd.factorize(frame["skill"])
    frame = frame.assign(run=run_codes, skill=skill_codes)
    at = frame["step"].to_numpy()
    steps = np.unique(at[at != START])
    frame = frame.assign(column=np.searchsorted(steps, at))
    names = (runs.tolist(), skills.tolist())
    sizes = (len(runs), len(steps), len(skills))
    of = f"{sizes[2]:,} skills in {sizes[0]:,} runs"
    check_record(
        sizes[1], sizes[0] * sizes[2], of=of, each=48, part=0.5, where=parts[0].file, kind=FileError
    )
    tables: dict[str, NDArray[np.float64]] = {}
    for kind in PLAIN:
        values = frame[(frame["kind"] == kind) & frame["value"].notna()]
        if not len(values):
            continue
        values = _each_once(values, parts, names, keep)
        where = tuple(values[name].to_numpy() for name in ("run", "column", "skill"))
        tables[kind] = np.full(sizes, np.nan)
        tables[kind][where] = values["value"].to_numpy()
        if values["se"].notna().any():
            tables[f"{kind}_se"] = np.full(sizes, np.nan)
            tables[f"{kind}_se"][where] = values["se"].to_numpy()
    recorded = np.zeros(sizes[:2], dtype=bool)
    stepped = frame["step"].to_numpy() != START
    recorded[run_codes[stepped], frame["column"].to_numpy()[stepped]] = True
    frequency, frequency_at = _frequencies(frame, parts, names, keep, recorded)
    extra: dict[str, tuple[Sequence[str], NDArray[Any]]] = {
        name: (("run", "step", "skill"), table)
        for name, table in tables.items()
        if name not in ("level", "loss")
    }
    if frequency_at is not None:
        extra["frequency_at"] = (("run", "step", "skill"), frequency_at)
    curves = make_curves(
        runs=names[0],
        steps=steps,
        skills=names[1],
        level=tables.get("level", np.full(sizes, np.nan)),
        loss=tables.get("loss"),
        frequency=frequency,
        extra=extra,
    )
    # Steps of which nothing was kept are of no run.
    held = np.any([~np.isnan(table).all(axis=(0, 2)) for table in tables.values()], axis=0)
    return curves if keep is None or held.all() else curves.isel(step=np.flatnonzero(held))


def _each_once(
    values: pd.DataFrame,
    parts: Sequence[Records],
    names: tuple[list[str], list[str]],
    keep: str | None,
) -> pd.DataFrame:
    """Return the values of a kind, each of a run, step and skill of its own."""
    timed = np.array([part.timed for part in parts])[values["part"].to_numpy()]
    if timed.any():
        logged = values[timed].sort_values(["part", "run", "skill", "row"], kind="stable")
        stays = _rising(logged, parts, names, keep)
        values = pd.concat([values[~timed], logged[stays]])
    twice = values.duplicated(["run", "step", "skill"], keep="first").to_numpy()
    if not twice.any():
        return values
    if keep is None:
        again = values.iloc[int(np.argmax(twice))]
        same = (values[["run", "step", "skill"]] == again[["run", "step", "skill"]]).all(axis=1)
        raise FileError(
            f"{_curve(again, names)} has a value at step {again['step']} already "
            f"({_place(values[same].iloc[0], parts)})",
            where=_place(again, parts),
            expected="one (--keep first or --keep last takes one of several)",
        )
    ordered = values.sort_values(["part", "row"], kind="stable")
    return ordered.drop_duplicates(["run", "step", "skill"], keep=keep)


def _rising(
    logged: pd.DataFrame,
    parts: Sequence[Records],
    names: tuple[list[str], list[str]],
    keep: str | None,
) -> NDArray[np.bool_]:
    """Return which values of sorted logs stay when a training went back and logged steps again."""
    keys = logged[["part", "run", "skill"]].to_numpy()
    step = logged["step"].to_numpy()
    same = (keys[1:] == keys[:-1]).all(axis=1)
    back = same & (step[1:] < step[:-1])
    stays = np.ones(len(logged), dtype=bool)
    if not back.any():
        return stays
    if keep is None:
        i = int(np.argmax(back))
        before, after = logged.iloc[i], logged.iloc[i + 1]
        raise FileError(
            f"step {after['step']} of {_curve(after, names)} stands after step {before['step']} "
            f"({_place(before, parts)})",
            where=_place(after, parts),
            expected="rising steps (a restart: --keep last takes what was logged after it, "
            "--keep first what was logged before)",
        )
    bounds = [0, *(np.flatnonzero(~same) + 1).tolist(), len(step)]
    for begin, end in pairwise(bounds):
        of = step[begin:end]
        if keep == "last":
            later = np.minimum.accumulate(of[::-1])[::-1]
            stays[begin : end - 1] = of[:-1] < later[1:]
        else:
            stays[begin + 1 : end] = of[1:] > np.maximum.accumulate(of)[:-1]
    return stays


def _frequencies(
    frame: pd.DataFrame,
    parts: Sequence[Records],
    names: tuple[list[str], list[str]],
    keep: str | None,
    recorded: NDArray[np.bool_],
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """Return the frequency of each run and skill, and that at each step if one changes."""
    n_runs, n_skills = map(len, names)
    constant = np.full((n_runs, n_skills), np.nan)
    given = frame[(frame["kind"] == "frequency") & frame["value"].notna()]
    if not len(given):
        return constant, None
    given = _each_once(given, parts, names, keep).sort_values(["run", "skill", "step"])
    timed = np.array([part.timed for part in parts])
    at = np.full((n_runs, recorded.shape[1], n_skills), np.nan)
    changes = np.zeros(n_runs, dtype=bool)
    for (run, skill), entries in given.groupby(["run", "skill"]):
        values, columns = entries["value"].to_numpy(), entries["column"].to_numpy()
        begins = np.flatnonzero(recorded[run])[:1]
        early = entries["step"].iloc[0] == START or (columns[:1] <= begins).all()
        if (values == values[0]).all() and (early or not timed[entries["part"].iloc[0]]):
            constant[run, skill] = values[0]
            at[run, :, skill] = values[0]
        else:
            changes[run] = True
            for value, column in zip(values, columns, strict=True):
                # The column of the start is 0: it sorts before all steps.
                at[run, column:, skill] = value
    if not changes.any():
        return constant, None
    at[~(recorded & changes[:, None])] = np.nan
    return constant, at


def _curve(row: Any, names: tuple[list[str], list[str]]) -> str:
    return f"skill {shown(names[1][row['skill']])} of run {shown(names[0][row['run']])}"


def _place(row: Any, parts: Sequence[Records]) -> str:
    part = parts[row["part"]]
    return f"{part.file}: {part.unit} {row['row']}"
