"""The store of a sweep: one SQLite file, written by the coordinator alone.

It is in WAL mode: it can be read while it is written, and a coordinator that is killed leaves
every transaction it had finished. A transaction holds the rows of a batch.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from domino_sim import __version__
from domino_sim.errors import FileError, RunError
from domino_sim.files import make_folder
from domino_sim.sweeps.opening import connect, create, is_store, lock, lock_of
from domino_sim.sweeps.storage_form import COLUMNS, CREATE, FORMAT
from domino_sim.sweeps.task import Row

__all__ = ["Store"]

class Store:
    """An open store.

    Parameters
    ----------
    path
        The file; None: in memory, gone with this object.
    meta
        What the sweep is, of a store that is made (and writable); None opens one that is there.
    writable
        Whether rows may be written. A second writer is refused.

    Raises
    ------
    FileError
        If it cannot be opened or made, is no store, or another sweep is writing into it.
    """

    def __init__(
        self, path: Path | None, meta: Mapping[str, str] | None = None, *, writable: bool = False
    ) -> None:
        self.path, self._lock = path, None
        self._labels: dict[str, int] = {}
        if path is not None and writable:
            make_folder(path.parent)
            self._lock = lock(path)
        try:
            self._open(meta, writable)
        except sqlite3.Error as error:
            self.close()
            raise FileError(
                f"cannot be opened: {error}", where=str(path), expected="a store that is whole"
            ) from error
        except BaseException:
            self.close()
            raise

    def _open(self, meta: Mapping[str, str] | None, writable: bool) -> None:
        if self.path is None:
            self._db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        else:
            if meta is None and not is_store(self.path):
                what = "is no store of a sweep" if self.path.exists() else "no such store"
                raise FileError(what, where=str(self.path), expected="a file that `sweep` wrote")
            self._db = create(self.path) if writable else connect(self.path)
        if not writable:
            self._db.execute("PRAGMA query_only = TRUE")
        else:
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
        if meta is not None:
            with self._transaction():
                for statement in CREATE.split(";"):
                    self._db.execute(statement)
                rows = {"format": FORMAT, **meta}
                self._db.executemany("INSERT INTO meta VALUES (?, ?)", rows.items())
        self._check_form()
        self._labels = {text: i for i, text in self.labels().items()}

    def _check_form(self) -> None:
        try:
            form = dict(self._db.execute("SELECT key, value FROM meta")).get("format")
        except sqlite3.OperationalError as error:
            raise FileError(
                f"is no store of a sweep ({error})", where=str(self.path),
                expected="a file that `sweep` wrote",
            ) from None
        if form != FORMAT:
            raise FileError(
                f"is a store of form {form}, written by version {self.meta().get('version')}",
                where=str(self.path),
                expected=f"form {FORMAT}, of version {__version__}",
            )

    def close(self) -> None:
        """Close the file; a last reader or writer also removes SQLite's files beside it."""
        if hasattr(self, "_db"):
            self._db.close()
        if self._lock is not None:
            self._lock.close()
            self._lock = None
            assert self.path is not None
            lock_of(self.path).unlink(missing_ok=True)

    def meta(self) -> dict[str, str]:
        """Return what the sweep is."""
        return dict(self.ask("SELECT key, value FROM meta"))

    def ask(self, query: str, given: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        """Give what a query finds.

        Raises
        ------
        FileError
            If the file is damaged.
        """
        try:
            yield from self._db.execute(query, given)
        except sqlite3.DatabaseError as error:
            raise FileError(
                f"cannot be read: {error}", where=str(self.path or "the store"),
                expected="a store that is whole",
            ) from error

    def write(self, rows: Iterable[Row]) -> None:
        """Write the rows of a batch in one transaction: all of them, or none.

        Raises
        ------
        RunError
            If they cannot be written, of a full disk above all; what was there is kept.
        """
        known = dict(self._labels)
        try:
            with self._transaction():
                points, curves = [], []
                for row in rows:
                    points.append(self._point(row))
                    if row.loss is not None:
                        curves.append((row.number, self._label(row.steps), row.loss, row.level))
                marks = ", ".join("?" * len(COLUMNS))
                insert = f"INSERT OR REPLACE INTO points VALUES ({marks})"  # noqa: S608
                self._db.executemany(insert, points)
                self._db.executemany("INSERT OR REPLACE INTO curves VALUES (?, ?, ?, ?)", curves)
        except BaseException as error:
            # None of it was written; not even what an interrupted transaction has labelled.
            self._labels = known
            if not isinstance(error, sqlite3.Error):
                raise
            raise RunError(
                f"{self.path}: cannot be written: {error}; what is in it is kept, and --resume "
                "goes on with it"
            ) from error

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            # A full disk has rolled back already.
            with suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            raise

    def _point(self, row: Row) -> tuple[Any, ...]:
        return (
            row.number, row.parameters, row.status, self._label(row.skills), row.mastered_at,
            row.mastered, row.fell, row.all_mastered_at, row.final_loss, row.engine, __version__,
            row.seed, row.seconds, row.error,
        )  # fmt: skip

    def _label(self, text: str | None) -> int | None:
        if text is None:
            return None
        if text not in self._labels:
            # Ctrl-C between the end of a transaction and the next line: it may be there already.
            self._db.execute("INSERT OR IGNORE INTO labels (text) VALUES (?)", (text,))
            found = self._db.execute("SELECT id FROM labels WHERE text = ?", (text,))
            self._labels[text] = found.fetchone()[0]
        return self._labels[text]

    def labels(self) -> dict[int, str]:
        """Return the lists of skills and of steps, as JSON, by number."""
        return dict(self.ask("SELECT id, text FROM labels"))

    def counts(self) -> dict[str, int]:
        """Return how many points are done and failed."""
        found = dict(self.ask("SELECT status, count(*) FROM points GROUP BY status"))
        return {"done": found.get("done", 0), "failed": found.get("failed", 0)}

    def pending(self, count: int, *, retry: bool) -> np.ndarray:
        """Return the numbers below `count` that are not there; with `retry`, also the failed."""
        left = np.ones(count, dtype=bool)
        which = " WHERE status = 'done'" if retry else ""
        for (number,) in self.ask(f"SELECT number FROM points{which}"):  # noqa: S608
            left[number] = False
        return np.flatnonzero(left)

    def rows(self, *, status: str | None = None) -> Iterator[dict[str, Any]]:
        """Give the points in order, each a dictionary of `COLUMNS`."""
        which, given = (" WHERE status = ?", (status,)) if status else ("", ())
        query = f"SELECT {', '.join(COLUMNS)} FROM points{which} ORDER BY number"  # noqa: S608
        for row in self.ask(query, given):
            yield dict(zip(COLUMNS, row, strict=True))

    def curves(self) -> Iterator[tuple[int, int, bytes, bytes | None]]:
        """Give number, steps (a label), loss and levels of the points whose curves are kept."""
        yield from self.ask("SELECT number, steps, loss, level FROM curves ORDER BY number")
