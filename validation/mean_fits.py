"""What a fit finds in the mean field: what is expected of the same fit to gradient runs."""

from __future__ import annotations

from typing import Any

import numpy as np

from domino_sim import calibrate, predict_gradient
from domino_sim.curves import make_curves

__all__ = ["fitted_wasted"]


def fitted_wasted(every: int, last: int, rate: float, **given: Any) -> float:
    """Return N₀ under `sum`, η held, fitted to the levels of `predict_gradient`.

    `given` are its arguments; the levels are those of every few steps to the last. It does not go
    through the simulator that is checked: what is expected must not change where that is wrong.
    """
    frequency = np.asarray(given["frequencies"], dtype=float)
    level = predict_gradient(**given, steps=last).level
    at = np.arange(0, last + 1, every)
    curves = make_curves(
        runs=["mean"], steps=at, skills=[f"s{i}" for i in range(1, len(frequency) + 1)],
        level=level.values[None, at], frequency=frequency,
    )  # fmt: skip
    found = calibrate(curves, law="sum", rate=rate, share={"pool"}, held_out=False)
    return float(found.estimate("wasted").value)
