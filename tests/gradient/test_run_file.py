"""Run files: what is refused is said in one line, with the place and what would do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from domino_sim.errors import DominoError, ScenarioError
from domino_sim.files import list_bundled
from domino_sim.gradient.run import Run, load_run

BASE: dict[str, Any] = {
    "steps": 10,
    "model": {"kind": "geometry", "n_dim": 4},
    "optimizer": {"lr": 0.1},
    "skills": {"A": {}, "B": {"frequency": 0.5}},
}


@pytest.mark.parametrize("name", list_bundled("runs"))
def test_every_bundled_run_is_valid_and_says_where_it_comes_from(name: str) -> None:
    run = load_run(name)
    assert run.title and run.source
    assert run.members()


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"model": {"kind": "geometri"}}, "model.kind: unknown: 'geometri'"),
    ({"model.n_dim": 1}, "model.n_dim: 2 orthogonal task vectors do not fit into 1 dimensions"),
    ({"model.n_dims": 3}, "model.n_dims: unknown key"),
    ({"model.vectors": "orthogonol"}, "model.vectors: unknown kind 'orthogonol'"),
    ({"model.vectors": "no.npy"}, "model.vectors: no.npy: no such file"),
    ({"model.n_dim": 10**9}, "model.n_dim: 2 task vectors need 16 GB"),
    ({"batch_size": 0}, "batch_size: 0 is out of range; expected a number ≥ 1"),
    ({"noise": -1.0}, "noise: -1.0 is out of range; expected a number ≥ 0"),
    ({"optimizer.lr": 0.0}, "optimizer.lr: 0.0 is out of range; expected a number > 0"),
    ({"optimizer.name": "adm"}, "optimizer.name: unknown: 'adm'"),
    ({"optimizer.betas": [0.9, 0.99]}, "optimizer.betas: betas are given with 'signgd'"),
    ({"optimizer.momentum": 0.9}, "optimizer.momentum: momentum is given with 'signgd'"),
    ({"optimizer": {"name": "lion", "lr": 1.0, "betas": [0.9]}}, "optimizer.betas: 1 betas"),
    ({"optimizer": {"name": "adam", "lr": 1.0, "alpha": 1}}, "optimizer.alpha: alpha is given"),
    ({"optimizer": {"name": "adam", "lr": 1.0, "weight_decay": 1}}, "did you mean 'adamw'?"),
    ({"optimizer.schedule": {"final": 0.1}}, "optimizer.schedule.final: final is given with"),
    ({"optimizer.schedule": {"warmup": 11}}, "schedule.warmup: the warm-up is longer than the run"),
    ({"seeds": 0}, "seeds: 0 is out of range; expected a number ≥ 1"),
    ({"seeds": []}, "seeds: there are no seeds"),
    ({"seeds": [1, 1]}, "seeds: a seed is given twice"),
    ({"seeds": 10**6}, "seeds: these are 1000000 runs"),
    ({"mixtures": {"odd": {"C": 1}}}, "mixtures.odd.C: there is no skill 'C'"),
    ({"mixtures": {"a\nb": {}}}, "mixtures.\"a\\nb\": the name 'a\\nb' is no name"),
    ({"mixtures": {"": {}}}, "the name '' is no name"),
    ({"mixtures": {"odd": {"A": -1}}}, "mixtures.odd.A: -1 is out of range"),
    ({"loss": "ce", "skills.B.requires": "A"}, "loss: cross entropy with composed skills ('B')"),
    ({"interventions": [{"at": 10, "set": {"noise": 1}}]}, "interventions.0.at: step 10 is not"),
    ({"interventions": [{"at": 1, "set": {}}]}, "interventions.0.set: is empty"),
    ({"interventions": [{"at": 1, "set": {"noises": 1}}]}, "set.noises: cannot be set"),
    ({"interventions": [{"at": 1, "set": {"skills.C.frequency": 1}}]}, "there is no skill 'C'"),
    ({"interventions": [{"at": 1, "set": {"batch_size": 8}}]}, "the run samples no batches"),
    ({"interventions": [{"at": 1, "set": {"optimizer.lr": 0}}]}, "0 is out of range"),
    ({"record": {"steps": [11]}}, "record.steps.0: 11 is beyond the last step"),
    ({"skills": {}}, "there are no skills"),
    ({"skills.B.requires": "C"}, "skills.B.requires"),
    ({"graph": "two-pairs"}, "skills.A: there is no skill 'A'"),
]


@pytest.mark.parametrize(("overrides", "message"), WRONG)
def test_what_is_wrong_is_said_in_one_line(overrides: dict[str, Any], message: str) -> None:
    with pytest.raises(DominoError) as caught:
        Run.from_dict(BASE, where="run.toml", overrides=overrides)
    assert "\n" not in str(caught.value)
    assert message in str(caught.value)
    assert str(caught.value).startswith("run.toml: ")


def test_every_mixture_is_trained_with_every_seed() -> None:
    data = {**BASE, "seeds": [3, 5], "mixtures": {"no B": {"B": 0}, "all": {}}}
    members = Run.from_dict(data).members()
    assert [m.name for m in members] == [
        "no B, seed 3", "no B, seed 5", "all, seed 3", "all, seed 5"
    ]  # fmt: skip
    assert members[0].frequencies.tolist() == [1.0, 0.0]
    assert members[2].frequencies.tolist() == [1.0, 0.5]


def test_task_vectors_come_from_a_file_beside_the_run_file(tmp_path: Path) -> None:
    np.save(tmp_path / "t.npy", np.eye(2, 4))
    text = '[model]\nkind = "geometry"\nn_dim = 4\nvectors = "t.npy"\n[optimizer]\nlr = 1\n'
    (tmp_path / "run.toml").write_text(text + "[skills]\nA = {}\nB = {}\n", "utf-8")
    assert load_run(tmp_path / "run.toml").names == ("A", "B")
    with pytest.raises(ScenarioError, match=r"run\.toml: model\.vectors: the matrix is 2 × 4"):
        load_run(tmp_path / "run.toml", {"model.n_dim": 5})
