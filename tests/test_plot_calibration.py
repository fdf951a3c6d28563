"""Figures of calibrations and forecasts: readable for any number of runs and skills."""

from __future__ import annotations

from functools import cache
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from test_cli_calibrate import curves

from domino_sim.calibration import Calibration, calibrate
from domino_sim.forecasting import forecast
from domino_sim.plot import save_figure
from domino_sim.plot.calibration import MAX_RUNS, calibration_figure
from domino_sim.plot.forecast import forecast_figure


@cache
def found(skills: int, runs: int, law: str = "norm") -> Calibration:
    return calibrate(curves(skills=skills, runs=runs, steps=300), law=law, held_out=False)


def texts(figure: Figure) -> list[Text]:
    return [t for t in figure.findobj(Text) if t.get_visible() and t.get_text().strip()]


def overlaps(figure: Figure) -> list[tuple[str, str]]:
    """Pairs of texts that stand upon one another."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    # Ticks beyond the ends of an axis are there, but not drawn.
    hidden = {
        id(label)
        for ax in figure.axes
        for axis in (ax.xaxis, ax.yaxis)
        for tick in axis.get_major_ticks()
        for label in (tick.label1, tick.label2)
        if not min(axis.get_view_interval()) <= tick.get_loc() <= max(axis.get_view_interval())
    }
    boxes = [
        (t.get_text(), t.get_window_extent(canvas.get_renderer()).shrunk(0.9, 0.8))
        for t in texts(figure)
        if id(t) not in hidden
    ]
    return [(a, b) for (a, one), (b, two) in combinations(boxes, 2) if one.overlaps(two)]


SIZES = [(2, 1), (10, 1), (40, 1), (3, 8)]


@pytest.mark.parametrize(("skills", "runs"), SIZES)
def test_the_figure_of_a_calibration_is_readable(skills: int, runs: int) -> None:
    figure = calibration_figure(found(skills, runs))
    assert not overlaps(figure)
    told = [t.get_text() for t in texts(figure)]
    assert any(text.startswith("Pool law: ") for text in told)
    assert any(f"{MAX_RUNS} of {runs} runs" in text for text in told) == (runs > MAX_RUNS)
    assert any(f"24 of {skills} skills" in text for text in told) == (skills > 24)
    assert {"η, a step", "N₀", "data − fit", "best"} <= set(told)


@pytest.mark.parametrize(("skills", "runs"), SIZES)
def test_the_figure_of_a_forecast_is_readable(skills: int, runs: int) -> None:
    calibration = found(skills, runs)
    figure = forecast_figure(calibration, forecast(calibration, 900, draws=20))
    assert not overlaps(figure)
    told = [t.get_text() for t in texts(figure)]
    assert any(text.startswith("Forecast with norm") for text in told)
    assert any(f"5 of {runs} runs" in text for text in told) == (runs > 5)


@pytest.mark.parametrize("law", ["sum", "constant", "domino", "logistic"])
def test_every_law_has_a_figure(law: str) -> None:
    figure = calibration_figure(found(3, 1, law))
    assert not overlaps(figure)
    assert ("N₀" in [t.get_text() for t in texts(figure)]) == (law == "sum")


def test_the_figure_of_a_calibration_is_saved(tmp_path: Path) -> None:
    save_figure(calibration_figure(found(2, 1)), tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 0


def test_laws_that_were_compared_stand_with_what_they_predict() -> None:
    figure = calibration_figure(calibrate(curves(steps=300), share=["pool"]))
    told = [t.get_text() for t in texts(figure)]
    assert {"fitted", "last third", "other runs", "sum", "norm", "constant", "domino"} <= set(told)
    assert sum(text.startswith("behind by") for text in told) == 4
    assert not overlaps(figure)


def test_curves_without_noise_without_a_skill_and_with_odd_names_have_a_figure() -> None:
    ds = curves(law="norm", runs=2).assign_coords(
        run=["$seed$ _0", "x" * 200], skill=["_a", "$b$", "c\\d", "ŷ" * 80]
    )
    ds["level"][1, :, 2] = np.nan
    ds["level"][:, :, 3] = 0.0
    calibration = calibrate(ds, law="norm", held_out=False)
    told = [t.get_text() for t in texts(calibration_figure(calibration))]
    assert "$seed$ _0" in told and "_a" in told
    assert not overlaps(forecast_figure(calibration, forecast(calibration, 900, draws=20)))


def test_nothing_left_to_forecast_has_a_figure() -> None:
    calibration = calibrate(curves(steps=2000, runs=1), law="norm", held_out=False)
    ds = forecast(calibration, 3000, draws=20)
    assert (ds.status == "mastered").all()
    assert "hollow: not by then" not in [
        t.get_text() for t in texts(forecast_figure(calibration, ds))
    ]
