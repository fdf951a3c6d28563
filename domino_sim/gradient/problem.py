"""What the training loop needs of whatever it trains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch


class Problem(Protocol):
    """Runs that train side by side.

    Their parameters stand along the first axis of each tensor. No run may see another's numbers,
    and what a run computes may not depend on which others are beside it (to rounding).

    Attributes
    ----------
    parameters
        Tensors of shape (runs, …), whose ``grad`` the loop hands to the optimiser.
    """

    parameters: Sequence[torch.Tensor]

    def gradient(self) -> torch.Tensor:
        """Draw what is random, fill ``grad`` of every parameter, return each run's loss (runs,)."""

    def measure(self) -> Mapping[str, NDArray[np.float64]]:
        """Return level, loss and what else is recorded, each (runs, skills).

        Called right after :meth:`gradient`, before the update: of the same parameters.
        """

    def set_frequencies(self, frequencies: NDArray[np.float64]) -> None:
        """Train with these frequencies, (runs, skills), from the next gradient on."""

    def set_batch_size(self, size: int) -> None:
        """Sample this many a step from the next gradient on."""

    def state(self) -> dict[str, Any]:
        """Return what a resumed run needs besides parameters and streams: tensors and numbers."""

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what :meth:`state` gave."""
