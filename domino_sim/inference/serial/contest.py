"""A serial pool against gates in a clock: which explains curves better."""

from __future__ import annotations

import math

from domino_sim.inference.networks.grown import Grown
from domino_sim.inference.racing import SMALL
from domino_sim.inference.structure import Structure
from domino_sim.inference.study import Study

__all__ = ["TIED", "UNTRIED", "apart", "leaves_noise"]

#: What is said where both explain curves about as well.
TIED = (
    "skills that are served one at a time (the law domino), and gates in a clock, explain the "
    "curves about as well: no probability is above 0.89"
)


#: What is said where no gates came to a graph before the search was stopped, or at all.
UNTRIED = (
    "skills that are served one at a time (the law domino) explain the curves, but gates in a "
    "clock were not searched to the end: no probability is above 0.89"
)


def leaves_noise(serial: Grown, study: Study) -> bool:
    """Whether a serial pool surely leaves noise alone: levels are many, and so are records."""
    values = study.records.values
    noise = 1.0 + math.sqrt(2.0 / values)
    many = values * len(study.skills) >= SMALL and study.surest == 1.0
    return many and serial.misfit < noise


def apart(serial: Grown, structure: Structure, study: Study, price: float) -> float:
    """Return by how much more a serial pool costs than gates, on all records.

    Parameters
    ----------
    serial, structure
        The two graphs.
    study
        The curves.
    price
        What each prerequisite costs.
    """
    whole = structure.on(study.records)
    whole.polish(12)
    edges = sum(len(gate.skills) for gate in serial.graph) - structure.edges
    cost = serial.misfit * whole.records.values + price * edges
    return cost - whole.error - whole.penalty
