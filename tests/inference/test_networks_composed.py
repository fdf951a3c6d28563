"""The mean field of composed skills, and graphs found from curves that follow it."""

from __future__ import annotations

import numpy as np
import pytest

from domino_sim.curves import make_curves
from domino_sim.inference import infer
from domino_sim.inference.forms import OPEN, Requires
from domino_sim.inference.networks import infer_grown
from domino_sim.inference.networks.alignment import Aligner
from domino_sim.inference.networks.composed import Composed
from domino_sim.inference.networks.hypotheses import Rules, descendants, is_acyclic
from domino_sim.inference.networks.memory import Memory
from domino_sim.inference.networks.search import Judge
from domino_sim.inference.records import Records
from domino_sim.inference.study import make_study

GRAPHS = {
    "and": (OPEN, OPEN, Requires.of([0, 1])),
    "or": (OPEN, OPEN, Requires.of([0, 1], any=True)),
    "chain": (OPEN, Requires.of([0]), Requires.of([1])),
    "three": (OPEN, OPEN, OPEN, Requires.of([0, 1, 2])),
}


def _loss(graph, p, x):
    total = 0.0
    for i, gate in enumerate(graph):
        come = x[list(gate.skills)]
        factor = 1.0 - np.prod(1.0 - come) if gate.any else np.prod(come)
        total += p[i] * 0.5 * (1.0 - x[i] * factor) ** 2
    return total


@pytest.mark.parametrize("name", GRAPHS)
def test_the_pull_is_the_gradient_of_the_loss(name):
    graph = GRAPHS[name]
    rng = np.random.default_rng(1)
    p, x = rng.random((1, len(graph))), rng.random(len(graph))
    pull, _ = Composed([graph], p).pull(x[None, None])
    for i in range(len(x)):
        near = 1e-5 * np.eye(len(x))[i]
        slope = (_loss(graph, p[0], x + near) - _loss(graph, p[0], x - near)) / 2e-5
        assert pull[0, 0, i] == pytest.approx(-slope, abs=1e-8)


def test_skills_without_prerequisites_follow_the_exponential():
    p = np.array([[1.0, 0.25]])
    path = Composed([(OPEN, OPEN)], p).path(0.02, 120)[0, 0]
    inside = (path[:, 0] > 0.05) & (path[:, 0] < 0.95)
    # 1 − y = e^(−p τ): so 1 − y_B = (1 − y_A)^(p_B/p_A), whatever the clock.
    np.testing.assert_allclose(1.0 - path[inside, 1], (1.0 - path[inside, 0]) ** 0.25, atol=1e-3)


def test_memory_favours_what_is_new():
    p = np.array([[1.0, 0.05]])
    graph = (OPEN, Requires.of([0]))
    plain = Composed([graph], p).path(0.05, 100)[0, 0]
    late = Composed([graph], p).path(0.05, 100, 2.0)[0, 0]

    def beside(path):
        return np.interp(0.5, path[:, 1], path[:, 0])

    assert beside(late) < beside(plain)


def test_directions_are_the_means_over_parameters():
    rng = np.random.default_rng(0)
    pulls = np.array([[0.5, 0.0, 0.02], [0.3, 0.2, 0.05], [0.01, 0.3, 0.1]])
    memory = Memory(pulls[None, None, 0], 2.0)
    vectors, steps = rng.normal(size=(3, 400_000)), (0.3, 0.5)
    square, weight = 0.0, 0.0
    for first, then, step in zip(pulls, pulls[1:], steps, strict=False):
        memory = memory.remembering(first[None, None], then[None, None], np.full((1, 1, 1), step))
        share = 1.0 - np.exp(-step / 2.0)
        mean = 0.5 * ((first @ vectors) ** 2 + (then @ vectors) ** 2)
        square, weight = square + share * (mean - square), weight + share * (1.0 - weight)
    go = vectors * (pulls[-1] @ vectors) / np.sqrt(square / weight) * np.sqrt(0.5 * np.pi)
    found = memory.steer(pulls[None, None, -1])[0, 0]
    np.testing.assert_allclose(found, go.mean(axis=1), atol=4.0 * go.std(axis=1).max() / 632.0)


@pytest.mark.parametrize("memory", [0.0, 2.0])
def test_long_steps_lead_along_the_same_path(mixtures, memory):
    field = Composed([GRAPH], mixtures)
    path, fine = field.path(0.24, 80, memory), field.path(0.04, 420, memory)[0]
    records = Records(fine, np.ones_like(fine))
    error = Aligner(records).errors(path)[0] / fine[0].size
    assert np.sqrt(error).max() < 0.01  # midpoint steps were off by up to 0.03


