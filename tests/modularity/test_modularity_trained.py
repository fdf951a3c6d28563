"""Gradient runs of the ways: modules, and balanced demands, in networks."""

from __future__ import annotations

import numpy as np
import pytest
from modular_worlds import chains, independent

from domino_sim import compare_modularity, train
from domino_sim.errors import ArgumentError, ScenarioError
from domino_sim.gradient.expected import expected_levels
from domino_sim.gradient.modules import supports_of
from domino_sim.gradient.run import Run, load_run
from domino_sim.gradient.vectors import modular_vectors
from domino_sim.modularity import summarise
from domino_sim.modularity.summary import ratios
from domino_sim.modularity.trained import first_passages, run_of
from domino_sim.modularity.ways import Way

QUICK = {"scaling": False, "errors": False}
LR = {"rate": None, "lr": 3e-4, "n_dim": 1000}


def skills(n: int, law: str = "norm", alpha: float = 1.0, n_dim: int = 1000, **changes):
    from domino_sim.scenario import Scenario

    return Scenario.from_dict(
        {
            "mastery": 0.9, "graph": {"family": "independent", "n": n},
            "frequencies": {"law": "power", "exponent": alpha},
            "pool": {"law": law, "lr": 3e-4, "n_dim": n_dim}, **changes,
        }
    )  # fmt: skip


def modular(**changes) -> Run:
    data = {
        "steps": 200, "seeds": 2, "graph": {"family": "independent", "n": 3},
        "model": {"kind": "geometry", "n_dim": 60, "modules": {
            "x": {"skills": ["s1", "s3"], "share": 0.5}, "y": {"skills": ["s2"], "share": 0.25}}},
        "optimizer": {"name": "signgd", "lr": 1e-3},
    }  # fmt: skip
    return Run.from_dict(data, overrides=changes)


def test_task_vectors_of_a_module_lie_in_its_parameters_alone() -> None:
    run = modular()
    t = modular_vectors(run.model, supports_of(run), np.random.default_rng(0))  # type: ignore[arg-type]
    assert t @ t.T == pytest.approx(np.eye(3), abs=1e-12)
    used = [np.flatnonzero(row) for row in t]
    assert used[0].max() < 30 and used[2].max() < 30
    assert used[1].min() == 30 and used[1].max() == 44


def test_modules_of_a_geometry_run_are_predicted_one_by_one() -> None:
    run = modular(**{"model.n_dim": 2000, "optimizer.lr": 3e-4, "seeds": 4})
    away = train(run)["level"].mean("run").values - expected_levels(run)[0]  # type: ignore[index]
    assert abs(away).max() < 0.05


def test_a_module_takes_the_root_of_its_share_longer() -> None:
    """η √share: a quarter of the parameters, half the speed."""
    scenario = skills(1)
    whole = run_of(Way("", scenario), 4, 400)
    quarter = whole.from_dict(
        {**whole.to_dict(), "model": {"kind": "geometry", "n_dim": 1000, "modules": {
            "x": {"skills": ["s1"], "share": 0.25}}}})  # fmt: skip
    times = [first_passages(train(run), 0.9).mean() for run in (whole, quarter)]
    assert times[1] == pytest.approx(2 * times[0], rel=0.08)


def test_simulated_and_trained_times_agree_under_norm() -> None:
    ds = compare_modularity(skills(8), ["ladder"], train=2, **QUICK)
    trained = ds.trained_mastered_at.max("skill").median("seed")
    for way in ds.way.values:
        assert float(trained.sel(trained=way)) == pytest.approx(
            float(ds.all_mastered_at.sel(way=way)), rel=0.08
        )
    assert summarise(ds)["trained"]["ways"][0]["seeds_done"] == 2


@pytest.mark.parametrize(("n", "n_dim"), [(4, 1000), (25, 1000), (10, 400)])
def test_balanced_sampling_takes_the_root_of_n_up_to_a_fortieth_of_the_parameters(
    n: int, n_dim: int
) -> None:
    scenario = skills(n, n_dim=n_dim)
    expected = 0.9 * n**0.5 / (0.79788 * 3e-4 * n_dim**0.5)
    run = run_of(Way("", scenario, sampling="balanced"), 5, int(1.3 * expected))
    last = first_passages(train(run), 0.9).max(axis=1)
    assert np.median(last) == pytest.approx(expected, rel=0.05)


def test_balanced_demands_make_skills_that_begin_alike_rise_together() -> None:
    run = run_of(Way("", skills(6, alpha=2.0), sampling="balanced"), 1, 300)
    level = train(run)["level"][0]
    assert float(level.std("skill").max()) < 0.03
    assert np.isnan(train(run)["frequency"]).all()


