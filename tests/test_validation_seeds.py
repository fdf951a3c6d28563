"""One published run among seeds: `validation.seeds`."""

from __future__ import annotations

import numpy as np

from validation.passages import first_above
from validation.seeds import largest_z, strays, z_bound


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


def test_what_is_never_passed_is_left_out() -> None:
    ours = np.array([[1.0, np.inf], [3.0, 5.0], [2.0, 6.0]])
    assert largest_z([2.0, np.inf], ours).number == 0.0
