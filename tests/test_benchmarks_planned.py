"""Runs that are added to those of a perceptron, with strangers. Nothing is trained here."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.inference import network_planning
from benchmarks.inference.__main__ import main
from benchmarks.inference.network_planning import STRANGER, knock_outs, with_runs
from benchmarks.inference.scoring import score
from benchmarks.inference.worlds import make_world


@pytest.fixture
def first():
    """A simulated world in the place of a trained one: a ring has six skills."""
    world = make_world(skills=6, runs=4, points=60, seed=3)
    names = dict(zip(world.names, ["A", "B", "C", "AB", "BC", "AC"], strict=True))
    settings = {"graph": "ring", "optimizer": "adam", "seed": 3, "points": 60, "names": names}
    return replace(world, settings=settings)


def test_a_stranger_stands_in_for_each_skill_that_is_left_out(first, monkeypatch):
    asked = []

    def trained(tables, cache):
        asked.append(tables)
        rows = [list(row.values()) for row in tables["mixtures"].values()]
        return np.arange(0, 600, 10), np.repeat(np.array(rows)[:, None], 60, axis=1)

    monkeypatch.setattr(network_planning, "trained", trained)
    mixtures = np.full((2, 7), 0.2)
    mixtures[0, 1] = mixtures[1, 2] = mixtures[1, 4] = 0.0
    mixtures[1, 6] = 0.5
    world = with_runs(first, mixtures)
    one, two = asked[0]["mixtures"].values()
    assert (one["B"], one["not B"], one["not A"], two["not C"], two["not BC"]) == (
        0.0, 0.2, 0.0, 0.25, 0.25,
    )  # fmt: skip
    assert world.names[-1] == STRANGER and len(world.steps) == 6
    np.testing.assert_array_equal(world.frequencies[:4, -1], 0.0)
    np.testing.assert_allclose(world.frequencies[4:], mixtures)
    np.testing.assert_allclose(world.levels[5][:, -1], 0.25)
    # What the stranger is found to need, or to be needed by, counts for nothing.
    true = dict.fromkeys(first.identifiable, 0.9)
    assert score(world, true | {(STRANGER, first.names[0]): 0.9}).f1 == 1.0


def test_first_runs_planned_from_names_stand_alone_and_others_beside_them(first, monkeypatch):
    made = {}

    def trained(tables, cache):
        rows = np.array([list(row.values()) for row in tables["mixtures"].values()])
        made[len(made)] = rows
        return np.arange(0, 600, 10), np.repeat(rows[:, None], 60, axis=1)

    monkeypatch.setattr(network_planning, "trained", trained)
    world = network_planning._from_names(first, 5, None)
    assert len(world.steps) == world.curves.sizes["run"] == 5
    assert world.names == (*first.names, STRANGER)
    assert ((world.frequencies == 0.0).sum(axis=1) == 1).all()
    total = np.exp(np.log(first.frequencies.sum(axis=1)).mean())
    np.testing.assert_allclose(world.frequencies.sum(axis=1), total, rtol=1e-4)
    more = np.full((2, 7), 0.1)
    more[:, 3] = 0.0
    both = network_planning._beside(world, first, more, None)
    assert both.curves.sizes["run"] == 7
    np.testing.assert_allclose(both.frequencies, np.concatenate([world.frequencies, more]))
    np.testing.assert_array_equal(both.levels[4], world.levels[4])
    assert network_planning._beside(world, first, more[:0], None) is world


@pytest.mark.parametrize("stranger", [False, True])
def test_simple_knock_outs_leave_out_a_skill_each_and_are_even_otherwise(first, stranger):
    p = knock_outs(first, 6, stranger=stranger)
    assert ((p == 0.0).sum(axis=1) == 1).all() and ((p[:, :6] == 0.0).sum(axis=0) == 1).all()
    total = np.exp(np.log(first.frequencies.sum(axis=1)).mean())
    np.testing.assert_allclose(p.sum(axis=1), total)
    assert all(len(set(row[row > 0.0].tolist())) == 1 for row in p)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("--planned 3", "--planned needs --network"),
        ("--network ring --way planned", "--way needs --planned"),
        ("--network ring --from-names", "--from-names needs --planned"),
        ("--network ring --planned 1 --from-names --way planned", "--from-names needs --planned"),
        ("--network ring --planned 0", "--planned: is 0; expected 1 run at least"),
        ("--network geometry --planned 2", "not --network geometry"),
        ("--network ring --planned 2 --way planed", "'planned, strangers', 'knock-outs'"),
        ("--network ring --planned 2 --way planed", "did you mean 'planned'?"),
    ],
)
def test_what_goes_with_no_planned_runs_is_refused(arguments, said, monkeypatch, capsys):
    # Nothing is evaluated, if it is let through.
    for where in ("network_planning.evaluate_planned", "network_baselines.evaluate_networks"):
        monkeypatch.setattr(f"benchmarks.inference.{where}", lambda *args: [])
    monkeypatch.setattr("benchmarks.inference.__main__.evaluate", lambda *args: [])
    with pytest.raises(SystemExit):
        main(arguments.split())
    assert said in capsys.readouterr().err
