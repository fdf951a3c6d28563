"""JSON Lines: a row a line, as a recorder and many loggers write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from domino_sim.errors import FileError
from domino_sim.parsing import parse_json
from domino_sim.readers.table import Table
from domino_sim.wording import shown

__all__ = ["read_jsonl", "table_of_rows"]


def read_jsonl(text: str, file: str) -> tuple[Table, list[str]]:
    """Return the table of JSON Lines, and what was left out: a last line that a crash cut off.

    Raises
    ------
    FileError
        If a line is no object, or there is none.

    Examples
    --------
    >>> table, _ = read_jsonl('{"step": 0, "copy": 0.1}\\n', "a.jsonl")
    >>> table.columns["copy"], table.rows
    (array([0.1], dtype=object), array([1]))
    """
    rows: list[Mapping[str, Any]] = []
    numbers: list[int] = []
    left_out: list[str] = []
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        where = f"{file}: line {number}"
        try:
            row = parse_json(line, where)
        except FileError:
            if number == len(lines) > 1 and line.startswith("{"):
                left_out.append(f"line {number}, which is not complete")
                break
            raise
        if not isinstance(row, dict):
            raise FileError(f"is {shown(row)}", where=where, expected="an object: {…}")
        rows.append(row)
        numbers.append(number)
    if not rows:
        raise FileError("has no rows", where=file, expected="an object a line")
    return table_of_rows(rows, file, "line", numbers), left_out


def table_of_rows(
    rows: Sequence[Mapping[str, Any]], file: str, unit: str, numbers: Sequence[int]
) -> Table:
    """Return rows of different keys as a table in the order of time; None where a key is not."""
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {}
    for name in names:
        column = np.empty(len(rows), dtype=object)
        column[:] = [row.get(name) for row in rows]
        columns[name] = column
    return Table(file, unit, np.array(numbers), columns, timed=True)
