"""The geometry model: parameters in one space, a task vector for each skill.

The projections x = T θ of the parameters onto the task vectors are the levels (squared error) or
the logits (cross entropy) of the skills, or, on a skill graph, levels are products of them
(:mod:`domino_sim.gradient.composition`). Source: arXiv 2501.12391, "Geometry model"; the
compositional form is this program's own.

=====  ====================================  =======================
loss   loss of skill i                       level
=====  ====================================  =======================
mse    g₀ ½ (1 − y_i)²                       y_i
ce     −g₀ log σ(x_i)                        σ(x_i)
=====  ====================================  =======================

The loss of a step is Σ w_i loss_i: w = p (exact), or the parts that a sampled batch has of each
skill, times Σ p.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from domino_sim.gradient.alignment import Alignment
from domino_sim.gradient.batches import Batches, steps_ahead
from domino_sim.gradient.composition import Composition
from domino_sim.gradient.modules import supports_of
from domino_sim.gradient.run import Member, Run
from domino_sim.gradient.streams import Streams
from domino_sim.gradient.vectors import KINDS, given_vectors, modular_vectors
from domino_sim.levels import Loss
from domino_sim.scenario.places import Place

__all__ = ["GeometryRuns", "build", "footprint", "side_by_side"]

#: Task vectors of runs trained side by side should stay in the processor's cache: beyond it a
#: product took about twice as long, and runs are better trained one after another.
CACHE = 2**20

#: Threads that pay: a step is a dozen small operations, which take longer to share than to do.
THREADS = 1

#: From this many skills on, a sampled batch touches only the task vectors it drew.
MANY = 64

#: With balanced demands a composed skill is sampled when its prerequisites let it learn so far.
HALF_OPEN = 0.5

#: The least that counts as left to mastery: what is nearly mastered is not to wait for what has
#: just opened.
LITTLE = 0.05


class GeometryRuns:
    """Runs of the geometry model, side by side.

    Parameters
    ----------
    vectors
        Task vectors, (runs, skills, n_dim).
    frequencies
        (runs, skills).
    streams
        The random streams of each run.
    loss
        ``"mse"`` or ``"ce"``.
    g0
        The scale of the loss.
    batch_size
        Samples a step; None for the expected gradient.
    composition
        Levels as products of projections; None where each level is its own projection.
    mastery
        Given, demands are balanced: at every step the weights are in proportion to (mastery −
        level)/(1 − level) of the skills that are open and below this level. Not with `batch_size`.

    Examples
    --------
    >>> runs = GeometryRuns(torch.eye(2)[None], np.array([[1.0, 0.5]]), [Streams.from_seed(0)])
    >>> runs.gradient()
    tensor([0.7500])
    >>> runs.parameters[0].grad
    tensor([[-1.0000, -0.5000]])
    """

    def __init__(
        self,
        vectors: torch.Tensor,
        frequencies: NDArray[np.float64],
        streams: Sequence[Streams],
        *,
        loss: Loss = "mse",
        g0: float = 1.0,
        batch_size: int | None = None,
        composition: Composition | None = None,
        mastery: float | None = None,
    ) -> None:
        runs, skills, n_dim = vectors.shape
        self.theta = vectors.new_zeros(runs, n_dim)
        self.theta.grad = torch.zeros_like(self.theta)
        self.parameters = [self.theta]
        self._vectors, self._loss, self._g0 = vectors, loss, g0
        self._composition, self._mastery = composition, mastery
        self._batches = Batches(frequencies, batch_size, streams, vectors, scale=g0)
        self._alignment = Alignment(vectors)
        self._x, self._losses = vectors.new_zeros(runs, skills), vectors.new_zeros(runs)
        self._loss_of = list(self._losses)
        # Products of one run at a time: on a CPU faster than a batched product, whose rounding
        # depends on how many runs there are.
        self._one_by_one = vectors.device.type == "cpu"
        self._rows = [
            (vectors[r], vectors[r].t(), self.theta[r], self.theta.grad[r], self._x[r])
            for r in range(runs)
        ]
        self._few = self._one_by_one and skills >= MANY and composition is None
        # For the task vectors of one batch: new room at every step costs more than the copying.
        self._room = vectors.new_empty(skills // 2 if self._few else 0, n_dim)

    def gradient(self) -> torch.Tensor:
        """Fill the gradient of θ and return each run's loss (runs,)."""
        weights = self._batches.next()
        if self._few and self._batches.sampled:
            for run in range(len(weights)):
                self._gradient_of_drawn(run, weights)
            return self._losses
        self._project()
        if self._mastery is not None:
            weights = self._balanced(weights, self._mastery)
        pull, one, other = self._pull(self._x, weights)
        assert self.theta.grad is not None
        if self._one_by_one:
            for (_, transposed, _, grad, _), p in zip(self._rows, pull, strict=True):
                torch.addmv(grad, transposed, p, beta=0, alpha=-1, out=grad)
        else:
            torch.bmm(-pull[:, None, :], self._vectors, out=self.theta.grad[:, None, :])
        return (one * other).sum(-1)

    def _project(self) -> None:
        if self._one_by_one:
            for vectors, _, theta, _, x in self._rows:
                torch.mv(vectors, theta, out=x)
        else:
            torch.bmm(self._vectors, self.theta[:, :, None], out=self._x[:, :, None])

    def _balanced(self, weights: torch.Tensor, mastery: float) -> torch.Tensor:
        """Return weights (runs, skills) of one sum, by which open skills are mastered together.

        Demands are in proportion to what each has left to mastery: equal where all began alike, and
        what falls behind by chance catches up.
        """
        level = torch.sigmoid(self._x) if self._loss == "ce" else self._x
        wanted = weights > 0
        if self._composition is not None:
            level = self._composition.level(self._x)
            wanted = wanted & (self._composition.factor(self._x) > HALF_OPEN)
        left = (mastery - level).clamp(min=LITTLE)
        ask = left / (1.0 - level).clamp(min=1.0 - mastery)
        ask = torch.where(wanted & (level < mastery), ask, 0.0)
        whole = ask.sum(-1, keepdim=True)
        even = weights.sum(-1, keepdim=True) * ask / whole.clamp(min=1e-30)
        return torch.where(whole > 0, even, weights)

    def _gradient_of_drawn(self, run: int, weights: torch.Tensor) -> None:
        vectors, _, theta, grad, _ = self._rows[run]
        drawn, own = self._batches.drawn(run)
        if 2 * len(drawn) < len(vectors):
            room = self._room[: len(drawn)]
            vectors = torch.index_select(vectors, 0, drawn, out=room)
        else:
            own = weights[run]
        pull, one, other = self._pull(torch.mv(vectors, theta), own)
        torch.addmv(grad, vectors.t(), pull, beta=0, alpha=-1, out=grad)
        torch.dot(one, other, out=self._loss_of[run])

    def _pull(
        self, x: torch.Tensor, weights: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return −∂loss/∂x and two factors of which the loss is the sum of products.

        All are (…, skills); the weights have g₀ in them.
        """
        if self._loss == "ce":
            away = -x
            each = torch.nn.functional.softplus(away)
            return torch.sigmoid(away, out=away).mul_(weights), each, weights
        if self._composition is not None:
            x = x.detach().requires_grad_()
            with torch.enable_grad():
                each = 0.5 * (1.0 - self._composition.level(x)) ** 2
                (slope,) = torch.autograd.grad((weights * each).sum(), x)
            return -slope, each.detach(), weights
        missing = 1.0 - x
        pull = missing * weights
        return pull, missing.mul_(0.5), pull

    def measure(self) -> Mapping[str, NDArray[np.float64]]:
        """Return level, loss and n_align (runs, skills).

        ``n_align`` counts the parameters that the last gradient moves the way the skill wants:
        t_ik · (−g_k) > 0.
        """
        if self._few:
            self._project()
        assert self.theta.grad is not None
        x = self._x
        if self._loss == "ce":
            level, loss = torch.sigmoid(x), self._g0 * torch.nn.functional.softplus(-x)
        else:
            level = x if self._composition is None else self._composition.level(x)
            loss = 0.5 * self._g0 * (1.0 - level) ** 2
        return {
            "level": level.double().cpu().numpy(),
            "loss": loss.double().cpu().numpy(),
            "n_align": self._alignment.count(self.theta.grad).astype(float),
        }

    def set_frequencies(self, frequencies: NDArray[np.float64]) -> None:
        """Train with these frequencies, (runs, skills), from the next gradient on."""
        self._batches.set_frequencies(frequencies)

    def set_batch_size(self, size: int) -> None:
        """Sample this many a step from the next gradient on."""
        self._batches.set_size(size)

    def state(self) -> dict[str, Any]:
        """Return the batches drawn ahead."""
        return self._batches.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what :meth:`state` gave."""
        self._batches.restore(state)


def build(
    run: Run,
    members: Sequence[Member],
    streams: Sequence[Streams],
    device: torch.device,
    dtype: torch.dtype,
) -> GeometryRuns:
    """Return the members of a geometry run as one problem."""
    assert run.model.kind == "geometry"
    model, count = run.model, len(run.names)
    if model.vectors in KINDS:
        supports = supports_of(run)
        drawn = [modular_vectors(model, supports, stream.start) for stream in streams]
    else:
        drawn = [given_vectors(model, count, Place(run.where), run.folder)] * len(members)
    stacked = torch.empty(len(members), count, model.n_dim, dtype=dtype, device=device)
    for target, vectors in zip(stacked, drawn, strict=True):
        target.copy_(torch.from_numpy(vectors))
    composition = Composition(run.skill_graph()).to(device)
    return GeometryRuns(
        stacked,
        np.array([member.frequencies for member in members]),
        streams,
        loss=run.loss,
        g0=model.g0,
        batch_size=run.batch_size,
        composition=composition if composition.composed else None,
        mastery=run.mastery if run.sampling == "balanced" else None,
    )


def footprint(run: Run) -> int:
    """Return the bytes that one run takes."""
    assert run.model.kind == "geometry"
    skills, n_dim = len(run.names), run.model.n_dim
    size = 4 if run.dtype == "float32" else 8
    ahead = 0 if run.batch_size is None else steps_ahead(skills) * skills * (24 + size)
    # Task vectors and the double-precision ones they are made from; θ, its gradient, an
    # optimiser's averages and the noise; the streams.
    room = size * skills * n_dim // 2 if ahead and skills >= MANY else 0
    numbers = (size + 8) * skills * n_dim + size * (8 * n_dim + 32 * skills)
    return numbers + ahead + room + 4000


def side_by_side(run: Run) -> int:
    """Return how many runs are best trained at once on a CPU (measured, see `CACHE`)."""
    assert run.model.kind == "geometry"
    touched = float(len(run.names))
    if run.batch_size is not None and touched >= MANY:
        p = run.members()[0].frequencies
        share = p / max(p.sum(), 1e-300)
        touched = max(float(-np.expm1(run.batch_size * np.log1p(-share.clip(max=0.999))).sum()), 1)
    return max(int(CACHE / (4 * touched * run.model.n_dim)), 1)
