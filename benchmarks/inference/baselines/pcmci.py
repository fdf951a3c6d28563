"""PCMCI+ of the package tigramite, where that is installed (it is no requirement)."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence

import numpy as np

from benchmarks.inference.baselines.common import Floats, Run, UnavailableError

__all__ = ["pcmci_plus"]


def pcmci_plus(
    runs: Sequence[Run],
    frequencies: Floats | None = None,
    *,
    lags: int = 3,
    every: int = 5,
    alpha: float = 0.01,
) -> Floats:
    """Return scores (n, n): the largest absolute test statistic of a directed link, over lags.

    Runge 2020 (arXiv 2003.03685), partial correlations, on increments of levels averaged over
    `every` records, runs as several data sets. Mixtures are not used.

    Raises
    ------
    UnavailableError
        Without tigramite.
    """
    try:
        from tigramite.data_processing import DataFrame  # type: ignore[import-not-found]
        from tigramite.independence_tests.parcorr import ParCorr  # type: ignore[import-not-found]
        from tigramite.pcmci import PCMCI  # type: ignore[import-not-found]
    except ImportError as error:
        raise UnavailableError(f"tigramite cannot be imported: {error}") from None
    steps = {}
    for r, (_, level) in enumerate(runs):
        count = len(level) // every
        mean = level[: count * every].reshape(count, every, -1).mean(axis=1)
        steps[r] = np.diff(mean, axis=0)
    n = steps[0].shape[1]
    with contextlib.redirect_stdout(io.StringIO()):
        frame = DataFrame(steps, analysis_mode="multiple")
        method = PCMCI(dataframe=frame, cond_ind_test=ParCorr(), verbosity=0)
        found = method.run_pcmciplus(tau_min=0, tau_max=lags, pc_alpha=alpha)
    directed = np.array(found["graph"]) == "-->"
    scores: Floats = np.where(directed, np.abs(found["val_matrix"]), 0.0).max(axis=2)
    scores = scores[:n, :n]
    np.fill_diagonal(scores, 0.0)
    return scores
