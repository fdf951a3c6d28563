"""Files of stores: told from others, locked, opened for reading wherever they lie."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from domino_sim.errors import FileError

__all__ = ["connect", "create", "is_empty", "is_store", "lock", "lock_of"]

#: What the name of a store gets while a sweep writes into it.
LOCK = ".lock"


def is_store(path: str | Path) -> bool:
    """Whether this is an SQLite file, be it a damaged one."""
    # Asked of SQLite: closing the file oneself would drop the locks this process has on it.
    with suppress(OSError, ValueError):
        path = Path(path)
        if path.is_file() and path.stat().st_size:
            try:
                connect(path).close()
            except sqlite3.Error as error:
                code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_NOTADB)
                return code not in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CANTOPEN)
            return True
    return False


def is_empty(path: Path) -> bool:
    """Whether this is a store whose coordinator died before it had said what the sweep is."""
    with suppress(OSError, sqlite3.Error):
        if path.stat().st_size == 0:
            return True
        if is_store(path):
            with closing(connect(path)) as db:
                return not db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    return False


def connect(path: Path) -> sqlite3.Connection:
    """Open a store for reading.

    Readers do not write, but a last one must be able to remove SQLite's files beside it; where
    nothing can be written, they do without, and a store that nobody is writing needs none.

    Raises
    ------
    sqlite3.Error
        If it is none, or cannot be opened.
    """
    ways = ["mode=rw", "mode=ro"]
    if not Path(f"{path}-wal").exists():
        ways.append("mode=ro&immutable=1")
    for way in ways:
        db = None
        try:
            db = sqlite3.connect(_address(path, way), uri=True, isolation_level=None)
            db.execute("SELECT count(*) FROM sqlite_master").fetchone()
            return db
        except sqlite3.OperationalError as error:
            if db is not None:
                db.close()
            codes = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)
            if way == ways[-1] or getattr(error, "sqlite_errorcode", 0) & 0xFF not in codes:
                raise
        except BaseException:
            if db is not None:
                db.close()
            raise
    raise AssertionError("unreachable")


def create(path: Path) -> sqlite3.Connection:
    """Open a store for writing; it is made if it is not there."""
    return sqlite3.connect(_address(path, "mode=rwc"), uri=True, isolation_level=None, timeout=30)


def _address(path: Path, how: str) -> str:
    return f"{path.absolute().as_uri()}?{how}"


def lock_of(path: Path) -> Path:
    """Return the file whose lock says that a store is being written, by whatever name."""
    return Path(f"{path.resolve()}{LOCK}")


def lock(path: Path) -> sqlite3.Connection:
    """Hold the lock of a store. It is SQLite's own, so it ends with the process, however it ends.

    A lock on the store itself would keep readers out.

    Raises
    ------
    FileError
        If another sweep holds it, or it cannot be made.
    """
    held = None
    try:
        held = sqlite3.connect(lock_of(path), timeout=0, isolation_level=None)
        # A journal beside it would be left when the process is killed.
        held.execute("PRAGMA journal_mode = MEMORY")
        held.execute("BEGIN EXCLUSIVE")
    except sqlite3.Error as error:
        if held is not None:
            held.close()
        busy = "locked" in str(error)
        raise FileError(
            "another sweep is writing into it" if busy else f"cannot be written: {error}",
            where=str(path),
            expected="to wait for it, or another --out" if busy else "a file that can be written",
        ) from None
    return held
