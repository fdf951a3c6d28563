"""Frequencies and the resource clock from curves alone, whatever the pool law."""

from domino_sim.frequencies.inferring import infer_frequencies
from domino_sim.frequencies.result import Frequencies

__all__ = ["Frequencies", "infer_frequencies"]
