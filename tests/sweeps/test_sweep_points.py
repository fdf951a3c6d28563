"""The rows of a sweep are what single runs give."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from sweep_cases import HARD, RUN

from domino_sim import Scenario, simulate, sweep, train
from domino_sim.errors import ArgumentError, ScenarioError
from domino_sim.gradient.run import Run
from domino_sim.sweeps.task import Point, Task
from domino_sim.sweeps.worker import solve

#: Any executor will do; a thread starts at once.
HERE = ThreadPoolExecutor(1)

SOFT = {**HARD, "gate": {"kind": "soft", "exponent": 0.01}}
LAWS = {"graph": "two-pairs", "steps": 900, "record": {"points": 4}}

CASES = {
    "pool and frequencies": (HARD, {
        "pool.wasted": [0.0, 1e-3, 0.3], "skills.T2.frequency": [0.05, 0.0, 2.0],
        "pool.rate": [1e-3, 4e-3],
    }),
    "soft gates": (SOFT, {"pool.wasted": [1e-3, 1e-2], "skills.T4.frequency": [0.1, 1.0]}),
    "derived from lr": (
        {**LAWS, "pool": {"law": "norm", "lr": 1e-3, "n_dim": 100, "noise": 1e-3}},
        {"pool.n_dim": [50, 500], "pool.noise": [0.0, 1e-2], "pool.g0": [1.0, 2.0],
         "pool.lr": [1e-3, 2e-3]},
    ),
    "laws of frequencies": (
        {**LAWS, "frequencies": {"law": "power"}},
        {"frequencies.exponent": [0.0, 1.0, 2.5], "loss": ["mse", "ce"], "gate.leak": [0.0, 0.1]},
    ),
    "tables of frequencies": (
        {"steps": 900, "skills": {"A": {}, "the B.": {"requires": "A"}},
         "frequencies": {"A": 1.0, "the B.": 0.5}, "record": {"points": 4}},
        {"frequencies.the B.": [0.1, 0.7], "mastery": [0.5, 0.9]},
    ),
    "other graphs": (
        LAWS, {"graph": ["two-pairs", {"family": "chain", "n": 3}], "pool.wasted": [0.01, 0.1]},
    ),
    "no batch": (HARD, {"pool.law": ["domino", "norm", "constant"], "pool.rate": [1e-3, 2e-3]}),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_batches_give_what_the_clock_engine_gives_alone(name):
    scenario, axes = CASES[name]
    found = sweep(scenario, axes, curves="levels", executor=HERE)
    rows = list(found.rows())
    assert len(rows) == len(found) and {row["status"] for row in rows} == {"done"}
    ds = found.to_xarray()
    for row in rows:
        alone = simulate(found.scenario(row["number"]), "clock")
        at = np.array(row["mastered_at"], dtype=float)
        assert row["skills"] == alone.skill.values.tolist()
        assert np.allclose(at, alone.mastered_at, rtol=1e-9, atol=1e-9, equal_nan=True)
        of = {k: str(v) if isinstance(v, dict) else v for k, v in row["parameters"].items()}
        if name != "other graphs":
            level = ds.level.sel(of)
            assert np.allclose(level, alone.level, atol=1e-9)
            assert np.isclose(ds.total_loss.sel(of)[-1], row["final_loss"])


def test_the_loss_is_the_mean_over_what_is_trained():
    found = sweep(
        {"steps": 10, "skills": {"A": {"level": 0.5}, "B": {"frequency": 3.0, "level": 1.0}},
         "pool": {"law": "constant", "rate": 1e-12}}, {"pool.g0": [1.0, 2.0]},
    )  # fmt: skip
    assert np.allclose(found.to_xarray().final_loss, [0.5**3 / 4, 0.5**3 / 2])


def test_every_engine_may_be_asked_for_and_agrees():
    axes = {"pool.wasted": [1e-3, 1e-2]}
    frames = {e: sweep(HARD, axes, engine=e, executor=HERE).to_frame() for e in ("events", "clock")}
    assert set(frames["events"]["engine"]) == {"events"}
    assert np.allclose(*(frame["all_mastered_at"] for frame in frames.values()), rtol=1e-9)


def test_what_the_clock_cannot_do_falls_to_the_events():
    tables = {
        "steps": 900, "skills": {"A": {}, "B": {"requires": "A"}},
        "modules": {"m": {"skills": ["A"], "share": 0.5}, "n": {"skills": ["B"], "share": 0.5}},
    }  # fmt: skip
    rows = sweep(tables, {"pool.wasted": [0.1]}).rows()
    assert [row["engine"] for row in rows] == ["events"]


def test_a_point_that_raises_fails_alone_and_says_why():
    axes = {"steps": [900, 100], "record": [{"steps": [0, 50]}, {"steps": [0, 500]}]}
    found = sweep(LAWS, axes)
    assert found.counts == {"done": 3, "failed": 1, "pending": 0}
    (failure,) = found.failures
    assert failure["parameters"] == {"steps": 100, "record": {"steps": [0, 500]}}
    told = "record.steps.1: 500 is beyond the last step; expected steps up to 100"
    assert failure["error"] == told
    with pytest.raises(ScenarioError, match="beyond the last step"):
        found.scenario(failure["number"])


def test_gradient_runs_side_by_side_give_what_they_give_alone():
    axes = {"axes": {"model.n_dim": [20, 30], "skills.A.frequency": [1.0, 0.7]}, "seeds": 2}
    found = sweep(RUN, axes, curves="levels", executor=HERE)
    assert found.counts == {"done": 16, "failed": 0, "pending": 0}
    ds = found.to_xarray()
    assert ds.level.dims == (
        "model.n_dim", "skills.A.frequency", "mixture", "seed", "step", "skill"
    )  # fmt: skip
    rows = {row["number"]: row for row in found.rows()}
    assert len({row["seed"] for row in rows.values()}) == 16
    for number in (0, 5, 15):
        alone = train(found.scenario(number))
        of = rows[number]["parameters"]
        assert alone.seed.item() == rows[number]["seed"]
        assert np.allclose(ds.level.sel(of), alone.level[0], atol=1e-6)
        p = alone.frequency.values[0]
        loss = (p * alone.loss.values[0, -1]).sum() / p.sum()
        assert np.isclose(rows[number]["final_loss"], loss, rtol=1e-5)


def test_a_run_that_diverges_is_a_failed_point():
    found = sweep({**RUN, "mixtures": {}, "seeds": 1}, {"optimizer.lr": [0.1, 9e9]}, executor=HERE)
    assert found.counts["failed"] == 1 and "diverged at step" in found.failures[0]["error"]


def test_the_axes_are_dimensions_and_keys_coordinates():
    table = {
        "axes": {"pool.wasted": [0.1, 0.2], "steps": [900, 950], "pool.law": ["sum", "norm"]},
        "zip": [["pool.wasted", "steps"]],
    }
    ds = sweep({**HARD, "steps": 900}, table).to_xarray()
    assert dict(ds.sizes) == {"pool.wasted": 2, "pool.law": 2, "skill": 7}
    assert ds["steps"].dims == ("pool.wasted",)
    assert ds["pool.law"].values.tolist() == ["sum", "norm"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"scenario": 3}, "The 'scenario' parameter of sweep is a int"),
        ({"axes": [1]}, "The 'axes' parameter of sweep is a list"),
        ({"executor": 3}, "The 'executor' parameter of sweep is a int"),
        ({"workers": 0}, "The 'workers' parameter of sweep is 0"),
    ],
)
def test_wrong_arguments_are_refused(arguments, told):
    with pytest.raises(ArgumentError) as error:
        sweep(**{"scenario": HARD, "axes": {"mastery": [0.5]}, **arguments})
    assert told in str(error.value)


def test_scenarios_and_runs_from_python_are_swept_as_files_are():
    one = sweep(Scenario.from_dict(HARD), {"mastery": [0.5]}).to_frame()
    assert one.equals(sweep(HARD, {"mastery": [0.5]}).to_frame())
    plan = sweep(Run.from_dict(RUN), {"model.n_dim": [20]}, executor=HERE).plan
    task = Task(plan.subject, "auto", "none", True, (), (Point(0, {"mixture": "even"}, 3),))
    assert solve(task)[0].seed == 3
