"""When will the rest be mastered: what a forecast says, and what it does not know."""

from __future__ import annotations

from typing import Any

import networkx as nx
import numpy as np
import pytest
import xarray as xr

from domino_sim import Scenario, simulate
from domino_sim.calibration import Calibration, calibrate
from domino_sim.curves import join_curves, make_curves, mastered_at
from domino_sim.errors import ArgumentError
from domino_sim.forecasting import forecast
from domino_sim.forecasting.clock import ClockTable, Pools

FIVE = {f"S{i}": {"frequency": 1.0 / i} for i in range(1, 6)}
GATED = {
    **FIVE,
    "C": {"frequency": 0.5, "requires": "S1 and S2"},
    "E": {"frequency": 0.5, "requires": "C or S5"},
}
NEVER = {**FIVE, "Z": {"frequency": 0.0}, "Y": {"frequency": 0.3, "requires": "Z"}}


def scenario(skills: dict[str, Any], law: str = "sum", **more: Any) -> xr.Dataset:
    pool: dict[str, Any] = {"law": law, "rate": 0.005}
    if law in ("sum", "norm"):
        pool["wasted"] = 0.05
    tables = {"steps": 8000, "pool": pool, "skills": skills, "record": {"every": 10}, **more}
    return simulate(Scenario.from_dict(tables))


def seen(
    ds: xr.Dataset,
    skills: dict[str, Any],
    until: int,
    noise: float = 0.0,
    known: bool = True,
    name: str = "run",
) -> xr.Dataset:
    part = ds.sel(step=ds.step[ds.step <= until])
    rng = np.random.default_rng(3)
    return make_curves(
        runs=[name],
        steps=part.step.values,
        skills=list(skills),
        level=(part.level.values + noise * rng.normal(size=part.level.shape))[None],
        frequency=[skill["frequency"] for skill in skills.values()] if known else None,
    )


def graph_of(skills: dict[str, Any]) -> nx.DiGraph:
    graph = nx.DiGraph()
    for name, skill in skills.items():
        graph.add_node(name, **({"requires": skill["requires"]} if "requires" in skill else {}))
        for other in skills:
            if other in skill.get("requires", "").split():
                graph.add_edge(other, name)
    return graph


def fitted(curves: xr.Dataset, law: Any = "auto", **more: Any) -> Calibration:
    return calibrate(curves, law=law, held_out=False, **more)


# -- closed forms -----------------------------------------------------------------------------


@pytest.mark.parametrize("law", ["sum", "norm", "constant"])
@pytest.mark.parametrize("asked", ["auto", "own"])
def test_what_a_law_does_is_forecast_from_its_first_third(law: str, asked: str) -> None:
    ds = scenario(FIVE, law)
    end = float(ds.mastered_at.max())
    curves = seen(ds, FIVE, int(end / 3))
    found = forecast(fitted(curves, law if asked == "own" else "auto"), 8000.0)
    assert found.mastered_at.values[0] == pytest.approx(ds.mastered_at.values, rel=1e-3)
    later = found.level.isel(run=0)
    expected = ds.level.interp(step=later.step.values)
    assert np.abs(later.values - expected.values).max() < 3e-3


def test_a_strictly_serial_run_goes_on_one_by_one() -> None:
    ds = scenario(FIVE, "domino")
    curves = seen(ds, FIVE, 350)
    found = forecast(fitted(curves), 8000.0, mastery=0.9)
    assert found.attrs["law"] == "domino"
    expected = [180.0, 380.0, 580.0, 780.0, 980.0]
    assert found.mastered_at.values[0] == pytest.approx(expected, rel=2e-3)
    assert (found.status.values[0] == ["mastered", *["expected"] * 4]).all()


@pytest.mark.parametrize("exponent", [None, 0.1])
def test_gates_are_waited_for(exponent: float | None) -> None:
    more: dict[str, Any] = (
        {} if exponent is None else {"gate": {"kind": "soft", "exponent": exponent}}
    )
    ds = scenario(GATED, **more)
    curves = seen(ds, GATED, 700)
    calibration = fitted(curves, "sum", graph=graph_of(GATED), exponent=exponent)
    found = forecast(calibration, 8000.0)
    assert found.mastered_at.values[0] == pytest.approx(ds.mastered_at.values, rel=1e-3)


