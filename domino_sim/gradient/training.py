"""One verb: `train` all runs of a file."""

from __future__ import annotations

import importlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
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

if TYPE_CHECKING:
    import torch
    import xarray as xr

    from domino_sim.gradient.loop import Loop

__all__ = ["train"]

#: Seconds of work that an interrupted run may lose.
CHECKPOINT_SECONDS = 20.0

#: Bytes that a recorded point of a curve takes: level, loss, and two variables more.
BYTES_PER_POINT = 32

#: Updates between two looks at the clock.
STRIDE = 50


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
        A folder. Work is saved there every 20 seconds and whenever a batch of runs is done; the
        same run with the same folder goes on from there, and ends with the same numbers as one
        that was never interrupted. The folder is made if need be, and left for the caller to
        remove.
    meter
        Shows how far it is; by default nothing is shown.

    Notes
    -----
    Torch's number of threads is lowered during the call where more would only wait for each other
    (the geometry model), and put back.

    Returns
    -------
    xarray.Dataset
        The curves form (:mod:`domino_sim.curves`): ``level`` and ``loss`` (run, step, skill) and
        what else the model records (geometry: ``n_align``); ``frequency`` (run, skill); by run
        its ``seed``, ``mixture`` and ``diverged_at`` (the step at which its loss was not finite
        any more, or a million times what it was; NaN for those that trained to the end; its curve
        is NaN from there on).

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
    torch = need_torch("train", "pytorch_optimizer")
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
    folder = None if checkpoint is None else Path(checkpoint)
    at_once = _at_once(run, model, device)
    batches = [members[i : i + at_once] for i in range(0, len(members), at_once)]
    loops: list[Loop] = []
    task = (meter or NullMeter()).task(run.title or "training", len(batches) * run.steps)
    with _threads(torch, model.THREADS), task as report:
        for number, batch in enumerate(batches):

            def so_far(step: float, before: int = number * run.steps) -> None:
                report(before + step)

            loops.append(_Batch(run, batch, model, device, dtype, folder, number).train(so_far))
    return _curves(run, members, loops)


@contextmanager
def _threads(torch: Any, most: int | None) -> Iterator[None]:
    """Let Torch use at most so many threads, and as many as before afterwards."""
    before = torch.get_num_threads()
    if most is not None and most < before:
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


class _Batch:
    """Runs that are trained side by side, and their checkpoint."""

    def __init__(
        self,
        run: Run,
        members: Sequence[Member],
        model: Any,
        device: torch.device,
        dtype: torch.dtype,
        folder: Path | None,
        number: int,
    ) -> None:
        from domino_sim.gradient.checkpoint import fingerprint

        self._run, self._members = run, members
        self._build = lambda streams: model.build(run, members, streams, device, dtype)
        self._path = None if folder is None else folder / f"batch-{number:05d}.pt"
        definition = [run.definition(), [(m.name, m.frequencies.tolist()) for m in members]]
        self._fingerprint = fingerprint(definition) if folder is not None else ""

    def train(self, report: Callable[[float], None]) -> Loop:
        """Train to the end, from the checkpoint if there is one."""
        from domino_sim.gradient.loop import Loop

        saved = self._saved()
        streams = [Streams.from_seed(member.seed) for member in self._members]
        loop = Loop(self._run, self._members, streams, self._build(streams))
        if saved is not None:
            loop.restore(saved)
        written = time.monotonic()
        while not loop.done:
            loop.advance(loop.step + STRIDE, report)
            if self._path is not None and (
                loop.done or time.monotonic() - written > CHECKPOINT_SECONDS
            ):
                self._write(loop)
                written = time.monotonic()
        return loop

    def _saved(self) -> dict[str, Any] | None:
        from domino_sim.gradient.checkpoint import read_checkpoint

        if self._path is None or not self._path.exists():
            return None
        saved = read_checkpoint(self._path)
        if saved.get("fingerprint") != self._fingerprint:
            raise FileError(
                "is the checkpoint of another run, or of another version of this program",
                where=str(self._path),
                expected="the run it was made of, or another folder",
            )
        return saved

    def _write(self, loop: Loop) -> None:
        from domino_sim.gradient.checkpoint import write_checkpoint

        assert self._path is not None
        make_folder(self._path.parent)
        write_checkpoint(self._path, {"fingerprint": self._fingerprint, **loop.save()})


def _curves(run: Run, members: Sequence[Member], loops: Sequence[Loop]) -> xr.Dataset:
    names = list(loops[0].curves)
    values = {
        name: np.concatenate([loop.curves[name].swapaxes(0, 1) for loop in loops]) for name in names
    }
    dims = ("run", "step", "skill")
    extra = {n: (dims, v) for n, v in values.items() if n not in ("level", "loss")}
    frequency = np.array([member.frequencies for member in members])
    changes = list(_changes(run, frequency))
    if changes:
        extra["frequency_at"] = (dims, _frequency_at(run, frequency, changes))
        for _, skill, _ in changes:
            frequency[:, skill] = np.nan
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


def _changes(run: Run, frequency: np.ndarray) -> Iterator[tuple[int, int, float]]:
    """Give step, skill and new frequency of each change of the mixture, in time."""
    for intervention in sorted(run.interventions, key=lambda i: i.at):
        for name, value in intervention.frequencies.items():
            yield intervention.at, run.names.index(name), value


def _frequency_at(
    run: Run, frequency: np.ndarray, changes: Sequence[tuple[int, int, float]]
) -> np.ndarray:
    steps = run.record_steps()
    at = np.repeat(frequency[:, None], len(steps), axis=1)
    for step, skill, value in changes:
        at[:, steps >= step, skill] = value
    return at
