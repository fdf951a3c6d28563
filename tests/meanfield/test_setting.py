"""What cannot be predicted is refused, saying what would do."""

from __future__ import annotations

from typing import Any

import pytest

from domino_sim import memory, predict_gradient
from domino_sim.errors import ArgumentError

GOOD: dict[str, Any] = {"frequencies": [0.7, 0.3], "n_dim": 100, "lr": 1e-3, "steps": 10}


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"optimizer": "signdg"}, "optimizer: unknown optimizer 'signdg'.*did you mean 'signgd'"),
        ({"optimizer": None}, "expected one of sgd, signgd, signum, adam"),
        ({"loss": "mae"}, "loss: unknown loss 'mae'"),
        ({"batch_size": 0}, "batch_size: is 0; expected an integer ≥ 1, or None.*'1'"),
        ({"batch_size": 2.5}, "batch_size: is 2.5; .*did you mean '2'"),
        ({"n_dim": 1}, "n_dim: is 1 for 2 trained skills.*did you mean '2'"),
        ({"n_dim": True}, "n_dim: is True"),
        ({"steps": -1}, "steps: is -1; expected an integer ≥ 0"),
        ({"steps": float("nan")}, "steps: is nan"),
        ({"lr": 0.0}, "lr: is 0.0; expected a finite number > 0"),
        ({"lr": "fast"}, "lr: is 'fast'"),
        ({"noise": -1e-3}, "noise: is -0.001"),
        ({"g0": float("inf")}, "g0: is inf"),
        ({"betas": (0.9,)}, "betas: are .*two numbers"),
        ({"betas": (0.9, 1.0)}, "betas: are"),
        ({"frequencies": [[1.0]]}, r"frequencies: has the shape \(1, 1\)"),
        ({"frequencies": []}, "frequencies: has the shape"),
        ({"frequencies": ["a"]}, "frequencies: is .*expected numbers"),
        ({"frequencies": {"A": 1.0, "B": -1.0}}, "frequencies: of 'B' is -1"),
    ],
)
def test_bad_arguments_are_refused_by_name(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(ArgumentError, match=says):
        predict_gradient(**{**GOOD, **wrong})


def test_a_learning_rate_with_which_sgd_diverges_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"lr: is 3, with which SGD diverges.*'2\.85714'"):
        predict_gradient(**{**GOOD, "optimizer": "sgd", "lr": 3.0})
    predict_gradient(**{**GOOD, "optimizer": "sgd", "lr": 2.8})


def test_skills_keep_their_names_and_the_arguments_are_recorded() -> None:
    ds = predict_gradient(**{**GOOD, "frequencies": {"read": 0.7, "write": 0.3}, "noise": 0.1})
    assert ds.skill.values.tolist() == ["read", "write"]
    assert ds.sizes == {"step": 11, "skill": 2}
    assert ds.attrs["rate"] == pytest.approx(0.7978845608 * 1e-3 * 10)
    assert ds.attrs["wasted"] == pytest.approx(1.0)
    assert ds.attrs["batch_size"] == "exact"
    assert predict_gradient(**GOOD).skill.values.tolist() == ["s1", "s2"]


def test_more_steps_than_memory_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_free_memory", lambda: 1e9)
    with pytest.raises(ArgumentError, match=r"^steps: recording 100,000,001 points of 2 skills"):
        predict_gradient(frequencies=[1, 1], n_dim=10, lr=1e-3, steps=10**8)


def test_the_floor_of_the_step_size_is_reported() -> None:
    ds = predict_gradient(frequencies=[0.5, 0.2], n_dim=400, lr=1e-3, steps=3)
    assert ds.attrs["floor"] == pytest.approx(0.7978845608 * 1e-3 * 20 * 0.25)
    ds = predict_gradient(frequencies=[0.5, 0.2], n_dim=400, lr=1e-3, steps=3, loss="ce")
    assert ds.attrs["floor"] == 0.0
