"""When something first holds, and published vectors as files that runs can name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["first_step", "vectors_file"]

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


@contextmanager
def vectors_file(vectors: ArrayLike) -> Iterator[str]:
    """Give the path of a file of task vectors, for ``model.vectors`` of a run; it goes after."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "vectors.npy"
        np.save(path, np.asarray(vectors, dtype=np.float32))
        yield str(path)
