"""When a skill is half learned, and how far gates would have let it come by then.

Under soft gates that ask for all of several skills, what two or three do together does not follow
from what each does alone: c is a product. But the work at one instant, p ∫ Π c_j dτ, is reckoned
for all sets of two and three at once, and tells which are worth a whole look.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from domino_sim.inference.rates import SPREAD
from domino_sim.inference.structure import Structure
from domino_sim.levels import Floats, work_from_level

__all__ = ["Onset", "onset_of"]

#: Points of the quadrature.
_POINTS = 12

#: The most that one run may say against a gate: the logarithm of its work is off by this.
_FAR = 2.0


@dataclass(frozen=True)
class Onset:
    """Gates of other skills until one is half learned.

    Attributes
    ----------
    open : (others, runs, points) array
        c of each at the points of a quadrature over τ; `width` (runs, points) are its weights.
    work : (runs,) array
        ∫ c dτ that the skill needs to be half learned.
    sharp : (runs,) array
        1/σ² of the logarithm of that; 0 where the clock at that instant is not known.
    """

    open: Floats
    width: Floats
    work: Floats
    sharp: Floats

    @property
    def known(self) -> bool:
        """Whether any run tells."""
        return bool((self.sharp > 0.0).any())

    def pairs(self) -> Floats:
        """Return what gates that ask for both of two cost, (others, others)."""
        together = np.einsum("arm,brm,rm->rab", self.open, self.open, self.width, optimize=True)
        return self._cost(together)

    def triples(self, pairs: np.ndarray) -> Floats:
        """Return what gates that ask for `pairs` (m, 2) and a third cost, (m, others)."""
        two = self.open[pairs[:, 0]] * self.open[pairs[:, 1]] * self.width
        together = np.einsum("prm,arm->rpa", two, self.open, optimize=True)
        return self._cost(together)

    def _cost(self, together: Floats) -> Floats:
        off = np.log(np.maximum(together, 1e-300) / self.work[:, None, None])
        off = np.clip(off, -_FAR, _FAR)
        return np.einsum("rab,r->ab", np.square(off), self.sharp)


def onset_of(
    structure: Structure, skill: int, others: Sequence[int], tau: Floats, known: np.ndarray
) -> Onset:
    """Return the onset of `skill` by gates of `others` at a clock (runs, nodes) where `known`."""
    courses, nodes = structure.courses, structure.records
    form = courses.form
    half = 0.5 * (1.0 + form.floor)
    curve = nodes.smooth[..., skill]
    after = np.argmax(curve >= half, axis=1)
    runs = np.arange(len(curve))
    there = (curve[runs, after] >= half) & (after > 0)
    before = np.maximum(after - 1, 0)
    there &= known[runs, after] & known[runs, before]
    rise = np.where(there, curve[runs, after] - curve[runs, before], 1.0)
    part = np.where(there, (half - curve[runs, before]) / rise, 0.0)
    instant = tau[runs, before] + part * (tau[runs, after] - tau[runs, before])
    there &= instant > 0.0
    x, w = np.polynomial.legendre.leggauss(_POINTS)
    at = np.where(there, instant, 1.0)[:, None] * (0.5 * (x + 1.0))
    tracks = np.stack([structure.tracks[j] for j in others])
    place = courses.place(at)
    assert place is not None  # there are no onsets under hard gates
    low = tracks[:, runs[:, None], place.below]
    work = low + (tracks[:, runs[:, None], place.below + 1] - low) * place.part
    need = float(work_from_level(half, form.loss)) - form.start
    under_way = nodes.under_way[..., skill]
    weight = (nodes.weight[..., skill] * under_way).sum(axis=1)
    # At half the way the level answers to the logarithm of the work by about a third of the way.
    sharp = np.where(there, weight * np.square(0.35 * (1.0 - form.floor)), 0.0)
    if courses.free is not None:
        # A frequency that is not known may be what is off.
        loose = 1.0 / (1.0 / np.maximum(sharp, 1e-9) + SPREAD**2)
        sharp = np.where(courses.free[:, skill] & (sharp > 0.0), loose, sharp)
    return Onset(
        courses.opened(work + courses.done[:, list(others)].T[..., None]),
        np.where(there, instant, 1.0)[:, None] * 0.5 * w,
        np.maximum(need - courses.done[:, skill], 1e-9) / courses.frequency[:, skill],
        sharp,
    )
