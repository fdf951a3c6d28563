"""What the figures with one published seed are compared with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from validation.geometry import array_file
from validation.passages import first_step
from validation.seeds import one_more
from validation.value import exactly, median_of


def test_the_first_step_is_along_the_axis_that_is_asked_for() -> None:
    level = np.array([[[0.0, 1.0], [0.6, 0.0]], [[0.0, 0.0], [0.0, 0.7]]])  # (run, step, skill)
    assert first_step(level > 0.5, [0, 5]).tolist() == [[5.0, 0.0], [np.inf, 5.0]]
    assert first_step(level[:, :, 0] > 0.5, [0, 5], axis=-1).tolist() == [5.0, np.inf]


def test_a_further_run_is_in_the_interval_as_often_as_it_says() -> None:
    drawn = np.exp(np.random.default_rng(0).normal(5.0, 0.2, (1000, 6)))
    found = [one_more(row[:5]) for row in drawn]
    inside = [value.low <= new <= value.high for value, new in zip(found, drawn[:, 5], strict=True)]
    assert np.mean(inside) == pytest.approx(0.95, abs=0.02)


def test_runs_that_never_get_there_leave_the_upper_end_open() -> None:
    value = one_more([100.0, 110.0, np.inf])
    assert value.low < 100.0 < value.number < value.high == np.inf
    assert one_more([np.inf, np.inf]).low == np.inf


@pytest.mark.parametrize("finite", [[100.0, 110.0], [100.0], []])
def test_where_half_never_get_there_nothing_finite_agrees(finite: list[float]) -> None:
    samples = [*finite, *[np.inf] * 2]
    for value in (one_more(samples), one_more(samples, 0.16), median_of(samples)):
        assert value.number == np.inf
        assert not any(value.agrees(exactly(x), within=0.5) for x in (80.0, 500.0, 1e6))
        assert value.agrees(exactly(np.inf))


def test_where_most_get_there_the_lower_end_still_rejects() -> None:
    samples = [100.0, 110.0, 105.0, 95.0, np.inf]
    for value in (one_more(samples), median_of(samples)):
        assert value.agrees(exactly(100.0))
        assert not value.agrees(exactly(30.0))


def test_one_run_says_nothing_of_a_further_one() -> None:
    assert not one_more([100.0]).agrees(exactly(100.0))


def test_vectors_are_there_as_long_as_they_are_needed() -> None:
    with array_file(np.eye(2)) as path:
        assert np.load(path).tolist() == [[1.0, 0.0], [0.0, 1.0]]
    assert not Path(path).exists()
