"""The frequencies that are given: those of the curves, an array, or by run (and step) and skill."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from domino_sim.errors import ArgumentError, nearest_name
from domino_sim.inference.pieces import Schedule, recorded_changes
from domino_sim.levels import Floats
from domino_sim.wording import shown

__all__ = ["Given", "given_frequencies"]


@dataclass(frozen=True)
class Given:
    """Frequencies (runs, skills), NaN where not known; and those that change within a run."""

    frequency: Floats
    changes: Mapping[int, Schedule]


def given_frequencies(curves: xr.Dataset, mixtures: ArrayLike | Mapping[str, Any] | None) -> Given:
    """Return the frequencies that are given.

    Raises
    ------
    ArgumentError
        If a run or skill is unknown, or a frequency is no number ≥ 0; or if an array with labels
        has others than the curves.
    """
    table: Any = mixtures
    if hasattr(table, "index") and hasattr(table, "columns"):  # a frame of Pandas
        labels = {"run": list(table.index), "skill": list(table.columns)}
        mixtures = xr.DataArray(np.asarray(table), labels, ("run", "skill"))
    if isinstance(mixtures, xr.DataArray):
        mixtures = _in_order(curves, mixtures)
    if mixtures is None:
        return Given(curves["frequency"].values.astype(float), recorded_changes(curves))
    shape = (curves.sizes["run"], curves.sizes["skill"])
    if isinstance(mixtures, Mapping):
        return _by_name(curves, mixtures, shape)
    try:
        given = np.asarray(mixtures, dtype=float)
    except (TypeError, ValueError):
        given = np.zeros(0)
    if given.shape != shape or (given < 0.0).any() or np.isinf(given).any():
        raise ArgumentError(
            f"is {shown(mixtures)}", where="mixtures",
            expected=f"{shape[0]} runs × {shape[1]} skills of numbers ≥ 0 (NaN: not known), "
            "or frequencies by run and skill",
        )  # fmt: skip
    return Given(given, {})


def _in_order(curves: xr.Dataset, mixtures: xr.DataArray) -> Floats:
    """Return an array with labels (as `Design.mixtures`) in the order of the curves."""
    for dim in ("run", "skill"):
        labels = curves[dim].values.tolist()
        given = mixtures[dim].values.tolist() if dim in mixtures.coords else None
        if given is None or sorted(map(str, given)) != sorted(labels):
            raise ArgumentError(
                f"has the {dim}s {shown(given)}", where="mixtures",
                expected=f"an array by run and skill, of the {dim}s {shown(labels)}",
            )  # fmt: skip
        mixtures = mixtures.assign_coords({dim: list(map(str, given))}).sel({dim: labels})
    return np.asarray(mixtures.transpose("run", "skill"), dtype=float)


def _by_name(curves: xr.Dataset, mixtures: Mapping[str, Any], shape: tuple[int, int]) -> Given:
    found, changes = np.full(shape, np.nan), dict[int, Schedule]()
    runs = curves["run"].values.tolist()
    for run, mixture in mixtures.items():
        if run not in runs:
            raise ArgumentError(
                f"unknown run {shown(run)}", where="mixtures",
                expected="a run of the curves", nearest=nearest_name(str(run), runs),
            )  # fmt: skip
        if not isinstance(mixture, Mapping):
            raise ArgumentError(
                f"is {shown(mixture)}", where=f"mixtures: {run}",
                expected="frequencies by skill, or those by step from which they hold",
            )  # fmt: skip
        r, nothing = runs.index(run), np.full(shape[1], np.nan)
        if not any(isinstance(one, Mapping) for one in mixture.values()):
            found[r] = _with(curves, nothing, mixture, run)
            continue
        late = min(_step(step, run) for step in mixture) > 0.0
        schedule: list[tuple[float, Floats]] = [(0.0, nothing)] if late else []
        for step in sorted(mixture, key=lambda step: _step(step, run)):
            before = schedule[-1][1] if schedule else nothing
            if not isinstance(mixture[step], Mapping):
                raise ArgumentError(
                    f"is {shown(mixture[step])}", where=f"mixtures: {run}: {step}",
                    expected="frequencies by skill",
                )  # fmt: skip
            after = _with(curves, before, mixture[step], run)
            if not schedule or not np.array_equal(after, before, equal_nan=True):
                schedule.append((_step(step, run), after))
        found[r] = schedule[0][1]
        if len(schedule) > 1:
            changes[r] = schedule
    return Given(found, changes)


def _with(curves: xr.Dataset, before: Floats, mixture: Mapping[Any, Any], run: str) -> Floats:
    """Return frequencies (n,) with those of a mixture."""
    found, skills = before.copy(), curves["skill"].values.tolist()
    for skill, value in mixture.items():
        if skill not in skills:
            raise ArgumentError(
                f"unknown skill {shown(skill)}", where=f"mixtures: {run}",
                expected="a skill of the curves", nearest=nearest_name(str(skill), skills),
            )  # fmt: skip
        found[skills.index(skill)] = _number(value, run, skill)
    return found


def _step(step: object, run: str) -> float:
    good = isinstance(step, int | float | np.number) and not isinstance(step, bool)
    if not (good and 0.0 <= float(step) < np.inf):  # type: ignore[arg-type]
        raise ArgumentError(
            f"is {shown(step)}", where=f"mixtures: {run}", expected="a step ≥ 0: mixtures by step"
        )
    return float(step)  # type: ignore[arg-type]


def _number(value: object, run: object, skill: object) -> float:
    good = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    number = float(value) if good else np.inf  # type: ignore[arg-type]
    if number < 0.0 or np.isinf(number):
        raise ArgumentError(
            f"is {shown(value)}", where=f"mixtures: {run}: {skill}", expected="a number ≥ 0"
        )
    return number
