"""The libraries that only some formats need."""

from __future__ import annotations

import importlib
from typing import Any

from domino_sim.errors import FileError

__all__ = ["needed"]


def needed(module: str, file: str, library: str) -> Any:
    """Return a module of an optional library.

    Raises
    ------
    FileError
        If it is not installed; the message says how to get it.
    """
    try:
        return importlib.import_module(module)
    except ImportError:
        raise FileError(
            f"cannot be read without {library}",
            where=file,
            expected=f"{library} to be installed: pip install 'domino-sim[readers]'",
        ) from None
