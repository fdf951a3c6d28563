"""CSV files: cells separated by commas, semicolons or tabs, under a header."""

from __future__ import annotations

import csv
import io

import numpy as np

from domino_sim.errors import FileError
from domino_sim.netcdf import texts
from domino_sim.readers.table import Table
from domino_sim.wording import shown

__all__ = ["read_csv"]

DELIMITERS = ",;\t"

#: Rows that are turned into columns at a time.
BLOCK = 4096


def read_csv(text: str, file: str) -> Table:
    """Return the table of a CSV text; cells stay texts, so that names are kept as they stand.

    By the `csv` module and not by pandas: it knows the line of every row, and turns neither a
    skill called ``NA`` into a number nor a run called ``007`` into 7.

    Raises
    ------
    FileError
        If there is no header or no row, a name in the header stands twice, or a row has more or
        fewer cells than the header.

    Examples
    --------
    >>> table = read_csv("step,copy\\n0,0.1\\n", "a.csv")
    >>> table.columns["copy"], table.rows
    (array(['0.1'], dtype=object), array([2]))
    """
    head = text.split("\n", 1)[0]
    delimiter = max(DELIMITERS, key=head.count)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    numbers: list[int] = []
    names: list[str] | None = None
    columns: list[list[str]] = []
    block: list[list[str]] = []
    try:
        for cells in lines:
            if names is None:
                names = [name.strip() for name in cells]
                _check_header(names, file)
                columns = [[] for _ in names]
            elif len(cells) == len(names):
                block.append(cells)
                if len(block) == BLOCK:
                    _move(block, columns)
                numbers.append(lines.line_num)
            elif cells and any(cell.strip() for cell in cells):
                raise FileError(
                    f"has {len(cells)} cell{'s' * (len(cells) != 1)}",
                    where=f"{file}: line {lines.line_num}",
                    expected=f"{len(names)}, as in the header",
                )
    except csv.Error as error:
        raise FileError(f"not valid CSV: {error}", where=f"{file}: line {lines.line_num}") from None
    if names is None:
        raise FileError("is empty", where=file, expected="a header and rows")
    if not numbers:
        raise FileError("has a header but no rows", where=file, expected="a row for each value")
    _move(block, columns)
    arrays = {name: texts(column) for name, column in zip(names, columns, strict=True)}
    return Table(file, "line", np.array(numbers), arrays)


def _move(block: list[list[str]], columns: list[list[str]]) -> None:
    """Append rows to columns, and forget them: a million living lists keep the collector busy."""
    for column, cells in zip(columns, zip(*block, strict=True), strict=False):
        column.extend(cells)
    block.clear()


def _check_header(names: list[str], file: str) -> None:
    where = f"{file}: line 1"
    if len(names) < 2:
        what = f"is {shown(names[0] if names else '')}"
        raise FileError(what, where=where, expected="a header: names separated by , ; or tabs")
    for i, name in enumerate(names):
        if name in names[:i]:
            what = f"the column {shown(name)} stands twice" if name else "two columns have no name"
            raise FileError(what, where=where, expected="unique names")
