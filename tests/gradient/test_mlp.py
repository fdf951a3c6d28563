"""Perceptrons: what is trained, what is measured, and what the paper saw."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from mlp_runs import ADDITION, PARITY, POWERS, built, run_of

from domino_sim.gradient import mlp
from domino_sim.gradient.loop import Loop
from domino_sim.gradient.mlp import MlpRuns
from domino_sim.gradient.run import Run, load_run
from domino_sim.gradient.streams import Streams
from domino_sim.gradient.training import train

KINDS = {
    "parity": PARITY,
    "data set": {**PARITY, "model": {**PARITY["model"], "samples": 90}},
    "control bits": {**PARITY, "model": {**PARITY["model"], "control_bits": True}},
    "cross entropy": {**PARITY, "loss": "ce"},
    "powers": POWERS,
    "addition": ADDITION,
}
MODULES = {"left": {"skills": ["often"], "share": 0.5}, "right": {"skills": ["rare"], "share": 0.5}}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Steps this small gain nothing from a second thread, and wait for it on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def stepped(runs: MlpRuns, steps: int) -> np.ndarray:
    """Return the levels, (steps, runs, skills), of so many steps of Adam."""
    optimizer = torch.optim.Adam(runs.parameters, lr=0.01)
    levels = []
    for _ in range(steps):
        runs.gradient()
        levels.append(runs.measure()["level"])
        optimizer.step()
    return np.array(levels)


def first(over: np.ndarray) -> np.ndarray:
    """Return the first step (axis 0) at which something holds; the number of steps if never."""
    return np.where(over.any(axis=0), over.argmax(axis=0), len(over))


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_gives_the_same_numbers_whatever_runs_are_beside_it(kind: str) -> None:
    name = "rare" if kind == "powers" else "train" if kind == "addition" else "B"
    mixtures = {"as is": {}, "less": {name: 0.3}, "none": {name: 0.0}}
    run = run_of(KINDS[kind], seeds=2, mixtures=mixtures)
    together = stepped(built(run), 20)
    for r in range(6):
        alone = stepped(built(run, slice(r, r + 1)), 20)
        np.testing.assert_allclose(together[:, r], alone[:, 0], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_a_resumed_run_ends_with_the_numbers_of_one_that_was_not_interrupted(kind: str) -> None:
    name = list(KINDS[kind]["skills"])[-1]
    change = {"at": 5, "set": {f"skills.{name}.frequency": 0.7}}
    run = run_of(KINDS[kind], seeds=2, interventions=[change])

    def fresh() -> Loop:
        members = run.members()
        streams = [Streams.from_seed(member.seed) for member in members]
        device, dtype = torch.device("cpu"), torch.float64
        return Loop(run, members, streams, mlp.build(run, members, streams, device, dtype))

    whole, before, after = fresh(), fresh(), fresh()
    whole.advance(101)
    before.advance(12)
    after.restore(before.save())
    after.advance(101)
    for key in ("level", "loss"):
        np.testing.assert_array_equal(whole.curves[key], after.curves[key])


def test_weights_start_as_those_of_a_linear_layer_of_torch() -> None:
    run = run_of(PARITY, model__n_bits=30, model__hidden=[200], skills__A__bits=[29, 1])
    runs = built(run)
    inner, bias, outer, _ = runs.parameters
    linear = torch.nn.Linear(30, 200)
    assert inner.abs().max() <= 30**-0.5 and bias.abs().max() <= 30**-0.5
    assert inner.std() == pytest.approx(linear.weight.std().item(), rel=0.05)
    assert bias.std() == pytest.approx(linear.bias.std().item(), rel=0.2)
    assert outer.abs().max() <= 200**-0.5


def test_runs_of_a_seed_start_from_the_same_network_whatever_their_mixture() -> None:
    run = run_of(PARITY, seeds=2, mixtures={"all": {}, "no A": {"A": 0.0}})
    for parameter in built(run).parameters:
        assert torch.equal(parameter[0], parameter[2])
        assert not torch.equal(parameter[0], parameter[1])


def test_modules_are_the_whole_network_with_the_weights_between_them_masked() -> None:
    whole, cut = built(run_of(POWERS)), built(run_of(POWERS, model__modules=MODULES))
    leaves = [p.clone().requires_grad_() for p in whole.parameters]
    first, b1, second, b2, last, b3 = leaves
    sides = [torch.arange(n) < n // 2 for n in (2, 10, 8, 2)]
    masks = [(a[:, None] == b).double() for a, b in pairwise(sides)]
    (batch,) = whole._task.batches()
    h = torch.nn.functional.silu(batch.inputs @ (first * masks[0]) + b1[:, None])
    weights = second if second.shape[1:] == (10, 8) else second.transpose(1, 2)
    h = torch.nn.functional.silu(h @ (weights * masks[1]) + b2[:, None])
    output = h @ (last.transpose(1, 2) * masks[2]) + b3[:, None]
    squares = (output - batch.targets.transpose(1, 2)) ** 2
    loss = (squares * batch.weights.transpose(1, 2)).sum()
    loss.backward()

    torch.testing.assert_close(cut.gradient()[0], loss.detach())
    assert first.grad is not None and b2.grad is not None
    left, right = cut.parameters[0].grad, cut.parameters[6].grad
    torch.testing.assert_close(left, first.grad[:, :1, :5])
    torch.testing.assert_close(right, first.grad[:, 1:, 5:])
    torch.testing.assert_close(cut.parameters[3].grad, b2.grad[:, :4])
    assert not first.grad[:, 1:, :5].any()


def test_the_loss_of_a_run_is_the_frequencies_times_the_losses_of_its_skills() -> None:
    for base in (POWERS, ADDITION):
        run = run_of(base, mixtures={"as is": {}, "other": {next(iter(base["skills"])): 0.3}})
        runs = built(run)
        loss, losses = runs.gradient().numpy(), runs.measure()["loss"]
        p = np.array([member.frequencies for member in run.members()])
        np.testing.assert_allclose(loss, (p * losses).sum(axis=1))


def test_a_skill_that_is_knocked_out_moves_nothing_of_its_own() -> None:
    run = run_of(PARITY, model__n_bits=12, model__held_out=4000, mixtures={"no B": {"B": 0.0}})
    runs = built(run)
    before = [p.clone() for p in runs.parameters[2:]]
    level = stepped(runs, 50)[:, 0, 1]
    for old, new in zip(before, runs.parameters[2:], strict=True):
        assert torch.equal(old[:, 1], new[:, 1]) and not torch.equal(old[:, 0], new[:, 0])
    assert np.abs(level).max() < 0.1


def test_the_level_of_a_choice_is_its_accuracy_with_guessing_at_zero() -> None:
    for base, guess in ((PARITY, 0.5), (ADDITION, 0.2)):
        runs = built(run_of(base))
        runs.gradient()
        found = runs.measure()
        np.testing.assert_allclose(found["level"], (found["accuracy"] - guess) / (1 - guess))
        assert np.abs(found["level"]).max() < 0.4


def test_the_level_of_a_power_is_zero_where_its_output_is_zero_and_one_where_it_is_right() -> None:
    runs = built(run_of(POWERS))
    for parameter in runs.parameters:
        parameter.zero_()
    runs.gradient()
    found = runs.measure()
    assert "accuracy" not in found
    np.testing.assert_allclose(found["level"], 0.0)
    assert found["loss"][0] == pytest.approx([1 / 5, 1 / 7], rel=0.6)  # means of x⁴ and x⁶


def test_frequencies_may_change_during_a_run() -> None:
    change = {"at": 60, "set": {"skills.B.frequency": 1.0}}
    parity = {"model__n_bits": 8, "model__hidden": [40], "batch_size": 200, "dtype": "float32"}
    run = run_of(PARITY, skills__B__frequency=0.0, interventions=[change], steps=160, **parity)
    level = train(run).level.sel(skill="B").values[0]
    assert np.abs(level[:60]).max() < 0.5 < level[-1]


@pytest.mark.parametrize("name", ["relu", "silu", "tanh", "gelu"])
def test_every_activation_learns_a_parity_and_the_identity_none(name: str) -> None:
    skills = {"A": {"bits": [0, 1]}}
    keys = {"skills": skills, "model__targets": "signs", "model__hidden": [30, 30]}
    assert stepped(built(run_of(PARITY, model__activation=name, **keys)), 150)[-1] > 0.9
    if name == "relu":
        assert stepped(built(run_of(PARITY, model__activation="identity", **keys)), 150)[-1] < 0.6


def test_a_rare_parity_is_learned_late_and_the_frequent_one_minds_little() -> None:
    names = ["p2 = 1", "p2 = 0.05"]
    overrides: dict[str, Any] = {"steps": 500, "batch_size": 1000, "seeds": 2}
    run = load_run("parity-two", {**overrides, "optimizer.lr": 3e-3, "record": {"every": 10}})
    chosen = Run.from_dict({**run.to_dict(), "mixtures": {n: run.mixtures[n] for n in names}})
    level = train(chosen).level
    half = 10 * first((level > 0.5).transpose("step", "run", "skill").values)
    often, rare = half[:, 0].reshape(2, 2).mean(1), half[:, 1].reshape(2, 2).mean(1)
    assert rare[1] > 2 * rare[0]
    assert often[1] < 1.3 * often[0]


def test_a_composite_is_learned_sooner_with_its_parts_than_without() -> None:
    tower = load_run("parity-tower", {"steps": 500, "seeds": 1, "record": {"every": 10}})
    mixtures = {name: tower.mixtures[name] for name in ("even", "no-A", "no-leaves")}
    level = train(Run.from_dict({**tower.to_dict(), "mixtures": mixtures})).level
    half = 10 * first((level.sel(skill="AB") > 0.5).transpose("step", "run").values)
    assert half[0] < 0.7 * half[1] and half[0] < 0.6 * half[2]


def test_modules_learn_the_rare_square_without_waiting_for_the_frequent_one() -> None:
    # Medians of 100 published runs (Fig. 19): t1 153 and t2/t1 2.82; with modules 286 and 1.15.
    found = {}
    for name in ("square-nonmodular", "square-modular"):
        curves = train(load_run(name, {"seeds": 3, "steps": 600}))
        t1, t2 = first((curves.loss < 1e-3).transpose("step", "run", "skill").values).T
        found[name] = np.median(t1), np.median(t2 / t1)
    assert found["square-nonmodular"][0] == pytest.approx(153, abs=25)
    assert found["square-modular"][0] == pytest.approx(286, abs=45)
    assert 2.0 < found["square-nonmodular"][1] < 4.0
    assert found["square-modular"][1] < 0.65 * found["square-nonmodular"][1]


def test_pairs_that_are_held_out_are_understood_after_those_that_are_trained() -> None:
    # Fig. 13, with SignGD, where it takes a hundred steps and not thousands.
    level = train(load_run("grokking", {"optimizer.betas": [0, 0], "steps": 140})).level[0]
    half = level.step.values[first((level > 0.5).values)]
    assert half[0] <= 40 and half[1] >= 80
    assert level.values[2, 1] < 0.1 < 0.9 < level.values[-1, 0]


def test_what_a_run_takes_is_told_before_it_starts() -> None:
    small, large = (run_of(PARITY, model__hidden=[width]) for width in (10, 1000))
    assert mlp.footprint(large) > 8 * 6 * 1000 * 9 > mlp.footprint(small) / 10
    assert mlp.side_by_side(small) > mlp.side_by_side(large) >= 1
    assert mlp.footprint(load_run("square-nonmodular")) == pytest.approx(2.5e6, rel=0.5)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("kind", KINDS)
def test_a_gpu_gives_the_numbers_of_the_processor(kind: str) -> None:
    run = run_of(KINDS[kind], seeds=2, steps=20)
    there = train(run_of(KINDS[kind], seeds=2, steps=20, device="cuda"))
    np.testing.assert_allclose(train(run).loss.values, there.loss.values, rtol=1e-8)


@pytest.mark.parametrize("kind", ["parity", "data set", "control bits"])
def test_a_change_of_the_batch_size_holds_from_its_step_on(kind: str) -> None:
    runs = built(run_of({**KINDS[kind], "batch_size": 20}))
    for size in (20, 7):
        runs.set_batch_size(size)
        (batch,) = runs._task.batches()
        assert batch.inputs.shape[1] == size
