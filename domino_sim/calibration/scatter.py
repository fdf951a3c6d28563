"""How estimates scatter: their covariance, from the curvature of the squared error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from domino_sim.calibration.least_squares import Minimum
from domino_sim.calibration.models import Model
from domino_sim.calibration.noise import inflation_of
from domino_sim.levels import Floats

__all__ = ["Scatter", "covariance"]

#: Residuals of a smaller variance than this are rounding.
_EXACT = 1e-24


@dataclass(frozen=True)
class Scatter:
    """Covariance (P, P) of the estimates, 0 for those on a bound, and inflations (P,)."""

    covariance: Floats
    inflation: Floats
    known: np.ndarray


def covariance(model: Model, minimum: Minimum, variance: float) -> Scatter:
    """Return how estimates scatter: σ² (JᵀJ)⁻¹, inflated for residuals that go together."""
    size = len(model.parameters)
    free = np.flatnonzero(minimum.bound == 0)
    inverse, known = np.zeros((size, size)), np.zeros(size, dtype=bool)
    if not len(free):
        return Scatter(inverse, np.ones(size), known)
    curvature = minimum.bowl.curvature[np.ix_(free, free)]
    scale = np.sqrt(np.maximum(np.diag(curvature), 1e-300))
    values, vectors = np.linalg.eigh(curvature / np.outer(scale, scale))
    sound = values > 1e-13 * values[-1]
    inner = (vectors[:, sound] / values[sound]) @ vectors[:, sound].T
    inverse[np.ix_(free, free)] = inner / np.outer(scale, scale)
    known[free] = ((vectors[:, ~sound] ** 2).sum(axis=1) < 1e-6) & (scale > 1e-140)
    misses, pulls = [], []
    for r, run in enumerate(model.observations.runs):
        found = model.levels(minimum.at, r)
        root = np.sqrt(run.weight)
        misses.append((run.level - found.level) * root)
        # Each parameter's estimate moves by `pull` times the residuals.
        pull = np.tensordot(inverse[free][:, found.columns], found.slope, axes=1)
        pulls.append(pull * root)
    factor = np.ones(size)
    if variance > _EXACT:
        factor[free] = inflation_of(misses, pulls, variance)
    root = np.sqrt(factor)
    return Scatter(variance * inverse * np.outer(root, root), factor, known)
