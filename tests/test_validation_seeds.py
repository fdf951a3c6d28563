"""One published run among seeds: `validation.seeds`."""

from __future__ import annotations

import numpy as np
import pytest

from validation.passages import first_above
from validation.seeds import largest_z, one_more, strays, z_bound


def test_the_first_step_above_is_per_run_and_skill() -> None:
    level = np.array([[[0.0, 0.0], [0.95, 0.0]], [[0.0, 0.95], [0.0, 0.0]]])
    found = first_above(level, [0, 10], 0.9)
    assert found.tolist() == [[10.0, np.inf], [np.inf, 0.0]]


def test_a_run_of_the_same_kind_is_within_and_another_is_not() -> None:
    rng = np.random.default_rng(0)
    ours = 100.0 + 5.0 * rng.standard_normal((20, 30))
    bound = z_bound(30, 20)
    same, other = 100.0 + 5.0 * rng.standard_normal((2, 30)) + [[0.0], [40.0]]
    assert largest_z(same, ours).agrees(bound)
    assert not largest_z(other, ours).agrees(bound)
    single, own = strays(same, ours)
    assert 0.7 * own.min() < single < 1.3 * own.max()
    assert strays(other, ours)[0] > 2 * own.max()


def test_what_neither_ever_passes_is_agreement() -> None:
    ours = np.array([[1.0, np.inf], [3.0, np.inf], [2.0, np.inf]])
    assert largest_z([2.0, np.inf], ours, last=100).number == 0.0


def test_what_most_of_ours_never_pass_is_infinitely_far() -> None:
    rng = np.random.default_rng(0)
    ours = 100.0 + 5.0 * rng.standard_normal((10, 30))
    ours[:9, 4] = np.inf
    assert largest_z(np.full(30, 100.0), ours, last=1000).number == np.inf
    ours[:, 4] = 100.0
    published = np.full(30, 100.0)
    published[4] = np.inf
    assert largest_z(published, ours, last=1000).number == np.inf


def test_near_the_end_a_passage_may_be_there_or_not() -> None:
    rng = np.random.default_rng(0)
    drawn = 990.0 + 30.0 * rng.standard_normal((21, 8))
    drawn[drawn > 1000.0] = np.inf
    assert largest_z(drawn[0], drawn[1:], last=1000).agrees(z_bound(9, 20))


def test_how_many_are_passed_is_a_distance_of_its_own() -> None:
    # Each of twenty numbers is passed by half of ours; the published run passes all.
    ours = np.where(np.arange(20) % 2 == np.arange(10)[:, None] % 2, 500.0, np.inf)
    assert largest_z(np.full(20, 500.0), ours, last=1000).number > 9.0


def test_never_needs_the_last_step_and_what_is_no_number_fails() -> None:
    with pytest.raises(ValueError, match="last step"):
        largest_z([1.0], [[1.0], [np.inf]])
    assert not largest_z([1.0, np.nan], np.ones((3, 2))).agrees(z_bound(2, 3))


def test_runs_that_never_get_there_do_not_widen_the_lower_end() -> None:
    assert one_more([100.0, 110.0, *[np.inf] * 6]).low > 90.0
