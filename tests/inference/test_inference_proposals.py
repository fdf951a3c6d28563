"""Which gates of a skill are looked at, of one skill, of two and of more."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from domino_sim.inference.forms import Requires
from domino_sim.inference.proposals import ALL, Allowed, search_gates


def free(n: int, most: int, runs: int = 1) -> Allowed:
    """Anything may be."""
    return Allowed(
        np.ones((n, n, runs), dtype=bool), np.eye(n, dtype=bool), (frozenset(),) * n, most
    )


@pytest.mark.parametrize("either", [False, True])
@pytest.mark.parametrize("best", [*combinations(range(1, 6), 2), (1,), (1, 3, 5)])
def test_the_search_finds_a_gate_that_is_better_by_each_of_its_parts(
    best: tuple[int, ...], either: bool
) -> None:
    target = Requires.of(best, either)

    def score(gates: list[Requires]) -> tuple[np.ndarray, np.ndarray]:
        off = [
            10.0 * len(set(gate.skills) ^ set(best)) + (gate.any != target.any) for gate in gates
        ]
        return np.array(off)[:, None], np.zeros((len(gates), 1))

    found = search_gates(0, range(1, 6), free(6, 4), score, 0.0)
    assert found.gates[0] == target
    assert list(found.score) == sorted(found.score)
    assert len(set(found.gates)) == len(found.gates)


def test_where_no_run_bears_any_gate_none_of_several_skills_is_scored() -> None:
    """Under hard gates each run costs what one of the skills costs there, alone."""
    rng = np.random.default_rng(3)
    when, cost = rng.random((6, 4)), rng.uniform(5.0, 9.0, (6, 4))

    def score(gates: list[Requires]) -> tuple[np.ndarray, np.ndarray]:
        found = []
        for gate in gates:
            some = list(gate.skills) or [0]
            at = when[some].argmin(axis=0) if gate.any else when[some].argmax(axis=0)
            found.append(np.array(some)[at])
        opens = np.array(found)
        return cost[opens, np.arange(4)], when[opens, np.arange(4)]

    everything = search_gates(0, range(1, 6), free(6, 4), score, 0.0)
    bound = cost.min(axis=0).sum()
    assert everything.score[0] >= bound
    below = search_gates(0, range(1, 6), free(6, 4), score, 0.0, hopeless=bound + 1e-9)
    assert below.gates == everything.gates
    above = search_gates(0, range(1, 6), free(6, 4), score, 0.0, hopeless=bound - 1e-9)
    assert len(above.gates) == 6 and {len(gate.skills) for gate in above.gates} == {0, 1}


@pytest.mark.parametrize("seed", range(3))
def test_of_many_skills_the_pair_is_found_that_costs_least_by_which_opens_each_run(
    seed: int,
) -> None:
    """Each skill alone is bad in most runs, so that none shows that it is one of the pair."""
    rng, n = np.random.default_rng(seed), 3 * ALL
    when, cost = rng.random((n, 4)), rng.uniform(0.0, 100.0, (n, 4))

    def score(gates: list[Requires]) -> tuple[np.ndarray, np.ndarray]:
        found = []
        for gate in gates:
            some = np.array(gate.skills or [0])
            at = when[some].argmin(axis=0) if gate.any else when[some].argmax(axis=0)
            found.append(some[at])
        opens = np.array(found)
        return cost[opens, np.arange(4)], when[opens, np.arange(4)]

    every = [Requires.of(pair, any) for pair in combinations(range(1, n), 2)
             for any in (False, True)]  # fmt: skip
    found = search_gates(0, range(1, n), free(n, 2, runs=4), score, 0.0)
    assert found.score[0] == pytest.approx(score(every)[0].sum(axis=1).min())


def test_only_gates_that_are_permitted_are_found() -> None:
    """One alone, which opens no gate in one of two runs, may still be one of those of which any."""
    allowed = free(5, 3, runs=2)
    allowed.ready[1, 0, 0] = False
    allowed.forbidden[2, 0] = True

    def score(gates: list[Requires]) -> tuple[np.ndarray, np.ndarray]:
        off = [5.0 - 4.0 * (1 in gate.skills) + len(gate.skills) for gate in gates]
        return np.array(off)[:, None] + np.zeros(2), np.zeros((len(gates), 2))

    found = search_gates(0, range(1, 5), allowed, score, 0.0)
    assert found.gates[0] in (Requires.of((1, 3), True), Requires.of((1, 4), True))
    assert all(allowed.permits(0, gate) for gate in found.gates)


@pytest.mark.parametrize("many", [False, True])
def test_a_wide_search_looks_at_more_gates_of_many_skills_only(many: bool) -> None:
    n = 2 + ALL if many else 1 + ALL

    def score(gates: list[Requires]) -> tuple[np.ndarray, np.ndarray]:
        each = [np.random.default_rng([*one.skills, one.any]).random((2, 2)) for one in gates]
        return np.array(each)[:, 0], np.array(each)[:, 1]

    narrow, wide = (
        len(search_gates(0, range(1, n), free(n, 4), score, 0.0, wide=wide).gates)
        for wide in (False, True)
    )
    assert (narrow < wide) is many
