"""The ``euler`` engine is the paper's: it reproduces the published curves number for number."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from worlds import table

from domino_sim import load_scenario, simulate
from domino_sim.engines import Euler
from domino_sim.errors import ArgumentError, RunError
from domino_sim.scenario import Scenario

DATA = Path(__file__).parent.parent / "data"

#: The reference is float32.
SAME = 1e-6

RATE = 2 * 3e-4 * math.sqrt(1000)


def reference(name: str) -> dict[str, np.ndarray]:
    """Arrays of a reference file."""
    with np.load(DATA / f"{name}.npz", allow_pickle=False) as arrays:
        return {key: arrays[key] for key in arrays}


def at(step: np.ndarray) -> dict[str, Any]:
    """The record that holds reference entries `step`: entry i is after update i + 1."""
    return {"steps": [int(s) + 1 for s in step]}


def levels(data: dict[str, Any], **kwargs: Any) -> np.ndarray:
    """Levels (points, n) of a scenario under ``euler``."""
    return simulate(Scenario.from_dict(data, **kwargs), "euler").level.values


@pytest.mark.parametrize("loss", ["mse", "ce"])
def test_the_resource_model_notebook(loss: str) -> None:
    ref = reference(f"resource_model_{loss}")
    found = levels(
        {
            "steps": 1000,
            "loss": loss,
            "pool": {"rate": RATE, "wasted": 0.003},
            "record": at(ref["step"]),
            "skills": table(ref["prob"]),
        }
    )
    np.testing.assert_allclose(found, ref["level"], atol=SAME)
    np.testing.assert_allclose(found[-1], ref["level_final"], atol=1e-12)


@pytest.mark.parametrize("wasted", [0.0001, 0.001, 0.003, 0.01, 0.1, 1.0])
def test_figure_6_at_every_waste(wasted: float) -> None:
    ref = reference("fig6_N0")
    found = levels(
        {
            "steps": 3000,
            "pool": {"rate": RATE, "wasted": wasted},
            "record": at(ref["step"]),
            "skills": table(ref["prob"]),
        }
    )
    np.testing.assert_allclose(found, ref[f"theory_N0_{wasted}"], atol=SAME)


@pytest.mark.parametrize("n", [5, 10, 20, 40, 100])
@pytest.mark.parametrize("loss", ["mse", "ce"])
def test_figure_8_correlated_tasks(loss: str, n: int, tmp_path: Path) -> None:
    ref = reference(f"fig8_{loss}")
    vectors = ref[f"tv_{n}"]
    # Above n_dim = 10 the reference multiplied random vectors in single precision.
    gram = vectors @ vectors.T if n > 10 else vectors.astype(float) @ vectors.astype(float).T
    np.save(tmp_path / "gram.npy", gram.astype(float))
    p = np.arange(1.0, n + 1) ** -2
    rate = {"mse": 2 * 1e-3, "ce": 4 * 1e-2}[loss] * math.sqrt(10)
    found = levels(
        {
            "steps": 3000,
            "loss": loss,
            "pool": {"rate": rate, "wasted": {"mse": 0.01, "ce": 0.0}[loss]},
            "record": at(ref[f"step_{n}"]),
            "skills": table(p / p.sum()),
            "correlation": "gram.npy",
        },
        folder=tmp_path,
    )
    np.testing.assert_allclose(found, ref[f"theory_{n}"], atol=SAME)


BUNDLED = {
    "resource-mse": ("resource_model_mse", "step", "level"),
    "resource-ce": ("resource_model_ce", "step", "level"),
    "fig17-1": ("fig17_case1", "step", "level"),
    "two-pairs": ("fig17_case2", "step", "level"),
    "sparse-parity-dependent": ("fig2_top", "step_dep", "theory_dep"),
    "sparse-parity-independent": ("fig2_top", "step_indep", "theory_indep"),
}


@pytest.mark.parametrize("name", BUNDLED)
def test_bundled_scenarios_reproduce_the_published_curves(name: str) -> None:
    file, steps, curves = BUNDLED[name]
    ref = reference(file)
    record = at(ref[steps])
    last = record["steps"][-1]
    scenario = load_scenario(name, overrides={"steps": last, "record": record})
    np.testing.assert_allclose(simulate(scenario, "euler").level, ref[curves], atol=SAME)


def test_figure_17_final_levels_to_the_last_digit() -> None:
    for name, file in (("fig17-1", "fig17_case1"), ("two-pairs", "fig17_case2")):
        ref = reference(file)
        last = int(ref["step"][-1]) + 1
        scenario = load_scenario(name, overrides={"steps": last, "record": {"steps": [last]}})
        found = simulate(scenario, "euler").level.values[0]
        np.testing.assert_allclose(found, ref["level_final"], atol=1e-12)


def test_a_parity_whose_frequency_never_rises() -> None:
    ref = reference("fig2_top")
    record = at(ref["step_indep"])
    data = load_scenario("sparse-parity-independent").to_dict()
    del data["interventions"]
    data |= {"steps": record["steps"][-1], "record": record}
    np.testing.assert_allclose(levels(data), ref["theory_indep_fixp3"], atol=SAME)


def test_figure_17_third_case_equals_the_papers_recipe() -> None:
    p = np.array([0.1, 0.01, 2.0, 0.2, 1.0, 1.0, 1.0])
    eta, n0, alpha, steps = 1e-3, 1e-3, 1e-3, 20000
    u = np.ones(7)
    kept = [u]
    for _ in range(steps):
        c = np.ones(7)
        g = 1 - u**alpha
        c[4] = g[0] * g[1]
        c[5] = np.maximum(g[2], g[3])
        c[6] = np.maximum(g[4], g[5])
        d = c * p * u
        u = np.maximum(u - eta * (d / (d.sum() + n0)), 0)
        kept.append(u)
    scenario = load_scenario("fig17-3", overrides={"record": {"every": 50}})
    found = simulate(scenario, "euler").level.values
    np.testing.assert_allclose(found, 1 - np.array(kept)[::50], atol=1e-12)


@pytest.mark.parametrize("law", ["sum", "norm", "constant"])
@pytest.mark.parametrize("loss", ["mse", "ce"])
@pytest.mark.parametrize("kind", ["hard", "soft"])
def test_smaller_steps_converge_to_the_continuous_model_at_first_order(
    law: str, loss: str, kind: str
) -> None:
    scenario = Scenario.from_dict(
        {
            "steps": 300,
            "loss": loss,
            "mastery": 0.8,
            "pool": {"law": law, "rate": 0.02, "wasted": 0.1},
            "gate": {"kind": kind, "leak": 0.05},
            "record": {"points": 11},
            "skills": {
                "A": {"frequency": 1.0},
                "B": {"frequency": 0.5, "requires": "A"},
                "C": {"frequency": 0.8, "requires": "A or B", "level": 0.6},
            },
        }
    )
    exact = simulate(scenario, "clock").level
    coarse, fine = (
        float(abs(simulate(scenario, Euler(step=step)).level - exact).max()) for step in (0.5, 0.1)
    )
    assert fine < 2e-3
    assert fine < 0.4 * coarse


def test_masteries_are_whole_updates() -> None:
    ds = simulate(load_scenario("two-pairs"), "euler")
    np.testing.assert_array_equal(ds.mastered_at, np.rint(ds.mastered_at))
    level = ds.level.sel(skill="T1").values
    after = ds.step.values >= float(ds.mastered_at.sel(skill="T1"))
    assert (level[after] >= 0.99).all() and (level[~after] < 0.99).all()


@pytest.mark.parametrize("step", [0.0, -1.0, math.nan, math.inf, "1", None, True, 0.3])
def test_an_impossible_step_size_is_refused(step: Any) -> None:
    scenario = Scenario.from_dict({"steps": 10, "record": {"every": 1}, "skills": {"A": {}}})
    with pytest.raises(ArgumentError, match="step"):
        simulate(scenario, Euler(step=step))


def test_a_signed_pool_that_reaches_zero_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "gram.npy", np.array([[1.0, 0.99], [0.99, 1.0]]))
    data = {
        "steps": 5000,
        "pool": {"rate": 0.01, "wasted": 0.0},
        "skills": {"A": {"frequency": 1.0}, "B": {"frequency": 0.01, "level": 0.9}},
        "correlation": "gram.npy",
    }
    with pytest.raises(RunError, match="zero"):
        simulate(Scenario.from_dict(data, folder=tmp_path), "euler")


@pytest.mark.parametrize("kind", ["hard", "soft"])
def test_what_a_skill_learns_in_a_step_is_its_share_of_its_pool(kind: str) -> None:
    scenario = Scenario.from_dict(
        {
            "steps": 900,
            "mastery": 0.9,
            "pool": {"rate": 0.01, "wasted": 0.05},
            "gate": {"kind": kind, "leak": 0.02},
            "record": {"every": 1},
            "skills": {
                "a": {"frequency": 1.0},
                "b": {"frequency": 0.3, "level": 0.2},
                "c": {"frequency": 0.5, "requires": "a and b"},
                "d": {"frequency": 0.8, "requires": "b or c"},
            },
            "modules": {
                "left": {"skills": ["a", "c"], "share": 0.25},
                "right": {"skills": ["b", "d"], "share": 0.64},
            },
            "interventions": [
                {"at": 100, "freeze": ["a"]},
                {"when": "d > 0.2", "unfreeze": ["a"]},
                {"at": 500, "set": {"skills.b.frequency": 2.0, "pool.wasted": 0.2}},
            ],
        }
    )
    ds = simulate(scenario, "euler")
    rate = 0.01 * np.array([0.5, 0.8, 0.5, 0.8])
    np.testing.assert_allclose(np.diff(ds.level, axis=0), rate * ds.share[:-1], atol=1e-14)
