"""What a gradient run is expected to do, where that can be said without fitting anything."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from domino_sim.errors import ArgumentError
from domino_sim.gradient.modules import supports_of
from domino_sim.gradient.run import Run
from domino_sim.gradient.tables import Geometry
from domino_sim.meanfield import predict_gradient

__all__ = ["expected_levels"]


def expected_levels(run: Run) -> NDArray[np.float64] | None:
    """Return the predicted mean level (runs, recorded, skills); None for what is not predicted.

    Predicted are runs of the geometry model on orthogonal or random task vectors, without composed
    skills, under SGD, SignGD, Signum or Adam with a constant learning rate, in which nothing is
    changed on the way (``docs/theory.md``, "Mean field of gradient runs"). Modules are predicted
    one by one, where batches are not sampled.

    Examples
    --------
    >>> run = Run.from_dict({"steps": 9, "model": {"kind": "geometry", "n_dim": 50},
    ...     "optimizer": {"name": "sgd", "lr": 0.5}, "skills": {"A": {}}, "seeds": 2})
    >>> levels = expected_levels(run)
    >>> levels.shape, float(levels[0, 2, 0])
    ((2, 10, 1), 0.75)
    """
    if not _predictable(run):
        return None
    optimizer, model, members = run.optimizer, run.model, run.members()
    assert isinstance(model, Geometry)
    name: Any = optimizer.name  # one that is predicted: `_predictable` has seen to it
    betas: Any = optimizer.betas or (optimizer.momentum or 0.0, 0.0)
    steps = run.record_steps()
    found: dict[str, NDArray[np.float64]] = {}
    for member in members:
        if member.mixture in found:
            continue
        levels = np.empty((len(steps), len(run.names)))
        for skills, (first, end) in supports_of(run):
            try:
                predicted = predict_gradient(
                    frequencies=member.frequencies[list(skills)], n_dim=end - first,
                    lr=optimizer.lr, steps=run.steps, optimizer=name, betas=betas,
                    noise=run.noise, batch_size=run.batch_size, loss=run.loss, g0=model.g0,
                )  # fmt: skip
            except ArgumentError:  # SGD would diverge, or the steps do not fit the memory
                return None
            levels[:, list(skills)] = predicted["level"].values[steps]
        found[member.mixture] = levels
    return np.array([found[member.mixture] for member in members])


def _predictable(run: Run) -> bool:
    optimizer, schedule = run.optimizer, run.optimizer.schedule
    if not isinstance(run.model, Geometry) or run.model.vectors not in ("orthogonal", "random"):
        return False
    if optimizer.name not in ("sgd", "signgd", "signum", "adam"):
        return False
    if optimizer.name == "sgd" and optimizer.momentum:
        return False
    if run.sampling == "balanced" or (run.model.modules and run.batch_size is not None):
        return False
    changed = run.interventions or schedule.kind != "constant" or schedule.warmup
    composed = any(run.skill_graph().pred.values())
    trained = np.array([member.frequencies for member in run.members()]) > 0.0
    crowded = any(
        trained[:, list(support.skills)].sum(axis=1).max() > support.n_dim
        for support in supports_of(run)
    )
    return not (changed or composed or crowded)
