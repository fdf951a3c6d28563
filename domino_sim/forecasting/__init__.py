"""When will the rest be mastered: forecasts from a calibration."""

from domino_sim.forecasting.procedure import forecast

__all__ = ["forecast"]
