"""Pieces of a run go on where the piece before them ended (:mod:`domino_sim.inference.pieces`)."""

from __future__ import annotations

import numpy as np

from domino_sim.inference.structure import Structure
from domino_sim.levels import Floats

__all__ = ["link"]

#: log τ is known at the end of a piece when its standard error there is below 1/√this.
_KNOWN = 25.0

#: Work that counts as any amount: a skill that was learned long ago.
_LONG_AGO = 1e6


def link(structure: Structure, *, rough: bool = False) -> None:
    """Let every piece start with the work that the piece before it ended with.

    That depends on the graph and on the clock, and cannot be read off levels: a skill that cannot
    be told from learned may be far from what opens a gate, or far beyond. Where nothing moved at
    the end of a piece its clock may have gone on unseen; what cannot be told from learned then
    counts as mastered under hard gates.

    Parameters
    ----------
    structure
        Is changed: the starts of its pieces, and what follows from them.
    rough
        Whether the graph is still being built, and what levels tell is better than its clock.
    """
    courses, records = structure.courses, structure.records
    assert courses.follows is not None
    done, used = courses.done.copy(), (records.weight > 0.0).any(axis=2)
    unit = 1.0 / courses.frequency.max(axis=1)
    for r, before in enumerate(courses.follows):
        if before < 0 or not used[before].any():
            continue
        last = int(np.flatnonzero(used[before])[-1])
        end = float(structure.tau[before, last])
        sharp = (end + unit[before]) ** 2 * float(structure.precision[before].max(initial=0.0))
        known = sharp > _KNOWN and structure.precision[before, last] > 0.0
        for i, track in structure.tracks.items():
            work = done[before, i] + _work(structure, i, before, end, track)
            if rough and not records.learned[before, last, i]:
                work = courses.told[r, i]
            elif courses.form.kind == "hard" and not known and records.learned[before, last, i]:
                work = _LONG_AGO
            done[r, i] = work
    structure.courses = courses.with_done(done)
    structure.follow(set(structure.gates))


def _work(structure: Structure, skill: int, run: int, end: float, track: Floats) -> float:
    """Return the work of a skill in a piece up to an instant of its clock."""
    courses = structure.courses
    if courses.form.kind == "hard":
        return float(courses.frequency[run, skill] * max(end - track[run], 0.0))
    return float(np.interp(end, courses.grid[run], track[run]))
