"""Aligned dimensions: how many parameters a gradient moves the way each skill wants."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

__all__ = ["Alignment"]


class Alignment:
    """Counts, for each skill, the dimensions k with t_ik · (−g_k) > 0.

    Only signs matter, so they are kept as bits, a 32nd of the vectors, and counted as bits.

    Parameters
    ----------
    vectors
        Task vectors, (runs, skills, n_dim).

    Examples
    --------
    >>> vectors = torch.tensor([[[1.0, -1.0, 0.0], [1.0, 1.0, 1.0]]])
    >>> Alignment(vectors).count(torch.tensor([[-2.0, 3.0, -1.0]]))
    array([[2, 2]])
    """

    def __init__(self, vectors: torch.Tensor) -> None:
        self._up, self._down = _signs(vectors)

    def count(self, gradient: torch.Tensor) -> NDArray[np.int64]:
        """Return the counts (runs, skills) at a gradient (runs, n_dim)."""
        up, down = (signs[:, None] for signs in _signs(gradient))
        aligned = (self._up & down) | (self._down & up)
        return np.bitwise_count(aligned).sum(axis=2, dtype=np.int64)


def _signs(values: torch.Tensor) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Return where values are above and below 0, as the bits of words."""
    array = values.detach().cpu().numpy()
    found = []
    for where in (array > 0, array < 0):
        packed = np.packbits(where, axis=-1)
        # Whole words; `np.pad` takes longer than all the rest.
        words = np.zeros((*packed.shape[:-1], -(-packed.shape[-1] // 8)), np.uint64)
        words.view(np.uint8)[..., : packed.shape[-1]] = packed
        found.append(words)
    return found[0], found[1]
