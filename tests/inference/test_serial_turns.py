"""What curves of a serial pool show alone, and in which order skills were served."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from inferred import simulated
from served import lines

from domino_sim.curves import make_curves
from domino_sim.inference.forms import OPEN, Requires
from domino_sim.inference.networks.hypotheses import Rules
from domino_sim.inference.records import Records
from domino_sim.inference.serial import infer_serial
from domino_sim.inference.serial.lines import Lines
from domino_sim.inference.serial.orders import _exchange, read_orders
from domino_sim.inference.serial.turns import read_turns
from domino_sim.inference.study import make_study


def _study(orders, start, *, noise, last=450, cut=0):
    """Return curves of runs that serve in these orders from `start`, without the first `cut`."""
    steps, level = lines(orders, start, last, noise=noise)
    level = level[:, steps >= cut]
    p = np.full((len(orders), 4), 0.25)
    return make_study(make_curves(runs=[f"r{k}" for k in range(len(orders))],
                                  steps=steps[steps >= cut], skills="abcd", level=level,
                                  frequency=p), None)  # fmt: skip


def test_all_records_tell_where_a_skill_starts():
    # At a noise of 0.1 one record tells 0.9 and 1 hardly apart; sixty do.
    start = np.array([[0.3, 0.0, 0.9, 0.0], [0.0, 0.9, 0.0, 0.0]])
    study = _study([(1, 0, 3, 2), (0, 3, 1, 2)], start, noise=0.1, last=700)
    turns = read_turns(study)
    assert turns.served.all()
    assert not turns.mastered.any() and not turns.doubtful.any()
    services, found = read_orders(study, turns)
    assert [one.order for one in services] == [(1, 0, 3, 2), (0, 3, 1, 2)]
    np.testing.assert_allclose(found.start, start, atol=0.06)
    assert (found.start[start == 0.0] == 0.0).all()
    # The first in turn does not wait: its first record tells, as well as it can.
    start = np.array([[0.0, 0.6, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    study = _study([(1, 0, 3, 2), (0, 3, 1, 2)], start, noise=0.02)
    _, found = read_orders(study, read_turns(study))
    np.testing.assert_allclose(found.start, start, atol=0.06)


def test_what_is_mastered_from_the_start_is_told_from_what_may_not_be():
    orders, start = [(1, 3, 0, 2), (1, 2, 0, 3), (0, 1, 2, 3)], np.zeros((3, 4))
    start[:2, 0] = 1.0
    sure = read_turns(_study(orders, start, noise=0.02))
    assert sure.mastered[:2, 0].all() and sure.mastered.sum() == 2
    assert not sure.doubtful.any()
    # 0.96 is served after half of the run: at this noise that is hardly seen.
    start[:2, 0] = 0.96
    unsure = read_turns(_study(orders, start, noise=0.1, last=300))
    assert unsure.doubtful[:2, 0].all() and unsure.doubtful.sum() == 2
    assert not unsure.mastered.any()


def test_what_is_mastered_before_the_first_record_was_served():
    orders = [(0, 1, 2, 3), (1, 0, 3, 2), (3, 2, 1, 0)]
    study = _study(orders, np.zeros(4), noise=0.01, cut=230)
    services, found = read_orders(study, read_turns(study))
    assert [(set(one.groups[0]), one.groups[1:]) for one in services] == [
        (set(order[:2]), tuple((i,) for i in order[2:])) for order in orders
    ]
    assert (found.start == 0.0).all()


def test_what_a_run_does_not_train_was_not_served_before_its_first_record():
    # b is mastered in all runs, and rises a little where it is not trained.
    steps, level = lines([(0, 2, 3)] * 3, np.array([0.0, 1.0, 0.0, 0.0]), 350, noise=0.01)
    level[2, :, 1] = 0.02 + 0.05 * (steps > 200)
    p = np.array([[0.4, 0.3, 0.2, 0.1], [0.4, 0.0, 0.2, 0.1], [0.4, 0.0, 0.2, 0.1]])
    turns = read_turns(SimpleNamespace(
        records=Records(level[:, 30:], np.full(level[:, 30:].shape, 1e4)), frequency=p, free=None,
        follows=None, growths=("mse",), sigma=0.01, steps=[steps[30:]] * 3,
    ))  # fmt: skip
    assert turns.served[:, 1].tolist() == [True, False, False]
    assert turns.mastered[:, 1].tolist() == [False, True, False]
    assert turns.level[2, 1] == pytest.approx(0.05, abs=0.02)


def test_what_is_mastered_in_a_piece_of_a_run_is_in_the_next():
    # Four records are left after the change: alone they do not tell.
    steps, level = lines([(0, 1, 2, 3)] * 2, np.zeros(4), 260, noise=0.05)
    level[0, steps >= 240, 1] = np.nan
    p = dict(zip("abcd", (0.4, 0.3, 0.2, 0.1), strict=True))
    curves = make_curves(runs="12", steps=steps, skills="abcd", level=level,
                         frequency=[[0.4, 0.3, 0.2, 0.1]] * 2)  # fmt: skip
    turns = read_turns(make_study(curves, {"1": {0: p, 240: p | {"d": 0.2}}, "2": p}))
    # The last one served may have been left where it was; d never moves and is left out.
    assert turns.mastered[1].tolist() == [True, True, False]
    assert not turns.doubtful[1, :2].any()
    assert (turns.level[1, :2] == 1.0).all()  # as noise has it, or no record tells


@pytest.mark.parametrize(("noise", "points"), [(0.01, 12), (0.1, 6)])
def test_what_is_said_of_skills_without_a_rise_is_seldom_wrong(noise, points):
    """They are mastered from the start, wait at any level, or are served: each a third of all."""
    rng, shape = np.random.default_rng(0), (400, 3)
    start, kind = rng.random(shape)[:, None], rng.integers(3, size=shape)[:, None]
    served = (kind == 2) & (np.arange(points)[:, None] >= rng.integers(1, points, shape)[:, None])
    level = np.where((kind == 0) | served, 1.0, start)
    level = level + noise * rng.normal(size=level.shape)
    turns = read_turns(SimpleNamespace(
        records=Records(level, np.full(level.shape, noise**-2)), frequency=np.ones(shape),
        free=None, follows=None, growths=("mse",), sigma=noise, steps=np.zeros((400, 1)),
    ))  # fmt: skip
    waits = ~(turns.mastered | turns.served | turns.doubtful)
    for said, true in ((turns.mastered, 0), (waits, 1), (turns.served, 2)):
        assert ((kind[:, 0] != true) & said).sum() <= 0.05 * said.sum()
        assert said.sum() > 300 or noise > 0.05  # of so few records nothing is sure


def test_a_skill_that_a_run_does_not_train_may_have_been_learned_before():
    """Run 3 begins with a: mastered, so that b and c are served, or not, so that they wait."""
    p = [[0.1, 0.3, 0.2, 0.4], [0.2, 0.5, 0.1, 0.2], [0.0, 0.4, 0.3, 0.1], [0.3, 0.2, 0.4, 0.1]]
    for begun in (1.0, 0.6):
        curves = simulated(
            {"a": "", "b": "a", "c": "b", "d": ""}, p, steps=[np.arange(0, 2600, 20)] * 4,
            law="domino", starts={(2, "a"): begun},
        )  # fmt: skip
        study = make_study(curves, None)
        turns = read_turns(study)
        assert turns.mastered[:, 0].tolist() == [False, False, begun == 1.0, False]
        assert turns.served[2].tolist() == [False, begun == 1.0, begun == 1.0, True]
        np.testing.assert_allclose(turns.level[2, 0], begun, atol=0.01)
        assert (turns.level[2, 1:3] == 0.0).all() or begun == 1.0  # not as noise has it
        grown = infer_serial(study, Rules.of(4, None, None, 3), 6.0)
        assert grown is not None and grown.misfit < 1.1
        assert grown.graph == (OPEN, Requires.of([0]), Requires.of([1]), OPEN)


@pytest.mark.parametrize("noise", [0.01, 0.1])
def test_neighbours_are_exchanged_until_an_order_fits(noise):
    study = _study([(0, 1, 2, 3)] * 2, np.zeros(4), noise=noise)
    orders = [(3, 1, 0, 2), (0, 2, 1, 3)]
    assert _exchange(Lines(study.records, np.zeros((2, 4))), orders, np.inf) is not None
    assert orders == [(0, 1, 2, 3)] * 2


def test_a_skill_with_little_left_may_have_come_several_places_sooner():
    # c starts at 0.94, and there are no records of it between a and d: after which it was is open.
    steps, level = lines([(0, 1, 3, 2)], np.array([0.0, 0.0, 0.94, 0.0]), 450, noise=0.01)
    level[0, (steps > 90) & (steps < 310), 2] = np.nan
    curves = make_curves(runs=["one"], steps=steps, skills="abcd", level=level,
                         frequency=[[0.25] * 4])  # fmt: skip
    study = make_study(curves, None)
    services, _ = read_orders(study, read_turns(study))
    assert {frozenset(group) for group in services[0].groups} == {
        frozenset({0}), frozenset({1, 2, 3})
    }  # fmt: skip


def test_a_skill_with_little_left_may_have_come_before_many_others():
    # As above, with two skills more between: it is read two places away from either end.
    start = np.array([0.0, 0.0, 0.94, 0.0, 0.0, 0.0])
    steps, level = lines([(0, 1, 3, 4, 5, 2)], start, 650, noise=0.01)
    level[0, (steps > 90) & (steps < 510), 2] = np.nan
    curves = make_curves(runs=["one"], steps=steps, skills="abcdef", level=level,
                         frequency=[[0.2] * 6])  # fmt: skip
    study = make_study(curves, None)
    services, _ = read_orders(study, read_turns(study))
    assert {frozenset(group) for group in services[0].groups} == {
        frozenset({0}), frozenset({1, 2, 3, 4, 5})
    }  # fmt: skip


def test_orders_are_not_read_off_curves_that_lines_do_not_fit():
    study = _study([(0, 1, 2, 3)] * 2, np.zeros(4), noise=0.02)
    assert read_orders(study, read_turns(study)) is not None
    study.records.level[:] *= 0.97  # all that is learned is below 1 by more than its noise
    assert read_orders(study, read_turns(study)) is None


@pytest.mark.parametrize(("last", "stands_still"), [(304, False), (309, True)])
def test_a_run_stands_still_if_a_whole_skill_had_time(last, stands_still):
    # From 0.98 on what is left of b and a whole skill take 102 steps, some more as is told.
    steps, level = lines([(0, 1)], np.zeros(2), last, every=1, noise=0.002)
    assert (_still(steps, level) > 0.0) == stands_still


def test_a_rate_that_falls_within_a_service_is_no_closed_gate():
    # The second half of b takes ten times as long as the first; then the run goes on for 1.1 b.
    steps = np.arange(0, 571, 2)
    b = np.interp(steps, [100, 120, 320], [0.0, 0.5, 1.0])
    level = np.stack([np.clip(steps / 100.0, 0.0, 1.0), b], axis=-1)[None]
    assert _still(steps, level + 0.002 * np.random.default_rng(0).normal(size=level.shape)) == 0.0


def _still(steps, level):
    curves = make_curves(runs=["one"], steps=steps, skills="ab", level=level,
                         frequency=[[0.6, 0.4]])  # fmt: skip
    study = make_study(curves, None)
    services, _ = read_orders(study, read_turns(study))
    assert services[0].order == (0, 1)
    return services[0].still
