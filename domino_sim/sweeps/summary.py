"""The main numbers of a point."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from domino_sim.errors import DominoError, one_line
from domino_sim.sweeps.points import key_of
from domino_sim.sweeps.task import Point, Row, Task

__all__ = ["done", "failed", "packed", "total_loss", "unpacked"]

Floats = NDArray[np.float64]

#: A level that is lower than mastery by no more than this is mastered.
ROUNDING = 1e-9


def total_loss(level: Floats, frequency: Floats, loss: str, g0: float) -> Floats:
    """Return the loss of all skills together, Σ p_i loss_i / Σ p_i, over the last axis.

    The loss of a skill is g₀ ½ (1 − s)² with ``mse``, −g₀ log s with ``ce``
    (``docs/theory.md``). It is NaN where no skill is trained.

    Examples
    --------
    >>> total_loss(np.array([0.0, 1.0]), np.array([3.0, 1.0]), "mse", 1.0)
    array(0.375)
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        each = 0.5 * (1.0 - level) ** 2 if loss == "mse" else -np.log(level)
        return np.asarray(g0 * (each * frequency).sum(axis=-1) / frequency.sum(axis=-1))


def packed(values: Floats) -> bytes:
    """Return numbers as compressed little-endian doubles."""
    return zlib.compress(np.ascontiguousarray(values, dtype="<f8").tobytes(), 1)


def unpacked(data: bytes) -> Floats:
    """Return the numbers that `packed` was given, flat."""
    return np.frombuffer(zlib.decompress(data), dtype="<f8")


def done(
    task: Task,
    point: Point,
    *,
    names: str,
    mastered_at: Sequence[float],
    loss: Floats,
    level: Floats,
    kept: int,
    steps: str,
    mastery: float,
    engine: str,
    seed: int,
    seconds: float,
) -> Row:
    """Return the row of a point that is done.

    Parameters
    ----------
    names
        The skills, as JSON.
    mastered_at
        By skill, NaN: never.
    loss : (steps,) array
        Of all skills together, up to the last step of the run.
    level : (steps, skills) array
    kept, steps
        How many of these steps are recorded, and those as JSON.
    mastery
        The level from which a skill is mastered.
    """
    times = [at if math.isfinite(at) else None for at in mastered_at]
    found = [at for at in times if at is not None]
    final = float(loss[-1])
    fell = np.isfinite(mastered_at) & (level[-1] < mastery - ROUNDING)
    curves: dict[str, Any] = {}
    if task.curves != "none":
        curves = {"steps": steps, "loss": packed(loss[:kept])}
    if task.curves == "levels":
        curves["level"] = packed(level[:kept])
    return Row(
        point.number,
        key_of(point.parameters),
        "done",
        skills=names,
        mastered_at=json.dumps(times),
        mastered=len(found),
        fell=int(fell.sum()),
        all_mastered_at=max(found, default=0.0) if len(found) == len(times) else None,
        final_loss=final if math.isfinite(final) else None,
        engine=engine,
        seed=seed,
        seconds=seconds,
        **curves,
    )


def failed(
    point: Point, error: Exception | str, engine: str, seed: int | None, seconds: float = 0.0
) -> Row:
    """Return the row of a point that could not be carried through."""
    if isinstance(error, DominoError | str):
        text = str(error)
    else:
        text = f"{type(error).__name__}: {error}"
    return Row(
        point.number, key_of(point.parameters), "failed",
        engine=engine, seed=seed, seconds=seconds, error=one_line(text),
    )  # fmt: skip
