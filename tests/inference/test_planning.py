"""Planned runs: they decide what can be told, and keep to what is feasible."""

from __future__ import annotations

import csv
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import domino_sim
from benchmarks.inference.worlds import SHOWS
from domino_sim.errors import DominoError
from domino_sim.gates import parse_gate
from domino_sim.graph import build_graph
from domino_sim.inference.doubts import from_report, without
from domino_sim.inference.mixing import Limits, changed, drawn
from domino_sim.inference.outlook import Outlook, Pace, _nearest
from domino_sim.inference.promise import informed


def graph_of(**requires: str) -> nx.DiGraph:
    return build_graph({n: {"requires": text} if text else {} for n, text in requires.items()})


def decided(plan: domino_sim.inference.planned.Design) -> set[tuple[str, str]]:
    return {(edge["from"], edge["to"]) for edge in plan.report["decided"]}


def left(plan: domino_sim.inference.planned.Design) -> dict[tuple[str, str], str]:
    return {(edge["from"], edge["to"]): edge["reason"] for edge in plan.report["left"]}


def inferred(
    names: str,
    edges: dict[tuple[str, str], tuple[float, str]],
    gates: dict[str, str],
    mixtures: dict[str, dict[str, float]] | None = None,
) -> dict[str, Any]:
    """Report of an inference: edges with probability and status."""
    return {
        "skills": names.split(), "runs": list(mixtures or {"one": {}}), "noise": 0.01,
        "misfit": 1.0, "form": {"kind": "hard", "value": 0.99, "loss": "mse"}, "gates": gates,
        "mixtures": mixtures or {},
        "edges": [
            {"from": a, "to": b, "probability": p, "status": status}
            for (a, b), (p, status) in edges.items()
        ],
    }  # fmt: skip


def saved(table: dict[str, Any], folder: Path) -> Path:
    (folder / "report.json").write_text(json.dumps(table), "utf-8")
    return folder


def moves(graph: nx.DiGraph, edge: tuple[str, str], mixture: dict[str, float]) -> float:
    """By how much a noise-free level moves when an edge is taken away, by the events engine."""

    def levels(requires: dict[str, str], steps: int) -> Any:
        skills = {
            name: {"frequency": p} | ({"requires": requires[name]} if requires.get(name) else {})
            for name, p in mixture.items()
        }
        tables = {
            "steps": steps, "pool": {"law": "norm", "rate": 1e-2, "wasted": 5e-3},
            "record": {"points": 400}, "skills": skills,
        }  # fmt: skip
        return domino_sim.simulate(domino_sim.Scenario.from_dict(tables))

    whole = {name: graph.nodes[name].get("requires", "") for name in graph}
    last = int(np.nanmax(levels(whole, 10**6).mastered_at)) + 1
    rest = without(parse_gate(whole[edge[1]]), edge[0])
    changed_levels = levels(whole | {edge[1]: "" if rest is None else str(rest)}, last).level
    return float(np.abs(changed_levels - levels(whole, last).level).max())


# -- graphs that are known --------------------------------------------------------------------


def test_two_runs_show_every_edge_of_two_pairs_under_another_law_and_engine() -> None:
    # Of each gate of two only one is the last to finish in a run: two runs are the fewest.
    graph = domino_sim.load_graph("two-pairs")
    plan = domino_sim.design_mixtures(graph, "enough")
    assert plan.mixtures.sizes["run"] == 2
    assert decided(plan) == set(graph.edges)
    for edge in graph.edges:
        shown = [
            moves(graph, edge, dict(zip(graph, row, strict=True)))
            for row in plan.mixtures.values.tolist()
        ]
        assert max(shown) > SHOWS


