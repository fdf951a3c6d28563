"""Parquet files (needs PyArrow)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from domino_sim.errors import FileError
from domino_sim.readers.needs import needed
from domino_sim.readers.table import Table

__all__ = ["read_parquet"]


def read_parquet(path: Path) -> Table:
    """Return the table of a Parquet file; its first row is row 1.

    Raises
    ------
    FileError
        If PyArrow is not installed, or the file cannot be read or has no rows.
    """
    file = str(path)
    parquet = needed("pyarrow.parquet", file, "pyarrow")
    try:
        with parquet.ParquetFile(path) as opened:
            whole = opened.read()
        names = whole.column_names
        columns = {}
        for name in dict.fromkeys(names):
            values = whole.column(names.index(name)).to_pandas()
            numeric = values.dtype.kind in "iuf"
            columns[name] = np.asarray(values, dtype=None if numeric else object)
    except Exception as error:  # PyArrow raises many kinds for a broken file
        raise FileError(f"cannot be read as Parquet: {error}", where=file) from None
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        what = f"the column {twice[0]!r} stands twice"
        raise FileError(what, where=file, expected="unique names")
    if not len(whole):
        raise FileError("has no rows", where=file, expected="a row for each value")
    # The index of a pandas table is no column of it, unless it has a name.
    kept = {name: column for name, column in columns.items() if not name.startswith("__index_")}
    return Table(file, "row", np.arange(1, len(whole) + 1), kept)
