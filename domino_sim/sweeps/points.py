"""The points of a sweep: numbered, and made only when they are asked for."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from domino_sim.sweeps.axes import Axis

__all__ = ["Points", "key_of", "spawned_seed"]


def key_of(parameters: Mapping[str, Any]) -> str:
    """Return the key of a point: its parameters as JSON, the same whatever their order.

    Examples
    --------
    >>> key_of({"pool.wasted": 0.1, "mastery": 0.9})
    '{"mastery": 0.9, "pool.wasted": 0.1}'
    """
    return json.dumps(parameters, sort_keys=True, ensure_ascii=False)


def spawned_seed(parameters: Mapping[str, Any]) -> int:
    """Return the seed that follows from a point's own key: who runs it, and when, is no matter.

    Examples
    --------
    >>> spawned_seed({"seed": 0}) == spawned_seed({"seed": 0}) != spawned_seed({"seed": 1})
    True
    """
    digest = hashlib.sha256(key_of(parameters).encode()).digest()
    sequence = np.random.SeedSequence(int.from_bytes(digest, "big"))
    return int(sequence.generate_state(1, np.uint64)[0] >> np.uint64(1))


@dataclass(frozen=True)
class Points:
    """All combinations of the places of some axes; the last axis varies fastest.

    Examples
    --------
    >>> a = Axis("a", ("a",), ((1,), (2,)))
    >>> b = Axis("b", ("b",), ((10,), (20,), (30,)))
    >>> points = Points((a, b))
    >>> len(points), points.parameters(4)
    (6, {'a': 2, 'b': 20})
    """

    axes: tuple[Axis, ...]

    def __len__(self) -> int:
        return self.count

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """How many places each axis has."""
        return tuple(len(axis) for axis in self.axes)

    @cached_property
    def count(self) -> int:
        """How many points there are; `len` would not take more than 2⁶³."""
        return math.prod(self.shape)

    def places(self, number: int) -> tuple[int, ...]:
        """Return the place of a point on each axis."""
        found = []
        for length in reversed(self.shape):
            number, place = divmod(number, length)
            found.append(place)
        return tuple(reversed(found))

    def parameters(self, number: int) -> dict[str, Any]:
        """Return the value of each key at a point."""
        found: dict[str, Any] = {}
        for axis, place in zip(self.axes, self.places(number), strict=True):
            found.update(axis.at(place))
        return found

    def inner(self, keys: Sequence[str]) -> int:
        """Return how many points in a row differ only in `keys`."""
        count = 1
        for axis in reversed(self.axes):
            if not set(axis.keys) <= set(keys):
                break
            count *= len(axis)
        return count

    def arranged(self, fast: Sequence[str]) -> Points:
        """Return the points with the axes of `fast` keys last, else in the same order."""
        axes = sorted(self.axes, key=lambda axis: set(axis.keys) <= set(fast))
        return Points(tuple(axes))
