"""Gradient runs calibrated: N₀ grows with noise, step and small batches, as predicted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib import pyplot

from domino_sim.calibration.storage import load_calibration
from domino_sim.curves import load_curves
from domino_sim.errors import ArgumentError, RunError, ScenarioError

pytest.importorskip("torch")

from domino_sim.calibration.gradient import calibrate_gradient, published_rate
from domino_sim.cli.calibrate_gradient import calibrate_run, parse_sweep
from domino_sim.gradient.checkpoint import checkpoints_in
from domino_sim.gradient.run import Run
from domino_sim.plot.wasted import wasted_figure

RUN: dict[str, Any] = {
    "title": "Four tasks",
    "steps": 300,
    "seeds": 2,
    "model": {"kind": "geometry", "n_dim": 1000},
    "optimizer": {"name": "signgd", "lr": 1e-3},
    "record": {"every": 10},
    "graph": {"family": "independent", "n": 4},
    "frequencies": {"law": "power", "exponent": 1.0},
}


@pytest.fixture(scope="module")
def swept():
    return calibrate_gradient(RUN, {"noise": [2e-3, 8e-3], "batch_size": [4, 256]})


def test_the_waste_of_real_runs_is_the_predicted_one(swept) -> None:
    of = swept.table.sel(law="norm")
    inside = (of.low < of.predicted_wasted) & (of.predicted_wasted < of.high)
    assert (inside | (np.abs(of.wasted / of.predicted_wasted - 1.0) < 0.1)).all()
    np.testing.assert_allclose(of.rate, of.predicted_rate, rtol=0.05)
    assert (of.rms < 0.05).all()


def test_noise_alone_gives_the_closed_form(swept) -> None:
    of = swept.table.sel(law="norm").isel(setting=[0, 1])
    assert of.formula_wasted.values == pytest.approx([2e-3 * 1000**0.5, 8e-3 * 1000**0.5])
    np.testing.assert_allclose(of.wasted, of.formula_wasted, rtol=0.1)
    np.testing.assert_allclose(of.rate, of.formula_rate, rtol=0.05)
    assert ((of.low < of.wasted) & (of.wasted < of.high)).all()


def test_under_sum_the_rate_is_held_at_the_papers_value(swept) -> None:
    of = swept.table.sel(law="sum")
    assert swept.held
    np.testing.assert_allclose(of.rate, 2 * 1e-3 * 1000**0.5)
    assert (of.rate_low == of.rate).all() and (of.rate_high == of.rate).all()
    np.testing.assert_allclose(of.wasted, of.predicted_wasted, rtol=0.1)


def test_small_batches_waste_more(swept) -> None:
    small, large = swept.table.sel(law="norm").isel(setting=[2, 3]).wasted.values
    assert small > 2 * large


def test_settings_are_labelled(swept) -> None:
    table = swept.table
    assert table.setting.values.tolist() == [
        "noise = 0.002", "noise = 0.008", "batch_size = 4", "batch_size = 256",
    ]
    assert table.key.values.tolist() == ["noise"] * 2 + ["batch_size"] * 2
    assert table.value.values.tolist() == [2e-3, 8e-3, 4.0, 256.0]
    assert len(swept.calibrations) == len(swept.curves) == 4
    assert swept.curves[0].sizes["run"] == 2


def test_the_figure_has_a_panel_for_each_key(swept) -> None:
    figure = wasted_figure(swept.table, "Four tasks")
    assert [ax.get_xlabel() for ax in figure.axes] == ["noise", "batch_size"]
    assert figure.axes[0].get_ylabel() == "N₀"
    labels = [text.get_text() for text in figure.axes[-1].get_legend().get_texts()]
    assert {"fitted, norm", "predicted, norm", "fitted, sum"} <= set(labels)
    assert not pyplot.get_fignums()


def test_without_a_closed_form_there_is_no_prediction() -> None:
    run = {**RUN, "steps": 60, "seeds": 1}
    run["optimizer"] = {"name": "signgd", "lr": 5e-3, "schedule": {"kind": "cosine"}}
    table = calibrate_gradient(run, law="norm").table
    assert table.law.values.tolist() == ["norm"]
    assert table.setting.values.tolist() == ["Four tasks"]
    assert np.isnan(table.predicted_wasted).all() and np.isnan(table.formula_rate).all()


def test_the_paper_has_no_rate_for_sgd() -> None:
    run = Run.from_dict({**RUN, "optimizer": {"name": "sgd", "lr": 0.05}})
    assert published_rate(run) is None
    found = calibrate_gradient(run)
    assert not found.held
    assert found.calibrations[0].law == "constant" or (
        "constant" in found.calibrations[0].comparison.candidates
    )
    assert found.table.formula_rate.item() == 0.05


def test_bad_sweeps_are_refused_before_anything_is_trained() -> None:
    with pytest.raises(ScenarioError, match="noise"):
        calibrate_gradient(RUN, {"noise": [0.1, -1.0]})
    with pytest.raises(ArgumentError, match="empty"):
        calibrate_gradient(RUN, {"noise": []})
    with pytest.raises(ArgumentError, match="twice"):
        calibrate_gradient(RUN, {"noise": [0.1, 0.1]})
    with pytest.raises(ArgumentError, match="--sweep"):
        parse_sweep("noise")
    assert parse_sweep("optimizer.name=signgd,adam") == ("optimizer.name", ["signgd", "adam"])


def test_runs_that_all_diverge_are_named() -> None:
    run = {**RUN, "optimizer": {"name": "sgd", "lr": 50.0}}
    with pytest.raises(RunError, match="all 2 runs diverged"):
        calibrate_gradient(run)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "four.toml"
    path.write_text(
        'title = "Four"\nsteps = 120\nseeds = 2\n'
        'graph = { family = "independent", n = 4 }\n'
        '[model]\nkind = "geometry"\nn_dim = 500\n[optimizer]\nname = "signgd"\nlr = 3e-3\n'
        "[record]\nevery = 4\n",
        "utf-8",
    )
    return path


def test_one_run_is_written_as_any_calibration_with_the_predictions(file: Path, capsys) -> None:
    assert calibrate_run(str(file), ["noise=0.01"], [], "norm", None, False) == 0
    folder = Path("results/calibrate-gradient-four")
    assert {path.name for path in folder.iterdir()} == {
        "figure.png", "calibration.json", "curves.nc", "gradient.json",
    }
    assert load_calibration(folder).law == "norm"
    row = json.loads((folder / "gradient.json").read_text("utf-8"))["settings"][0]["laws"][0]
    assert row["law"] == "norm" and row["low"] < row["wasted"] < row["high"]
    assert row["formula_wasted"] == pytest.approx(0.01 * 500**0.5)
    assert "predicted" in capsys.readouterr().out


def test_a_sweep_is_written_as_a_table_and_goes_on_where_it_was(
    file: Path, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    import domino_sim.gradient.training as training

    real, calls = training.train, []

    def stops(run, **options):
        if calls:
            raise KeyboardInterrupt
        calls.append(run)
        return real(run, **options)

    monkeypatch.setattr(training, "train", stops)
    arguments = (str(file), [], ["noise=0.01,0.1"], "auto", Path("out"), True)
    with pytest.raises(KeyboardInterrupt):
        calibrate_run(*arguments)
    assert "goes on from" in capsys.readouterr().err
    kept = [path for folder in Path("out/checkpoint").iterdir() for path in checkpoints_in(folder)]
    assert len(kept) == 1
    monkeypatch.setattr(training, "train", real)
    assert calibrate_run(*arguments) == 0
    said = capsys.readouterr()
    assert "going on" in said.err
    found = json.loads(said.out)
    assert [one["setting"] for one in found["settings"]] == ["noise = 0.01", "noise = 0.1"]
    assert [law["law"] for law in found["settings"][0]["laws"]] == ["sum", "norm"]
    assert {path.name for path in Path("out").iterdir()} == {
        "figure.png", "curves.nc", "gradient.json",
    }
    assert load_curves("out/curves.nc").run.values[0] == "noise = 0.01, seed 0"
