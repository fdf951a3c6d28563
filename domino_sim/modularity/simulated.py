"""When skills are mastered and what the loss is, by the `events` engine."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from domino_sim.engines import Events
from domino_sim.levels import Floats, Loss, log_omega, work_from_level
from domino_sim.pool import PoolSettings
from domino_sim.scenario import Scenario
from domino_sim.scenario.fields import MOST_STEP
from domino_sim.simulation import simulate

__all__ = ["levels_at", "loss_of", "mastery_times", "time_grid", "total_time"]

#: How often the last step is put off, and how far, where skills are not mastered by then.
TRIES, FARTHER = 24, 2.0

#: Steps at which losses are kept: so many evenly spaced, and as many by their logarithm.
POINTS = 400


def total_time(mastered_at: Floats) -> float:
    """Return the step at which all are mastered; infinite where one never is."""
    return float(mastered_at.max()) if np.isfinite(mastered_at).all() else math.inf


def mastery_times(scenario: Scenario, processes: Sequence[Any] = ()) -> Floats:
    """Return when each skill is mastered (n_skills,), however long it takes; NaN is never.

    By the `events` engine, with `processes` beside the skills. The last step of the scenario is
    not used.

    Examples
    --------
    >>> data = {"steps": 10, "pool": {"rate": 0.01}, "skills": {"A": {}, "B": {"requires": "A"}}}
    >>> mastery_times(Scenario.from_dict(data)).round(2)  # 0.99 / η; then what A has left, too
    array([ 99.  , 198.99])
    """
    steps: float = max(scenario.steps, _enough(scenario))
    for _ in range(TRIES):
        steps = min(int(steps), MOST_STEP)
        run = scenario.model_copy(update={"steps": steps, "record": {"steps": [0]}})
        result = simulate(run, Events(processes=processes))
        if steps == MOST_STEP or not (result["reason"].values == "out_of_steps").any():
            break
        steps *= FARTHER
    return result["mastered_at"].values


def _enough(scenario: Scenario) -> float:
    """Return steps after which all is mastered under hard gates: as if one waited for the other.

    Under soft ones it is not known. Then steps are put off little by little: with nothing left to
    learn the resource clock of a pool runs away, and a gate that opens by hairs cannot be told.
    """
    if scenario.gate.kind == "soft":
        return 0.0
    p = scenario.frequency_array()
    trained = p > 0.0
    settings = PoolSettings(**scenario.pool.model_dump())
    _, shares, _ = scenario.module_of()
    slow = settings.derive(float(shares.min()))[0]
    rate, wasted = settings.derive()
    if settings.law == "domino":
        return 2.0 + float(trained.sum()) / slow
    start = work_from_level(scenario.level_array()[trained], scenario.loss)
    work = np.maximum(work_from_level(scenario.mastery, scenario.loss) - start, 0.0)
    clock = float((work / p[trained]).sum())
    if settings.law == "constant":
        return 2.0 + clock / slow
    # What a skill gains in all is what the pool is busy with; mastered ones go on gaining.
    gained = 1.0 if scenario.loss == "mse" else log_omega(start + p[trained] * clock) + 1.0
    return 2.0 + float(np.sum(gained * np.ones_like(work))) / slow + wasted * clock / rate


def time_grid(last: float) -> np.ndarray:
    """Return whole steps from 0 to `last`, close together at the start."""
    end = max(math.ceil(last), 1)
    even = np.linspace(0, end, POINTS)
    return np.unique(np.concatenate([even, np.geomspace(1, end, POINTS)]).round().astype(np.int64))


def levels_at(scenario: Scenario, steps: np.ndarray, processes: Sequence[Any] = ()) -> Floats:
    """Return levels at `steps`, (len(steps), n_skills), by the `events` engine."""
    record = {"steps": steps.tolist()}
    run = scenario.model_copy(update={"steps": max(int(steps[-1]), 1), "record": record})
    return simulate(run, Events(processes=processes))["level"].values


def loss_of(level: Floats, frequencies: Floats, loss: Loss) -> Floats:
    """Return the mean loss over the mixture: ½(1 − s)² (mse) or −log s (ce); levels (…, n_skills).

    Examples
    --------
    >>> float(loss_of(np.array([0.0, 1.0]), np.array([0.5, 0.5]), "mse"))
    0.25
    """
    weights = frequencies / frequencies.sum()
    if loss == "mse":
        return 0.5 * np.square(1.0 - level) @ weights
    return -np.log(np.maximum(level, 1e-300)) @ weights
