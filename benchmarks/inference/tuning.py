"""Settings and threshold of a baseline, chosen on worlds that nothing is reported of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.inference.baselines import Baseline, Floats
from benchmarks.inference.worlds import Edge, World

__all__ = ["TUNING_SEEDS", "Tuned", "edges_of", "tune"]

#: Seeds of the worlds that baselines are tuned on begin here.
TUNING_SEEDS = 10_000


@dataclass(frozen=True)
class Tuned:
    """The settings and the threshold with the highest pooled F1 on the tuning worlds."""

    settings: Mapping[str, Any]
    threshold: float
    f1: float

    def __str__(self) -> str:
        given = ", ".join(f"{key} {value}" for key, value in self.settings.items())
        return f"{given}; edges from {self.threshold:.3g}; F1 {self.f1:.2f} where it was tuned"


def tune(baseline: Baseline, worlds: Sequence[World], *, mixtures: bool = True) -> Tuned:
    """Choose the settings and threshold with the highest F1 of all `worlds`' edges together."""
    best: Tuned | None = None
    for settings in baseline.settings():
        scores, real = [], []
        total = 0
        for world in worlds:
            found = run_baseline(baseline, world, settings, mixtures=mixtures)
            total += len(world.identifiable)
            for a, i in _numbers(world).items():
                for b, j in _numbers(world).items():
                    if i != j and (a, b) not in world.unidentifiable:
                        scores.append(found[i, j])
                        real.append((a, b) in world.identifiable)
        threshold, f1 = _best_threshold(np.array(scores), np.array(real), total)
        if best is None or f1 > best.f1:
            best = Tuned(settings, threshold, f1)
    assert best is not None
    return best


def run_baseline(
    baseline: Baseline, world: World, settings: Mapping[str, Any], *, mixtures: bool = True
) -> Floats:
    """Return the scores (n, n) that a baseline gives a world's pairs."""
    return baseline.function(world.runs, world.frequencies if mixtures else None, **settings)


def edges_of(
    baseline: Baseline, world: World, tuned: Tuned, *, mixtures: bool = True
) -> dict[Edge, float]:
    """Return the edges found, each with probability 1: scores are no probabilities."""
    found = run_baseline(baseline, world, tuned.settings, mixtures=mixtures)
    names = world.names
    above = np.argwhere((found >= tuned.threshold) & (found > 0.0)).tolist()
    return {(names[i], names[j]): 1.0 for i, j in above if i != j}


def _numbers(world: World) -> dict[str, int]:
    return {name: i for i, name in enumerate(world.names)}


def _best_threshold(
    scores: Floats, real: np.ndarray[Any, np.dtype[np.bool_]], total: int
) -> tuple[float, float]:
    """Return the score from which edges should count, and the F1 that this gives."""
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    hits = np.cumsum(real[order])
    f1 = 2.0 * hits / (np.arange(1, len(hits) + 1) + total)
    # Only between different scores, and never among pairs that have none.
    last = np.append(ranked[1:] < ranked[:-1], True) & (ranked > 0.0)
    if not last.any():
        return np.inf, 0.0
    k = int(np.argmax(np.where(last, f1, -1.0)))
    below = ranked[k + 1] if k + 1 < len(ranked) else 0.0
    return float(0.5 * (ranked[k] + max(below, 0.0))), float(f1[k])
