"""``domino-sim sweep`` and its figures."""

from __future__ import annotations

import shlex
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from fenced import ROOT, blocks
from hypothesis import given
from hypothesis import strategies as st
from sweep_cases import HARD

from domino_sim import sweep
from domino_sim.cli import main
from domino_sim.errors import ArgumentError
from domino_sim.gradient.run import load_run
from domino_sim.plot.sweep import sweep_figure
from domino_sim.plot.sweep_scaling import scaling_figure, scaling_fits
from domino_sim.sweeps.fits import fit_power_law
from domino_sim.sweeps.plan import make_plan, table_of
from domino_sim.sweeps.subject import load_subject

FILE = """
title = "Two pairs"
steps = 9000
graph = "two-pairs"
[pool]
rate = 1e-3
[record]
points = 5
[sweep.axes]
"pool.wasted" = [1e-3, 1e-2, 1.0]
"skills.T2.frequency" = [0.1, 1.0]
"""


def command(capsys, *args: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["sweep", *args])
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out, err


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "s.toml").write_text(FILE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_sweep_is_run_and_its_store_read(folder: Path, capsys) -> None:
    code, out, err = command(capsys, "s.toml", "--csv", "s.csv", "--netcdf", "s.nc")
    assert (code, err) == (0, "")
    assert "Axes     pool.wasted (3), skills.T2.frequency (2)\nPoints   6 of 6 done; 6 in" in out
    assert "Store    results/sweep-s.sqlite" in out
    store = "results/sweep-s.sqlite"
    code, out, _ = command(capsys, store, "--csv", "-")
    assert code == 0 and out == Path("s.csv").read_text()
    assert out.splitlines()[0].startswith("point,pool.wasted,skills.T2.frequency,status,all_mast")
    ds = xr.load_dataset("s.nc", engine="h5netcdf")
    assert ds.mastered_at.dims == ("pool.wasted", "skills.T2.frequency", "skill")
    code, out, _ = command(capsys, store, "--table")
    assert code == 0 and len(out.splitlines()) == 7
    code, out, _ = command(capsys, store, "--rerun", "1")
    line = next(line for line in out.splitlines() if line.startswith("all_mastered_at"))
    _, now, there = line.split()
    assert now == there
    code, out, _ = command(capsys, store, "--figure", "s.png", "--of", "final_loss")
    assert code == 0 and Path("s.png").stat().st_size > 5000
    code, out, _ = command(capsys, "s.toml", "--resume")
    assert code == 0 and "nothing was left to do" in out


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["two-pairs"], "two-pairs.toml: sweep: nothing is varied"),
        (["two-pears"], "did you mean 'two-pairs'?"),
        (["s.toml", "--retry-failed"], "--retry-failed: is given without --resume"),
        (["s.toml", "--scaling"], "--scaling: is given without --figure"),
        (["s.toml", "--dask", "tcp://127.0.0.1:1", "--workers", "2"], "one of them"),
        (["s.toml", "--curves", "all"], "sweep: curves: unknown: 'all'"),
        (["s.toml", "--set", "sweep.seeds=0"], "sweep.seeds"),
        (["s.toml", "--set", 'sweep.axes={"pool.law"=["summ"]}'], "did you mean 'sum'?"),
        (["s.toml", "--set", 'sweep.axes={"pool.wasted"={low=0, high=1, n=1001}, '
          '"mastery"={low=0.1, high=0.9, n=1000}}'],
         "these are 1,001,000 points: 1,001 (pool.wasted) × 1,000 (mastery); expected at most "
         "1,000,000, or --yes"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_and_nothing_is_written(folder: Path, capsys, args, told) -> None:
    code, out, err = command(capsys, *args)
    assert (code, out) == (2, "") and told in err
    assert not (folder / "results").exists()


def test_options_of_running_are_refused_beside_a_store(folder: Path, capsys) -> None:
    command(capsys, "s.toml")
    code, _, err = command(capsys, "results/sweep-s.sqlite", "--resume")
    assert code == 2 and "--resume: is for running a sweep, but results/sweep-s.sqlite" in err


def test_failed_points_are_listed_with_their_reason(folder: Path, capsys) -> None:
    axes = 'sweep.axes={"steps"=[900, 100], "record.steps"=[[0, 50], [0, 500]]}'
    code, out, _ = command(capsys, "s.toml", "--set", axes, "--set", "record={steps=[0]}")
    assert code == 1
    assert "Points   3 of 4 done, 1 failed; 4 in" in out
    told = "failed: point 3: steps = 100, record.steps = [0, 500]: s.toml: record.steps.1: 500 is"
    assert told in out


def figure_of(axes, **options):
    return sweep_figure(sweep(HARD, axes).to_xarray(), **options)


def test_one_axis_is_lines_two_a_map_three_maps_and_drawn_points_dots() -> None:
    wasted = {"low": 1e-3, "high": 1.0, "n": 5, "spacing": "log"}
    lines = figure_of({"pool.wasted": wasted})
    assert len(lines.axes) == 1 and len(lines.axes[0].lines) == 7
    assert lines.axes[0].get_xscale() == "log"
    plane = figure_of({"pool.wasted": wasted, "mastery": [0.5, 0.9]})
    assert plane.axes[0].get_ylabel() == "pool.wasted" and len(plane.axes) == 2
    maps = figure_of({"pool.law": ["sum", "norm"], "pool.wasted": wasted, "mastery": [0.5, 0.9]})
    assert len(maps.axes) == 3
    dots = figure_of({
        "axes": {"pool.wasted": {"low": 1e-3, "high": 1.0, "spacing": "log"},
                 "pool.law": ["sum", "norm"]},
        "sampling": "sobol", "count": 16,
    })  # fmt: skip
    assert [ax.get_xlabel() for ax in dots.axes] == ["pool.wasted", "pool.law"]
    with pytest.raises(ArgumentError, match=r"did you mean 'mastered_at\.T1'"):
        figure_of({"pool.wasted": wasted}, of="mastered_at.T1x")


def test_bands_go_over_seeds() -> None:
    table = {"axes": {"graph.n": [3, 4]}, "seeds": 3}
    scenario = {**HARD, "graph": {"family": "chain", "n": 3}}
    figure = sweep_figure(sweep(scenario, table).to_xarray(), of="all_mastered_at")
    assert len(figure.axes[0].collections) == 1
    assert "median of 3 seeds" in figure.axes[0].get_title(loc="right")


@given(st.floats(-3, 3), st.floats(0.01, 100), st.integers(0, 2**32))
def test_a_power_law_is_found_and_its_interval_covers_the_scatter(exponent, scale, seed) -> None:
    x = np.geomspace(1, 100, 12)
    noise = np.exp(0.1 * np.random.default_rng(seed).standard_normal((3, 12)))
    exact = fit_power_law(x, scale * x**exponent)
    assert np.isclose(exact.exponent, exponent, atol=1e-9)
    assert np.isclose(exact.scale, scale, rtol=1e-6)
    law = fit_power_law(x, scale * x**exponent * noise)
    assert law.low < law.exponent < law.high
    assert abs(law.exponent - exponent) < 3 * (law.high - law.low) + 1e-9


def test_the_interval_of_an_exponent_holds_as_often_as_it_says() -> None:
    rng, x = np.random.default_rng(0), np.geomspace(1, 100, 8)
    laws = [fit_power_law(x, x**-0.5 * np.exp(0.2 * rng.standard_normal(8))) for _ in range(400)]
    assert 0.92 < np.mean([law.low <= -0.5 <= law.high for law in laws]) < 0.98


def test_scaling_laws_are_drawn_over_the_widest_axis() -> None:
    x = np.array([10.0, 20.0, 40.0, 80.0])
    loss = np.stack([x**-0.5, x**-1.0])[:, :, None] * np.ones(3)
    ds = xr.Dataset(
        {"final_loss": (("alpha", "n", "seed"), loss), "mastered": (("n",), x),
         "all_mastered_at": (("n",), x), "mastered_at": (("skill",), [1.0])},
        coords={"n": x, "alpha": [1.0, 2.0], "seed": [0, 1, 2], "skill": ["A"]},
    )  # fmt: skip
    laws = scaling_fits(ds)
    assert [where for where, _ in laws] == [{"alpha": 1.0}, {"alpha": 2.0}]
    assert np.allclose([law.exponent for _, law in laws], [-0.5, -1.0])
    labels = [text.get_text() for text in scaling_figure(ds).axes[0].get_legend().get_texts()]
    assert labels[0] == "1:  -0.50  (-0.50 to -0.50)"


def test_the_bundled_scaling_laws_are_those_of_the_paper() -> None:
    run = load_run("scaling-laws")
    subject, given_table = load_subject("scaling-laws")
    plan = make_plan(subject, table_of(None, given_table, {}))
    alphas = next(a for a in plan.user_axes if a.name == "frequencies.exponent").values
    assert alphas[0] == (1.0,) and alphas[-1] == (2.0,)
    assert len(run.names) == 1000 and plan.points.inner(plan.fast) == 12


def test_the_commands_of_the_page_on_sweeps_run(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    for block in blocks(ROOT / "docs" / "sweeps.md"):
        if block.language == "toml":
            Path("grid.toml").write_text(block.text, "utf-8")
        for line in block.text.splitlines() if block.language == "sh" else ():
            with pytest.raises(SystemExit) as ended:
                main(shlex.split(line)[1:])
            assert not ended.value.code, line
    made = {path.name for path in tmp_path.iterdir()}
    assert {"grid.sqlite", "grid.csv", "grid.nc", "grid.png"} <= made
