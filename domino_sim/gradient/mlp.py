"""Multilayer perceptrons that learn several skills (tasks: :mod:`domino_sim.gradient.tasks`).

=========  =======================================  ==========================================
task       loss of skill i                          level of skill i
=========  =======================================  ==========================================
parity     squared error, or cross entropy (nats)   2 accuracy − 1, on held-out samples
powers     squared error                            1 − loss / mean square of the targets
addition   cross entropy (nats)                     (accuracy − 1/m) / (1 − 1/m)
=========  =======================================  ==========================================

The level of a skill that is a choice is its accuracy, with guessing at 0: what the paper shows
(arXiv 2501.12391, Figs. 2 and 13), the same for every loss, and 0 at the start, where a loss is
not yet that of a guess. It is a mean over samples: with n of them its standard deviation is
√((1 − level²)/n) for a parity. Loss and accuracy are recorded beside it.

Weights and biases start uniform in ±1/√inputs, `inputs` counted as if there were no modules, as
in Torch's ``nn.Linear``; token vectors start standard normal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from domino_sim.gradient.losses import LOSSES, LossName
from domino_sim.gradient.mlp_layout import Block, blocks_of, edges_of, sizes_of
from domino_sim.gradient.mlp_tables import Addition, Mlp, Parity, Powers
from domino_sim.gradient.network import Embedding, Network
from domino_sim.gradient.parity import ParityTask
from domino_sim.gradient.run import Member, Run
from domino_sim.gradient.streams import Streams
from domino_sim.gradient.tasks import AdditionTask, Batch, Examples, PowersTask, Task

__all__ = ["MlpRuns", "build", "footprint", "side_by_side"]

#: Bytes of activations that one pass may keep: what a processor's own cache holds. Passes of more
#: rows took up to a quarter longer.
CACHE = 2**21

#: Bytes of parameters, gradients and moments of runs side by side on a CPU: more runs share the
#: cost of a call to Torch, fewer stay in the cache.
STACK = 2**22

#: Threads of Torch: one, so that numbers do not depend on how many there are. On an idle machine
#: two take 0.6 to 0.8 of the time; beside a busy process they were seen to take 50 times it.
THREADS = 1


class MlpRuns:
    """Runs of perceptrons, side by side; one network a module.

    Parameters
    ----------
    networks
        One a module.
    blocks
        The modules.
    task
        The data.
    loss
        A key of `losses.LOSSES`.
    embedding
        The token vectors, of tasks whose inputs are tokens.
    """

    def __init__(
        self,
        networks: Sequence[Network],
        blocks: Sequence[Block],
        task: Task,
        loss: LossName,
        embedding: Embedding | None = None,
    ) -> None:
        self._networks, self._embedding, self._blocks = networks, embedding, blocks
        self._task, self._loss = task, LOSSES[loss]
        self._owned = not isinstance(task, ParityTask)
        front = [] if embedding is None else [embedding.vectors]
        self.parameters = front + [p for network in networks for p in network.parameters]
        self._outputs: list[torch.Tensor | None] = [None] * len(networks)
        self._pieces_of: list[tuple[Batch, list[tuple[slice, slice, Batch]]] | None]
        self._pieces_of = [None] * len(networks)

    def gradient(self) -> torch.Tensor:
        """Draw the samples of a step, fill the gradient, return each run's loss (runs,)."""
        for parameter in self.parameters:
            assert parameter.grad is not None
            parameter.grad.zero_()
        loss = self.parameters[0].new_zeros(len(self.parameters[0]))
        for module, batch in enumerate(self._task.batches()):
            outputs = self._train(module, batch)
            values = self._loss.value(outputs, batch.targets)
            loss += values.mul_(batch.weights).sum((1, 2))
            self._outputs[module] = outputs if self._owned else None
        return loss

    def _train(self, module: int, batch: Batch) -> torch.Tensor:
        """Add to the gradient; return the outputs."""
        network, outputs = self._networks[module], torch.empty_like(batch.targets)
        for runs, rows, piece in self._cut(module, batch):
            output = self._forward(network, piece.inputs, runs)
            outputs[runs, :, rows] = output
            slope = self._loss.slope(output, piece.targets).mul_(piece.weights)
            if self._embedding is None:
                network.backward(slope)
            else:
                network.backward(slope, into=self._embedding.slope)
                self._embedding.backward()
        return outputs

    def _cut(self, module: int, batch: Batch) -> list[tuple[slice, slice, Batch]]:
        """Return a batch in pieces; the last one is remembered, for a data set stays the same."""
        known = self._pieces_of[module]
        if known is None or known[0] is not batch:
            inputs, targets, weights = batch
            pieces = [
                (r, k, Batch(inputs[r, k], targets[r, :, k], weights[r, :, k]))
                for r, k in self._pieces(self._networks[module], inputs)
            ]
            known = self._pieces_of[module] = batch, pieces
        return known[1]

    def _forward(self, network: Network, inputs: torch.Tensor, runs: slice) -> torch.Tensor:
        if self._embedding is not None:
            inputs = self._embedding.forward(inputs, runs)
        return network.forward(inputs, runs)

    def _pieces(self, network: Network, inputs: torch.Tensor) -> Iterator[tuple[slice, slice]]:
        """Cut runs and rows into pieces that fit the cache; on an accelerator, take all at once."""
        runs, rows, _ = inputs.shape
        if not rows:
            return
        fit = runs * rows
        if inputs.device.type == "cpu":
            fit = max(CACHE // (network.room * self.parameters[0].element_size()), 16)
        many, long = max(fit // rows, 1), -(-rows // -(-rows // fit))
        for run in range(0, runs, many):
            for row in range(0, rows, long):
                yield slice(run, min(run + many, runs)), slice(row, min(row + long, rows))

    def measure(self) -> Mapping[str, NDArray[np.float64]]:
        """Return level, loss and, of choices, accuracy, each (runs, skills)."""
        skills = sum(len(block.skills) for block in self._blocks)
        found: dict[str, NDArray[np.float64]] = {}
        for module, block in enumerate(self._blocks):
            for name, values in self._scores(module).items():
                whole = found.setdefault(name, np.empty((len(values), skills)))
                whole[:, list(block.skills)] = values.cpu().numpy()
        return found

    def _scores(self, module: int) -> dict[str, torch.Tensor]:
        examples = self._task.examples(module)
        outputs = self._outputs_of(module, examples)
        count = examples.part.sum(2, dtype=torch.float64)

        def mean(values: torch.Tensor) -> torch.Tensor:
            return (values * examples.part).sum(2, dtype=torch.float64) / count

        scores = {"loss": mean(self._loss.value(outputs, examples.targets))}
        if self._loss.hit is None:
            scores["level"] = 1.0 - scores["loss"] / mean(examples.targets.square())
            return scores
        scores["accuracy"] = mean(self._loss.hit(outputs, examples.targets))
        guess = 1.0 / max(examples.targets.shape[1], 2) if self._owned else 0.5
        scores["level"] = (scores["accuracy"] - guess) / (1.0 - guess)
        return scores

    def _outputs_of(self, module: int, examples: Examples) -> torch.Tensor:
        """Return the outputs at the examples, those from the last gradient taken from there."""
        known = self._outputs[module]
        done = 0 if known is None else known.shape[2]
        if known is not None and done == examples.inputs.shape[1]:
            return known
        outputs = torch.empty_like(examples.targets)
        if known is not None:
            outputs[:, :, :done] = known
        network, inputs = self._networks[module], examples.inputs[:, done:]
        for runs, rows in self._pieces(network, inputs):
            output = self._forward(network, inputs[runs, rows], runs)
            outputs[runs, :, done:][:, :, rows] = output
        return outputs

    def set_frequencies(self, frequencies: NDArray[np.float64]) -> None:
        """Train with these frequencies, (runs, skills), from the next gradient on."""
        self._task.set_frequencies(frequencies)
        self._outputs = [None] * len(self._outputs)

    def set_batch_size(self, size: int) -> None:
        """Sample this many a step from the next gradient on."""
        self._task.set_batch_size(size)

    def state(self) -> dict[str, Any]:
        """Return nothing: no samples are drawn ahead, and the data sets follow from the seed."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Do nothing; frequencies and batch size are those of the loop's interventions."""


def build(
    run: Run,
    members: Sequence[Member],
    streams: Sequence[Streams],
    device: torch.device,
    dtype: torch.dtype,
) -> MlpRuns:
    """Return the members of an mlp run as one problem.

    The streams are fresh ones: weights are drawn first, then token vectors, then data sets, so
    that runs of one seed start from the same network whatever their mixture.

    Examples
    --------
    >>> run = Run.from_dict({
    ...     "batch_size": 100, "optimizer": {"name": "adam", "lr": 1e-2}, "skills": {
    ...         "A": {"bits": [0, 1]}, "B": {"bits": [2, 3]}, "AB": {"requires": "A and B"}},
    ...     "model": {"kind": "mlp", "task": "parity", "n_bits": 8, "hidden": [20]}})
    >>> streams = [Streams.from_seed(0)]
    >>> runs = build(run, run.members(), streams, torch.device("cpu"), torch.float32)
    >>> [tuple(parameter.shape) for parameter in runs.parameters]  # the last layer: outputs first
    [(1, 8, 20), (1, 20), (1, 3, 20), (1, 3)]
    >>> runs.gradient().shape, runs.measure()["accuracy"].shape
    (torch.Size([1]), (1, 3))
    """
    model, blocks = run.model, blocks_of(run)
    assert isinstance(model, Mlp)
    like = torch.empty(0, dtype=dtype, device=device)
    sizes = sizes_of(run)
    drawn = [_initial(sizes, stream.start) for stream in streams]
    weights, biases = (
        [torch.from_numpy(np.stack(layer)) for layer in zip(*kind, strict=True)]
        for kind in zip(*drawn, strict=True)
    )
    networks = []
    for block in blocks:
        edges = edges_of(run, block)
        networks.append(
            Network(
                [
                    w[:, ins][:, :, outs].to(like)
                    for w, (ins, outs) in zip(weights, pairwise(edges), strict=True)
                ],
                [b[:, outs].to(like) for b, outs in zip(biases, edges[1:], strict=True)],
                model.activation,
            )
        )
    embedding = None
    if isinstance(model, Addition):
        shape = model.modulus, model.embedding
        vectors = np.stack([stream.start.standard_normal(shape) for stream in streams])
        embedding = Embedding(torch.from_numpy(vectors).to(like))
    kinds: dict[str, Callable[..., Task]] = {
        "parity": ParityTask, "powers": PowersTask, "addition": AdditionTask
    }  # fmt: skip
    task = kinds[model.task](run, members, streams, blocks, like)
    return MlpRuns(networks, blocks, task, _loss_name(run), embedding)


def _loss_name(run: Run) -> LossName:
    if isinstance(run.model, Parity):
        return "logit" if run.loss == "ce" else run.model.targets
    return "values" if isinstance(run.model, Powers) else "softmax"


def _initial(
    sizes: Sequence[int], stream: np.random.Generator
) -> tuple[list[NDArray[np.float64]], list[NDArray[np.float64]]]:
    """Draw weights (inputs, outputs) and biases (outputs,) of every layer."""
    weights, biases = [], []
    for inputs, outputs in pairwise(sizes):
        bound = inputs**-0.5
        weights.append(stream.uniform(-bound, bound, (inputs, outputs)))
        biases.append(stream.uniform(-bound, bound, outputs))
    return weights, biases


def _parameter_count(run: Run) -> int:
    sizes, model = sizes_of(run), run.model
    count = sum((inputs + 1) * outputs for inputs, outputs in pairwise(sizes))
    return count + (model.modulus * model.embedding if isinstance(model, Addition) else 0)


def footprint(run: Run) -> int:
    """Return the bytes that one run takes: parameters, moments, activations, samples."""
    model, sizes, skills = run.model, sizes_of(run), len(run.names)
    assert isinstance(model, Mlp)
    if isinstance(model, Parity):
        step = run.batch_size or model.samples or 0
        held_out = model.held_out * (skills if model.control_bits else 1)
        rows = (model.samples or 0) + step + held_out
    else:
        rows = model.samples if isinstance(model, Powers) else model.modulus**2
        step = rows = 2 * rows
    size = 4 if run.dtype == "float32" else 8
    samples = rows * (sizes[0] + 3 * max(sizes[-1], skills))
    passes = max(step, 1) * (2 * sum(sizes[1:-1]) + 2 * sizes[0] + 2 * sizes[-1])
    if run.device == "cpu":
        passes = min(passes, CACHE // size)
    return size * (6 * _parameter_count(run) + samples + passes) + 16 * step * skills


def side_by_side(run: Run) -> int:
    """Return how many runs are best trained at once on a CPU (measured, see `STACK`)."""
    size = 4 if run.dtype == "float32" else 8
    return max(STACK // (4 * size * _parameter_count(run)), 1)
