"""Gates that a new skill may have, and the clock that each of them tells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from domino_sim.inference.agreement import KNOWN
from domino_sim.inference.forms import Requires
from domino_sim.inference.structure import Structure
from domino_sim.levels import Floats, work_from_level

__all__ = ["Option", "clocks"]


@dataclass(frozen=True)
class Option:
    """A gate for a new skill, and what follows from it.

    Attributes
    ----------
    gate, track, pace
        The gate, the track, and the frequencies (runs,) where those are fitted with it.
    tau : (runs, nodes) array
        The clock with it; `precision` is how sharply it is known.
    error
        χ² of the skills that are in and the new one.
    score
        That and the price of the edges.
    """

    gate: Requires
    track: Floats
    pace: Floats | None
    tau: Floats
    precision: Floats
    error: float
    score: float


def clocks(
    structure: Structure, skill: int, tracks: Floats, pace: Floats | None
) -> tuple[Floats, Floats, Floats]:
    """Return, for each track of the new skill, the clock, χ² by run and how sharp the clock is.

    log τ is the mean of what the skills that are in say and what the new one says, by their
    precisions; then one step of Newton's, taken into χ² only.
    """
    courses, form, nodes = structure.courses, structure.courses.form, structure.records
    level, weight = nodes.level[..., skill], nodes.weight[..., skill]
    smooth, error = nodes.smooth[..., skill], nodes.error[..., skill]
    unit = 1.0 / courses.frequency.max(axis=1)[:, None]
    most = 1.0 - np.minimum(0.5 * error, 0.2 * (1.0 - form.floor))
    work = work_from_level(np.clip(smooth, form.floor, most), form.loss) - form.start
    own = courses.inverse(skill, tracks, np.maximum(work, 0.0), pace)
    _, slope = courses.levels(skill, tracks, own, courses.place(own), pace)
    sharp = np.square((own + unit) * slope) * weight * nodes.under_way[..., skill]
    known = np.square(structure.tau + unit) * structure.precision
    before = np.log(structure.tau + unit)
    together = (known * before + sharp * np.log(own + unit) + 1e-6 * before) / (
        known + sharp + 1e-6
    )
    # Where neither says how late it is, it is late enough for a skill that is learned.
    learned = np.where(nodes.learned[..., skill], np.log(own + unit), -np.inf)
    together = np.where(known + sharp < KNOWN, learned, together)
    together = np.maximum(np.maximum.accumulate(together, axis=-1), np.log(unit))
    tau = np.maximum(np.exp(together) - unit, 0.0)
    place = courses.place(tau)
    found, slope = courses.levels(skill, tracks, tau, place, pace)
    sums = _Sums(level - found, slope, weight)
    precision = np.square(slope) * weight * nodes.under_way[..., skill]
    for i, track in structure.tracks.items():
        one = track[None] if form.kind == "hard" else track
        found, slope = courses.levels(i, one, tau, place)
        weight = nodes.weight[..., i]
        sums.add(nodes.level[..., i] - found, slope, weight)
        precision += np.square(slope) * weight * nodes.under_way[..., i]
    return tau, sums.error, precision


class _Sums:
    """χ² with the clock moved by one Newton step at every node."""

    def __init__(self, miss: Floats, slope: Floats, weight: Floats) -> None:
        pull = slope * weight
        self._square = np.square(miss) * weight
        self._drive, self.stiff = pull * miss, pull * slope

    def add(self, miss: Floats, slope: Floats, weight: Floats) -> None:
        pull = slope * weight
        self._square += np.square(miss) * weight
        self._drive += pull * miss
        self.stiff += pull * slope

    @property
    def error(self) -> Floats:
        least = 1e-6 * self.stiff.max(axis=-1, keepdims=True) + 1e-9
        return (self._square - np.square(self._drive) / (self.stiff + least)).sum(axis=2)
