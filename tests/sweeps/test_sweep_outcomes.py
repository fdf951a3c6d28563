"""What a row says of its point: the last step, whatever is recorded; never, failed, not done."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from sweep_cases import HARD, RUN

from domino_sim import sweep, train
from domino_sim.curves import mastered_at
from domino_sim.netcdf import save_dataset
from domino_sim.sweeps.dataset import storable
from domino_sim.sweeps.swept import Sweep

HERE = ThreadPoolExecutor(1)


@pytest.mark.parametrize("engine", ["clock", "events", "euler"])
@pytest.mark.parametrize("curves", ["none", "levels"])
def test_the_final_loss_is_at_the_last_step_whatever_is_recorded(engine: str, curves: str) -> None:
    axes = {"pool.wasted": [1e-3, 0.1]}
    whole = sweep({**HARD, "steps": 900}, axes, engine=engine, executor=HERE).to_xarray()
    part = {**HARD, "steps": 900, "record": {"steps": [0, 300]}}
    found = sweep(part, axes, engine=engine, curves=curves, executor=HERE).to_xarray()
    assert np.allclose(found.final_loss, whole.final_loss, rtol=1e-9)
    assert 0 < float(found.final_loss[0]) < 0.5
    if curves == "levels":
        assert found.step.values.tolist() == [0, 300] and found.level.sizes["step"] == 2
        assert float(found.total_loss[0, 0]) == pytest.approx(0.5)


def test_the_final_loss_of_a_gradient_run_is_at_its_last_step() -> None:
    axes = {"model.n_dim": [20]}
    whole = sweep(RUN, axes, executor=HERE).to_xarray()
    scenario = {**RUN, "record": {"steps": [0, 10]}}
    found = sweep(scenario, axes, curves="loss", executor=HERE)
    ds = found.to_xarray()
    assert np.allclose(ds.final_loss, whole.final_loss, rtol=1e-6)
    assert ds.step.values.tolist() == [0, 10]
    # Mastery is judged by what is recorded, as of the run alone.
    alone = train(found.scenario(0))
    assert np.allclose(ds.mastered_at[0, 0, 0], mastered_at(alone, 0.95)[0], equal_nan=True)


def test_skills_that_fall_below_mastery_again_are_counted() -> None:
    wild = {**RUN, "steps": 100, "record": {"points": 101}, "mixtures": {}}
    wild["optimizer"] = {"name": "signgd", "lr": 1.0}
    found = sweep(wild, {"optimizer.lr": [1e-3, 1.0]}, executor=HERE).to_frame()
    calm, rough = (found[found["optimizer.lr"] == lr] for lr in (1e-3, 1.0))
    assert (calm["fell"] == 0).all() and (rough["fell"] > 0).all()
    scenario = sweep(HARD, {"pool.wasted": [1e-3, 1.0]}).to_frame()
    assert (scenario["mastered"] > 0).any() and (scenario["fell"] == 0).all()


def test_what_is_never_mastered_is_told_from_what_failed_or_is_not_done(tmp_path: Path) -> None:
    store = tmp_path / "s.sqlite"
    sweep(HARD, {"pool.wasted": [1e-3, 1e-2, 0.1, 1.0]}, store=store).close()
    with closing(sqlite3.connect(store)) as db, db:
        db.execute("UPDATE points SET status = 'failed', skills = NULL WHERE number = 1")
        db.execute("DELETE FROM points WHERE number = 2")
    ds = Sweep.open(store).to_xarray()
    assert ds.status.values.tolist() == ["done", "failed", "pending", "done"]
    assert np.isnan(ds.mastered_at.values[1:3]).all() and np.isnan(ds.all_mastered_at.values[3])
    assert ds.mastered.values[[0, 3]].tolist() == [7, 2]


def test_a_skill_with_a_slash_is_an_axis_that_netcdf_holds(tmp_path: Path) -> None:
    scenario = {"steps": 900, "skills": {"A/B": {}, "C": {}}, "record": {"points": 3}}
    ds = sweep(scenario, {"skills.A/B.frequency": [0.5, 1.0]}).to_xarray()
    save_dataset(storable(ds), tmp_path / "s.nc")
    found = xr.load_dataset(tmp_path / "s.nc", engine="h5netcdf")
    assert found["skills.A|B.frequency"].attrs["key"] == "skills.A/B.frequency"
    assert found.skill.values.tolist() == ["A/B", "C"]
    assert found.status.values.tolist() == ["done", "done"]
