"""Runs whose mixture changes are cut there, and their pieces joined by the clock."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from inferred import edges

import domino_sim
from domino_sim import infer
from domino_sim.curves import join_curves, make_curves
from domino_sim.inference.building import _anew
from domino_sim.inference.forms import OPEN, Courses, Follows, Form, Requires
from domino_sim.inference.links import _work, join, link
from domino_sim.inference.records import Records
from domino_sim.inference.structure import Structure
from domino_sim.inference.study import make_study, runs_apart
from domino_sim.levels import work_from_level

REQUIRES = {"A": "", "B": "", "C": "A", "D": "B", "E": "C and D"}
TRUE = {("A", "C"), ("B", "D"), ("C", "E"), ("D", "E")}
FIRST = [[0.4, 0.1, 0.1, 0.2, 0.2], [0.1, 0.3, 0.3, 0.1, 0.2], [0.2, 0.3, 0.1, 0.3, 0.1]]
THEN = [[0.1, 0.4, 0.3, 0.1, 0.1], [0.4, 0.1, 0.1, 0.2, 0.2], [0.3, 0.0, 0.2, 0.2, 0.3]]
CUT = 2130


@cache
def changing() -> xr.Dataset:
    """Three runs that change their mixture between two records; the last one leaves B out."""
    rng, runs = np.random.default_rng(1), []
    for r, (first, then) in enumerate(zip(FIRST, THEN, strict=True)):
        tables: dict[str, Any] = {
            "steps": 9000, "pool": {"law": "sum", "rate": 2e-3, "wasted": 5e-3},
            "record": {"every": 100},
            "skills": {
                name: {"frequency": p} | ({"requires": text} if text else {})
                for (name, text), p in zip(REQUIRES.items(), first, strict=True)
            },
            "interventions": [
                {"at": CUT, "set": {
                    f"skills.{name}.frequency": p for name, p in zip(REQUIRES, then, strict=True)
                }}
            ],
        }  # fmt: skip
        ds = domino_sim.simulate(domino_sim.Scenario.from_dict(tables), engine="clock")
        level = ds.level.values + 0.005 * rng.normal(size=ds.level.shape)
        runs.append(
            make_curves(
                runs=[f"run {r + 1}"], steps=ds.step.values, skills=list(REQUIRES),
                level=level[None], frequency=[[np.nan] * 5],
            )
        )  # fmt: skip
    return join_curves(*runs)


def schedule() -> dict[str, dict[int, dict[str, float]]]:
    return {
        f"run {r + 1}": {
            0: dict(zip(REQUIRES, FIRST[r], strict=True)),
            CUT: dict(zip(REQUIRES, THEN[r], strict=True)),
        }
        for r in range(3)
    }


def test_runs_are_cut_at_the_change_and_each_piece_has_its_mixture() -> None:
    study = make_study(changing(), schedule())
    assert study.runs[:2] == ("run 1, to step 2,130", "run 1, from step 2,130")
    assert study.steps[0][-1] == 2100
    assert study.steps[1][0] == 2200
    assert study.follows is not None
    assert study.follows.run.tolist() == [-1, 0, -1, 2, -1, 4]
    np.testing.assert_allclose(study.frequency[1], THEN[0])


def test_the_graph_is_found_across_changes_of_the_mixture() -> None:
    found = infer(changing(), schedule())
    assert edges(found) == TRUE
    assert found.report["misfit"] < 1.3
    assert found.report["mixtures"]["run 3, from step 2,130"]["B"] == 0.0


def test_frequencies_at_steps_in_the_curves_are_the_same_as_a_schedule() -> None:
    at = np.where((changing().step.values >= 2200)[None, :, None],
                  np.array(THEN)[:, None], np.array(FIRST)[:, None])  # fmt: skip
    curves = changing().assign(frequency_at=(("run", "step", "skill"), at))
    study = make_study(curves, None)
    assert study.runs[1] == "run 1, from step 2,200"
    np.testing.assert_allclose(study.frequency, make_study(changing(), schedule()).frequency)


@pytest.mark.parametrize("every", [True, False], ids=["every-run", "by-run"])
def test_a_table_of_mixtures_may_say_from_which_step_they_hold(every: bool, tmp_path: Path) -> None:
    curves = changing().isel(run=[0])
    rows = [f"{'*' if every else 'run 1'},{n},{p},{step}"
            for step, mixture in ((0, FIRST[0]), (CUT, THEN[0]))
            for n, p in zip(REQUIRES, mixture, strict=True)]  # fmt: skip
    (tmp_path / "mixtures.csv").write_text("run,skill,frequency,step\n" + "\n".join(rows) + "\n")
    frame = curves.level.to_series().dropna().reset_index()
    frame.to_csv(tmp_path / "curves.csv", index=False)
    read = domino_sim.read_curves(tmp_path / "curves.csv", mixtures=tmp_path / "mixtures.csv")
    at = read.frequency_at.sel(run="run 1")
    np.testing.assert_allclose(at.sel(step=2100), FIRST[0])
    np.testing.assert_allclose(at.sel(step=2200), THEN[0])
    # What does not change has one frequency; C, which does, has none.
    assert np.isnan(read.frequency.sel(run="run 1", skill="C"))


def test_a_mixture_that_only_seems_to_change_does_not() -> None:
    same = {f"run {r + 1}": {0: schedule()["run 1"][0], 500: {}} for r in range(3)}
    study = make_study(changing(), same)
    assert study.runs == ("run 1", "run 2", "run 3")


def test_a_frequency_known_from_a_later_step_only_is_not_known_before() -> None:
    late = schedule() | {"run 1": {CUT: schedule()["run 1"][CUT]}}
    study = make_study(changing(), late)
    assert study.runs[0] == "run 1, to step 2,130"
    assert study.free is not None
    # What does not move by then counts as not trained.
    assert study.free[0, :2].all()
    assert not study.free[1:].any()


def test_a_piece_after_one_without_records_starts_where_its_curves_do() -> None:
    gap = schedule()
    gap["run 1"][CUT + 10] = {"A": 0.15}  # no record is between the two changes
    study = make_study(changing(), gap)
    r = study.runs.index("run 1, from step 2,140")
    assert study.follows is not None
    assert study.follows.run[r] == -1
    level = changing().level.sel(run="run 1", step=2200)
    started = study.before["mse"][r] > 0.0
    assert started[0]
    np.testing.assert_allclose(study.before["mse"][r][started], level.values[started], atol=0.15)


def test_a_change_after_the_last_record_is_none() -> None:
    late = schedule() | {"run 1": {0: schedule()["run 1"][0], 9500: {"A": 0.1}}}
    assert make_study(changing(), late).runs[0] == "run 1"


def test_pieces_of_one_run_count_as_one_run() -> None:
    study = make_study(changing().isel(run=[0]), {"run 1": schedule()["run 1"]})
    assert (len(study.runs), runs_apart(study)) == (2, 1)


def test_what_is_not_trained_stays_however_far_the_clock_goes() -> None:
    courses = Courses(Form("hard", 0.99), np.array([[1.0, 1e-7]]), np.array([[0.0, 0.3]]))
    level, slope = courses.levels(1, np.zeros((1, 1)), np.array([[0.0, 1e7]]), None)
    np.testing.assert_allclose(level[0, 0], 0.3)
    assert not slope.any()


@pytest.mark.parametrize(
    "form",
    [Form("hard", 0.9), Form("hard", 0.9, "ce", 0.2), Form("soft", 0.3, "mse", 0.1)],
    ids=str,
)
def test_work_up_to_the_end_of_a_piece_is_that_of_its_level(form: Form) -> None:
    courses = Courses(form, np.array([[0.3, 0.2], [0.1, 0.4]]))
    structure = Structure(courses, Records(np.zeros((2, 1, 2)), np.ones((2, 1, 2))))
    for skill, gate in enumerate((OPEN, Requires.of((0,)))):
        structure.add(skill, gate, structure.track_of(skill, gate))
    for end in (2.0, 20.0):  # before the gate of the second opens, and after
        tau = np.full((2, 1), end)
        tracks = np.stack([structure.tracks[0], structure.tracks[1]])
        level, _ = courses.levels([0, 1], tracks, tau, courses.place(tau))
        work = work_from_level(level[..., 0], form.loss) - form.start
        for r in (0, 1):
            found = _work(courses, [0, 1], tracks[:, r], r, np.array([end, end]))
            np.testing.assert_allclose(found, [work[:, r]] * 2, rtol=1e-6, atol=1e-9)


def two_pieces(slack: float) -> tuple[Structure, Records]:
    """B needs A, learned before the change, and opens late in the next piece."""
    follows = Follows(np.array([-1, 0]), np.array([0.0, 130.0]))
    p = np.array([[1.0, 0.3, 0.2], [0.1, 1.0, 0.3]])
    tau = np.stack([np.linspace(0.1, 3.0, 30), np.linspace(0.1, 25.0, 30)])
    courses = Courses(Form("hard", 0.99), p, follows=follows)
    steps = np.stack([np.linspace(1.0, 100.0, 30), np.linspace(131.0, 300.0, 30)])
    bare = Records(np.zeros((2, 30, 3)), np.full((2, 30, 3), 1e4), 0.0, steps)
    true = Structure(courses, bare)
    for skill, gate in enumerate((OPEN, Requires.of((0,)), OPEN)):
        true.add(skill, gate, true.track_of(skill, gate))
    true.tau, true.slack = tau, np.array([0.0, slack])
    link(true)
    place = true.courses.place(tau)
    level, _ = true.courses.levels([0, 1, 2], np.stack(list(true.tracks.values())), tau, place)
    level = level + 0.01 * np.random.default_rng(0).normal(size=level.shape)
    return true, Records(np.moveaxis(level, 0, -1), bare.weight, 0.0, steps)


def test_how_far_the_clock_went_on_before_a_change_is_found_from_any_clock() -> None:
    true, records = two_pieces(slack=2.5)
    found = true.on(records)
    found.slack = np.array([0.0, 20.0])  # far too much: the clock waits until B may begin
    link(found)
    found.seek()
    assert found.polish(12) > 1000.0
    join(found)
    assert found.polish(12) < 150.0
    assert abs(found.slack[1] - 2.5) < 0.3


def test_the_clock_may_go_on_by_more_than_the_distances_that_are_tried_first() -> None:
    true, records = two_pieces(slack=1.8)
    found = true.on(records)
    found.slack = np.zeros(2)
    link(found)
    found.seek()
    join(found)
    assert found.polish(12) < 150.0
    assert abs(found.slack[1] - 1.8) < 0.35


def test_where_the_clock_is_looked_for_anew_pieces_are_joined_anew() -> None:
    true, records = two_pieces(slack=2.5)
    found = true.on(records)
    found.tau = np.full(found.tau.shape, 200.0)  # all is learned before the change
    link(found)
    found.polish(12)
    _anew(found)
    assert found.error < 150.0
    assert abs(found.slack[1] - 2.5) < 0.3
