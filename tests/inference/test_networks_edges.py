"""Edges under models of networks: which runs decide them, and what these runs do not tell."""

from __future__ import annotations

import re
from itertools import permutations

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from test_networks_composed import _curves

from domino_sim.cli.infer import _deciding, print_inference
from domino_sim.errors import ArgumentError
from domino_sim.inference.evidence import EXCLUDED, IMPLIED, UNSEEN
from domino_sim.inference.forms import OPEN, Form, Requires
from domino_sim.inference.networks import infer_grown
from domino_sim.inference.networks.edges import BESIDE, FEW_OF_IT, TURNED
from domino_sim.inference.networks.hypotheses import Rules
from domino_sim.inference.networks.onsets import Onsets
from domino_sim.inference.networks.power_edges import edges_of
from domino_sim.inference.networks.power_gates import _LIKELY, _NOISE, GatesOfSkill
from domino_sim.inference.networks.power_graphs import PowerGraphs
from domino_sim.inference.planning import design_mixtures
from domino_sim.inference.result import make_grown_inference
from domino_sim.inference.study import make_study


def _onsets(log, log_p, absent=()):
    """Onsets of skills in runs of equal loads; `absent`: (run, skill) that did not begin."""
    seen = np.ones(log.shape, dtype=bool)
    for one in absent:
        seen[one] = False
    end = np.full(len(log), log.max() + 0.5)
    come = np.where(seen, log, end[:, None] + 0.2)
    return Onsets(
        np.where(seen, log, 0.0),
        seen,
        np.ones_like(seen),
        come,
        np.broadcast_to(end[:, None], log.shape),
        log_p,
        np.zeros(len(log)),
    )


def _follow(graph, log_p, noise, seed=0):
    """Onsets by the law: β 1.25, 0.76, 0.67; γ 0.8 of roots; α 0.46, 0.37; κ −0.2."""
    rng = np.random.default_rng(seed)
    log = np.zeros_like(log_p)
    part = np.array([0.1 if gate.skills else 1.0 for gate in graph])
    for i, gate in enumerate(graph):
        size = len(gate.skills)
        log[:, i] = 4.0 - (1.25, 0.76, 0.67)[size] * log_p[:, i]
        if size:
            log[:, i] += (0.46, 0.37)[size - 1] * log[:, list(gate.skills)].sum(axis=1)
            log[:, i] -= 0.2 * log[:, :i].mean(axis=1)
        else:
            log[:, i] += 0.8 * np.log(np.exp(log_p) @ part)
        log[:, i] += noise * rng.normal(size=len(log))
    return log


def _pairs(edges):
    return {(edge.prerequisite, edge.dependent): edge for edge in edges}


def _found(onsets, most=2):
    n = onsets.log.shape[1]
    return PowerGraphs(onsets, Rules.of(n, None, None, most))


#: i needs j and k, and k needs j.
TRIANGLE = (OPEN, Requires.of([0]), Requires.of([0, 1]))


def _triangle(still, late, seed):
    """Onsets of a triangle: one skill is as frequent in all runs, `late` in all but run 5."""
    log_p = np.random.default_rng(seed).normal(size=(8, 3))
    log_p[:, still] *= 0.05
    if late:
        log_p[5, still] = -4.0
    return _onsets(_follow(TRIANGLE, log_p, 0.1, seed), log_p)


@pytest.mark.parametrize(("edge", "reason"), [((0, 2), IMPLIED), ((1, 2), BESIDE)])
def test_in_a_triangle_what_comes_alike_in_all_runs_is_not_decided(edge, reason):
    reasons = []
    for seed in range(6):
        told = _pairs(_found(_triangle(edge[0], False, seed)).edges())[edge]
        assert abs(told.gain) < EXCLUDED
        if told.status != "found":
            reasons.append(told.reason)
            assert told.status == "undetermined" or told.reason == BESIDE
    # One that is never the first could be enough as well; the two may be taken for a chain.
    assert len(reasons) >= 2 and reason in reasons and set(reasons) <= {reason, UNSEEN, IMPLIED}


def test_the_run_that_alone_decides_an_edge_comes_first():
    for seed in range(6):
        told = _pairs(_found(_triangle(0, True, seed)).edges())[0, 2]
        without = _pairs(_found(_triangle(0, False, seed)).edges())[0, 2]
        assert told.status == "found" and told.gain > without.gain + EXCLUDED
        assert told.by_run.argmax() == 5 and told.by_run[5] > EXCLUDED


def _chain(runs):
    """Return two skills, the second of which needs the first, as they come in so many runs."""
    log_p = np.random.default_rng(2).normal(size=(runs, 2))
    graph = (OPEN, Requires.of([0]))
    onsets = _onsets(_follow(graph, log_p, 0.1), log_p)
    rules = Rules.of(2, None, None, 1)
    return graph, [GatesOfSkill(onsets, i, rules.gates(i)) for i in range(2)], onsets, rules


