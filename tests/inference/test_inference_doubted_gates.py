"""Gates that were nearly as good: followed to what depends on them, and judged on all records."""

from __future__ import annotations

import numpy as np
import pytest
from structured import fitted

from domino_sim.inference.confirming import confirm
from domino_sim.inference.forms import OPEN, Courses, Form, Requires
from domino_sim.inference.proposals import Allowed
from domino_sim.inference.reconsidering import neighbours, reconsidered
from domino_sim.inference.records import make_nodes
from domino_sim.inference.refinement import Refiner
from domino_sim.inference.response import Response
from domino_sim.inference.structure import Structure

#: Skill 2 needs 0 or 1: 1 is later, so that 2 is half learned before it counts, but goes further
#: than levels show afterwards; 3 needs 2 and tells. 4 needs nothing and fixes the clock.
P = np.array([[1.0, 0.3, 4.0, 4.0, 0.01], [1.0, 4.0, 2.0, 1.0, 0.02], [0.2, 4.0, 3.0, 3.0, 0.01]])
TRUE = {0: OPEN, 1: OPEN, 2: Requires.of((0, 1), True), 3: Requires.of((2,)), 4: OPEN}
PRICE = 5.0
FREE = Allowed(np.ones((5, 5, 3), dtype=bool), np.eye(5, dtype=bool), (frozenset(),) * 5, 4)


def structure_of(gates: dict[int, Requires], *, count: int = 150) -> Structure:
    """Curves of the true graph, under `gates`."""
    return fitted(gates, TRUE, Courses(Form("soft", 1e-2), P), last=150.0, count=count)


def test_neighbours_differ_by_one_skill_or_by_the_operator() -> None:
    gate = Requires.of((1, 2))
    found = neighbours(gate, range(4))
    assert len(set(found)) == len(found)
    for other in found:
        apart = set(other.skills) ^ {1, 2}
        replaced = len(other.skills) == 2 and len(apart) == 2
        assert len(apart) == 1 or replaced or other == Requires.of((1, 2), True)
    assert {Requires.of(one) for one in [(1,), (2,), (0, 1, 2), (1, 3)]} <= set(found)
    assert set(neighbours(OPEN, (2, 3))) == {Requires.of((2,)), Requires.of((3,))}


@pytest.mark.parametrize("wrong", [(0,), (1,)])
def test_an_earlier_gate_is_looked_at_again(wrong: tuple[int, ...]) -> None:
    found = reconsidered(structure_of(TRUE | {2: Requires.of(wrong)}), FREE, PRICE, {})
    assert found.gates == TRUE
    assert found.error / found.records.values < 1.1


def test_what_is_right_is_not_changed() -> None:
    there = structure_of(TRUE)
    assert reconsidered(there, FREE, PRICE, {}) is there


def test_what_depends_on_a_skill_follows_its_gate() -> None:
    there = structure_of(TRUE)
    gate = Requires.of((0,))
    other = there.copy()
    other.change(2, gate)
    sums = [
        np.stack([(z * z).sum(0), (z * g).sum(0), (g * g).sum(0)])
        for z, g in (one.residuals(there.tau) for one in (there, other))
    ]
    np.testing.assert_allclose(Response(there).followed(2, gate), sums[1] - sums[0], atol=1e-6)


def test_gates_in_doubt_get_the_cost_that_they_have_on_all_records() -> None:
    records = structure_of(TRUE, count=400).records
    refiner = Refiner(FREE, PRICE, floor=1e9)
    nodes = structure_of(TRUE, count=400).on(make_nodes(records, 50))
    found = refiner.climb(nodes)
    assert found.gates == TRUE
    rival = Requires.of((0, 4), True)
    refiner.scored[2].put(rival, refiner.scored[2].score_of(TRUE[2]) + 1.0)
    confirm(found, refiner, records)
    scored = refiner.scored[2]
    assert scored.gates[0] == TRUE[2]
    whole = found.on(records)
    other = whole.copy()
    other.change(2, rival)
    apart = other.polish(60) - whole.polish(60)
    assert scored.score_of(rival) - scored.score_of(TRUE[2]) == pytest.approx(apart, rel=0.1)
