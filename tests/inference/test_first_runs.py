"""First runs: mixtures for skills of which nothing is known but their names."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domino_sim import design_mixtures
from domino_sim.errors import ArgumentError


@given(
    n=st.integers(3, 30), runs=st.integers(1, 12), ratio=st.floats(1.5, 200.0),
    stranger=st.booleans(), knock_outs=st.booleans(), seed=st.integers(0, 99),
)  # fmt: skip
def test_frequencies_are_spread_evenly_and_all_skills_left_out_as_often(
    n: int, runs: int, ratio: float, stranger: bool, knock_outs: bool, seed: int
) -> None:
    names = [f"s{k}" for k in range(n)]
    other = {"stranger": "other"} if stranger else {}
    plan = design_mixtures(names, runs, ratio=ratio, knock_outs=knock_outs, seed=seed, **other)
    assert plan.mixtures["skill"].values.tolist() == names + list(other.values())
    assert plan.mixtures["run"].values.tolist() == [f"planned {k + 1}" for k in range(runs)]
    p, whole = plan.mixtures.values[:, :n], plan.mixtures.values
    np.testing.assert_allclose(whole.sum(axis=1), 1.0)
    least = np.where(p > 0.0, p, np.inf).min(axis=1)
    assert (p.max(axis=1) <= ratio * least * (1 + 1e-9)).all()
    out = p == 0.0
    often, each = out.sum(axis=0), out.sum(axis=1)
    if not knock_outs:
        assert not out.any()
    else:
        assert often.max() - often.min() <= 1
        assert len(set(each.tolist())) == 1
        assert 1 <= each[0] <= max(1, n // 4)
        # As many as it takes for each to be left out once, if that is not too many.
        assert often.min() >= 1 or each[0] == max(1, n // 4) or abs(each[0] - n / runs) <= 0.5
    if stranger:
        # As often as the others on the mean, within what the ratio allows.
        np.testing.assert_allclose(whole[:, n], np.minimum(each / n, ratio * least))
    left = [[names[k] for k in np.flatnonzero(row)] for row in out]
    assert [run["knocked_out"] for run in plan.report["runs"]] == left


def test_every_skill_is_rare_in_some_runs_and_frequent_in_others() -> None:
    plan = design_mixtures([f"s{k}" for k in range(8)], 8, knock_outs=False, ratio=10)
    logs = np.log(plan.mixtures.values)
    # Over the runs each takes a value in every eighth of the range, before they add up to 1.
    assert (np.ptp(logs, axis=0) > 0.5 * np.log(10)).all()
    assert np.abs(np.corrcoef(logs.T) - np.eye(8)).max() < 0.9


def test_of_two_skills_none_is_left_out_for_a_run_of_one_tells_nothing() -> None:
    assert (design_mixtures(["A", "B"], 3).mixtures.values > 0.0).all()


def test_the_same_seed_gives_the_same_and_another_others() -> None:
    one, same, other = (design_mixtures(list("ABCD"), 2, seed=k).mixtures.values for k in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


@pytest.mark.parametrize(
    ("names", "options", "said"),
    [
        (["A"], {}, "skills: names 1; expected two skills or more"),
        (["A", "B", "A"], {}, "skills: has 'A' twice; expected each skill once"),
        (["A", ""], {}, "skills: has '' in the place 2"),
        (["A", 3], {}, "skills: has 3 in the place 2"),
        (["A", "B"], {"runs": "enough"}, "runs: is 'enough', which needs something that is known"),
        (["A", "B"], {"runs": 0}, "runs: is 0"),
        (["A", "B"], {"stranger": "B"}, "stranger: is 'B', the name of a skill"),
        (["A", "B"], {"stranger": " "}, "stranger: is ' '"),
        (["A", "B"], {"ratio": 1.0}, "ratio: is 1.0"),
        (["A", "B"], {"least": 0.6}, "least: is 0.6; expected a number from 0 to below 1/2"),
    ],
)
def test_what_is_refused(names: list[str], options: dict[str, object], said: str) -> None:
    with pytest.raises(ArgumentError) as refused:
        design_mixtures(names, **options)  # type: ignore[arg-type]
    assert said in str(refused.value)
