"""What perceptrons learn: the samples of each step, and those that skills are measured on.

The loss of a run is Σ p_i loss_i, loss_i the mean loss over the samples of skill i. Here are the
tasks in which each sample is of one skill for good; :mod:`domino_sim.gradient.parity` is the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from domino_sim.gradient.mlp_layout import Block, pair_counts, sample_counts
from domino_sim.gradient.mlp_tables import Addition, Powers
from domino_sim.gradient.run import Member, Run
from domino_sim.gradient.streams import Streams

__all__ = ["AdditionTask", "Batch", "Examples", "PowersTask", "Task"]


class Batch(NamedTuple):
    """Samples of one module, rows last as in the outputs of a network.

    Attributes
    ----------
    inputs
        (runs, rows, inputs).
    targets
        (runs, outputs, rows).
    weights
        What the loss of each output and row counts in the run's loss, (runs, outputs, rows); of
        addition, where one loss is of all outputs, (runs, 1, rows).
    """

    inputs: torch.Tensor
    targets: torch.Tensor
    weights: torch.Tensor


class Examples(NamedTuple):
    """Samples that skills are measured on.

    Attributes
    ----------
    inputs, targets
        As in `Batch`.
    part
        (runs, skills of the module, rows): 1 where the row is the skill's, else 0.
    """

    inputs: torch.Tensor
    targets: torch.Tensor
    part: torch.Tensor


class Task(Protocol):
    """The data of runs side by side."""

    def batches(self) -> Sequence[Batch]:
        """Return the samples of this step, a batch a module, drawing what is random."""

    def examples(self, module: int) -> Examples:
        """Return what the skills of a module are measured on."""

    def set_frequencies(self, frequencies: NDArray[np.float64]) -> None:
        """Train with these frequencies, (runs, skills)."""

    def set_batch_size(self, size: int) -> None:
        """Sample this many a step."""


class _Parts:
    """Rows that are of one skill each, for good.

    Rows of skills that no run trains are measured only: they come last, and are left out of the
    batches.

    Parameters
    ----------
    inputs
        (runs, rows, inputs).
    targets
        (runs, outputs, rows).
    part
        (runs, skills, rows).
    frequencies
        (runs, skills).
    joint
        Whether one loss is of all outputs; else output i is of skill i.
    """

    def __init__(
        self,
        inputs: torch.Tensor,
        targets: torch.Tensor,
        part: torch.Tensor,
        frequencies: NDArray[np.float64],
        joint: bool,
    ) -> None:
        self._given, self._joint = (inputs, targets, part), joint
        self._idle = np.zeros(0, dtype=bool)
        self._set(frequencies)

    def _set(self, frequencies: NDArray[np.float64]) -> None:
        inputs, targets, part = self._given
        idle = (frequencies == 0).all(axis=0)
        if not np.array_equal(idle, self._idle):
            self._idle = idle
            trained = part[:, torch.from_numpy(~idle)].sum((0, 1)) > 0
            order = torch.cat([trained.nonzero(), (~trained).nonzero()])[:, 0]
            self._count = int(trained.sum())
            self._examples = Examples(
                inputs[:, order].contiguous(),
                targets[:, :, order].contiguous(),
                part[:, :, order].contiguous(),
            )
        part = self._examples.part[:, :, : self._count]
        p = torch.from_numpy(frequencies).to(part)
        weights = part * (p / self._examples.part.sum(2).clamp_(min=1.0))[:, :, None]
        if self._joint:
            weights = weights.sum(1, keepdim=True)
        inputs, targets = self._examples[:2]
        self._batch = Batch(
            inputs[:, : self._count], targets[:, :, : self._count], weights.contiguous()
        )

    def batch(self) -> Batch:
        return self._batch

    def examples(self) -> Examples:
        return self._examples

    set_frequencies = _set


class PowersTask:
    """A power of each input, at samples where the other inputs are 0.

    Source: arXiv 2501.12391, Fig. 19. The inputs are uniform in [−1, 1]. A skill has its part of
    the samples by its frequency at the start; one of frequency 0 has as many as an even part
    would be, beside the others', on which it is measured only.
    """

    def __init__(
        self,
        run: Run,
        members: Sequence[Member],
        streams: Sequence[Streams],
        blocks: Sequence[Block],
        like: torch.Tensor,
    ) -> None:
        assert isinstance(run.model, Powers)
        samples, skills = run.model.samples, len(run.names)
        counts = np.array([sample_counts(member.frequencies, samples) for member in members])
        counts = np.where(counts > 0, counts, max(samples // skills, 1))
        powers = [run.skills[name].power for name in run.names]
        frequencies = np.array([member.frequencies for member in members])
        # All are drawn for every skill: a sample is the same in all mixtures.
        drawn = np.array([s.start.uniform(-1.0, 1.0, (skills, samples)) for s in streams])
        self._blocks = blocks
        self._parts: list[_Parts] = []
        for block in blocks:
            most = counts[:, list(block.skills)].max(axis=0)
            starts = np.concatenate([[0], np.cumsum(most)])
            shape = len(members), len(block.skills), starts[-1]
            x, y, part = np.zeros(shape), np.zeros(shape), np.zeros(shape)
            for r, (run_counts, values) in enumerate(zip(counts, drawn, strict=True)):
                for i, skill in enumerate(block.skills):
                    rows = slice(starts[i], starts[i] + run_counts[skill])
                    x[r, i, rows] = values[skill, : run_counts[skill]]
                    y[r, i, rows] = x[r, i, rows] ** powers[skill]
                    part[r, i, rows] = 1.0
            tensors = [torch.from_numpy(v).to(like) for v in (x.transpose(0, 2, 1), y, part)]
            p = frequencies[:, list(block.skills)]
            self._parts.append(_Parts(tensors[0], tensors[1], tensors[2], p, joint=False))

    def batches(self) -> Sequence[Batch]:
        """Return all samples that are trained, a batch a module."""
        return [parts.batch() for parts in self._parts]

    def examples(self, module: int) -> Examples:
        """Return all samples; those that are trained come first."""
        return self._parts[module].examples()

    def set_frequencies(self, frequencies: NDArray[np.float64]) -> None:
        """Weigh the samples of each skill by these frequencies."""
        for block, parts in zip(self._blocks, self._parts, strict=True):
            parts.set_frequencies(frequencies[:, list(block.skills)])

    def set_batch_size(self, size: int) -> None:
        """Do nothing: each step uses all samples."""


class AdditionTask:
    """The sum of two tokens modulo m: all pairs, dealt out to the skills by their shares.

    Source: arXiv 2501.12391, Fig. 13. The inputs are the two tokens, (runs, rows, 2), and the
    targets one-hot.
    """

    def __init__(
        self,
        run: Run,
        members: Sequence[Member],
        streams: Sequence[Streams],
        blocks: Sequence[Block],
        like: torch.Tensor,
    ) -> None:
        assert isinstance(run.model, Addition)
        m, counts = run.model.modulus, pair_counts(run)
        pairs = np.array([s.start.permutation(m * m)[: sum(counts)] for s in streams])
        tokens = torch.from_numpy(np.stack([pairs // m, pairs % m], axis=2)).to(like.device)
        sums = torch.nn.functional.one_hot(tokens.sum(2) % m, m).to(like)
        owner = torch.from_numpy(np.repeat(np.arange(len(counts)), counts)).to(like.device)
        part = torch.nn.functional.one_hot(owner, len(counts)).to(like).t()
        p = np.array([member.frequencies for member in members])
        part = part.expand(len(members), -1, -1)
        self._parts = _Parts(tokens, sums.transpose(1, 2), part, p, joint=True)

    def batches(self) -> Sequence[Batch]:
        """Return all pairs that are trained."""
        return [self._parts.batch()]

    def examples(self, module: int) -> Examples:
        """Return all pairs; those that are trained come first."""
        return self._parts.examples()

    def set_frequencies(self, frequencies: NDArray[np.float64]) -> None:
        """Weigh the pairs of each skill by these frequencies."""
        self._parts.set_frequencies(frequencies)

    def set_batch_size(self, size: int) -> None:
        """Do nothing: each step uses all pairs."""
