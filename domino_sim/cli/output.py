"""Result folders: all files of a run take their places together, or none does."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from domino_sim.errors import FileError, InputError, RunError
from domino_sim.wording import reason_of

__all__ = ["check_folder", "staged"]

_SIGNALS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]


def check_folder(folder: Path, files: Iterable[str]) -> None:
    """Refuse a result folder that could not be written, before anything is run.

    Raises
    ------
    FileError
        If the folder, or the nearest folder above it that exists, is a file or not writable, or
        one of `files` is a folder in it.
    """
    try:
        nearest = next(p for p in (folder, *folder.absolute().parents) if os.path.lexists(p))
        if not nearest.is_dir():
            raise FileError("is not a folder", where=str(nearest), expected="a folder for results")
        if not os.access(nearest, os.W_OK | os.X_OK):
            raise FileError("is not writable", where=str(nearest), expected="a folder for results")
        # Some file systems (that of processes, say) have folders in which nothing can be made.
        try:
            os.rmdir(tempfile.mkdtemp(prefix=".domino-sim-", dir=nearest))
        except OSError as error:
            raise FileError(
                f"cannot be written: {reason_of(error)}", where=str(folder),
                expected="a folder for results",
            ) from error  # fmt: skip
        for name in files:
            if (folder / name).is_dir():
                raise FileError("is a folder", where=str(folder / name), expected="a file")
    except (OSError, ValueError) as error:  # a name too long, a NUL in it
        if isinstance(error, FileError):
            raise
        raise FileError(
            f"is not a path: {reason_of(error)}", where=str(folder), expected="a folder for results"
        ) from error


@contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """Give a temporary folder whose files move into `folder` at the end.

    Other files in `folder` stay as they are. If anything fails before the end, `folder` is left
    as it was and what was made is removed.

    Raises
    ------
    RunError
        If something cannot be written (a full disk, say).
    """
    made: list[Path] = []
    try:
        for parent in reversed(folder.absolute().parents):
            if not parent.exists():
                parent.mkdir()
                made.append(parent)
        temporary = Path(tempfile.mkdtemp(prefix=".domino-sim-", dir=folder.parent))
        try:
            yield temporary
            _move_into(folder, temporary)
            made.clear()
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except InputError as error:
        # Its place is in the temporary folder, which means nothing to the reader.
        raise RunError(f"{folder}: {error.what}") from error
    except OSError as error:
        raise RunError(f"{folder}: cannot be written: {reason_of(error)}") from error
    finally:
        for parent in reversed(made):
            parent.rmdir()


def _move_into(folder: Path, temporary: Path) -> None:
    with _signals_deferred():
        folder.mkdir(exist_ok=True)
        for path in sorted(temporary.iterdir()):
            os.replace(path, folder / path.name)


@contextmanager
def _signals_deferred() -> Iterator[None]:
    """Let signals wait: between the first rename and the last, results would be mixed."""
    waiting: list[int] = []

    def wait(number: int, frame: FrameType | None) -> None:
        waiting.append(number)

    handlers = {number: signal.signal(number, wait) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for number in waiting:
            signal.raise_signal(number)
