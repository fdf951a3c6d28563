"""Training: resumed is uninterrupted, a run that diverges stops alone, changes happen in time."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest
import torch
import xarray as xr

from domino_sim import memory
from domino_sim.errors import ArgumentError, EngineError, FileError, ScenarioError
from domino_sim.gradient import training
from domino_sim.gradient.checkpoint import read_checkpoint, write_checkpoint
from domino_sim.gradient.geometry import build, footprint
from domino_sim.gradient.loop import Loop
from domino_sim.gradient.run import Run
from domino_sim.gradient.streams import Streams
from domino_sim.gradient.training import train

OPTIMIZERS: list[dict[str, Any]] = [
    {"name": "sgd", "lr": 0.1},
    {"name": "sgd", "lr": 0.05, "momentum": 0.9},
    {"name": "signgd", "lr": 0.002},
    {"name": "signum", "lr": 0.002},
    {"name": "adam", "lr": 0.002, "schedule": {"kind": "cosine", "warmup": 30}},
    {"name": "adamw", "lr": 0.002, "weight_decay": 0.1},
    {"name": "lion", "lr": 0.002},
    {"name": "ademamix", "lr": 0.002, "schedule": {"kind": "linear"}},
]


def spec(**keys: Any) -> dict[str, Any]:
    return {
        "steps": 200, "batch_size": 6, "noise": 1e-3, "record": {"every": 10}, "seeds": 3,
        "model": {"kind": "geometry", "n_dim": 50}, "optimizer": {"lr": 0.002},
        "skills": {"A": {}, "B": {"frequency": 0.3}, "C": {"frequency": 0.1}}, **keys,
    }  # fmt: skip


class Interruption(Exception):  # noqa: N818
    """Stands for a signal."""


class Breaks:
    """A meter that ends the work when it has come so far."""

    def __init__(self, at: float) -> None:
        self.at = at

    @contextmanager
    def task(self, label: str, total: float) -> Iterator[Callable[[float], None]]:
        def update(done: float) -> None:
            if done > self.at:
                raise Interruption

        yield update


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda o: "-".join(map(str, o.values())))
def test_a_resumed_run_equals_one_that_was_not_interrupted(
    optimizer: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = [
        {"at": 40, "set": {"skills.C.frequency": 0.4, "batch_size": 9}},
        {"at": 90, "set": {"noise": 5e-3, "optimizer.lr": 1e-3}},
        {"at": 130, "set": {"skills.A.frequency": 0.0}},
    ]
    run = Run.from_dict(spec(optimizer=optimizer, interventions=changes))
    whole = train(run)
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(training, "STRIDE_SECONDS", 0.0)
    for at in (45, 100, 131):
        with pytest.raises(Interruption):
            train(run, checkpoint=tmp_path, meter=Breaks(at))
        assert list(tmp_path.iterdir())
    xr.testing.assert_identical(train(run, checkpoint=tmp_path), whole)


def test_runs_that_are_done_are_not_trained_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_at_a_time = 1.5 * footprint(Run.from_dict(spec())) / 2**30
    run = Run.from_dict(spec(memory=one_at_a_time))
    first = train(run, checkpoint=tmp_path)
    assert len(list(tmp_path.iterdir())) == 3
    monkeypatch.setattr(Loop, "advance", None)  # training again would fail
    xr.testing.assert_identical(train(run, checkpoint=tmp_path), first)


def test_a_checkpoint_of_another_run_is_refused_and_kept(tmp_path: Path) -> None:
    train(spec(), checkpoint=tmp_path)
    others: list[dict[str, Any]] = [
        {"noise": 0.0}, {"seeds": 2}, {"steps": 210}, {"skills.A.requires": "B"}, {"loss": "ce"},
        {"mixtures": {"other": {"C": 0.2}}}, {"optimizer.lr": 0.003}, {"dtype": "float64"},
    ]  # fmt: skip
    for other in others:
        with pytest.raises(FileError, match=r"000002\.pt: is the checkpoint of another run"):
            train(Run.from_dict(spec(), overrides=other), checkpoint=tmp_path)
    same = {"title": "The same by another name", "mastery": 0.5, "dtype": "float32", "memory": 2.0}
    train(spec(**same), checkpoint=tmp_path)


def test_runs_on_another_graph_are_other_runs(tmp_path: Path) -> None:
    nx.write_graphml(nx.DiGraph([("A", "B"), ("A", "C")]), tmp_path / "g.graphml")
    run = {k: v for k, v in spec(graph=str(tmp_path / "g.graphml")).items() if k != "skills"}
    train(run, checkpoint=tmp_path / "c")
    nx.write_graphml(nx.DiGraph([("A", "B"), ("B", "C")]), tmp_path / "g.graphml")
    with pytest.raises(FileError, match="is the checkpoint of another run"):
        train(run, checkpoint=tmp_path / "c")


def test_more_memory_on_the_second_try_begins_batches_anew_and_ends_the_same(
    tmp_path: Path,
) -> None:
    one_at_a_time = 1.5 * footprint(Run.from_dict(spec())) / 2**30
    with pytest.raises(Interruption):
        train(spec(memory=one_at_a_time), checkpoint=tmp_path, meter=Breaks(300))
    xr.testing.assert_equal(train(spec(), checkpoint=tmp_path), train(spec()))


@pytest.mark.parametrize("kind", ["a file", "a number", "not writable"])
def test_a_folder_that_cannot_hold_checkpoints_is_refused_before_training(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "_train_batch", None)
    (tmp_path / "file").touch()
    folder: Any = {"a file": tmp_path / "file", "a number": 3, "not writable": tmp_path}[kind]
    if kind == "not writable":
        monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(ArgumentError if kind == "a number" else FileError):
        train(spec(), checkpoint=folder)


def test_a_full_disk_is_said_in_one_line_and_the_last_checkpoint_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(spec(), checkpoint=tmp_path)
    (file,) = tmp_path.iterdir()
    before = file.read_bytes()

    def full(content: object, path: Path) -> None:
        path.write_bytes(b"half of it")
        raise RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 64\nframe")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(FileError, match=r"cannot be written: .*unexpected pos 64$"):
        write_checkpoint(file, {})
    assert [path.name for path in tmp_path.iterdir()] == [file.name]
    assert file.read_bytes() == before


def test_other_task_vectors_under_the_same_name_are_another_run(tmp_path: Path) -> None:
    model = {"kind": "geometry", "n_dim": 4, "vectors": str(tmp_path / "t.npy")}
    np.save(tmp_path / "t.npy", np.eye(3, 4))
    train(spec(model=model), checkpoint=tmp_path / "c")
    np.save(tmp_path / "t.npy", np.eye(3, 4)[::-1])
    with pytest.raises(FileError, match="is the checkpoint of another run"):
        train(spec(model=model), checkpoint=tmp_path / "c")


def test_a_file_that_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    (tmp_path / "runs-000000-000002.pt").write_bytes(b"not a checkpoint")
    with pytest.raises(FileError, match=r"runs-000000-000002\.pt: cannot be read as a checkpoint"):
        train(spec(), checkpoint=tmp_path)


KILLED = """
import sys
from domino_sim.gradient import training
training.CHECKPOINT_SECONDS = training.STRIDE_SECONDS = 0.0  # one after every step
training.train(sys.argv[1], checkpoint=sys.argv[2])
"""


def test_a_killed_run_goes_on(tmp_path: Path) -> None:
    data = spec(steps=2000, record={"every": 100})
    (tmp_path / "run.toml").write_text(tomli(data), "utf-8")
    folder = tmp_path / "checkpoint"
    arguments = [sys.executable, "-c", KILLED, str(tmp_path / "run.toml"), str(folder)]
    with subprocess.Popen(arguments) as process:
        end = time.monotonic() + 60
        while not (folder / "runs-000000-000002.pt").exists() and time.monotonic() < end:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    assert 0 < read_checkpoint(folder / "runs-000000-000002.pt")["step"] < 2000
    xr.testing.assert_identical(train(data, checkpoint=folder), train(data))


def tomli(data: dict[str, Any]) -> str:
    import tomli_w

    return tomli_w.dumps(data)


def test_a_run_that_diverges_stops_and_the_others_go_on() -> None:
    mixtures = {"calm": {}, "wild": {"A": 1e3}, "calm too": {"C": 0.2}}
    run = spec(optimizer={"name": "sgd", "lr": 0.1}, mixtures=mixtures, seeds=2, noise=0.0)
    curves = train(run)
    wild = curves.mixture.values == "wild"
    assert np.isfinite(curves.diverged_at.values).tolist() == wild.tolist()
    at = curves.diverged_at.values[wild]
    for values, step in zip(curves.level.values[wild], at, strict=True):
        assert np.isnan(values).any(axis=1).tolist() == (curves.step.values >= step).tolist()
    assert np.isfinite(curves.level.values[~wild]).all()
    alone = train({**run, "mixtures": {"calm": {}}})
    np.testing.assert_array_equal(alone.level.values, curves.level.values[:2])


def test_when_all_diverge_the_work_ends() -> None:
    curves = train(spec(optimizer={"name": "sgd", "lr": 1e6}, steps=10**6))
    assert np.isfinite(curves.diverged_at.values).all()


def test_runs_that_diverge_before_the_first_record_are_said_too() -> None:
    run = spec(optimizer={"name": "sgd", "lr": 1e6}, steps=600, record={"steps": [500]})
    curves = train(run)
    assert np.isfinite(curves.diverged_at.values).all()
    assert np.isnan(curves.level.values).all()


def test_a_skill_that_is_not_trained_can_end_a_run_too() -> None:
    # The noise drives A out of all bounds, which the loss, without A, does not show.
    skills = {"A": {"frequency": 0.0}, "B": {"frequency": 0.0}}
    model = {"kind": "geometry", "n_dim": 4, "vectors": "basis"}
    curves = train(spec(skills=skills, noise=1.0, model=model, optimizer={"lr": 1e22}, seeds=1))
    assert curves.diverged_at.values == [10.0]  # the first record: x² is beyond float32
    assert np.isfinite(curves.level.values[0, 0]).all()


def test_a_slow_divergence_is_seen_at_the_same_step_after_a_resumption(tmp_path: Path) -> None:
    # Out of step with its own loss, a run that had grown already would be let grow on.
    run = spec(optimizer={"name": "sgd", "lr": 2.2}, noise=0.0, seeds=1, steps=400)
    del run["batch_size"]
    whole = train(run)
    assert 20 < float(whole.diverged_at[0]) < 100
    again = Run.from_dict(run)

    def fresh() -> Loop:
        streams, members = [Streams.from_seed(0)], again.members()
        problem = build(again, members, streams, torch.device("cpu"), torch.float32)
        return Loop(again, members, streams, problem)

    first, second = fresh(), fresh()
    first.advance(20)
    second.restore(first.save())
    second.advance(400)
    assert second.diverged_at == whole.diverged_at.values


def test_a_loss_that_begins_at_nothing_may_rise() -> None:
    skills = {"A": {"frequency": 0.0}}
    changes = [{"at": 5, "set": {"skills.A.frequency": 1e9}}]
    run = spec(skills=skills, interventions=changes, noise=0.0, steps=20, record={"every": 1})
    curves = train({**run, "optimizer": {"name": "signgd", "lr": 0.01}})
    assert np.isnan(curves.diverged_at.values).all()
    assert (curves.level.values[:, :6] == 0).all() and (curves.level.values[:, -1] > 0.5).all()


def test_a_change_of_the_mixture_holds_from_its_step_on_and_is_recorded() -> None:
    changes = [{"at": 50, "set": {"skills.B.frequency": 0.0}}]
    run = spec(optimizer={"name": "sgd", "lr": 0.1}, noise=0.0, interventions=changes, seeds=1)
    del run["batch_size"]
    curves = train({**run, "dtype": "float64", "record": {"every": 1}})
    k = curves.step.values
    expected = 1 - (1 - 0.1 * 0.3) ** np.minimum(k, 50)
    np.testing.assert_allclose(curves.level.sel(skill="B").values[0], expected, atol=1e-12)
    assert np.isnan(curves.frequency.sel(skill="B")) and curves.frequency.sel(skill="A") == 1.0
    known = curves.frequency_at.sel(skill="B").values[0]
    assert (known == np.where(k >= 50, 0.0, 0.3)).all()


def test_a_mixture_that_is_set_at_the_start_or_to_what_it_is_does_not_change() -> None:
    changes = [{"at": 0, "set": {"skills.A.frequency": 0.5}},
               {"at": 9, "set": {"skills.A.frequency": 0.5}}]  # fmt: skip
    curves = train(spec(interventions=changes))
    assert "frequency_at" not in curves
    assert (curves.frequency.sel(skill="A") == 0.5).all()


def test_noise_spreads_a_parameter_by_lr_sigma_root_k() -> None:
    # SGD without any signal: a random walk whose variance is (lr σ)² a step.
    run = spec(optimizer={"name": "sgd", "lr": 0.5}, noise=0.2, seeds=40, steps=100)
    walk = train({**run, "frequencies": {"A": 0.0, "B": 0.0, "C": 0.0}, "skills": {
        "A": {}, "B": {}, "C": {}}, "model": {"kind": "geometry", "n_dim": 3}})
    spread = walk.level.sel(step=100).values.std() / (0.5 * 0.2 * 10)
    assert abs(spread - 1) < 4 / np.sqrt(2 * 120)


def test_runs_with_one_seed_and_different_mixtures_have_the_same_tasks() -> None:
    mixtures = {"a": {"B": 0.0, "C": 0.0}, "b": {"B": 0.0, "C": 0.0}, "c": {}}
    level = train(spec(mixtures=mixtures, noise=0.0)).level.values
    # On some processors the last bit of a product depends on where its run lies in memory.
    np.testing.assert_allclose(level[:3], level[3:6], rtol=0.0, atol=1e-6)
    assert np.abs(level[:3] - level[6:]).max() > 1e-3


@pytest.mark.parametrize("device", ["cuda:99", "gpu", "meta"])
def test_a_device_that_is_not_there_is_said(device: str) -> None:
    with pytest.raises(ScenarioError, match=f"device: the device '{device}' cannot be used"):
        train(spec(device=device))


def test_what_is_no_run_is_said() -> None:
    with pytest.raises(ArgumentError, match="The 'run' parameter of train is a int"):
        train(3)  # type: ignore[arg-type]


def test_a_run_that_does_not_fit_the_memory_is_refused() -> None:
    with pytest.raises(ScenarioError, match=r"memory: one run takes .* GiB; expected memory ≥"):
        train(spec(memory=1e-9))


@pytest.mark.parametrize("batch_size", [None, 8])
@pytest.mark.parametrize(("skills", "n_dim"), [(3, 3), (70, 80), (10, 1000)])
def test_a_run_takes_as_much_memory_as_is_counted_for_it(
    skills: int, n_dim: int, batch_size: int | None
) -> None:
    names = {f"s{i}": {} for i in range(skills)}
    keys = {"batch_size": batch_size} if batch_size else {}
    base = {k: v for k, v in spec().items() if k != "batch_size"}
    model = {"kind": "geometry", "n_dim": n_dim}
    run = Run.from_dict({**base, **keys, "skills": names, "model": model, "seeds": 1})
    streams = [Streams.from_seed(0)]
    problem = build(run, run.members(), streams, torch.device("cpu"), torch.float32)
    problem.gradient()
    held = [problem._vectors, problem.theta, problem.theta.grad, problem._batches._ahead]
    size = sum(tensor.nbytes for tensor in held if tensor is not None)
    assert size < footprint(run) < 8 * size + 8000


def test_a_record_that_does_not_fit_the_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_free_memory", lambda: 1e9)
    with pytest.raises(ScenarioError, match=r"record: recording 10,001 points of 3,000 curves"):
        train(spec(steps=10_000, record={"every": 1}, seeds=1000))


def test_without_torch_the_message_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(EngineError, match=r"pip install torch pytorch-optimizer"):
        train(spec())


def test_only_what_an_optimiser_needs_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pytorch_optimizer", None)
    train(spec())
    with pytest.raises(EngineError, match="needs pytorch_optimizer"):
        train(spec(optimizer={"name": "lion", "lr": 0.01}))
