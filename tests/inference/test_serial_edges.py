"""Edges of serial pools: how sure, why not decided, and against gates in a clock."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from inferred import simulated
from served import lines

from domino_sim.curves import make_curves
from domino_sim.inference.evidence import IMPLIED, OTHERS, SUREST
from domino_sim.inference.forms import OPEN, Courses, Form, Requires
from domino_sim.inference.networks.edges import TURNED, Weighed, list_edges
from domino_sim.inference.networks.hypotheses import Rules
from domino_sim.inference.records import make_nodes
from domino_sim.inference.result import make_grown_inference
from domino_sim.inference.serial import infer_serial
from domino_sim.inference.serial.contest import apart, leaves_noise
from domino_sim.inference.serial.gates import weigh_gates
from domino_sim.inference.serial.shown import Evidence
from domino_sim.inference.structure import Structure
from domino_sim.inference.study import make_study

PRICE = 6.0


def _grown(requires, mixtures, *, rules=None, last=2600, **more):
    steps = [np.arange(0, last, 20)] * len(mixtures)
    curves = simulated(requires, mixtures, steps=steps, law="domino", **more)
    study = make_study(curves, None)
    rules = rules or Rules.of(len(requires), None, None, 3)
    grown = infer_serial(study, rules, PRICE)
    edges = {} if grown is None else {(e.prerequisite, e.dependent): e for e in grown.edges}
    return study, grown, edges


def test_why_edges_are_not_decided():
    _, _, edges = _grown({"a": "", "b": "a", "c": "b", "d": ""}, [
        [0.1, 0.2, 0.3, 0.4], [0.4, 0.1, 0.2, 0.3], [0.2, 0.4, 0.1, 0.3], [0.1, 0.2, 0.4, 0.3],
    ])  # fmt: skip
    assert edges[0, 1].status == edges[1, 2].status == "found"
    assert (edges[0, 2].status, edges[0, 2].reason) == ("undetermined", IMPLIED)
    assert edges[0, 2].gain == 0.0
    # x is served before c, then a and b, which are more frequent: c may wait for any of the three.
    _, _, edges = _grown({"a": "x", "b": "x", "c": "b", "x": ""}, [[0.5, 0.4, 0.3, 0.1]] * 2)
    assert OTHERS in {edges[j, 2].reason for j in (0, 1, 3)}
    assert max(edges[j, 2].probability for j in (0, 1, 3)) < 0.5


def test_an_edge_that_could_be_the_other_way_round():
    # Neither c nor d ever begins, each is passed over: c for want of d, or d for want of c.
    frequency = {"a": "", "b": "", "c": "d and e", "d": "e", "e": ""}
    _, grown, edges = _grown(frequency, [[0.3, 0.1, 0.4, 0.5, 0.0], [0.1, 0.3, 0.4, 0.5, 0.9]])
    wished = [(j, i) for j, i in edges if i in grown.graph[j].skills]
    assert all(edges[one].reason == TURNED for one in wished)


def test_no_graph_is_returned_that_leaves_more_than_noise():
    requires, mixtures = {"a": "", "b": "a", "c": ""}, [[0.2, 0.5, 0.3], [0.1, 0.3, 0.6]]
    nothing = Rules.of(3, np.ones((3, 3), dtype=bool), None, 3)
    assert _grown(requires, mixtures)[1] is not None
    assert _grown(requires, mixtures, rules=nothing)[1] is None


def test_gates_of_any_are_found_among_many_skills():
    """Of 60 skills not all gates of three are looked at, but those that no run speaks against."""
    rng = np.random.default_rng(0)
    rules = Rules.of(60, None, None, 3)
    for kind, open_at, part in ((False, np.all, 0.7), (True, np.any, 0.2)):
        surely = rng.random((60, 60)) < part
        is_open = open_at(surely[:, [5, 17, 40]], axis=1)
        gates = weigh_gates(0, Evidence(is_open, ~is_open, surely, surely), rules, PRICE)
        assert gates.best().gate == ((5, 17, 40), kind)


def test_what_is_left_out_may_be_what_others_wait_for():
    steps = np.arange(0, 600, 5)
    level = np.clip(steps[:, None] / 100.0 - np.arange(4), 0.0, 1.0)
    level[:, 3] = steps / 150_000.0  # hardly moves
    noisy = np.repeat(level[None], 2, axis=0) + 0.002 * np.random.default_rng(0).normal(
        size=(2, len(steps), 4)
    )
    p = np.array([[0.3, 0.2, 0.1, 0.4]] * 2)
    curves = make_curves(runs="12", steps=steps, skills="abcd", level=noisy, frequency=p)
    rules = Rules.of(4, None, [(), (), (), (2,)], 3)
    sure = infer_serial(make_study(curves, None), rules, 0.0)
    assert sure.probability[2, 3] == 1.0
    # A fifth skill never moves: it may be what d waits for.
    with_e = np.concatenate([noisy, noisy[..., :1] * 0.0], axis=2)
    p = np.concatenate([p, [[0.5]] * 2], axis=1)
    curves = make_curves(runs="12", steps=steps, skills="abcde", level=with_e, frequency=p)
    study = make_study(curves, None)
    assert study.skills == tuple("abcd") and "e" in study.left_out
    unsure = infer_serial(study, Rules.of(4, None, None, 1), PRICE)
    assert unsure.misfit < 1.2
    assert unsure.probability[:, 3].max() < 0.5


def test_a_skill_without_a_curve_leaves_no_edge_sure():
    requires, mixtures = {"a": "", "b": "a", "c": "", "e": ""}, [
        [0.1, 0.3, 0.2, 0.4], [0.1, 0.4, 0.3, 0.2], [0.3, 0.4, 0.2, 0.1],
    ]  # fmt: skip
    curves = simulated(requires, mixtures, steps=[np.arange(0, 2600, 20)] * 3, law="domino")
    whole = infer_serial(make_study(curves, None), Rules.of(4, None, None, 3), PRICE)
    assert whole.probability[0, 1] > 0.95 and not whole.remarks
    curves["level"][:, :, 3] = np.nan
    study = make_study(curves, None)
    blind = infer_serial(study, Rules.of(3, None, None, 3), PRICE)
    assert blind.probability[0, 1] == SUREST
    told = make_grown_inference(study, blind, Form("hard", 1.0), {}, "abce", 1.0)
    assert any("without a curve" in one for one in told.report["remarks"])
    must = infer_serial(study, Rules.of(3, None, [(), (0,), ()], 3), PRICE)
    assert must.probability[0, 1] == 1.0


def test_what_is_said_of_mixtures_that_are_not_known():
    requires, mixtures = {"a": "", "b": "a", "c": ""}, [[0.2, 0.5, 0.3], [0.1, 0.3, 0.6]]
    curves = simulated(requires, mixtures, steps=[np.arange(0, 2000, 20)] * 2, law="domino")
    curves["frequency"][1] = np.nan
    study = make_study(curves, None)
    grown = infer_serial(study, Rules.of(3, None, None, 3), PRICE)
    report = make_grown_inference(study, grown, Form("hard", 1.0), {}, "abc", 1.0).report
    told = [one for one in report["remarks"] if "is not known" in one]
    assert len(told) == 1
    assert "the mixture of 'run 2' is not known" in told[0]
    assert "what was open, but not what was closed" in told[0]
    assert "fitted" not in told[0]


def test_where_it_cannot_be_told_what_was_mastered_from_the_start_that_is_said():
    start = np.zeros((3, 4))
    start[:2, 0] = 0.96
    steps, level = lines([(1, 3, 0, 2), (1, 2, 0, 3), (0, 1, 2, 3)], start, 300, noise=0.1)
    p = [[0.1, 0.4, 0.2, 0.3], [0.1, 0.4, 0.3, 0.2], [0.4, 0.3, 0.2, 0.1]]
    curves = make_curves(runs="123", steps=steps, skills="abcd", level=level, frequency=p)
    grown = infer_serial(make_study(curves, None), Rules.of(4, None, None, 3), PRICE)
    assert [one.split(" may")[0] for one in grown.remarks] == ["'a'", "'a'"]
    assert not any(gate.skills for gate in grown.graph)


@pytest.fixture(scope="module")
def served():
    study, grown, _ = _grown({"a": "", "b": "a", "c": "b"}, [[0.1, 0.3, 0.2], [0.3, 0.2, 0.5]])
    return study, grown


def test_edges_are_priced_where_a_serial_pool_is_compared_with_gates(served):
    study, grown = served
    courses = Courses(Form("hard", 0.99), study.frequency)
    structure = Structure(courses, make_nodes(study.records, 40))
    for skill in range(3):
        structure.add(skill, OPEN, structure.track_of(skill, OPEN))
    structure.seek()
    edges = sum(len(gate.skills) for gate in grown.graph)
    more = apart(grown, structure, study, 10.0) - apart(grown, structure, study, 0.0)
    assert edges >= 2 and more == pytest.approx(10.0 * edges)
    assert apart(grown, structure, study, 0.0) < -1000.0


def test_when_a_serial_pool_surely_leaves_noise_alone(served):
    study, grown = served
    many = replace(study, skills=study.skills * 20)
    assert leaves_noise(grown, many)
    assert not leaves_noise(grown, study)  # levels are few: gates do not take long
    assert not leaves_noise(grown, replace(many, surest=0.89))
    assert not leaves_noise(replace(grown, misfit=1.2), many)


def test_what_no_run_speaks_for_is_not_found():
    """c needs a or b, and both orders go with all runs; d surely needs c, and e must need it."""
    graph = (OPEN, OPEN, Requires.of((0,)), Requires.of((2,)), Requires.of((2,)))
    probability = np.zeros((5, 5))
    probability[[0, 1, 2, 2], [2, 2, 3, 4]] = 0.53, 0.53, 0.97, 1.0
    by_run = {(0, 2): 0.0, (1, 2): 0.0, (2, 3): 60.0}

    def weigh(j, i):
        gain = by_run.get((j, i))
        return None if gain is None else Weighed(gain, lambda: np.array([gain]), OTHERS)

    edges = {(e.prerequisite, e.dependent): e for e in list_edges(graph, probability, 1, weigh)}
    told = {pair: edge.status for pair, edge in edges.items()}
    assert told == {(0, 2): "possible", (1, 2): "possible", (2, 3): "found", (2, 4): "found"}
    assert [edges[0, 2].reason, edges[2, 3].reason, edges[2, 4].reason] == [OTHERS, "", ""]
