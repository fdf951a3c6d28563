"""Where the search for a pool's η and N₀ begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from domino_sim.calibration.observations import RunRecord
from domino_sim.calibration.tangent import solve
from domino_sim.levels import Floats

if TYPE_CHECKING:
    from domino_sim.calibration.pool_model import PoolModel

__all__ = ["start_of_pool"]

#: N₀ that are tried, as parts of a run's demand half-way.
_PARTS_WASTED = np.array([1e-3, 0.03, 0.5, 5.0, 300.0])

#: How many rates are tried, over this range of the time half-way in parts of the run's steps.
_RATES, _SHORTEST, _LONGEST = 32, 3e-4, 1e3

#: Records of a run that are looked at: enough to begin with.
_RECORDS = 30


def start_of_pool(model: PoolModel, x: Floats, r: int) -> Floats:
    """Return parameters with those of pool `r` set to the best of a few N₀, each at its best η."""
    key = model.pool_key(r)
    scale, wasted = model.index(model.free.scale, key), model.index("wasted", key)
    every = model.observations.runs
    first, runs = (0, every) if model.free.shared else (r, every[r : r + 1])
    thin = [_thinned(run) for run in runs]
    tau, total = model.half[r]
    best, error = x, np.inf
    for choice in _PARTS_WASTED * (total / tau) if wasted is not None else (0.0,):
        trial = x.copy()
        if wasted is not None:
            trial[wasted] = np.log(choice)
        spent = model.pool_of(trial, first)[1]
        found, rate = _best_rate(model, trial, first, thin, spent)
        if found < error:
            best, error = trial, found
            if scale is not None:
                time = model.rate_of(1.0, spent, first) / rate
                best[scale] = np.log(rate if model.free.scale == "rate" else time)
    return best


def _best_rate(
    model: PoolModel, x: Floats, first: int, thin: list[RunRecord], wasted: float
) -> tuple[float, float]:
    """Return the least squared error over rates η, and η, from one solution of each path.

    Levels depend on t and η through η t only.
    """
    unit = model.rate_of(1.0, wasted, first)
    last = max(run.steps[-1] for run in thin)
    given = model.free.given.get("rate")
    rates = unit / (last * np.geomspace(_SHORTEST, _LONGEST, _RATES))
    if given is not None:
        rates = np.array([given])
    errors = np.zeros(len(rates))
    grid = unit * np.geomspace(1e-5, 1e4, 200)
    for q, run in enumerate(thin):
        path = model.path_of(x, first + q)
        level = solve(path, model.pool_law, 1.0, wasted, grid, derive=False).level
        places = np.log(np.maximum(np.outer(rates, run.steps), grid[0]) / grid[0])
        places *= (len(grid) - 1) / np.log(grid[-1] / grid[0])
        before = np.clip(places.astype(int), 0, len(grid) - 2)
        part = np.clip(places - before, 0.0, 1.0)
        at = level[:, before] * (1.0 - part) + level[:, before + 1] * part
        errors += np.einsum("ik,irk->r", run.weight, (at - run.level[:, None]) ** 2)
    best = int(np.argmin(errors))
    return float(errors[best]), float(rates[best])


def _thinned(run: RunRecord) -> RunRecord:
    k = len(run.steps)
    chosen = np.linspace(0, k - 1, min(k, _RECORDS)).round().astype(int)
    return run.only(np.isin(np.arange(k), chosen))
