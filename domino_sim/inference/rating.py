"""Frequencies that are not known, of a skill whose gate is tried and of those still to come.

From the works of a skill at a clock, and from what ties it to others before any graph
(:mod:`domino_sim.inference.first_rates`). Whole graphs are fitted by
:mod:`domino_sim.inference.rates`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from domino_sim.frequencies.paths import level_and_slope
from domino_sim.inference.forms import Requires
from domino_sim.inference.rates import SPREAD, share, spread
from domino_sim.inference.shared import together
from domino_sim.inference.structure import Structure
from domino_sim.levels import Floats, work_from_level

__all__ = ["Rated", "exchange", "foretell", "rated"]

#: The farthest that a gate's frequency is from the present one (log). The first guess takes each
#: skill to be as fast as it looks; a soft gate that is hardly open makes it look slower by factors
#: of e¹⁰ and more.
_FARTHEST = {"hard": 5.0, "soft": 20.0}

#: Unlearned part below which a level tells nothing of the work.
_LEAST = 0.005


class Rated(NamedTuple):
    """Tracks of a skill, each with the frequency that suits it best.

    Attributes
    ----------
    tracks : array
        Of the shape of those without.
    pace : (gates, runs) array, or None
        The frequencies, under hard gates: there a track is an opening. None where all are known.
    cost : (gates, runs) array
        What is due for frequencies unlike those of the skills that are in.
    """

    tracks: Floats
    pace: Floats | None
    cost: Floats


def rated(
    structure: Structure, skill: int, tracks: Floats, tau: Floats, known: np.ndarray, *,
    near: bool = False,
) -> Rated:  # fmt: skip
    """Return tracks of a skill with its frequency fitted for each.

    By the works that its levels tell at the clock. What is known of the frequency beside is, under
    hard gates, what curves tell of it before any graph, given those of the skills that are in
    (:mod:`domino_sim.inference.first_rates`); under soft ones, where the shape of a curve does not
    tell its frequency from its gate's, only that it is like that of the others.

    Parameters
    ----------
    tracks : (gates, runs) or (gates, runs, points) array
        With the present frequency.
    tau, known : (runs, nodes) arrays
        The clock, (…, runs, nodes) if there is one for each track, and where it is known.
    near
        Whether frequencies stay near to the present ones where levels do not tell them.
    """
    courses, nodes = structure.courses, structure.records
    free = courses.free
    if free is None or not free[:, skill].any():
        return Rated(tracks, None, np.zeros(tracks.shape[:2]))
    form = courses.form
    smooth = np.clip(nodes.smooth[..., skill], form.floor, 1.0 - _LEAST)
    start = courses.done[:, skill, None]
    work = np.maximum(work_from_level(smooth, form.loss) - form.start - start, 0.0)
    _, slope = level_and_slope(work + start + form.start, form.loss)
    seen = known & nodes.under_way[..., skill]
    here = np.log(courses.frequency[:, skill])
    mean = here
    if structure.gates:
        away, counts = spread(structure)
        log = np.log(courses.frequency[:, list(structure.gates)])
        mean = np.where(counts, log - away, 0.0).sum(axis=1) / np.maximum(counts.sum(axis=1), 1)
    place = courses.place(tau)
    if place is None:
        sharp = np.where(seen, np.square(slope) * nodes.weight[..., skill], 0.0)
        time = courses.open_until(tracks[..., None], tau)
        stiff = (sharp * time * time).sum(axis=-1)
        own = (sharp * work * time).sum(axis=-1) / np.maximum(stiff, 1e-300)
        off = np.where(stiff > 0.0, np.log(np.maximum(own, 1e-9)) - here, 0.0)
        told, firm, due = stiff * np.square(own) * off, stiff * np.square(own), 0.0 * here
        loose = _tied(structure, skill)
    else:
        run = np.arange(courses.runs)[:, None]
        low = tracks[:, run, place.below]
        model = low + (tracks[:, run, place.below + 1] - low) * place.part
        sharp = np.where(seen, np.square(slope * work) * nodes.weight[..., skill], 0.0)
        away_by = np.log(np.maximum(work, 1e-9)) - np.log(np.maximum(model, 1e-9))
        told, firm = (sharp * away_by).sum(axis=-1), sharp.sum(axis=-1)
        wanted = here if near else mean
        due, loose = (wanted - here) / SPREAD**2, np.full(len(here), 1.0 / SPREAD**2)
    part, mixture = share(courses), courses.mixture
    if mixture is not None:
        told, firm = together(told.T, mixture).T, together(firm.T, mixture).T
    log = (told + due) / (firm + loose)
    farthest = _FARTHEST[form.kind]
    log = np.where(free[:, skill], np.clip(log, -farthest, farthest), 0.0)
    cost = np.where(free.any(axis=1), np.square((here + log - mean) / SPREAD), 0.0) * part
    if place is None:
        return Rated(tracks, np.exp(here + log), cost)
    return Rated(tracks * np.exp(log)[..., None], None, cost)


def exchange(structure: Structure, skill: int, gate: Requires) -> None:
    """Give a skill another gate, and where its frequency is not known the one that goes with it.

    Under soft gates a curve tells p times what its gate lets through: with the old frequency the
    course would be off by as much as the two gates differ, and so would all that follows from it.
    So frequencies of the skill, then of its descendants, are those that suit their levels best at
    the present clock. Under hard gates a frequency shows in the curve itself, and stays.

    Raises
    ------
    ValueError
        If the gate asks for the skill itself, or for what depends on it.
    """
    courses, left = structure.courses, structure.descendants(skill)
    if circle := left & set(gate.skills):
        raise ValueError(f"the gate of skill {skill} closes a circle through {sorted(circle)}")
    if courses.free is None or courses.form.kind == "hard":
        structure.change(skill, gate)
        return
    structure.gates[skill] = gate
    known = np.ones(structure.tau.shape, dtype=bool)
    while left:
        ready = [i for i in sorted(left) if not left & set(structure.gates[i].skills)]
        for i in ready:
            track = structure.track_of(i, structure.gates[i])
            best = rated(structure, i, track[None], structure.tau, known, near=True).tracks[0]
            structure.add(i, structure.gates[i], best)
        left.difference_update(ready)


def _tied(structure: Structure, skill: int) -> Floats:
    """Return how sharply curves tell the frequency of a skill given those of others, (runs,).

    Inverse variances of its logarithm; of the skills that are not in either nothing is known.
    """
    courses = structure.courses
    found = np.full(courses.runs, 1.0 / SPREAD**2)
    if courses.ties is None or courses.free is None:
        return found
    inside = np.zeros(courses.skills, dtype=bool)
    inside[list(structure.gates)] = True
    # What is not trained tells nothing, not even the scale.
    told = (inside | ~courses.free) & courses.trained
    told[:, skill] = False
    # Those that are told are held: no variance, and nothing that comes with it.
    open_ = ~told
    ties = np.where(open_[:, :, None] & open_[:, None, :], courses.ties, 0.0)
    ties += np.eye(courses.skills) * told[:, None, :]
    use = told.any(axis=1) & courses.free[:, skill]
    found[use] = 1.0 / np.linalg.inv(ties[use])[:, skill, skill]
    return found


def foretell(structure: Structure) -> None:
    """Give skills that are not in the frequencies that go with those of the skills that are.

    What overlaps is tied (:mod:`domino_sim.inference.first_rates`): where the graph has told that
    one is rarer than was guessed, so is the other. Their mean, of Gaussian logarithms, given those
    of the skills that are in. Not under soft gates, where gates are tried each with a frequency of
    its own (`rated`).
    """
    courses = structure.courses
    if courses.ties is None or courses.free is None or courses.form.kind == "soft":
        return
    known = np.zeros(courses.skills, dtype=bool)
    known[list(structure.gates)] = True
    frequency, before = courses.frequency.copy(), np.log(courses.first)
    for r, ties in enumerate(courses.ties):
        told, left = (known | ~courses.free[r]) & courses.trained[r], courses.free[r] & ~known
        if told.any() and left.any():
            moved = np.log(courses.frequency[r, told]) - before[r, told]
            answer = np.linalg.solve(ties[np.ix_(left, left)], ties[np.ix_(left, told)] @ moved)
            frequency[r, left] = np.exp(before[r, left] - answer)
    structure.courses = courses.with_frequency(frequency)
