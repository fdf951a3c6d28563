"""Sparse parities: the samples of each step, and those that skills are measured on.

With an output a skill, each sample counts for skill i on average p_i times: with p_i < 1 a fresh
random part of the samples counts (as in arXiv 2501.12391, Fig. 2), with p_i = 0 none. With
control bits (Michaud et al., arXiv 2303.13506) each sample asks one skill, drawn with probability
p_i / Σ p, and Σ p multiplies the mean loss. Either way the expected loss is Σ p_i loss_i.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from domino_sim.gradient.mlp_layout import Block, skill_bits
from domino_sim.gradient.mlp_tables import Parity
from domino_sim.gradient.run import Member, Run
from domino_sim.gradient.streams import Streams
from domino_sim.gradient.tasks import Batch, Examples

__all__ = ["ParityTask"]


class ParityTask:
    """Sparse parities.

    A sample's bits are 0 or 1, and its targets 0 or 1 (`targets` "bits", and cross entropy) or −1
    or 1 ("signs"). Of a fixed data set each step uses all rows, or `batch_size` of them, none
    twice.
    """

    def __init__(
        self,
        run: Run,
        members: Sequence[Member],
        streams: Sequence[Streams],
        blocks: Sequence[Block],
        like: torch.Tensor,
    ) -> None:
        assert isinstance(run.model, Parity)
        self._model, self._streams, self._blocks, self._like = run.model, streams, blocks, like
        self._signs = run.model.targets == "signs" and run.loss == "mse"
        self._size = run.batch_size
        self._p = np.array([member.frequencies for member in members])
        bits = skill_bits(run)
        of_skill = np.zeros((run.model.n_bits, len(bits)))
        for i, own in enumerate(bits):
            of_skill[list(own), i] = 1.0
        self._of_skill = torch.from_numpy(of_skill).to(like)
        self._set: NDArray[np.uint8] | None = None
        if run.model.samples is not None:
            self._set = self._fresh([s.start for s in streams], run.model.samples)
            self._bits = self._as_tensor(self._set)
            self._all = self._answers(self._bits)
        held_out = self._fresh([s.start for s in streams], run.model.held_out)
        self._held_out = [self._to_measure(self._as_tensor(held_out), block) for block in blocks]

    def _fresh(self, streams: Sequence[np.random.Generator], rows: int) -> NDArray[np.uint8]:
        """Draw bits, (runs, rows, n_bits)."""
        n_bits = self._model.n_bits
        drawn = np.empty((len(streams), rows, n_bits), dtype=np.uint8)
        for target, stream in zip(drawn, streams, strict=True):
            raw = np.frombuffer(stream.bytes(-(-rows * n_bits // 8)), dtype=np.uint8)
            target[...] = np.unpackbits(raw, count=rows * n_bits).reshape(rows, n_bits)
        return drawn

    def _as_tensor(self, values: NDArray[np.generic]) -> torch.Tensor:
        return torch.from_numpy(values).to(self._like)

    def _answers(self, bits: torch.Tensor) -> torch.Tensor:
        """Return the target of every skill, (runs, skills, rows)."""
        odd = torch.matmul(self._of_skill.t(), bits.transpose(1, 2)).remainder_(2.0)
        return odd.mul_(2.0).sub_(1.0) if self._signs else odd

    def _to_measure(self, bits: torch.Tensor, block: Block) -> Examples:
        answers = self._answers(bits)
        if not self._model.control_bits:
            targets = answers[:, list(block.skills)]
            return Examples(bits, targets, torch.ones_like(targets[:1]))
        runs, skills, rows = answers.shape
        asked = torch.eye(skills).to(self._like).repeat_interleave(rows, dim=0)
        inputs = torch.cat(
            [asked.expand(runs, -1, -1), bits.repeat(1, skills, 1)], dim=2
        )
        return Examples(inputs, answers.reshape(runs, 1, -1), asked.t()[None])

    def batches(self) -> Sequence[Batch]:
        """Return the samples of this step, a batch a module."""
        bits, answers = self._samples()
        if self._model.control_bits:
            return [self._questions(bits, answers)]
        weights = self._counts(bits.shape[1])
        return [
            Batch(bits, answers[:, list(b.skills)], weights[:, list(b.skills)])
            if len(self._blocks) > 1
            else Batch(bits, answers, weights)
            for b in self._blocks
        ]

    def _samples(self) -> tuple[torch.Tensor, torch.Tensor]:
        draws = [s.batches for s in self._streams]
        if self._set is None:
            assert self._size is not None
            bits = self._as_tensor(self._fresh(draws, self._size))
            return bits, self._answers(bits)
        if self._size is None:
            return self._bits, self._all
        rows = [draw.permutation(self._set.shape[1])[: self._size] for draw in draws]
        bits = self._as_tensor(np.stack([s[r] for s, r in zip(self._set, rows, strict=True)]))
        return bits, self._answers(bits)

    def _counts(self, rows: int) -> torch.Tensor:
        """Return how often each row counts for each skill, over rows, (runs, skills, rows)."""
        whole = np.floor(self._p)
        counts = np.empty((*self._p.shape, rows))
        fixed = self._set is not None and self._size is None
        for target, p, w, streams in zip(counts, self._p, whole, self._streams, strict=True):
            # Drawn whatever p is: so that other mixtures see the same samples.
            last = (p - w) * rows + streams.batches.random(len(p))
            order = np.arange(rows)
            if fixed and (p != w).any():
                order = streams.batches.permutation(rows)
            target[...] = w[:, None] + (order < np.floor(last)[:, None])
        return self._as_tensor(counts / rows)

    def _questions(self, bits: torch.Tensor, answers: torch.Tensor) -> Batch:
        runs, rows, _ = bits.shape
        skills = self._p.shape[1]
        asked = np.zeros((runs, rows), dtype=np.int64)
        total = self._p.sum(axis=1)
        for target, p, streams in zip(asked, self._p, self._streams, strict=True):
            u = streams.batches.random(rows)
            if p.any():
                target[...] = np.searchsorted(np.cumsum(p) / p.sum(), u, side="right")
        which = torch.from_numpy(asked).to(self._like.device)
        control = torch.nn.functional.one_hot(which, skills).to(self._like)
        weights = self._as_tensor(total / rows)[:, None, None].expand(runs, 1, rows)
        targets = answers.gather(1, which[:, None])
        return Batch(torch.cat([control, bits], dim=2), targets, weights)

    def examples(self, module: int) -> Examples:
        """Return the held-out samples."""
        return self._held_out[module]

    def set_frequencies(self, frequencies: NDArray[np.float64]) -> None:
        """Train with these frequencies from the next step on."""
        self._p = np.array(frequencies, dtype=float)

    def set_batch_size(self, size: int) -> None:
        """Sample this many from the next step on."""
        self._size = size