def test_balanced_composed_skills_wait_for_what_they_need() -> None:
    scenario = chains(2, 2, "norm", mastery=0.9, pool={"law": "norm", "lr": 1e-3, "n_dim": 500})
    at = first_passages(train(run_of(Way("", scenario, sampling="balanced"), 1, 1000)), 0.9)[0]
    assert np.isfinite(at).all() and at[1] > at[0] and at[3] > at[2]


def test_sgd_trains_what_does_not_compete() -> None:
    scenario = skills(3, "constant", 0.0, pool={"law": "constant", "lr": 0.05, "n_dim": 50})
    ds = compare_modularity(scenario, "each", train=1, **QUICK)
    times = ds.trained_mastered_at.max("skill").values
    assert times == pytest.approx(float(ds.all_mastered_at[0]), rel=0.02)
    assert ds.attrs["trained_optimizer"] == "sgd"


def test_no_optimiser_is_as_slow_as_the_papers_law_and_that_is_said() -> None:
    ds = compare_modularity(skills(4, "sum"), "each", train=1, **QUICK)
    assert "no optimiser has the law sum" in ds.attrs["remarks"]
    assert float(ds.trained_mastered_at[0].max()) < 0.8 * float(ds.all_mastered_at[0])


def test_a_run_file_is_trained_whole_and_cut() -> None:
    """Fig. 19, quick: the rare square waits in one network, and not in a module of its own."""
    changes = {"steps": 450, "mastery": 0.9, "record": {"every": 5}, "model.samples": 500}
    ds = compare_modularity(load_run("square-nonmodular", changes), "each", train=2)
    assert ds.trained.values.tolist() == ["one pool", "uniform sampling", "a module each"]
    one, even, cut = (ratios(at.values).mean() for at in ds.trained_mastered_at)
    assert one > 1.4 and cut == pytest.approx(1.0, abs=0.2) and even == pytest.approx(1.0, abs=0.2)
    # A module has half of each layer: what is frequent is learned later than in one network.
    frequent = ds.trained_mastered_at.sel(skill="frequent").median("seed").values
    assert frequent[2] > 1.4 * frequent[0]
    found = summarise(ds)
    assert "regime" not in found and found["trained"]["seeds"] == 2


def test_passages_are_interpolated_and_never_is_nan() -> None:
    import xarray as xr

    level = np.array([[[0.0, 0.5], [0.8, 0.5], [1.0, 0.5]]])
    curves = xr.Dataset({"level": (("run", "step", "skill"), level)}, {"step": [0, 10, 20]})
    at = first_passages(curves, 0.9)
    assert at[0, 0] == pytest.approx(15.0) and np.isnan(at[0, 1])
    assert first_passages(curves, 0.5)[0, 1] == 0.0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model.modules.x.share": 0.8}, "the shares add up to 1.05"),
        ({"model.modules.x.share": 0.01}, r"a share of 0.01 is none of 60"),
        ({"model.modules.y.skills": ["s1"]}, "'s1' is in the module 'x' already"),
        ({"model.modules.y.skills": ["s4"]}, "there is no skill 's4'"),
        ({"model.n_dim": 4, "model.modules.x.share": 0.3}, "2 orthogonal task vectors do not fit"),
        ({"model.vectors": "basis"}, "modules with vectors = 'basis'"),
        ({"sampling": "balanced", "batch_size": 8}, "balanced sampling with batch_size"),
    ],
    ids=["sum", "tiny", "two", "unknown", "few", "basis", "batch"],
)
def test_modules_of_a_geometry_run_that_cannot_be_are_refused(changes: dict, message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        modular(**changes)


def test_what_begins_partly_learned_is_not_trained() -> None:
    scenario = skills(2, skills={"s1": {"level": 0.3}})
    with pytest.raises(ArgumentError, match="partly learned at the start"):
        compare_modularity(scenario, "each", train=1, **QUICK)


@pytest.mark.parametrize(
    ("name", "message"),
    [("parity-two", "mixtures or interventions"), ("grokking", "addition has no modules")],
)
def test_runs_that_cannot_be_cut_are_refused(name: str, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        compare_modularity(load_run(name), "each")


def test_independent_skills_of_modular_worlds_have_no_learning_rate() -> None:
    with pytest.raises(ArgumentError, match=r"pool\.lr and pool\.n_dim"):
        run_of(Way("", independent(2, "norm")), 1, 10)
