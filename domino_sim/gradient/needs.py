"""Torch is optional: whatever needs it says so, and how to get it."""

from __future__ import annotations

import importlib
from typing import Any

from domino_sim.errors import EngineError

__all__ = ["need_torch"]


def need_torch(what: str, *others: str) -> Any:
    """Return the module ``torch`` for `what`, having checked that it and `others` are there.

    Raises
    ------
    EngineError
        If one of them is not installed.

    Examples
    --------
    >>> need_torch("this example").nn.__name__
    'torch.nn'
    """
    for name in ("torch", *others):
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise EngineError(
                f"{what} needs {name} ({error}): pip install torch pytorch-optimizer"
            ) from error
    return importlib.import_module("torch")
