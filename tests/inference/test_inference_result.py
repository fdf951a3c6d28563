"""What an inference holds and its files."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
import xarray as xr
from inferred import edges

from benchmarks.inference.worlds import World, make_world
from domino_sim import infer, load_graph
from domino_sim.inference import Inference
from domino_sim.inference.evidence import BAD_FIT
from domino_sim.inference.forms import OPEN, Courses, Form
from domino_sim.inference.result import make_inference
from domino_sim.inference.structure import Structure
from domino_sim.inference.study import make_study

STATUSES = {"found", "possible", "undetermined"}


@cache
def world() -> World:
    return make_world(skills=5, runs=3, operators="mixed", seed=4, points=50)


@cache
def found() -> Inference:
    return infer(world().curves)


def test_every_edge_says_how_sure_it_is_and_what_decides() -> None:
    graph, runs = found().graph, set(found().report["runs"])
    assert set(graph) == set(world().names)
    for a, b, edge in graph.edges(data=True):
        assert 0.0 <= edge["probability"] <= 1.0
        assert edge["status"] in STATUSES
        assert (edge["reason"] == "") == (edge["status"] == "found"), (a, b)
        assert (edge["probability"] >= 0.5) == (edge["status"] == "found"), (a, b)
        assert set(edge["runs"]) == runs
        assert abs(sum(edge["runs"].values()) - edge["gain"]) < 0.01 * abs(edge["gain"]) + 5.0
        sizes = [abs(gain) for gain in edge["runs"].values()]
        assert sizes == sorted(sizes, reverse=True)


def test_an_edge_that_cannot_show_is_not_found_but_undetermined() -> None:
    assert world().unidentifiable
    for edge in world().unidentifiable:
        assert found().graph.edges[edge]["status"] == "undetermined"
        assert found().graph.edges[edge]["reason"]


def test_the_found_graph_has_no_cycle_and_gates_over_its_edges() -> None:
    graph = found().found()
    assert nx.is_directed_acyclic_graph(graph)
    assert set(graph.edges) == edges(found())
    assert {n: d["requires"] for n, d in graph.nodes.items() if d} == found().report["gates"]


def test_the_model_fits_to_within_the_noise() -> None:
    ds = found().predicted
    miss = (ds.observed - ds.level).values
    assert np.sqrt(np.nanmean(miss**2)) < 1.1 * found().report["noise"]
    assert abs(found().report["noise"] - 0.01) < 0.002
    clock = ds.clock.values
    for row in clock:
        assert (np.diff(row[np.isfinite(row)]) >= 0.0).all()
    same = np.isfinite(ds.observed.values)
    np.testing.assert_array_equal(same, np.isfinite(world().curves.level.values))


def test_the_report_is_plain_json_and_holds_every_edge() -> None:
    report = found().report
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    assert {(e["from"], e["to"]) for e in report["edges"]} == set(found().graph.edges)
    assert report["skills"] == list(world().names)
    given = [edge["probability"] for edge in report["edges"]]
    assert given == sorted(given, reverse=True)
    assert report["form"]["text"] in repr(found())


@pytest.mark.parametrize(("scale", "told"), [(2.0, True), (1.0, False)])
def test_that_nothing_explains_the_curves_is_said_where_it_caps_what_is_sure(
    scale: float, told: bool
) -> None:
    """By the means of neighbouring records, by which probabilities go, and not by each record."""
    study = make_study(world().curves, None)
    courses = Courses(Form("hard", 0.99), study.frequency, study.before["mse"])
    structure = Structure(courses, study.records)
    structure.gates = dict.fromkeys(range(len(study.skills)), OPEN)
    structure.follow(set(structure.gates))
    structure.seek()
    for stopped in (False, True):
        report = make_inference(
            study, structure, [], scale, {}, study.skills, stopped=stopped
        ).report
        assert report["misfit"] > BAD_FIT
        said = [one for one in report["remarks"] if f"are {scale:.1f} times as far" in one]
        assert bool(said) is told
        assert all(("this graph does not explain" in one) is stopped for one in said)
        assert all("the farthest off is '" in one for one in said)


def test_the_files_are_complete_and_replace_older_ones(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text("old", "utf-8")
    paths = found().save(tmp_path)
    assert [path.name for path in paths] == ["graph.json", "report.json", "predicted.nc"]
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in paths}
    assert json.loads(paths[1].read_text("utf-8")) == found().report
    with xr.open_dataset(paths[2]) as ds:
        xr.testing.assert_allclose(ds.load(), found().predicted)
    written = nx.node_link_graph(json.loads(paths[0].read_text("utf-8")), edges="edges")
    statuses = {(a, b): each for a, b, each in written.edges(data=True)}
    assert statuses == {(a, b): each for a, b, each in found().graph.edges(data=True)}
    assert {"found", "undetermined"} <= {each["status"] for each in statuses.values()}
    nodes = {node["id"]: node for node in json.loads(paths[0].read_text("utf-8"))["nodes"]}
    assert set(nodes) == set(world().names)
    shares = world().frequencies.mean(axis=0)
    for name, share in zip(world().names, shares, strict=True):
        gate = nodes[name].get("requires", "")
        assert nodes[name]["gate"] == ("or" if " or " in gate else "and" if gate else "none")
        assert abs(nodes[name]["frequency"] - share) < 1e-9
        assert ("mastery" in nodes[name], "leak" in nodes[name]) == (bool(gate),) * 2


def test_the_graph_of_the_folder_loads_as_any_skill_graph(tmp_path: Path) -> None:
    found().save(tmp_path)
    graph = load_graph(tmp_path / "graph.json")
    assert set(graph.edges) == edges(found())
    for name, gate in found().report["gates"].items():
        assert set(graph.predecessors(name)) == {a for a, b in edges(found()) if b == name}
        assert (" or " in str(graph.nodes[name].get("requires", ""))) == (" or " in gate)


def test_a_folder_is_made_where_there_is_none(tmp_path: Path) -> None:
    assert all(path.is_file() for path in found().save(tmp_path / "new" / "one"))


def test_any_name_comes_through(tmp_path: Path) -> None:
    names = ["'", "a b", "日本", "s1 and s2", "or"]
    given = dict(zip(world().names, names, strict=True))
    there = infer(world().curves.assign_coords(skill=names))
    assert edges(there) == {(given[a], given[b]) for a, b in edges(found())}
    there.save(tmp_path)
    assert json.loads((tmp_path / "report.json").read_text("utf-8"))["skills"] == names
