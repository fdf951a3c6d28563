"""Methods on trained networks: what they are tuned on, what is kept. Nothing is trained here."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.inference import network_baselines
from benchmarks.inference.evaluation import Journal
from benchmarks.inference.network_baselines import GEOMETRY, evaluate_networks, first_runs
from benchmarks.inference.worlds import make_world

GRAPHS = ["tower", "fan", "ring"]


@pytest.fixture
def made(monkeypatch):
    """Simulated worlds in the place of trained ones, by graph, optimiser, seed."""
    worlds = {}

    def world(graph, optimizer, seed, runs, cache):
        key = graph, optimizer, seed
        number = 10 * GRAPHS.index(graph) + 2 * seed + (optimizer == "adam")
        return worlds.setdefault(key, make_world(skills=5, runs=runs, points=60, seed=number))

    monkeypatch.setattr(network_baselines, "_perceptron", world)
    return worlds


@pytest.fixture
def folds(monkeypatch):
    """The worlds that a baseline was tuned on, each time."""
    seen, tune = [], network_baselines.tune

    def spy(baseline, worlds):
        seen.append(list(worlds))
        return tune(baseline, worlds)

    monkeypatch.setattr(network_baselines, "tune", spy)
    return seen


def test_a_baseline_is_tuned_on_other_graphs_of_the_same_optimiser(made, folds):
    found = list(evaluate_networks(GRAPHS, range(2), ["knock-out contrasts"], Journal(), runs=(8,)))
    assert [one.variant for one in found][:3] == [
        ("tower", "signgd", "8 runs"), ("tower", "signgd", "8 runs"), ("tower", "adam", "8 runs"),
    ]  # fmt: skip
    assert len(found) == len(folds) == 3 * 2 * 2
    for one, worlds in zip(found, folds, strict=True):
        graph, optimizer, _ = one.variant
        assert {key for key, world in made.items() if any(world is w for w in worlds)} == {
            (other, optimizer, seed) for other in GRAPHS if other != graph for seed in (0, 1)
        }
        assert not one.failed
        assert one.score is not None


def test_fewer_runs_are_the_first_of_more(made):
    list(evaluate_networks(["tower"], [0], ["sort by onset"], Journal(), runs=(8, 10)))
    whole = made["tower", "signgd", 0]
    part = first_runs(whole, 8)
    assert len(whole.steps) == 10
    assert len(part.runs) == len(part.clean) == part.curves.sizes["run"] == 8
    np.testing.assert_array_equal(part.frequencies, whole.frequencies[:8])
    np.testing.assert_array_equal(part.levels[7], whole.levels[7])
    assert part.identifiable == whole.identifiable
    assert first_runs(whole, 10) is whole


def test_what_is_kept_is_not_worked_out_again(made, folds, tmp_path):
    path = tmp_path / "lines.jsonl"
    runs = {"runs": (8,)}
    first = list(evaluate_networks(GRAPHS[:2], [0], ["sort by onset"], Journal(path), **runs))
    asked = len(folds)
    again = list(evaluate_networks(GRAPHS[:2], [0], ["sort by onset"], Journal(path), **runs))
    assert len(folds) == asked
    assert [one.key for one in again] == [one.key for one in first]


def test_ours_is_not_tuned_and_what_breaks_a_method_is_told(made, folds, monkeypatch):
    def broken(world, name):
        raise RuntimeError("no luck")

    monkeypatch.setattr(network_baselines, "probabilities", broken)
    (one, _) = evaluate_networks(["tower"], [0], ["infer"], Journal(), runs=(8,))
    assert folds == []
    assert (one.failed, one.note, one.score.f1) == (True, "RuntimeError: no luck", 0.0)


def test_every_geometry_world_has_a_graph_of_its_own(monkeypatch, folds):
    def world(optimizer, seed, cache):
        return make_world(skills=5, runs=8, points=60, seed=seed)

    monkeypatch.setattr(network_baselines, "_composed", world)
    found = list(evaluate_networks([GEOMETRY], range(3), ["sort by onset"], Journal()))
    assert {one.cell for one in found} == {"geometry x8"}
    assert len(found) == 3 * 3
    assert {len(worlds) for worlds in folds} == {2}
