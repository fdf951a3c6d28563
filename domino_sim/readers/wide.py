"""Wide tables: a row for each step, a column for each skill."""

from __future__ import annotations

import numpy as np
import pandas as pd

from domino_sim.errors import FileError
from domino_sim.readers.columns import NAMES, Columns
from domino_sim.readers.options import Options
from domino_sim.readers.records import Records, check_range, make_frame, to_plain
from domino_sim.readers.series import understand
from domino_sim.readers.table import Table
from domino_sim.readers.tidy import run_names

__all__ = ["read_wide"]


def read_wide(
    table: Table, columns: Columns, options: Options, run: str, *, log: bool = False
) -> Records:
    """Return the records of a wide table; `run` names the run of a table without runs.

    Columns are levels, unless their name (``copy_loss``) or the options say otherwise.
    ``copy_stderr`` is the standard error of ``copy``.

    Parameters
    ----------
    table, columns, options, run
        As they were found.
    log
        Whether it is the log of a trainer: ``eval_`` before a name is not part of the skill's,
        and a column whose name does not say what it is is not taken for levels.

    Raises
    ------
    FileError
        If it has no steps or no skills, or a cell is no number.
    """
    of = columns.of
    if "step" not in of:
        raise FileError(
            "has no column for step",
            where=table.file,
            expected="to be told which is: --column step=NAME",
        )
    heads = {name for role in ("run", "step") for name in of.get(role, ())}
    names = [name for name in table.columns if name and name not in heads]
    errors = _errors(names)
    rest = [name for name in names if name not in errors.values()]
    default = None if log else "level"
    series = understand(rest, options, file=table.file, default=default, prefixed=log)
    if not series.of:
        raise FileError("has no column for a skill", where=table.file, expected="one or more")
    runs, step = run_names(table, of, run), table.steps(of["step"][0])
    frames, taken = [], [f"{r}: {'+'.join(of[r])}" for r in ("run", "step") if r in of]
    for name, (skill, kind) in series.of.items():
        value = table.numbers(name)
        check_range(kind, value, lambda i, name=name: table.place(i, name))  # type: ignore[misc]
        unknown = np.full(len(value), np.nan)
        se = table.errors(errors[name]) if name in errors else unknown
        plain, value, se = to_plain(kind, value, se)
        frames.append(make_frame(runs, step, skill, plain, value, se, table.rows))
    for kind in dict.fromkeys(kind for _, kind in series.of.values()):
        own = [name for name, of_name in series.of.items() if of_name == (name, kind)]
        if own:
            taken.append(f"{kind}: {', '.join(own)}")
    taken += [f"{kind} of {skill}: {name}" for name, (skill, kind) in series.of.items()
              if skill != name]  # fmt: skip
    return Records(
        table.file,
        table.unit,
        pd.concat(frames, ignore_index=True),
        True,
        [told for told in taken if told not in ("run: run", "step: step")],
        series.left_out,
    )


def _errors(names: list[str]) -> dict[str, str]:
    """Return the columns that are standard errors of others, by the name of the other."""
    known = set(names)
    pairs = ((name, f"{name}_{word}") for name in names for word in NAMES["se"])
    return {name: error for name, error in pairs if error in known}
