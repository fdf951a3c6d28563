"""Checkpoints: long work resumes where it was, exactly.

A checkpoint is what Torch saves of plain tensors, numbers and texts; it is read with
``weights_only=True`` and written to a temporary file that is renamed.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from domino_sim import __version__
from domino_sim.errors import FileError
from domino_sim.files import atomic_write
from domino_sim.wording import reason_of

__all__ = [
    "checkpoint_path",
    "checkpoints_in",
    "fingerprint",
    "read_checkpoint",
    "remove_checkpoints",
    "write_checkpoint",
]


def fingerprint(definition: Any) -> str:
    """Return a text that two equal definitions (of plain values) share, and no others."""
    text = json.dumps([__version__, definition], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def checkpoint_path(folder: Path, first: int, last: int) -> Path:
    """Return where the runs numbered from `first` to `last` have their checkpoint."""
    return folder / f"runs-{first:06d}-{last:06d}.pt"


def checkpoints_in(folder: Path) -> list[Path]:
    """Return the checkpoints in a folder, which may hold files of others and need not exist."""
    return sorted(p for p in folder.glob("runs-*-*.pt") if p.is_file())


def remove_checkpoints(folder: Path) -> None:
    """Remove the checkpoints in a folder, and the folder if nothing else is in it.

    Raises
    ------
    FileError
        If one cannot be removed.
    """
    try:
        for path in checkpoints_in(folder):
            path.unlink()
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
    except OSError as error:
        what = f"cannot be removed: {reason_of(error)}"
        raise FileError(what, where=str(error.filename or folder)) from error


def write_checkpoint(path: Path, content: dict[str, Any]) -> None:
    """Write a checkpoint of tensors, numbers, texts, lists and dictionaries.

    Raises
    ------
    FileError
        If it cannot be written; what was there before is left.
    """
    import torch

    def write(temporary: Path) -> None:
        try:
            torch.save(content, temporary)
        except RuntimeError as error:  # what Torch makes of a full disk
            raise OSError(str(error).splitlines()[0]) from error

    atomic_write(path, write)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint.

    Raises
    ------
    FileError
        If it is not one.
    """
    import torch

    try:
        content = torch.load(path, weights_only=True, map_location="cpu")
    except Exception as error:  # zip, unpickling and system errors of many kinds
        what = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise FileError(
            f"cannot be read as a checkpoint: {what}", where=str(path), expected="remove it"
        ) from error
    if not isinstance(content, dict):
        raise FileError("is not a checkpoint", where=str(path), expected="remove it")
    return content
