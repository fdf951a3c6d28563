"""The loop: a device that is asked seldom ends with what one that is asked at every step says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from domino_sim.gradient import loop
from domino_sim.gradient.geometry import GeometryRuns
from domino_sim.gradient.training import train


def growing(**keys: Any) -> dict[str, Any]:
    """Return runs of which some diverge slowly, each at a step of its own, and one does not."""
    return {
        "steps": 400,
        "model": {"kind": "geometry", "n_dim": 20},
        "optimizer": {"name": "sgd", "lr": 1.0},
        "skills": {"A": {}, "B": {"frequency": 0.5}},
        "mixtures": {"calm": {"A": 0.3}, "slow": {"A": 2.1}, "fast": {"A": 2.6}},
        **keys,
    }


@pytest.mark.parametrize("record", [{"steps": [0, 390, 400]}, {"every": 10}, {"steps": [5]}])
def test_a_lagging_device_tells_the_same_steps(
    record: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once = train(growing(record=record))
    monkeypatch.setattr(loop, "ASKED_AT_ONCE", ())
    lagging = train(growing(record=record))
    assert np.isnan(at_once.diverged_at.values).tolist() == [True, False, False]
    np.testing.assert_array_equal(lagging.diverged_at.values, at_once.diverged_at.values)
    np.testing.assert_array_equal(lagging.level.values, at_once.level.values)


def test_a_lagging_device_ends_soon_when_all_have_diverged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "ASKED_AT_ONCE", ())
    steps = 0
    gradient = GeometryRuns.gradient

    def counted(runs: GeometryRuns) -> torch.Tensor:
        nonlocal steps
        steps += 1
        return gradient(runs)

    monkeypatch.setattr(GeometryRuns, "gradient", counted)
    wild = growing(mixtures={"wild": {"A": 1e3}}, steps=10**6, record={"steps": [10**6]})
    assert np.isfinite(train(wild).diverged_at.values).all()
    assert steps <= 2 * loop.WATCH_EVERY
