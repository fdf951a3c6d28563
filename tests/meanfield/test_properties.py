"""What must not change a prediction, over random settings."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domino_sim import predict_gradient

frequencies = st.lists(st.floats(1e-3, 1.0), min_size=1, max_size=6)
options = st.fixed_dictionaries({
    "lr": st.sampled_from([1e-4, 1e-3, 1e-2]),
    "optimizer": st.sampled_from(["sgd", "signgd", "signum", "adam"]),
    "noise": st.sampled_from([0.0, 1e-2]),
    "batch_size": st.sampled_from([None, 8]),
    "loss": st.sampled_from(["mse", "ce"]),
})
few = settings(max_examples=25)


def levels(p: Any, **given: Any) -> np.ndarray:
    return predict_gradient(**{"frequencies": p, "n_dim": 80, "steps": 60, **given}).level.values


@few
@given(frequencies, options)
def test_levels_and_errors_are_finite_and_start_unlearned(p: list[float], option: Any) -> None:
    ds = predict_gradient(frequencies=p, n_dim=80, steps=60, **option)
    for name in ("level", "error", "error_random", "n_align"):
        assert np.isfinite(ds[name].values).all(), name
    assert (ds.level.values[0] == (0.0 if option["loss"] == "mse" else 0.5)).all()
    assert (ds.error.values[0] == 0.0).all()
    assert ((ds.n_align.values >= 0) & (ds.n_align.values <= 80.001)).all()


@few
@given(frequencies, options)
def test_the_same_arguments_give_the_same_numbers(p: list[float], option: Any) -> None:
    assert (levels(p, **option) == levels(p, **option)).all()


@few
@given(frequencies, options, st.randoms())
def test_the_order_of_skills_does_not_matter(p: list[float], option: Any, chance: Any) -> None:
    order = list(range(len(p)))
    chance.shuffle(order)
    shuffled = levels([p[i] for i in order], **option)
    np.testing.assert_allclose(shuffled, levels(p, **option)[:, order], rtol=0, atol=1e-9)


@few
@given(frequencies, options, st.integers(0, 6))
def test_a_skill_that_is_never_trained_changes_nothing(p: list[float], option: Any, k: int) -> None:
    place = min(k, len(p))
    more = levels([*p[:place], 0.0, *p[place:]], **option)
    assert (np.delete(more, place, axis=1) == levels(p, **option)).all()
    assert (more[:, place] == (0.0 if option["loss"] == "mse" else 0.5)).all()


@few
@given(frequencies, st.sampled_from([None, 8]), st.sampled_from(["signgd", "signum"]))
def test_without_noise_a_sign_does_not_see_the_scale_of_frequencies(
    p: list[float], batch: int | None, optimizer: str
) -> None:
    given = {"lr": 1e-3, "batch_size": batch, "optimizer": optimizer}
    scaled = levels([8.0 * f for f in p], **given)
    np.testing.assert_allclose(scaled, levels(p, **given), rtol=0, atol=1e-9)


def test_skills_of_one_frequency_have_one_level() -> None:
    level = levels([0.3, 0.1, 0.3, 0.3], lr=1e-3, batch_size=4)
    assert (level[:, 0] == level[:, 2]).all() and (level[:, 0] == level[:, 3]).all()


def test_a_frequent_skill_is_ahead_of_a_rare_one() -> None:
    level = levels([0.6, 0.3, 0.1], lr=1e-3, batch_size=32)
    assert (np.diff(level[1:30], axis=1) < 0).all()


@pytest.mark.parametrize("optimizer", ["sgd", "signgd", "signum", "adam"])
def test_no_steps_and_no_trained_skills_are_fine(optimizer: str) -> None:
    given = {"lr": 1e-3, "optimizer": optimizer, "batch_size": 4}
    assert levels([0.5, 0.2], **{**given, "steps": 0}).tolist() == [[0.0, 0.0]]
    assert not levels([0.0, 0.0], **given).any()
