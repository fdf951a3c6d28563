"""The samples of the tasks: what they ask, how often, and that seeds fix them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from mlp_runs import ADDITION, PARITY, POWERS, run_of

from domino_sim.gradient.mlp_layout import blocks_of, skill_bits
from domino_sim.gradient.parity import ParityTask
from domino_sim.gradient.run import Run
from domino_sim.gradient.streams import Streams
from domino_sim.gradient.tasks import AdditionTask, PowersTask

LIKE = torch.empty(0, dtype=torch.float64)


def made(kind: Any, run: Run) -> Any:
    members = run.members()
    streams = [Streams.from_seed(member.seed) for member in members]
    return kind(run, members, streams, blocks_of(run), LIKE)


def test_a_composite_is_the_parity_of_its_parts_bits() -> None:
    more = {"C": {"requires": "D and AB"}, "D": {"bits": [5]}}  # D after what needs it
    run = run_of(PARITY, skills={**PARITY["skills"], **more})
    assert skill_bits(run) == [(0, 1), (2, 3), (0, 1, 2, 3), (0, 1, 2, 3, 5), (5,)]
    own = run_of(PARITY, skills__AB__bits=[5, 0, 4])
    assert skill_bits(own)[2] == (5, 0, 4)


@pytest.mark.parametrize(("targets", "loss"), [("bits", "mse"), ("signs", "mse"), (None, "ce")])
def test_targets_are_the_parities_of_the_bits(targets: str | None, loss: str) -> None:
    coding = {} if targets is None else {"model__targets": targets}
    task = made(ParityTask, run_of(PARITY, loss=loss, **coding))
    (batch,) = task.batches()
    bits = batch.inputs[0].numpy().astype(int)
    expected = np.array([bits[:, [0, 1]].sum(1), bits[:, [2, 3]].sum(1), bits[:, :4].sum(1)]) % 2
    if targets == "signs":
        expected = 2 * expected - 1
    np.testing.assert_array_equal(batch.targets[0].numpy(), expected)
    assert 0.35 < bits.mean() < 0.65


def test_of_a_data_set_the_part_that_a_frequency_names_counts_and_is_drawn_anew() -> None:
    skills = {"A": {"bits": [0]}, "B": {"bits": [1], "frequency": 0.1}, "C": {"bits": [2]}}
    run = run_of(PARITY, model__samples=200, skills=skills, mixtures={"no C": {"C": 0}})
    data = {**run.to_dict()}
    del data["batch_size"]
    task = made(ParityTask, Run.from_dict(data))
    (first,), (second,) = task.batches(), task.batches()
    assert torch.equal(first.inputs, second.inputs)
    counts = first.weights[0] * 200
    assert counts.sum(1).round(decimals=9).tolist() == [200, 20, 0]
    assert set(counts[1].unique().tolist()) == {0.0, 1.0}
    assert not torch.equal(first.weights, second.weights)


def test_a_frequency_above_one_counts_samples_more_than_once() -> None:
    run = run_of(PARITY, skills__A__frequency=2.3, skills__B__frequency=0.03, batch_size=10)
    task = made(ParityTask, run)
    weights = torch.cat([task.batches()[0].weights for _ in range(2000)])
    assert set((weights[:, 0] * 10).unique().tolist()) == {2.0, 3.0}
    mean = weights.sum(2).mean(0)
    assert mean[0] == pytest.approx(2.3, abs=0.01)
    assert mean[1] == pytest.approx(0.03, abs=0.015)  # less than one sample a step, yet trained
    assert mean[2] == pytest.approx(1.0)


def test_other_mixtures_of_a_seed_see_the_same_samples() -> None:
    run = run_of(PARITY, mixtures={"all": {}, "no A": {"A": 0.0}, "some": {"B": 0.25}})
    task = made(ParityTask, run)
    for _ in range(3):
        (batch,) = task.batches()
        assert torch.equal(batch.inputs[0], batch.inputs[1])
        assert torch.equal(batch.inputs[0], batch.inputs[2])
        assert torch.equal(batch.weights[0, 2], batch.weights[1, 2])


def test_batches_of_a_data_set_are_rows_of_it_none_twice() -> None:
    run = run_of(PARITY, model__n_bits=30, model__samples=60, batch_size=60)
    task = made(ParityTask, run)
    first, second = (sorted(map(tuple, task.batches()[0].inputs[0].tolist())) for _ in range(2))
    assert first == second and len(set(first)) == 60
    task.set_batch_size(7)
    part = set(map(tuple, task.batches()[0].inputs[0].tolist()))
    assert len(part) == 7 and part < set(first)


def test_control_bits_ask_skills_as_often_as_their_frequencies_say() -> None:
    p = {"skills__A__frequency": 3.0, "skills__B__frequency": 1.0, "skills__AB__frequency": 0.0}
    task = made(ParityTask, run_of(PARITY, model__control_bits=True, batch_size=4000, **p))
    (batch,) = task.batches()
    asked, bits = batch.inputs[0, :, :3], batch.inputs[0, :, 3:]
    assert (asked.sum(1) == 1).all()
    assert asked.mean(0).tolist() == pytest.approx([0.75, 0.25, 0.0], abs=0.03)
    assert not asked[:, 2].any()
    parities = torch.stack([bits[:, :2].sum(1) % 2, bits[:, 2:4].sum(1) % 2], dim=1)
    assert torch.equal(batch.targets[0, 0], (parities * asked[:, :2]).sum(1))
    assert batch.weights.sum() == pytest.approx(4.0)  # the sum of the frequencies


def test_with_control_bits_every_skill_is_measured_on_every_held_out_sample() -> None:
    task = made(ParityTask, run_of(PARITY, model__control_bits=True))
    inputs, targets, part = task.examples(0)
    assert inputs.shape == (1, 150, 9) and targets.shape == (1, 1, 150)
    assert torch.equal(inputs[0, :, :3], part[0].t())
    assert torch.equal(inputs[0, :50, 3:], inputs[0, 50:100, 3:])


def test_no_skill_trained_means_no_question_counts() -> None:
    none = {f"skills__{name}__frequency": 0.0 for name in ("A", "B", "AB")}
    for control in (False, True):
        task = made(ParityTask, run_of(PARITY, model__control_bits=control, **none))
        assert not task.batches()[0].weights.any()


def test_each_sample_of_the_powers_has_one_input_that_is_not_zero() -> None:
    task = made(PowersTask, run_of(POWERS))
    (batch,) = task.batches()
    x = batch.inputs[0]
    assert ((x != 0).sum(1) == 1).all() and x.abs().max() <= 1
    assert (x != 0).sum(0).tolist() == [45, 5]
    torch.testing.assert_close(batch.targets[0], torch.stack([x[:, 0] ** 2, x[:, 1] ** 3]))
    assert batch.weights.sum(2)[0].tolist() == pytest.approx([0.9, 0.1])
    assert ((batch.weights[0] > 0).t() == (x != 0)).all()


def test_the_samples_of_a_power_are_the_same_in_all_mixtures() -> None:
    run = run_of(POWERS, mixtures={"as is": {}, "even": {"often": 0.1}, "none": {"rare": 0.0}})
    x = made(PowersTask, run).examples(0).inputs
    own = [[x[r, :, i][x[r, :, i] != 0] for i in range(2)] for r in range(3)]
    assert [[len(points) for points in both] for both in own] == [[45, 5], [25, 25], [50, 25]]
    assert torch.equal(own[0][0][:25], own[1][0])
    assert torch.equal(own[0][1], own[1][1][:5])
    assert torch.equal(own[1][1], own[2][1])


def test_a_power_that_is_not_trained_is_measured_only() -> None:
    task = made(PowersTask, run_of(POWERS, skills__rare__frequency=0.0))
    (batch,), examples = task.batches(), task.examples(0)
    assert batch.inputs.shape[1] == 50 and examples.inputs.shape[1] == 75
    assert torch.equal(examples.inputs[:, :50], batch.inputs)
    task.set_frequencies(np.array([[0.9, 0.1]]))
    (batch,) = task.batches()
    assert batch.weights.sum(2)[0].tolist() == pytest.approx([0.9, 0.1])
    assert batch.inputs.shape[1] == 75


def test_the_pairs_of_an_addition_are_dealt_out_once() -> None:
    task = made(AdditionTask, run_of(ADDITION))
    (batch,), (tokens, sums, part) = task.batches(), task.examples(0)
    assert part.sum(2).tolist() == [[20, 5]]
    assert len(set(map(tuple, tokens[0].tolist()))) == 25
    assert torch.equal(sums[0].argmax(0), tokens[0].sum(1) % 5)
    assert torch.equal(tokens[:, :20], batch.inputs)  # what is held out is in no batch
    assert batch.weights.sum() == pytest.approx(1.0)


def test_a_seed_fixes_its_data_and_another_has_others() -> None:
    for kind, base in ((ParityTask, PARITY), (PowersTask, POWERS), (AdditionTask, ADDITION)):
        task, again = (made(kind, run_of(base, seeds=2)) for _ in range(2))
        inputs = task.examples(0).inputs
        assert torch.equal(inputs, again.examples(0).inputs)
        assert not torch.equal(inputs[0], inputs[1])
