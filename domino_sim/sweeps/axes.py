"""The axes of a sweep: lists, ranges, and zipped lists; points that are drawn are in `drawing`."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from domino_sim.errors import ScenarioError
from domino_sim.scenario.places import Place
from domino_sim.scenario.sweep_table import Range, SweepTable
from domino_sim.sweeps.drawing import drawn_rows, tidy
from domino_sim.wording import shown

__all__ = ["SAMPLE", "Axis", "axes_of", "lengths_of"]

#: The name of the axis of drawn points.
SAMPLE = "sample"


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
        If a value cannot be kept as JSON, an axis has one twice, or zipped axes differ in length.
    """
    place = Place(where)
    for key, values in table.axes.items():
        if isinstance(values, tuple):
            for value in values:
                _check_plain(value, place.of("sweep", "axes", key))
    if table.sampling != "grid":
        if not table.axes:
            return []
        keys, rows = drawn_rows(table)
        return [Axis(SAMPLE, keys, rows)]
    lists = {
        key: list(values) if isinstance(values, tuple) else _spaced(values)
        for key, values in table.axes.items()
    }
    axes = []
    for keys in _groups(table):
        lengths = {len(lists[k]) for k in keys}
        if len(lengths) > 1:
            told = ", ".join(f"{k} has {len(lists[k])}" for k in keys)
            raise ScenarioError(
                f"zipped axes differ in length: {told}",
                where=place.of("sweep", "zip"),
                expected="as many values in each",
            )
        rows = tuple(zip(*(lists[k] for k in keys), strict=True))
        _check_once(rows, place.of("sweep", "axes", keys[0]))
        axes.append(Axis(keys[0], keys, rows))
    return axes


def lengths_of(table: SweepTable) -> dict[str, int]:
    """Return how long each axis will be at most, by name: known before any of them is made."""
    if table.sampling != "grid":
        return {SAMPLE: table.count or 0} if table.axes else {}
    found = {}
    for keys in _groups(table):
        values = table.axes[keys[0]]
        most = len(values) if isinstance(values, tuple) else values.most
        found[keys[0]] = most or 0
    return found


def _groups(table: SweepTable) -> list[tuple[str, ...]]:
    """Return the keys of each axis, in order: one, or those that are zipped."""
    group_of = {key: keys for keys in table.zip for key in keys}
    return list(dict.fromkeys(group_of.get(key, (key,)) for key in table.axes))


def _check_plain(value: Any, where: str) -> None:
    """Refuse what a scenario file has no place for, and a store no text."""
    if isinstance(value, list | tuple):
        for inner in value:
            _check_plain(inner, where)
    elif isinstance(value, dict):
        for inner in value.values():
            _check_plain(inner, where)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ScenarioError(f"the value {value} is not finite", where=where)
    elif not isinstance(value, str | int | float | None):
        raise ScenarioError(
            f"the value {shown(value)} is of type {type(value).__name__}",
            where=where,
            expected="numbers, texts, truth values, lists or tables of them",
        )


def _check_once(rows: tuple[tuple[Any, ...], ...], where: str) -> None:
    seen: set[str] = set()
    for row in rows:
        text = json.dumps(_folded(row), sort_keys=True)
        if text in seen:
            told = ", ".join(map(shown, row))
            raise ScenarioError(
                f"the value {told} is given twice", where=where, expected="each once"
            )
        seen.add(text)


def _folded(value: Any) -> Any:
    """Return a value such that equal numbers have equal texts: 1 and 1.0, 0.0 and -0.0."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {key: _folded(inner) for key, inner in value.items()}
    return [_folded(inner) for inner in value] if isinstance(value, list | tuple) else value


def _spaced(values: Range) -> list[float] | list[int]:
    assert values.n is not None
    low, high = values.low, values.high
    make = np.geomspace if values.spacing == "log" else np.linspace
    numbers = make(low, high, values.n)
    if values.whole:
        whole = np.clip(np.rint(numbers), math.ceil(low), math.floor(high))
        return [int(v) for v in np.unique(whole)]
    found = [tidy(v, values) for v in numbers.tolist()]
    # Numbers closer together than the digits that are kept stay as they are.
    return found if (np.diff(found) > 0).all() else numbers.tolist()
