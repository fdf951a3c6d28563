"""The journal of a training run: a JSONL file that grows a line at a time and survives a crash.

A line is a row of a tidy table (``docs/files.md``, "The journal of a recorder")::

    {"run": "seed 0", "skill": "copy", "frequency": 0.5}
    {"run": "seed 0", "step": 100, "skill": "copy", "loss": 2.1, "level": 0.3}
"""

from __future__ import annotations

import errno
import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from domino_sim.errors import FileError, nearest_name
from domino_sim.files import atomic_write, read_bytes
from domino_sim.parsing import parse_json
from domino_sim.wording import reason_of, shown

__all__ = ["Journal", "Row"]

Row = Mapping[str, Any]

KEYS = ("run", "step", "skill", "level", "loss", "frequency")


class Journal:
    """An append-only file of rows, written by one process at a time.

    The file is open only while a row is written, and not kept open between: nothing is left to
    close, and a process that dies has lost nothing that was written before.

    Parameters
    ----------
    path
        The file. If it is not there it is made; its folder must exist. A last line that a crash
        has left unfinished is cut off.

    Attributes
    ----------
    rows
        What the file held when it was opened: pairs of the line's place, for messages, and row.

    Raises
    ------
    FileError
        If the file cannot be read or written, or a line is not a row.

    Examples
    --------
    >>> Journal("run.jsonl").append([{"run": "seed 0", "step": 0, "skill": "A", "loss": 0.7}])
    >>> Journal("run.jsonl").rows
    [('run.jsonl: line 1', {'run': 'seed 0', 'step': 0, 'skill': 'A', 'loss': 0.7})]
    """

    def __init__(self, path: str | Path) -> None:
        self.name = str(path)
        try:
            self.path = Path(path).resolve()  # the training may change its working directory
            there = self.path.exists()
        except (OSError, ValueError, RuntimeError) as error:
            raise FileError(f"not a usable path: {reason_of(error)}", where=self.name) from error
        if not there:
            atomic_write(self.path, b"")
        raw = read_bytes(self.path)
        before, whole = len(raw), raw.rfind(b"\n") + 1
        if not _is_begun(raw[whole:]):
            # Not what a crash leaves of a row: the file is somebody else's.
            line = raw.count(b"\n") + 1
            raise FileError(
                f"ends with {shown(raw[whole:][:40])}, which is no row",
                where=f"{self.name}: line {line}",
                expected="a file that a recorder has written, or a new one",
            )
        if _is_row(raw[whole:]):
            # Nothing but the end of the line is missing: no part of an object is an object.
            raw, whole = raw + b"\n", before + 1
        self.rows = [
            (place, _parsed(line, place))
            for k, line in enumerate(raw[:whole].splitlines())
            if line.strip()
            for place in [f"{self.name}: line {k + 1}"]
        ]
        if whole != before:
            atomic_write(self.path, raw[:whole])
        self._size = whole

    def append(self, rows: Iterable[Row]) -> None:
        """Write rows at the end of the file, so that they outlive this process.

        Raises
        ------
        FileError
            If they cannot be written, or another process has written to the file.
        """
        data = _lines(rows)
        try:
            with self.path.open("ab", buffering=0) as file:
                if file.tell() != self._size:
                    raise FileError(
                        "has been changed by something else while it was recorded",
                        where=self.name,
                        expected="one recorder a file",
                    )
                try:
                    # One write, so that a crash cannot come between the rows of a step.
                    if file.write(data) != len(data):
                        raise OSError(errno.ENOSPC, "only a part of it found room")
                except OSError:
                    with suppress(OSError):
                        file.truncate(self._size)
                    raise
        except OSError as error:
            raise FileError(f"cannot be written: {reason_of(error)}", where=self.name) from error
        self._size += len(data)

    def replace(self, rows: Iterable[Row]) -> None:
        """Write these rows in place of all that the file holds; it has the old or the new ones."""
        data = _lines(rows)
        atomic_write(self.path, data)
        self._size = len(data)


def _lines(rows: Iterable[Row]) -> bytes:
    dumped = (json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in rows)
    return "".join(dumped).encode()


def _is_begun(line: bytes) -> bool:
    """Whether a line without an end is the beginning of a row (or nothing)."""
    begin = b'{"run": "'
    return line.startswith(begin) or begin.startswith(line)


def _is_row(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _parsed(line: bytes, where: str) -> Row:
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        raise FileError(f"not UTF-8 text (byte {error.start})", where=where) from None
    row = parse_json(text, where)
    if not isinstance(row, dict):
        raise FileError(f"is {shown(row)}", where=where, expected=f"an object of {', '.join(KEYS)}")
    for key in row:
        if key not in KEYS:
            raise FileError(
                f"unknown key {shown(key)}",
                where=where,
                expected=f"one of {', '.join(KEYS)}",
                nearest=nearest_name(key, KEYS),
            )
    for key in ("run", "skill"):
        if not isinstance(row.get(key), str):
            what = f"is {shown(row[key])}" if key in row else "is missing"
            raise FileError(what, where=f"{where}: {key}", expected="a name")
    return row
