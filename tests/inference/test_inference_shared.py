"""Runs that share a mixture that is not known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from inferred import edges, simulated

from domino_sim import infer
from domino_sim.errors import ArgumentError
from domino_sim.inference import settling
from domino_sim.inference.first_rates import first_frequencies
from domino_sim.inference.forms import OPEN, Courses, Form
from domino_sim.inference.rates import costs, fit
from domino_sim.inference.rating import _tied
from domino_sim.inference.records import Records
from domino_sim.inference.shared import SharedMixtures
from domino_sim.inference.structure import Structure
from domino_sim.inference.study import Study, make_study

REQUIRES = {"A": "", "B": "", "C": "A", "D": "B"}
MIXTURE = [0.5, 0.1, 0.25, 0.15]
PAIR = {"same_mixture": [["run 1", "run 2"]]}
SAME = SharedMixtures((("run 1", "run 2"),))


def halves(known: tuple[int, ...] = ()) -> xr.Dataset:
    """Return two runs of one mixture: of the first the beginning was recorded, before C and D."""
    steps = [np.arange(0, 701, 20), np.arange(1000, 6001, 80)]
    curves = simulated(REQUIRES, [MIXTURE] * 2, steps=steps)
    frequency = curves.frequency.copy()
    frequency[[r for r in range(2) if r not in known]] = np.nan
    return curves.assign(frequency=frequency)


def parts(p: np.ndarray, scales: list[float]) -> Records:
    """Return two runs of three skills that need nothing, each without a curve of one of them."""
    tau = np.array(scales)[:, None] * np.linspace(0.0, 12.0, 40)
    level = 1.0 - np.exp(-p * tau[..., None])
    weight = np.full(level.shape, 1e6)
    weight[0, :, 2] = weight[1, :, 0] = 0.0
    return Records(level, weight)


def test_what_has_not_begun_in_one_run_is_trained_in_it_if_it_moves_in_another() -> None:
    apart = make_study(halves(), None)
    assert (apart.frequency[0, 2:] < 1e-6).all()  # C and D: taken as not trained
    found = infer(halves(), prior=PAIR, mastery=0.99)
    assert edges(found) >= {("A", "C"), ("B", "D")}
    mixtures = found.report["mixtures"]
    assert mixtures["run 1"] == mixtures["run 2"]
    assert mixtures["run 1"]["B"] / mixtures["run 1"]["A"] == pytest.approx(0.2, rel=0.1)
    assert mixtures["run 1"]["C"] / mixtures["run 1"]["A"] == pytest.approx(0.5, rel=0.1)


def test_ratios_that_no_run_tells_alone_are_told_together() -> None:
    p = np.array([0.6, 0.3, 0.02])
    nodes = parts(p, [1.0, 5.0])
    unknown = np.full((2, 3), np.nan)
    apart = first_frequencies(nodes, unknown, "mse").frequency
    assert apart[0, 2] / apart[0, 0] > 5.0 * p[2] / p[0]  # a guess
    both = first_frequencies(nodes, unknown, "mse", np.array([0, 0])).frequency
    np.testing.assert_allclose(both[:, 1:] / both[:, :1], np.tile(p[1:] / p[0], (2, 1)), rtol=0.05)
    held = unknown.copy()
    held[:, 1] = 3.0
    both = first_frequencies(nodes, held, "mse", np.array([0, 0])).frequency
    np.testing.assert_allclose(both, np.tile(10.0 * p, (2, 1)), rtol=0.05)


@pytest.mark.parametrize("form", [Form("hard", 0.95), Form("soft", 0.3)], ids=str)
def test_a_fit_keeps_shared_frequencies_the_same_and_pays_for_them_once(form: Form) -> None:
    p, off = np.array([0.6, 0.3, 0.02]), np.array([0.3, 0.3, 0.3])
    free = np.ones((2, 3), dtype=bool)
    courses = Courses(form, np.tile(off, (2, 1)), free=free, mixture=np.array([0, 0]))
    one = Structure(courses, parts(p, [1.0, 5.0]))
    one.gates = {0: OPEN, 1: OPEN, 2: OPEN}
    one.follow({0, 1, 2})
    one.tau = np.array([[1.0], [5.0]]) * np.tile(np.linspace(0.0, 12.0, 40), (2, 1))
    fit(one, rounds=25)
    found = one.courses.frequency
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_allclose(found[0, 1:] / found[0, 0], p[1:] / p[0], rtol=0.02)
    log = np.log(found[0])
    assert one.penalty == pytest.approx(float(np.square(log - log.mean()).sum()))
    assert costs(one).sum() == pytest.approx(one.error + one.penalty)


def test_what_is_known_of_one_run_is_known_of_those_of_its_mixture() -> None:
    study = make_study(halves(known=(0,)), None, SAME)
    assert study.free is None
    np.testing.assert_array_equal(study.frequency, [MIXTURE] * 2)
    partly = halves().frequency.values.copy()
    partly[0, 0], partly[1, 3] = 0.5, 0.15
    study = make_study(halves(), partly, SAME)
    assert study.free is not None
    np.testing.assert_array_equal(study.free, [[False, True, True, False]] * 2)
    np.testing.assert_array_equal(study.frequency[:, [0, 3]], [[0.5, 0.15]] * 2)


@pytest.mark.parametrize(
    ("groups", "told"),
    [
        ("run 1", r"same_mixture: is 'run 1'; expected a list of groups"),
        (["run 1", "run 2"], r"same_mixture\[0\]: is 'run 1'; expected a list of names"),
        ([["run 1"]], r"same_mixture\[0\]: is \['run 1'\]; expected two runs or more"),
        ([["run 1", "run 1"]], r"same_mixture\[0\]: 'run 1' is there twice"),
        ([["run 1", "run 2"], ["x", "run 2"]], r"same_mixture\[1\]: 'run 2' is in two groups"),
        ([["run 1", "run2"]], r"same_mixture\[0\]: unknown run 'run2'.*did you mean 'run 2'"),
    ],
)
def test_wrong_groups_are_refused_and_it_is_said_where(groups: Any, told: str) -> None:
    with pytest.raises(ArgumentError, match=f"prior: {told}"):
        infer(halves(), prior={"same_mixture": groups})


def test_mixtures_that_are_known_to_differ_are_refused_with_the_file(tmp_path: Path) -> None:
    file = tmp_path / "known.toml"
    file.write_text('same_mixture = [["run 1", "run 2"]]\n', "utf-8")
    told = r"known\.toml: same_mixture\[0\]: the frequency of 'A' is 0\.5 in 'run 1' and 0\.4"
    with pytest.raises(ArgumentError, match=told):
        infer(halves(), [MIXTURE, [0.4, 0.1, 0.25, 0.15]], prior=file)


def test_of_a_run_whose_mixture_changes_a_piece_may_share_one() -> None:
    row = dict(zip(REQUIRES, MIXTURE, strict=True))
    changes = {"run 1": row, "run 2": {0: {"A": 0.2}, 3000: {"B": 0.3}}}
    with pytest.raises(ArgumentError, match=r"'run 2' changes; expected .*'run 2, to step 3,000'"):
        infer(halves(), changes, prior=PAIR)
    groups = SharedMixtures((("run 1", "run 2, from step 3,000"),))
    with pytest.raises(ArgumentError, match=r"the frequency of 'A' is 0\.5 in 'run 1'"):
        make_study(halves(), changes, groups)
    changes["run 2"] = {0: {"A": 0.2}, 3000: {"A": 0.5}}
    study = make_study(halves(), changes, groups)
    at = study.runs.index("run 2, from step 3,000")
    np.testing.assert_array_equal(study.frequency[at], MIXTURE)


def told_of_c(curves: tuple[str, ...]) -> Study:
    """Return a study of runs of one mixture, whose curves of C are as said, and of another."""
    runs = [*curves, "rising"]
    there = simulated({"A": "", "B": "", "C": ""}, [[0.5, 0.3, 0.2]] * len(runs),
                      steps=[np.arange(0, 4001, 80)] * len(runs))  # fmt: skip
    level = there.level.transpose("run", "step", "skill").values.copy()
    for r, curve in enumerate(runs):
        if curve == "flat":
            level[r, :, 2] = 0.005 * np.random.default_rng(r).normal(size=level.shape[1])
        elif curve in ("still", "still but C"):  # as are those of A and B
            level[r] = 0.0
        if curve in ("absent", "still but C"):
            level[r, :, 2] = np.nan
    unknown = there.assign(
        level=(("run", "step", "skill"), level), frequency=there.frequency * np.nan
    )
    return make_study(unknown, None, SharedMixtures((tuple(there["run"].values.tolist()[:-1]),)))


@pytest.mark.parametrize(
    ("curves", "moves"),
    [
        (("absent", "flat"), False),
        (("flat", "absent"), False),
        (("absent", "flat", "rising"), True),
        (("rising", "absent", "flat"), True),
    ],
)
def test_a_skill_is_trained_in_all_runs_of_a_mixture_or_in_none(
    curves: tuple[str, ...], moves: bool
) -> None:
    study = told_of_c(curves)
    assert study.free is not None
    for r in range(len(curves)):
        np.testing.assert_array_equal(study.free[r], [True, True, moves])
        np.testing.assert_array_equal(study.frequency[r], study.frequency[0])
    said = [one for one in study.remarks if "'C'" in one]
    assert len(said) == (1 if moves else 2)
    assert all(("taken as not trained" in one) != moves for one in said)


def test_of_a_mixture_under_which_nothing_moves_nothing_is_known() -> None:
    study = told_of_c(("still but C", "still but C"))
    assert study.free is not None
    np.testing.assert_array_equal(study.free, [[True, True, False]] * 2 + [[True] * 3])
    np.testing.assert_allclose(study.frequency[:2, :2], 0.5)
    study = told_of_c(("still but C", "still"))
    assert study.free is not None and study.free.all()
    np.testing.assert_allclose(study.frequency[:2], 1.0 / 3.0)


def test_what_is_not_trained_sets_no_scale() -> None:
    p = np.array([0.6, 0.3, 0.1, 0.0])
    tau = np.array([1.0, 5.0])[:, None] * np.linspace(0.0, 12.0, 40)
    level = 1.0 - np.exp(-p * tau[..., None])
    nodes = Records(level, np.full(level.shape, 1e6))
    given = np.array([[np.nan, np.nan, np.nan, 0.0]] * 2)
    first = first_frequencies(nodes, given, "mse", np.array([0, 0]))
    np.testing.assert_allclose(first.frequency, [p] * 2, rtol=0.02, atol=1e-12)
    courses = Courses(
        Form("hard", 0.95), np.maximum(first.frequency, 1e-8), free=np.isnan(given),
        ties=first.ties, mixture=np.array([0, 0]),
    )  # fmt: skip
    # As long as no other skill is in, nothing is known of the first.
    np.testing.assert_array_equal(_tied(Structure(courses, nodes), 0), 1.0)


def test_the_best_beginning_is_chosen_for_all_runs_of_a_mixture(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Each of two runs has ratios of its own: no mixture suits both.
    ratios = np.array([[0.6, 0.3, 0.1], [0.2, 0.3, 0.5]])
    tau = np.tile(np.linspace(0.0, 30.0, 40), (2, 1))
    level = 1.0 - np.exp(-ratios[:, None] * tau[..., None])
    records = Records(level, np.full(level.shape, 1e4))

    def under(p: np.ndarray) -> Structure:
        free = np.ones((2, 3), dtype=bool)
        courses = Courses(
            Form("hard", 0.95), np.tile(p, (2, 1)), free=free, mixture=np.array([0, 0])
        )
        found = Structure(courses, records)
        found.gates, found.tau = {0: OPEN, 1: OPEN, 2: OPEN}, tau
        found.follow({0, 1, 2})
        found.polish(10)
        return found

    monkeypatch.setattr(settling, "fit", lambda structure, *steps, **how: None)
    monkeypatch.setattr(settling, "_in_turn", lambda structure: under(ratios[1]))
    found = settling.settled(under(ratios[0]))
    np.testing.assert_array_equal(found.courses.frequency[0], found.courses.frequency[1])
