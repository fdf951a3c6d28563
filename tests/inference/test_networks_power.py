"""Power gates: graphs found from onsets that are products of powers."""

from __future__ import annotations

import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from domino_sim.curves import make_curves
from domino_sim.inference.forms import OPEN, Requires
from domino_sim.inference.networks import contest
from domino_sim.inference.networks.grown import infer_grown, typical_misfit
from domino_sim.inference.networks.hypotheses import Rules, is_acyclic
from domino_sim.inference.networks.onsets import find_onsets
from domino_sim.inference.networks.power_gates import _LIKELY, _NOISE, GatesOfSkill
from domino_sim.inference.networks.power_graphs import PowerGraphs
from domino_sim.inference.networks.power_roots import chances, roots_of, whole_evidence
from domino_sim.inference.study import make_study

GRAPH = (OPEN, OPEN, Requires.of([0, 1]), OPEN)


def _world(runs=12, noise=0.05, knocked=None, seed=0):
    """The law with β 1.2 and 0.7, γ 0.8 and 0.6, κ −0.2, α 0.4; levels sigmoid in log t."""
    rng = np.random.default_rng(seed)
    p = np.exp(rng.uniform(np.log(0.08), 0.0, size=(runs, 4)))
    if knocked is not None:
        p[0, knocked] = 0.0
    log_p = np.log(np.maximum(p, 1e-4))
    load = np.log(p.sum(axis=1))
    taken = np.log(p @ [1.0, 1.0, 0.1, 1.0])
    onset = 5.0 - 1.2 * log_p + 0.8 * taken[:, None] + noise * rng.normal(size=(runs, 4))
    onset[:, 2] = 4.5 - 0.7 * log_p[:, 2] + 0.6 * load + noise * rng.normal(size=runs)
    onset[:, 2] += 0.4 * (onset[:, 0] + onset[:, 1] - 10.0) + 0.6
    onset[:, 2] -= 0.2 * (onset[:, [0, 1, 3]].mean(axis=1) - 5.0)
    steps = np.arange(0, 4000, 20)
    level = 1.0 / (1.0 + np.exp(-8.0 * (np.log(steps + 1.0)[None, :, None] - onset[:, None])))
    level = np.clip(level + 0.005 * rng.normal(size=level.shape), 0.0, 1.0)
    curves = make_curves(
        runs=[f"run {r}" for r in range(runs)], steps=steps, skills=list("ABCD"), level=level,
        frequency=p,
    )  # fmt: skip
    return make_study(curves, None), onset


def test_onsets_are_where_levels_are_half():
    study, onset = _world()
    found = find_onsets(study)
    assert found.seen.sum() > 40
    np.testing.assert_allclose(found.log[found.seen], onset[found.seen], atol=0.06)


def test_the_graph_and_its_exponents_are_found():
    study, _ = _world()
    found = PowerGraphs(find_onsets(study), Rules.of(4, None, None, 3))
    assert found.graph == GRAPH
    assert found.probability[0, 2] > 0.9 and found.probability[1, 2] > 0.9
    assert found.probability.sum() - found.probability[:2, 2].sum() < 0.5
    fit = found.fits()[2]
    assert fit.weights[0] == pytest.approx(0.7, abs=0.15)
    assert fit.weights[-2:] == pytest.approx([0.4, 0.4], abs=0.15)
    assert fit.noise <= 0.14


def test_what_needs_nothing_is_slowed_by_what_needs_nothing():
    onsets = find_onsets(_world(runs=20)[0])
    gates = GatesOfSkill(onsets, 3, [OPEN, Requires.of([0])])
    right, wrong = np.array([True, True, False, True]), np.array([True, True, True, True])
    assert gates.evidence(right)[0] > gates.evidence(wrong)[0] + 3.0
    assert gates.evidence(right)[1] == gates.evidence(wrong)[1]
    taken = np.exp(onsets.frequency)
    more = taken * [1.0, np.e, 1.0, 1.0]
    part = (more @ [1.0, 1.0, 0.1, 1.0]) / (taken @ [1.0, 1.0, 0.1, 1.0])
    slowed = gates.slowed(more, right) - gates.slowed(taken, right)
    np.testing.assert_allclose(slowed, 0.8 * np.log(part))


def test_that_a_skill_is_a_root_counts_for_all_others_that_are():
    onsets = find_onsets(_world(runs=8, noise=0.2)[0])
    rules = Rules.of(4, None, None, 2)
    skills = [GatesOfSkill(onsets, i, rules.gates(i)) for i in range(4)]
    with_it = (OPEN, OPEN, OPEN, Requires.of([0]))
    other = (OPEN, OPEN, Requires.of([0, 1]), Requires.of([0]))

    def total(graph):
        roots = roots_of(graph, skills)
        return sum(s.evidence(roots)[s.gates.index(g)] for s, g in zip(skills, graph, strict=True))

    found = whole_evidence(skills, with_it, 2)
    places = [skills[2].gates.index(graph[2]) for graph in (with_it, other)]
    assert found[places[0]] - found[places[1]] == pytest.approx(total(with_it) - total(other))
    alone = skills[2].evidence(roots_of(with_it, skills))
    assert abs(alone[places[0]] - found[places[0]]) > 0.5


