"""The figure of an inferred graph: readable for any number of skills and edges."""

from __future__ import annotations

from pathlib import Path

import networkx as nx
import pytest
from drawn_inference import NAMES, SIZES, in_a_circle, made, told
from matplotlib.patches import FancyArrowPatch
from test_plot_calibration import overlaps

from domino_sim.inference import Inference
from domino_sim.plot import save_figure
from domino_sim.plot.inference_graph import inferred_graph_figure


@pytest.mark.parametrize(("skills", "runs"), SIZES)
def test_the_graph_is_readable(skills: int, runs: int) -> None:
    figure = inferred_graph_figure(made(skills, runs))
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


def test_edges_that_are_not_sure_have_their_probability_beside_them() -> None:
    graph = nx.DiGraph()
    graph.add_nodes_from("abcd", gate="and", requires="", left_out="")
    for a, b, p, status in (
        ("a", "b", 1.0, "found"), ("a", "c", 0.731, "found"), ("b", "d", 0.31, "possible"),
    ):  # fmt: skip
        graph.add_edge(a, b, probability=p, status=status, reason="", gain=0.0, runs={})
    found = made(6, 4)
    figure = inferred_graph_figure(Inference(graph, found.report, found.predicted))
    numbers = [text for text in told(figure) if text[:2] in ("0.", "1.")]
    assert sorted(numbers) == ["0.31", "0.73"] and not overlaps(figure)


def test_of_many_unsure_edges_a_legend_says_how_wide_they_are() -> None:
    graph = nx.DiGraph()
    graph.add_nodes_from(map(str, range(20)), gate="and", requires="", left_out="")
    for k in range(45):
        graph.add_edge(str(k % 9), str(9 + k % 11), probability=0.6, status="found", reason="",
                       gain=0.0, runs={})  # fmt: skip
    found = made(6, 4)
    figure = inferred_graph_figure(Inference(graph, found.report, found.predicted))
    assert "0.60" not in told(figure) and "probability 0.5" in told(figure)


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


def test_a_graph_without_edges_says_so() -> None:
    assert any("0 prerequisites found" in text for text in told(inferred_graph_figure(made(1, 1))))


@pytest.mark.usefixtures("sketched_figures")
@pytest.mark.parametrize("names", NAMES)
def test_any_name_is_drawn_as_it_is(names: str, tmp_path: Path) -> None:
    figure = inferred_graph_figure(made(6, 4, names=names))
    save_figure(figure, tmp_path / "figure.png")
    assert any(names.format(1)[:8] in text for text in told(figure))


def test_found_edges_in_a_circle_are_drawn_all_the_same() -> None:
    assert inferred_graph_figure(in_a_circle()).axes
