"""The time until all of many skills are learned, of gradient runs and of the prediction."""

from __future__ import annotations

from typing import Any

import numpy as np

from domino_sim import predict_gradient
from domino_sim.meanfield.passage import step_of_passage
from validation.gradient_run import gradient_run, power

__all__ = ["passage_table"]


def passage_table(seeds: int = 40) -> str:
    """Return when all of 64 skills are above 0.9: runs, and predictions."""
    rows = []
    for lr, steps, count in ((1e-4, 25_000, seeds), (2e-5, 20_000, seeds // 5)):
        arguments: dict[str, Any] = {
            "frequencies": power(64, 2.0), "n_dim": 2000, "lr": lr, "steps": steps
        }
        predicted = predict_gradient(**arguments)
        for kind, error in (("orthonormal", "error"), ("random", "error_random")):
            passed, total = [], np.zeros((steps + 1, 64))
            for seed in range(count):
                level = gradient_run(seed=seed, kind=kind, **arguments)
                total += level
                above = level > 0.9
                every = above.any(axis=0).all()
                passed.append(float(above.argmax(axis=0).max()) if every else np.inf)
            quartiles = "/".join(
                f"{np.quantile(passed, q, method='inverted_cdf'):.0f}" for q in (0.25, 0.5)
            )
            own = "/".join(
                f"{step_of_passage(predicted, 0.9, part=q, error=error):.0f}" for q in (0.25, 0.5)
            )
            of_mean = [
                int((x > 0.9).argmax(axis=0).max())
                for x in (total / count, predicted["level"].values)
            ]
            never = np.isinf(passed).mean()
            rows.append(
                f"| lr {lr:g}, {kind} | {quartiles} | {own} | {never:.0%} "
                f"| {of_mean[0]} | {of_mean[1]} |"
            )
    head = (
        "| 64 skills, p ∝ i^−2, n_dim 2000 | first quarter / half of the runs | predicted "
        "| runs that never do | mean of the runs | predicted mean |"
    )
    return "\n".join([head, "|---" * 6 + "|", *rows, ""])
