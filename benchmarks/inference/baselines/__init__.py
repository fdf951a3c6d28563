"""Other ways to a graph: each gives every pair a score, and is tuned before it is compared.

A baseline is a function of the curves of all runs and of their mixtures (or None) that returns
scores (n, n) of prerequisite → dependent. Its settings and the score from which an edge counts are
chosen in :mod:`benchmarks.inference.tuning` on worlds of the same kind but other seeds: what is
reported is the best that can be had from a method, not its default.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from benchmarks.inference.baselines.common import Floats, Run, UnavailableError
from benchmarks.inference.baselines.correlation import lagged_correlation
from benchmarks.inference.baselines.dynotears import dynotears
from benchmarks.inference.baselines.knockouts import knock_out_contrasts
from benchmarks.inference.baselines.onset import sort_by_onset
from benchmarks.inference.baselines.pcmci import pcmci_plus
from benchmarks.inference.baselines.var_lasso import var_lasso

__all__ = ["BASELINES", "Baseline", "Floats", "Run", "UnavailableError"]


@dataclass(frozen=True)
class Baseline:
    """A method and the settings it may be given."""

    function: Callable[..., Floats]
    choices: Mapping[str, Sequence[Any]]

    def settings(self) -> list[dict[str, Any]]:
        """Return all combinations of settings."""
        return [
            dict(zip(self.choices, values, strict=True))
            for values in product(*self.choices.values())
        ]


BASELINES: dict[str, Baseline] = {
    "sort by onset": Baseline(
        sort_by_onset,
        {
            "begins": (0.05, 0.1, 0.2), "ends": (0.8, 0.9, 0.95), "slack": (0.0, 0.01, 0.03),
            "consistency": (1.0, 0.85),
        },
    ),
    "lagged correlation": Baseline(
        lagged_correlation,
        {"longest": (5, 20, 60), "width": (5, 15), "over_runs": ("mean", "max")},
    ),
    "VAR-lasso": Baseline(
        var_lasso,
        {
            "penalty": (0.01, 0.03, 0.1), "lags": (1, 3), "every": (3, 10),
            "levels": (False, True),
        },
    ),
    "PCMCI+": Baseline(pcmci_plus, {"lags": (1, 3), "every": (5, 15), "alpha": (0.01, 0.05)}),
    "DYNOTEARS": Baseline(
        dynotears,
        {"penalty": (0.02, 0.1), "lags": (1,), "every": (3, 10), "levels": (False, True)},
    ),
    "knock-out contrasts": Baseline(
        knock_out_contrasts,
        {
            "begins": (0.05, 0.1, 0.2), "ends": (0.8, 0.95), "slack": (0.01, 0.05), "most": (1, 3),
        },
    ),
}  # fmt: skip
