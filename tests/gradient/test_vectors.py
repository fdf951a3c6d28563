"""Task vectors: what their distributions promise."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from domino_sim.gradient.tables import Geometry
from domino_sim.gradient.vectors import task_vectors


def drawn(kind: str, count: int, n_dim: int, seed: int = 0) -> np.ndarray:
    model = Geometry(kind="geometry", n_dim=n_dim, vectors=kind)
    return task_vectors(model, count, np.random.default_rng(seed))


@given(st.integers(1, 20), st.integers(0, 20), st.integers(0, 99))
def test_orthogonal_vectors_are_orthonormal(count: int, more: int, seed: int) -> None:
    t = drawn("orthogonal", count, count + more, seed)
    np.testing.assert_allclose(t @ t.T, np.eye(count), atol=1e-12)


def test_orthogonal_vectors_have_no_preferred_direction() -> None:
    # The Q of a plain QR has a fixed sign: its first coordinate would be negative every time.
    first = np.array([drawn("orthogonal", 2, 3, seed)[:, 0] for seed in range(400)])
    assert np.abs(first.mean(axis=0)).max() < 4 * np.sqrt(1 / 3 / 400)
    assert np.abs((first**2).mean(axis=0) - 1 / 3).max() < 0.06


def test_random_vectors_have_length_one_and_gaussian_ones_do_on_average() -> None:
    np.testing.assert_allclose(np.linalg.norm(drawn("random", 9, 5), axis=1), 1.0)
    lengths = np.linalg.norm(drawn("gaussian", 400, 50), axis=1) ** 2
    assert lengths.std() > 0.1 and abs(lengths.mean() - 1.0) < 0.05


def test_a_basis_gives_each_skill_a_parameter_as_far_as_they_go() -> None:
    np.testing.assert_array_equal(drawn("basis", 3, 2), [[1, 0], [0, 1], [0, 0]])
