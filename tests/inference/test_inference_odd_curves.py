"""Curves that begin late, high or not at all are inferred around; what was done is said."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
import xarray as xr
from inferred import edges, simulated

from domino_sim import infer
from domino_sim.curves import join_curves
from domino_sim.inference import Inference
from domino_sim.inference.study import make_study

REQUIRES = {"A": "", "B": "", "C": "A", "D": "B", "E": "C and D"}
TRUE = {("A", "C"), ("B", "D"), ("C", "E"), ("D", "E")}
MIXTURES = [
    [0.30, 0.10, 0.15, 0.20, 0.25],
    [0.10, 0.35, 0.25, 0.12, 0.18],
    [0.20, 0.20, 0.10, 0.35, 0.15],
    [0.12, 0.25, 0.35, 0.08, 0.20],
]


def made(
    *, begin: int = 0, every: int = 120, starts: Mapping[tuple[int, str], float] | None = None
) -> xr.Dataset:
    """Curves, of skills that start at `starts` (run, skill)."""
    steps = [np.arange(begin, 12001, every)] * 4
    return simulated(REQUIRES, MIXTURES, steps=steps, noise=0.01, starts=starts)


def right(found: Inference) -> bool:
    return edges(found) == TRUE and 0.6 < found.report["misfit"] < 1.2


@pytest.mark.parametrize("begin", [480, 1440])
def test_records_may_begin_when_much_is_learned(begin: int) -> None:
    assert right(infer(made(begin=begin, every=240)))


@pytest.mark.parametrize(
    "starts",
    [
        {(0, "A"): 0.999},
        {(1, "C"): 0.999},
        {(0, "A"): 0.4, (1, "A"): 0.7},
        {(0, "C"): 0.4, (3, "E"): 0.3},
    ],
    ids=str,
)
def test_a_skill_may_have_been_trained_before(starts: dict[tuple[int, str], float]) -> None:
    found = infer(made(starts=starts, every=240))
    assert right(found)
    for _, skill in starts:
        assert any(told.startswith(f"'{skill}' starts at") for told in found.report["remarks"])


def test_what_is_learned_at_the_start_of_every_run_has_no_edges() -> None:
    found = infer(made(starts={(r, "A"): 0.9999 for r in range(4)}))
    assert edges(found) == {("B", "D"), ("C", "E"), ("D", "E")}
    assert "learned at the start" in found.graph.nodes["A"]["left_out"]
    assert not list(found.graph.in_edges("A")) and not list(found.graph.out_edges("A"))


def test_what_is_learned_before_the_first_record_is_found_to_need_nothing() -> None:
    curves = simulated(
        {"A": "", "B": "A", "C": "B"}, [[0.9, 0.04, 0.06], [0.9, 0.06, 0.04], [0.88, 0.02, 0.1]],
        steps=[np.arange(620, 9001, 60)] * 3,
    )  # fmt: skip
    found = infer(curves)
    assert ("B", "C") in edges(found)
    assert not list(found.graph.in_edges("A"))


def test_a_mixture_that_cannot_be_right_spoils_nothing() -> None:
    curves = made()
    curves.frequency.values[0, 2] = 0.0
    found = infer(curves)
    assert right(found)
    assert found.report["runs"] == ["run 2", "run 3", "run 4"]


def test_a_run_that_learns_parts_with_the_opposite_sign_is_left_out() -> None:
    curves = made(every=240)
    curves.level.values[2, :, :2] *= -0.25
    curves.level.values[3, 2, 4] = -0.13  # one bad record is no sign
    found = infer(curves)
    assert edges(found) == TRUE
    assert found.report["runs"] == ["run 1", "run 2", "run 4"]
    told = "in the run 'run 3' the level of 'A', 'B' goes far below 0"
    assert any(told in remark for remark in found.report["remarks"])


def test_more_than_half_of_the_runs_are_not_left_out_for_their_sign() -> None:
    for bad, kept in ((2, 2), (3, 4)):
        curves = made()
        curves.level.values[:bad, :, 0] *= -0.25
        assert len(make_study(curves, None).runs) == kept


def test_a_level_that_wanders_or_is_not_trained_has_no_sign() -> None:
    curves = made()
    curves.level.values[1, :8, 2] = -0.16  # before it is learned
    curves.frequency.values[2, 3], curves.level.values[2, :, 3] = 0.0, -0.3
    assert len(make_study(curves, None).runs) == 4


def test_forgetting_spoils_nothing() -> None:
    curves = made()
    curves.level.values[1, 50:, 2] -= 0.4
    assert right(infer(curves))


def test_a_run_may_not_record_a_skill_that_it_trains() -> None:
    curves = made()
    curves.level.values[0, :, 0] = np.nan
    assert right(infer(curves))


def test_no_edge_is_sure_where_records_are_few() -> None:
    found = infer(made(every=3000))
    assert max((p for _, _, p in found.graph.edges(data="probability")), default=0.0) <= 0.7
    assert any(told.startswith("few records") for told in found.report["remarks"])


def test_runs_of_different_skills_are_inferred_side_by_side() -> None:
    steps = [np.arange(0, 6001, 60)] * 2
    one = simulated({"A": "", "B": "A"}, [[0.6, 0.4], [0.3, 0.7]], steps=steps)
    other = simulated({"C": "", "D": "C"}, [[0.5, 0.5], [0.7, 0.3]], steps=steps, seed=1)
    found = infer(join_curves(one, other.assign_coords(run=["run 3", "run 4"])))
    assert edges(found) == {("A", "B"), ("C", "D")}
