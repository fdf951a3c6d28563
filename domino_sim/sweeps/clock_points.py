"""Scenarios that differ only in numbers, on one graph: one batch of the clock engine."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from time import perf_counter
from typing import Any

import numpy as np

from domino_sim.engines.clock import solve_batch
from domino_sim.engines.system import System, build_system
from domino_sim.errors import DominoError
from domino_sim.mixtures import frequencies
from domino_sim.scenario import Scenario
from domino_sim.scenario.fields import MOST
from domino_sim.scenario.keys import skill_of, split_first
from domino_sim.scenario.tables import FrequencyLaw
from domino_sim.sweeps.last_step import steps_to_the_end
from domino_sim.sweeps.single_points import solve_single
from domino_sim.sweeps.subject import SEED
from domino_sim.sweeps.summary import done, total_loss
from domino_sim.sweeps.task import Point, Row, Task

__all__ = ["batchable", "solve_clock"]


def batchable(system: System) -> bool:
    """Whether runs of `system` with other numbers are one batch: one pool and no changes."""
    simple = not system.interventions and len(system.modules) == 1 and system.gram is None
    return simple and system.law != "domino" and not system.absent.any()


def solve_clock(task: Task) -> list[Row]:
    """Return the rows of scenarios; what is no batch, or raises in one, is run alone."""
    rows: list[Row] = []
    for points in task.groups():
        rows += _solve_group(task, points)
    return rows


def _solve_group(task: Task, points: list[Point]) -> list[Row]:
    good = [point for point in points if _numbers(point.parameters, task.fast)]
    alone = [point for point in points if point not in good] if len(good) < len(points) else []
    rows: list[Row] = []
    if good:
        try:
            rows = _solve_batch(task, good)
        except (DominoError, ArithmeticError, ValueError, MemoryError, np.linalg.LinAlgError):
            alone = points
    return rows + [solve_single(task, point) for point in alone if task.wants(point)]


def _numbers(parameters: Mapping[str, Any], fast: Iterable[str]) -> bool:
    """Whether all values may stand in arrays; the others get their error from the scenario."""
    for key in fast:
        value = parameters[key]
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        may_be_zero = key not in ("pool.rate", "pool.lr", "pool.n_dim", "pool.g0")
        # Not-a-number fails every comparison.
        if key != SEED and not (0 <= value <= MOST and (value > 0 or may_be_zero)):
            return False
        if key == "pool.n_dim" and value != int(value):
            return False
        if key == "frequencies.exponent" and value > 1000:
            return False
    return True


def _solve_batch(task: Task, points: list[Point]) -> list[Row]:
    begun = perf_counter()
    scenario = task.subject.build(points[0].parameters, points[0].seed)
    assert isinstance(scenario, Scenario)
    system = build_system(scenario)
    if not batchable(system):
        return [solve_single(task, point) for point in points if task.wants(point)]
    kept = len(system.record) if task.curves != "none" else 0
    record = steps_to_the_end(system.record, system.steps)[0 if kept else -1 :]
    frequency = _frequencies(scenario, points)
    pools = [_pool(system, point.parameters) for point in points]
    batch = solve_batch(
        system,
        frequency=frequency,
        rate=np.array([rate for rate, _ in pools]),
        wasted=np.array([wasted for _, wasted in pools]),
        record=record.astype(float),
    )
    g0 = np.array([p.parameters.get("pool.g0", scenario.pool.g0) for p in points], dtype=float)
    loss = g0[:, None] * total_loss(batch.level, frequency[:, None], scenario.loss, 1.0)
    names = json.dumps(list(scenario.names), ensure_ascii=False)
    steps = json.dumps(record[:kept].tolist())
    at = batch.mastered_at.tolist()
    seconds = (perf_counter() - begun) / len(points)
    return [
        done(
            task, point, names=names, mastered_at=at[i], loss=loss[i], level=batch.level[i],
            kept=kept, steps=steps, mastery=system.mastery, engine="clock",
            seed=_seed(scenario, point), seconds=seconds,
        )
        for i, point in enumerate(points)
        if task.wants(point)
    ]  # fmt: skip


def _seed(scenario: Scenario, point: Point) -> int:
    return scenario.seed if point.seed is None else point.seed


def _pool(system: System, parameters: Mapping[str, Any]) -> tuple[float, float]:
    changed = {k[5:]: v for k, v in parameters.items() if k.startswith("pool.")}
    changed.pop("law", None)
    return replace(system.pool, **changed).derive()


def _frequencies(scenario: Scenario, points: list[Point]) -> np.ndarray:
    """Return the frequencies (points, skills): those of the scenario, with its changes."""
    names = scenario.names
    index = {name: i for i, name in enumerate(names)}
    found = np.tile(scenario.frequency_array(), (len(points), 1))
    for key in points[0].parameters:
        table, rest = split_first(key, ("skills", "frequencies"))
        values = [point.parameters[key] for point in points]
        if table == "skills" and rest is not None:
            name, field = _skill(rest, index)
            if field == "frequency":
                found[:, index[name]] = values
        elif key == "frequencies.exponent" and isinstance(scenario.frequencies, FrequencyLaw):
            law = scenario.frequencies.model_dump(exclude_unset=True)
            of = {v: frequencies({**law, "exponent": v}, names) for v in set(values)}
            found[:] = [of[v] for v in values]
        elif table == "frequencies" and isinstance(scenario.frequencies, dict) and rest:
            found[:, index[split_first(rest, names)[0]]] = values
    return found


def _skill(rest: str, index: Mapping[str, int]) -> tuple[str, str | None]:
    name, field = split_first(rest, index)
    return (name, field) if name in index else skill_of(rest)
