"""One verb: `train` all runs of a file."""

from __future__ import annotations

import importlib
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import numpy as np

from domino_sim.curves import make_curves
from domino_sim.errors import ArgumentError, FileError, ScenarioError
from domino_sim.files import make_folder
from domino_sim.gradient.needs import need_torch
from domino_sim.gradient.run import Member, Run, load_run
from domino_sim.gradient.streams import Streams
from domino_sim.memory import check_record
from domino_sim.progress import Meter, NullMeter
from domino_sim.scenario.places import Place
from domino_sim.wording import shown

if TYPE_CHECKING:
    import torch
    import xarray as xr

    from domino_sim.gradient.loop import Loop

__all__ = ["train"]

#: Seconds of work that an interrupted run may lose.
CHECKPOINT_SECONDS = 20.0

#: Bytes that a recorded point of a curve takes: level, loss, and two variables more.
BYTES_PER_POINT = 32

#: Seconds between two looks at the clock, and for interruptions.
STRIDE_SECONDS = 0.1


def train(
    run: Run | str | Path | Mapping[str, Any],
    *,
    checkpoint: str | Path | None = None,
    meter: Meter | None = None,
) -> xr.Dataset:
    """Train all runs of a run file and return their learning curves.

    Parameters
    ----------
    run
        A `Run` (`load_run`), the bundled name or path of a run file, or its tables.
    checkpoint
        A folder. Work is saved there about every 20 seconds, when it is interrupted (SIGINT,
        SIGTERM), and whenever a batch of runs is done; the same run with the same folder goes on
        from there, and ends with the same numbers as one that was never interrupted. The folder is
        made if need be; what is in it is left for the caller to remove.
    meter
        Shows how far it is; by default nothing is shown.

    Notes
    -----
    Torch has one thread during the call, and as many as before afterwards: a step is many small
    operations, which take longer to share than to do.

    Returns
    -------
    xarray.Dataset
        The curves form (:mod:`domino_sim.curves`): ``level`` and ``loss`` (run, step, skill) and
        what else the model records (geometry: ``n_align``); ``frequency`` (run, skill); by run
        its ``seed``, ``mixture`` and ``diverged_at`` (the step at which its loss was not finite
        any more, or had exploded (a million times what it was, or a million if that is more); NaN
        for those that trained to the end; its curve is NaN from there on).

    Raises
    ------
    ScenarioError, FileError, GraphError, GateError
        If the run file is not valid, or its device is not there.
    EngineError
        If Torch is not installed.
    FileError
        If the checkpoints are of another run, or cannot be written.

    Examples
    --------
    >>> curves = train({"steps": 100, "seeds": 2, "model": {"kind": "geometry", "n_dim": 200},
    ...     "optimizer": {"name": "sgd", "lr": 0.1}, "skills": {"A": {}, "B": {"frequency": 0.5}}})
    >>> curves.level.sel(step=100, skill="B").values.round(4)  # 1 - (1 - 0.05)**100
    array([0.9941, 0.9941])
    """
    run = _as_run(run)
    others = ("pytorch_optimizer",) if run.optimizer.name in ("lion", "ademamix") else ()
    torch = need_torch("train", *others)
    device, dtype = _device(run, torch), getattr(torch, run.dtype)
    model = importlib.import_module(f"domino_sim.gradient.{run.model.kind}")
    members = run.members()
    curves = len(members) * len(run.names)
    check_record(
        len(run.record_steps()),
        curves,
        of=f"{curves:,} curves",
        each=BYTES_PER_POINT,
        part=0.3,
        where=Place(run.where).of("record"),
    )
    at_once = _at_once(run, model, device)
    work = None if checkpoint is None else _Work(run, checkpoint)
    batches = [members[i : i + at_once] for i in range(0, len(members), at_once)]
    loops: list[Loop] = []
    task = (meter or NullMeter()).task(run.title or "training", len(batches) * run.steps)
    with _threads(torch, model.THREADS), task as report:
        build = partial(_build, run, model, device, dtype)
        for number, batch in enumerate(batches):

            def so_far(step: float, before: int = number * run.steps) -> None:
                report(before + step)

            try:
                loops.append(_train_batch(build(batch), work, number * at_once, so_far))
            finally:
                if work is not None:
                    work.tidy()
    return _curves(run, members, loops)


