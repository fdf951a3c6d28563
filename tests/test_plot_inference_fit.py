"""The figure of an inferred model beside its curves: readable for any number of skills and runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from drawn_inference import NAMES, SIZES, made, told
from test_plot_calibration import overlaps

from domino_sim.plot import save_figure
from domino_sim.plot.inference_fit import MAX_PANELS, fit_figure


@pytest.mark.parametrize(("skills", "runs"), SIZES)
def test_the_fit_is_readable(skills: int, runs: int) -> None:
    figure = fit_figure(made(skills, runs))
    assert not overlaps(figure)
    width, height = figure.get_size_inches()
    assert width <= 20 and height <= 20


def test_panels_are_of_some_runs_and_the_title_says_so() -> None:
    figure = fit_figure(made(50, 30))
    assert sum(ax.axison for ax in figure.axes) == MAX_PANELS
    assert any("12 of 30 runs" in text and "24 of 50 skills" in text for text in told(figure))


def test_the_step_axis_is_logarithmic_where_checkpoints_are() -> None:
    assert {ax.get_xscale() for ax in fit_figure(made(6, 4)).axes} == {"linear"}
    assert {ax.get_xscale() for ax in fit_figure(made(6, 4, log=True)).axes} == {"log"}


@pytest.mark.usefixtures("sketched_figures")
@pytest.mark.parametrize("names", NAMES)
def test_any_name_is_drawn_as_it_is(names: str, tmp_path: Path) -> None:
    figure = fit_figure(made(6, 4, names=names))
    save_figure(figure, tmp_path / "figure.png")
    assert any(names.format(1)[:8] in text for text in told(figure))
