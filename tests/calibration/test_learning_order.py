"""The order of learning, and how sure it is."""

from __future__ import annotations

import numpy as np
from scipy.optimize import isotonic_regression
from worlds_fitted import curves_of, scenario_of

from domino_sim.calibration.learning_order import _rising, learning_order
from domino_sim.calibration.observations import observe
from domino_sim.curves import make_curves


def test_rising_curves_are_those_of_scipy() -> None:
    generator = np.random.default_rng(0)
    level, weight = generator.normal(size=(6, 25)), generator.uniform(0.1, 3.0, 25)
    for drawn, curve in zip(level, _rising(level, weight), strict=True):
        np.testing.assert_allclose(curve, isotonic_regression(drawn, weights=weight).x, atol=1e-12)


def test_skills_come_in_the_order_in_which_they_rise() -> None:
    p = [0.5, 0.25, 0.15, 0.1]
    curves = curves_of(scenario_of(p, steps=3000, points=300), noise=0.02)
    (found,) = learning_order(observe(curves))
    assert found.rank.tolist() == [1.0, 2.0, 3.0, 4.0]
    assert (found.low <= found.half_at).all() and (found.half_at <= found.high).all()


def test_what_does_not_rise_has_no_place() -> None:
    generator = np.random.default_rng(1)
    steps = np.arange(0, 100, 4)
    level = np.stack([steps / 100.0, np.full(25, 0.02), np.full(25, 0.5)], axis=1)
    level = level + 0.05 * generator.normal(size=level.shape)
    curves = make_curves(runs=["a"], steps=steps, skills=["A", "B", "C"], level=level[None])
    observed = observe(curves)
    (found,) = learning_order(observed)
    assert np.isnan(found.rank[1:]).all() and found.rank[0] == 1.0
    told = found.to_dict(observed.skills)
    assert told["no_rise_seen"] == ["B", "C"] and told["learned"][0]["skill"] == "A"


def test_skills_that_rise_together_could_have_any_place() -> None:
    (found,) = learning_order(
        observe(curves_of(scenario_of([0.26, 0.25, 0.25, 0.24], steps=900, points=40), noise=0.1))
    )
    assert (found.rank_high - found.rank_low).max() >= 2.0


def test_intervals_hold_the_half_way_step_as_often_as_they_say() -> None:
    scenario = scenario_of([0.5, 0.3, 0.2], steps=1500, points=60)
    truth = learning_order(observe(curves_of(scenario)), draws=2)[0].half_at
    inside = []
    for seed in range(40):
        curves = curves_of(scenario, noise=0.05, seed=seed)
        curves["level_se"] = (curves["level"].dims, np.full(curves["level"].shape, 0.05))
        (found,) = learning_order(observe(curves), draws=100, seed=seed)
        inside += ((found.low <= truth) & (truth <= found.high)).tolist()
    assert np.mean(inside) > 0.85


def test_half_way_does_not_depend_on_how_long_a_run_is_watched() -> None:
    found = []
    for steps, points in ((1500, 75), (15000, 750)):
        curves = curves_of(scenario_of([0.5, 0.3, 0.2], steps=steps, points=points), noise=0.01)
        (order,) = learning_order(observe(curves))
        found.append(order.half_at)
    np.testing.assert_allclose(found[0], found[1], atol=12.0)


def test_an_interval_is_never_within_two_records() -> None:
    steps = np.arange(0, 1000, 100)
    level = (steps >= 300).astype(float)[None, :, None]
    curves = make_curves(runs=["a"], steps=steps, skills=["A"], level=level)
    (found,) = learning_order(observe(curves))
    assert (found.low[0], found.high[0]) == (200.0, 300.0)
