"""``domino-sim design``: what it writes, says and refuses."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from test_cli import cli, in_a_folder_of_its_own, names_in  # noqa: F401
from test_planning import inferred, saved

import domino_sim
from domino_sim.cli.design import DESIGN_FILES
from domino_sim.graph import build_graph

EDGES = {
    ("A", "B"): (0.9999, "found"), ("X", "B"): (0.02, "undetermined"),
    ("A", "D"): (0.02, "undetermined"), ("B", "D"): (0.9999, "found"),
}  # fmt: skip
GATES = {"B": "A", "D": "B"}
SEEN = {"one": {"A": 0.1, "B": 0.3, "X": 0.5, "D": 0.1}}


@pytest.fixture
def folder() -> str:
    Path("inference").mkdir()
    saved(inferred("A B X D", EDGES, GATES, SEEN), Path("inference"))
    return "inference"


def test_it_says_what_each_run_decides_and_why(folder: str) -> None:
    code, out, err = cli("design", folder, "--out", "there")
    assert (code, err) == (0, "")
    assert names_in(Path("there")) == sorted(DESIGN_FILES)
    assert re.search(r"^planned 1: decides 1 more edges, 0\.\d+ bits", out, re.MULTILINE)
    assert re.search(r"^ +X +B +0\.02 +1\.00 +(makes X|knocks X)", out, re.MULTILINE)
    assert "Expected of 1 run: 1 of 2 edges in doubt decided" in out
    assert "implied by others: it is a prerequisite of one" in out
    assert "any law, N₀ 0.01; 200 records a run, noise 0.01" in out
    assert Path("there/design.png").read_bytes().startswith(b"\x89PNG")


def test_first_runs_are_planned_from_names_alone() -> None:
    code, out, err = cli("design", "--skills", "A, B,C,D", "--runs", "5", "--stranger", "other")
    assert (code, err) == (0, "")
    assert names_in(Path("results/design-first")) == sorted(DESIGN_FILES)
    assert re.search(r"^ +other( +0\.250){5}", out, re.MULTILINE)
    assert len(re.findall(r"^ +[ABCD] .* out ", out, re.MULTILINE)) == 4
    assert "frequencies of a run differ by up to 5 ×; other in place of what is left out" in out
    report = json.loads(Path("results/design-first/design.json").read_text("utf-8"))
    assert report["source"] == "skills" and report["skills"] == ["A", "B", "C", "D"]
    rows = Path("results/design-first/mixtures.csv").read_text("utf-8").splitlines()
    assert len(rows) == 1 + 5 * 5


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "--skills: there is nothing to plan for; expected a graph, an inference, or --skills"),
        (["two-pairs", "--skills", "A,B"], "--skills: is given beside a graph or an inference"),
        (["--skills", "A,A"], "--skills: has 'A' twice"),
        (["--skills", "A,B", "--runs", "enough"], "--runs: is 'enough'"),
        (["--skills", "A,B", "--stranger", "A"], "--stranger: is 'A', the name of a skill"),
    ],
)
def test_what_first_runs_are_refused(arguments: list[str], said: str) -> None:
    code, out, err = cli("design", *arguments)
    assert code == 2 and out == ""
    assert said in err


def test_of_a_graph_it_says_how_many_runs_are_enough() -> None:
    code, out, _ = cli("design", "two-pairs", "--runs", "enough", "--no-knock-outs")
    assert code == 0
    assert "planned 2: " in out and "planned 3: " not in out
    assert "Expected of 2 runs: 6 of 6 edges in doubt decided" in out
    assert " out\n" not in out
    assert "results/design-two-pairs/mixtures.csv" in out


def test_json_is_the_file_and_nothing_else(folder: str) -> None:
    code, out, err = cli("design", folder, "--json", "--out", "there")
    assert (code, err) == (0, "")
    assert json.loads(out) == json.loads(Path("there/design.json").read_text("utf-8"))


def test_all_names_what_is_left(folder: str) -> None:
    _, out, _ = cli("design", folder, "--all")
    assert re.search(r"^ +A +D +0\.02 +implied by others", out, re.MULTILINE)


@pytest.mark.parametrize(
    ("edges", "told"),
    [
        ({("A", "B"): (0.9999, "found")}, "All edges are decided already: no run is needed."),
        (
            {k: v for k, v in EDGES.items() if k != ("X", "B")},
            "No run would decide more: 1 edge cannot be told.",
        ),
    ],
    ids=["decided", "implied"],
)
def test_where_no_run_is_needed_that_is_said(edges: dict[Any, Any], told: str) -> None:
    Path("it").mkdir()
    gates = {b: a for (a, b), (_, status) in edges.items() if status == "found"}
    saved(inferred("A B X D", edges, gates, SEEN), Path("it"))
    code, out, err = cli("design", "it", "--out", "there")
    assert (code, err) == (0, "")
    assert told in out
    assert Path("there/mixtures.csv").read_text("utf-8") == "run,skill,frequency\n"


def test_a_bad_fit_is_said_first() -> None:
    Path("it").mkdir()
    saved(inferred("A B X D", EDGES, GATES, SEEN) | {"misfit": 7.0}, Path("it"))
    _, out, _ = cli("design", "it")
    assert out.startswith("note: the inferred model does not fit (misfit 7.0)")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("two-pears",), "did you mean 'two-pairs'?"),
        (("two-pairs", "--runs", "all"), "--runs: is 'all'; expected 1 to 50, or 'enough'"),
        (("two-pairs", "--least", "0.5"), "--least: is 0.5; expected a number from 0 to below 1/7"),
        (
            ("two-pairs", "--law", "nrm"),
            "--law: is 'nrm'; expected one of any, sum, norm, constant",
        ),
        (("empty",), "empty: has no report.json; expected the folder of an inference"),
        (("wrong",), "it lacks skills, runs, form"),
    ],
    ids=["name", "runs", "least", "law", "empty", "wrong"],
)
def test_what_cannot_be_planned_for_is_refused_by_name(
    arguments: tuple[str, ...], told: str
) -> None:
    Path("empty").mkdir()
    Path("wrong").mkdir()
    Path("wrong/report.json").write_text("{}", "utf-8")
    code, out, err = cli("design", *arguments)
    assert (code, out) == (2, "")
    assert told in err and err.count("\n") == 1
    assert not Path("results").exists()


def test_what_infer_wrote_can_be_planned_for() -> None:
    graph = build_graph({"A": {}, "B": {"requires": "A"}, "C": {}})
    lines, mixtures = ["run,step,skill,level"], ["run,skill,frequency"]
    tables = {"steps": 4000, "pool": {"rate": 1e-3, "wasted": 1e-3}, "record": {"points": 60}}
    for run in ("one", "two"):
        p = {n: 0.3 if (k % 2) == (run == "one") else 0.1 for k, n in enumerate(graph)}
        skills = {n: {**dict(graph.nodes[n]), "frequency": p[n]} for n in graph}
        ds = domino_sim.simulate(domino_sim.Scenario.from_dict({**tables, "skills": skills}))
        mixtures += [f"{run},{name},{value}" for name, value in p.items()]
        lines += [
            f"{run},{int(step)},{name},{float(level):.5f}"
            for step, row in zip(ds.step.values, ds.level.values, strict=True)
            for name, level in zip(graph, row, strict=True)
        ]
    Path("curves.csv").write_text("\n".join(lines) + "\n", "utf-8")
    Path("mixtures.csv").write_text("\n".join(mixtures) + "\n", "utf-8")
    assert cli("infer", "curves.csv", "--mixtures", "mixtures.csv", "--out", "it")[0] == 0
    code, out, err = cli("design", "it", "--json", "--out", "there")
    assert (code, err) == (0, "")
    assert json.loads(out)["source"] == "inference"
    report = json.loads(Path("it/report.json").read_text("utf-8"))
    assert report["mixtures"]["one"] == pytest.approx({"A": 0.1, "B": 0.3, "C": 0.1})
    assert cli("design", "it/graph.json", "--json")[1] == out
