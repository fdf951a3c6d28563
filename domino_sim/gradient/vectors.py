"""Task vectors: the directions in parameter space along which skills are learned."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from domino_sim.errors import ScenarioError, nearest_name
from domino_sim.gradient.modules import Support
from domino_sim.gradient.tables import Geometry
from domino_sim.scenario.correlation import read_matrix
from domino_sim.scenario.places import Place
from domino_sim.wording import shown

__all__ = ["KINDS", "check_vectors", "modular_vectors", "task_vectors"]

KINDS = ("orthogonal", "random", "gaussian", "basis")

#: The most numbers the task vectors of one run may hold: 0.8 GB.
MOST_NUMBERS = 10**8


def check_vectors(model: Geometry, count: int, place: Place, folder: Path | None) -> None:
    """Refuse task vectors that cannot be made for `count` skills.

    Raises
    ------
    ScenarioError, FileError
        With the key path.
    """
    if count * model.n_dim > MOST_NUMBERS:
        size = f"{count} task vectors need {count * model.n_dim * 8 / 1e9:.3g} GB"
        raise ScenarioError(size, where=place.of("model", "n_dim"), expected="at most 0.8 GB")
    if model.vectors not in KINDS:
        given_vectors(model, count, place, folder)
    elif model.vectors == "orthogonal" and model.n_dim < count:
        raise ScenarioError(
            f"{count} orthogonal task vectors do not fit into {model.n_dim} dimensions",
            where=place.of("model", "n_dim"),
            expected=f"n_dim ≥ {count}, or vectors = 'random'",
        )


def task_vectors(model: Geometry, count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw task vectors, shape (count, n_dim).

    ``orthogonal``: orthonormal, uniformly distributed (the Q of a Gaussian matrix, with the signs
    that make R's diagonal positive); ``random``: Gaussian, of length 1; ``gaussian``: entries of
    variance 1/n_dim; ``basis``: rows of the identity, then of zeros.

    Examples
    --------
    >>> t = task_vectors(Geometry(kind="geometry", n_dim=5), 3, np.random.default_rng(0))
    >>> bool(np.allclose(t @ t.T, np.eye(3)))
    True
    """
    if model.vectors == "basis":
        return np.eye(count, model.n_dim)
    drawn = rng.standard_normal((count, model.n_dim))
    if model.vectors == "orthogonal":
        q, r = np.linalg.qr(drawn.T)
        return np.ascontiguousarray((q * np.where(np.diagonal(r) < 0, -1.0, 1.0)).T)
    if model.vectors == "random":
        return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    return drawn / np.sqrt(model.n_dim)


def modular_vectors(
    model: Geometry, supports: Sequence[Support], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Draw task vectors that lie in the parameters of their modules, shape (count, n_dim).

    Of one module that has all parameters they are those of `task_vectors`.
    """
    count = sum(len(support.skills) for support in supports)
    drawn = np.zeros((count, model.n_dim))
    for skills, (first, end) in supports:
        part = model.model_copy(update={"n_dim": end - first, "modules": {}})
        drawn[list(skills), first:end] = task_vectors(part, len(skills), rng)
    return drawn


def given_vectors(
    model: Geometry, count: int, place: Place, folder: Path | None
) -> NDArray[np.float64]:
    """Read the task vectors of a file, shape (count, n_dim).

    Raises
    ------
    ScenarioError, FileError
        If the file is not such a matrix.
    """
    where = place.of("model", "vectors")
    if not model.vectors.endswith((".npy", ".csv")):
        raise ScenarioError(
            f"unknown kind {shown(model.vectors)}",
            where=where,
            expected=f"{', '.join(KINDS)}, or the path of a .npy or .csv file",
            nearest=nearest_name(model.vectors, KINDS),
        )
    matrix = read_matrix((folder or Path()) / model.vectors, where)
    if matrix.shape != (count, model.n_dim):
        shape = " × ".join(map(str, matrix.shape))
        raise ScenarioError(
            f"the matrix is {shape}", where=where, expected=f"{count} × {model.n_dim}"
        )
    if not np.isfinite(matrix).all():
        raise ScenarioError("the matrix holds a number that is not finite", where=where)
    return matrix
