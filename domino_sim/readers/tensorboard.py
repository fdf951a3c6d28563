"""TensorBoard event files (needs tensorboard): every point of every scalar."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from domino_sim.errors import FileError
from domino_sim.logged import LAST_STEP
from domino_sim.readers.needs import needed
from domino_sim.readers.options import Options
from domino_sim.readers.records import Records, check_range, make_frame, to_plain
from domino_sim.readers.series import understand

__all__ = ["read_events"]

#: A point of a scalar: the number of its event in the folder, step, value.
Point = tuple[int, int, float]


def read_events(path: Path, options: Options, run: str) -> Records:
    """Return the records of an event file, or of all those directly in a folder, as one run.

    Files are read event by event, not through TensorBoard's sample of a thousand points a scalar.

    Raises
    ------
    FileError
        If tensorboard is not installed, there are no scalars, or what a scalar is is not known.
    """
    file = str(path)
    loader = needed("tensorboard.backend.event_processing.event_file_loader", file, "tensorboard")
    files = sorted(path.glob("*tfevents*")) if path.is_dir() else [path]
    points: dict[str, list[Point]] = {}
    number = 0
    for log in files:
        for event in _events(loader, log):
            number += 1
            for tag, value in _scalars(event):
                points.setdefault(tag, []).append((number, event.step, value))
    if not points:
        raise FileError("has no scalars", where=file, expected="scalars, such as eval/copy_loss")
    series = understand(points, options, file=file, default=None, prefixed=True)
    if not series.of:
        raise FileError(
            f"has no scalars of skills (only {', '.join(series.left_out[:8])})",
            where=file,
            expected="such as eval/copy_loss, or to be told: --tag 'eval/(.*)=level'",
        )
    frames = []
    for tag, (skill, kind) in series.of.items():
        rows, steps, values = (np.array(column) for column in zip(*points[tag], strict=True))

        def where(i: int, tag: str = tag, rows: Any = rows) -> str:
            return f"{file}: event {rows[i]}: {tag}"

        if (steps < 0).any() or (steps > LAST_STEP).any():
            i = int(np.argmax((steps < 0) | (steps > LAST_STEP)))
            raise FileError(f"the step is {steps[i]}", where=where(i), expected="a step ≥ 0")
        values = np.where(np.isinf(values), np.nan, values)
        check_range(kind, values, where)
        plain, values, se = to_plain(kind, values, np.full(len(values), np.nan))
        frames.append(make_frame(run, steps, skill, plain, values, se, rows))
    taken = [f"{kind} of {skill}: {tag}" for tag, (skill, kind) in series.of.items()]
    return Records(
        file, "event", pd.concat(frames, ignore_index=True), True, taken, series.left_out
    )


def _events(loader: Any, log: Path) -> Iterator[Any]:
    try:
        yield from loader.EventFileLoader(str(log)).Load()
    except Exception as error:  # a file that is none raises one of several kinds
        raise FileError(
            f"cannot be read as an event file: {error}", where=str(log)
        ) from None


def _scalars(event: Any) -> Iterator[tuple[str, float]]:
    """Give the scalars of an event: tensors of one number."""
    from tensorboard.util import tensor_util

    for value in event.summary.value:
        if value.WhichOneof("value") != "tensor" or value.tag.startswith("_hparams_"):
            continue
        array = tensor_util.make_ndarray(value.tensor)
        if array.size == 1 and array.dtype.kind in "iuf":
            yield value.tag, float(array.reshape(()))
