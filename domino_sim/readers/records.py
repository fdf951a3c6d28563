"""What a reader hands over: measured values, a row each, and how the file was understood."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from domino_sim.errors import FileError

__all__ = ["KINDS", "START", "Records", "check_range", "make_frame", "to_plain"]

#: What a measured value can be. Accuracies, per cent and perplexities have plainer forms.
KINDS = ("level", "accuracy", "percent", "loss", "perplexity")

#: The step of a frequency that holds from the start of a run.
START = -1

#: Lowest and highest value of a kind; beyond, it is something else. Levels overshoot by noise, and
#: skills that others undo fall below 0; a Recorder takes no level above 2 either.
RANGES = {
    "level": (-1.0, 2.0),
    "accuracy": (-1e-6, 1 + 1e-6),
    "percent": (-1e-4, 100 + 1e-4),
    "perplexity": (1e-300, np.inf),
    "frequency": (0.0, np.inf),
}

WANTED = {
    "level": "a level, from −1 to 2 (--kind loss, percent or perplexity if it is one of these)",
    "accuracy": "an accuracy, from 0 to 1 (per cent are of the kind 'percent')",
    "percent": "per cent, from 0 to 100",
    "perplexity": "a perplexity, above 0",
    "frequency": "a finite number ≥ 0",
}


@dataclass
class Records:
    """The values of one file, and how it was understood.

    Parameters
    ----------
    file
        Its name, for messages.
    unit
        What a row of it is called in messages: ``"line"``, ``"row"``, ``"entry"``.
    frame
        A value a row: run, step, skill, kind (of `KINDS`, or ``"frequency"``), value, se (its
        standard error, NaN where unknown), row (its number in the file).
    timed
        Whether rows stand in the order of time, as those of a log: steps must not go back.
    taken
        What was taken for what, as short texts: ``"skill: task"``.
    left_out
        What of the file was not used.
    metrics
        The names of all metrics met.
    """

    file: str
    unit: str
    frame: pd.DataFrame
    timed: bool = False
    taken: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    metrics: list[str] = field(default_factory=list)


def make_frame(
    run: np.ndarray | str,
    step: np.ndarray,
    skill: np.ndarray | str,
    kind: np.ndarray | str,
    value: np.ndarray,
    se: np.ndarray | float,
    row: np.ndarray,
) -> pd.DataFrame:
    """Return values as a frame of :class:`Records`; a single text holds for all rows."""

    def texts(given: np.ndarray | str) -> pd.Series:
        # As plain objects: whether pandas has a type of its own for texts depends on PyArrow.
        whole = np.full(len(value), given, dtype=object) if isinstance(given, str) else given
        return pd.Series(whole, dtype=object)

    columns = {"run": texts(run), "step": step, "skill": texts(skill), "kind": texts(kind)}
    return pd.DataFrame(columns | {"value": value, "se": se, "row": row})


def check_range(kind: str, values: np.ndarray, where: Callable[[int], str]) -> None:
    """Refuse a value that is none of its kind; `where` gives the place of the i-th."""
    low, high = RANGES.get(kind, (-np.inf, np.inf))
    with np.errstate(invalid="ignore"):
        wrong = (values < low) | (values > high)
    if wrong.any():
        i = int(np.argmax(wrong))
        raise FileError(f"is {values[i]:g}", where=where(i), expected=WANTED[kind])


def to_plain(kind: str, value: np.ndarray, se: np.ndarray) -> tuple[str, np.ndarray, np.ndarray]:
    """Return values of a kind in their plain form: a percent is an accuracy, ln perplexity a loss.

    Examples
    --------
    >>> to_plain("percent", np.array([50.0]), np.array([2.0]))
    ('accuracy', array([0.5]), array([0.02]))
    """
    if kind == "percent":
        return "accuracy", value / 100, se / 100
    if kind == "perplexity":
        return "loss", np.log(value), se / value
    return kind, value, se
