"""The Gram matrix of correlated tasks: of random task vectors, or from a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from domino_sim.errors import FileError, ScenarioError
from domino_sim.files import read_text
from domino_sim.scenario.tables import Correlation

#: The most numbers the task vectors, or their Gram matrix, may hold: 0.8 GB.
MOST_NUMBERS = 10**8


def gram_matrix(
    spec: Correlation | str, count: int, where: str, folder: Path | None
) -> NDArray[np.float64]:
    """Return the Gram matrix of `count` tasks, shape (count, count).

    Random task vectors are the rows of ``default_rng(seed).standard_normal((count, n_dim))``,
    each of length 1. A matrix from a file (.csv or .npy) must be symmetric, with a positive
    diagonal and no eigenvalue below −1e-6 of its largest
    entry.

    Raises
    ------
    ScenarioError, FileError

    Examples
    --------
    >>> gram_matrix(Correlation(n_dim=3, seed=7), 2, "", None).diagonal().round(12)
    array([1., 1.])
    """
    size = count * max(count, spec.n_dim if isinstance(spec, Correlation) else count)
    if size > MOST_NUMBERS:
        raise ScenarioError(
            f"{count} tasks need {size * 8 / 1e9:.3g} GB", where=where, expected="at most 0.8 GB"
        )
    if isinstance(spec, Correlation):
        vectors = np.random.default_rng(spec.seed).standard_normal((count, spec.n_dim))
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors @ vectors.T
    matrix = read_matrix((folder or Path()) / spec, where)
    if matrix.shape != (count, count):
        shape = " × ".join(map(str, matrix.shape))
        raise ScenarioError(
            f"the matrix is {shape}", where=where, expected=f"{count} × {count}, one row a skill"
        )
    if not np.isfinite(matrix).all():
        raise ScenarioError("the matrix holds a number that is not finite", where=where)
    largest = np.abs(matrix).max()
    if not np.allclose(matrix, matrix.T, rtol=0, atol=1e-6 * largest):
        raise ScenarioError("the matrix is not symmetric", where=where)
    if not (matrix.diagonal() > 0).all() or largest > 1e100:
        raise ScenarioError(
            "the matrix has a diagonal entry that is out of range", where=where, expected="> 0"
        )
    matrix = (matrix + matrix.T) / 2
    try:
        # It exists if no eigenvalue is below −1e-6, as single precision may make them; it is
        # ten times faster than the eigenvalues.
        np.linalg.cholesky(matrix + 1e-6 * largest * np.eye(count))
    except np.linalg.LinAlgError:
        raise ScenarioError(
            "the matrix has a negative eigenvalue", where=where, expected="a Gram matrix"
        ) from None
    return matrix


def read_matrix(path: Path, where: str) -> NDArray[np.float64]:
    try:
        if path.suffix == ".csv":
            lines = [line for line in read_text(path).splitlines() if line.strip()]
            return np.array([[float(cell) for cell in line.split(",")] for line in lines])
        if path.suffix == ".npy":
            if not path.is_file():
                raise FileError("no such file", where=str(path))
            matrix = np.load(path, allow_pickle=False)
            if matrix.dtype.kind not in "fiu" or matrix.ndim != 2:
                raise ValueError(f"an array of {matrix.dtype} with {matrix.ndim} dimensions")
            return matrix.astype(float)
    except FileError as error:
        raise error.at(where) from None
    except (OSError, ValueError, EOFError, MemoryError) as error:
        raise FileError(f"cannot be read as a matrix: {error}", where=f"{where}: {path}") from None
    raise ScenarioError(
        f"{str(path)!r} is not the path of a matrix", where=where, expected="a .csv or .npy file"
    )
