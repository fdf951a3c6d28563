"""Power laws of sweeps: exponents, their intervals, and what is left out."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from domino_sim.errors import ArgumentError
from domino_sim.plot.sweep_scaling import scaling_figure, scaling_of
from domino_sim.sweeps.fits import fit_power_law


@given(st.floats(-3, 3), st.floats(0.01, 100), st.integers(0, 2**32))
def test_a_power_law_is_found_and_its_interval_covers_the_scatter(exponent, scale, seed) -> None:
    x = np.geomspace(1, 100, 12)
    noise = np.exp(0.1 * np.random.default_rng(seed).standard_normal((3, 12)))
    exact = fit_power_law(x, scale * x**exponent)
    assert np.isclose(exact.exponent, exponent, atol=1e-9)
    assert np.isclose(exact.scale, scale, rtol=1e-6)
    law = fit_power_law(x, scale * x**exponent * noise)
    assert law.low < law.exponent < law.high
    assert abs(law.exponent - exponent) < 3 * (law.high - law.low) + 1e-9


def test_the_interval_of_an_exponent_holds_as_often_as_it_says() -> None:
    rng, x = np.random.default_rng(0), np.geomspace(1, 100, 8)
    laws = [fit_power_law(x, x**-0.5 * np.exp(0.2 * rng.standard_normal(8))) for _ in range(400)]
    assert 0.92 < np.mean([law.low <= -0.5 <= law.high for law in laws]) < 0.98


def test_scaling_laws_are_drawn_over_the_widest_axis() -> None:
    x = np.array([10.0, 20.0, 40.0, 80.0])
    loss = np.stack([x**-0.5, x**-1.0])[:, :, None] * np.ones(3)
    ds = xr.Dataset(
        {"final_loss": (("alpha", "n", "seed"), loss), "mastered": (("n",), x),
         "all_mastered_at": (("n",), x), "mastered_at": (("skill",), [1.0])},
        coords={"n": x, "alpha": [1.0, 2.0], "seed": [0, 1, 2], "skill": ["A"]},
    )  # fmt: skip
    lines = scaling_of(ds)
    assert [line.at for line in lines] == [{"alpha": 1.0}, {"alpha": 2.0}]
    assert np.allclose([line.law.exponent for line in lines], [-0.5, -1.0])
    labels = [text.get_text() for text in scaling_figure(ds).axes[0].get_legend().get_texts()]
    assert labels[0] == "1:  -0.50  (-0.50 to -0.50)"


X = np.geomspace(1.0, 1000.0, 10)


def sweep_of(values, name="all_mastered_at", by=None, status="done", **extra):
    """A sweep over n, and maybe another axis, with seeds: `values` (…, n, seed)."""
    dims = ("by", "n", "seed") if by is not None else ("n", "seed")
    values = np.asarray(values, dtype=float)
    numbers = {k: (dims, np.ones(values.shape)) for k in ("final_loss", "all_mastered_at")}
    numbers[name] = (dims, values)
    states = np.broadcast_to(np.array(status, dtype=object), values.shape)
    return xr.Dataset(
        {**numbers, "mastered_at": (("skill",), [1.0]), "status": (dims, states), **extra},
        coords={"n": X, "skill": ["A"], **({"by": by} if by is not None else {})},
    )


def law_of(ds, *args):
    (line,) = scaling_of(ds, *args)
    return line


@pytest.mark.parametrize("by", [["sum", "norm"], [True, False], [0.5, 2.0]], ids=str)
def test_the_other_axis_of_a_scaling_law_may_be_of_any_kind(by) -> None:
    ds = sweep_of(np.stack([X**0.5, X])[:, :, None], by=by)
    figure = scaling_figure(ds, "all_mastered_at")
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    order = sorted(by) if isinstance(by[0], float) else by
    name = f"{order[0]:.4g}" if isinstance(order[0], float) else str(order[0])
    assert labels[0].startswith(f"{name}:  0.50")


def test_a_failed_seed_is_missing_from_the_fit_and_from_the_figure_alike() -> None:
    values = (X**-0.5)[:, None] * np.ones(3)
    values[:, 0] = np.nan
    steps = np.geomspace(1, 1000, 10).round()
    loss = (1 + steps) ** -0.3 * np.ones((10, 3, 1))
    loss[:, 0] = np.nan
    states = np.full((10, 3), "done", dtype=object)
    states[:, 0] = "failed"
    extra = {"total_loss": (("n", "seed", "step"), loss), "step": ("step", steps)}
    ds = sweep_of(values, "final_loss", status=states, **extra)
    line, over_steps = scaling_of(ds)
    assert line.law.exponent == pytest.approx(-0.5) and line.law.points == 10
    assert np.allclose(line.y, X**-0.5) and over_steps.law.exponent < 0
    assert len(scaling_figure(ds).axes) == 2


def test_an_x_that_not_all_seeds_reached_is_left_out_and_counted() -> None:
    rng = np.random.default_rng(1)
    times = 100 * X[:, None] * np.exp(0.8 * rng.standard_normal((10, 20)))
    seen = np.where(times < 2e4, times, np.nan)
    line = law_of(sweep_of(seen), "all_mastered_at")
    reached = np.isfinite(seen).all(axis=1)
    assert 3 <= reached.sum() < 10
    assert line.law.low < 1.0 < line.law.high
    assert (line.law.points, line.law.left_out) == (reached.sum(), 10 - reached.sum())
    assert line.law.last == X[reached].max() and np.isnan(line.y[~reached]).all()
    assert f"{10 - reached.sum()} left out: not reached by all" in line.told()
    (ax,) = scaling_figure(sweep_of(seen), "all_mastered_at").axes
    assert f"△ {10 - reached.sum()} of 10 left out" in ax.get_legend().get_texts()[0].get_text()
    fitted = next(line for line in ax.lines if line.get_linestyle() == "-")
    assert fitted.get_xdata()[-1] == X[reached].max()


def test_a_curve_is_said_to_be_no_power_law_and_a_straight_line_is_not() -> None:
    bent = law_of(sweep_of((1 + 0.05 * X)[:, None]), "all_mastered_at")
    assert bent.law.bends and "no power law: it bends, from " in bent.told()
    assert bent.law.slopes[0] < 0.1 and bent.law.slopes[1] > 0.9
    rng = np.random.default_rng(0)
    noise = np.exp(0.1 * rng.standard_normal((200, 10)))
    assert not law_of(sweep_of((X**0.7)[:, None]), "all_mastered_at").law.bends
    assert np.mean([fit_power_law(X, X**0.7 * some).bends for some in noise]) < 0.03


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_where_nothing_is_above_0_there_is_no_figure(value: float) -> None:
    with pytest.raises(ArgumentError, match="final_loss is nowhere above 0"):
        scaling_figure(sweep_of(np.full((10, 1), value), "final_loss"))


def test_a_fit_needs_three_different_x_and_gives_plain_numbers() -> None:
    for x in ([1.0, 2.0], [1.0, 1.0, 1.0], [0.0, 1.0, 2.0]):
        with pytest.raises(ArgumentError, match="points for a power law; expected three or more"):
            fit_power_law(x, np.ones(len(x)))
    flat = fit_power_law(X, np.ones(10))
    assert (flat.exponent, flat.low, flat.high) == (0.0, 0.0, 0.0) and not flat.bends
    assert all(type(n) is float for n in (flat.exponent, flat.low, flat.high, flat.scale))


def test_the_axis_of_a_scaling_law_may_be_chosen() -> None:
    values = np.outer([1.0, 2.0, 4.0], X)[:, :, None]
    ds = sweep_of(values**0.5, by=[1.0, 2.0, 4.0])
    assert len(scaling_of(ds, "all_mastered_at")) == 3
    lines = scaling_of(ds, "all_mastered_at", "by")
    assert [line.over for line in lines] == ["by"] * 10 and list(lines[0].at) == ["n"]
    assert lines[0].law.exponent == pytest.approx(0.5)
    with pytest.raises(ArgumentError, match="'seed' is no axis of numbers above 0"):
        scaling_of(ds, "all_mastered_at", "seed")
    with pytest.raises(ArgumentError, match=r"expected mastered_at\.SKILL"):
        scaling_of(ds, "mastered_at")


def test_points_drawn_over_one_axis_have_a_scaling_law_and_over_two_have_none() -> None:
    ds = sweep_of((X**0.5)[:, None]).rename(n="sample")
    one = ds.assign_coords(n=("sample", X[::-1]), sample=np.arange(10))
    assert law_of(one, "all_mastered_at").law.exponent == pytest.approx(-0.5)
    with pytest.raises(ArgumentError, match="points drawn over 2 axes stand on no lines"):
        scaling_of(one.assign_coords(m=("sample", X)), "all_mastered_at")
