"""Graphs of serial pools: what orders of service say about gates, and graphs found from curves."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from inferred import edges, invented, missed, simulated
from served import drawn, lines, order_of, shown_of

from benchmarks.inference.worlds import make_world
from domino_sim.curves import join_curves, make_curves
from domino_sim.errors import ArgumentError
from domino_sim.inference import infer
from domino_sim.inference.forms import OPEN, Requires
from domino_sim.inference.networks.hypotheses import Rules, is_acyclic
from domino_sim.inference.planning import design_mixtures
from domino_sim.inference.serial import infer_serial
from domino_sim.inference.serial.circles import probabilities
from domino_sim.inference.serial.gates import weigh_gates
from domino_sim.inference.serial.orders import Service, read_orders
from domino_sim.inference.serial.shown import Shown, is_open
from domino_sim.inference.serial.turns import read_turns
from domino_sim.inference.study import make_study

PRICE = 6.0


@pytest.mark.parametrize("seed", range(4))
def test_gates_are_weighed_as_all_of_them_together(seed):
    rng = np.random.default_rng(seed)
    graph, frequency = drawn(rng, 5), np.exp(rng.normal(size=(3, 5)))
    evidence = shown_of(graph, frequency).evidence()[4]
    rules = Rules.of(5, None, None, 3)
    gates = weigh_gates(4, evidence, rules, PRICE)
    found, total = np.zeros(5), 0.0
    for size in range(4):
        sets = itertools.combinations(range(4), size)
        for skills, kind in itertools.product(sets, (False, True)):
            gate = Requires.of(skills, kind)
            if gate.any != kind:
                continue
            wrong = sum(
                (served and not is_open(gate, set(np.flatnonzero(maybe))))
                or (passed and is_open(gate, set(np.flatnonzero(surely))))
                for served, passed, maybe, surely in zip(
                    evidence.served, evidence.passed, evidence.maybe, evidence.surely, strict=True
                )
            )
            weight = math.factorial(size) * math.exp(-15.0 * wrong - 0.5 * PRICE * size)
            total += weight
            found[list(skills)] += weight
    np.testing.assert_allclose(gates.probability(), found / total, atol=1e-9)
    for j in range(4):
        for one, there in ((gates.best_with(j), True), (gates.best([j]), False)):
            assert (j in one.gate.skills) == there


def test_graphs_without_circles_are_drawn_by_their_weight():
    # Of 1 and 2 each may wait for the other, or for 0, and neither ever begins.
    frequency = np.array([[0.5, 1.0, 1.0, 0.1]])
    blocked = Shown(
        [Service((3,), ((3,),), 1.0)], np.where([[True, False, False, False]], 0.0, frequency),
        np.zeros((1, 4), dtype=bool), np.zeros((1, 4), dtype=bool),
        np.array([[False, True, True, True]]), np.full((1, 4), 2),
    )  # fmt: skip
    none = np.zeros((4, 4), dtype=bool)
    none[:, [0, 3]] = True  # 0 and 3 need nothing
    rules = Rules.of(4, none, None, 1)
    gates = [weigh_gates(i, one, rules, PRICE) for i, one in enumerate(blocked.evidence())]
    each = [one.cheapest(50) for one in gates]
    found, total = np.zeros((4, 4)), 0.0
    for graph in itertools.product(*each):
        if is_acyclic(tuple(one.gate for one in graph)):
            weight = math.exp(-0.5 * sum(one.cost for one in graph))
            total += weight
            for i, one in enumerate(graph):
                found[list(one.gate.skills), i] += weight
    start = (OPEN, Requires.of([0]), Requires.of([0]), OPEN)
    np.testing.assert_allclose(probabilities(gates, start), found / total, atol=0.015)
    # Alone, 1 would need 0 or 2, each as likely; but of the four graphs one has a circle.
    assert gates[1].probability()[2] == pytest.approx(1 / 2, abs=0.01)
    assert found[2, 1] / total == pytest.approx(1 / 3, abs=0.01)


CHAIN = {"a": "", "b": "", "c": "a and b", "d": "a or b", "e": "c"}
#: `a` last, `b` last, each alone soon, all else rare or frequent.
MIXTURES = [
    [0.1, 0.2, 0.9, 0.8, 1.0], [0.2, 0.1, 0.9, 0.8, 1.0], [0.5, 0.01, 0.6, 0.7, 0.8],
    [0.01, 0.5, 0.6, 0.7, 0.8], [0.9, 0.8, 0.1, 0.2, 1.0], [0.3, 0.0, 0.6, 0.7, 0.8],
    [0.0, 0.3, 0.6, 0.7, 0.8],
]  # fmt: skip


def _curves(**more):
    steps = [np.arange(0, 6000, 30)] * len(MIXTURES)
    return simulated(CHAIN, MIXTURES, steps=steps, law="domino", **more)


def test_orders_are_read_off_curves():
    study = make_study(_curves(noise=0.02), None)
    services, _ = read_orders(study, read_turns(study))
    graph = (OPEN, OPEN, Requires.of([0, 1]), Requires.of([0, 1], True), Requires.of([2]))
    assert [one.order for one in services] == [order_of(graph, row) for row in MIXTURES]
    assert all(len(one.groups) == len(one.order) and one.still > 100.0 for one in services)


def test_a_serial_pool_is_recognised_and_its_graph_found():
    found = infer(_curves())
    assert found.report["model"]["kind"] == "serial"
    assert found.report["misfit"] < 1.2
    assert edges(found) == {("a", "c"), ("b", "c"), ("a", "d"), ("b", "d"), ("c", "e")}
    assert found.graph.nodes["d"]["gate"] == "or"
    assert found.graph.nodes["c"]["gate"] == "and"
    # Run 7 has no `a`: there `c` never begins, run 2 serves `b` before it.
    gains = found.graph.edges["a", "c"]["runs"]
    assert gains["run 7"] > 1000.0
    assert sum(gains.values()) == pytest.approx(found.graph.edges["a", "c"]["gain"], abs=0.01)
    assert np.nanmax(np.abs(found.predicted["level"] - found.predicted["observed"])) < 0.05
    with pytest.raises(ArgumentError, match="is of a serial pool"):
        design_mixtures(found)


def test_a_run_without_its_mixture_tells_what_was_open_alone():
    curves = _curves()
    frequency = curves["frequency"].copy()
    frequency[5:] = np.nan
    found = infer(curves.assign(frequency=frequency))
    assert found.report["model"]["kind"] == "serial"
    assert edges(found) == {("a", "c"), ("b", "c"), ("a", "d"), ("b", "d"), ("c", "e")}
    unknown = make_study(curves.assign(frequency=curves["frequency"] * np.nan), None)
    grown = infer_serial(unknown, Rules.of(5, None, None, 4), PRICE)
    assert grown is not None
    assert not any(gate.skills for gate in grown.graph)
    assert {edge.status for edge in grown.edges} == {"undetermined"}


def test_what_is_known_beforehand_is_kept_to():
    found = infer(_curves(), prior={"required": [["d", "e"]], "forbidden": [["e", "c"]]})
    assert found.report["model"]["kind"] == "serial"
    assert found.graph.edges["d", "e"]["probability"] == 1.0
    assert ("e", "c") not in found.graph.edges


@pytest.mark.parametrize(("seed", "operators"), [(90_102, "mixed")])
def test_random_graphs_of_serial_pools(seed, operators):
    world = make_world(skills=8, runs=8, law="domino", operators=operators, seed=seed)
    found = infer(world.curves)
    assert found.report["model"]["kind"] == "serial"
    assert not missed(world, found)
    assert not invented(world, found, least=0.9)


@pytest.mark.parametrize("law", ["sum", "norm", "constant"])
def test_other_laws_are_not_taken_for_serial(law):
    world = make_world(skills=6, runs=5, law=law, spread=2.0, seed=7)
    study = make_study(world.curves, None)
    assert infer_serial(study, Rules.of(6, None, None, 4), PRICE) is None


def test_gates_that_fit_as_well_are_not_given_up_for_a_serial_pool():
    # Three runs of much noise: straight lines fit to 1.007, gates too.
    world = make_world(skills=4, runs=3, points=100, spread=3.0, noise=0.1, seed=902)
    study = make_study(world.curves, None)
    assert infer_serial(study, Rules.of(4, None, None, 4), PRICE) is not None
    found = infer(world.curves)
    assert found.report["model"]["kind"] == "gates"
    assert found.report["forms"]
    assert not missed(world, found)
    assert max(p for _, _, p in found.graph.edges(data="probability")) <= 0.89
    assert any("as well" in remark for remark in found.report["remarks"])


def test_of_a_search_that_is_stopped_a_serial_pool_is_not_sure():
    world = make_world(skills=5, runs=2, points=60, noise=0.05, law="norm", seed=904)
    found = infer(world.curves, seconds=0.05)
    assert max((p for _, _, p in found.graph.edges(data="probability")), default=0.0) <= 0.89


def test_what_has_no_curve_may_be_served_when_nothing_seems_to_be():
    # A, then G and H, of which two runs have no curve; none of the four needs anything.
    steps, level = lines([(0, 2, 3, 1)] * 3, np.zeros(4), 450)
    level[:2, :, 2:], level[:2, steps > 290] = np.nan, np.nan
    p = [[0.4, 0.1, 0.3, 0.2]] * 3
    curves = make_curves(runs="123", steps=steps, skills="ABGH", level=level, frequency=p)
    grown = infer_serial(make_study(curves, None), Rules.of(4, None, None, 3), PRICE)
    assert grown is not None
    assert not any(edge.status == "found" for edge in grown.edges)


@pytest.mark.parametrize("total", [300.5, 302.0])
def test_a_rate_that_dies_away_is_no_closed_gate(total):
    # Cosine to 0: the third skill is mastered shortly before the end, the fourth hardly begins.
    steps = np.arange(0, 601, 2)
    served = total * 0.5 * (steps / 600 + np.sin(np.pi * steps / 600) / np.pi)
    level = np.clip((2.0 * served[:, None] - 100.0 * np.arange(4)) / 100.0, 0.0, 1.0)
    level = level + 0.01 * np.random.default_rng(1).normal(size=level.shape)
    curves = make_curves(runs=["one"], steps=steps, skills="abcd", level=level[None],
                         frequency=[[0.4, 0.3, 0.2, 0.1]])  # fmt: skip
    study = make_study(curves, None)
    services, _ = read_orders(study, read_turns(study))
    assert services[0].order[:3] == (0, 1, 2)
    assert services[0].still == 0.0


def test_mixtures_may_change_while_a_skill_is_served():
    requires = (OPEN, OPEN, Requires.of([0, 1]), OPEN)
    rng, runs, schedule = np.random.default_rng(4), [], {}

    def mixture(row):
        return dict(zip("abcd", row.tolist(), strict=True))

    for r in range(6):
        first, then = rng.permutation(4) + 1.0, rng.permutation(4) + 1.0
        level, done, steps = np.zeros(4), set(), np.arange(0, 601, 10)
        rows = []
        for step in steps:
            rows.append(level.copy())
            row = first if step < 100 else then
            # As in the engine: the most frequent of those that are open, 0.01 a step.
            for _ in range(10):
                ready = [i for i in range(4) if i not in done and is_open(requires[i], done)]
                if ready:
                    i = max(ready, key=lambda i: row[i])
                    level[i] = min(level[i] + 0.01, 1.0)
                    done |= {i} if level[i] > 1.0 - 1e-9 else set()
        schedule[f"m{r}"] = {0: mixture(first), 100: mixture(then)}
        noisy = np.array(rows) + 0.01 * rng.normal(size=(len(steps), 4))
        runs.append(make_curves(runs=[f"m{r}"], steps=steps, skills="abcd", level=noisy[None],
                                frequency=[first]))  # fmt: skip
    study = make_study(join_curves(*runs), schedule)
    grown = infer_serial(study, Rules.of(4, None, None, 3), PRICE)
    assert grown is not None
    assert grown.misfit < 1.2
    assert grown.graph[2] == requires[2]


def test_skills_as_frequent_as_each_other_say_nothing_about_each_other():
    services = [Service((0, 1), ((0,), (1,)), 0.0)]
    there = np.ones((1, 2), dtype=bool)
    shown = Shown(services, np.array([[0.5, 0.5]]), ~there, ~there, there, np.full((1, 2), 3))
    assert not any(one.passed.any() for one in shown.evidence())


def _of_runs(orders, frequency, start, ends, last):
    """Return what is inferred from curves of runs that serve so; each ends where `ends` says."""
    steps, level = lines(orders, start, last)
    for (r, i), end in ends.items():
        level[r, steps > end, i] = np.nan
    curves = make_curves(runs=[f"run {r + 1}" for r in range(len(orders))], steps=steps,
                         skills="abcdefgh"[: level.shape[2]], level=level,
                         frequency=frequency)  # fmt: skip
    study = make_study(curves, None)
    return infer_serial(study, Rules.of(len(study.skills), None, None, 3), PRICE)


def test_a_skill_without_a_curve_may_be_mastered_where_a_run_was_trained_before():
    """b waits for the rare a, which runs 1 and 2 have no curve of: run 1 begins with it."""
    orders = [(2, 1, 3), (2, 3, 0, 1), (2, 3, 0, 1), (2, 0, 1, 3)]
    p = [[0.1, 0.3, 0.4, 0.2], [0.1, 0.5, 0.4, 0.2], [0.1, 0.5, 0.4, 0.2], [0.3, 0.5, 0.4, 0.2]]
    start = np.zeros((4, 4))
    start[0] = [1.0, 0.0, 0.5, 0.0]
    grown = _of_runs(orders, p, start, {(0, 0): -1, (1, 0): -1}, 450)
    assert grown is not None and grown.misfit < 1.2
    assert grown.graph == (OPEN, Requires.of([0]), OPEN, OPEN)
    # That it may be so is said, of that run alone.
    assert [one.split(" may have")[0] for one in grown.remarks] == ["'a'"]
    assert "'run 1'" in grown.remarks[0]


def test_a_curve_that_ends_before_its_run_does_not_tell_that_the_skill_never_began():
    """c is served unseen at the end; without its curve's end it would wait for d, never trained."""
    p = [[0.4, 0.3, 0.2, 0.0], [0.3, 0.4, 0.2, 0.0], [0.2, 0.3, 0.1, 0.4]]
    orders = [(0, 1, 2), (1, 0, 2), (3, 1, 0, 2)]
    grown = _of_runs(orders, p, np.zeros((3, 4)), {(0, 2): 150, (1, 2): 150}, 450)
    assert grown is not None and grown.misfit < 1.2
    assert not any(gate.skills for gate in grown.graph)


def test_an_edge_that_only_its_size_speaks_for_is_not_sure():
    """C and D need A and B: that D waits for C goes with all runs as well, and is an edge less."""
    truth = {"A": "", "B": "", "C": "A and B", "D": "A and B"}
    mixtures = [[0.2, 0.1, 0.4, 0.3], [0.1, 0.2, 0.4, 0.3], [0, 0.3, 0.4, 0.3], [0.3, 0, 0.4, 0.3]]
    curves = simulated(truth, mixtures, steps=[np.arange(0, 2501, 10)] * 4, law="domino")
    grown = infer_serial(make_study(curves, None), Rules.of(4, None, None, 4), 8.0)
    assert grown is not None
    assert grown.graph[3] == Requires.of([2])
    assert grown.probability[2, 3] == 0.89
    assert grown.probability[0, 2] > 0.9
    edge = next(e for e in grown.edges if (e.prerequisite, e.dependent) == (2, 3))
    assert edge.gain <= 0.0 and edge.probability == 0.89
