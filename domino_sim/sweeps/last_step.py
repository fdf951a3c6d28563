"""The last step of a run, also where it is not recorded: the final loss is the loss there."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from domino_sim.gradient.run import Run
from domino_sim.scenario import Scenario

__all__ = ["ending", "steps_to_the_end"]

T = TypeVar("T", Scenario, Run)


def steps_to_the_end(record: NDArray[np.int64], last: int) -> NDArray[np.int64]:
    """Return the recorded steps with the last one put behind them, if it is not there."""
    return record if record[-1] == last else np.append(record, last)


def ending(built: T) -> tuple[T, int]:
    """Return a scenario or run that also records its last step, and how many steps it did."""
    record = built.record_steps()
    steps = steps_to_the_end(record, built.steps)
    if len(steps) == len(record):
        return built, len(record)
    tables = {**built.to_dict(), "record": {"steps": steps.tolist()}}
    if isinstance(built, Run):
        longer = Run.from_dict(tables, where=built.where, folder=built.folder)
        return longer.with_members(built.members()), len(record)
    return built.with_overrides({"record": tables["record"]}), len(record)