def _integrals(gates, g, part=(1.0, 1.0), draws=400_000):
    """Average the likelihood of all runs over the prior of a gate; `part` as in the law."""
    x, mean, spread = gates._columns[g], gates._mean[g], gates._spread[g]
    weights = mean + spread * np.random.default_rng(0).normal(size=(draws, len(mean)))
    log = gates._onsets.log[:, gates._skill]
    slowed = 0.0
    if not gates.gates[g].skills:
        slowed = 0.8 * np.log(np.exp(gates._onsets.frequency) @ part)
        slowed -= slowed.mean()
    square = np.square(log - log.mean() - slowed - weights @ x.T).sum(axis=1)
    return sum(
        likely * np.mean(np.exp(-0.5 * square / noise**2)) / noise ** len(x)
        for noise, likely in zip(_NOISE, np.exp(_LIKELY), strict=True)
    )


def test_the_gain_is_twice_the_log_ratio_of_integrals_over_the_prior():
    graph, skills, onsets, rules = _chain(4)
    told = edges_of(graph, np.array([[0.0, 0.9], [0.0, 0.0]]), skills, onsets, rules)
    gates = skills[1]
    ratio = _integrals(gates, gates.gates.index(graph[1])) / _integrals(gates, 0)
    # That it waits shows in the other skill as well.
    ratio *= _integrals(skills[0], 0, (1.0, 0.1)) / _integrals(skills[0], 0)
    hasty = gates._hasty()[:, 0].sum()
    assert _pairs(told)[0, 1].gain == pytest.approx(2.0 * (np.log(ratio) - hasty), abs=0.1)


def test_an_edge_the_other_way_round_is_weighed_with_the_one_that_it_replaces():
    graph, skills, onsets, rules = _chain(5)
    likely = np.array([[0.0, 0.8], [0.2, 0.0]])
    told = _pairs(edges_of(graph, likely, skills, onsets, rules))
    assert told[1, 0].status == "possible" and told[1, 0].reason == TURNED
    # Each has the tenth of the other that waits for it beside itself.
    (open_0, with_1), (open_1, with_0) = (
        skill.likelihood(np.arange(2) == i) for i, skill in enumerate(skills)
    )
    assert told[1, 0].gain == pytest.approx(2.0 * (with_1 + open_1 - open_0 - with_0))
    assert told[1, 0].by_run.sum() == pytest.approx(told[1, 0].gain)


def _log_density(gates, g, runs):
    """Log density of the onsets of some runs, however many; the noise is not known."""
    miss, kernel = gates._miss[g][runs], gates._kernel[g][np.ix_(runs, runs)]
    if not runs:
        return 0.0
    logs = [
        likely + multivariate_normal(np.zeros(len(runs)), kernel + noise**2 * np.eye(len(runs)))
        .logpdf(miss) for noise, likely in zip(_NOISE, _LIKELY, strict=True)
    ]  # fmt: skip
    return np.logaddexp.reduce(logs) + 0.5 * len(runs) * np.log(2.0 * np.pi)


def test_by_run_a_gain_is_what_each_adds_to_those_before_it_in_any_order():
    log_p = np.random.default_rng(3).normal(size=(5, 3))
    onsets = _onsets(_follow(TRIANGLE, log_p, 0.2), log_p)
    gates = GatesOfSkill(onsets, 2, [OPEN, Requires.of([0]), Requires.of([0, 1])])
    for g in (1, 2):
        exact = np.zeros(5)
        for order in permutations(range(5)):
            for k, run in enumerate(order):
                added = _log_density(gates, g, list(order[: k + 1]))
                exact[run] += (added - _log_density(gates, g, list(order[:k]))) / 120.0
        exact -= gates._hasty() @ gates.members[g]
        by_run = gates.by_run(g, np.zeros(3, dtype=bool))
        np.testing.assert_allclose(by_run, exact, atol=0.15)
        assert by_run.sum() == pytest.approx(gates.likelihood(np.zeros(3, dtype=bool))[g])


def test_gains_by_run_add_up_where_skills_do_not_begin_in_some():
    log_p = np.random.default_rng(4).normal(size=(7, 3))
    onsets = _onsets(_follow(TRIANGLE, log_p, 0.1), log_p, absent=[(2, 2), (4, 1), (4, 2)])
    for edge in _found(onsets).edges():
        assert edge.by_run.sum() == pytest.approx(edge.gain, abs=1e-9)
        assert (edge.reason == "") == (edge.status == "found")


def test_of_a_skill_that_hardly_ever_begins_nothing_can_be_told():
    log_p = np.random.default_rng(5).normal(size=(6, 3))
    absent = [(r, 2) for r in range(4)]
    told = _pairs(_found(_onsets(_follow(TRIANGLE, log_p, 0.1), log_p, absent)).edges())
    for j in (0, 1):
        assert told[j, 2].status == "undetermined"
        assert told[j, 2].reason == FEW_OF_IT


