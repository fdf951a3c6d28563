"""Axes that would mean something else than they say are refused, before anything is made."""

from __future__ import annotations

import datetime
import time
from collections import Counter

import pytest
from sweep_cases import HARD, RUN

from domino_sim.errors import InputError
from domino_sim.sweeps.axes import lengths_of
from domino_sim.sweeps.checking import make_plan
from domino_sim.sweeps.plan import table_of
from domino_sim.sweeps.subject import load_subject


def plan(axes, scenario=HARD, **options):  # type: ignore[no-untyped-def]
    subject, given_table = load_subject(scenario)
    return make_plan(subject, table_of(axes, given_table, options))


def told(axes, scenario=HARD, **options) -> str:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError) as error:
        plan(axes, scenario, **options)
    return str(error.value)


SEEDS = {
    "text": ["a"], "parts": [1.5, 1.2], "endless": [float("inf")], "lists": [[1]],
    "negative": [-1], "truth": [True], "range": {"low": 0, "high": 1, "n": 3},
    "huge": [2**63],
}  # fmt: skip


@pytest.mark.parametrize("name", SEEDS)
def test_what_is_no_seed_is_refused(name: str) -> None:
    found = told({"seed": SEEDS[name]})
    assert found.startswith(("sweep.axes.seed", "sweep: axes.seed"))
    assert "is no seed; expected whole numbers from 0" in found or "is not finite" in found


def test_seeds_may_be_listed_or_whole_numbers_of_a_range() -> None:
    found = plan({"seed": {"low": 0, "high": 2, "n": 3, "whole": True}})
    assert [found.point(i).seed for i in range(3)] == [0, 1, 2]


@pytest.mark.parametrize(
    ("axes", "scenario", "expected"),
    [
        ({"mixture": ["a"]}, HARD, "sweep.axes.mixture: a scenario has no mixtures; expected"),
        ({"sweep.engine": ["events"]}, HARD, "a sweep does not vary itself; expected a key of the"),
        ({"sweep": [{}]}, HARD, "a sweep does not vary itself"),
        ({"skills.T2.frequency": [0.1], 'skills."T2".frequency': [0.2]}, HARD,
         'names the same as the axis \'skills.T2.frequency\' does; expected one of them'),
        ({"gate.leak": [0.1, 0.2], "gate": [{"kind": "hard"}]}, HARD,
         "sweep.axes.gate: names what the axis 'gate.leak' is a part of"),
        ({"wasted": [0.1]}, HARD, "did you mean 'pool.wasted'?"),
        ({"lr": [0.1]}, RUN, "did you mean 'optimizer.lr'?"),
        ({"steps": [datetime.date(2020, 1, 1)]}, HARD, "is of type date; expected numbers, texts"),
        ({"skills": [{"A": {"frequency": {1}}}]}, HARD, "the value {1} is of type set"),
        ({"steps": [1, 1.0]}, HARD, "the value 1.0 is given twice"),
        ({"pool.wasted": [0.0, -0.0]}, HARD, "the value -0.0 is given twice"),
        ({"record": [{"points": 3}, {"points": 3.0}]}, HARD, "is given twice"),
        ({"axes": {}, "sampling": "random", "count": 3, "seeds": 2}, HARD, "nothing to draw"),
        ({"steps": {"low": 10.4, "high": 10.45, "n": 2, "whole": True}}, HARD,
         "there is no whole number from 10.4 to 10.45"),
        ({"pool.wasted": {"low": 0, "high": 1, "n": 3, "spacing": "log"}}, HARD,
         'sweep: axes."pool.wasted".low: 0 has no logarithm; expected low > 0'),
        ({"pool.wasted": {"low": 0, "high": 1, "m": 3}}, HARD,
         'sweep: axes."pool.wasted".m: unknown key; expected one of low, high, n, spacing, whole'),
        ({"pool.wasted": {"low": 1, "high": 2, "n": 3, "spacing": "lag"}}, HARD,
         "spacing: unknown: 'lag'; expected 'linear' or 'log'; did you mean 'log'?"),
    ],
)  # fmt: skip
def test_what_would_not_be_varied_as_it_is_written_is_refused(axes, scenario, expected) -> None:
    assert expected in told(axes, scenario)


def test_the_whole_may_come_before_its_part() -> None:
    found = plan({"gate": [{"kind": "hard"}], "gate.leak": [0.1, 0.2]})
    assert found.point(1).parameters == {"gate": {"kind": "hard"}, "gate.leak": 0.2}


def test_an_engine_for_a_gradient_run_is_refused() -> None:
    assert "engine = 'euler' for a gradient run" in told({"noise": [0.1]}, RUN, engine="euler")


@pytest.mark.parametrize("spacing", ["linear", "log"])
@pytest.mark.parametrize("whole", [True, False])
def test_far_too_many_points_are_refused_before_they_are_made(spacing: str, whole: bool) -> None:
    axes = {"low": 1, "high": 1e12, "n": 2 * 10**9, "spacing": spacing, "whole": whole}
    begun = time.monotonic()
    assert "these are 2,000,000,000 points: 2,000,000,000 (steps)" in told({"steps": axes})
    assert "these are 2,000,000,000 points" in told({"axes": {}, "seeds": 2 * 10**9})
    drawn = {"axes": {"mastery": {"low": 0.1, "high": 0.9}}, "sampling": "sobol", "count": 10**9}
    assert "1,000,000,000 (sample)" in told(drawn)
    assert time.monotonic() - begun < 2


def test_no_more_whole_numbers_are_counted_than_there_are() -> None:
    table = table_of({"steps": {"low": 1.5, "high": 9, "n": 10**7, "whole": True}}, None, {})
    assert lengths_of(table) == {"steps": 8}


def test_numbers_stay_within_their_range_however_narrow() -> None:
    def values(**given):  # type: ignore[no-untyped-def]
        return [v[0] for v in plan({"mastery": given}).user_axes[0].values]

    assert values(low=0.5, high=0.9999999999999, n=3)[-1] == 0.9999999999999
    (axis,) = plan({"pool.wasted": {"low": 1, "high": 1 + 1e-13, "n": 5}}).user_axes
    narrow = [v[0] for v in axis.values]
    assert len(set(narrow)) == 5 and narrow[-1] == 1 + 1e-13
    drawn = plan({
        "axes": {"mastery": {"low": 0.9999999999991, "high": 0.9999999999999}},
        "sampling": "random", "count": 50,
    })  # fmt: skip
    assert max(v[0] for v in drawn.user_axes[0].values) <= 0.9999999999999


@pytest.mark.parametrize("spacing", ["linear", "log"])
def test_whole_numbers_are_drawn_alike_at_the_ends_and_between(spacing: str) -> None:
    steps = {"low": 10, "high": 12, "whole": True, "spacing": spacing}
    (axis,) = plan({"axes": {"steps": steps}, "sampling": "random", "count": 3000}).user_axes
    count = Counter(v[0] for v in axis.values)
    assert set(count) == {10, 11, 12} and min(count.values()) > 850


def test_drawn_points_that_are_alike_have_seeds_of_their_own() -> None:
    axes = {"pool.law": ["sum", "norm"], "mastery": [0.5, 0.9]}
    found = plan({"axes": axes, "sampling": "random", "count": 20, "seeds": 2})
    points = [found.point(i) for i in range(40)]
    assert len({point.seed for point in points}) == 40
    again = plan({"axes": axes, "sampling": "random", "count": 20, "seeds": 2})
    assert [again.point(i).seed for i in range(40)] == [point.seed for point in points]
