"""Runs cut where their mixture changes: a piece has one, and goes on from the piece before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from domino_sim.curve_form import DIMS
from domino_sim.levels import Floats

__all__ = ["Pieces", "Schedule", "in_pieces", "recorded_changes"]

#: Of a run, from which steps on which frequencies (n,) hold: the first from its start.
Schedule = Sequence[tuple[float, Floats]]


@dataclass(frozen=True)
class Pieces:
    """Curves of which every run has one mixture.

    Attributes
    ----------
    curves
        A run for every piece, with labels of their own.
    frequency : (pieces, n) array
        Of each, NaN where not known.
    follows
        Of a piece that is not the first of its run, the label of the one before, and the step of
        the change.
    """

    curves: xr.Dataset
    frequency: Floats
    follows: Mapping[str, tuple[str, float]]


def in_pieces(curves: xr.Dataset, frequency: Floats, changes: Mapping[int, Schedule]) -> Pieces:
    """Cut runs where their mixture changes.

    The record at a change belongs to what was before it.

    Parameters
    ----------
    curves
        Learning curves, with ``level``.
    frequency : (runs, n) array
        Of runs whose mixture does not change.
    changes
        By run, the schedule of its mixture.
    """
    if not changes or "level" not in curves:
        plain = curves.drop_vars("frequency_at", errors="ignore")
        return Pieces(plain, frequency, {})
    steps = curves["step"].values
    rows: list[tuple[int, np.ndarray]] = []
    names: list[str] = []
    mixtures: list[Floats] = []
    follows: dict[str, tuple[str, float]] = {}
    for r, run in enumerate(map(str, curves["run"].values)):
        end = _last(curves, r)
        schedule = [one for one in changes.get(r, [(0.0, frequency[r])]) if one[0] < end]
        ends = [start for start, _ in schedule[1:]] + [np.inf]
        for k, ((start, mixture), end) in enumerate(zip(schedule, ends, strict=True)):
            after = -1.0 if k == 0 else start
            rows.append((r, (steps > after) & (steps <= end)))
            names.append(run if len(schedule) == 1 else _name(run, k, start, end))
            mixtures.append(mixture)
            if k:
                follows[names[-1]] = names[-2], start
    return Pieces(_cut(curves, rows, names), np.array(mixtures), follows)


def _last(curves: xr.Dataset, run: int) -> float:
    """Return the last step of a run with a record."""
    known = np.isfinite(curves["level"].values[run].astype(float)).any(axis=1)
    return float(curves["step"].values[known][-1]) if known.any() else np.inf


def _name(run: str, k: int, start: float, end: float) -> str:
    return f"{run}, to step {end:,.0f}" if k == 0 else f"{run}, from step {start:,.0f}"


def _cut(
    curves: xr.Dataset, rows: Sequence[tuple[int, np.ndarray]], names: Sequence[str]
) -> xr.Dataset:
    """Return a run for each of `rows` (a run and which steps), all else missing."""
    variables: dict[str, Any] = {}
    for kind in ("level", "level_se"):
        if kind in curves:
            values = curves[kind].values
            cut = np.stack([np.where(which[:, None], values[r], np.nan) for r, which in rows])
            variables[kind] = (DIMS, cut)
    unknown = np.full((len(rows), curves.sizes["skill"]), np.nan)
    variables["frequency"] = (("run", "skill"), unknown)
    coords = {"run": list(names), "step": curves["step"], "skill": curves["skill"]}
    return xr.Dataset(variables, coords)


def recorded_changes(curves: xr.Dataset) -> dict[int, Schedule]:
    """Return the schedules that the curves themselves have (``frequency_at``), by run."""
    if "frequency_at" not in curves:
        return {}
    found: dict[int, Schedule] = {}
    steps, constant = curves["step"].values, curves["frequency"].values.astype(float)
    for r, at in enumerate(curves["frequency_at"].values.astype(float)):
        at = np.where(np.isnan(at), constant[r], at)
        rows = np.flatnonzero(np.isfinite(curves["frequency_at"].values[r]).any(axis=1))
        schedule: list[tuple[float, Floats]] = []
        for k in rows:
            if not schedule or not np.array_equal(schedule[-1][1], at[k], equal_nan=True):
                schedule.append((float(steps[k]), at[k]))
        if len(schedule) > 1:
            found[r] = schedule
    return found
