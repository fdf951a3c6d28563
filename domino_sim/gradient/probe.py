"""SkillProbe: the skills of a model in training, evaluated without a trace."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import ExitStack, contextmanager
from copy import copy as shallow_copy
from typing import TYPE_CHECKING, Any

import numpy as np

from domino_sim.errors import ArgumentError
from domino_sim.gradient.needs import need_torch
from domino_sim.logged import number, whole_step
from domino_sim.record import Recorder
from domino_sim.wording import key_path, shown

if TYPE_CHECKING:
    import torch

__all__ = ["SkillProbe", "undisturbed"]

#: ``measure(model, batch)``: one number, such as the mean loss of the batch.
Measure = Callable[[Any, Any], Any]


class SkillProbe:
    """Evaluates skills every few steps of a training loop, and leaves no trace in the training.

    A training with a probe computes bit for bit what it computes without. While the probe
    evaluates, every module is in evaluation mode and no graph is kept; afterwards, also after an
    exception, the training mode of each module, the buffers, the gradients and the states of the
    random generators of Torch (every device), NumPy and Python are what they were. Precision
    (autocast) is that of the place where the probe is called. What it cannot see it cannot put
    back: a ``torch.Generator`` of your own, or what forward hooks do.

    Parameters
    ----------
    model
        The model. Of one wrapped for distributed training give the module inside: only then may
        a single process evaluate.
    batches
        For each skill a batch of held-out examples: whatever `loss` takes, tensors or tuples,
        lists and mappings of them. They are moved to the device of the model's first parameter.
    loss
        ``loss(model, batch)``: the mean loss, a scalar. For example
        ``lambda model, batch: cross_entropy(model(batch[0]), batch[1])``.
    level
        ``level(model, batch)``: how well the skill is learned, such as the accuracy, a scalar that
        is 1 when all is learned. One of `loss` and `level` may be None.
    every
        Evaluate at steps that are multiples of this.
    recorder
        Where the values are logged; by default a new :class:`~domino_sim.record.Recorder`.

    Attributes
    ----------
    recorder
        The recorder; ``probe.recorder.curves()`` are the learning curves.

    Raises
    ------
    ArgumentError
        If an argument is not valid.
    EngineError
        If Torch is not installed.

    Examples
    --------
    >>> import torch
    >>> model = torch.nn.Linear(4, 4)
    >>> x = torch.eye(4)
    >>> def loss(model, batch):
    ...     inputs, targets = batch
    ...     return torch.nn.functional.mse_loss(model(inputs), targets)
    >>> probe = SkillProbe(model, {"same": (x, x), "flip": (x, x.flip(1))}, loss, every=10)
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> for step in range(31):
    ...     probe(step)                           # evaluates at 0, 10, 20 and 30
    ...     optimizer.zero_grad()
    ...     loss(model, (x, x)).backward()
    ...     optimizer.step()
    >>> curves = probe.recorder.curves()
    >>> curves.sizes["step"], bool(curves.loss.sel(skill="same")[0, -1] < curves.loss[0, 0, 0])
    (4, True)
    """

    def __init__(
        self,
        model: torch.nn.Module,
        batches: Mapping[str, Any],
        loss: Measure | None = None,
        *,
        level: Measure | None = None,
        every: int = 1,
        recorder: Recorder | None = None,
    ) -> None:
        torch = need_torch("SkillProbe")
        if not isinstance(model, torch.nn.Module):
            raise ArgumentError(f"is {shown(model)}", where="model", expected="a torch.nn.Module")
        if any(isinstance(module, torch.jit.ScriptModule) for module in model.modules()):
            raise ArgumentError(
                "is compiled by TorchScript, which does not let buffers be put back",
                where="model",
                expected="the module it was made of, or one compiled by torch.compile",
            )
        if not isinstance(batches, Mapping) or not batches:
            raise ArgumentError(
                f"is {shown(batches)}", where="batches", expected="a batch for each skill, by name"
            )
        for name, measure in (("loss", loss), ("level", level)):
            # A loss of Torch is called with outputs and targets: it would fail far from here.
            if measure is not None and (
                isinstance(measure, torch.nn.Module) or not callable(measure)
            ):
                raise ArgumentError(
                    f"is {type(measure).__name__}",
                    where=name,
                    expected=f"a function of (model, batch), such as lambda model, batch: "
                    f"{name}(model(batch[0]), batch[1])",
                )
        if loss is None and level is None:
            raise ArgumentError("neither loss nor level is given", expected="at least one of them")
        if isinstance(every, bool) or not isinstance(every, int | np.integer) or every < 1:
            raise ArgumentError(f"is {shown(every)}", where="every", expected="an integer ≥ 1")
        if not isinstance(recorder, Recorder | None):
            raise ArgumentError(f"is {shown(recorder)}", where="recorder", expected="a Recorder")
        self.model, self.batches, self.loss, self.level = model, dict(batches), loss, level
        self.every = every
        self.recorder = Recorder(skills=self.batches) if recorder is None else recorder

    def __call__(self, step: int) -> None:
        """Evaluate and log all skills if `step` is a multiple of `every`.

        Raises
        ------
        ArgumentError
            If a loss or level is not one number, or the step is not valid.
        """
        if whole_step(step) % self.every == 0:
            self.record(step)

    def record(self, step: int) -> None:
        """Evaluate and log all skills now: at the last step, for example."""
        self.recorder.log(step, **self.measure())

    def measure(self) -> dict[str, dict[str, float]]:
        """Evaluate all skills and return the numbers by name, without logging them.

        Returns
        -------
        dict
            ``losses`` and ``levels``, those that are measured; in each a number for each skill.
        """
        pairs = (("losses", self.loss), ("levels", self.level))
        measures = {kind: measure for kind, measure in pairs if measure is not None}
        found: dict[str, dict[str, float]] = {kind: {} for kind in measures}
        with undisturbed(self.model):
            device = _device(self.model)
            for skill, batch in self.batches.items():
                batch = _moved(batch, device)
                for kind, measure in measures.items():
                    try:
                        value = measure(self.model, batch)
                    except Exception as error:
                        error.add_note(f"while SkillProbe evaluated the {kind} of {skill!r}")
                        raise
                    found[kind][skill] = number(value, key_path(kind, skill))
        return found


@contextmanager
def undisturbed(model: torch.nn.Module) -> Iterator[None]:
    """Evaluate a model inside, without a graph; afterwards all is as it was.

    Examples
    --------
    >>> import torch
    >>> model = torch.nn.Dropout(0.5)
    >>> with undisturbed(model):
    ...     model(torch.ones(3)).tolist()
    [1.0, 1.0, 1.0]
    >>> model.training
    True
    """
    torch = need_torch("SkillProbe")
    if any(torch.nn.parameter.is_lazy(p) for p in (*model.parameters(), *model.buffers())):
        # The first batch decides their shape and draws their values: it has to be a training one.
        raise ArgumentError(
            "has parameters without values yet",
            where="model",
            expected="a model that has seen a batch (torch.nn.Lazy… modules take shape from it)",
        )
    with ExitStack() as stack:
        for kept in (_generators(), _modes(model), _buffers(model), _gradients(model)):
            stack.enter_context(kept)
        # A weight that autocast casts here has no graph; in older versions of Torch the training
        # would find it in the cache, and get no gradient (pytorch/pytorch#112583).
        stack.callback(torch.set_autocast_cache_enabled, torch.is_autocast_cache_enabled())
        torch.set_autocast_cache_enabled(False)
        # Not inference_mode: what a module caches in it can never take part in training again.
        stack.enter_context(torch.no_grad())
        yield


@contextmanager
def _modes(model: torch.nn.Module) -> Iterator[None]:
    """Put all modules into evaluation mode; each gets its own mode back."""
    modes = [(module, module.training) for module in model.modules()]
    try:
        # Not model.eval(): modules may override it, with effects that only train() undoes.
        for module, _ in modes:
            module.training = False
        yield
    finally:
        for module, training in modes:
            module.training = training


@contextmanager
def _buffers(model: torch.nn.Module) -> Iterator[None]:
    """Put back buffers that were changed in place, replaced, added or removed."""
    held = [(module, dict(module._buffers)) for module in model.modules()]
    copies = [(buffer, _version(buffer), buffer.detach().clone()) for buffer in model.buffers()]
    try:
        yield
    finally:
        for module, buffers in held:
            module._buffers.clear()
            module._buffers.update(buffers)
        torch = need_torch("SkillProbe")
        for buffer, version, copy in copies:
            # Only what was written to: a graph may be waiting for its backward pass.
            if version is None:
                with torch.inference_mode():
                    buffer.copy_(copy)
            elif buffer._version != version:
                with torch.no_grad():
                    buffer.copy_(copy)


def _version(buffer: torch.Tensor) -> int | None:
    """Return how often a buffer was written to; None of one made in inference mode."""
    return None if buffer.is_inference() else buffer._version


@contextmanager
def _gradients(model: torch.nn.Module) -> Iterator[None]:
    """Set the gradients aside: a loss may take gradients of its own."""
    gradients = [(parameter, parameter.grad) for parameter in model.parameters()]
    try:
        for parameter, _ in gradients:
            parameter.grad = None
        yield
    finally:
        for parameter, gradient in gradients:
            parameter.grad = gradient


@contextmanager
def _generators() -> Iterator[None]:
    """Put back the states of the global generators of Torch, NumPy and Python."""
    torch = need_torch("SkillProbe")
    restore: list[tuple[Callable[[Any], Any], Any]] = [
        (torch.set_rng_state, torch.get_rng_state()),
        (np.random.set_state, np.random.get_state()),  # noqa: NPY002  (others may draw from it)
        (random.setstate, random.getstate()),
    ]
    for kind in ("cuda", "xpu"):
        accelerator = getattr(torch, kind, None)  # Torch 2.2 has no xpu
        # One that has not been started has drawn nothing, and should not be started.
        if accelerator is not None and accelerator.is_initialized():
            restore.append((accelerator.set_rng_state_all, accelerator.get_rng_state_all()))
    if torch.backends.mps.is_available():
        restore.append((torch.mps.set_rng_state, torch.mps.get_rng_state()))
    try:
        yield
    finally:
        for put_back, state in restore:
            put_back(state)


def _device(model: torch.nn.Module) -> torch.device | None:
    for tensor in (*model.parameters(), *model.buffers()):
        return tensor.device
    return None


def _moved(batch: Any, device: torch.device | None) -> Any:
    if device is None:
        return batch
    if hasattr(batch, "to"):
        return batch.to(device)
    if isinstance(batch, MutableMapping):
        moved = shallow_copy(batch)  # of the type that the loss was written for
        for key, value in batch.items():
            moved[key] = _moved(value, device)
        return moved
    if isinstance(batch, Mapping):
        return {key: _moved(value, device) for key, value in batch.items()}
    if isinstance(batch, tuple) and hasattr(batch, "_fields"):
        return type(batch)(*(_moved(value, device) for value in batch))
    if isinstance(batch, list | tuple):
        return type(batch)(_moved(value, device) for value in batch)
    return batch
