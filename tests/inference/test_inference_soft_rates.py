"""Frequencies that are not known, under soft gates."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest

from domino_sim.inference.forms import OPEN, Courses, Form, Requires
from domino_sim.inference.rates import _jacobian, _penalty, spread
from domino_sim.inference.rating import exchange, rated
from domino_sim.inference.records import Records
from domino_sim.inference.sensitivities import soft_jacobian
from domino_sim.inference.structure import Structure

P = np.array([[0.4, 0.3, 0.2, 0.1], [0.1, 0.2, 0.3, 0.4]])
FREE = np.ones((2, 4), dtype=bool)
GATES = {0: OPEN, 1: OPEN, 2: Requires.of((0, 1)), 3: Requires.of((1, 2), any=True)}


def made(
    loss: Literal["mse", "ce"] = "mse", exponent: float = 1e-3, leak: float = 0.0
) -> Structure:
    """Return a graph with levels that it leaves no residual of, at clocks up to 4,000."""
    courses = Courses(Form("soft", exponent, loss, leak), P, free=FREE)
    tau = np.tile(np.concatenate([[0.0], np.geomspace(0.3, 4000.0, 149)]), (2, 1))
    empty = Records(np.zeros((2, 150, 4)), np.full((2, 150, 4), 1e4), courses.form.floor)
    bare = Structure(courses, empty)
    bare.gates, bare.tau = dict(GATES), tau
    bare.follow(set(GATES))
    place = courses.place(tau)
    level = [courses.levels(i, bare.tracks[i], tau, place)[0] for i in range(4)]
    found = Structure(courses, Records(np.stack(level, axis=-1), empty.weight, empty.floor))
    found.gates, found.tracks, found.tau = bare.gates, bare.tracks, tau
    return found


@pytest.mark.parametrize(("loss", "leak"), [("mse", 0.0), ("ce", 0.0), ("mse", 0.3)])
def test_answers_to_frequencies_are_those_of_small_changes(
    loss: Literal["mse", "ce"], leak: float
) -> None:
    structure, free = made(loss, 0.1 if leak else 1e-3, leak), FREE.copy()
    free[0, 0] = False
    by_change = _jacobian(structure, [3, 1, 0, 2], free)
    reckoned = soft_jacobian(structure, [3, 1, 0, 2], free)
    assert np.abs(by_change).max() > 5.0
    np.testing.assert_allclose(reckoned, by_change, atol=1e-3 * np.abs(by_change).max())


def test_a_gate_that_hardly_opens_may_be_of_a_skill_far_more_frequent_than_it_looks() -> None:
    structure = made()
    guess = P.copy()
    guess[:, 2] *= np.exp(-9.0)  # as fast as it looks, before any graph
    structure.courses = structure.courses.with_frequency(guess)
    del structure.gates[2], structure.gates[3], structure.tracks[2], structure.tracks[3]
    track = structure.track_of(2, GATES[2])
    known = np.ones(structure.tau.shape, dtype=bool)
    found = rated(structure, 2, track[None], structure.tau, known)
    structure.add(2, GATES[2], found.tracks[0])
    np.testing.assert_allclose(structure.courses.frequency[:, 2], P[:, 2], rtol=0.05)


def test_with_another_gate_come_frequencies_that_keep_the_levels() -> None:
    structure = made()
    true = {i: track.copy() for i, track in structure.tracks.items()}
    exchange(structure, 2, Requires.of((0,)))
    assert not np.allclose(structure.courses.frequency[:, 2], P[:, 2], rtol=0.5)
    exchange(structure, 2, GATES[2])
    np.testing.assert_allclose(structure.courses.frequency, P, rtol=0.02)
    for i in (2, 3):
        np.testing.assert_allclose(structure.tracks[i], true[i], rtol=0.02, atol=1e-6)


def test_what_is_fitted_counts_as_trained_however_rare_it_becomes() -> None:
    structure, rare = made(), P.copy()
    rare[:, 2] = 1e-5
    near = _penalty(structure.under(structure.courses.with_frequency(rare)))
    rare[:, 2] = 1e-9
    far = structure.under(structure.courses.with_frequency(rare))
    assert (_penalty(far) > near + 20.0).all()
    assert Courses(far.courses.form, rare, free=FREE).trained.all()


def test_a_skill_that_is_left_out_stays_so_where_those_that_are_fitted_become_rare() -> None:
    first, free = P.copy(), FREE.copy()
    first[0, 0], free[0, 0] = 1e-7 * P[0].max(), False
    structure = made()
    structure.courses = Courses(structure.courses.form, first, free=free)
    fitted = np.where(free, 1e-4 * first, first)
    other = structure.under(structure.courses.with_frequency(fitted))
    for courses in (other.courses, other.courses.under_form(Form("soft", 0.1))):
        np.testing.assert_array_equal(spread(structure.under(courses))[1], free)


def test_a_gate_that_closes_a_circle_is_refused() -> None:
    for form in (Form("soft", 1e-3), Form("hard", 0.9)):
        structure = made()
        structure = structure.under(structure.courses.under_form(form))
        for gate in (Requires.of((2,)), Requires.of((1, 3))):
            with pytest.raises(ValueError, match="skill 2 closes a circle"):
                exchange(structure, 2, gate)
        assert structure.gates == GATES
