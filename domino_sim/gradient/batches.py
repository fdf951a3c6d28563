"""Sampled batches: how much of each step's batch falls to each skill."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from domino_sim.gradient.streams import Streams

#: Numbers drawn ahead in one go, for each run: the draw itself is cheap, the call is not.
AHEAD = 2**16

#: Steps drawn ahead at most: a short run should not draw for a long one.
MOST_STEPS = 500


def steps_ahead(skills: int) -> int:
    """Return for how many steps batches are drawn in one go."""
    return min(max(AHEAD // skills, 1), MOST_STEPS)


class Batches:
    """The weights of the skills at each step, for runs side by side.

    A batch of B samples has multinomial counts n with chances p / Σ p; its weights are
    n / B · Σ p, whose mean is p. Counts are all that matters: the samples of a skill are alike.

    Parameters
    ----------
    frequencies
        (runs, skills).
    size
        B; None gives the mean, p, at every step.
    streams
        Of each run.
    like
        A tensor of the wanted dtype and device.
    scale
        What all weights are multiplied by.

    Examples
    --------
    >>> draw = Batches(np.array([[1.0, 1.0]]), 4, [Streams.from_seed(0)], torch.zeros(1)).next
    >>> float(draw().sum()), draw().shape
    (2.0, torch.Size([1, 2]))
    """

    def __init__(
        self,
        frequencies: NDArray[np.float64],
        size: int | None,
        streams: Sequence[Streams],
        like: torch.Tensor,
        scale: float = 1.0,
    ) -> None:
        self._frequencies, self._size = np.array(frequencies, dtype=float), size
        self._scale = scale
        self._streams = [stream.batches for stream in streams]
        self._like = like
        self._ahead = like.new_empty(0)
        self._taken = 0
        # Of the steps ahead: which skills are drawn and their weights, run after run, step after
        # step, and where those of a run and step begin.
        self._drawn: tuple[torch.Tensor, torch.Tensor, list[int]] | None = None
        self._restart()

    @property
    def sampled(self) -> bool:
        """Whether batches are sampled."""
        return self._size is not None

    def next(self) -> torch.Tensor:
        """Return the weights of the next step, (runs, skills); not to be changed."""
        if self._size is None:
            return self._ahead[0]
        if self._taken == len(self._ahead):
            self._draw()
        weights = self._ahead[self._taken]
        self._taken += 1
        return weights

    def drawn(self, run: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return which skills a run's batch holds at the step of the last `next`, and weights."""
        if self._drawn is None:
            step, of, skill = self._ahead.nonzero(as_tuple=True)
            place = step * self._ahead.shape[1] + of
            places = torch.arange(self._ahead.shape[0] * self._ahead.shape[1] + 1)
            starts = torch.searchsorted(place, places).tolist()
            self._drawn = skill, self._ahead[step, of, skill], starts
        skills, weights, starts = self._drawn
        at = (self._taken - 1) * self._ahead.shape[1] + run
        here = slice(starts[at], starts[at + 1])
        return skills[here], weights[here]

    def _draw(self) -> None:
        assert self._size is not None
        steps = steps_ahead(self._frequencies.shape[1])
        totals = self._frequencies.sum(axis=1)
        counts = np.zeros((steps, *self._frequencies.shape))
        for run, (stream, total) in enumerate(zip(self._streams, totals, strict=True)):
            if total > 0:
                chances = self._frequencies[run] / total
                counts[:, run] = stream.multinomial(self._size, chances, size=steps)
        self._look_ahead(self._as_tensor(counts * (self._scale * totals / self._size)[:, None]))

    def _look_ahead(self, weights: torch.Tensor) -> None:
        self._ahead, self._taken, self._drawn = weights, 0, None

    def _as_tensor(self, values: NDArray[np.float64]) -> torch.Tensor:
        return torch.from_numpy(values).to(self._like.device, self._like.dtype)

    def _restart(self) -> None:
        exact = self._as_tensor(self._scale * self._frequencies[None])
        self._look_ahead(exact if self._size is None else exact[:0])

    def set_frequencies(self, frequencies: NDArray[np.float64]) -> None:
        """Sample with these frequencies from the next step on."""
        self._frequencies = np.array(frequencies, dtype=float)
        self._restart()

    def set_size(self, size: int) -> None:
        """Sample this many from the next step on."""
        self._size = size
        self._restart()

    def state(self) -> dict[str, Any]:
        """Return what was drawn ahead and not used."""
        return {"ahead": self._ahead[self._taken :].cpu().clone() if self.sampled else None}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what :meth:`state` gave."""
        if state["ahead"] is not None:
            self._look_ahead(state["ahead"].to(self._like.device))
