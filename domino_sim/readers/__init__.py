"""Learning curves in: readers of tables, logs of trainers and netCDF, a format a file."""

from domino_sim.readers.reading import read_curves
from domino_sim.readers.summary import summarise_curves

__all__ = ["read_curves", "summarise_curves"]
