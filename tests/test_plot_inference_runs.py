"""The figure of which runs decide which edge: readable for any number of both."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from drawn_inference import NAMES, SIZES, in_a_circle, made, told
from test_plot_calibration import overlaps

from domino_sim.plot import save_figure
from domino_sim.plot.inference_runs import MAX_EDGES, runs_figure


@pytest.mark.parametrize(("skills", "runs"), SIZES)
def test_what_decides_is_readable(skills: int, runs: int) -> None:
    figure = runs_figure(made(skills, runs))
    assert not overlaps(figure)
    width, height = figure.get_size_inches()
    assert width <= 20 and height <= 20


def test_the_rows_of_many_edges_are_the_weakest() -> None:
    found = made(120, 30)
    figure = runs_figure(found)
    rows = [text for text in told(figure) if " → " in text]
    assert len(rows) == MAX_EDGES < found.graph.number_of_edges()
    assert any(f"{MAX_EDGES} of " in text for text in told(figure))


def test_where_no_edge_was_found_it_says_so() -> None:
    assert "No prerequisite was found" in told(runs_figure(made(1, 1)))


@pytest.mark.usefixtures("sketched_figures")
@pytest.mark.parametrize("names", NAMES)
def test_any_name_is_drawn_as_it_is(names: str, tmp_path: Path) -> None:
    figure = runs_figure(made(6, 4, names=names))
    save_figure(figure, tmp_path / "figure.png")
    assert any(text.startswith(names.format(1)[:8]) for text in told(figure))


@pytest.mark.parametrize(("kind", "unit"), [("gates", "χ²"), ("power", "log likelihood")])
def test_the_unit_of_gains_is_that_of_the_model(kind: str, unit: str) -> None:
    found = made(6, 4)
    model = {"kind": kind, "text": kind}
    figure = runs_figure(replace(found, report={**found.report, "model": model}))
    assert any(unit in text for text in told(figure))


def test_found_edges_in_a_circle_are_drawn_all_the_same() -> None:
    assert runs_figure(in_a_circle()).axes
