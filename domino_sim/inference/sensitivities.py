"""How courses under soft gates answer to the frequencies of skills, to first order."""

from __future__ import annotations

import numpy as np

from domino_sim.frequencies.paths import level_and_slope
from domino_sim.inference.structure import Structure
from domino_sim.levels import Floats, unlearned

__all__ = ["soft_jacobian"]


def soft_jacobian(structure: Structure, order: list[int], free: np.ndarray) -> Floats:
    """Return the derivatives of levels, in units of the noise, by log p of every skill.

    (skills by whose frequency, skills, runs, records), in the order given, the clock held.

    Work is w = p ∫ c dτ, so dw/dlog p = w of a skill's own, and p ∫ dc/dlog p_j dτ of one that
    depends on j. Of gates that ask for any of several the one that is open widest answers.
    """
    courses, records, tau = structure.courses, structure.records, structure.tau
    place = courses.place(tau)
    assert place is not None
    index, part, _ = place
    run = np.arange(courses.runs)[:, None]
    width = np.diff(courses.grid, axis=1)
    root = np.sqrt(records.weight)
    row = {skill: at for at, skill in enumerate(order)}
    found = np.zeros((len(order), len(order), *tau.shape))
    moved: dict[int, tuple[list[int], Floats]] = {}  # by whom, and dw (those, runs, points)
    opened: dict[int, tuple[Floats, Floats]] = {}  # c and dc/dw of what others need
    needed = {j for gate in structure.gates.values() for j in gate.skills}
    for i in _in_order(structure):
        gate, track = structure.gates[i], structure.tracks[i]
        by = list(dict.fromkeys([i, *(k for j in gate.skills for k in moved[j][0])]))
        change = np.zeros((len(by), *track.shape))
        if gate.skills:
            c = np.stack([opened[j][0] for j in gate.skills])
            steep = np.stack([opened[j][1] for j in gate.skills])
            for at, j in enumerate(gate.skills):
                if gate.any:
                    share = c.argmax(axis=0) == at
                else:
                    share = np.prod(np.delete(c, at, axis=0), axis=0)
                rows = [by.index(k) for k in moved[j][0]]
                change[rows] += moved[j][1] * (share * steep[at])
            grown = np.cumsum(0.5 * (change[..., 1:] + change[..., :-1]) * width, axis=-1)
            p = (1.0 - courses.form.leak) * courses.frequency[:, i, None]
            change[..., 1:], change[..., 0] = p * grown, 0.0
        change[0] += track * free[:, i, None]
        moved[i] = by, change
        if i in needed:
            opened[i] = _opened(structure, i)
        low, high = change[:, run, index], change[:, run, index + 1]
        own = track[run, index] + (track[run, index + 1] - track[run, index]) * part
        start = courses.done[:, i, None] + courses.form.start
        _, slope = level_and_slope(own + start, courses.form.loss)
        found[[row[k] for k in by], row[i]] = (low + (high - low) * part) * (slope * root[..., i])
    return found


def _in_order(structure: Structure) -> list[int]:
    """Return the skills that are in, prerequisites first."""
    order, left = list[int](), set(structure.gates)
    while left:
        ready = [i for i in sorted(left) if not left & set(structure.gates[i].skills)]
        order += ready
        left.difference_update(ready)
    return order


def _opened(structure: Structure, skill: int) -> tuple[Floats, Floats]:
    """Return how far a skill opens gates along its track, and by how much more for more work."""
    courses = structure.courses
    form, work = courses.form, structure.tracks[skill] + courses.done[:, skill, None]
    c = courses.opened(work)
    if form.loss == "mse":
        return c, form.value * (1.0 - c)
    # u = 1 − σ(l) with l + e^l = w: dlog u/dw = −σ/(1 + e^l) = −σ u.
    left = unlearned(work + form.start, "ce")
    return c, form.value * (1.0 - c) * (1.0 - left) * left
