"""The benchmark of graph inference: its worlds, its scores, the methods ours is held to."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import networkx as nx
import numpy as np
import pytest

import domino_sim
from benchmarks.inference.__main__ import main
from benchmarks.inference.baselines import BASELINES, UnavailableError
from benchmarks.inference.baselines.common import instants, smoothed
from benchmarks.inference.baselines.dynotears import dynotears
from benchmarks.inference.baselines.knockouts import knock_out_contrasts
from benchmarks.inference.baselines.onset import sort_by_onset
from benchmarks.inference.baselines.var_lasso import lasso, var_lasso
from benchmarks.inference.cells import CELLS, QUICK
from benchmarks.inference.evaluation import Journal, evaluate
from benchmarks.inference.ours import probabilities
from benchmarks.inference.scoring import Score, pool, reliability, score
from benchmarks.inference.tuning import TUNING_SEEDS, edges_of, tune
from benchmarks.inference.worlds import RATE, make_world, without, write
from domino_sim import Scenario, simulate
from domino_sim.gates import parse_gate


@pytest.fixture(scope="module")
def world():
    return make_world(skills=6, runs=3, operators="mixed", seed=3)


def requires(world):
    return {name: world.graph.nodes[name].get("requires") for name in world.names}


def simulated(world, run, gates):
    """Return levels by the public way, one run at a time."""
    settings = world.settings
    law, soft = settings["laws"][run], settings["gate"] == "soft"
    pool = {"law": law, "rate": RATE * (len(world.names) if law == "constant" else 1)}
    pool |= {} if law == "constant" else {"wasted": settings["wasted"]}
    gate = {"kind": settings["gate"], "leak": settings["leak"]}
    gate |= {"exponent": settings["exponent"]} if soft else {}
    steps = world.steps[run]
    tables = {
        "steps": int(steps[-1]), "mastery": 0.99, "loss": settings["loss"], "pool": pool,
        "gate": gate, "record": {"steps": steps.tolist()},
        "skills": {
            name: {"frequency": float(p)} | ({"requires": gates[name]} if gates[name] else {})
            for name, p in zip(world.names, world.frequencies[run], strict=True)
        },
    }  # fmt: skip
    return simulate(Scenario.from_dict(tables), engine="clock").level.values


# -- worlds ---------------------------------------------------------------------------------------


def test_a_seed_gives_the_same_world_and_another_seed_another():
    one, same, other = (make_world(skills=7, runs=2, seed=s) for s in (5, 5, 6))
    assert one.curves.identical(same.curves)
    assert (one.moves, one.settings) == (same.moves, same.settings)
    assert one.moves != other.moves
    assert not np.array_equal(one.frequencies, other.frequencies)


def test_what_is_not_drawn_does_not_change_what_is():
    one = make_world(skills=7, runs=2, seed=5)
    other = make_world(skills=7, runs=2, seed=5, law="norm", gate="soft", noise=0.05)
    assert nx.utils.graphs_equal(one.graph, other.graph)
    np.testing.assert_array_equal(one.frequencies, other.frequencies)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"gate": "soft", "law": "norm", "exponent": 0.1, "leak": 0.01},
        {"laws": ["sum", "norm", "constant"]},
        {"loss": "ce", "law": "norm"},
    ],
)
def test_levels_are_those_of_the_simulator(options):
    world = make_world(skills=6, runs=3, operators="mixed", seed=4, points=40, **options)
    for run in range(3):
        found = simulated(world, run, requires(world))
        np.testing.assert_allclose(world.clean[run], found, atol=1e-8)


@pytest.mark.parametrize("gate", ["hard", "soft"])
def test_an_edge_moves_levels_as_much_as_simulations_without_it_say(gate):
    world = make_world(skills=6, runs=2, operators="mixed", seed=3, gate=gate, points=60)
    assert len(world.moves) == world.graph.number_of_edges() > 5
    for (prerequisite, dependent), move in world.moves.items():
        gates = requires(world)
        left = without(parse_gate(gates[dependent]), prerequisite)
        gates[dependent] = None if left is None else str(left)
        seen = [np.abs(simulated(world, r, gates) - world.clean[r]).max() for r in range(2)]
        assert move == pytest.approx(max(seen), abs=1e-8)


def test_an_edge_that_others_imply_does_not_show(world):
    for edge in world.unidentifiable:
        assert world.moves[edge] <= 0.05
    assert world.identifiable | world.unidentifiable == set(world.graph.edges)
    assert world.unidentifiable


def test_a_changing_learning_rate_is_that_of_a_stepped_run():
    world = make_world(
        skills=5, runs=1, law="norm", gate="soft", exponent=0.3, seed=4, points=50,
        schedule="warmup-cosine",
    )  # fmt: skip
    last, p = int(world.steps[0][-1]), world.frequencies[0]
    names = list(world.names)
    needs = [[names.index(a) for a in world.graph.pred[b]] for b in names]
    at = (np.arange(last) + 0.5) / last
    rates = RATE * np.where(at < 0.1, at / 0.1, 0.55 + 0.45 * np.cos(np.pi * (at - 0.1) / 0.9))
    u, kept = np.ones(5), [np.zeros(5)]
    for step, rate in enumerate(rates, start=1):
        opened = 1.0 - u**0.3
        d = p * u * np.array([np.prod(opened[given]) for given in needs])
        u = u - rate * d / np.sqrt(d @ d + world.settings["wasted"] ** 2)
        if step % (last // 49) == 0:
            kept.append(1.0 - u)
    np.testing.assert_allclose(world.clean[0], kept, atol=5e-3)


def test_mixtures_add_up_to_one_and_differ(world):
    np.testing.assert_allclose(world.frequencies.sum(axis=1), 1.0)
    assert np.abs(np.diff(world.frequencies, axis=0)).max() > 0.01
    even = make_world(skills=6, runs=3, spread=0.0).frequencies
    np.testing.assert_allclose(even, 1 / 6)


def test_noise_has_the_size_asked_for():
    world = make_world(skills=8, runs=4, noise=0.05, seed=1)
    noise = np.array(world.levels) - np.array(world.clean)
    assert noise.std() == pytest.approx(0.05, rel=0.03)
    assert abs(noise.mean()) < 0.002


@pytest.mark.parametrize("n", [3, 10, 20])
def test_graphs_have_roots_and_few_prerequisites(n):
    worlds = [make_world(skills=n, runs=1, points=5, seed=s) for s in range(10)]
    degrees = np.array([[d for _, d in world.graph.in_degree] for world in worlds])
    assert degrees.max() <= 3
    roots = (degrees == 0).sum(axis=1)
    assert (roots >= (2 if n >= 4 else 1)).all()
    assert 0.25 <= roots.mean() / n <= 0.45
    backward = [a > b for world in worlds for a, b in world.graph.edges]
    assert 0.2 < np.mean(backward) < 0.8


def test_most_is_mastered_when_runs_end():
    levels = [make_world(skills=10, runs=4, seed=s).clean for s in range(5)]
    assert (np.array(levels)[:, :, -1] > 0.95).mean() > 0.95


def test_written_worlds_are_read_back(world, tmp_path):
    write(world, tmp_path)
    read = domino_sim.read_curves(tmp_path / "curves.csv", mixtures=tmp_path / "mixtures.csv")
    read = read.sel(run=world.curves.run)
    np.testing.assert_array_equal(read.level.values, world.curves.level.values)
    np.testing.assert_array_equal(read.frequency.values, world.frequencies)
    truth = json.loads((tmp_path / "truth.json").read_text())
    assert {tuple(edge) for edge in truth["identifiable"]} == world.identifiable
    assert truth["requires"] == requires(world)


# -- scores ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def known(world):
    """A world of which only the truth counts: s1 → s2 → s3 show, s1 → s3 does not."""
    moves = {("s1", "s2"): 0.9, ("s2", "s3"): 0.06, ("s1", "s3"): 0.01}
    return replace(world, moves=moves)


def test_edges_are_counted_and_those_that_do_not_show_are_not(known):
    found = score(known, {("s1", "s2"): 0.5, ("s1", "s3"): 1.0, ("s4", "s5"): 0.95})
    assert found.found == {("s1", "s2")}
    assert found.missed == {("s2", "s3")}
    assert found.invented == {("s4", "s5")}
    assert found.f1 == 0.5
    assert not found.exact
    assert len(found.pairs) == 6 * 5 - 1
    assert (found.invented_from(0.9), found.invented_from(0.96)) == (1, 0)


def test_a_reversed_edge_is_one_missed_and_one_invented(known):
    found = score(known, {("s2", "s1"): 1.0, ("s2", "s3"): 1.0})
    assert (len(found.found), len(found.missed), len(found.invented)) == (1, 1, 1)


def test_all_that_shows_is_exact(known):
    found = score(known, {("s1", "s2"): 0.9, ("s2", "s3"): 0.6, ("s5", "s6"): 0.4})
    assert found.exact
    assert found.f1 == 1.0


def test_nothing_to_find_and_nothing_found_is_right(known):
    nothing = replace(known, moves={})
    assert score(nothing, {}).f1 == 1.0
    assert score(nothing, {("s1", "s2"): 1.0}).f1 == 0.0


@pytest.mark.parametrize("edges", [{("s1", "x"): 1.0}, {("s1", "s1"): 1.0}, {("s1", "s2"): 1.5}])
def test_what_is_no_edge_or_no_probability_is_refused(known, edges):
    with pytest.raises(ValueError, match="s1"):
        score(known, edges)


def test_scores_are_pooled_by_edges_and_by_graphs(known):
    good = score(known, {("s1", "s2"): 1.0, ("s2", "s3"): 1.0})
    bad = score(known, {("s1", "s2"): 1.0, ("s4", "s5"): 1.0, ("s4", "s6"): 0.5})
    both = pool([good, bad])
    assert both.f1 == pytest.approx(2 * 3 / (2 * 3 + 2 + 1))
    assert both.mean == pytest.approx((1.0 + 0.4) / 2)
    assert (both.low, both.high) == pytest.approx((0.4, 1.0))
    assert (both.exact, both.graphs, both.sure_but_false) == (0.5, 2, 1)


def test_probabilities_are_held_against_what_is_real():
    pairs = [(0.95, True)] * 9 + [(0.95, False)] + [(0.0, False)] * 20
    bins = reliability([Score(frozenset(), frozenset(), frozenset(), tuple(pairs))])
    assert [(b.low, b.high) for b in bins] == [(0.0, 0.02), (0.9, 0.98)]
    assert [(b.count, b.real) for b in bins] == [(20, 0), (10, 9)]
    # Clopper–Pearson for 9 of 10.
    assert (bins[1].at_least, bins[1].at_most) == pytest.approx((0.5550, 0.9975), abs=1e-4)
    assert bins[0].at_least == 0.0


def test_a_score_comes_back_from_its_file(known):
    found = score(known, {("s1", "s2"): 0.75, ("s4", "s5"): 1.0})
    assert Score.from_dict(json.loads(json.dumps(found.to_dict()))).to_dict() == found.to_dict()


# -- other methods --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def easy():
    return [make_world(skills=8, runs=8, seed=s) for s in range(3)]


@pytest.mark.parametrize("name", [name for name in BASELINES if name != "PCMCI+"])
def test_a_baseline_ranks_edges_better_than_chance(easy, name):
    baseline = BASELINES[name]
    settings = baseline.settings()[-1]
    ranks = []
    for world in easy:
        found = baseline.function(world.runs, world.frequencies, **settings)
        assert found.shape == (8, 8)
        assert np.isfinite(found).all()
        assert not found.diagonal().any()
        names = {name: i for i, name in enumerate(world.names)}
        real = np.zeros((8, 8), dtype=bool)
        for a, b in world.identifiable:
            real[names[a], names[b]] = True
        counted = ~np.eye(8, dtype=bool)
        for a, b in world.unidentifiable:
            counted[names[a], names[b]] = False
        yes, no = found[real], found[counted & ~real]
        ranks.append(np.mean((yes[:, None] > no) + 0.5 * (yes[:, None] == no)))
    assert np.mean(ranks) > 0.6


def test_a_tuned_baseline_beats_calling_every_pair_an_edge(easy):
    baseline = BASELINES["knock-out contrasts"]
    tuned = tune(baseline, [make_world(skills=8, runs=8, seed=TUNING_SEEDS + k) for k in range(2)])
    found = pool([score(world, edges_of(baseline, world, tuned)) for world in easy])
    every = [
        score(world, {(a, b): 1.0 for a in world.names for b in world.names if a != b})
        for world in easy
    ]
    assert found.f1 > pool(every).f1 + 0.2
    assert "edges from" in str(tuned)


def test_pcmci_says_that_its_package_is_not_there(easy, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "tigramite", None)
    with pytest.raises(UnavailableError, match="tigramite"):
        BASELINES["PCMCI+"].function(easy[0].runs)


def chain(n_runs=6, seed=0):
    """Curves of A → B → C with straight rises; each run has other delays."""
    rng = np.random.default_rng(seed)
    runs = []
    for _ in range(n_runs):
        ends = np.cumsum(rng.uniform(15, 35, size=3))
        begins = np.array([0.0, *ends[:-1]])
        steps = np.arange(120)
        runs.append((steps, np.clip((steps[:, None] - begins) / (ends - begins), 0.0, 1.0)))
    return runs


@pytest.mark.parametrize("method", [sort_by_onset, knock_out_contrasts])
def test_a_chain_is_found_from_its_instants(method):
    found = method(chain(), None, begins=0.1, ends=0.9, slack=0.01)
    assert found[0, 1] > 0.5
    assert found[1, 2] > 0.5
    assert (found[[1, 2, 2], [0, 0, 1]] == 0.0).all()


def test_contrasts_need_runs():
    assert not knock_out_contrasts(chain(2)).any()


@pytest.mark.parametrize("method", [var_lasso, dynotears])
def test_a_linear_process_is_found(method):
    rng = np.random.default_rng(0)
    steps = np.zeros((600, 3))
    for k in range(1, 600):
        steps[k] = rng.normal(size=3)
        steps[k, 1:] += 0.8 * steps[k - 1, :-1]
    runs = [(np.arange(600), np.cumsum(steps, axis=0))]
    found = method(runs, penalty=0.05, lags=1, every=1)
    real = np.zeros((3, 3), dtype=bool)
    real[0, 1] = real[1, 2] = True
    assert found[real].min() > 2.0 * found[~real].max()


def test_lasso_is_a_soft_threshold_where_features_are_orthogonal():
    moment = np.array([[0.5, -0.05], [-0.3, 0.2]])
    found = lasso(np.eye(2), moment, 0.1)
    np.testing.assert_allclose(found, [[0.4, 0.0], [-0.2, 0.1]])


def test_instants_are_interpolated_and_never_is_infinite():
    steps = np.arange(0, 110, 10)
    level = np.stack([steps / 100.0, np.zeros(11), np.ones(11)], axis=1)
    np.testing.assert_allclose(instants((steps, level), 0.55, width=1), [0.55, np.inf, 0.0])
    np.testing.assert_allclose(smoothed(level, 5)[5], level[5])


# -- ours, and evaluations that go on -------------------------------------------------------------


class Oracle:
    """An `infer` that knows the truth of some worlds, and how often it was asked."""

    def __init__(self, *worlds):
        self.worlds, self.asked = worlds, 0

    def __call__(self, curves, mixtures=None):
        self.asked += 1
        for world in self.worlds:
            if curves.level.identical(world.curves.level):
                graph = nx.DiGraph()
                graph.add_edges_from(world.identifiable, probability=0.97)
                return SimpleNamespace(graph=graph)
        raise RuntimeError("an unknown world")


@pytest.fixture
def oracle(monkeypatch):
    worlds = [QUICK.world(variant, seed) for seed, variant in QUICK.seeded(2, 0)]
    infer = Oracle(*worlds)
    monkeypatch.setattr(domino_sim, "infer", infer, raising=False)
    return infer


def test_ours_is_given_mixtures_or_not(oracle, monkeypatch):
    world = oracle.worlds[0]
    assert probabilities(world) == dict.fromkeys(world.identifiable, 0.97)
    seen = []

    def infer(curves):
        seen.append(curves.frequency)
        return oracle(curves)

    monkeypatch.setattr(domino_sim, "infer", infer)
    probabilities(world)
    probabilities(world, mixtures=False)
    assert seen[0].notnull().all()
    assert seen[1].isnull().all()


def test_an_option_that_infer_does_not_have_is_told(oracle):
    with pytest.raises(UnavailableError, match="clock"):
        probabilities(oracle.worlds[0], clock="step")


def test_without_infer_it_says_so(monkeypatch, easy):
    monkeypatch.setattr(domino_sim, "infer", None, raising=False)
    with pytest.raises(UnavailableError, match="infer"):
        probabilities(easy[0])


def test_an_evaluation_goes_on_where_it_was_interrupted(oracle, tmp_path, capsys):
    path = tmp_path / "lines.jsonl"
    list(evaluate(QUICK, 1, 0, ["infer"], Journal(path)))
    assert oracle.asked == 1
    with path.open("a") as file:
        file.write('{"cell": "qui')
    main(["--cell", "quick", "--graphs", "2", "--json", str(path)])
    assert oracle.asked == 2
    table = capsys.readouterr().out
    assert "| infer  | 1.000 | 1.000 | 1.000 – 1.000 | 100%  | 0" in table
    assert "0.9 – 0.98" in table
    main(["--cell", "quick", "--graphs", "2", "--json", str(path)])
    assert oracle.asked == 2
    assert capsys.readouterr().out == table


def test_a_world_that_breaks_a_method_counts_as_nothing_found_and_is_tried_again(oracle, tmp_path):
    path = tmp_path / "lines.jsonl"
    oracle.worlds = oracle.worlds[:1]
    found = list(evaluate(QUICK, 2, 0, ["infer"], Journal(path)))
    assert [result.failed for result in found] == [False, True]
    assert found[1].score.f1 == 0.0
    assert found[1].note == "RuntimeError: an unknown world"
    list(evaluate(QUICK, 2, 0, ["infer"], Journal(path)))
    assert oracle.asked == 3


def test_graphs_may_be_of_one_kind_only(oracle, capsys):
    main(["--cell", "quick", "--graphs", "1", "--law", "norm"])
    assert "norm hard and seed 0" in capsys.readouterr().err


def test_worlds_that_baselines_are_tuned_on_are_not_evaluated():
    with pytest.raises(ValueError, match="tuned"):
        list(evaluate(QUICK, 10, TUNING_SEEDS - 5, ["infer"], Journal()))


def test_cells_take_their_variants_in_turn():
    cell = CELLS["10x8"]
    seeds, variants = zip(*cell.seeded(24, 100), strict=True)
    assert seeds == tuple(range(100, 124))
    assert all(variants.count(variant) == 2 for variant in cell.variants)
    assert str(CELLS["10x8-laws"]) == "10 skills, 8 runs, 1%, pool law changed between runs"
    world = CELLS["10x8-laws"].world(("changed", "hard", "and"), 0)
    assert world.settings["laws"][:4] == ["sum", "norm", "constant", "sum"]
