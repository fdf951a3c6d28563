"""Edges of composed skills: how sure they are, and why some are not told."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from test_networks_composed import _curves

from domino_sim.inference.evidence import FOUND, IMPLIED, STOPPED
from domino_sim.inference.forms import OPEN, Form, Requires
from domino_sim.inference.networks import infer_grown
from domino_sim.inference.networks.composed_edges import _near, edges_of
from domino_sim.inference.networks.edges import TURNED
from domino_sim.inference.networks.grown import Grown
from domino_sim.inference.networks.hypotheses import Rules
from domino_sim.inference.networks.search import PRICE, Judge
from domino_sim.inference.result import make_grown_inference
from domino_sim.inference.study import make_study

CHAIN = (OPEN, Requires.of([0]), Requires.of([1]))


@cache
def _five():
    p = np.exp(0.2 * np.random.default_rng(0).normal(size=(5, 3)))
    return _curves(CHAIN, p / p.sum(axis=1, keepdims=True))


def _study(runs):
    return make_study(_five().isel(run=range(runs)), None)


def _judge(runs, as_good=()):
    """One who has judged all graphs near the chain: those in `as_good` fit as well, others not."""
    judge = Judge(_study(runs), 0.24, 80, 80)
    rules = Rules.of(3, None, None, 3)
    for graph in (CHAIN, *_near(CHAIN, rules)):
        judge.seen[graph] = np.full(runs, 1e-4 if graph == CHAIN or graph in as_good else 1e-3)
    return judge, rules


def _told(judge, study, rules):
    probability, edges = edges_of(CHAIN, judge, study, rules)
    return probability, {(edge.prerequisite, edge.dependent): edge for edge in edges}


@pytest.mark.parametrize("runs", [2, 3, 5])
def test_draws_have_each_run_as_often_as_chance_says(runs):
    judge, rules = _judge(runs)
    probability, told = _told(judge, _study(runs), rules)
    for j, i in ((0, 1), (1, 2)):  # each run shows both, clearly
        assert probability[j, i] == pytest.approx(1.0 - np.exp(-runs), abs=0.03)
        assert told[j, i].status == "found"


def test_of_what_fits_as_well_it_is_said_why():
    wider = (OPEN, Requires.of([0]), Requires.of([0, 1]))
    turned = (Requires.of([1]), OPEN, Requires.of([1]))
    judge, rules = _judge(4, as_good=(wider, turned))
    told = _told(judge, _study(4), rules)[1]
    assert (told[0, 2].status, told[0, 2].reason) == ("undetermined", IMPLIED)
    assert told[1, 0].reason == TURNED and abs(told[1, 0].gain) < 1e-6
    assert (2, 0) not in told


def test_what_was_not_weighed_before_a_stop_is_not_sure(monkeypatch):
    judge, rules = _judge(4)
    monkeypatch.setattr(judge, "errors", lambda graphs: None)
    judge.seen = {CHAIN: judge.seen[CHAIN]}
    probability, told = _told(judge, _study(4), rules)
    assert probability[0, 1] == probability[1, 2] == FOUND
    assert told[0, 2].reason == told[1, 0].reason == STOPPED


def test_a_gain_that_is_less_than_its_price_speaks_for_no_edge():
    """Run 1 shows 0 → 1; run 2 hardly in the graph that is best, and clearly in another one."""
    judge, rules = _judge(2)
    best = (OPEN, Requires.of([0]), OPEN)
    other = (Requires.of([2]), Requires.of([0]), OPEN)
    without = (OPEN, OPEN, OPEN)
    # How much less each costs than `without`, in prices of the edges that it has more.
    less = {without: [0.0, 0.0], best: [3.0, 0.2], other: [-0.6, 4.0]}
    judge.seen = {graph: np.full(2, 10.0) for graph in _near(best, rules)} | {
        graph: np.exp(-PRICE * np.array(gain) / judge._count) for graph, gain in less.items()
    }
    probability, _ = edges_of(best, judge, _study(2), rules)
    # Draws without run 1 speak for the edge by less than its price: its part of e⁻¹ is left out.
    assert probability[0, 1] == pytest.approx(1.0 - np.exp(-1.0), abs=0.05)


@pytest.mark.parametrize(("runs", "told"), [(3, True), (4, False)])
def test_that_few_runs_show_an_edge_is_said(runs, told):
    study, probability = _study(runs), np.zeros((3, 3))
    level = np.zeros(study.records.level.shape)
    for kind, some in (("composed", told), ("power", False)):
        grown = Grown(kind, CHAIN, probability, level, 1.0, 1.0, "of networks")
        found = make_grown_inference(study, grown, Form("hard", 0.99), {}, study.skills, 1.0)
        assert any("runs only" in remark for remark in found.report["remarks"]) is some


def test_of_gates_that_a_stop_left_untried_nothing_is_said():
    study = _study(4)
    grown = Grown("composed", CHAIN, np.zeros((3, 3)), np.zeros(study.records.level.shape), 1.0,
                  1.0, "of networks")  # fmt: skip
    for stopped, told in ((True, "none of the gates that were tried"), (False, "no gates")):
        report = make_grown_inference(
            study, grown, Form("hard", 0.99), {}, study.skills, 1.0, stopped=stopped
        ).report
        assert any(remark.startswith(told) for remark in report["remarks"])
        assert any("search was stopped" in remark for remark in report["remarks"]) is stopped


def test_that_a_model_of_networks_misses_levels_by_more_than_noise_is_said():
    study = _study(4)
    level = np.zeros(study.records.level.shape)
    for misfit, told in ((1.4, False), (16.0, True)):
        grown = Grown("composed", CHAIN, np.zeros((3, 3)), level, misfit, 1.0, "of networks")
        remarks = make_grown_inference(
            study, grown, Form("hard", 0.99), {}, study.skills, 1.0
        ).report["remarks"]
        by = f"misses levels by {4.0 * study.sigma:.2g}, where noise is {study.sigma:.2g}, and"
        assert any(by in remark for remark in remarks) is told


def test_few_runs_make_nothing_certain_but_what_is_known_beforehand():
    study = _study(2)
    grown = infer_grown(study, Rules.of(3, None, [(), (), (1,)], 4))
    assert grown.probability[1, 2] == 1.0 and 0.5 < grown.probability[0, 1] < 0.9
    found = make_grown_inference(study, grown, Form("hard", 0.99), {}, study.skills, 1.0)
    low = make_grown_inference(study, grown, Form("hard", 0.99), {}, study.skills, 0.6).graph
    first, second, third = study.skills
    assert low.edges[second, third]["probability"] == 1.0
    assert low.edges[first, second]["probability"] == 0.6
    told = "2 runs only: what all of them show has a probability of 0.86"
    assert any(remark.startswith(told) for remark in found.report["remarks"])
