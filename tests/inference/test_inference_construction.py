"""When a construction is lost, when that is mended, and which of several goes on first."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from structured import fitted

from domino_sim.inference.building import Grown
from domino_sim.inference.construction import Construction
from domino_sim.inference.forms import OPEN, Courses, Form, Requires
from domino_sim.inference.proposals import Allowed
from domino_sim.inference.records import Records
from domino_sim.inference.structure import Structure

RUNS, NODES, SKILLS = 4, 100, 20
SIZE = RUNS * NODES
USUAL = 0.95 * SIZE


class Told:
    """A construction that is told what each skill adds (χ²)."""

    def __init__(self) -> None:
        shape = RUNS, NODES, SKILLS
        courses = Courses(Form("hard", 0.99), np.ones((RUNS, SKILLS)))
        ready = np.ones((SKILLS, SKILLS, RUNS), dtype=bool)
        allowed = Allowed(ready, np.zeros((SKILLS, SKILLS), bool), (frozenset(),) * SKILLS, 4)
        start = Structure(courses, Records(np.zeros(shape), np.ones(shape)))
        self.way = Construction(start, allowed, 1.0)
        self.error, self.left = 0.0, list(self.way._order)

    def put(self, *added: float, unexplained: bool = False) -> Construction:
        """Put in a skill for each; where none was explained `step` says so beforehand."""
        for one in added:
            self.error += one
            skill = self.left.pop(0)
            gates = dict.fromkeys([*self.way.alive[0].gates, skill])
            after = SimpleNamespace(gates=gates, error=self.error, penalty=0.0)
            if unexplained:
                self.way._excess = max(self.way._excess, 1e-9)
            self.way._put(skill, [Grown(cast("Any", after), one, 0.0)])
        return self.way


def test_a_skill_that_is_not_explained_is_mended_by_the_next_or_the_way_is_astray() -> None:
    for then, mended in ((USUAL - 450.0, True), (USUAL, False)):
        told = Told()
        way = told.put(*[USUAL] * 10)
        assert (way.explained, way.lost, way.pace) == (10, False, 1.0)
        told.put(USUAL + 500.0, unexplained=True)
        assert way.lost and not way.astray
        assert way.misfit == pytest.approx(0.95 + 500.0 / (11 * SIZE))
        assert way.pace == 1.0  # it is as before: with the next an earlier gate may be mended
        told.put(then)
        assert (way.lost, way.astray) == (not mended, not mended)
        assert way.explained == (12 if mended else 10)
        assert way.pace == max(way.misfit, 1.0)


def test_of_few_skills_none_may_be_left_unexplained() -> None:
    told = Told()
    told.put(*[USUAL] * 9)
    way = told.put(USUAL + 500.0, unexplained=True)
    assert way.lost and way.astray
    assert way.pace == way.misfit > 1.0


def test_what_chance_adds_to_the_misfit_puts_no_form_behind_one_of_few_skills() -> None:
    far, near = Told(), Told()
    first = far.put(*[1.01 * SIZE] * 15)
    assert first.pace > near.put(SIZE).pace == 1.0
    assert first.rank == near.way.rank == 1.0
    assert far.put(3.0 * SIZE, 3.0 * SIZE).rank > 1.0


def test_what_was_not_explained_a_step_ago_is_tried_last_among_those_tested_alike() -> None:
    way = Told().way
    way._order = [3, 1, 4, 2]
    agreement = SimpleNamespace(tested=lambda skills: np.array([0.9, 0.95, 0.2, 1.0]))
    told = cast("Any", agreement)
    assert way._tested_first(told) == [3, 1, 2, 4]
    way._keep({3: [], 4: []}, 0)
    assert way._tested_first(told) == [1, 2, 3, 4]


@pytest.mark.parametrize("exponent", [1.0, 4.0])
def test_what_all_others_wait_for_is_put_in_first_where_no_gate_lets_it_go_so_far(
    exponent: float,
) -> None:
    """The others wait for the rarest, and so for its clock: in that they seem to wait for none."""
    p = np.random.default_rng(4).uniform(0.1, 0.3, (3, 6))
    p[:, 5] = 0.04
    courses = Courses(Form("soft", exponent), p)
    truth = {5: OPEN} | dict.fromkeys(range(5), Requires.of([5]))
    start = Structure(courses, fitted(truth, truth, courses, last=60.0).records)
    ready = np.ones((6, 6, 3), dtype=bool)
    way = Construction(start, Allowed(ready, ~ready[..., 0], (frozenset(),) * 6, 4), 5.6)
    while not (way.done or way.lost):
        way.step()
    assert way.lost and way.alive[0].gates == dict.fromkeys(range(6), OPEN)
    assert way.unled
    (first,) = way.leads()
    assert not way.unled and first.unled
    assert list(first.alive[0].gates) == [5]
    while not (first.done or first.lost):
        first.step()
    assert first.done and not first.lost and first.alive[0].gates == truth
    assert first.leads() == []  # nothing goes too far in the right graph


def test_the_same_graphs_under_another_form_are_another_way() -> None:
    one, other = Told(), Told()
    assert one.way.graphs == other.way.graphs
    courses = Courses(Form("hard", 0.95), np.ones((RUNS, SKILLS)))
    other.way.alive = [other.way.alive[0].under(courses)]
    assert one.way.graphs != other.way.graphs
