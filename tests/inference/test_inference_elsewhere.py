"""Gates that speak against themselves in a few runs, whose clock may be what is wrong there."""

from __future__ import annotations

import time

import numpy as np
import pytest
from structured import SIGMA, fitted

from domino_sim.inference import refinement
from domino_sim.inference.elsewhere import applies, elsewhere
from domino_sim.inference.forms import OPEN, Courses, Form, Requires
from domino_sim.inference.pairing import Change
from domino_sim.inference.proposals import Allowed
from domino_sim.inference.records import Records
from domino_sim.inference.refinement import Refiner
from domino_sim.inference.residuals import Residuals, polished
from domino_sim.inference.seeking import sought, sought_with
from domino_sim.inference.structure import Structure

#: Skill 2 needs 1, and 3 needs 0 or 1. But for run 0 the first is learned before the second, so
#: that there "0 and 1" and "0" say the same. In run 0 it comes a little later.
TRUE = {0: OPEN, 1: OPEN, 2: Requires.of((1,)), 3: Requires.of((0, 1), True)}
WRONG = {2: Requires.of((0, 1)), 3: Requires.of((0,))}
P = np.array([[1.7, 2.0, 0.8, 1.0], [2.0, 0.9, 1.5, 0.6], [1.5, 1.0, 0.6, 0.9], [3, 0.8, 1, 0.7]])
PRICE = 5.0
FREE = Allowed(np.ones((4, 4, 4), dtype=bool), np.eye(4, dtype=bool), (frozenset(),) * 4, 4)


def structure_of(gates: dict[int, Requires], form: Form, p: np.ndarray = P) -> Structure:
    """Curves of the true graph, under `gates`."""
    return fitted(gates, TRUE, Courses(form, p), last=20.0 if form.kind == "hard" else 80.0)


HARD, SOFT = Form("hard", 0.99), Form("soft", 1e-2)


def test_two_gates_that_hold_the_clock_of_one_run_are_changed_together() -> None:
    wrong = structure_of(TRUE | WRONG, HARD)
    for skill in WRONG:
        alone = structure_of(TRUE | WRONG | {skill: TRUE[skill]}, HARD)
        assert alone.error > wrong.error + 100.0  # neither change is better on its own
    first = elsewhere(wrong, FREE, PRICE)[0]
    assert dict(first.gates) == {skill: TRUE[skill] for skill in WRONG}
    assert list(first.clock) == [0]
    # What they cost is what they do cost, up to what more steps of the clock gain.
    there = structure_of(TRUE, HARD)
    edges = there.edges - wrong.edges
    assert first.cost == pytest.approx(there.error - wrong.error + PRICE * edges, abs=3.0)
    np.testing.assert_allclose(
        there.residuals(there.tau)[0][:, 0],
        there.residuals(np.concatenate([first.clock[0][None], there.tau[1:]]))[0][:, 0],
        atol=0.5,
    )


def test_the_clocks_of_all_runs_that_speak_against_a_change_are_sought() -> None:
    # In two runs of five the second is learned a little before the first.
    p = np.concatenate([P, P[:1] * [1.0, 1.0, 1.5, 0.7]])
    changes = elsewhere(structure_of(TRUE, HARD, p=p), FREE, PRICE)
    later = next(one for one in changes if dict(one.gates).get(2) == Requires.of((0, 1)))
    assert sorted(later.clock) == [0, 4] and later.cost > 100.0


def test_it_ends_with_the_time_that_is_given() -> None:
    wrong = structure_of(TRUE | WRONG, HARD)
    assert elsewhere(wrong, FREE, PRICE, time.monotonic() - 1.0) == []


def test_a_climb_changes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = structure_of(TRUE | WRONG, HARD)
    assert Refiner(FREE, PRICE, floor=1e9).climb(wrong).gates == TRUE
    monkeypatch.setattr(refinement, "elsewhere", lambda *_: [])
    assert Refiner(FREE, PRICE, floor=1e9).climb(wrong).gates == TRUE | WRONG


def test_what_seems_near_is_judged_with_the_clocks_of_all_runs_sought(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wrong = structure_of(TRUE | WRONG, HARD)
    gates = tuple((skill, TRUE[skill]) for skill in WRONG)
    for cost, found in ((0.0, True), (50.0, False)):
        # The clock of this run stays where it is put: no small step leads out of it.
        change = Change(cost, gates, {1: np.full(wrong.tau.shape[1], 1e4)})
        monkeypatch.setattr(refinement, "elsewhere", lambda *_, change=change: [change])
        better = Refiner(FREE, PRICE, floor=1e9)._elsewhere(wrong)
        assert (better is not None and better.gates == TRUE) == found


def test_what_is_right_is_left_as_it_is() -> None:
    right = structure_of(TRUE, HARD)
    assert all(change.cost > 0.0 for change in elsewhere(right, FREE, PRICE))
    assert Refiner(FREE, PRICE, floor=1e9).climb(right).gates == TRUE


def test_no_gate_is_proposed_that_is_not_permitted() -> None:
    forbidden = FREE.forbidden.copy()
    forbidden[1, 3] = True
    required = (frozenset(), frozenset(), frozenset({0}), frozenset())
    allowed = Allowed(FREE.ready, forbidden, required, 4)
    changes = elsewhere(structure_of(TRUE | WRONG, HARD), allowed, PRICE)
    assert changes
    for change in changes:
        assert all(allowed.permits(skill, gate) for skill, gate in change.gates)


def test_runs_are_not_judged_one_by_one_where_soft_gates_and_frequencies_are_fitted() -> None:
    def fitted(form: Form) -> Structure:
        courses = Courses(form, P, free=np.ones(P.shape, dtype=bool))
        return Structure(courses, Records(np.zeros((4, 1, 4)), np.ones((4, 1, 4))))

    assert applies(fitted(HARD)) and not applies(fitted(SOFT))
    assert applies(structure_of(TRUE, SOFT))


@pytest.mark.parametrize("form", [HARD, SOFT], ids=str)
def test_clocks_of_many_changes_are_those_that_are_sought_one_by_one(form: Form) -> None:
    here = structure_of(TRUE | WRONG, form)
    run = np.array([0])
    courses, records = here.courses.of_runs(run), here.records
    tracks = {i: track[run] for i, track in here.tracks.items()}
    changed = []
    for gates in ({}, {2: TRUE[2]}, {2: TRUE[2], 3: TRUE[3]}):
        other = here.copy()
        for skill, gate in gates.items():
            other.change(skill, gate)
        changed.append({i: other.tracks[i][run] for i in gates})
    found = sought_with(courses, tracks, changed, records.level[run], records.weight[run])
    assert found.tau.shape == (3, 150) and (np.diff(found.tau, axis=1) >= 0.0).all()
    for new, tau, error in zip(changed, found.tau, found.error, strict=True):
        model = tracks | new
        skills, stacked = list(model), np.stack(list(model.values()))
        level, _ = courses.levels(skills, stacked, tau[None], courses.place(tau[None]))
        miss = np.moveaxis(level, 0, -1) - records.level[run][..., skills]
        assert error == pytest.approx(float(np.square(miss / SIGMA).sum()), rel=1e-6)
        # From the best of another grid, that of these tracks alone, steps lead to the same.
        part = Records(records.level[run], records.weight[run])
        residuals = Residuals(courses, part, model)
        alone = sought(courses, model, part.level, part.weight)
        both = [polished(residuals, at, 30, 1e-3).error for at in (tau[None], alone.tau)]
        assert float(both[0][0]) == pytest.approx(float(both[1][0]), abs=1.0)
