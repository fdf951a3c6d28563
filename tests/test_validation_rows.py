"""Rows of the validation: verdicts follow from numbers, and survive being kept."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from validation.row import DIFFERS, FAIL, PASS, Instead, Row
from validation.value import (
    Value,
    at_least,
    at_most,
    between,
    exactly,
    mean_of,
    median_of,
    range_of,
    short,
)


def row(reference: Value, ours: Value, **more: object) -> Row:
    return Row("a claim", "a source", reference, ours, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("reference", "ours", "more", "verdict"),
    [
        (exactly(2.0), Value(1.9, 1.8, 2.0), {}, PASS),
        (exactly(2.0), Value(1.9, 1.8, 1.99), {}, FAIL),
        (exactly(2.0), exactly(1.9), {"within": 0.05}, PASS),
        (exactly(2.0), exactly(1.89), {"within": 0.05}, FAIL),
        (exactly(-2.0), exactly(-1.9), {"within": 0.05}, PASS),
        (exactly(0.0), exactly(0.1), {"within": 0.5}, FAIL),
        (exactly(0.0), exactly(0.1), {"by": 0.1}, PASS),
        (at_most(1e-6), exactly(2e-8), {}, PASS),
        (at_most(1e-6), exactly(2e-6), {}, FAIL),
        (at_least(0.9), exactly(0.89), {}, FAIL),
        (at_least(0.9), exactly(0.89), {"within": 0.05}, PASS),
        (between(1.0, 2.0), exactly(1.5), {}, PASS),
        (exactly(math.inf), exactly(math.inf), {}, PASS),
        (exactly(math.inf), exactly(1e9), {"within": 0.5}, FAIL),
        (exactly(1.0), exactly(math.nan), {}, FAIL),
        (exactly(math.nan), exactly(math.nan), {}, FAIL),
    ],
)
def test_the_verdict_is_whether_intervals_touch(
    reference: Value, ours: Value, more: dict[str, float], verdict: str
) -> None:
    assert row(reference, ours, **more).verdict == verdict


def test_a_reason_alone_excuses_nothing() -> None:
    instead = Instead("published with other labels", exactly(1.53))
    assert row(exactly(2.17), exactly(1.55), within=0.02, instead=instead).verdict == DIFFERS
    assert row(exactly(2.17), exactly(1.7), within=0.02, instead=instead).verdict == FAIL
    assert row(exactly(2.17), exactly(2.17), instead=instead).verdict == PASS


def test_rows_say_what_they_allow() -> None:
    instead = Instead("mislabelled", exactly(1.53))
    passed = row(exactly(2.17), exactly(2.2), within=0.02, by=0.1, instead=instead)
    assert passed.remark == "within 2 % + 0.1"
    other = row(exactly(2.17), exactly(1.53), instead=instead)
    assert other.remark == "expected 1.53: mislabelled"


number = st.floats(allow_nan=True)


@given(a=number, b=number, c=number, within=st.floats(0, 1), guards=st.sets(st.text()))
def test_rows_come_back_as_they_were_kept(
    a: float, b: float, c: float, within: float, guards: set[str]
) -> None:
    low, high = sorted((b, c)) if not (math.isnan(b) or math.isnan(c)) else (b, c)
    instead = Instead("why", Value(a, low, high))
    kept = row(exactly(a), Value(a, low, high), within=within, guards=tuple(guards))
    for one in (kept, row(exactly(a), exactly(b), instead=instead)):
        again = Row.from_dict(json.loads(json.dumps(one.to_dict())))
        assert repr(again) == repr(one) and again.verdict == one.verdict


@given(st.floats(-1e6, 1e6), st.floats(0, 10), st.floats(0, 10))
def test_agreement_does_not_depend_on_the_side(centre: float, width: float, by: float) -> None:
    one, other = Value(centre, centre - width, centre + width), exactly(centre + width + by)
    assert one.agrees(other, by=1.0001 * by + 1e-6) and other.agrees(one, by=1.0001 * by + 1e-6)
    if by > 1e-3:
        assert not one.agrees(other, by=0.9 * by)


def test_an_interval_is_not_upside_down() -> None:
    with pytest.raises(ValueError, match="from 2 to 1"):
        Value(1.0, 2, 1)


def test_samples_have_intervals() -> None:
    samples = np.random.default_rng(0).normal(5.0, 1.0, 400)
    mean, median, spread = mean_of(samples), median_of(samples), range_of(samples)
    assert mean.high - mean.low == pytest.approx(4 / 20, rel=0.1)
    assert median.low < 5.0 < median.high and median.high - median.low < 0.4
    assert (spread.low, spread.high) == (samples.min(), samples.max())
    assert mean_of([3.0]) == exactly(3.0)
    never = median_of([1.0, 2.0, math.inf])
    assert never.number == 2.0 and never.high == math.inf


def test_numbers_are_short() -> None:
    texts = [short(x) for x in (0.0, 0.25, 8657.4, 9999.6, 123456.0, -5000.2, 1e12, 3e-6)]
    assert texts == ["0", "0.25", "8657", "10,000", "123,456", "-5000", "1e+12", "3e-06"]
    assert str(Value(math.nan, math.nan, math.nan)) == "none"
    assert str(between(1, 2)) == "1 to 2" and str(at_least(0.95)) == "≥ 0.95"
