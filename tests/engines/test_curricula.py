"""What interventions do to a run, as claims about learning."""

from __future__ import annotations

import numpy as np
import pytest
from worlds import FOUR, four_skills

from domino_sim import simulate


@pytest.mark.parametrize("engine", ["clock", "events"])
@pytest.mark.parametrize("law", ["sum", "norm"])
def test_a_learning_rate_schedule_leaves_the_resource_clock_alone(engine: str, law: str) -> None:
    # Plotted against each other, the levels are the same curve whatever the schedule.
    pool = {"law": law, "rate": 0.01, "wasted": 0.1}
    plain = four_skills([], pool=pool, record={"every": 1})
    schedule = [{"at": 20 * k, "set": {"pool.rate": r}} for k, r in enumerate((0.02, 0.001, 0.03))]
    scheduled = four_skills(schedule, pool=pool, record={"every": 1})
    one, other = simulate(plain, engine).level, simulate(scheduled, engine).level
    assert float(abs(one - other).max()) > 0.1
    # The level of b tells the clock, until it is all but learned.
    x, y = one.sel(skill="b").values, other.sel(skill="b").values
    inside = y <= min(x.max(), 0.999)
    assert inside.sum() > 100
    for name in ("a", "c", "d"):
        same = np.interp(y[inside], x, one.sel(skill=name).values)
        np.testing.assert_allclose(same, other.sel(skill=name)[inside], atol=2e-3)


@pytest.mark.parametrize("engine", ["clock", "events"])
def test_the_end_of_waste_ends_learning_at_a_finite_step(engine: str) -> None:
    # From step 50 on, Σ u = η (t_end − t).
    no_waste = [{"at": 50, "set": {"pool.wasted": 0.0}}]
    ds = simulate(four_skills(no_waste, record={"every": 1}), engine)
    left = (1 - ds.level).sum("skill")
    end = 50 + float(left.sel(step=50)) / 0.01
    expected = np.maximum(0.01 * (end - ds.step.values), 0.0)
    np.testing.assert_allclose(left[50:], expected[50:], atol=1e-9)


@pytest.mark.parametrize("engine", ["clock", "events"])
def test_after_a_change_of_frequency_the_new_ratio_is_conserved(engine: str) -> None:
    skills = {"a": {"frequency": 1.0}, "b": {"frequency": 0.5}}
    changes = [{"at": 100, "set": {"skills.b.frequency": 1.5}}]
    ds = simulate(four_skills(changes, skills=skills), engine)
    w = -np.log1p(-ds.level.sel(step=ds.step[ds.step <= 240])).values
    steps = ds.step.values[ds.step.values <= 240]
    np.testing.assert_allclose(w[steps <= 100, 0], 2.0 * w[steps <= 100, 1], rtol=1e-9)
    later = w[steps >= 100] - w[steps == 100]
    np.testing.assert_allclose(1.5 * later[:, 0], later[:, 1], rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize("engine", ["clock", "events", "euler"])
def test_a_frozen_skill_keeps_its_level_and_leaves_its_part_to_others(engine: str) -> None:
    ds = simulate(four_skills([{"at": 40, "freeze": ["a"]}]), engine)
    frozen = ds.sel(step=ds.step[ds.step >= 40], skill="a")
    np.testing.assert_allclose(frozen.level, frozen.level[0], atol=1e-12)
    np.testing.assert_allclose(frozen.share, 0.0, atol=1e-15)
    plain = simulate(four_skills([]), engine)
    assert float(ds.mastered_at.sel(skill="b")) < float(plain.mastered_at.sel(skill="b"))
    assert ds.reason.sel(skill=["a", "b", "c"]).values.tolist() == ["frozen", "", "never_opened"]


@pytest.mark.parametrize("engine", ["clock", "events", "euler"])
def test_a_skill_is_not_there_before_it_is_added(engine: str) -> None:
    new = {"e": {"frequency": 2.0, "level": 0.25, "requires": "a"}}
    ds = simulate(four_skills([{"at": 300, "add": new}]), engine)
    plain = simulate(four_skills([]), engine)
    before = ds.sel(step=ds.step[ds.step < 300])
    np.testing.assert_allclose(before.level.sel(skill="e"), 0.25)
    np.testing.assert_allclose(before.gate.sel(skill="e"), 0.0)
    np.testing.assert_allclose(before.share.sel(skill="e"), 0.0)
    np.testing.assert_allclose(
        before.level.sel(skill=list(FOUR)),
        plain.level.sel(step=before.step),
        atol=1e-9,
    )
    assert float(ds.opened_at.sel(skill="e")) == 300


@pytest.mark.parametrize("engine", ["clock", "events", "euler"])
def test_reasons(engine: str) -> None:
    skills = {
        "learned": {},
        "rare": {"frequency": 1e-6},
        "never": {"frequency": 0.0},
        "shut": {"requires": "never"},
        "ice": {},
        "known": {"level": 0.99},
    }
    late = [{"at": 0, "freeze": ["ice"]}, {"at": 1e9, "add": {"late": {}}}]
    ds = simulate(four_skills(late, skills=skills), engine)
    assert ds.reason.values.tolist() == [
        "",
        "out_of_steps",
        "zero_frequency",
        "never_opened",
        "frozen",
        "",
        "never_opened",
    ]
    assert float(ds.mastered_at.sel(skill="known")) == 0.0
