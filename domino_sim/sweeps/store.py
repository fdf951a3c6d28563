"""The store of a sweep: one SQLite file, written by the coordinator alone.

It is in WAL mode: it can be read while it is written, and a coordinator that is killed leaves
every transaction it had finished. A transaction holds the rows of a batch.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from domino_sim import __version__
from domino_sim.errors import FileError, RunError
from domino_sim.files import make_folder
from domino_sim.sweeps.storage_form import COLUMNS, CREATE, FORMAT
from domino_sim.sweeps.task import Row

__all__ = ["Store", "is_empty", "is_store"]

#: What the name of a store gets while a sweep writes into it.
LOCK = ".lock"


def is_store(path: str | Path) -> bool:
    """Whether this is an SQLite file."""
    # Asked of SQLite: closing the file oneself would drop the locks this process has on it.
    with suppress(OSError, ValueError, sqlite3.Error):
        path = Path(path)
        if path.is_file() and path.stat().st_size:
            with closing(sqlite3.connect(_address(path, "rw"), uri=True)) as db:
                db.execute("PRAGMA schema_version")
            return True
    return False


def _address(path: Path, mode: str) -> str:
    return f"{path.absolute().as_uri()}?mode={mode}"


def is_empty(path: Path) -> bool:
    """Whether this is a store whose coordinator died before it had said what the sweep is."""
    with suppress(OSError, sqlite3.Error):
        if path.stat().st_size == 0:
            return True
        if is_store(path):
            with closing(sqlite3.connect(_address(path, "rw"), uri=True)) as db:
                return not db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    return False


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
            self._lock = _locked(path)
        try:
            self._open(meta, writable)
        except sqlite3.Error as error:
            self.close()
            raise FileError(f"cannot be opened: {error}", where=str(path)) from error
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
            # Readers do not write, but a last one must be able to remove SQLite's files beside it.
            address = _address(self.path, "rw" if meta is None else "rwc")
            self._db = sqlite3.connect(address, uri=True, isolation_level=None, timeout=30)
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
        self._labels = {text: i for i, text in self._db.execute("SELECT id, text FROM labels")}

    def _check_form(self) -> None:
        try:
            form = self.meta().get("format")
        except sqlite3.Error as error:
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
            Path(f"{self.path}{LOCK}").unlink(missing_ok=True)

    def meta(self) -> dict[str, str]:
        """Return what the sweep is."""
        return dict(self._db.execute("SELECT key, value FROM meta"))

    def write(self, rows: Iterable[Row]) -> None:
        """Write the rows of a batch in one transaction: all of them, or none.

        Raises
        ------
        RunError
            If they cannot be written, of a full disk above all; what was there is kept.
        """
        known = len(self._labels)
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
        except sqlite3.Error as error:
            self._labels = dict(list(self._labels.items())[:known])
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
            row.mastered, row.all_mastered_at, row.final_loss, row.engine, __version__, row.seed,
            row.seconds, row.error,
        )  # fmt: skip

    def _label(self, text: str | None) -> int | None:
        if text is None:
            return None
        if text not in self._labels:
            found = self._db.execute("INSERT INTO labels (text) VALUES (?)", (text,))
            assert found.lastrowid is not None
            self._labels[text] = found.lastrowid
        return self._labels[text]

    def labels(self) -> dict[int, str]:
        """Return the lists of skills and of steps, as JSON, by number."""
        return dict(self._db.execute("SELECT id, text FROM labels"))

    def counts(self) -> dict[str, int]:
        """Return how many points are done and failed."""
        found = dict(self._db.execute("SELECT status, count(*) FROM points GROUP BY status"))
        return {"done": found.get("done", 0), "failed": found.get("failed", 0)}

    def pending(self, count: int, *, retry: bool) -> np.ndarray:
        """Return the numbers below `count` that are not there; with `retry`, also the failed."""
        left = np.ones(count, dtype=bool)
        which = " WHERE status = 'done'" if retry else ""
        for (number,) in self._db.execute(f"SELECT number FROM points{which}"):  # noqa: S608
            left[number] = False
        return np.flatnonzero(left)

    def rows(self, *, status: str | None = None) -> Iterator[dict[str, Any]]:
        """Give the points in order, each a dictionary of `COLUMNS`."""
        which, given = (" WHERE status = ?", (status,)) if status else ("", ())
        query = f"SELECT {', '.join(COLUMNS)} FROM points{which} ORDER BY number"  # noqa: S608
        for row in self._db.execute(query, given):
            yield dict(zip(COLUMNS, row, strict=True))

    def curves(self) -> Iterator[tuple[int, int, bytes, bytes | None]]:
        """Give number, steps (a label), loss and levels of the points whose curves are kept."""
        yield from self._db.execute("SELECT number, steps, loss, level FROM curves ORDER BY number")


def _locked(path: Path) -> sqlite3.Connection:
    """Hold the lock of a store. It is SQLite's own, so it ends with the process, however it ends.

    A lock on the store itself would keep readers out.
    """
    lock = sqlite3.connect(f"{path}{LOCK}", timeout=0, isolation_level=None)
    try:
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        lock.close()
        busy = "locked" in str(error)
        raise FileError(
            "another sweep is writing into it" if busy else f"cannot be written: {error}",
            where=str(path),
            expected="to wait for it, or another --out" if busy else "a file that can be written",
        ) from None
    return lock
