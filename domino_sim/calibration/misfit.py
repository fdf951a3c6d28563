"""Whether a fit is good: its residuals beside what the curves scatter by themselves."""

from __future__ import annotations

import math

from domino_sim.calibration.fits import Fit
from domino_sim.calibration.observations import Observations
from domino_sim.calibration.seriality import rising_curves, scatter_about

__all__ = ["misfit"]

#: Residuals this many times the noise say that a law does not fit.
_POOR = 2.0

#: Nobody minds residuals below this part of a level, however little noise there is.
_SMALL = 0.03


def misfit(observations: Observations, fit: Fit) -> str:
    """Say by how much a law does not fit; "" if it does.

    Noise is what the standard errors say, or else the scatter of curves about the nearest rising
    ones, which every law's curves are.
    """
    if observations.weighted:
        ratio = math.sqrt(fit.variance)
        return f"residuals are {ratio:.1f} times their standard errors" if ratio > _POOR else ""
    found = [scatter_about(run, rising_curves(run)) for run in observations.runs]
    total, spare = (sum(parts) for parts in zip(*found, strict=True))
    noise = math.sqrt(total / spare) if spare else 0.0
    rms = math.sqrt(fit.error / max(fit.count, 1))
    if rms < max(_SMALL, _POOR * noise):
        return ""
    return f"residuals are {rms:.2g} of a level, where the curves scatter by {noise:.2g}"
