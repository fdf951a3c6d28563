"""Reference values: files in ``validation/data/`` and ``tests/data/``, with their sources."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from domino_sim.files import read_toml
from validation.setting import ROOT, Arrays
from validation.value import Value

__all__ = ["arrays", "number", "numbers"]

FOLDERS = (ROOT / "validation" / "data", ROOT / "tests" / "data")


@cache
def arrays(name: str) -> Arrays:
    """Return the arrays of a file (``NAME.npz``); ``data/README.md`` says what they are."""
    for folder in FOLDERS:
        path = folder / f"{name}.npz"
        if path.exists():
            with np.load(path, allow_pickle=False) as file:
                return dict(file)
    raise FileNotFoundError(f"{name}.npz is neither in validation/data nor in tests/data")


@cache
def numbers(figure: str) -> dict[str, Any]:
    """Return the published numbers of a figure: ``data/FIGURE.toml``, a table a number.

    Each has ``source``, and ``value`` or bounds ``low`` and ``high``, or all three.
    """
    return read_toml(FOLDERS[0] / f"{figure}.toml")


def number(figure: str, key: str) -> tuple[Value, str]:
    """Return a published number and where it is from."""
    table = numbers(figure)[key]
    value = float(table.get("value", "nan"))
    low = float(table.get("low", table.get("value", "-inf")))
    high = float(table.get("high", table.get("value", "inf")))
    return Value(value, low, high), str(table["source"])
