"""When a skill is half learned, and how far gates would have let it come by then.

Where the clock is not known then, it is known before or after, and the gate must not have let the
skill come further by then than its level shows, or less far.

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

#: A level is known to so many standard deviations, and work that is only bounded is so sharp.
_SIGMAS, _BOUND = 2.0, 25.0


@dataclass(frozen=True)
class Onset:
    """Gates of other skills until instants at which the work of one is known, or bounded.

    Attributes
    ----------
    open : (others, instants, points) array
        c of each at the points of a quadrature over τ; `width` (instants, points) are its weights.
    least, most : (instants,) array
        ∫ c dτ by then. The same at an onset.
    sharp : (instants,) array
        1/σ² of the logarithm of that; 0 where nothing is known.
    leak
        How far a gate is open that is closed.
    """

    open: Floats
    width: Floats
    least: Floats
    most: Floats
    sharp: Floats
    leak: float = 0.0

    @property
    def known(self) -> bool:
        """Whether any instant tells."""
        return bool((self.sharp > 0.0).any())

    def pairs(self, *, early: bool = False) -> Floats:
        """Return what gates that ask for both of two cost, (others, others).

        With `early` one that opens too early costs nothing.
        """
        together = np.einsum("arm,brm,rm->rab", self.open, self.open, self.width, optimize=True)
        return self._cost(together, early=early)

    def triples(self, pairs: np.ndarray) -> Floats:
        """Return what gates that ask for `pairs` (m, 2) and a third cost, (m, others)."""
        two = self.open[pairs[:, 0]] * self.open[pairs[:, 1]] * self.width
        together = np.einsum("prm,arm->rpa", two, self.open, optimize=True)
        return self._cost(together)

    def _cost(self, together: Floats, *, early: bool = False) -> Floats:
        leaked = self.leak * self.width.sum(axis=1)[:, None, None]
        together = np.maximum(leaked + (1.0 - self.leak) * together, 1e-300)
        most = np.inf if early else self.most[:, None, None]
        near = np.clip(together, self.least[:, None, None], most)
        off = np.clip(np.log(together / near), -_FAR, _FAR)
        return np.einsum("rab,r->ab", np.square(off), self.sharp)


def onset_of(
    structure: Structure, skill: int, others: Sequence[int], tau: Floats, known: np.ndarray
) -> Onset:
    """Return the onset of `skill` by gates of `others` at a clock (runs, nodes) where `known`."""
    courses = structure.courses
    form = courses.form
    instant, least, most, sharp = _instants(structure, skill, tau, known)
    x, w = np.polynomial.legendre.leggauss(_POINTS)
    at = instant[..., None] * (0.5 * (x + 1.0))  # (runs, 2, points)
    runs = len(tau)
    place = courses.place(at.reshape(runs, -1))
    assert place is not None  # there are no onsets under hard gates
    tracks = np.stack([structure.tracks[j] for j in others])
    each = np.arange(runs)[:, None]
    low = tracks[:, each, place.below]
    work = low + (tracks[:, each, place.below + 1] - low) * place.part
    opened = courses.opened(work + courses.done[:, list(others)].T[..., None])

    def needed(level: Floats) -> Floats:
        work = work_from_level(np.clip(level, form.floor, 1.0), form.loss) - form.start
        work = np.maximum(work - courses.done[:, skill, None], 1e-9)
        return (work / courses.frequency[:, skill, None]).ravel()

    if courses.free is not None:
        # A frequency that is not known may be what is off.
        loose = 1.0 / (1.0 / np.maximum(sharp, 1e-9) + SPREAD**2)
        sharp = np.where(courses.free[:, skill, None] & (sharp > 0.0), loose, sharp)
    return Onset(
        opened.reshape(len(others), 2 * runs, _POINTS),
        (instant[..., None] * 0.5 * w).reshape(2 * runs, _POINTS),
        np.where(least.ravel() > form.floor, needed(least), 0.0),
        np.where(most.ravel() < 1.0, needed(most), np.inf),
        sharp.ravel(),
        form.leak,
    )


def _instants(
    structure: Structure, skill: int, tau: Floats, known: np.ndarray
) -> tuple[Floats, Floats, Floats, Floats]:
    """Return instants, levels between which the skill is by then, and how sharp that is, (runs, 2).

    Of a run the one at which it is half learned; else the last before and the first after it at
    which the clock is known.
    """
    nodes, form = structure.records, structure.courses.form
    half = 0.5 * (1.0 + form.floor)
    instant, sharp = np.ones((len(tau), 2)), np.zeros((len(tau), 2))
    least, most = np.full((len(tau), 2), form.floor), np.ones((len(tau), 2))
    weight = (nodes.weight[..., skill] * nodes.under_way[..., skill]).sum(axis=1)
    for r, (curve, clock, error) in enumerate(
        zip(nodes.smooth[..., skill], tau, nodes.error[..., skill], strict=True)
    ):
        late = np.flatnonzero(curve >= half)
        after = int(late[0]) if len(late) else len(curve)
        if 0 < after < len(curve) and known[r, after - 1] and known[r, after]:
            part = (half - curve[after - 1]) / (curve[after] - curve[after - 1])
            instant[r, 0] = clock[after - 1] + part * (clock[after] - clock[after - 1])
            least[r, 0] = most[r, 0] = half
            # At half the way the level answers to the logarithm of the work by about a third of it.
            sharp[r, 0] = weight[r] * np.square(0.35 * (1.0 - form.floor))
            continue
        seen = known[r] & (nodes.weight[r, :, skill] > 0.0)
        before, later = np.flatnonzero(seen[:after]), np.flatnonzero(seen[after:]) + after
        for at, node in enumerate((before[-1:], later[:1])):
            if len(node):
                k = int(node[0])
                instant[r, at] = clock[k]
                least[r, at] = curve[k] - _SIGMAS * error[k]
                most[r, at] = curve[k] + _SIGMAS * error[k]
                sharp[r, at] = _BOUND
    sharp[instant <= 0.0] = 0.0
    return np.where(instant > 0.0, instant, 1.0), least, most, sharp
