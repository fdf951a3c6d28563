"""Checkpoints: long work resumes where it was, exactly.

A checkpoint is what Torch saves of plain tensors, numbers and texts; it is read with
``weights_only=True`` and written to a temporary file that is renamed.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import torch

from domino_sim import __version__
from domino_sim.errors import FileError
from domino_sim.files import atomic_write

__all__ = ["fingerprint", "read_checkpoint", "write_checkpoint"]


def fingerprint(definition: Any) -> str:
    """Return a text that two equal definitions (of plain values) share, and no others."""
    text = json.dumps([__version__, definition], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def write_checkpoint(path: Path, content: dict[str, Any]) -> None:
    """Write a checkpoint of tensors, numbers, texts, lists and dictionaries.

    Raises
    ------
    FileError
        If it cannot be written; what was there before is left.
    """
    atomic_write(path, lambda temporary: torch.save(content, temporary))


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint.

    Raises
    ------
    FileError
        If it is not one.
    """
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
