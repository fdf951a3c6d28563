"""The worlds of the benchmark of inference: random graphs, their runs, and what shows in them."""

from __future__ import annotations

import csv
import json

import networkx as nx
import numpy as np
import pytest

import domino_sim
from benchmarks.inference.cells import CELLS
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
    if world.change is not None:
        later = dict(zip(world.names, world.change.frequencies[run].tolist(), strict=True))
        changed = {f"skills.{name}.frequency": p for name, p in later.items()}
        tables["interventions"] = [{"at": int(world.change.steps[run]), "set": changed}]
    return simulate(Scenario.from_dict(tables), engine="clock").level.values


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
        {"laws": ["sum", "norm", "constant"], "changes": True},
        {"gate": "soft", "law": "norm", "exponent": 0.1, "changes": True},
    ],
)
def test_levels_are_those_of_the_simulator(options):
    world = make_world(skills=6, runs=3, operators="mixed", seed=4, points=40, **options)
    for run in range(3):
        found = simulated(world, run, requires(world))
        np.testing.assert_allclose(world.clean[run], found, atol=1e-8)


@pytest.mark.parametrize(("gate", "changes"), [("hard", False), ("soft", False), ("hard", True)])
def test_an_edge_moves_levels_as_much_as_simulations_without_it_say(gate, changes):
    options = {"operators": "mixed", "seed": 3, "gate": gate, "points": 60, "changes": changes}
    world = make_world(skills=6, runs=2, **options)
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


# -- mixtures that are known in part, or change ---------------------------------------------------


def test_mixtures_change_once_in_the_middle_of_every_run():
    cell = CELLS["10x8-changes"]
    world = cell.world(cell.variants[0], 7)
    assert str(cell) == "10 skills, 8 runs, 1%, mixtures changed within runs"
    last = np.array([steps[-1] for steps in world.steps])
    assert (world.change.steps > 0.2 * last).all()
    assert (world.change.steps < 0.8 * last).all()
    np.testing.assert_allclose(world.change.frequencies.sum(axis=1), 1.0)
    assert np.abs(world.change.frequencies - world.frequencies).max(axis=1).min() > 0.01
    same = make_world(skills=10, runs=8, operators="mixed", seed=7)
    np.testing.assert_array_equal(world.frequencies, same.frequencies)
    assert nx.utils.graphs_equal(world.graph, same.graph)


def test_changed_mixtures_are_written_with_the_step_from_which_they_hold(tmp_path):
    world = make_world(skills=4, runs=2, seed=1, points=20, changes=True)
    write(world, tmp_path)
    with (tmp_path / "mixtures.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * 2 * 4
    found = {(r["run"], int(r["step"]), r["skill"]): float(r["frequency"]) for r in rows}
    for run, mixtures in world.schedule.items():
        assert len(mixtures) == 2
        for step, mixture in mixtures.items():
            assert {s: found[run, step, s] for s in world.names} == mixture
    second = int(world.change.steps[1])
    np.testing.assert_array_equal(
        list(world.schedule["run 2"][second].values()), world.change.frequencies[1]
    )


def test_a_changing_rate_and_changing_mixtures_do_not_go_together():
    with pytest.raises(ValueError, match="learning rate"):
        make_world(skills=4, runs=2, changes=True, schedule="warmup-cosine")


def test_mixtures_can_be_taken_out_of_all_runs_but_the_first(world):
    for known in (0, 2):
        frequency = world.without_mixtures(known).frequency
        assert frequency[:known].notnull().all()
        assert frequency[known:].isnull().all()
    assert world.curves.frequency.notnull().all()
