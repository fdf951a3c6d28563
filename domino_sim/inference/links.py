"""Pieces of a run go on where the piece before them ended (:mod:`domino_sim.inference.pieces`)."""

from __future__ import annotations

from itertools import chain

import numpy as np

from domino_sim.inference.forms import Courses
from domino_sim.inference.residuals import Residuals, polished
from domino_sim.inference.seeking import sought
from domino_sim.inference.structure import Structure
from domino_sim.levels import Floats

__all__ = ["join", "link"]

#: Parts that are tried of what the clock's pace makes it go, the clock after the change looked for
#: anew with each; then steps around the best.
_PARTS, _NEARER = (0.0, 0.5, 1.0, 2.0), (0.25, 0.1)

#: Records from which the pace of the clock at the end of a piece is taken.
_BACK = 4

#: Steps of the clock after each; one that gains less than this (χ²) is the last.
_STEPS, _CLOSE = 4, 0.05


def link(structure: Structure) -> None:
    """Let every piece start with the work that the piece before it ended with.

    That depends on the graph and on the clock, and cannot be read off levels: a skill that cannot
    be told from learned may be far from what opens a gate, or far beyond.

    Parameters
    ----------
    structure
        Is changed: the starts of its pieces, and what follows from them; its clock is held.
    """
    for links in _links(structure):
        _start(structure, _done(structure, links, structure.slack[None])[0])


def join(structure: Structure) -> None:
    """Find how far the clocks of pieces went after the last record before the change; link them.

    A change need not be at a record. What the next piece shows decides. Its clock is looked for
    anew: with other work at its start a skill may have to wait where it had begun before, and steps
    from the old clock lead nowhere.
    """
    onward = _onward(structure)
    structure.slack = structure.slack.copy()
    for links in _links(structure):
        rows = [r for r, _, _ in links]
        best, far = _Best(structure, links), onward[rows]
        wide = np.array([structure.slack[rows], *(part * far for part in _PARTS)])
        best.look(wide, anew=True)
        for part in _NEARER:
            size = part * np.maximum(best.slack, far)
            best.look(np.stack([np.maximum(best.slack - size, 0.0), best.slack + size]))
        structure.slack[rows] = best.slack
        structure.tau = structure.tau.copy()
        structure.tau[rows] = best.tau
        _start(structure, _done(structure, links, structure.slack[None])[0])


def _start(structure: Structure, done: Floats) -> None:
    structure.courses = structure.courses.with_done(done)
    structure.follow(set(structure.gates))


#: A piece that follows another one, that one, and its last record.
_Link = tuple[int, int, int]


def _links(structure: Structure) -> list[list[_Link]]:
    """Return the pieces that follow others: the second ones of their runs, then the third ones."""
    used = structure.records.used
    assert structure.courses.follows is not None
    follows = structure.courses.follows.run.tolist()
    found, at = list[list[_Link]](), {r for r, before in enumerate(follows) if before < 0}
    while at:
        later = [(r, before) for r, before in enumerate(follows) if before in at]
        some = [
            (r, before, int(np.flatnonzero(used[before])[-1]))
            for r, before in later
            if used[before].any()
        ]
        found += [some] if some else []
        at = {r for r, _ in later}
    return found


def _onward(structure: Structure) -> Floats:
    """Return how far clocks go from the last record (or mean of records) to the change, (runs,).

    At their mean pace over the last part of the piece.
    """
    courses, steps = structure.courses, structure.records.steps
    assert steps is not None and courses.follows is not None
    found = np.zeros(courses.runs)
    for r, before, last in chain.from_iterable(_links(structure)):
        tau, at = structure.tau[before], steps[before]
        first = max(last - _BACK, 0)
        if first < last:
            pace = (tau[last] - tau[first]) / max(at[last] - at[first], 1e-9)
            found[r] = pace * max(courses.follows.cut[r] - at[last], 0.0)
    return found


class _Best:
    """Of pieces that follow others the slack, and the clock, of least χ² of all looked at.

    Each piece answers for itself: all of them are looked at with all slacks at once.
    """

    def __init__(self, structure: Structure, links: list[_Link]) -> None:
        self._structure, self._links = structure, links
        self._rows = np.array([r for r, _, _ in links])
        self.slack, self.tau = structure.slack[self._rows], structure.tau[self._rows]
        self._error = np.full(len(links), np.inf)

    def look(self, slacks: Floats, *, anew: bool = False) -> None:
        """Look at other slacks (k, pieces), the clock found `anew` or from where it is best."""
        structure, shape = self._structure, slacks.shape
        every = np.tile(self._rows, len(slacks))
        whole = np.zeros((len(slacks), structure.courses.runs))
        whole[:, self._rows] = slacks
        done = _done(structure, self._links, whole)[:, self._rows]
        other = structure.copy()
        other.courses = structure.courses.of_runs(every).with_done(np.concatenate(done))
        other.follow(set(other.gates))
        courses, records = other.courses, structure.records
        tracks = {i: other.tracks[i] for i in other.gates}
        if anew:
            tau, _ = sought(courses, tracks, records.level[every], records.weight[every])
        else:
            tau = np.tile(self.tau, (len(slacks), 1))
        residuals = Residuals(courses, records, tracks, every)
        found = polished(residuals, tau, _STEPS, _CLOSE * len(slacks))
        error, tau = found.error.reshape(shape), found.tau.reshape(*shape, -1)
        each, least = np.arange(shape[1]), error.argmin(axis=0)
        better = error[least, each] < self._error
        self._error = np.where(better, error[least, each], self._error)
        self.slack = np.where(better, slacks[least, each], self.slack)
        self.tau = np.where(better[:, None], tau[least, each], self.tau)


def _done(structure: Structure, links: list[_Link], slacks: Floats) -> Floats:
    """Return the work with which pieces start, by slacks (k, runs): (k, runs, n)."""
    courses, skills = structure.courses, list(structure.gates)
    tracks = np.stack([structure.tracks[i] for i in skills])
    done = np.repeat(courses.done[None], len(slacks), axis=0)
    for r, before, last in links:
        end = structure.tau[before, last] + slacks[:, r]
        work = _work(courses, skills, tracks[:, before], before, end)
        done[:, r, skills] = courses.done[before, skills] + work
    return done


def _work(
    courses: Courses, skills: list[int], tracks: Floats, run: int, end: Floats
) -> Floats:
    """Return the work (k, skills) of skills in a piece up to instants (k,) of its clock."""
    if courses.form.kind == "hard":
        time = courses.open_until(tracks[None], end[:, None])
        return np.asarray(courses.frequency[run, skills] * time)
    return np.stack([np.interp(end, courses.grid[run], track) for track in tracks], axis=1)