@pytest.mark.parametrize(
    ("requires", "implied"),
    [
        ({"A": "", "B": "A", "C": "A and B"}, {("A", "C")}),  # never the last
        ({"A": "", "B": "A", "C": "A or B"}, {("B", "C")}),  # never the first
        ({"A": "", "B": "A", "D": "", "C": "A and (B or D)"}, set()),
        ({"A": "", "B": "", "D": "", "C": "2 of (A, B, D)"}, set()),
    ],
    ids=["and", "or", "nested", "two-of"],
)
def test_edges_are_decided_unless_others_imply_them(
    requires: dict[str, str], implied: set[tuple[str, str]]
) -> None:
    graph = graph_of(**requires)
    plan = domino_sim.design_mixtures(graph, "enough")
    assert decided(plan) == set(graph.edges) - implied
    assert set(left(plan)) == implied
    assert all(reason.startswith("implied by others") for reason in left(plan).values())


def test_soft_gates_are_planned_for_too() -> None:
    graph = graph_of(A="", B="", C="A and B", D="A or B")
    plan = domino_sim.design_mixtures(graph, "enough", exponent=0.01)
    assert decided(plan) == set(graph.edges)
    assert plan.report["assumed"]["form"].startswith("soft gates")


def test_what_a_run_is_for_is_said() -> None:
    plan = domino_sim.design_mixtures(graph_of(A="", B="", C="A or B"), "enough", knock_outs=False)
    why = {(e["from"], e["to"]): e["why"] for run in plan.report["runs"] for e in run["decides"]}
    assert why["A", "C"] == "makes A the first to finish of what C needs one of"


def test_a_graph_without_edges_needs_no_run() -> None:
    assert domino_sim.design_mixtures(graph_of(A="", B="")).done


# -- inferences -------------------------------------------------------------------------------


def test_where_all_is_decided_no_run_is_needed(tmp_path: Path) -> None:
    sure = {("A", "B"): (0.9999, "found")}
    plan = domino_sim.design_mixtures(saved(inferred("A B C", sure, {"B": "A"}), tmp_path))
    assert plan.done
    assert not plan.report["left"]


def test_an_edge_that_is_not_seen_is_decided_by_making_its_prerequisite_the_last(
    tmp_path: Path,
) -> None:
    # In the run there is, X is learned long before A: needed too, it would not show; enough, it
    # would. Whatever the plan, X must be later than A then.
    edges = {("A", "B"): (0.9999, "found"), ("X", "B"): (0.02, "undetermined")}
    seen = {"one": {"A": 0.1, "B": 0.3, "X": 0.6}}
    folder = saved(inferred("A B X", edges, {"B": "A"}, seen), tmp_path)
    plan = domino_sim.design_mixtures(folder)
    assert decided(plan) == {("X", "B")}
    p = dict(zip("ABX", plan.mixtures.values[0].tolist(), strict=True))
    assert p["X"] < p["A"]


def test_runs_there_are_tell_needed_too_from_enough() -> None:
    edges = {("A", "B"): (0.9999, "found"), ("X", "B"): (0.02, "undetermined")}
    for x, kept in ((0.6, "A and X"), (0.01, "A or X")):
        seen = {"one": {"A": 0.1, "B": 0.9 - x, "X": x}}
        doubts = informed(from_report(inferred("A B X", edges, {"B": "A"}, seen)), Pace())
        assert [str(one.gate) for one in doubts.options[1]] == ["A", kept]
        # Not what was not known, nor what ran only in part under one mixture.
        report = inferred("A B X", edges, {"B": "A"}, seen | {"two": seen["one"] | {"B": None}})
        assert len(from_report(report).mixtures) == 1
        assert from_report(report | {"pieces": ["one"]}).mixtures is None


def test_an_edge_in_the_place_of_another_is_told_from_it(tmp_path: Path) -> None:
    edges = {("A", "B"): (0.6, "found"), ("X", "B"): (0.4, "possible")}
    folder = saved(inferred("A B X", edges, {"B": "A"}), tmp_path)
    assert decided(domino_sim.design_mixtures(folder)) == {("A", "B")}
    # Whether X is needed too, or enough, takes a run in which it is last and one where it is first.
    plan = domino_sim.design_mixtures(folder, 2)
    assert decided(plan) == set(edges)
    a, _, x = plan.mixtures.values.T
    assert sorted(x > a) == [False, True]


