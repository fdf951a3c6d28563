"""Power gates: graphs found from onsets that are products of powers."""

from __future__ import annotations

import time

import numpy as np
import pytest

from domino_sim.curves import make_curves
from domino_sim.inference.forms import OPEN, Requires
from domino_sim.inference.networks.grown import infer_grown
from domino_sim.inference.networks.hypotheses import Rules, is_acyclic
from domino_sim.inference.networks.onsets import find_onsets
from domino_sim.inference.networks.power_gates import PowerGates
from domino_sim.inference.study import make_study

GRAPH = (OPEN, OPEN, Requires.of([0, 1]), OPEN)


def _world(runs=12, noise=0.05, knocked=None, seed=0):
    """log t = 6 − β log p + ½ Σ log(t_j/400), sigmoid in log t."""
    rng = np.random.default_rng(seed)
    p = np.exp(rng.uniform(np.log(0.08), 0.0, size=(runs, 4)))
    if knocked is not None:
        p[0, knocked] = 0.0
    log_p = np.log(np.maximum(p, 1e-4))
    onset = np.empty((runs, 4))
    for i in (0, 1, 3, 2):
        needed = GRAPH[i].skills
        beta = 0.6 if needed else 0.9
        onset[:, i] = 5.0 - beta * log_p[:, i] + noise * rng.normal(size=runs)
        for j in needed:
            onset[:, i] += 0.5 * (onset[:, j] - 6.0)
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
    gates = PowerGates(find_onsets(study), Rules.of(4, None, None, 3))
    graph = gates.best()
    assert graph == GRAPH
    probability = gates.probabilities(graph)
    assert probability[0, 2] > 0.9 and probability[1, 2] > 0.9
    fit = gates.fit_of(2, graph[2])
    assert fit.weights[0] == pytest.approx(0.6, abs=0.15)
    assert fit.weights[-2:] == pytest.approx([0.5, 0.5], abs=0.15)
    assert fit.noise <= 0.12


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
    gates = PowerGates(find_onsets(study), Rules.of(4, forbidden, [(), (), (), (1,)], 2))
    graph = gates.best()
    assert 0 not in graph[2].skills and 1 in graph[3].skills
    assert gates.probabilities(graph)[1, 3] == pytest.approx(1.0)


def test_graphs_have_no_circles():
    study, _ = _world(runs=4, noise=0.5, seed=5)
    assert is_acyclic(PowerGates(find_onsets(study), Rules.of(4, None, None, 3)).best())