def test_of_any_of_two_the_one_that_is_never_the_first_cannot_be_told():
    for seed in range(4):
        log_p = 0.5 * np.random.default_rng(seed).normal(size=(8, 3)) - [0.0, 3.0, 9.0]
        onsets = _onsets(_follow((OPEN, OPEN, Requires.of([0])), log_p, 0.1, seed), log_p)
        assert (np.diff(onsets.log, axis=1) > 0.0).all()
        told = _pairs(_found(onsets).edges())
        assert told[0, 2].status == "found"
        assert told[1, 2].status == "undetermined"
        assert told[1, 2].reason == UNSEEN


def test_what_is_forbidden_is_not_weighed_and_what_is_required_is_found():
    onsets = _triangle(0, True, 0)
    forbidden = np.zeros((3, 3), dtype=bool)
    forbidden[0, 1] = True
    told = _pairs(PowerGraphs(onsets, Rules.of(3, forbidden, [(), (), (1,)], 2)).edges())
    assert (0, 1) not in told
    assert told[1, 2].status == "found" and told[1, 2].probability == pytest.approx(1.0)


def test_gates_expect_the_gain_that_they_have_on_average():
    """Onsets drawn from a gate: its gain over another is, on average, what `telling` says."""
    log_p = np.random.default_rng(6).normal(size=(6, 2))
    onsets = _onsets(_follow((OPEN, Requires.of([0])), log_p, 0.2), log_p)
    gates = GatesOfSkill(onsets, 1, [OPEN, Requires.of([0])])
    noise = gates._likeliest(0, gates._missed(0, np.array([True, False]))[1])
    kernels = [gates._kernel[g] + noise**2 * np.eye(6) for g in (0, 1)]
    roots = np.array([True, False])
    apart = gates._missed(0, roots)[1] - gates._missed(1, roots)[1]
    drawn = np.random.default_rng(0).multivariate_normal(np.zeros(6), kernels[1], size=50_000)
    right = multivariate_normal(np.zeros(6), kernels[1]).logpdf(drawn)
    wrong = multivariate_normal(np.zeros(6), kernels[0]).logpdf(drawn + apart)
    expected = 2.0 * np.mean(right - wrong)
    assert gates.telling(1, 0, roots) == pytest.approx(expected, rel=0.02)


@pytest.fixture(scope="module")
def composed():
    """Skill 2 needs 0 and 1; 0 is learned long before 1 in all runs but the last."""
    p = [[0.9, 0.09, 0.01], [0.95, 0.04, 0.01], [0.85, 0.13, 0.02], [0.03, 0.95, 0.02]]
    return (OPEN, OPEN, Requires.of([0, 1])), np.array(p)


def test_of_composed_skills_the_run_in_which_one_is_the_last_decides(composed):
    graph, p = composed
    told = _pairs(infer_grown(make_study(_curves(graph, p), None)).edges)
    assert told[0, 2].status == told[1, 2].status == "found"
    assert told[0, 2].by_run.argmax() == 3
    assert told[0, 2].by_run[3] > 0.9 * told[0, 2].gain
    assert told[1, 2].by_run[3] < 0.1 * told[1, 2].gain
    for edge in told.values():
        assert edge.by_run.sum() == pytest.approx(edge.gain)


def test_of_composed_skills_what_is_learned_before_it_matters_cannot_be_told(composed):
    graph, p = composed
    told = _pairs(infer_grown(make_study(_curves(graph, p[:3]), None)).edges)
    assert told[1, 2].status == "found"
    assert told[0, 2].status == "undetermined"
    assert told[0, 2].reason == UNSEEN


def test_where_no_run_decides_alone_that_is_said():
    runs = {f"run {r}": 4.0 - 0.1 * r for r in range(6)}
    assert _deciding({"runs": runs}) == "none alone, most run 0 18%"
    assert _deciding({"runs": runs | {"run 0": 20.0}}) == "1 of 6, most run 0 52%"


def test_the_report_has_the_runs_and_nothing_is_planned_for_networks(composed, capsys):
    graph, p = composed
    study = make_study(_curves(graph, p), None)
    grown = infer_grown(study)
    found = make_grown_inference(study, grown, Form("hard", 0.99), {}, study.skills, 0.89)
    edge = found.graph.edges["s0", "s2"]
    assert next(iter(edge["runs"])) == "run 3"
    assert edge["gain"] == pytest.approx(sum(edge["runs"].values()), abs=0.01)
    assert all(e["probability"] <= 0.89 for e in found.report["edges"])
    print_inference(found, [], all_edges=False)
    out = capsys.readouterr().out
    assert re.search(r"s0 +s2 +and .* run 3 \d+%", out)
    with pytest.raises(ArgumentError, match=r"is of trained networks \(composed skills\)"):
        design_mixtures(found)
