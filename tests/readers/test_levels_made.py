"""Levels of accuracies and losses: what is given is used, what is not is found within its error."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from domino_sim.curves import make_curves
from domino_sim.errors import ArgumentError, FileError
from domino_sim.levelling import with_levels
from domino_sim.normalisation import Normalisation, make_normalisation
from domino_sim.plateaus import End, Estimate, common, end_of, lowest, noise_of, start_of

STEPS = np.arange(0, 2001, 20)
NAN = np.full(len(STEPS), np.nan)


def measured(kind: str, values: np.ndarray, se: float | None = None) -> xr.Dataset:
    """Curves of an accuracy or a loss, (n_runs, n_steps)."""
    table = values[:, :, None]
    extra = {} if kind == "loss" else {kind: (("run", "step", "skill"), table)}
    if se is not None:
        extra[f"{kind}_se"] = (("run", "step", "skill"), np.full(table.shape, se))
    return make_curves(
        runs=[str(i) for i in range(len(values))],
        steps=STEPS[: values.shape[1]],
        skills=["a"],
        level=np.full(table.shape, np.nan),
        loss=table if kind == "loss" else None,
        extra=extra,
    )


def learned(rate: float, delay: float = 0.0) -> np.ndarray:
    """The levels of a skill that rises exponentially after a delay."""
    return 1 - np.exp(-rate * np.maximum(STEPS - delay, 0))


@given(st.floats(0.0, 0.9), st.floats(0.0, 0.09), st.floats(1e-3, 1e-2))
def test_given_chance_and_ceiling_undo_an_accuracy(chance: float, off: float, rate: float) -> None:
    level = learned(rate)
    accuracy = chance + (1 - off - chance) * level
    ds = with_levels(measured("accuracy", accuracy[None]), Normalisation(
        chance=chance, ceiling=1 - off))  # fmt: skip
    np.testing.assert_allclose(ds.level[0, :, 0], level, atol=1e-12)
    assert "level_common_se" not in ds


@pytest.mark.parametrize(
    ("scale", "loss_of"),
    [
        ("linear", lambda s: 0.3 + 2.0 * (1 - s)),
        ("squared", lambda s: 0.3 + 2.0 * (1 - s) ** 2),
    ],
)
def test_given_start_and_floor_undo_a_loss(scale: str, loss_of) -> None:
    level = learned(3e-3)
    how = Normalisation(scale, initial=2.3, floor=0.3)
    ds = with_levels(measured("loss", loss_of(level)[None]), how)
    np.testing.assert_allclose(ds.level[0, :, 0], level, atol=1e-7)


def test_a_likelihood_needs_no_numbers() -> None:
    level = 0.5 + 0.5 * learned(3e-3)
    ds = with_levels(measured("loss", -np.log(level)[None], 0.1), Normalisation("likelihood"))
    np.testing.assert_allclose(ds.level[0, :, 0], level)
    np.testing.assert_allclose(ds.level_se[0, :, 0], 0.1 * level)
    assert "initial" not in ds


def pulls(seed: int, kind: str) -> tuple[float, float]:
    """How many of their own errors the estimates of start and end are off."""
    rng = np.random.default_rng(seed)
    level = np.stack([learned(8e-3, delay) for delay in (100, 150, 200)])
    noise = 0.02 * rng.standard_normal(level.shape)
    if kind == "accuracy":
        ds = with_levels(measured(kind, 0.25 + 0.6 * level + noise), Normalisation(
            ceiling="estimate"))  # fmt: skip
        pair, truth = ("chance", "ceiling"), (0.25, 0.85)
    else:
        ds = with_levels(measured(kind, 2.3 - 2.0 * level + noise), Normalisation())
        pair, truth = ("initial", "floor"), (2.3, 0.3)
    first, last = ((float(ds[k][0, 0]) - true) / float(ds[f"{k}_se"][0, 0]) for k, true in
                   zip(pair, truth, strict=True))  # fmt: skip
    return first, last


@pytest.mark.parametrize("kind", ["accuracy", "loss"])
def test_estimates_are_off_by_about_their_own_errors(kind: str) -> None:
    off = np.array([pulls(seed, kind) for seed in range(60)])
    assert (np.abs(off) < 3).mean() > 0.9
    assert 0.4 < np.sqrt((off**2).mean()) < 2.0


def test_the_error_that_levels_share_is_apart_from_that_of_each() -> None:
    rng = np.random.default_rng(1)
    level = learned(8e-3, 100)
    values = 0.2 + 0.8 * level + 0.01 * rng.standard_normal(len(STEPS))
    ds = with_levels(measured("accuracy", np.clip(values, 0, 1)[None], 0.01), Normalisation())
    chance, chance_se = float(ds.chance[0, 0]), float(ds.chance_se[0, 0])
    np.testing.assert_allclose(ds.level_se, 0.01 / (1 - chance))
    shared = np.abs(1 - ds.level) * chance_se / (1 - chance)
    np.testing.assert_allclose(ds.level_common_se, shared)


@given(st.floats(-5, 5), st.floats(0.1, 10))
@settings(max_examples=20)
def test_the_unit_of_a_loss_does_not_matter(shift: float, unit: float) -> None:
    rng = np.random.default_rng(2)
    loss = (2 - learned(4e-3) + 0.01 * rng.standard_normal(len(STEPS)))[None]
    one = with_levels(measured("loss", loss), Normalisation())
    two = with_levels(measured("loss", shift + unit * loss), Normalisation())
    np.testing.assert_allclose(one.level, two.level, atol=1e-9)
    np.testing.assert_allclose(one.level_common_se, two.level_common_se, atol=1e-9)


def test_a_floor_that_no_run_has_reached_is_known_to_be_a_guess() -> None:
    loss = 2 - np.stack([learned(2e-4), learned(4e-4)])
    ds = with_levels(measured("loss", loss), Normalisation())
    assert not ds.at_rest.any()
    assert float(ds.floor_se[0, 0]) > 0.05
    assert float(ds.floor[0, 0]) == pytest.approx(loss.min(), abs=0.01)


def test_a_curve_that_never_moves_has_no_level_of_its_own_making() -> None:
    loss = np.full((1, len(STEPS)), 2.0)
    ds = with_levels(measured("loss", loss), Normalisation())
    assert ds.level.isnull().all() and float(ds.signal[0, 0]) == 0
    given_ends = with_levels(measured("loss", loss), Normalisation(initial=2.5, floor=0.0))
    np.testing.assert_allclose(given_ends.level, 0.2)


def test_an_accuracy_at_chance_is_kept_and_known_by_its_signal() -> None:
    rng = np.random.default_rng(3)
    flat = 0.25 + 0.02 * rng.standard_normal((4, len(STEPS)))
    ds = with_levels(measured("accuracy", flat, 0.02), Normalisation())
    assert np.abs(ds.signal).max() < 3
    assert np.abs(ds.level).max() < 0.2
    risen = with_levels(measured("accuracy", flat + 0.5 * learned(5e-3), 0.02), Normalisation())
    assert risen.signal.min() > 10


def test_runs_recorded_late_begin_where_the_others_did() -> None:
    loss = np.stack([2 - learned(3e-3)] * 3)
    loss[2, :40] = np.nan
    ds = with_levels(measured("loss", loss), Normalisation())
    np.testing.assert_allclose(ds.initial[:, 0], 2.0, atol=0.05)
    np.testing.assert_allclose(ds.level[2, 40:, 0], ds.level[0, 40:, 0], atol=0.02)


def test_with_none_accuracies_are_levels_and_losses_have_none() -> None:
    accuracy = learned(3e-3)[None]
    np.testing.assert_array_equal(with_levels(measured("accuracy", accuracy), None).level[0, :, 0],
                                  accuracy[0])  # fmt: skip
    ds = with_levels(measured("loss", accuracy), None)
    assert "level" not in ds and ds.level_from.values.tolist() == [[""]]


def test_noise_is_found_beneath_a_trend() -> None:
    rng = np.random.default_rng(4)
    steps = np.unique(np.r_[0, np.geomspace(1, 1e5, 400).round()]).astype(float)
    values = 1 - np.exp(-steps / 1e3) + 0.03 * rng.standard_normal(len(steps))
    assert noise_of(steps, values, np.full(len(steps), np.nan)) == pytest.approx(0.03, rel=0.2)
    assert np.isnan(noise_of(steps[:4], values[:4], np.full(4, np.nan)))
    assert noise_of(steps, values, np.full(len(steps), 0.5)) == 0.5


def test_plateaus_of_exact_curves_are_exact() -> None:
    values = np.r_[np.zeros(10), np.linspace(0, 1, 30), np.ones(20)]
    steps, unknown = np.arange(60.0), np.full(60, np.nan)
    assert start_of(values, unknown, 0.0) == Estimate(0.0, 0.0)
    assert end_of(steps, values, unknown, 0.0) == End(1.0, 0.0, True)
    assert start_of(np.array([3.0]), np.array([0.1]), np.nan) == Estimate(3.0, 0.1)


def test_the_lowest_end_is_shared_by_those_that_agree_with_it() -> None:
    ends = [End(0.50, 0.01, True), End(0.52, 0.01, True), End(0.8, 0.01, True), End(0.1, 1, False)]
    assert lowest(ends).value == pytest.approx(0.51)
    assert not lowest(ends[-1:]).rests
    assert common([Estimate(1.0, np.nan)] * 3).se == 0.0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("flor = 1", "^n.toml: unknown key 'flor'.*did you mean 'floor'"),
        ("floor = 'low'", "^n.toml: floor: is 'low'; expected a finite number, or 'estimate'"),
        ("chance = 25", "^n.toml: chance: is 25; expected an accuracy, from 0 to 1"),
        ("scale = 'line'", "^n.toml: scale: is 'line'.*"),
        ("[chance]\n'b c' = true", '^n.toml: chance."b c": is True'),
        ("floor = ", "^n.toml: not valid TOML"),
    ],
)
def test_what_is_wrong_with_a_normalisation_is_named(
    text: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("n.toml").write_text(text, "utf-8")
    with pytest.raises(FileError, match=message):
        make_normalisation("n.toml")


def test_a_name_that_is_no_skill_is_refused() -> None:
    ds = measured("accuracy", learned(3e-3)[None])
    with pytest.raises(ArgumentError, match=r"chance\.b: no skill is named 'b'"):
        with_levels(ds, Normalisation(chance={"b": 0.1}))
    with pytest.raises(ArgumentError, match=r"no skill is named 'b\*'"):
        with_levels(ds, Normalisation(chance={"b*": 0.1}))
    assert Normalisation(chance={"b*": 0.1, "*": 0.2}).of("chance", "a") == 0.2