def test_another_level_than_that_of_the_gates_can_be_asked_for() -> None:
    ds = scenario(GATED)
    curves = seen(ds, GATED, 700)
    found = forecast(fitted(curves, "sum", graph=graph_of(GATED)), 8000.0, mastery=0.5)
    run = make_curves(
        runs=["run"], steps=ds.step.values, skills=list(GATED), level=ds.level.values[None]
    )
    expected = mastered_at(run, 0.5).values
    assert found.mastered_at.values == pytest.approx(expected, rel=2e-3)


def test_a_clock_table_agrees_with_the_clock_engine() -> None:
    ds = scenario(GATED)
    path = fitted(seen(ds, GATED, 700), "sum", graph=graph_of(GATED)).path
    table = ClockTable(path, 0.99)
    pools = Pools("sum", np.array([0.005, 0.01]), np.array([0.05, 0.1]), np.zeros(2))
    times = table.run(pools).time(np.tile(table.reach(0.99), (2, 1)))
    assert times[0] == pytest.approx(ds.mastered_at.values, rel=1e-6)
    # Twice the rate in a pool where twice as much is wasted.
    assert (times[1] < times[0]).all() and (times[1] > 0.5 * times[0]).all()
    assert table.run(pools).clock(times[0])[0] == pytest.approx(table.reach(0.99), rel=1e-6)


# -- what is known, and what is not -----------------------------------------------------------


def test_a_mastered_skill_has_the_time_at_which_it_was_seen() -> None:
    ds = scenario(FIVE, "constant")
    curves = seen(ds, FIVE, 2000)
    found = forecast(fitted(curves), 8000.0)
    observed = mastered_at(curves).values[0]
    was = np.isfinite(observed)
    assert was.any() and not was.all()
    for name in ("mastered_at", "low", "high"):
        assert (found[name].values[0][was] == observed[was]).all()
    assert (found.status.values[0][was] == "mastered").all()
    assert (found.probability.values[0][was] == 1.0).all()


def test_what_is_not_trained_is_never_mastered_nor_what_needs_it() -> None:
    ds = scenario(NEVER)
    curves = seen(ds, NEVER, 400, noise=0.01)
    found = forecast(fitted(curves, graph=graph_of(NEVER)), 8000.0).isel(run=0)
    for name in ("Z", "Y"):
        one = found.sel(skill=name)
        assert one.status == "never" and one.probability == 0.0 and np.isinf(one.high)
    assert (found.status.sel(skill=list(FIVE)) == "expected").all()


def test_intervals_beyond_the_end_say_so() -> None:
    ds = scenario(FIVE, "norm")
    calibration = fitted(seen(ds, FIVE, 250, noise=0.02))
    far = forecast(calibration, 8000.0).isel(run=0)
    first = far.sel(skill="S1")
    assert (forecast(calibration, 260.0).status.values[0] == "not by until").all()
    between = forecast(calibration, float(first.mastered_at)).sel(skill="S1").isel(run=0)
    assert between.status == "open end" and 0.3 < float(between.probability) < 0.7


def test_an_unmoved_skill_of_unknown_frequency_is_not_identified() -> None:
    ds = scenario(FIVE, "constant")
    level = ds.level.values.copy()
    level[:, -1] = 0.0
    curves = seen(ds.assign(level=(ds.level.dims, level)), FIVE, 1500, noise=0.01, known=False)
    found = forecast(fitted(curves, "constant"), 8000.0).isel(run=0)
    last = found.sel(skill="S5")
    assert last.status == "not identified" and np.isinf(last.high) and last.low == 1500.0
    assert np.isnan(last.mastered_at) and np.isnan(last.probability)
    assert (found.sel(skill=["S3", "S4"]).status == "expected").all()


def test_a_mixture_that_is_not_known_is_made_out_from_the_curves() -> None:
    ds = scenario(FIVE)
    curves = seen(ds, FIVE, 400, noise=0.01, known=False)
    found = forecast(fitted(curves, "sum"), 8000.0, confidence=0.95).isel(run=0)
    assert (found.status == "expected").all()
    assert (found.low <= ds.mastered_at).all() and (ds.mastered_at <= found.high).all()


