"""What a fit finds in the mean field: what is expected of the same fit to gradient runs.

Nothing here goes through the engines, the simulator that is checked, or `calibrate`: the mean field
is `predict_gradient`, the Resource model is integrated by SciPy, and least squares are SciPy's.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from domino_sim import predict_gradient
from validation.integrated import Floats, integrated

__all__ = ["fitted_wasted"]

#: The N₀ that a fit begins with, in the middle of what is found.
FIRST = 0.01

#: The fit stops where N₀ and η change by less than this part.
EXACT = 1e-6


def fitted_wasted(
    law: str, at: NDArray[np.int_], rate: float, held: bool, **given: Any
) -> float:
    """Return N₀ of a law by least squares to the levels of `predict_gradient`.

    `at` are the steps whose levels count; `rate` is η, `held` or only where the fit begins; `given`
    are the arguments of `predict_gradient`.
    """
    p = np.asarray(given["frequencies"], dtype=float)
    level = predict_gradient(**given, steps=int(at[-1])).level.values[at]

    def away(x: Floats) -> Floats:
        told = integrated(law, p, rate * (1.0 if held else x[1]), FIRST * x[0], at)
        return np.asarray(told - level).ravel()

    start = [1.0] if held else [1.0, 1.0]
    found = least_squares(away, start, bounds=(0.0, np.inf), diff_step=1e-3, xtol=EXACT)
    part = float(found.x[0])
    return FIRST * part if part > EXACT else 0.0
