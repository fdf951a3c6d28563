"""When something first holds, a further run among some, and vectors as files runs can name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import ArrayLike, NDArray

from validation.value import Value

__all__ = ["first_step", "one_more", "vectors_file"]

Floats = NDArray[np.float64]

#: The chance that a further run is outside the interval of `one_more`.
OUTSIDE = 0.05


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


def one_more(samples: ArrayLike, least: float = 0.0) -> Value:
    """Return the median of positive samples, and where a further one is with a chance of 95 %.

    Student's interval, in logarithms: for one published seed among ours. Their standard deviation
    is taken to be no less than `least`: for few samples, where more have shown it. With samples
    that are infinite it has no upper end, and its lower one is that of the others.

    Examples
    --------
    >>> str(one_more([90.0, 100.0, 110.0, 100.0]))
    '100 [74.51, 133.5]'
    """
    from scipy.stats import t

    values = np.asarray(samples, dtype=float).ravel()
    known = np.log(values[np.isfinite(values)])
    if len(known) < 2:
        return Value(float(np.median(values)), float(values.min()), float("inf"))
    wide = t.ppf(1.0 - OUTSIDE / 2.0, len(known) - 1) * np.sqrt(1.0 + 1.0 / len(known))
    middle, half = known.mean(), wide * max(known.std(ddof=1), least)
    high = float(np.exp(middle + half)) if len(known) == len(values) else float("inf")
    return Value(float(np.median(values)), float(np.exp(middle - half)), high)


@contextmanager
def vectors_file(vectors: ArrayLike) -> Iterator[str]:
    """Give the path of a file of task vectors, for ``model.vectors`` of a run; it goes after."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "vectors.npy"
        np.save(path, np.asarray(vectors, dtype=np.float32))
        yield str(path)
