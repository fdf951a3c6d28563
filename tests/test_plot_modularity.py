"""Figures of comparisons of modules: readable for few and many ways and skills."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import xarray as xr
from test_plot_calibration import overlaps, texts

from domino_sim.plot.modularity import (
    MOST_LINES,
    MOST_ROWS,
    loss_figure,
    skills_figure,
    times_figure,
    way_colours,
)
from domino_sim.plot.modularity_cost import cost_figure, number_figure
from domino_sim.plot.modularity_trained import HISTOGRAM, trained_figure

SIZES = [(2, 2), (300, 14)]


@cache
def made(skills: int, ways: int, *, seeds: int = 3, names: str = "s{}") -> xr.Dataset:
    """A comparison as `compare_modularity` gives it, of times that are drawn."""
    rng = np.random.default_rng(skills)
    titles = ["one pool", "uniform sampling", "balanced sampling", "components", "2 modules"]
    titles += [f"{2**k} modules" for k in range(2, 9)] + ["random, 4 modules", "wrong (mixed), 4"]
    titles = titles[:ways]
    at = np.sort(rng.lognormal(5.0, 0.6, (ways, skills)), axis=1)
    at[-1, -1] = np.nan
    total = np.where(np.isnan(at), np.inf, at).max(axis=1)
    steps = np.unique(np.geomspace(1, 2 * np.nanmax(at), 60).astype(int))
    loss = 0.5 * np.exp(-steps / at.mean(axis=1, where=~np.isnan(at))[:, None])
    with np.errstate(invalid="ignore"):
        speed = total[0] / total
    scaled = ["one pool", "uniform sampling", "balanced sampling", "a module each"]
    size = np.array([4, 8, 16])
    fraction, skew = np.array([0.0, 0.1, 0.5, 1.0]), np.array([0.0, 1.0, 2.0])
    runs = rng.lognormal(5.0, 0.5, (ways, seeds, skills))
    law = {k: ("scaled", [1.0, 0.5, 0.5, np.nan]) for k in
           ("exponent", "exponent_low", "exponent_high", "slope_first", "slope_last")}  # fmt: skip
    return xr.Dataset(
        {
            "all_mastered_at": ("way", total), "speed_up": ("way", speed),
            "with_floor": ("way", total * 1.2), "slower_until": ("way", total / 3),
            "mastered_at": (("way", "skill"), at), "loss": (("way", "step"), loss),
            "scaling_time": (("scaled", "size"), np.outer([2.0, 1.4, 1.4, np.inf], size**0.5)),
            **law,
            "wrong_time": (("kind", "fraction"), 300 * (1 + np.outer([0.5, 3.0], fraction))),
            "wrong_ratio": (("kind", "skew", "fraction"),
                            0.6 * (1 + np.einsum("k,s,f->ksf", [0.5, 9.0], 1 + skew, fraction))),
            "trained_mastered_at": (("trained", "seed", "skill"), runs),
            "trained_loss": (("trained", "seed", "trained_step"),
                             rng.uniform(0.001, 0.5, (ways, seeds, 9))),
        },
        {
            "way": titles, "skill": [names.format(i + 1) for i in range(skills)], "step": steps,
            "scaled": scaled, "size": size, "kind": ["scattered", "crowded"],
            "fraction": fraction, "skew": skew, "trained": titles,
            "trained_step": np.arange(9) * 50,
        },
        {"title": "A comparison", "budget": float(steps[-1]) / 4, "right": "components",
         "wrong_ratio_skills": skills},
    )  # fmt: skip


FIGURES = [times_figure, skills_figure, loss_figure, number_figure, cost_figure, trained_figure]


@pytest.mark.parametrize("draw", FIGURES, ids=lambda draw: draw.__name__)
@pytest.mark.parametrize(("skills", "ways"), SIZES)
def test_nothing_stands_upon_another(draw, skills: int, ways: int) -> None:
    assert overlaps(draw(made(skills, ways))) == []


@pytest.mark.parametrize("draw", FIGURES, ids=lambda draw: draw.__name__)
def test_any_name_can_be_written(draw) -> None:
    ds = made(3, 5, names="$x_{{{}}}$ <a & b> ü").assign_attrs(title="$a_b <c>", right="$r_{")
    assert overlaps(draw(ds)) == []


@pytest.mark.parametrize("draw", FIGURES[:3], ids=lambda draw: draw.__name__)
def test_nothing_may_be_mastered(draw) -> None:
    ds = made(2, 2)
    never = xr.full_like(ds["all_mastered_at"], np.inf)
    gone = ds.assign(all_mastered_at=never, with_floor=never * np.nan, speed_up=never * np.nan,
                     mastered_at=ds["mastered_at"] * np.nan)  # fmt: skip
    assert overlaps(draw(gone)) == []


def test_the_axis_of_times_reaches_the_floor_and_gradient_runs() -> None:
    """The floor can be many times the time without it, and is the point of the figure then."""
    ds = made(16, 5)
    floor = 50.0 * ds.all_mastered_at.where(np.isfinite(ds.all_mastered_at)).max()
    figure = times_figure(ds.assign(with_floor=xr.full_like(ds.all_mastered_at, float(floor))))
    assert figure.axes[0].get_xlim()[1] > floor
    late = ds.assign(trained_mastered_at=ds.trained_mastered_at * 100)
    slowest = float(late.trained_mastered_at.max())
    assert times_figure(late).axes[0].get_xlim()[1] > slowest


def test_equal_times_have_no_line_between_them() -> None:
    ds = made(16, 5)
    noise = 1.0 + 1e-12 * np.random.default_rng(0).standard_normal(ds.wrong_ratio.shape)
    figure = cost_figure(ds.assign(wrong_ratio=(ds.wrong_ratio.dims, noise)))
    drawn = [type(c).__name__ for ax in figure.axes for c in ax.collections]
    assert "QuadContourSet" not in drawn


def test_every_way_has_a_bar_and_its_speed_up() -> None:
    figure = times_figure(made(16, 5))
    told = [text.get_text() for text in texts(figure)]
    assert "× 1.00" in told and "never" in told
    assert sum(text.startswith("× ") for text in told) == 4
    assert {"one pool", "components", "2 modules"} <= set(told)


def test_of_many_skills_and_ways_some_are_drawn() -> None:
    ds = made(300, 14)
    figure = skills_figure(ds)
    assert len(figure.axes[0].get_yticks()) == MOST_ROWS
    legend = figure.axes[0].get_legend()
    assert legend is not None and len(legend.get_texts()) == MOST_LINES
    assert [t.get_text() for t in legend.get_texts()][:3] == ds.way.values[:3].tolist()


def test_colours_of_ways_are_their_own_and_stay() -> None:
    few, many = (way_colours(made(3, ways).way.values.tolist()) for ways in (5, 14))
    assert few["one pool"] == many["one pool"] == "#000000"
    assert (
        len({tuple(np.atleast_1d(c)) if not isinstance(c, str) else c for c in many.values()}) == 14
    )


def test_maps_write_the_ratio_and_draw_where_a_split_loses() -> None:
    figure = cost_figure(made(16, 5))
    told = [text.get_text() for text in texts(figure)]
    assert told.count("0.6") == 6
    lines = [
        c for ax in figure.axes for c in ax.collections if type(c).__name__ == "QuadContourSet"
    ]
    assert len(lines) == 2


def test_many_seeds_are_a_histogram_and_few_are_dots() -> None:
    few, many = (trained_figure(made(2, 2, seeds=s)).axes[1] for s in (3, HISTOGRAM))
    assert len(few.patches) == 0 and len(many.patches) == 2
    assert few.get_xlabel() == "t₂/t₁"
    assert trained_figure(made(16, 5)).axes[1].get_xlabel() == "last skill mastered over first"
