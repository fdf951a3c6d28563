"""The graph behind curves of trained networks: models of how networks grow, picked by evidence.

Two kinds (``docs/inference.md``, "Networks"). *Composed*: levels are products of projections, which
follow the gradient, composites pull what they need up (:mod:`.composed`). *Power gates*: the onset
of a skill is a product of powers of its frequency and of the onsets of what it needs
(:mod:`.power_gates`).
"""

from domino_sim.inference.networks.grown import Grown, infer_grown

__all__ = ["Grown", "infer_grown"]
