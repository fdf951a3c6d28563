"""A table of a file: columns by name, the number of each row, and typed looks at its cells."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from domino_sim.errors import FileError
from domino_sim.logged import LAST_STEP
from domino_sim.wording import shown

__all__ = ["Table"]

#: Texts that stand for a value that is missing.
MISSING = ("", "-", "na", "n/a", "nan", "none", "null")


@dataclass(frozen=True)
class Table:
    """Columns of equal length, as they came out of a file.

    Parameters
    ----------
    file
        Its name, for messages.
    unit
        What a row is called in messages: ``"line"`` or ``"row"``.
    rows
        The number of each row, as an editor counts (the header of a CSV file is line 1).
    columns
        Cells by column: texts, numbers, or None where there is none.
    timed
        Whether the rows of the format stand in the order of time.
    """

    file: str
    unit: str
    rows: NDArray[np.int64]
    columns: Mapping[str, NDArray[Any]]
    timed: bool = False

    def place(self, i: int, column: str) -> str:
        """Return where a cell is, for the message of an error."""
        return f"{self.file}: {self.unit} {self.rows[i]}: {column}"

    def missing(self, column: str) -> NDArray[np.bool_]:
        """Return which cells of a column are empty, or a word for it."""
        cells = self.columns[column]
        if cells.dtype.kind in "iub":
            return np.zeros(len(cells), dtype=bool)
        if cells.dtype.kind == "f":
            return np.isnan(cells)
        return self._by_value(column, _is_missing).astype(bool)

    def numbers(
        self, column: str, expected: str = "a number such as 0.5, or nothing"
    ) -> NDArray[np.float64]:
        """Return a column of numbers; NaN where there is none, or no finite one.

        `expected` is what the message says of other cells.

        Raises
        ------
        FileError
            If a cell is something else; the message names it.
        """
        cells = self.columns[column]
        if cells.dtype.kind in "iuf":
            values = cells.astype(float)
        else:
            # As texts; a flag is no number, though Python would take it for one.
            series = pd.Series(cells, dtype=object)
            values = np.asarray(pd.to_numeric(series, errors="coerce"), dtype=float)
            odd = np.isnan(values) & ~self.missing(column)
            if {bool, np.bool_} & set(map(type, cells)):
                odd |= np.array([isinstance(cell, bool | np.bool_) for cell in cells])
            if odd.any():
                i = int(np.argmax(odd))
                raise FileError(
                    f"is {shown(cells[i])}",
                    where=self.place(i, column),
                    expected=expected,
                )
        return np.where(np.isinf(values), np.nan, values)

    def errors(self, column: str) -> NDArray[np.float64]:
        """Return a column of standard errors: numbers ≥ 0, NaN where there is none."""
        values = self.numbers(column)
        with np.errstate(invalid="ignore"):
            wrong = values < 0
        if wrong.any():
            i = int(np.argmax(wrong))
            where = self.place(i, column)
            raise FileError(f"is {values[i]:g}", where=where, expected="a standard error ≥ 0")
        return values

    def steps(self, column: str) -> NDArray[np.int64]:
        """Return a column of steps: whole numbers ≥ 0 in every row."""
        expected = f"a step: a whole number from 0 to {LAST_STEP:.0e}"
        values = self.numbers(column, expected)
        with np.errstate(invalid="ignore"):
            wrong = ~((values >= 0) & (values <= LAST_STEP) & (values == np.round(values)))
        if wrong.any():
            i = int(np.argmax(wrong))
            cell = self.columns[column][i]
            what = "is empty" if self.missing(column)[i] else f"is {shown(_plain(cell))}"
            raise FileError(what, where=self.place(i, column), expected=expected)
        return values.astype(np.int64)

    def words(self, column: str) -> NDArray[Any]:
        """Return a column of names: texts without blanks around them, or numbers as texts."""
        names = self._by_value(column, _name)
        wrong = np.fromiter((name is None for name in names), bool, len(names))
        if wrong.any():
            i = int(np.argmax(wrong))
            cell = self.columns[column][i]
            empty = cell is None or (isinstance(cell, str) and not cell.strip())
            what = "is empty" if empty else f"is {shown(_plain(cell))}"
            expected = "a name of printable characters"
            raise FileError(what, where=self.place(i, column), expected=expected)
        return names

    def _by_value(self, column: str, function: Callable[[Any], Any]) -> NDArray[Any]:
        """Return a function of each cell, called once for each of the different ones."""
        cells = self.columns[column]
        try:
            codes, values = pd.factorize(cells.astype(object), use_na_sentinel=False)
        except TypeError:  # lists and tables of JSON cannot be told apart by value
            codes, values = np.arange(len(cells)), cells
        out = np.empty(len(values), dtype=object)
        out[:] = [function(value) for value in values]
        return out[codes]


def _plain(cell: Any) -> Any:
    return cell.item() if isinstance(cell, np.generic) else cell


def _is_missing(cell: Any) -> bool:
    if isinstance(cell, str):
        return cell.strip().casefold() in MISSING
    return cell is None or (isinstance(cell, float) and cell != cell)


def _name(cell: Any) -> str | None:
    """Return the name a cell holds, or None."""
    cell = _plain(cell)
    if isinstance(cell, bool) or not isinstance(cell, str | int | float) or cell != cell:
        return None
    text = f"{cell:.15g}" if isinstance(cell, float) else str(cell).strip()
    return text if text and text.isprintable() else None
