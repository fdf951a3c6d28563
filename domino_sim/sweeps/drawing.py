"""Points that are drawn from the ranges and lists of a ``[sweep]`` table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from domino_sim.scenario.sweep_table import Range, SweepTable

__all__ = ["drawn_rows", "tidy"]

#: Significant digits of numbers of ranges and of drawn ones: the rest would be rounding.
DIGITS = 12


def tidy(value: float, within: Range) -> float:
    """Return a number to `DIGITS` significant digits, but never outside its range."""
    return min(max(float(f"{value:.{DIGITS}g}"), within.low), within.high)


def drawn_rows(table: SweepTable) -> tuple[tuple[str, ...], tuple[tuple[Any, ...], ...]]:
    """Draw `count` points of the cube and stretch each side over its range or list.

    Returns
    -------
    tuple
        The keys, and a row of their values for each point.
    """
    keys, count = tuple(table.axes), table.count
    assert count is not None
    if table.sampling == "sobol":
        from scipy.stats import qmc

        # Points beyond a power of two are as good as those before; scipy would warn of them.
        rows = qmc.Sobol(len(keys), rng=np.random.default_rng(table.sample_seed))
        cube = rows.random_base2(max(count - 1, 0).bit_length())[:count]
    else:
        cube = np.random.default_rng(table.sample_seed).random((count, len(keys)))
    columns = [_stretched(cube[:, i], values) for i, values in enumerate(table.axes.values())]
    return keys, tuple(zip(*columns, strict=True))


def _stretched(unit: np.ndarray, values: Range | tuple[Any, ...]) -> Sequence[Any]:
    if isinstance(values, tuple):
        return [values[i] for i in (unit * len(values)).astype(int)]
    low, high = values.low, values.high
    if values.whole:
        # Half a number more at both ends: the end ones come as often as those beside them.
        first, last = math.ceil(low), math.floor(high)
        low, high = first - 0.5, last + 0.5
    if values.spacing == "log":
        numbers = np.exp(np.log(low) + unit * (np.log(high) - np.log(low)))
    else:
        numbers = low + unit * (high - low)
    if values.whole:
        return [int(v) for v in np.clip(np.rint(numbers), first, last)]
    return [tidy(v, values) for v in numbers.tolist()]
