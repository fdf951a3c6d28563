"""What levels say before any model: where they rest, and how sure they are given to be."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from inferred import simulated

from domino_sim import infer
from domino_sim.errors import ArgumentError
from domino_sim.inference.study import make_study

NOISE, STEPS = 0.01, [np.arange(0, 8001, 80)] * 2


def curves_of(scale: float = 1.0) -> xr.Dataset:
    mixtures = [[0.5, 0.2, 0.3], [0.2, 0.5, 0.3]]
    curves = simulated({"A": "", "B": "", "C": "A and B"}, mixtures, steps=STEPS)
    rng = np.random.default_rng(5)
    return curves.assign(level=scale * curves.level + NOISE * rng.normal(size=curves.level.shape))


def test_noise_is_no_less_than_the_standard_errors_that_are_given() -> None:
    curves = curves_of()
    bare = make_study(curves, None).sigma
    for error, used in ((0.05, 0.05), (1e-4, bare)):
        given = curves.assign(level_se=(curves.level.dims, np.full(curves.level.shape, error)))
        assert make_study(given, None).sigma == pytest.approx(used)
    none = curves.assign(level_se=(curves.level.dims, np.full(curves.level.shape, np.nan)))
    assert make_study(none, None).sigma == bare


def test_curves_that_rest_below_1_are_named() -> None:
    (told,) = [one for one in make_study(curves_of(0.9), None).remarks if "ceiling" in one]
    assert "rest below 1 (the highest at 0.9" in told and "--normalise" in told
    assert not any("ceiling" in one for one in make_study(curves_of(), None).remarks)


def test_curves_that_only_fall_are_refused_without_a_warning() -> None:
    curves = curves_of()
    with pytest.raises(ArgumentError, match="no skill can be used"):
        infer(curves.assign(level=1.0 - curves.level))
