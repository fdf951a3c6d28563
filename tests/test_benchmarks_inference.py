"""The benchmark of graph inference: its scores, the methods ours is held to, evaluations."""

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
from benchmarks.inference.evaluation import Journal, Result, evaluate
from benchmarks.inference.ours import probabilities
from benchmarks.inference.report import margin, margins, sureness
from benchmarks.inference.scoring import Score, pool, reliability, score
from benchmarks.inference.tuning import TUNING_SEEDS, edges_of, tune
from benchmarks.inference.worlds import make_world


@pytest.fixture(scope="module")
def world():
    return make_world(skills=6, runs=3, operators="mixed", seed=3)


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
    for mixtures in ("known", "unknown", "partly"):
        probabilities(world, mixtures=mixtures)
    assert seen[0].notnull().all()
    assert seen[1].isnull().all()
    half = len(world.steps) // 2
    assert half and seen[2][:half].notnull().all()
    assert seen[2][half:].isnull().all()


def test_ours_is_told_when_mixtures_change(oracle, monkeypatch):
    world = make_world(skills=4, runs=2, seed=1, points=20, changes=True)
    monkeypatch.setattr(oracle, "worlds", [world])
    seen = []

    def infer(curves, mixtures=None):
        seen.append(mixtures)
        return oracle(curves)

    monkeypatch.setattr(domino_sim, "infer", infer)
    probabilities(world, mixtures="changing")
    assert seen == [world.schedule]


@pytest.mark.parametrize("method", ["infer, in steps", "infer, as under sum"])
def test_a_fixed_clock_cannot_do_without_mixtures(oracle, method):
    with pytest.raises(UnavailableError, match="mixture"):
        probabilities(oracle.worlds[0], method, mixtures="unknown")


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


def test_tables_are_made_of_a_file_alone(oracle, tmp_path, capsys):
    path = tmp_path / "lines.jsonl"
    methods = ["--method", "infer", "--method", "sort by onset"]
    main(["--cell", "quick", "--graphs", "2", "--json", str(path), *methods])
    asked, printed = oracle.asked, capsys.readouterr().out
    main(["--report", "--json", str(path)])
    told = capsys.readouterr().out
    assert oracle.asked == asked
    assert printed.strip() in told
    assert "| quick | 2      | 1.000       | sort by onset |" in told
    real = sum(len(world.identifiable) for world in oracle.worlds)
    assert f"{real} of {real}" in told.split("real, of pairs given")[1]


def test_a_margin_is_of_all_edges_together_and_its_interval_of_graphs(known):
    good = score(known, {("s1", "s2"): 1.0, ("s2", "s3"): 1.0})
    bad = score(known, {("s1", "s2"): 1.0, ("s4", "s5"): 1.0, ("s4", "s6"): 0.5})
    assert margin([(good, bad)] * 3) == pytest.approx((0.6, 0.6))
    low, high = margin([(good, bad), (good, good)])
    assert (low, high) == pytest.approx((0.0, 0.6))
    ours = [Result("c", "infer", s, ("a", "b", "c"), good, 1.0) for s in (0, 1)]
    other = [Result("c", "VAR-lasso", s, ("a", "b", "c"), bad, 1.0) for s in (1, 2)]
    table = margins({"c": [*ours, *other], "d": ours})
    assert len(table) == 3  # nothing to compare in d
    assert [cell.strip() for cell in table[2].strip("|").split("|")] == [
        "c", "1", "1.000", "VAR-lasso", "0.400", "+0.600", "+0.600 – +0.600",
    ]  # fmt: skip


def test_edges_of_several_cells_are_counted_together(known):
    right = score(known, {("s1", "s2"): 0.95, ("s2", "s3"): 0.6})
    wrong = score(known, {("s1", "s2"): 0.97, ("s4", "s5"): 0.92})
    cells = {
        name: [Result(name, "infer", 0, ("a", "b", "c"), one, 1.0)]
        for name, one in (("one", right), ("two", wrong))
    }
    rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in sureness(cells)]
    assert rows[0][-2] == "0.9 – 1"
    assert [row[-2] for row in rows[2:]] == ["1 of 1", "1 of 2", "2 of 3"]
    assert sureness(cells, "infer, in steps") == []


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