def test_the_walk_is_the_nearest_one_that_never_goes_back_by_a_segment():
    line = np.stack([np.linspace(0.0, 1.0, 101)] * 2, axis=1)[None]
    level = np.array([[[0.0, 0.0], [0.42, 0.38], [0.2, 0.2], [0.9, 1.0]]])
    records = Records(level, np.ones_like(level))
    found = Aligner(records).walk(line)
    assert (np.diff(found[0, :, 0]) >= -0.01 - 1e-12).all()
    error = Aligner(records).errors(line[None])[0, 0]
    assert error == pytest.approx(np.square(found - level).sum(), abs=1e-9)
    # 0.4 and 0.2 out of order: both are best at 0.3, here at the two ends of a segment.
    np.testing.assert_allclose(found[0, :, 0], [0.0, 0.3, 0.3, 0.95], atol=0.011)


def test_missing_levels_do_not_count():
    line = np.stack([np.linspace(0.0, 1.0, 11)] * 2, axis=1)[None]
    level = np.array([[[0.2, 0.2], [0.6, 7.0]]])
    weight = np.array([[[1.0, 1.0], [1.0, 0.0]]])
    assert Aligner(Records(level, weight)).errors(line[None])[0, 0] == pytest.approx(0.0, abs=1e-12)


def _curves(graph, p, *, power=1.0, seed=0):
    """Curves of the mean field, at records by some clock of their own."""
    path = Composed([graph], p).path(0.02, 700)[0]
    runs, _, n = path.shape
    rng = np.random.default_rng(seed)
    levels = []
    for run in path:
        end = int(np.argmax((run > 0.97).all(axis=1))) or len(run) - 1
        at = end * np.linspace(0.0, 1.0, 80) ** power
        points = np.arange(len(run))
        levels.append(np.stack([np.interp(at, points, run[:, i]) for i in range(n)], axis=1))
    level = np.array(levels) + 0.005 * rng.normal(size=(runs, 80, n))
    curves = make_curves(
        runs=[f"run {r}" for r in range(runs)], steps=np.arange(80) * 10,
        skills=[f"s{i}" for i in range(n)], level=level, frequency=p,
    )  # fmt: skip
    return curves


GRAPH = (OPEN, OPEN, Requires.of([0]), Requires.of([0, 1]), Requires.of([1, 2], any=True))


@pytest.fixture(scope="module")
def mixtures():
    p = np.exp(np.random.default_rng(3).normal(size=(5, 5)))
    return p / p.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("power", [1.0, 2.0])
def test_a_graph_is_found_by_any_clock(mixtures, power):
    found = infer_grown(make_study(_curves(GRAPH, mixtures, power=power), None))
    assert found.kind == "composed"
    edges = {(int(j), int(i)) for j, i in np.argwhere(found.probability >= 0.5)}
    assert edges == {(j, i) for i, gate in enumerate(GRAPH) for j in gate.skills}
    assert found.graph[4].any
    assert found.misfit < 6.0


def test_infer_picks_the_model_by_the_fit(mixtures):
    found = infer(_curves(GRAPH, mixtures))
    assert found.report["model"]["kind"] == "composed"
    assert any("model of networks" in remark for remark in found.report["remarks"])
    edges = {(a, b) for a, b, status in found.graph.edges(data="status") if status == "found"}
    assert edges == {(f"s{j}", f"s{i}") for i, gate in enumerate(GRAPH) for j in gate.skills}
    assert found.graph.nodes["s4"]["gate"] == "or"
    assert abs(found.predicted.level - found.predicted.observed).max() < 0.2


def test_a_run_that_strays_does_not_decide(mixtures):
    judge = Judge(make_study(_curves(GRAPH, mixtures), None), 0.24, 80, 80)
    close = np.array([[0.010, 0.010, 0.010, 0.010, 0.062]]) ** 2
    bent = np.array([[0.013, 0.013, 0.013, 0.013, 0.058]]) ** 2
    assert close.mean() > bent.mean()
    assert judge.cost_of(close, [GRAPH]) < judge.cost_of(bent, [GRAPH])
    assert judge.gain(close[0], bent[0])[:4].min() > 0.0 > judge.gain(close[0], bent[0])[4]


def test_prior_knowledge_is_kept_to(mixtures):
    study = make_study(_curves(GRAPH, mixtures), None)
    forbidden = np.zeros((5, 5), dtype=bool)
    forbidden[0, 2] = True
    found = infer_grown(study, Rules.of(5, forbidden, [(), (), (), (1,), ()], 1))
    assert found.probability[0, 2] == 0.0
    assert found.probability[1, 3] == 1.0
    assert max(len(gate.skills) for gate in found.graph) <= 1


def test_rules():
    rules = Rules.of(3, None, [(), (0,), ()], 2)
    assert all(0 in gate.skills for gate in rules.gates(1))
    assert rules.start() == (OPEN, Requires.of([0]), OPEN)
    assert Requires.of([0, 1], any=True) in rules.neighbours(2, Requires.of([0]))
    assert not is_acyclic((Requires.of([1]), Requires.of([0]), OPEN))
    assert descendants((OPEN, Requires.of([0]), Requires.of([1])), 0) == {0, 1, 2}
