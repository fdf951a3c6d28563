"""Scenarios one by one, by any engine."""

from __future__ import annotations

import json
from time import perf_counter

import numpy as np

from domino_sim.errors import EngineError
from domino_sim.scenario import Scenario
from domino_sim.simulation import simulate
from domino_sim.sweeps.last_step import ending
from domino_sim.sweeps.summary import done, failed, total_loss
from domino_sim.sweeps.task import Point, Row, Task

__all__ = ["solve_single"]


def solve_single(task: Task, point: Point) -> Row:
    """Return the row of one scenario, whatever becomes of it."""
    begun = perf_counter()
    try:
        return _solve(task, point, begun)
    except Exception as error:  # whatever a point raises is its result
        return failed(point, error, task.engine, point.seed, perf_counter() - begun)


def _solve(task: Task, point: Point, begun: float) -> Row:
    scenario = task.subject.build(point.parameters, point.seed)
    assert isinstance(scenario, Scenario)
    scenario, kept = ending(scenario)
    if task.engine == "auto":
        try:
            ds = simulate(scenario, "clock")
        except EngineError:
            ds = simulate(scenario, "events")
    else:
        ds = simulate(scenario, task.engine)
    level = ds["level"].values
    loss = total_loss(level, ds["frequency"].values, scenario.loss, scenario.pool.g0)
    return done(
        task, point,
        names=json.dumps(list(scenario.names), ensure_ascii=False),
        mastered_at=ds["mastered_at"].values.tolist(),
        loss=np.atleast_1d(loss),
        level=level,
        kept=kept,
        steps=json.dumps(ds["step"].values[:kept].tolist()),
        mastery=scenario.mastery,
        engine=str(ds.attrs["engine"]),
        seed=scenario.seed,
        seconds=perf_counter() - begun,
    )  # fmt: skip
