"""The dependency graph behind learning curves."""

from domino_sim.inference.procedure import infer
from domino_sim.inference.result import Inference

__all__ = ["Inference", "infer"]
