"""Pieces of a run go on where the piece before them ended (:mod:`domino_sim.inference.pieces`)."""

from __future__ import annotations

import numpy as np

from domino_sim.inference.structure import Structure
from domino_sim.levels import Floats

__all__ = ["join", "link"]

#: log τ is known at the end of a piece when its standard error there is below 1/√this.
_KNOWN = 25.0

#: Parts that are tried of what the clock's pace makes it go, and of what it may go unseen; then
#: steps around the best.
_PARTS, _UNSEEN, _NEARER = (0.0, 0.5, 1.0, 2.0), (0.25, 0.5, 0.75, 1.0), (0.25, 0.1)

#: Records from which the pace of the clock at the end of a piece is taken.
_BACK = 4

#: Steps of the clock after each.
_STEPS = 4


def link(structure: Structure, *, rough: bool = False) -> None:
    """Let every piece start with the work that the piece before it ended with.

    That depends on the graph and on the clock, and cannot be read off levels: a skill that cannot
    be told from learned may be far from what opens a gate, or far beyond.

    Parameters
    ----------
    structure
        Is changed: the starts of its pieces, and what follows from them.
    rough
        Whether the graph is still being built, and what levels tell is better than its clock.
    """
    courses, records = structure.courses, structure.records
    assert courses.follows is not None
    done = courses.done.copy()
    for r, before, last in _links(structure):
        end = float(structure.tau[before, last]) + float(structure.slack[r])
        for i, track in structure.tracks.items():
            if rough and not records.learned[before, last, i]:
                done[r, i] = courses.told[r, i]
            else:
                done[r, i] = done[before, i] + _work(structure, i, before, end, track)
    structure.courses = courses.with_done(done)
    structure.follow(set(structure.gates))


def join(structure: Structure, *, rough: bool = False) -> None:
    """Find how far the clocks of pieces went after the last record before the change; link them.

    A change need not be at a record, and where nothing moves the clock goes on unseen until what
    cannot be told from learned is mastered. What the next piece shows decides.
    """
    onward, unseen = _onward(structure), _unseen(structure)
    best = _best(structure, [part * onward for part in _PARTS], rough)
    if unseen.any():
        best = _best(structure, [best, *(part * unseen for part in _UNSEEN)], rough)
    for part in _NEARER:
        size = part * np.maximum(best, onward)
        best = _best(structure, [best, np.maximum(best - size, 0.0), best + size], rough)
    structure.slack = best
    link(structure, rough=rough)


def _links(structure: Structure) -> list[tuple[int, int, int]]:
    """Return each piece that follows another one, that one, and its last record."""
    used = structure.records.weight.max(axis=2) > 0.0
    assert structure.courses.follows is not None
    return [
        (r, before, int(np.flatnonzero(used[before])[-1]))
        for r, before in enumerate(structure.courses.follows.run.tolist())
        if before >= 0 and used[before].any()
    ]


def _onward(structure: Structure) -> Floats:
    """Return how far clocks go from the last record (or mean of records) to the change, (runs,).

    At their mean pace over the last part of the piece.
    """
    courses, steps = structure.courses, structure.records.steps
    assert steps is not None and courses.follows is not None
    found = np.zeros(courses.runs)
    for r, before, last in _links(structure):
        tau, at = structure.tau[before], steps[before]
        first = max(last - _BACK, 0)
        if first < last:
            pace = (tau[last] - tau[first]) / max(at[last] - at[first], 1e-9)
            found[r] = pace * max(courses.follows.cut[r] - at[last], 0.0)
    return found


def _unseen(structure: Structure) -> Floats:
    """Return how far clocks may have gone on unseen under hard gates, (runs,)."""
    courses = structure.courses
    found = np.zeros(courses.runs)
    if courses.form.kind == "soft":
        return found
    unit = 1.0 / courses.frequency.max(axis=1)
    for r, before, last in _links(structure):
        end = float(structure.tau[before, last])
        if (end + unit[before]) ** 2 * structure.precision[before, last] > _KNOWN:
            continue
        for i, track in structure.tracks.items():
            if structure.records.learned[before, last, i]:
                found[r] = max(found[r], float(courses.mastered(i, track)[before]) - end)
    return found


def _best(structure: Structure, slacks: list[Floats], rough: bool) -> Floats:
    """Return of each run the slack of those given with the least χ²."""
    errors = []
    for slack in slacks:
        other = structure.copy()
        other.slack = slack
        link(other, rough=rough)
        other.polish(_STEPS)
        residual, _ = other.residuals(other.tau)
        errors.append(np.einsum("irk,irk->r", residual, residual))
    first = np.argmin(errors, axis=0)
    return np.asarray(np.take_along_axis(np.array(slacks), first[None], axis=0)[0])


def _work(structure: Structure, skill: int, run: int, end: float, track: Floats) -> float:
    """Return the work of a skill in a piece up to an instant of its clock."""
    courses = structure.courses
    if courses.form.kind == "hard":
        return float(courses.frequency[run, skill] * courses.open_until(track[run], np.array(end)))
    return float(np.interp(end, courses.grid[run], track[run]))
