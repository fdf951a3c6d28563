"""When all skills of a predicted run are learned."""

from __future__ import annotations

import math

import numpy as np
import xarray as xr
from scipy.special import log_ndtr


def step_of_passage(
    predicted: xr.Dataset, level: float, *, part: float = 0.5, error: str = "error"
) -> float:
    """Return the step by which `part` of the runs have every skill above `level`.

    Single runs stray from the mean, and the last of many skills passes later than the mean of the
    slowest. Here skills stray independently, by the standard deviation `error` of the prediction
    (or ``"error_random"``).

    Parameters
    ----------
    predicted
        From `predict_gradient`.
    level
        The level to pass.
    part
        Part of the runs, in (0, 1); one half gives the median.

    Returns
    -------
    float
        A step; NaN if it is not reached within the run.

    Examples
    --------
    >>> from domino_sim.meanfield import predict_gradient
    >>> run = predict_gradient(frequencies=[0.5, 0.5], n_dim=1000, lr=1e-3, steps=100)
    >>> step_of_passage(run, 0.9)
    51.0
    """
    spread = np.maximum(predicted[error].values.astype(float), 1e-12)
    passed = log_ndtr((predicted["level"].values - level) / spread).sum(axis=1)
    reached = np.flatnonzero(passed >= math.log(part))
    return float(predicted["step"].values[reached[0]]) if len(reached) else math.nan
