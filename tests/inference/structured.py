"""Curves of a graph, and a structure with other gates that is fitted to them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from domino_sim.inference.forms import Courses, Requires
from domino_sim.inference.records import Records
from domino_sim.inference.structure import Structure

__all__ = ["SIGMA", "fitted"]

#: Standard deviation of the noise.
SIGMA = 0.01


def fitted(
    gates: Mapping[int, Requires], truth: Mapping[int, Requires], courses: Courses, *,
    last: float, count: int = 150, steps: int = 30,
) -> Structure:  # fmt: skip
    """Curves of the graph `truth` at `count` instants up to `last`, under `gates`."""
    shape = (courses.runs, count, courses.skills)
    one = np.ones((courses.runs, 1, courses.skills))
    true = Structure(courses, Records(0.0 * one, one))
    for skill, gate in truth.items():
        true.add(skill, gate, true.track_of(skill, gate))
    tau = np.sort(np.random.default_rng(0).uniform(0.0, last, shape[:2]), axis=1)
    tracks = np.stack([true.tracks[i] for i in range(courses.skills)])
    level, _ = courses.levels(list(range(courses.skills)), tracks, tau, courses.place(tau))
    level = np.moveaxis(level, 0, -1)
    level = level + SIGMA * np.random.default_rng(1).normal(size=shape)
    found = Structure(courses, Records(level, np.full(shape, 1.0 / SIGMA**2)))
    for skill, gate in gates.items():
        found.add(skill, gate, found.track_of(skill, gate))
    found.seek()
    found.polish(steps)
    return found
