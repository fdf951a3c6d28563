"""What is fitted: a model of all runs, its parameters, and how their levels depend on them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from domino_sim.calibration.least_squares import Bowl
from domino_sim.calibration.observations import Observations
from domino_sim.levels import Floats

__all__ = ["Levels", "Model", "Parameter", "bowl_of", "residuals"]


class Levels(NamedTuple):
    """One run: its levels (n, k), their derivatives (M, n, k), and by which M parameters."""

    level: Floats
    slope: Floats
    columns: list[int]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a model.

    Attributes
    ----------
    name
        What it is of: ``time``, ``rate``, ``wasted``, ``frequency``, ``beta``, ``mastery``,
        ``leak``, ``exponent``, ``start``.
    key
        Which one: a run, a skill, or "" where there is one only.
    low, high
        Bounds, in the scale in which it is fitted.
    log
        Whether that scale is the logarithm.
    """

    name: str
    key: str
    low: float
    high: float
    log: bool


class Model(Protocol):
    """A law with its parameters, for given observations."""

    @property
    def law(self) -> str:
        """Its name."""

    @property
    def observations(self) -> Observations:
        """What it is a model of."""

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """What can be fitted."""

    def start(self) -> Floats:
        """Return parameters to begin from, (P,)."""

    def levels(self, x: Floats, run: int, *, derive: bool = True) -> Levels:
        """Return the levels of a run at its records."""

    def levels_at(self, x: Floats, run: int, steps: Floats) -> Floats:
        """Return the levels (n, k) of a run at any steps (k,), rising."""

    def on(self, observations: Observations) -> Model:
        """Return the same model of other runs, for parameters that all runs share."""

    def pool_of(self, x: Floats, r: int) -> tuple[float, float]:
        """Return η and N₀ of a run."""


def bowl_of(model: Model, x: Floats) -> Bowl:
    """Return the squared error of a model at `x` with its slope and curvature."""
    size = len(model.parameters)
    error, slope, curvature = 0.0, np.zeros(size), np.zeros((size, size))
    for r, run in enumerate(model.observations.runs):
        found = model.levels(x, r)
        miss = found.level - run.level
        weighted = miss * run.weight
        error += float(np.vdot(weighted, miss))
        if not found.columns:
            continue
        flat = found.slope.reshape(len(found.columns), -1)
        part = flat * run.weight.ravel()
        slope[found.columns] += flat @ weighted.ravel()
        curvature[np.ix_(found.columns, found.columns)] += part @ flat.T
    return Bowl(error if np.isfinite(error) else np.inf, slope, curvature)


def residuals(model: Model, x: Floats) -> Iterator[Floats]:
    """Give each run's observed minus fitted levels (n, k), NaN where there is no value."""
    for r, run in enumerate(model.observations.runs):
        miss = run.level - model.levels(x, r, derive=False).level
        yield np.where(run.weight > 0.0, miss, np.nan)