@contextmanager
def _threads(torch: Any, most: int) -> Iterator[None]:
    """Let Torch use at most so many threads, and as many as before afterwards."""
    before = torch.get_num_threads()
    if most < before:
        torch.set_num_threads(most)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _as_run(run: Run | str | Path | Mapping[str, Any]) -> Run:
    if isinstance(run, Run):
        return run
    if isinstance(run, str | Path):
        return load_run(run)
    if isinstance(run, Mapping):
        return Run.from_dict(run)
    raise ArgumentError(
        f"The 'run' parameter of train is a {type(run).__name__}",
        expected="a Run (load_run), the name or path of a run file, or its tables",
    )


def _device(run: Run, torch: Any) -> torch.device:
    try:
        device = torch.device(run.device)
        torch.empty(1, device=device).sum().item()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        found = torch.cuda.device_count() if torch.cuda.is_available() else 0
        accelerators = [f"cuda:{i}" for i in range(found)]
        if torch.backends.mps.is_available():
            accelerators.append("mps")
        what = str(error).splitlines()[0].rstrip(".")
        raise ScenarioError(
            f"the device {run.device!r} cannot be used ({what[:80]})",
            where=Place(run.where).of("device"),
            expected=" or ".join(["cpu", *accelerators]),
        ) from None
    return device


def _at_once(run: Run, model: Any, device: torch.device) -> int:
    """Return how many runs are trained side by side: what the memory holds, and what pays."""
    size = model.footprint(run)
    fit = int(run.memory * 2**30 / size)
    if fit < 1:
        raise ScenarioError(
            f"one run takes {size / 2**30:.2g} GiB",
            where=Place(run.where).of("memory"),
            expected=f"memory ≥ {size / 2**30:.2g}",
        )
    return min(fit, model.side_by_side(run)) if device.type == "cpu" else fit


def _build(
    run: Run, model: Any, device: torch.device, dtype: torch.dtype, members: Sequence[Member]
) -> Loop:
    """Return the loop that trains `members` side by side."""
    from domino_sim.gradient.loop import Loop

    streams = [Streams.from_seed(member.seed) for member in members]
    return Loop(run, members, streams, model.build(run, members, streams, device, dtype))


def _train_batch(
    loop: Loop, work: _Work | None, first: int, report: Callable[[float], None]
) -> Loop:
    """Train to the end, from the checkpoint if there is one; `first` is the first run's number."""
    if work is None:
        loop.advance(loop.steps, report)
        return loop
    work.restore(loop, first)
    written = begun = time.monotonic()
    stride = 1
    with _signals_held() as held:
        while not loop.done:
            loop.advance(loop.step + stride, report)
            now = time.monotonic()
            # Often enough to answer an interruption soon, and seldom enough to cost nothing.
            stride = max(min(int(stride * STRIDE_SECONDS / max(now - begun, 1e-4)), 2 * stride), 1)
            if loop.done or held or now - written > CHECKPOINT_SECONDS:
                work.save(loop, first)
                written = time.monotonic()
            if held:
                break
            begun = time.monotonic()
    return loop