def test_no_gate_is_drawn_that_closes_a_circle():
    onsets = find_onsets(_world(runs=8)[0])
    rules = Rules.of(4, None, None, 2)
    skills = [GatesOfSkill(onsets, i, rules.gates(i)) for i in range(4)]
    graph = (OPEN, Requires.of([0]), Requires.of([1]), OPEN)
    chance = chances(skills, graph, 0)
    after = skills[0].members[:, [1, 2]].any(axis=1)
    assert not chance[after].any() and (chance[~after] > 0.0).all()
    assert chance.sum() == pytest.approx(1.0)


def test_that_another_is_enough_as_well_which_is_never_the_first_costs_e_to_the_third():
    study, onset = _world(runs=8)
    onsets = find_onsets(study)
    log = np.where(np.arange(4) == 3, onset.max() + 0.1, onsets.log)  # after all others
    late = replace(onsets, log=log, as_prerequisite=log)
    gates = GatesOfSkill(late, 2, [Requires.of([0]), Requires.of([0, 3], any=True)])
    evidence = gates.evidence(np.zeros(4, dtype=bool))
    hasty = gates._hasty()[:, 3].sum()
    assert evidence[0] - evidence[1] - hasty == pytest.approx(3.0)


def test_the_evidence_is_that_of_a_gaussian_with_the_prior_as_covariance():
    """Brute force: draw coefficients and noise from the prior, average the likelihood."""
    onsets = find_onsets(_world(runs=4, noise=0.1)[0])
    gate = Requires.of([0])
    gates = GatesOfSkill(onsets, 2, [OPEN, gate])
    x, mean, spread = gates._columns[1], gates._mean[1], gates._spread[1]
    rng = np.random.default_rng(0)
    weights = mean + spread * rng.normal(size=(200_000, x.shape[1]))
    miss = onsets.log[:, 2] - onsets.log[:, 2].mean() - weights @ x.T
    total = 0.0
    for noise, likely in zip(_NOISE, np.exp(_LIKELY), strict=True):
        square = np.square(miss / noise).sum(axis=1)
        total += likely * np.mean(np.exp(-0.5 * square) / noise**4)
    assert onsets.seen[:, 2].all()
    found = gates.evidence(np.zeros(4, dtype=bool)) + gates._costs()
    assert found[1] == pytest.approx(np.log(total), abs=0.05)


def test_a_run_in_which_a_skill_is_stuck_says_little():
    onsets = find_onsets(_world(runs=8, seed=2)[0])
    run = int(onsets.log[:, 0].argmin())
    seen, trained = onsets.seen.copy(), onsets.trained.copy()
    seen[run, 0] = False
    roots = np.zeros(4, dtype=bool)
    stuck = GatesOfSkill(replace(onsets, seen=seen), 0, [OPEN]).evidence(roots)
    trained[run, 0] = False
    without = GatesOfSkill(replace(onsets, trained=trained), 0, [OPEN]).evidence(roots)
    # It should have come long before the end: all it says is that a skill may be stuck, 1 in 50.
    assert stuck - without == pytest.approx(np.log(0.02), abs=0.02)


def test_levels_are_predicted_but_for_skills_that_are_knocked_out():
    study, _ = _world(knocked=0)
    onsets = find_onsets(study)
    assert not onsets.trained[0, 0] and onsets.trained[1:].all()
    found = infer_grown(study, until=time.monotonic() + 1.0)
    assert found.kind == "power"
    assert found.level.shape == study.records.level.shape
    assert found.misfits["composed"] > 0.06
    miss = (found.level - study.records.level)[1:]
    assert np.sqrt(np.square(miss).mean()) < 0.08
    assert np.isnan(found.level[0, :, 0]).all()
    assert not np.isnan(found.level[1:]).any()


def test_rules_are_kept_to():
    study, _ = _world()
    forbidden = np.zeros((4, 4), dtype=bool)
    forbidden[0, 2] = True
    found = PowerGraphs(find_onsets(study), Rules.of(4, forbidden, [(), (), (), (1,)], 2))
    assert 0 not in found.graph[2].skills and 1 in found.graph[3].skills
    assert found.probability[1, 3] == pytest.approx(1.0)
    assert found.probability[0, 2] == 0.0


def test_graphs_have_no_circles():
    study, _ = _world(runs=4, noise=0.5, seed=5)
    assert is_acyclic(PowerGraphs(find_onsets(study), Rules.of(4, None, None, 3)).graph)


def test_skills_that_fit_do_not_hide_those_that_do_not_nor_one_wild_curve_the_rest():
    assert typical_misfit(np.ones(5)) == typical_misfit(np.array([0.2, 0.9, 1.0])) == 1.0
    assert typical_misfit(np.array([1.0, 1.0, 1.0, 1e4, 1e4])) > 30.0
    assert typical_misfit(np.array([1.0] * 8 + [1e4])) < 3.0
    assert typical_misfit(np.array([])) == np.inf


@pytest.mark.parametrize(
    ("kind", "typical", "gates", "better"),
    [
        ("power", 50.0, 100.0, True), ("power", 900.0, 100.0, False), ("power", 900.0, 500.0, True),
        ("composed", 900.0, 500.0, False), ("composed", 400.0, 500.0, True),
    ],
)  # fmt: skip
def test_what_fits_better_is_taken_and_power_gates_where_gates_explain_nothing(
    kind, typical, gates, better, monkeypatch
):
    """The noise is 0.005: a misfit of 400 is a tenth of level."""
    monkeypatch.setattr(contest, "gates_misfit", lambda structure, study: gates)
    grown = SimpleNamespace(kind=kind, typical=typical)
    assert contest.is_better(grown, None, SimpleNamespace(sigma=0.005)) is better
