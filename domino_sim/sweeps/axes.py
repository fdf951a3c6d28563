"""The axes of a sweep: lists, ranges, zipped lists, and points that are drawn."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from domino_sim.errors import ScenarioError
from domino_sim.scenario.sweep_table import Range, SweepTable
from domino_sim.wording import shown

__all__ = ["SAMPLE", "Axis", "axes_of"]

#: The name of the axis of drawn points.
SAMPLE = "sample"

#: Significant digits of numbers of ranges and of drawn ones: the rest would be rounding.
DIGITS = 12


@dataclass(frozen=True)
class Axis:
    """One axis: `keys` that vary together, and their values at each of its places.

    Examples
    --------
    >>> axis = Axis("pool.wasted", ("pool.wasted",), ((0.1,), (0.2,)))
    >>> len(axis), axis.at(1)
    (2, {'pool.wasted': 0.2})
    """

    name: str
    keys: tuple[str, ...]
    values: tuple[tuple[Any, ...], ...]

    def __len__(self) -> int:
        return len(self.values)

    def at(self, place: int) -> dict[str, Any]:
        """Return the value of each key at a place."""
        return dict(zip(self.keys, self.values[place], strict=True))


def axes_of(table: SweepTable, where: str) -> list[Axis]:
    """Return the axes of a ``[sweep]`` table, in its order; without seeds and mixtures.

    Raises
    ------
    ScenarioError
        If an axis has a value twice, or zipped axes differ in length.
    """
    place = f"{where}: sweep" if where else "sweep"
    if table.sampling != "grid":
        return [_drawn(table)] if table.axes else []
    lists = {key: _listed(values, f"{place}.axes.{key}") for key, values in table.axes.items()}
    group_of = {key: keys for keys in table.zip for key in keys}
    axes: dict[tuple[str, ...], Axis] = {}
    for key in table.axes:
        keys = group_of.get(key, (key,))
        if keys in axes:
            continue
        lengths = {len(lists[k]) for k in keys}
        if len(lengths) > 1:
            told = ", ".join(f"{k} has {len(lists[k])}" for k in keys)
            raise ScenarioError(
                f"zipped axes differ in length: {told}",
                where=f"{place}.zip",
                expected="as many values in each",
            )
        values = tuple(zip(*(lists[k] for k in keys), strict=True))
        axes[keys] = Axis(keys[0], keys, values)
    return list(axes.values())


def _listed(values: Range | tuple[Any, ...], where: str) -> list[Any]:
    found = list(values) if isinstance(values, tuple) else _spaced(values)
    seen: set[str] = set()
    for value in found:
        text = json.dumps(value, sort_keys=True)
        if text in seen:
            raise ScenarioError(
                f"the value {shown(value)} is given twice", where=where, expected="each once"
            )
        seen.add(text)
    return found


def _spaced(values: Range) -> list[float] | list[int]:
    assert values.n is not None
    make = np.geomspace if values.spacing == "log" else np.linspace
    numbers = make(values.low, values.high, values.n)
    if values.whole:
        return [int(v) for v in np.unique(np.rint(numbers))]
    return [_tidy(v) for v in numbers.tolist()]


def _tidy(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")


def _drawn(table: SweepTable) -> Axis:
    """Draw `count` points of the cube and stretch each side over its range or list."""
    keys, count = tuple(table.axes), table.count
    assert count is not None
    if table.sampling == "sobol":
        from scipy.stats import qmc

        # Points beyond a power of two are as good as those before; scipy would warn of them.
        rows = qmc.Sobol(len(keys), rng=np.random.default_rng(table.sample_seed))
        cube = rows.random_base2(max(count - 1, 0).bit_length())[:count]
    else:
        cube = np.random.default_rng(table.sample_seed).random((count, len(keys)))
    columns = [
        _stretched(cube[:, i], values) for i, values in enumerate(table.axes.values())
    ]
    return Axis(SAMPLE, keys, tuple(zip(*columns, strict=True)))


def _stretched(unit: np.ndarray, values: Range | tuple[Any, ...]) -> Sequence[Any]:
    if isinstance(values, tuple):
        return [values[i] for i in (unit * len(values)).astype(int)]
    if values.spacing == "log":
        low, high = np.log(values.low), np.log(values.high)
        numbers = np.exp(low + unit * (high - low))
    else:
        numbers = values.low + unit * (values.high - values.low)
    numbers = np.clip(numbers, values.low, values.high)
    if values.whole:
        return [int(v) for v in np.rint(numbers)]
    return [_tidy(v) for v in numbers.tolist()]
