"""Loss curves of a thousand tasks from the simulator, nothing fitted: for Figs. 10 and 18."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from domino_sim.levels import Floats, Ints
from domino_sim.pool import PoolSettings
from validation.geometry import array_file
from validation.scaling_runs import BATCH, LR, TASKS, cross_entropy, frequencies, published_vectors
from validation.simulator import Simulator

__all__ = ["modules_loss", "no_parameter", "one_network_loss", "serial_or_parallel_loss"]

#: Steps at which the batch noise is put anew.
RENEWED = (10, 20, 30, 40, 50, 60, 80, 100, 120, 150, 180, 220, 260)


def no_parameter(alpha: float, n_dim: int) -> float:
    """Return log 2 times the frequency of the tasks that have no parameter of their own."""
    return float(np.log(2.0) * frequencies(alpha)[n_dim:].sum())


def modules_loss(simulator: Simulator, alpha: float, n_dim: int, steps: Sequence[int]) -> Floats:
    """Return the loss at `steps` of SignGD on one parameter a task, simulated.

    A step moves a parameter by lr if its task is in the batch, else not at all. So each task is a
    pool of its own whose rate is lr times the probability of being in a batch.
    """
    p = frequencies(alpha)
    moves = LR * -np.expm1(BATCH * np.log1p(-p[:n_dim]))
    rate = float(np.sqrt((moves**2).sum())) * (1.0 + 1e-9)
    names = [f"s{i + 1}" for i in range(n_dim)]
    level = _levels(
        simulator,
        steps,
        {
            "pool": {"law": "norm", "rate": rate},
            "skills": {n: {"frequency": float(x)} for n, x in zip(names, p, strict=False)},
            "modules": {
                n: {"skills": [n], "share": float((x / rate) ** 2)}
                for n, x in zip(names, moves, strict=True)
            },
        },
    )
    return cross_entropy(level, p[:n_dim]) + no_parameter(alpha, n_dim)


def one_network_loss(simulator: Simulator, alpha: float, n_dim: int, last: int) -> Floats:
    """Return the loss at the steps 0 … last of SignGD on the published vectors, simulated.

    It is the law `norm` on correlated tasks. N₀ is the noise of the batch: the gradient of B
    samples has a variance of about Σ p u²/B over all coordinates. It falls as tasks are learned, so
    it is put anew now and then, from the levels of a first simulation.
    """
    p = frequencies(alpha)
    vectors = published_vectors(n_dim, 0)
    rate = PoolSettings(law="norm", lr=LR, n_dim=n_dim).derive()[0]
    # A simulator whose N₀ is wrong is to have it wrong at every step.
    more = simulator.pool(law="norm", rate=1.0, wasted=1.0)[1]
    square = np.array([0.25])
    with array_file(vectors @ vectors.T) as gram:
        for _ in range(2):
            ends = [0, *(k for k in RENEWED if k < last), last]
            middle = [min((a + b) // 2, len(square) - 1) for a, b in pairwise(ends)]
            wasted = [_wasted(n_dim, math.sqrt(square[k] / (BATCH * n_dim))) for k in middle]
            level = _levels(
                simulator,
                range(last + 1),
                {
                    "pool": {"law": "norm", "rate": rate, "wasted": wasted[0]},
                    "correlation": gram,
                    **_tasks(alpha),
                    "interventions": [
                        {"at": at, "set": {"pool.wasted": more * w}}
                        for at, w in zip(ends[1:-1], wasted[1:], strict=True)
                    ],
                },
            )
            square = ((1.0 - level) ** 2) @ p
    return cross_entropy(level, p)


def serial_or_parallel_loss(
    simulator: Simulator, law: str, alpha: float, steps: Ints, tasks: int, rate: float
) -> Floats:
    """Return Σ p u at `steps`: of the law `domino` (serial), or `constant` (parallel: quanta)."""
    pool = {"law": law, "rate": rate}
    level = _levels(simulator, steps, {"loss": "mse", "pool": pool, **_tasks(alpha, tasks)})
    return (1.0 - level) @ frequencies(alpha, tasks)


def _wasted(n_dim: int, sigma: float) -> float:
    return PoolSettings(law="norm", lr=LR, n_dim=n_dim, noise=sigma).derive()[1]


def _tasks(alpha: float, tasks: int = TASKS) -> dict[str, Any]:
    return {
        "graph": {"family": "independent", "n": tasks},
        "frequencies": {"law": "power", "exponent": alpha},
    }


def _levels(simulator: Simulator, steps: Sequence[int] | Ints, tables: dict[str, Any]) -> Floats:
    recorded = [int(k) for k in steps]
    common = {"steps": max(recorded), "loss": "ce", "record": {"steps": recorded}}
    return simulator.simulate({**common, **tables}, "clock").level.values
