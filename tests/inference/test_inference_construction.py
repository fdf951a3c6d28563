"""When a construction is lost, when that is mended, and which of several goes on first."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from domino_sim.inference.building import Grown
from domino_sim.inference.construction import Construction
from domino_sim.inference.forms import Courses, Form
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
