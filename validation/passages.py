"""When something first holds: steps at which levels are passed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["first_above", "first_step", "passage", "passages"]

Floats = NDArray[np.float64]


def first_step(holds: ArrayLike, step: ArrayLike, axis: int = -2) -> Floats:
    """Return the first recorded step at which something holds; infinite where it never does.

    `axis` is that of the steps.

    Examples
    --------
    >>> first_step([[False, False], [True, False]], [0, 10])
    array([10., inf])
    """
    values = np.asarray(holds, dtype=bool)
    found = np.asarray(step, dtype=float)[values.argmax(axis=axis)]
    return np.where(values.any(axis=axis), found, np.inf)


def first_above(level: ArrayLike, step: ArrayLike, threshold: float) -> Floats:
    """Return the first recorded step with a level (…, step, skill) above a threshold, or infinity.

    Examples
    --------
    >>> first_above([[0.0, 0.0], [0.6, 0.1], [0.9, 0.2]], [0, 5, 10], 0.5)
    array([ 5., inf])
    """
    return first_step(np.asarray(level) > threshold, step)


def passages(level: ArrayLike, step: ArrayLike, thresholds: Sequence[float]) -> Floats:
    """Return the first recorded steps of (…, step, skill) above thresholds, (…, skill, threshold).

    Examples
    --------
    >>> passages([[0.0, 0.0], [0.6, 0.1], [0.9, 0.2]], [0, 5, 10], (0.5, 0.7))
    array([[ 5., 10.],
           [inf, inf]])
    """
    return np.stack([first_above(level, step, x) for x in thresholds], axis=-1)


def passage(step: ArrayLike, level: ArrayLike, value: float = 0.5) -> float:
    """Return when one level passes a value first, between records; infinite if it does not.

    Examples
    --------
    >>> passage([0, 10], [0.0, 0.8], 0.4)
    5.0
    """
    steps, levels = np.asarray(step, dtype=float), np.asarray(level, dtype=float)
    above = levels >= value
    if not above.any():
        return float("inf")
    k = int(above.argmax())
    if k == 0:
        return float(steps[0])
    part = (value - levels[k - 1]) / (levels[k] - levels[k - 1])
    return float(steps[k - 1] + part * (steps[k] - steps[k - 1]))
