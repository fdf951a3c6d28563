"""Noise of curves as they come: counted, rounded, uneven, clipped, smoothed, given."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import xarray as xr
from inferred import edges, simulated

from domino_sim.inference.clipping import unclip
from domino_sim.inference.looking import Way, looked
from domino_sim.inference.noise import estimate_noise
from domino_sim.inference.procedure import infer
from domino_sim.inference.records import Records, make_nodes
from domino_sim.inference.study import make_study
from domino_sim.levels import Floats

CHAIN = {"A": "", "B": "A", "C": "B", "D": "", "E": "D"}
WANTED = {("A", "B"), ("B", "C"), ("D", "E")}
MIXTURES = [[0.4, 0.1, 0.2, 0.1, 0.2], [0.1, 0.3, 0.1, 0.2, 0.3], [0.2, 0.2, 0.3, 0.2, 0.1]]

CLEAN = simulated(CHAIN, MIXTURES, steps=[np.arange(0, 5001, 50)] * 3, noise=0.0)
LEVEL: Floats = np.clip(CLEAN.level.values, 0.0, 1.0)
KNOWN = np.ones(LEVEL.shape, dtype=bool)


def wandering(part: float, shape: tuple[int, ...] = LEVEL.shape, seed: int = 5) -> Floats:
    noise = np.random.default_rng(seed).normal(size=shape)
    for k in range(1, shape[1]):
        noise[:, k] = part * noise[:, k - 1] + np.sqrt(1.0 - part**2) * noise[:, k]
    return noise


def levels_of(kind: str) -> Floats:
    rng = np.random.default_rng(5)
    noise = rng.normal(size=LEVEL.shape)
    if kind == "counted":
        return rng.binomial(100, LEVEL) / 100.0
    if kind == "rounded":
        return np.round(LEVEL + 0.003 * noise, 1)
    if kind == "growing":
        return LEVEL + (0.002 + 0.04 * LEVEL) * noise
    if kind == "clipped":
        return np.clip(LEVEL + 0.03 * noise, 0.0, 1.0)
    if kind == "wandering":
        return LEVEL + 0.02 * wandering(0.8)
    return LEVEL + 0.01 * noise


def curves_of(kind: str) -> xr.Dataset:
    return CLEAN.assign(level=(CLEAN.level.dims, levels_of(kind)))


@pytest.mark.parametrize("kind", ["counted", "growing", "clipped", "wandering"])
def test_curves_of_odd_noise_are_explained(kind: str) -> None:
    found = infer(curves_of(kind))
    assert edges(found) == WANTED
    assert found.report["scale"] < 1.2 and found.report["model"]["kind"] == "gates"
    told = " ".join(found.report["remarks"])
    assert ("clipped at 0 and at 1" in told) == (kind == "clipped")
    assert ("wander together" in told) == (kind == "wandering")
    most = max(p for *_, p in found.graph.edges(data="probability"))
    assert most <= 0.89 if kind == "wandering" else most > 0.9


def test_even_noise_is_that_of_second_differences() -> None:
    study = make_study(curves_of("even"), None)
    plain = make_study(curves_of("even"), None, even=True)
    assert study.plain and not study.uneven and study.sigma == plain.sigma
    np.testing.assert_array_equal(study.records.weight, plain.records.weight)


def test_noise_of_counting_is_less_at_both_ends() -> None:
    error = estimate_noise(levels_of("counted"), KNOWN).error
    true = np.sqrt(LEVEL * (1.0 - LEVEL) / 100.0)
    half = true > 0.04
    np.testing.assert_allclose(error[half].mean(), true[half].mean(), rtol=0.3)
    assert error[true < 1e-3].mean() < 0.01


def test_what_is_rounded_is_known_no_better_than_half_a_step() -> None:
    noise = estimate_noise(levels_of("rounded"), KNOWN)
    assert noise.error.min() >= 0.049 and not noise.plain


def test_what_falls_or_moves_by_itself_is_no_noise() -> None:
    rng = np.random.default_rng(0)
    rise = np.r_[np.linspace(0.0, 1.0, 40), np.ones(160)][None, :, None] + np.zeros((2, 1, 3))
    fall = rise.copy()
    fall[:, 100:] = 0.0
    wave = rise + 0.05 * np.sin(np.arange(200) / 8.0)[:, None] * (rise == 1.0)
    for curve, scatter in ((fall, 0.01), (wave, 0.01), (wave, 0.0)):
        level = curve + scatter * rng.normal(size=curve.shape)
        noise = estimate_noise(level, np.ones(level.shape, bool))
        assert not noise.correlation and not noise.uneven and noise.sigma < 0.012


def test_records_that_wander_together_count_for_fewer() -> None:
    shape = (4, 400, 3)
    assert not estimate_noise(0.02 * wandering(0.0, shape), np.ones(shape, bool)).correlation
    noise = estimate_noise(0.02 * wandering(0.8, shape), np.ones(shape, bool))
    assert 0.7 < noise.correlation < 0.85
    # The variance of the mean of many is (1 + 0.8) / (1 - 0.8) = 9 times that of a record alone.
    assert 0.04 < noise.sigma < 0.08 and 5.0 < noise.alike < 12.0


def test_what_was_clipped_is_put_where_it_is_expected() -> None:
    level = levels_of("clipped")
    found = unclip(level, KNOWN)
    assert found is not None and found.bounds == (0.0, 1.0) and 0.025 < found.sigma < 0.036
    for end in (LEVEL < 0.01, LEVEL > 0.99):
        before, after = ((one - LEVEL)[end].mean() for one in (level, found.level))
        assert abs(before) > 0.009 and abs(after) < 0.003
    inside = (level > 0.0) & (level < 1.0)
    np.testing.assert_array_equal(found.level[inside], level[inside])


@pytest.mark.parametrize("kind", ["counted", "rounded", "even"])
def test_what_is_at_the_ends_by_itself_is_not_clipped(kind: str) -> None:
    assert unclip(levels_of(kind), KNOWN) is None


def test_standard_errors_count_for_their_records() -> None:
    error = np.where(np.arange(3)[:, None, None] == 0, 0.1, 0.01) + 0.0 * LEVEL
    noisy = LEVEL + error * np.random.default_rng(5).normal(size=LEVEL.shape)
    given = CLEAN.assign(level=(CLEAN.level.dims, noisy), level_se=(CLEAN.level.dims, error))
    np.testing.assert_allclose(make_study(given, None).records.weight, error**-2.0, rtol=0.3)
    # Errors that are far too small are not believed.
    assert estimate_noise(noisy, KNOWN, error * 0.01).sigma > 0.02


def test_nodes_of_uneven_noise_are_means_of_records() -> None:
    rng = np.random.default_rng(3)
    level = np.sort(rng.random((1, 60, 2)), axis=1)
    weight = rng.uniform(1.0, 100.0, level.shape)
    nodes = make_nodes(Records(level, weight), 1)
    np.testing.assert_allclose(nodes.level[:, 0], level.mean(axis=1))
    np.testing.assert_allclose(nodes.weight[:, 0], 60**2 / (1.0 / weight).sum(axis=1))


NETWORK = SimpleNamespace(kind="power", misfit=1.0)


def ended(scale: float, *, uneven: bool = True, lost: bool = False, grown: Any = None) -> Any:
    """A search that came to a graph with so much χ² a value."""
    best = SimpleNamespace(error=100.0 * scale, records=SimpleNamespace(values=100))
    study = SimpleNamespace(uneven=uneven)
    return SimpleNamespace(study=study, best=best, grown=grown, lost=lost, stopped=False)


NETWORKS = ended(1.0, grown=NETWORK)


@pytest.mark.parametrize(
    ("searches", "chosen"),
    [
        ({Way.DIRECT: ended(9.0, uneven=False)}, Way.DIRECT),
        ({Way.DIRECT: ended(1.0)}, Way.DIRECT),
        ({Way.DIRECT: ended(9.0), Way.EVEN: ended(9.0, grown=NETWORK)}, Way.EVEN),
        ({Way.DIRECT: ended(1.0, lost=True), Way.EVEN: ended(1.0)}, Way.EVEN),
        (dict(zip(Way, (ended(9.0), ended(9.0), ended(1.0, lost=True)), strict=True)), Way.WHOLE),
        (dict(zip(Way, (ended(9.0), ended(9.0), ended(9.0)), strict=True)), Way.EVEN),
        (dict(zip(Way, (ended(9.0), ended(9.0), NETWORKS), strict=True)), Way.EVEN),
    ],
)
def test_uneven_noise_is_taken_where_gates_explain_the_curves(
    searches: dict[Way, Any], chosen: Way
) -> None:
    assert looked(searches.__getitem__) is searches[chosen]


def test_second_differences_of_few_records_are_no_noise() -> None:
    few = LEVEL[:, ::20] + 0.01 * np.random.default_rng(3).normal(size=LEVEL[:, ::20].shape)
    known = np.ones(few.shape, dtype=bool)
    for even in (False, True):
        assert 0.005 < estimate_noise(few, known, even=even).sigma < 0.02
