"""Tidy tables: a row for each run, step and skill."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from domino_sim.errors import FileError
from domino_sim.readers.columns import VALUES, Columns
from domino_sim.readers.options import SKIP, Options
from domino_sim.readers.records import KINDS, START, Records, check_range, make_frame, to_plain
from domino_sim.readers.table import Table
from domino_sim.wording import shown

__all__ = ["KNOWN_METRICS", "read_tidy", "run_names"]

#: What metrics are called in the field, and their kinds.
KNOWN_METRICS = {
    "acc": "accuracy",
    "acc_norm": "accuracy",
    "accuracy": "accuracy",
    "exact_match": "accuracy",
    "level": "level",
    "loss": "loss",
    "nll": "loss",
    "cross_entropy": "loss",
    "perplexity": "perplexity",
    "ppl": "perplexity",
}


def read_tidy(table: Table, columns: Columns, options: Options, run: str) -> Records:
    """Return the records of a tidy table; `run` names the run of a table without runs.

    Raises
    ------
    FileError
        If it has no steps or no values, or a cell is not what its column holds.
    """
    of = columns.of
    for role in ("step", "skill"):
        if role not in of:
            raise _lacks(table, role)
    named = [role for role in VALUES if role in of]
    if not named and "frequency" not in of:
        raise _lacks(table, "level, accuracy or loss")
    runs = run_names(table, of, run)
    start = _of_the_start(table, columns)
    step = np.full(len(table.rows), START, dtype=np.int64)
    step[~start] = _rows(table, ~start).steps(of["step"][0])
    skill = table.words(of["skill"][0])
    kinds: dict[str, NDArray[Any] | str] = {role: role for role in named}
    metrics: dict[str, str] = {}
    told: list[str] = []
    if "value" in of:
        kinds["value"], skill, metrics, told = _kinds_of_values(table, columns, options, skill)
    frames = []
    for role, kind in kinds.items():
        value = table.numbers(of[role][0])
        se = table.errors(columns.se[role]) if role in columns.se else None
        for one in KINDS if isinstance(kind, np.ndarray) else (kind,):
            of_kind = ~start & (kind == one)
            if of_kind.any():
                frames.append(
                    _measured(table, role, one, of_kind, of[role][0], runs, step, skill, value, se)
                )
    if "frequency" in of:
        (column,) = of["frequency"]
        value = table.numbers(column)
        check_range("frequency", value, lambda i: table.place(i, column))
        frame = make_frame(runs, step, skill, "frequency", value, np.nan, table.rows)
        frames.append(frame[~np.isnan(value)])
    left = [name for name in table.columns if name not in columns.used()]
    return Records(
        table.file,
        table.unit,
        pd.concat(frames, ignore_index=True),
        table.timed,
        [taken for taken in columns.taken() if not _plainly(taken)] + told,
        [name or "(a column without a name)" for name in left],
        list(metrics),
    )


def run_names(table: Table, of: dict[str, tuple[str, ...]], run: str) -> NDArray[Any]:
    """Return the run of each row: the texts of its columns, or the same for all."""
    if "run" not in of:
        return np.full(len(table.rows), run, dtype=object)
    parts = [table.words(name) for name in of["run"]]
    names = parts[0]
    for part in parts[1:]:
        names = names + "/" + part
    return np.asarray(names, dtype=object)


def _measured(
    table: Table,
    role: str,
    kind: str,
    rows: NDArray[np.bool_],
    column: str,
    runs: NDArray[Any],
    step: NDArray[np.int64],
    skill: NDArray[Any],
    value: NDArray[np.float64],
    se: NDArray[np.float64] | None,
) -> pd.DataFrame:
    """Return the values of one kind as a frame."""
    index = np.flatnonzero(rows)
    check_range(kind, value[index], lambda i: table.place(int(index[i]), column))
    error = np.full(len(index), np.nan) if se is None else se[index]
    plain, values, errors = to_plain(kind, value[index], error)
    return make_frame(
        runs[index], step[index], skill[index], plain, values, errors, table.rows[index]
    )


def _kinds_of_values(
    table: Table, columns: Columns, options: Options, skill: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any], dict[str, str], list[str]]:
    """Return the kind of each row of a value column, its skill, the metrics, and what to say."""
    if "metric" not in columns.of:
        if options.kind is None:
            (column,) = columns.of["value"]
            raise FileError(
                f"the column {shown(column)} may hold levels, accuracies or losses",
                where=table.file,
                expected="to be told which: --kind level, accuracy, percent, loss or perplexity",
            )
        return np.full(len(skill), options.kind, dtype=object), skill, {}, []
    metric = table.words(columns.of["metric"][0])
    codes, names = pd.factorize(metric)
    kinds = np.array(
        [options.metrics.get(n) or KNOWN_METRICS.get(n.casefold()) or options.kind for n in names],
        dtype=object,
    )
    unknown = [name for name, kind in zip(names, kinds, strict=True) if kind is None]
    if unknown:
        raise FileError(
            f"unknown metric {shown(unknown[0])}",
            where=table.place(int(np.argmax(metric == unknown[0])), columns.of["metric"][0]),
            expected=f"to be told what it is: --metric '{unknown[0]}=accuracy' "
            "(level, percent, loss, perplexity, skip)",
        )
    kind = kinds[codes]
    taken = kind != SKIP
    pairs = pd.DataFrame({"skill": skill[taken], "metric": metric[taken]}).drop_duplicates()
    count = pairs["skill"].value_counts()
    several = dict.fromkeys(count.index[count > 1])
    told = [f"metric {name}: {kind}" for name, kind in zip(names, kinds, strict=True)
            if name != kind]  # fmt: skip
    if several:
        named = ", ".join(list(several)[:3]) + " …" * (len(several) > 3)
        told.append(f"each metric of {named} as a skill of its own (--metric NAME=skip)")
        # Two measures of a task are two curves; which of them is the skill, its user must say.
        both = np.array([name in several for name in skill], dtype=bool)
        skill = np.where(both, skill + "/" + metric, skill)
    return kind, skill, dict(zip(names, kinds, strict=True)), told


def _of_the_start(table: Table, columns: Columns) -> NDArray[np.bool_]:
    """Return which rows have no step: the mixture with which a recorder begins."""
    if "frequency" not in columns.of:
        return np.zeros(len(table.rows), dtype=bool)
    start = table.missing(columns.of["step"][0]) & ~table.missing(columns.of["frequency"][0])
    for role in VALUES:
        if role in columns.of:
            start &= table.missing(columns.of[role][0])
    return start


def _rows(table: Table, rows: NDArray[np.bool_]) -> Table:
    cells = {name: column[rows] for name, column in table.columns.items()}
    return Table(table.file, table.unit, table.rows[rows], cells, table.timed)


def _lacks(table: Table, role: str) -> FileError:
    return FileError(
        f"has no column for {role}",
        where=table.file,
        expected=f"to be told which is: --column {role.split(',')[0]}=NAME "
        f"(there {_are(table.columns)})",
    )


def _are(names: Iterable[str]) -> str:
    listed = [shown(name) for name in names]
    return f"is {listed[0]}" if len(listed) == 1 else f"are {', '.join(listed)}"


def _plainly(told: str) -> bool:
    role, _, column = told.partition(": ")
    return role == column
