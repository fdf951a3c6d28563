"""What cannot be used is said by name; what tells nothing is left out and said, too."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import xarray as xr
from inferred import edges, simulated
from six_skills import MIXTURES, REQUIRES, TRUE, changed, put, whole

from domino_sim import infer
from domino_sim.errors import ArgumentError
from domino_sim.inference.evidence import IMPLIED
from domino_sim.inference.given import given_frequencies
from domino_sim.inference.remarks import doubted
from domino_sim.inference.study import make_study


def by_name() -> dict[str, dict[str, Any]]:
    return {f"run {r + 1}": dict(zip(REQUIRES, MIXTURES[r], strict=True)) for r in range(4)}


def rest(*skills: str) -> set[tuple[str, str]]:
    """The true edges without those of some skills."""
    return {(a, b) for a, b in TRUE if not {a, b} & set(skills)}


# What tells nothing


@pytest.mark.parametrize(
    ("skill", "value", "why"),
    [
        (5, 0.4, "does not move"),
        (4, 0.02, "does not move"),
        (5, math.nan, "no curve"),
    ],
)
def test_a_skill_that_never_moves_is_left_out_and_said(skill: int, value: float, why: str) -> None:
    found = infer(changed(put(skill, value)))
    name = list(REQUIRES)[skill]
    assert edges(found) == rest(name)
    assert why in found.graph.nodes[name]["left_out"]
    assert any(name in remark and why in remark for remark in found.report["remarks"])
    assert list(found.graph) == list(REQUIRES)
    assert name not in found.predicted.skill.values


def test_noise_alone_is_no_learning() -> None:
    noise = 0.005 * np.random.default_rng(0).normal(size=whole().level.shape[:2])

    def change(level: np.ndarray) -> None:
        level[:, :, 5] = noise

    found = infer(changed(change))
    assert edges(found) == rest("F")
    assert "does not move" in found.graph.nodes["F"]["left_out"]


def test_a_skill_learned_before_the_first_record_is_said() -> None:
    requires = {"A": "", "B": "A", "C": "B"}
    mixtures = [[0.90, 0.04, 0.06], [0.9, 0.06, 0.04], [0.88, 0.02, 0.10]]
    curves = simulated(requires, mixtures, steps=[np.arange(620, 9001, 30)] * 3)
    assert float(curves.level.sel(skill="A").min()) > 0.95
    found = infer(curves)
    assert ("B", "C") in edges(found)
    assert any("A" in remark and "before the first record" in remark
               for remark in found.report["remarks"])  # fmt: skip


def test_a_run_may_lack_a_skill_which_was_not_trained_in_it() -> None:
    mixtures = [*MIXTURES[:2], [0.2, 0.2, 0.0, 0.3, 0.1, 0.2], MIXTURES[3]]
    curves = simulated(REQUIRES, mixtures, steps=[np.arange(0, 12001, 80)] * 4)
    curves.level.values[2, :, 2] = np.nan
    curves.frequency.values[2, 2] = np.nan
    found = infer(curves)
    assert edges(found) == TRUE
    assert any("'run 3' has no curve of 'C'" in remark for remark in found.report["remarks"])


def test_one_skill_is_a_graph_without_edges() -> None:
    found = infer(whole().isel(skill=[0]))
    assert list(found.graph) == ["A"]
    assert not found.graph.edges


@pytest.mark.parametrize(
    ("curves", "told"),
    [
        (lambda: changed(lambda level: level.fill(0.0)), "constant"),
        (lambda: changed(lambda level: level.fill(1.0)), "constant"),
        (lambda: changed(lambda level: level.fill(np.nan)), "'run 1'.*with a level"),
        (lambda: whole().isel(step=[10]), "at least two"),
        (lambda: whole().rename(level="loss"), "losses only"),
        (lambda: 3, "expected learning curves"),
    ],
)
def test_curves_without_anything_to_see_are_refused(
    curves: Callable[[], xr.Dataset], told: str
) -> None:
    with pytest.raises(ArgumentError, match=told):
        infer(curves())


# Mixtures


def test_mixtures_by_run_and_skill_stand_in_for_those_of_the_curves() -> None:
    unknown = whole().assign(frequency=whole().frequency * np.nan)
    assert edges(infer(unknown, by_name())) == TRUE
    assert edges(infer(unknown, MIXTURES)) == TRUE


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"run 9": {"A": 1.0}}, "unknown run 'run 9'.*did you mean"),
        ({"run 2": {"Z": 1.0}}, "run 2: unknown skill 'Z'"),
        ({"run 2": {"A": -1.0}}, "run 2: A: is -1.0; expected a number ≥ 0"),
        ({"run 2": {"A": "much"}}, "run 2: A: is 'much'"),
        ({"run 2": {"A": True}}, "run 2: A: is True"),
        ({"run 2": {"A": math.inf}}, "run 2: A: is inf"),
        ({"run 2": {0: {"A": 1.0}, 100: 2.0}}, "run 2: 100: is 2.0; expected frequencies by skill"),
        ({"run 2": {0: {"A": 1.0}, -1: {"A": 2.0}}}, "run 2: is -1; expected a step ≥ 0"),
        ({"run 2": {0: {"A": 1.0}, 100: {"Z": 2.0}}}, "run 2: unknown skill 'Z'"),
        ({"run 2": 3}, "run 2: is 3; expected frequencies by skill"),
        ({"run 2": dict.fromkeys(REQUIRES, 0.0)}, "'run 2' trains no skill"),
    ],
)
def test_mixtures_that_do_not_go_with_the_curves_are_refused_by_name(
    change: dict[str, Any], told: str
) -> None:
    with pytest.raises(ArgumentError, match=told):
        infer(whole(), by_name() | change)


@pytest.mark.parametrize(
    "mixtures", ["mixed", [[0.1]], np.zeros((4, 5)), -np.ones((4, 6)), np.full((4, 6), np.inf)]
)
def test_tables_of_another_shape_or_below_zero_are_refused(mixtures: Any) -> None:
    with pytest.raises(ArgumentError, match="4 runs × 6 skills"):
        infer(whole(), mixtures)


# Arguments


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("mastery", 0.0), ("mastery", 1), ("mastery", math.nan), ("most_prerequisites", 0),
        ("most_prerequisites", 2.5), ("most_prerequisites", True), ("seconds", 0),
        ("seconds", -1.0), ("seconds", math.nan),
    ],
)  # fmt: skip
def test_arguments_out_of_their_range_are_refused(option: str, value: Any) -> None:
    with pytest.raises(ArgumentError, match=option):
        infer(whole(), **{option: value})


def test_mastery_that_is_known_is_kept() -> None:
    found = infer(whole(), mastery=0.99)
    assert edges(found) == TRUE
    assert found.report["form"]["value"] == 0.99


def test_gates_ask_for_no_more_than_they_may() -> None:
    curves = simulated(REQUIRES, MIXTURES, steps=[np.arange(0, 12001, 150)] * 4)
    found = infer(curves.isel(skill=[0, 1, 5]), most_prerequisites=1)  # F needs A or B
    assert all(" " not in gate for gate in found.report["gates"].values())
    assert all(edge["reason"] != IMPLIED for edge in found.report["edges"])  # nothing is room for
    assert any("times as far" in remark for remark in found.report["remarks"])
    # What is reported is what is predicted, however far that is from the curves.
    miss = found.predicted["observed"] - found.predicted["level"]
    misfit = float(np.square(miss).mean()) / found.report["noise"] ** 2
    assert misfit > 10.0 and found.report["misfit"] == pytest.approx(misfit)


def test_a_search_that_is_stopped_says_so() -> None:
    found = infer(whole(), seconds=1e-6)
    assert list(found.graph) == list(REQUIRES)
    assert any("stopped" in remark for remark in found.report["remarks"])


class Impatient:
    """A meter whose reader presses Ctrl-C when told of the third skill."""

    @contextmanager
    def task(self, label: str, total: float) -> Iterator[Callable[[float], None]]:
        def update(done: float) -> None:
            if done >= 3:
                raise KeyboardInterrupt

        yield update


def test_ctrl_c_keeps_the_best_graph_so_far() -> None:
    found = infer(whole(), meter=Impatient())
    assert list(found.graph) == list(REQUIRES)
    assert any("stopped" in remark for remark in found.report["remarks"])
    assert np.isfinite(found.report["misfit"])


def test_ctrl_c_before_anything_is_refined_keeps_the_best_form(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("domino_sim.inference.procedure._Search._refine", stop)
    curves = simulated(
        {"A": "", "B": "", "C": "A and B"}, [row[:3] for row in MIXTURES],
        steps=[np.arange(0, 9001, 150)] * 4, gate={"kind": "soft", "exponent": 0.1},
    )  # fmt: skip
    report = infer(curves).report
    misfits = report["forms"]
    assert len(misfits) > 1 and report["form"]["text"] == min(misfits, key=misfits.__getitem__)


def test_labelled_mixtures_are_taken_by_their_labels() -> None:
    curves = whole().isel(run=[0, 1], skill=[0, 2])
    plain = [row[:3:2] for row in MIXTURES[:2]]
    mixed = xr.DataArray(
        [row[::-1] for row in plain[::-1]], {"run": ["run 2", "run 1"], "skill": ["C", "A"]},
        ("run", "skill"),
    )  # fmt: skip
    for mixtures in (mixed, mixed.T, mixed.to_pandas()):
        given = given_frequencies(curves, mixtures).frequency
        np.testing.assert_array_equal(given, plain)
    with pytest.raises(ArgumentError, match=r"mixtures: has the skills .*'X'.*expected .*'A'"):
        given_frequencies(curves, mixed.assign_coords(skill=["C", "X"]))
    with pytest.raises(ArgumentError, match="has the runs None"):
        given_frequencies(curves, mixed.drop_vars("run"))


def test_nothing_is_said_of_probabilities_where_there_is_one_skill() -> None:
    study = make_study(whole(), None)
    alone = make_study(whole().isel(skill=[0]), None)
    assert doubted(study, (True, "no edge is sure")).remarks[-1] == "no edge is sure"
    assert doubted(study, (False, "no edge is sure")) is study
    assert doubted(alone, (True, "no edge is sure")).remarks == alone.remarks
