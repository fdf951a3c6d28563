"""The random numbers of a run: streams of its own, whatever runs beside it."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Streams:
    """The random streams of one run, spawned from its seed alone.

    Runs with the same seed and different mixtures begin with the same network and tasks, which is
    what makes a knock-out comparable with the run it is held against.

    Attributes
    ----------
    start
        For what is there at step 0: task vectors, weights, data sets.
    batches
        For the samples of each step.
    noise
        For the gradient noise.

    Examples
    --------
    >>> one, same = Streams.from_seed(3), Streams.from_seed(3)
    >>> bool(one.noise.random() == same.noise.random())
    True
    """

    start: np.random.Generator
    batches: np.random.Generator
    noise: np.random.Generator

    @classmethod
    def from_seed(cls, seed: int) -> Streams:
        """Return the streams of `seed`."""
        return cls(*(np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(3)))

    def save(self) -> str:
        """Return where the streams are, as JSON."""
        streams = (self.start, self.batches, self.noise)
        return json.dumps([stream.bit_generator.state for stream in streams])

    def restore(self, saved: str) -> None:
        """Go on from where the streams were when `saved` was made."""
        streams = (self.start, self.batches, self.noise)
        for stream, state in zip(streams, json.loads(saved), strict=True):
            stream.bit_generator.state = state
