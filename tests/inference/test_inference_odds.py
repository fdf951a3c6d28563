"""How likely gates are, and the graph that is told of for it."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
from structured import fitted

from domino_sim.inference.confirming import likeliest_graph
from domino_sim.inference.evidence import weigh
from domino_sim.inference.forms import OPEN, Courses, Form, Requires
from domino_sim.inference.odds import FOUND, Odds
from domino_sim.inference.proposals import Allowed, Scored
from domino_sim.inference.records import make_nodes
from domino_sim.inference.refinement import Refiner

PRICE = 5.0
A, B, AB, AC = Requires.of((0,)), Requires.of((1,)), Requires.of((0, 1)), Requires.of((0, 2))


def scored_of(shares: dict[Requires, float]) -> Scored:
    """Gates with the scores that give them these shares where noise is all there is."""
    score = [2.0 * math.lgamma(len(g.skills) + 1.0) - 2.0 * math.log(p) for g, p in shares.items()]
    return Scored(list(shares), np.array(score))


def test_a_bad_fit_makes_no_prerequisite_cheaper() -> None:
    """A gain of 40 in χ², of which a model that errs tenfold explains 4: less than the price."""
    scored = Scored([A, OPEN], np.array([60.0 + PRICE, 100.0]))
    assert Odds(1.0, PRICE).prerequisites(3, scored)[0] > 0.999
    assert Odds(10.0, PRICE).prerequisites(3, scored)[0] == pytest.approx(
        1.0 / (1.0 + math.exp(0.5 * (PRICE - 4.0)))
    )
    # Nothing gained is worth as little, however bad the fit is.
    idle = Scored([OPEN, A], np.array([100.0, 100.0 + PRICE]))
    odds = [Odds(scale, PRICE).prerequisites(3, idle)[0] for scale in (1.0, 50.0)]
    assert odds[0] == pytest.approx(odds[1]) and odds[0] < 0.1


def test_graphs_apart_count_by_what_their_changes_do_not_weigh_alone() -> None:
    """4 and 5 may each be without a gate; together that costs less than the sum, or just that."""
    gates = {0: OPEN, 1: OPEN, 2: OPEN, 3: OPEN, 4: A, 5: B}
    structure = SimpleNamespace(gates=gates)
    scored = {i: Scored([gates[i], OPEN], np.array([PRICE, 4.0 + PRICE])) for i in (4, 5)}

    def odds_of(excess: float) -> Odds:
        visited = {
            frozenset((gates | changed).items()): 2.0 * PRICE + more
            for changed, more in (({4: OPEN}, 4.0), ({4: OPEN, 5: OPEN}, excess))
        }
        return Odds.beside(structure, 2.0 * PRICE, visited, scored, 1.0, PRICE)  # type: ignore[arg-type]

    apart = odds_of(8.0)
    assert not apart.joint
    alone = 1.0 / (1.0 + math.exp(-2.0))
    assert apart.prerequisites(4, scored[4])[0] == pytest.approx(alone)
    ((changes, weight),) = odds_of(1.0).joint
    assert changes == {4: OPEN, 5: OPEN}
    assert weight == pytest.approx(math.exp(-0.5) - math.exp(-4.0))
    found = odds_of(1.0).prerequisites(4, scored[4])[0]
    assert found == pytest.approx(1.0 / (1.0 + math.exp(-2.0) + weight))
    # Those of the other skills are what they were.
    third = Scored([B, OPEN], np.array([PRICE, 4.0 + PRICE]))
    assert odds_of(1.0).prerequisites(2, third)[1] == pytest.approx(alone)


@pytest.mark.parametrize(
    ("shares", "told"),
    [
        ({B: 0.4, AB: 0.3, A: 0.3}, AB),  # both are found, though the likeliest lacks one
        ({A: 0.4, B: 0.35, OPEN: 0.25}, A),  # none is
        ({AC: 0.3, AB: 0.25, B: 0.45}, AB),  # both again
    ],
)
def test_the_gate_that_is_told_asks_for_all_that_is_found(
    shares: dict[Requires, float], told: Requires
) -> None:
    odds, scored = Odds(1.0, PRICE), scored_of(shares)
    each = odds.prerequisites(3, scored)
    assert odds.likeliest(3, scored) == told
    assert {j for j, p in each.items() if p >= FOUND} <= set(told.skills)


#: Skill 2 needs 0 and 1, the one later in one run, the other in the other; 3 fixes the clock.
P = np.array([[1.0, 0.2, 1.0, 0.05], [0.2, 1.0, 1.0, 0.05]])
TRUE = {0: OPEN, 1: OPEN, 2: AB, 3: OPEN}
FREE = Allowed(np.ones((4, 4, 2), dtype=bool), np.eye(4, dtype=bool), (frozenset(),) * 4, 4)


def test_the_graph_that_is_told_is_the_likeliest_on_all_records() -> None:
    records = fitted(TRUE, TRUE, Courses(Form("hard", 0.95), P), last=80.0, count=300).records
    nodes = fitted(TRUE, TRUE, Courses(Form("hard", 0.95), P), last=80.0, count=300).on(
        make_nodes(records, 50)
    )
    refiner = Refiner(FREE, PRICE, floor=1e9)
    best = refiner.climb(nodes)
    assert best.gates == TRUE
    odds = Odds(1.0, PRICE)
    assert likeliest_graph(best, refiner, odds, records) is best
    # What was in doubt on nodes turned out otherwise: the graph follows, its fit and gains too.
    wrong = best.copy()
    wrong.change(2, A)
    wrong.polish(12)
    right = likeliest_graph(wrong, refiner, odds, records)
    assert right.gates == TRUE and right.error == pytest.approx(best.error, abs=1.0)
    for edge in weigh(right, refiner.scored, odds, FREE):
        if edge.status == "found":
            assert edge.prerequisite in right.gates[edge.dependent].skills and edge.gain > 9.0
            # The clock answers to what is gained.
            other = right.copy()
            left = [j for j in right.gates[edge.dependent].skills if j != edge.prerequisite]
            other.change(edge.dependent, Requires.of(left))
            assert edge.gain == pytest.approx(other.polish(10) - right.error, abs=0.5)
    # What only seems likelier is judged whole first, and has the score that it deserves then.
    refiner.scored[2].put(A, refiner.scored[2].score_of(AB) - 20.0)
    assert likeliest_graph(best, refiner, odds, records) is best
    assert refiner.scored[2].score_of(A) > refiner.scored[2].score_of(AB) + 100.0
