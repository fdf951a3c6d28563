"""Other paths that the curves leave possible, where frequencies or gates were fitted."""

from __future__ import annotations

import numpy as np

from domino_sim.calibration.estimates import covariance
from domino_sim.calibration.fits import Part
from domino_sim.calibration.pool_model import PoolModel
from domino_sim.forecasting.clock import ClockTable, Pools
from domino_sim.forecasting.pools import PoolFit
from domino_sim.levels import Floats

__all__ = ["draw_paths", "path_columns", "settle"]

#: How far a parameter that is not known is drawn, in the scale of the fit.
_WIDEST = 3.0

#: Steps of Newton's that bring a drawn path in line with the curves.
_SETTLING = 3


def draw_paths(
    part: Part,
    run: int,
    variance: float,
    count: int,
    level: float,
    generator: np.random.Generator,
) -> list[ClockTable]:
    """Return tables of `count` paths of a run of a part, from the covariance of its parameters.

    `variance` is σ² of the fit; tables reach to `level`.
    """
    model, minimum, columns = part.model, part.minimum, path_columns(part.model)
    assert isinstance(model, PoolModel)
    scatter = covariance(model, minimum, variance)
    values, vectors = np.linalg.eigh(scatter.covariance[np.ix_(columns, columns)])
    root = vectors * np.sqrt(np.clip(values, 0.0, None))
    step = generator.normal(size=(count, len(columns))) @ root.T
    loose = np.array([not scatter.known[k] and minimum.bound[k] == 0 for k in columns])
    step[:, loose] = _WIDEST * generator.normal(size=(count, int(loose.sum())))
    low = np.array([model.parameters[k].low for k in columns])
    high = np.array([model.parameters[k].high for k in columns])
    found = []
    for move in np.clip(step, -2.0 * _WIDEST, 2.0 * _WIDEST):
        x = minimum.at.copy()
        x[columns] = np.clip(x[columns] + move, low, high)
        found.append(ClockTable(model.path_of(x, run), level))
    return found


def path_columns(model: object) -> list[int]:
    """Numbers of the parameters that are the path's: frequencies, gates, the start."""
    if not isinstance(model, PoolModel):
        return []
    own = ("time", "rate", "wasted")
    return [k for k, parameter in enumerate(model.parameters) if parameter.name not in own]


def settle(pool: PoolFit, place: int, z: Floats, table: ClockTable) -> Pools:
    """Return pools (M,) on another path, with their times fitted to the curves anew."""
    run, z = pool.runs[place][0], z.copy()
    if not pool.held[0]:
        off = z[:, 0] - pool.minimum.at[0]
        trial = z.copy()
        trial[:, 0] = pool.minimum.at[0]
        for _ in range(_SETTLING):
            moved = np.concatenate([trial, trial + np.eye(trial.shape[1])[0] * 1e-5])
            level = pool.levels(moved, place, run.steps, table)
            here, slope = level[:, : len(z)], (level[:, len(z) :] - level[:, : len(z)]) / 1e-5
            miss = run.level[:, None] - here
            told = np.einsum("imk,ik->m", slope**2, run.weight)
            step = np.einsum("imk,imk,ik->m", slope, miss, run.weight) / np.maximum(told, 1e-300)
            trial[:, 0] += np.clip(step, -1.0, 1.0)
        z[:, 0] = trial[:, 0] + off
    return pool.pools(z, table)
