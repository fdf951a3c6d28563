"""Predictions against the published numbers (``tests/data/README.md``)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from domino_sim import predict_gradient
from domino_sim.meanfield.passage import step_of_passage
from validation.figures.fig07_bottom import WASTES, misses
from validation.gradient_run import power
from validation.studies.__main__ import main

DATA = Path(__file__).parents[1] / "data"


def fitted(**given: float) -> float:
    """Return the N₀ that the published fit finds for a prediction of Fig. 7, bottom."""
    setting = {"lr": 1e-3, "batch_size": 128, **given}
    level = predict_gradient(
        frequencies=power(10, 2.0), n_dim=1000, steps=1000, g0=2.0, **setting
    ).level.values
    return WASTES[misses(level[None, :1000], setting["lr"])[0].argmin()]


def test_waste_of_fig_7_grows_with_noise_as_published() -> None:
    with np.load(DATA / "fig7_bottom.npz") as file:
        found = np.array([fitted(noise=float(v)) for v in file["noise"]])
        off = np.abs(found / file["waste_noise"] - 1)
    assert np.median(off) < 0.1
    assert off.max() < 0.2


def test_waste_of_fig_7_grows_with_the_step_as_published() -> None:
    with np.load(DATA / "fig7_bottom.npz") as file:
        # At 0.1 the published fit leaves a mean squared error of 0.17: it fits nothing.
        some = (file["lr"] > 3e-4) & (file["lr"] < 0.1)
        found = np.array([fitted(lr=float(v)) for v in file["lr"][some]])
        off = np.abs(found / file["waste_lr"][some] - 1)
    assert off.max() < 0.3


@pytest.mark.parametrize("optimizer", ["signgd", "adam"])
@pytest.mark.parametrize("loss", ["mse", "ce"])
def test_the_geometry_model_is_within_the_own_error(loss: str, optimizer: str) -> None:
    with np.load(DATA / "geometry_model.npz") as file:
        ds = predict_gradient(
            frequencies=file["prob"], n_dim=1000, lr=3e-4, steps=1000, loss=loss,
            optimizer=optimizer,
        ).sel(step=file["step"])  # fmt: skip
        off = np.square(file[f"level_{loss}_{optimizer}"] - ds.level.values).mean()
    assert off < 2 * np.square(ds.error.values).mean()
    assert off < 1e-3


def test_aligned_dimensions_are_those_of_fig_6() -> None:
    with np.load(DATA / "fig6_aligned.npz") as file:
        ds = predict_gradient(
            frequencies=file["prob"], n_dim=1000, lr=3e-4, steps=3000, batch_size=1024
        ).sel(step=file["step"])
        learning = file["level"] < 0.98
        off = (file["aligned"] - ds.n_align.values) / 1000
        # Published counts are of single steps: chance alone is √1000/2 of 1000.
        assert np.abs(off[learning].mean()) < 0.005
        assert np.sqrt(np.square(off[learning]).mean()) < 0.03


def test_passage_of_the_last_skill_waits_for_the_slowest_half() -> None:
    ds = predict_gradient(frequencies=power(20, 1.0), n_dim=1000, lr=3e-4, steps=1200)
    quarter, half = (step_of_passage(ds, 0.9, part=part) for part in (0.25, 0.5))
    mean = int((ds.level.values > 0.9).argmax(axis=0).max())
    assert mean < quarter < half < 1200
    assert np.isnan(step_of_passage(ds, 0.9999, part=0.99))


def test_the_validation_runs_and_finds_nothing_short(capsys: pytest.CaptureFixture[str]) -> None:
    main(["meanfield", "--quick"])
    lines = [x for x in capsys.readouterr().out.splitlines() if x.startswith("| 10 skills")]
    assert len(lines) >= 3
    assert not any(line.endswith("| short |") for line in lines)
    with pytest.raises(SystemExit):
        main(["meanfeild"])
