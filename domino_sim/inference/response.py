"""How χ² answers to a change of gates while the clock gives way, to first order."""

from __future__ import annotations

import numpy as np

from domino_sim.inference.forms import Requires
from domino_sim.inference.rating import exchange, rated
from domino_sim.inference.structure import Structure
from domino_sim.levels import Floats

__all__ = ["Response"]

#: Gates whose levels are held at once.
_BLOCK = 64


class Response:
    """χ² of a structure when gates change, all other tracks held.

    The clock answers by one Newton step at every record, the least of χ² along it: with residuals
    z and slopes g of all skills at a record, χ² = Σ z² − (Σ g z)²/Σ g². So the parts that a
    skill adds to the three sums are all there is to know of a gate.
    """

    def __init__(self, structure: Structure) -> None:
        self._structure = structure
        residual, slope = structure.residuals(structure.tau)
        self._own = {
            i: np.stack([z * z, z * g, g * g])
            for i, z, g in zip(structure.gates, residual, slope, strict=True)
        }
        self._sums = np.sum(list(self._own.values()), axis=0)
        self._least = 1e-6 * float(self._sums[2].max(initial=0.0)) + 1e-12
        self._everywhere = np.ones(structure.tau.shape, dtype=bool)
        self._place = structure.courses.place(structure.tau)

    def changes(
        self, skill: int, gates: list[Requires], tracks: Floats | None = None
    ) -> tuple[Floats, Floats]:
        """Return what each gate changes in the three sums, (gates, 3, runs, records).

        And what is due for its frequency, (gates, runs), where that is fitted. `tracks` are those
        that the gates give, if they are there already.
        """
        structure = self._structure
        courses, records, tau = structure.courses, structure.records, structure.tau
        root = np.sqrt(records.weight[..., skill])
        if tracks is None:
            tracks = courses.track(skill, courses.open_time(gates, structure.tracks))
        tracks, pace, owed = rated(structure, skill, tracks, tau, self._everywhere)
        level, slope = courses.levels(skill, tracks, tau, self._place, pace)
        miss, slope = (records.level[..., skill] - level) * root, slope * root
        sums = np.stack([miss * miss, miss * slope, slope * slope], axis=1)
        return sums - self._own[skill], owed

    def followed(self, skill: int, gate: Requires) -> Floats:
        """Return what a gate changes in the sums with all that depends on `skill` following it.

        (3, runs, records). What a level does not show of a course its dependents may.
        """
        other = self._structure.copy()
        exchange(other, skill, gate)
        cut = list(self._structure.descendants(skill))
        courses, records, tau = other.courses, other.records, self._structure.tau
        tracks = np.stack([other.tracks[i] for i in cut])
        level, slope = courses.levels(cut, tracks, tau, self._place)
        root = np.sqrt(np.moveaxis(records.weight[..., cut], -1, 0))
        miss = (np.moveaxis(records.level[..., cut], -1, 0) - level) * root
        slope = slope * root
        sums = np.stack([(miss * miss).sum(0), (miss * slope).sum(0), (slope * slope).sum(0)])
        return sums - np.sum([self._own[i] for i in cut], axis=0)

    def error(self, changes: Floats) -> Floats:
        """Return χ² of each run with the sums changed, (…, 3, runs, records) to (…, runs)."""
        sums = self._sums + changes
        square, drive, stiff = sums[..., 0, :, :], sums[..., 1, :, :], sums[..., 2, :, :]
        return (square - np.square(drive) / (np.maximum(stiff, 0.0) + self._least)).sum(axis=-1)

    def errors(self, skill: int, gates: list[Requires], tracks: Floats | None = None) -> Floats:
        """Return χ² of each run with another gate for `skill`, (gates, runs)."""
        blocks = []
        for at in range(0, len(gates), _BLOCK):
            some = slice(at, at + _BLOCK)
            given = None if tracks is None else tracks[some]
            changes, owed = self.changes(skill, gates[some], given)
            blocks.append(self.error(changes) + owed)
        return np.concatenate(blocks) if blocks else np.zeros((0, self._structure.records.runs))
