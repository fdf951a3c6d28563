"""Gates whose frequencies must answer before it shows that they are right."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from domino_sim.inference import answering as answering_
from domino_sim.inference.answering import answering, answers, mended
from domino_sim.inference.forms import OPEN, Courses, Form, Requires
from domino_sim.inference.proposals import Allowed
from domino_sim.inference.rates import TO_THE_END, costs, fit, foreseen
from domino_sim.inference.rating import exchange
from domino_sim.inference.rebuilding import build_by_fits
from domino_sim.inference.records import Records
from domino_sim.inference.refined import Refined
from domino_sim.inference.refinement import Refiner
from domino_sim.inference.structure import Structure
from domino_sim.progress import NullMeter

SOFT = Form("soft", 1e-3)
P = np.array([[0.6, 0.1, 0.2, 0.1], [0.1, 0.4, 0.2, 0.3], [0.3, 0.05, 0.35, 0.3]])
TRUE = {0: OPEN, 1: OPEN, 2: Requires.of((0,)), 3: Requires.of((1, 2))}
GATES = [OPEN, *(Requires.of(one) for n in (1, 2) for one in combinations(range(3), n))]
ALLOWED = Allowed(np.ones((4, 4, 3), dtype=bool), np.eye(4, dtype=bool), (frozenset(),) * 4, 3)
PRICE = 4.0


def made(form: Form = SOFT, free: np.ndarray | None = None, **courses: np.ndarray) -> Structure:
    """Return the graph TRUE, with levels that leave noise of 0.002, at clocks up to 4,000."""
    free = np.ones(P.shape, dtype=bool) if free is None else free
    how = Courses(form, P, free=free, **courses)
    tau = np.tile(np.concatenate([[0.0], np.geomspace(0.3, 4000.0, 59)]), (3, 1))
    level = np.zeros((3, 60, 4))
    bare = Structure(how, Records(level, np.full(level.shape, 2.5e5)))
    bare.gates, bare.tau = dict(TRUE), tau
    bare.follow(set(TRUE))
    for i in range(4):
        track = bare.tracks[i] if form.kind == "soft" else bare.tracks[i][None]
        level[..., i] = how.levels(i, track, tau, how.place(tau))[0].reshape(tau.shape)
    level += 0.002 * np.random.default_rng(0).normal(size=level.shape)
    found = Structure(how, Records(level, np.full(level.shape, 2.5e5)))
    found.gates, found.tracks, found.tau = bare.gates, bare.tracks, tau
    fit(found, rounds=TO_THE_END)
    return found


@pytest.mark.parametrize("mixture", [None, np.array([0, 1, 0])], ids=["apart", "shared"])
def test_what_is_foreseen_is_nearly_what_a_fit_comes_to(mixture: np.ndarray | None) -> None:
    structure = made() if mixture is None else made(mixture=mixture)
    there = costs(structure).sum()
    by = np.random.default_rng(1).uniform(-0.1, 0.1, P.shape)
    by = by if mixture is None else by[mixture]
    courses = structure.courses
    off = structure.under(courses.with_frequency(courses.frequency * np.exp(by)))
    off.polish(3)
    assert costs(off).sum() > there + 300.0
    assert there - 10.0 < foreseen(off) < there + 60.0


def test_where_frequencies_are_known_none_answer() -> None:
    known = Structure(Courses(SOFT, P), made().records)
    known.gates = dict(TRUE)
    known.follow(set(TRUE))
    known.seek()
    assert foreseen(known) == costs(known).sum()
    assert not answers(known)
    assert list(answering(known, {3: GATES}, PRICE)) == []


def test_other_gates_are_fitted_those_first_that_are_foreseen_to_cost_least() -> None:
    wrong = made()
    exchange(wrong, 3, Requires.of((0, 1)))
    fit(wrong, rounds=TO_THE_END)
    first, second = answering(wrong, {3: GATES}, PRICE, most=2)
    assert (first.gates[3], second.gates) == (Requires.of((2,)), TRUE)
    assert costs(second).sum() + 2 * PRICE < costs(first).sum() + PRICE - 10.0
    there = frozenset(TRUE.items())
    assert all(one.gates != TRUE for one in answering(wrong, {3: GATES}, PRICE, {there}))


def test_a_graph_with_two_wrong_gates_is_mended_by_one_after_the_other() -> None:
    wrong = made()
    exchange(wrong, 2, Requires.of((1,)))
    exchange(wrong, 3, Requires.of((0, 1)))
    fit(wrong, rounds=TO_THE_END)
    best, *others = mended([wrong], ALLOWED, PRICE)
    assert best.gates == TRUE
    assert others == [wrong]


def test_a_graph_is_built_by_fits_where_no_mixture_is_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Refiner, "climb", lambda self, structure: structure)
    monkeypatch.setattr(answering_, "_MENDED", 1)
    wrong = made()
    exchange(wrong, 3, Requires.of((0, 1)))
    fit(wrong)
    refiner = Refiner(ALLOWED, PRICE, floor=np.inf)
    (found,) = build_by_fits(Refined(wrong, refiner, SOFT), NullMeter())
    assert found.structure.gates == TRUE
    assert found.form is SOFT
    late = Refiner(ALLOWED, PRICE, until=-np.inf)
    assert build_by_fits(Refined(wrong, late, SOFT), NullMeter()) == []


@pytest.mark.parametrize(("form", "told"), [(Form("hard", 0.9), 0), (SOFT, 1)], ids=str)
def test_none_is_built_by_fits_where_mixtures_tell_the_gates(form: Form, told: int) -> None:
    free = np.ones(P.shape, dtype=bool)
    free[:told] = False
    structure = made(form, free)
    assert build_by_fits(Refined(structure, Refiner(ALLOWED, PRICE), form), NullMeter()) == []
