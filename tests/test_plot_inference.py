"""Figures of inferences: readable for any number of skills, runs and edges."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch
from test_plot_calibration import overlaps, texts

from domino_sim.inference import Inference
from domino_sim.plot import save_figure
from domino_sim.plot.inference import (
    MAX_EDGES,
    MAX_PANELS,
    fit_figure,
    inferred_graph_figure,
    runs_figure,
)

SIZES = [(1, 1), (6, 4), (50, 8), (120, 30)]


@cache
def made(skills: int, runs: int, *, log: bool = False, names: str = "s{}") -> Inference:
    """An inference as `infer` gives it, of a graph that is drawn."""
    rng = np.random.default_rng(skills)
    named = [names.format(i + 1) for i in range(skills)]
    labels = [f"run {r + 1}" for r in range(runs)]
    graph = nx.DiGraph()
    for i, name in enumerate(named):
        graph.add_node(name, gate="none", requires="", left_out="")
        for j in rng.choice(i, size=min(i, int(rng.integers(0, 3))), replace=False) if i else []:
            p = float(rng.uniform(0.5, 1.0))
            each = np.sort(rng.lognormal(3.0, 3.0, runs) - 20.0)[::-1]
            graph.add_edge(
                named[j], name, probability=p, status="found", reason="",
                gain=float(each.sum()), runs=dict(zip(labels, each.tolist(), strict=True)),
            )  # fmt: skip
            graph.nodes[name]["gate"] = ("and", "or")[i % 2]
    for a, b in [(0, skills - 1), (1, skills - 2)] if skills > 5 else []:
        if not graph.has_edge(named[a], named[b]):
            graph.add_edge(
                named[a], named[b], probability=0.2, status="possible",
                reason="the data do not decide", gain=3.0, runs=dict.fromkeys(labels, 0.1),
            )  # fmt: skip
    if skills > 5:
        graph.nodes[named[4]]["left_out"] = "hardly moves in any run"
    steps = np.r_[0, np.unique(np.geomspace(1, 1e5, 60).astype(int))] if log else np.arange(90)
    part = np.linspace(0.0, 3.0, len(steps))
    begins = np.linspace(0.0, 2.0, skills)
    level = 1.0 - np.exp(-4.0 * np.maximum(part[:, None] - begins, 0.0))
    level = np.stack([level] * runs)
    dims = ("run", "step", "skill")
    predicted = xr.Dataset(
        {
            "level": (dims, level),
            "observed": (dims, level + 0.02 * rng.normal(size=level.shape)),
            "clock": (dims[:2], np.tile(part, (runs, 1))),
        },
        {"run": labels, "step": steps, "skill": named},
    )
    report = {"runs": labels, "form": {"text": "soft gates, exponent 0.00925926, mse"}}
    return Inference(graph, report, predicted)


def told(figure: Figure) -> list[str]:
    return [text.get_text() for text in texts(figure)]


@pytest.mark.parametrize(("skills", "runs"), SIZES)
@pytest.mark.parametrize("draw", [inferred_graph_figure, fit_figure, runs_figure])
def test_every_figure_is_readable(draw, skills: int, runs: int) -> None:
    figure = draw(made(skills, runs))
    assert not overlaps(figure)
    width, height = figure.get_size_inches()
    assert width <= 20 and height <= 20


def test_edges_are_the_wider_the_surer_and_possible_ones_dashed() -> None:
    found = made(20, 8)
    figure = inferred_graph_figure(found)
    arrows = [patch for patch in figure.axes[0].patches if isinstance(patch, FancyArrowPatch)]
    drawn = list(found.graph.edges(data=True))
    assert len(arrows) == len(drawn)
    widths = {}
    for arrow, (_, _, edge) in zip(arrows, drawn, strict=True):
        assert (arrow.get_linestyle() not in ("-", "solid")) == (edge["status"] == "possible")
        if edge["status"] == "found":
            widths[edge["probability"]] = (arrow.get_linewidth(), arrow.get_alpha())
    assert [widths[p] for p in sorted(widths)] == sorted(widths.values())
    assert "found: one is enough" in told(figure) and "possible" in told(figure)


def test_undetermined_edges_are_counted_and_drawn_only_if_few() -> None:
    for count, drawn in ((3, 3), (30, 0)):
        found = made(20, 8)
        graph = found.graph.copy()
        before = graph.number_of_edges()
        free = [(a, b) for a, b in nx.non_edges(graph) if not nx.has_path(graph, b, a)]
        for a, b in free[:count]:
            graph.add_edge(a, b, probability=0.01, status="undetermined",
                           reason="never binding in these runs", gain=0.0,
                           runs=dict.fromkeys(found.report["runs"], 0.0))  # fmt: skip
        figure = inferred_graph_figure(Inference(graph, found.report, found.predicted))
        arrows = [p for p in figure.axes[0].patches if isinstance(p, FancyArrowPatch)]
        assert len(arrows) == before + drawn
        assert any(f"{count} undetermined" in text for text in told(figure))


def test_panels_are_of_some_runs_and_the_title_says_so() -> None:
    figure = fit_figure(made(50, 30))
    assert sum(ax.axison for ax in figure.axes) == MAX_PANELS
    assert any("12 of 30 runs" in text and "24 of 50 skills" in text for text in told(figure))


def test_the_step_axis_is_logarithmic_where_checkpoints_are() -> None:
    assert {ax.get_xscale() for ax in fit_figure(made(6, 4)).axes} == {"linear"}
    assert {ax.get_xscale() for ax in fit_figure(made(6, 4, log=True)).axes} == {"log"}


def test_the_rows_of_many_edges_are_the_weakest() -> None:
    found = made(120, 30)
    figure = runs_figure(found)
    rows = [text for text in told(figure) if " → " in text]
    assert len(rows) == MAX_EDGES < found.graph.number_of_edges()
    assert any(f"{MAX_EDGES} of " in text for text in told(figure))


def test_where_there_is_no_edge_the_figures_say_so() -> None:
    found = made(1, 1)
    assert "No prerequisite was found" in told(runs_figure(found))
    assert any("0 prerequisites found" in text for text in told(inferred_graph_figure(found)))


@pytest.mark.parametrize("names", ["$\\frac{{}}$ {}", "_{}", "a very long name of a skill {}"])
def test_any_name_is_drawn_as_it_is(names: str, tmp_path: Path) -> None:
    found = made(6, 4, names=names)
    for number, draw in enumerate((inferred_graph_figure, fit_figure, runs_figure)):
        save_figure(draw(found), tmp_path / f"{number}.png")
    assert names.format(1) in " ".join(told(fit_figure(found))) or "…" in names or len(names) > 20


def test_found_edges_in_a_circle_are_drawn_all_the_same() -> None:
    found = made(3, 1)
    graph = nx.DiGraph()
    graph.add_nodes_from(found.graph.nodes(data=True))
    for a, b in (("s1", "s2"), ("s2", "s3"), ("s3", "s1")):
        graph.add_edge(a, b, probability=0.6, status="found", reason="", gain=20.0,
                       runs={"run 1": 20.0})  # fmt: skip
    circle = Inference(graph, found.report, found.predicted)
    for draw in (inferred_graph_figure, runs_figure):
        assert draw(circle).axes
