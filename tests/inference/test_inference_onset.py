"""What gates of several skills cost is known beforehand, from what each does alone."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from domino_sim.inference.forms import OPEN, Courses, Form, Requires
from domino_sim.inference.onset import onset_of
from domino_sim.inference.proposals import _promise, _with_third
from domino_sim.inference.records import Records
from domino_sim.inference.structure import Structure

P = np.exp(np.random.default_rng(4).normal(size=(5, 6)))
SIGMA = 0.01


def structure_of(form: Form, gate: Requires) -> Structure:
    """Five skills without prerequisites are in; curves are of all six, the last with `gate`."""
    courses = Courses(form, P)
    tracks = {i: courses.track(i, courses.open_time([OPEN], {})[0]) for i in range(5)}
    last = courses.track(5, courses.open_time([gate], tracks)[0])
    tau = np.stack([np.geomspace(0.02, 400.0, 160) / p.min() ** 0.5 for p in P])
    stacked = np.stack([*tracks.values(), last])
    level = np.moveaxis(courses.levels(list(range(6)), stacked, tau, courses.place(tau))[0], 0, -1)
    found = Structure(courses, Records(level, np.full(level.shape, 1.0 / SIGMA**2)))
    for i, track in tracks.items():
        found.add(i, OPEN, track)
    found.tau = tau
    return found


@pytest.mark.parametrize("gate", [(1, 4), (0, 2, 3)])
@pytest.mark.parametrize("exponent", [1e-3, 0.1])
def test_the_gate_that_opened_a_soft_gate_stands_out_among_all(
    gate: tuple[int, ...], exponent: float
) -> None:
    there = structure_of(Form("soft", exponent), Requires.of(gate))
    others = list(range(5))
    onset = onset_of(there, 5, others, there.tau, np.ones(there.tau.shape, dtype=bool))
    assert onset.known
    if len(gate) == 2:
        cost = onset.pairs()
        np.testing.assert_allclose(cost, cost.T)
        scores = {pair: cost[pair] for pair in combinations(others, 2)}
    else:
        pairs = np.array(list(combinations(others, 2)))
        cost = onset.triples(pairs)
        scores = {
            tuple(sorted((*pair, k))): cost[row, k]
            for row, pair in enumerate(pairs.tolist()) for k in others if k not in pair
        }  # fmt: skip
    first, second = sorted(scores, key=scores.__getitem__)[:2]
    assert first == gate
    assert scores[second] > 20.0 * scores[first]


def test_work_up_to_an_onset_is_that_of_the_course() -> None:
    there = structure_of(Form("soft", 0.05), Requires.of((1, 4)))
    everywhere = np.ones(there.tau.shape, dtype=bool)
    onset = onset_of(there, 5, [1, 4], there.tau, everywhere)
    # Half of the way needs log 2 of work, and both together have done it by the onset.
    told = onset.sharp > 0.0
    np.testing.assert_array_equal(told.reshape(-1, 2), [[True, False]] * len(P))
    np.testing.assert_allclose(onset.least[told], np.log(2.0) / P[:, 5])
    np.testing.assert_allclose(onset.most[told], onset.least[told])
    done = np.einsum("rm,rm,rm->r", *onset.open, onset.width)
    np.testing.assert_allclose(done[told], onset.least[told], rtol=0.02)


def test_no_onset_is_told_where_the_clock_is_not_known() -> None:
    there = structure_of(Form("soft", 0.05), Requires.of((1, 4)))
    nowhere = np.zeros(there.tau.shape, dtype=bool)
    assert not onset_of(there, 5, [1, 4], there.tau, nowhere).known


@pytest.mark.parametrize("any", [False, True])
@pytest.mark.parametrize("size", [2, 3])
def test_under_hard_gates_what_several_cost_follows_exactly(size: int, any: bool) -> None:
    there = structure_of(Form("hard", 0.9), Requires.of((1, 4)))
    courses, tau = there.courses, there.tau

    def errors(gates: list[Requires]) -> tuple[np.ndarray, np.ndarray]:
        tracks = courses.track(5, courses.open_time(gates, there.tracks))
        level, _ = courses.levels(5, tracks, tau, courses.place(tau))
        miss = level - there.records.level[..., 5]
        return np.square(miss).sum(axis=2), courses.opening(tracks)

    alone = errors([Requires.of((j,)) for j in range(5)])
    sets = np.array(list(combinations(range(5), size)))
    promised, counts = _promise(sets, *alone, any=any)
    exact = errors([Requires.of(one, any) for one in sets.tolist()])[0].sum(axis=1)
    np.testing.assert_allclose(promised, exact)
    # A set counts if each of its skills opens the gate in some run.
    opening = alone[1]
    for one, said in zip(sets.tolist(), counts.tolist(), strict=True):
        choose = np.argmin if any else np.argmax
        assert said == (len(set(choose(opening[one], axis=0).tolist())) == size)


def test_thirds_make_every_set_once() -> None:
    pairs = np.array(list(combinations(range(6), 2)))
    assert sorted(map(tuple, _with_third(pairs, 6).tolist())) == list(combinations(range(6), 3))


def test_what_leaks_through_gates_counts_as_work_before_an_onset() -> None:
    there = structure_of(Form("soft", 0.05, "mse", 0.2), Requires.of((1, 4)))
    everywhere = np.ones(there.tau.shape, dtype=bool)
    cost = onset_of(there, 5, list(range(5)), there.tau, everywhere).pairs()
    order = np.argsort([cost[pair] for pair in combinations(range(5), 2)])
    assert list(combinations(range(5), 2))[order[0]] == (1, 4)
    assert cost[1, 4] < 1e-2 * np.sort(cost, axis=None)[2]