def test_a_law_that_failed_before_is_not_believed() -> None:
    t = np.arange(0, 1000, 20)
    tops = np.array([0.15, 0.3, 0.25])
    level = tops * -np.expm1(-t[:, None] / np.array([30.0, 60.0, 100.0]))
    level += 0.005 * np.random.default_rng(0).normal(size=level.shape)
    curves = make_curves(
        runs=["run"], steps=t, skills=["A", "B", "C"], level=level[None], frequency=[3.0, 2.0, 1.0]
    )
    found = forecast(fitted(curves), 5000.0).isel(run=0)
    assert float(found.hindcast_error) > float(found.hindcast_last)
    assert (found.status == "not identified").all() and np.isnan(found.mastered_at).all()
    assert np.abs(found.level.isel(step=-1).values - tops).max() < 0.03
    assert (found.level_low <= found.level).all() and (found.level <= found.level_high).all()


# -- properties -------------------------------------------------------------------------------


def test_intervals_hold_the_median_and_grow_with_confidence() -> None:
    calibration = fitted(seen(scenario(FIVE, "norm"), FIVE, 300, noise=0.02))
    found = {c: forecast(calibration, 8000.0, confidence=c) for c in (0.5, 0.9)}
    for one in found.values():
        assert (one.low <= one.mastered_at).all() and (one.mastered_at <= one.high).all()
        assert (one.level_low <= one.level).all() and (one.level <= one.level_high).all()
    assert (found[0.9].low <= found[0.5].low).all() and (found[0.5].high <= found[0.9].high).all()


def test_mastery_becomes_more_probable_with_time() -> None:
    calibration = fitted(seen(scenario(FIVE, "norm"), FIVE, 300, noise=0.02))
    chances = [forecast(calibration, until).probability.values for until in (400, 600, 800, 4000)]
    assert (np.diff(chances, axis=0) >= 0.0).all() and (chances[-1] > chances[0]).any()


def test_the_same_seed_gives_the_same_forecast() -> None:
    calibration = fitted(seen(scenario(FIVE), FIVE, 300, noise=0.02))
    one, two, other = (forecast(calibration, 5000.0, seed=seed) for seed in (1, 1, 2))
    assert one.identical(two)
    assert not np.array_equal(one.high.values, other.high.values)


def test_runs_are_forecast_each_from_where_it_is() -> None:
    ds = scenario(FIVE)
    curves = join_curves(
        seen(ds, FIVE, 300, noise=0.01, name="a"), seen(ds, FIVE, 600, noise=0.01, name="b")
    )
    found = forecast(fitted(curves, "sum", share={"pool"}), 8000.0)
    assert np.isnan(found.level.sel(run="b", step=300.0)).all()
    assert np.isfinite(found.level.sel(run="a", step=300.0)).all()
    assert np.isfinite(found.level.sel(step=slice(600, None))).all()
    assert found.mastered_at.values == pytest.approx(
        np.tile(ds.mastered_at.values, (2, 1)), rel=0.05
    )


def test_intervals_cover_what_happens_as_often_as_they_say() -> None:
    covered = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        skills = {f"S{i}": {"frequency": float(p)} for i, p in enumerate(rng.dirichlet([2.0] * 6))}
        ds = scenario(skills, "norm")
        curves = seen(ds, skills, int(float(ds.mastered_at.max()) / 3), noise=0.02)
        found = forecast(fitted(curves, "norm"), 8000.0, mastery=0.9).isel(run=0)
        run = make_curves(
            runs=["run"], steps=ds.step.values, skills=list(skills), level=ds.level.values[None]
        )
        actual = mastered_at(run, 0.9).values[0]
        todo = found.status.values != "mastered"
        covered += list(((found.low <= actual) & (actual <= found.high)).values[todo])
    assert np.mean(covered) > 0.7


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"until": 100.0}, "until"),
        ({"until": float("inf")}, "until"),
        ({"mastery": 1.0}, "mastery"),
        ({"confidence": 0.0}, "confidence"),
        ({"draws": 3}, "draws"),
    ],
)
def test_what_cannot_be_forecast_is_refused(given: dict[str, Any], named: str) -> None:
    calibration = fitted(seen(scenario(FIVE), FIVE, 300), "constant")
    with pytest.raises(ArgumentError, match=named):
        forecast(calibration, **{"until": 5000.0, **given})