@pytest.mark.parametrize("leak", [0.0, 0.2])
def test_a_planned_run_keeps_its_promise(leak: float) -> None:
    """The χ² that is foretold is what the clock engine's curves have, beyond any re-timing."""
    edges = {("A", "B"): (0.6, "found"), ("X", "B"): (0.4, "possible")}
    table = inferred("A B X", edges, {"B": "A"})
    table["form"]["leak"] = leak
    doubts = from_report(table)
    mixture = np.array([[0.6, 0.3, 0.1]])
    outlook = Outlook(doubts, mixture, Pace(("sum",), wasted=0.01, points=200))
    which = [str(one.gate) for one in doubts.options[1]].index("X")
    view = outlook.view([0, 0, 0])
    told = outlook.distance(view, [0, 0, 0], 1, which)[0]

    def curve(gate: str, steps: int, points: int) -> Any:
        skills = {"A": {"frequency": 0.6}, "B": {"frequency": 0.3, "requires": gate},
                  "X": {"frequency": 0.1}}  # fmt: skip
        tables = {"steps": steps, "pool": {"law": "sum", "rate": 1e-4, "wasted": 0.01},
                  "gate": {"leak": leak},
                  "record": {"points": points}, "skills": skills}  # fmt: skip
        return domino_sim.simulate(domino_sim.Scenario.from_dict(tables), engine="clock")

    end = np.nanmax(curve("A", 10**5, 2).mastered_at) * 1.15
    one, other = curve("A", int(end), 201).level.values, curve("X", 4 * 10**4, 20000).level.values
    square = ((one[:, None, :] - other[None]) ** 2).sum(axis=2).min(axis=1)
    assert told == pytest.approx(square.sum() / 0.01**2, rel=0.05)


def test_a_folder_its_graph_and_the_inference_itself_are_planned_for_alike(
    tmp_path: Path,
) -> None:
    edges = {("A", "B"): (0.7, "found")}
    table = inferred("A B", edges, {"B": "A"})
    folder = saved(table, tmp_path)
    graph = {
        "directed": True, "multigraph": False, "graph": {}, "nodes": [{"id": "A"}, {"id": "B"}],
        "edges": [{"source": "A", "target": "B", "status": "found"}],
    }  # fmt: skip
    (folder / "graph.json").write_text(json.dumps(graph), "utf-8")
    found = domino_sim.inference.Inference(nx.DiGraph(), table, None)  # type: ignore[arg-type]
    plans = [domino_sim.design_mixtures(s) for s in (folder, folder / "graph.json", found)]
    for one, other in pairwise(plans):
        assert one.mixtures.identical(other.mixtures)
    with pytest.raises(DominoError, match="is the report of an inference; expected the folder"):
        domino_sim.design_mixtures(folder / "report.json")
    for missing in (folder / "none", "none"):
        with pytest.raises(DominoError, match=r"expected .*, or the folder of an inference"):
            domino_sim.design_mixtures(missing)
    (folder / "report.json").unlink()
    for source in (folder, folder / "graph.json"):
        with pytest.raises(DominoError, match=r"report\.json"):
            domino_sim.design_mixtures(source)


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({"kind": "leaky"}, "inference_or_graph: its gates are 'leaky'"),
        *(
            ({"leak": leak}, r"inference_or_graph: form\.leak: is .*expected a number from 0")
            for leak in (None, "0.1", 1.0, 1.5, -0.1, float("nan"))
        ),
    ],
)
def test_gates_of_another_form_are_refused_by_name(form: dict[str, Any], told: str) -> None:
    table = inferred("A B", {("A", "B"): (0.7, "found")}, {"B": "A"})
    table["form"] |= form
    found = domino_sim.inference.Inference(nx.DiGraph(), table, None)  # type: ignore[arg-type]
    with pytest.raises(DominoError, match=f"^{told}"):
        domino_sim.design_mixtures(found)


# -- what is feasible -------------------------------------------------------------------------


