"""Gradient runs predicted without fitting (``docs/theory.md``, "Mean field of gradient runs")."""

from domino_sim.meanfield.passage import step_of_passage
from domino_sim.meanfield.prediction import Prediction, predict_gradient, predict_levels
from domino_sim.meanfield.setting import GradientSetting

__all__ = ["GradientSetting", "Prediction", "predict_gradient", "predict_levels", "step_of_passage"]