@contextmanager
def _signals_held() -> Iterator[list[int]]:
    """Collect interruptions, and let them come when the work in hand is saved.

    A second one comes at once. Only the main thread gets any.
    """
    held: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield held
        return

    def hold(number: int, frame: FrameType | None) -> None:
        if held:
            raise KeyboardInterrupt
        held.append(number)

    before = {each: signal.signal(each, hold) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield held
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
    for number in held:
        signal.raise_signal(number)


class _Work:
    """The checkpoints of a run in a folder."""

    def __init__(self, run: Run, folder: Any) -> None:
        from domino_sim.gradient import checkpoint

        if not isinstance(folder, str | Path):
            raise ArgumentError(f"is {shown(folder)}", where="checkpoint", expected="a folder")
        self._checkpoint, self._folder = checkpoint, Path(folder)
        self._fingerprint = checkpoint.fingerprint(run.definition())
        make_folder(self._folder)
        if not os.access(self._folder, os.W_OK | os.X_OK):
            where = str(self._folder)
            raise FileError("is not writable", where=where, expected="a folder for checkpoints")
        for path in checkpoint.checkpoints_in(self._folder)[:1]:
            self._read(path)

    def restore(self, loop: Loop, first: int) -> None:
        path = self._path(loop, first)
        if path.exists():
            loop.restore(self._read(path))

    def save(self, loop: Loop, first: int) -> None:
        content = {"fingerprint": self._fingerprint, **loop.save()}
        self._checkpoint.write_checkpoint(self._path(loop, first), content)

    def tidy(self) -> None:
        """Remove the folder if nothing is in it."""
        with suppress(OSError):
            self._folder.rmdir()

    def _path(self, loop: Loop, first: int) -> Path:
        last = first + len(loop.diverged_at) - 1
        return self._checkpoint.checkpoint_path(self._folder, first, last)

    def _read(self, path: Path) -> dict[str, Any]:
        saved = self._checkpoint.read_checkpoint(path)
        if saved.get("fingerprint") != self._fingerprint:
            raise FileError(
                "is the checkpoint of another run, or of another version of this program",
                where=str(path),
                expected="the run it was made of, another folder, or to begin anew (--fresh)",
            )
        return saved


def _curves(run: Run, members: Sequence[Member], loops: Sequence[Loop]) -> xr.Dataset:
    names = list(loops[0].curves)
    values = {
        name: np.concatenate([loop.curves[name].swapaxes(0, 1) for loop in loops]) for name in names
    }
    dims = ("run", "step", "skill")
    extra = {n: (dims, v) for n, v in values.items() if n not in ("level", "loss")}
    frequency = np.array([member.frequencies for member in members])
    varies = np.zeros(len(run.names), dtype=bool)
    at = np.repeat(frequency[:, None], len(run.record_steps()), axis=1)
    for step, skill, value in _changes(run):
        varies[skill] |= step > 0 and bool((frequency[:, skill] != value).any())
        frequency[:, skill] = value
        at[:, run.record_steps() >= step, skill] = value
    if varies.any():
        extra["frequency_at"] = (dims, at)
    frequency[:, varies] = np.nan
    if run.sampling == "balanced":
        frequency[:] = np.nan
    return make_curves(
        runs=[member.name for member in members],
        steps=run.record_steps(),
        skills=run.names,
        level=values["level"],
        loss=values["loss"],
        frequency=frequency,
        extra=extra,
        run_labels={
            "seed": [member.seed for member in members],
            "mixture": [member.mixture for member in members],
            "diverged_at": np.concatenate([loop.diverged_at for loop in loops]),
        },
        attrs={
            "title": run.title,
            "source": run.source,
            "model": run.model.kind,
            "optimizer": run.optimizer.name,
            "lr": run.optimizer.lr,
            "loss_kind": run.loss,
            "mastery": run.mastery,
            "steps": run.steps,
            "run": json.dumps(run.to_dict(), ensure_ascii=False),
        },
    )


def _changes(run: Run) -> Iterator[tuple[int, int, float]]:
    """Give step, skill and new frequency of each change of the mixture, in time."""
    for intervention in sorted(run.interventions, key=lambda i: i.at):
        for name, value in intervention.frequencies.items():
            yield intervention.at, run.names.index(name), value