@given(
    st.integers(2, 9), st.floats(0.0, 0.9), st.floats(1.5, 1e3), st.booleans(),
    st.integers(0, 10**6), st.booleans(),
)  # fmt: skip
def test_mixtures_keep_to_the_limits(
    n: int, share: float, ratio: float, knock_outs: bool, seed: int, stranger: bool
) -> None:
    limits = Limits(share / n, ratio, knock_outs, n if stranger else None)
    skills, n = n, n + stranger
    rng = np.random.default_rng(seed)
    rare = [(k, k < skills - 1) for k in range(skills)]
    first = drawn(12, n, limits, rare, np.full(skills, 1.0 / skills), rng)
    for mixtures in (first, changed(first, 12, limits, rng)):
        np.testing.assert_allclose(mixtures.sum(axis=1), 1.0)
        trained = mixtures > 0.0
        there = trained[:, :skills]
        assert there.sum(axis=1).min() >= 2
        assert knock_outs or there.all()
        if stranger:
            assert (trained[:, skills] == ~there.all(axis=1)).all()
        least = np.where(trained, mixtures, np.inf).min(axis=1)
        assert (least >= limits.least * (1 - 1e-9)).all()
        assert (mixtures.max(axis=1) / least <= ratio * (1 + 1e-9)).all()


def test_the_same_seed_gives_the_same_mixtures() -> None:
    graph = domino_sim.load_graph("two-pairs")
    one, same, other = (domino_sim.design_mixtures(graph, seed=s) for s in (1, 1, 2))
    assert one.mixtures.identical(same.mixtures)
    assert not one.mixtures.identical(other.mixtures)


def test_the_files_are_read_back_as_mixtures(tmp_path: Path) -> None:
    plan = domino_sim.design_mixtures("two-pairs", 2, least=0.01)
    plan.save(tmp_path)
    with (tmp_path / "mixtures.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["run", "skill", "frequency"]
    for row in rows:
        given_p = plan.mixtures.sel(run=row["run"], skill=row["skill"])
        assert float(row["frequency"]) == float(given_p)
    assert json.loads((tmp_path / "design.json").read_text("utf-8")) == plan.report


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"runs": 0}, "runs: is 0; expected 1 to 50, or 'enough'"),
        ({"runs": "all"}, "runs: is 'all'"),
        ({"least": 0.2}, "least: is 0.2; expected a number from 0 to below 1/7"),
        ({"ratio": 1}, "ratio: is 1; expected a number in"),
        ({"law": "summ"}, "did you mean 'sum'"),
        ({"wasted": 0}, "wasted: is 0; expected a number > 0"),
        ({"points": 3}, "points: is 3"),
        ({"noise": -1.0}, "noise: is -1.0"),
        ({"mastery": 1.0}, "mastery: is 1.0"),
        ({"exponent": 0.0}, "exponent: is 0.0"),
        ({"seed": -1}, "seed: is -1"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_an_argument_out_of_its_range_is_named(options: dict[str, Any], told: str) -> None:
    with pytest.raises(DominoError, match=r"[a-z]+: .*expected") as refused:
        domino_sim.design_mixtures("two-pairs", **options)
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("source", "told"),
    [("two-pears", "did you mean 'two-pairs'"), (7, "is 7"), (nx.Graph([(1, 2)]), "undirected")],
    ids=["name", "number", "undirected"],
)
def test_what_is_no_graph_and_no_inference_is_refused(source: Any, told: str) -> None:
    with pytest.raises(DominoError, match=told):
        domino_sim.design_mixtures(source)


# -- distances --------------------------------------------------------------------------------


@settings(max_examples=30)
@given(st.floats(0.7, 1.5), st.integers(0, 10**6))
def test_a_run_that_is_only_timed_otherwise_tells_nothing(power: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rates = rng.uniform(0.2, 2.0, size=3)
    path = lambda tau: -np.expm1(-rates * tau[:, None])  # noqa: E731
    one, other = np.linspace(0.0, 6.0, 60), 6.0 * np.linspace(0.0, 1.0, 400) ** power
    assert _nearest(path(one)[None], path(other)[None]).max() < 2e-4


def test_a_distance_is_that_to_the_line_between_points() -> None:
    other = np.array([[[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]]])
    curve = np.array([[[0.5, 0.2], [1.3, 0.5], [2.0, 1.0], [-0.3, 0.0]]])
    np.testing.assert_allclose(_nearest(curve, other)[0], [0.04, 0.09, 1.0, 0.09])
