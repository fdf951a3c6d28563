"""Models of networks against gates: which of them explains the curves."""

from __future__ import annotations

import math

import numpy as np

from domino_sim.inference.networks.grown import Grown, typical_misfit
from domino_sim.inference.structure import Structure
from domino_sim.inference.study import Study

__all__ = ["gates_misfit", "is_better"]

#: Gates by which a typical level is missed by so much (root mean square) explain nothing.
_MISSED = 0.1


def gates_misfit(structure: Structure, study: Study) -> float:
    """Return χ² a level of a typical skill under gates, over all records."""
    whole = structure.on(study.records)
    whole.polish(12)
    values = np.maximum((whole.records.weight > 0.0).sum(axis=(0, 1)), 1)
    return typical_misfit(np.array([e / values[i] for i, e in whole.misfits().items()]))


def is_better(grown: Grown, structure: Structure, study: Study) -> bool:
    """Return whether a model of networks explains curves better than gates.

    Power gates foretell onsets, without a clock for each run: of steep curves that are a little
    late they can miss as much as gates that explain nothing.
    """
    gates = gates_misfit(structure, study)
    missed = study.sigma * math.sqrt(gates) > _MISSED
    return grown.typical <= gates or (missed and grown.kind == "power")
