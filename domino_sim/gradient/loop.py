"""The training loop: runs side by side, step by step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from domino_sim.gradient.optimizers import bare_step, learning_rate, make_optimizer
from domino_sim.gradient.problem import Problem
from domino_sim.gradient.run import Member, Run
from domino_sim.gradient.streams import Streams
from domino_sim.gradient.tables import RunIntervention

__all__ = ["Loop"]

#: A run diverges when its loss passes this many times what it was (or 1, if that is more), though
#: its numbers may be finite still.
DIVERGED = 1e6

#: How many steps an accelerator works on before it is asked whether a run has diverged: to ask at
#: every step would have it wait for the processor, and the processor for it.
WATCH_EVERY = 64

#: The devices that are asked at every step.
ASKED_AT_ONCE = ("cpu",)


class Loop:
    """Trains one batch of runs and keeps what is recorded.

    Step k of the record is the state after k updates. A run whose loss or level is not
    finite, or whose loss has exploded, is NaN from there on, and the others go on.

    Parameters
    ----------
    run, members, streams, problem
        The run file, and its runs that are trained here.

    Attributes
    ----------
    step
        Updates made so far.
    curves
        Recorded variables by name, (recorded, runs, skills), NaN where nothing is recorded yet.
    diverged_at
        (runs,), the step at which each run diverged; NaN for those that did not. On an accelerator
        it may be told `WATCH_EVERY` steps late, but never later than the next record.
    """

    def __init__(
        self, run: Run, members: Sequence[Member], streams: Sequence[Streams], problem: Problem
    ) -> None:
        self._run, self._problem, self._streams = run, problem, streams
        self._skills = {name: i for i, name in enumerate(run.names)}
        self._frequencies = np.array([member.frequencies for member in members])
        self._optimizer = make_optimizer(run.optimizer, problem.parameters)
        self._update = bare_step(self._optimizer)
        self._lr, self._noise = run.optimizer.lr, run.noise
        # Buffers that NumPy's generators fill and Torch reads.
        self._buffers = [torch.empty(p.shape, dtype=p.dtype) for p in problem.parameters]
        self._interventions: dict[int, list[RunIntervention]] = {}
        for intervention in run.interventions:
            self._interventions.setdefault(intervention.at, []).append(intervention)
        steps = run.record_steps().tolist()
        self._rows = {step: row for row, step in enumerate(steps)}
        self._limit: torch.Tensor | None = None
        self._watcher: _Watcher | None = None
        self._lags = problem.parameters[0].device.type not in ASKED_AT_ONCE
        self.step = 0
        self.curves: dict[str, NDArray[np.float64]] = {}
        self.diverged_at = np.full(len(members), np.nan)

    @property
    def steps(self) -> int:
        """The last step."""
        return self._run.steps

    @property
    def done(self) -> bool:
        """Whether the last step is recorded, or nothing is left to train."""
        return self.step > self._run.steps

    def advance(self, until: int, report: Callable[[float], None] = lambda step: None) -> None:
        """Train until `until` updates are made, or to the end; record on the way."""
        last = self._run.steps
        schedule = self._run.optimizer.schedule
        fixed = schedule.kind == "constant" and not schedule.warmup
        while self.step <= last and (self.step < until or self.step == last):
            if self.step in self._interventions:
                self._intervene(self.step)
            loss = self._problem.gradient()
            if not self.curves:
                self._make_room()
            if self._watch(loss):
                self.step = last + 1
                return
            if self._noise:
                self._add_noise()
            if self.step in self._rows and self._keep(self._rows[self.step]):
                self.step = last + 1
                return
            if self.step < last:
                if not fixed:
                    self._set_lr(learning_rate(schedule, self._lr, self.step, last))
                self._update()
            report(self.step)
            self.step += 1

    def _watch(self, loss: torch.Tensor) -> bool:
        """Note which runs have diverged; return whether all have.

        An accelerator counts, and is asked now and then, and whenever it is waited for anyway.
        """
        if self._limit is None:
            self._limit = DIVERGED * torch.clamp(loss, min=1.0)
        fine = loss < self._limit
        if not self._lags:
            return not bool(fine.all()) and self._stop(~fine.cpu().numpy())
        if self._watcher is None:
            self._watcher = _Watcher(self.step, fine)
        self._watcher.see(fine)
        waits = self.step in self._rows or self.step == self.steps
        return (waits or self.step - self._watcher.since >= WATCH_EVERY) and self._ask()

    def _ask(self) -> bool:
        """Note which runs the accelerator saw diverge; return whether all have by now."""
        if self._watcher is not None:
            at = self._watcher.diverged_at()
            self._watcher = None
            new = np.isnan(self.diverged_at)
            self.diverged_at[new] = at[new]
        return not np.isnan(self.diverged_at).any()

    def _stop(self, gone: NDArray[np.bool_]) -> bool:
        """Note that runs have diverged at this step; return whether all have by now."""
        self.diverged_at[gone & np.isnan(self.diverged_at)] = self.step
        return not np.isnan(self.diverged_at).any()

    def _add_noise(self) -> None:
        for parameter, buffer in zip(self._problem.parameters, self._buffers, strict=True):
            numbers = buffer.numpy()
            for row, streams in zip(numbers, self._streams, strict=True):
                streams.noise.standard_normal(dtype=row.dtype.type, out=row)
            assert parameter.grad is not None
            parameter.grad.add_(buffer.to(parameter.device), alpha=self._noise)

    def _make_room(self) -> None:
        for name, values in self._problem.measure().items():
            self.curves[name] = np.full((len(self._rows), *values.shape), np.nan)

    def _keep(self, row: int) -> bool:
        """Record the state; return whether all runs have diverged by now."""
        found = self._problem.measure()
        # A skill that is not trained now does not show in the loss of the run.
        fine = np.all([np.isfinite(values).all(axis=1) for values in found.values()], axis=0)
        ended = self._stop(~fine)
        gone = ~np.isnan(self.diverged_at)
        for name, values in found.items():
            self.curves[name][row] = np.where(gone[:, None], np.nan, values)
        return ended

    def _intervene(self, step: int) -> None:
        for intervention in self._interventions[step]:
            for skill, frequency in intervention.frequencies.items():
                self._frequencies[:, self._skills[skill]] = frequency
            if intervention.frequencies:
                self._problem.set_frequencies(self._frequencies)
            for key, value in intervention.set.items():
                if key == "optimizer.lr":
                    self._lr = value
                    self._set_lr(value)
                elif key == "noise":
                    self._noise = value
                elif key == "batch_size":
                    self._problem.set_batch_size(int(value))
        self._limit = None  # what a loss may be depends on the frequencies

    def _set_lr(self, lr: float) -> None:
        for group in self._optimizer.param_groups:
            group["lr"] = lr

    def save(self) -> dict[str, Any]:
        """Return what a checkpoint needs: tensors, numbers and texts."""
        self._ask()
        return {
            "step": self.step,
            "parameters": [p.detach() for p in self._problem.parameters],
            "optimizer": self._optimizer.state_dict(),
            "streams": [streams.save() for streams in self._streams],
            "problem": self._problem.state(),
            "curves": {name: torch.from_numpy(v) for name, v in self.curves.items()},
            "diverged_at": torch.from_numpy(self.diverged_at),
            "limit": self._limit,
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Go on from what :meth:`save` gave."""
        for step in sorted(self._interventions):
            if step < saved["step"]:
                self._intervene(step)
        with torch.no_grad():
            for parameter, value in zip(self._problem.parameters, saved["parameters"], strict=True):
                parameter.copy_(value)
        self._optimizer.load_state_dict(saved["optimizer"])
        for streams, state in zip(self._streams, saved["streams"], strict=True):
            streams.restore(state)
        self._problem.restore(saved["problem"])
        self.step = saved["step"]
        self.curves = {name: values.numpy() for name, values in saved["curves"].items()}
        self.diverged_at = saved["diverged_at"].numpy()
        limit = saved["limit"]
        self._limit = None if limit is None else limit.to(self._problem.parameters[0].device)


class _Watcher:
    """Counts on the device for how many steps each run has been fine, without looking.

    Parameters
    ----------
    since
        The first step that is seen.
    like
        A tensor (runs,) on the device.
    """

    def __init__(self, since: int, like: torch.Tensor) -> None:
        self.since = since
        self._fine = torch.ones_like(like)
        self._steps = torch.zeros(like.shape, dtype=torch.int32, device=like.device)

    def see(self, fine: torch.Tensor) -> None:
        """Take note of one more step."""
        self._steps += self._fine.logical_and_(fine)

    def diverged_at(self) -> NDArray[np.float64]:
        """Return the step at which each run was not fine first; NaN for those that were."""
        fine, steps = self._fine.cpu().numpy(), self._steps.cpu().numpy()
        return np.where(fine, np.nan, self.since + steps)
