"""From learning curves to η, N₀, the pool law and the frequencies, with intervals."""

from domino_sim.calibration.procedure import calibrate
from domino_sim.calibration.profiles import Estimate
from domino_sim.calibration.result import Calibration

__all__ = ["Calibration", "Estimate", "calibrate"]
