"""Gradient runs that differ in seed, mixture or frequencies: trained side by side."""

from __future__ import annotations

import json
from time import perf_counter

import numpy as np
import xarray as xr

from domino_sim.curves import mastered_at
from domino_sim.errors import InputError
from domino_sim.gradient.run import Member, Run
from domino_sim.gradient.training import train
from domino_sim.sweeps.last_step import ending
from domino_sim.sweeps.summary import done, failed
from domino_sim.sweeps.task import Point, Row, Task

__all__ = ["point_loss", "solve_gradient"]

ENGINE = "gradient"


def solve_gradient(task: Task) -> list[Row]:
    """Return the rows of gradient runs; those of one model and optimiser train side by side."""
    rows: list[Row] = []
    for points in task.groups():
        rows += _solve_group(task, points)
    return rows


def _solve_group(task: Task, points: list[Point]) -> list[Row]:
    begun = perf_counter()
    rows: list[Row] = []
    runs: list[tuple[Point, Run]] = []
    for point in points:
        try:
            run = task.subject.build(point.parameters, point.seed)
        except InputError as error:
            if task.wants(point):
                rows.append(failed(point, error, ENGINE, point.seed))
            continue
        assert isinstance(run, Run)
        runs.append((point, run))
    if not runs:
        return rows
    members = [
        Member(f"point {point.number}", *run.members()[0][1:]) for point, run in runs
    ]
    run, kept = ending(runs[0][1].with_members(members))
    try:
        curves = train(run)
    except Exception as error:  # whatever a run raises is its result
        if len(runs) == 1:
            return [*rows, failed(runs[0][0], error, ENGINE, runs[0][0].seed)]
        for point, _ in runs:
            rows += _solve_group(task, [point]) if task.wants(point) else []
        return rows
    seconds = (perf_counter() - begun) / len(runs)
    mastery = float(curves.attrs["mastery"])
    at = mastered_at(curves.isel(step=slice(kept)), mastery).values
    names = json.dumps(curves["skill"].values.tolist(), ensure_ascii=False)
    steps = json.dumps(curves["step"].values[:kept].tolist())
    loss = point_loss(curves)
    for i, (point, _) in enumerate(runs):
        if not task.wants(point):
            continue
        step = float(curves["diverged_at"].values[i])
        if np.isfinite(step):
            what = f"diverged at step {step:.0f}; a smaller optimizer.lr may help"
            rows.append(failed(point, what, ENGINE, members[i].seed, seconds))
            continue
        rows.append(
            done(
                task, point, names=names, mastered_at=at[i].tolist(), loss=loss[i],
                level=curves["level"].values[i], kept=kept, steps=steps, mastery=mastery,
                engine=ENGINE, seed=members[i].seed, seconds=seconds,
            )
        )  # fmt: skip
    return rows


def point_loss(curves: xr.Dataset) -> np.ndarray:
    """Return the loss of all skills together, Σ p_i loss_i / Σ p_i, (runs, steps)."""
    if "frequency_at" in curves:
        p = curves["frequency_at"].values
    else:
        p = curves["frequency"].values[:, None, :]
    with np.errstate(invalid="ignore"):
        return (p * curves["loss"].values).sum(axis=-1) / p.sum(axis=-1)
