"""What is drawn at each place of a sweep: a median, and what became of its points."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from domino_sim.sweeps.outcome import last_step, never_told

__all__ = ["Medians", "medians"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Medians:
    """Medians over seeds and mixtures, and the lowest and highest that are finite.

    Attributes
    ----------
    middle
        +inf where half of them or more were never reached, NaN where there is none.
    never, failed, pending
        Where the median is +inf; where there is none, as points have failed, or are not done.
    never_words
        What +inf, or NaN of a point that is done, means.
    """

    middle: Floats
    low: Floats
    high: Floats
    never: NDArray[np.bool_]
    failed: NDArray[np.bool_]
    pending: NDArray[np.bool_]
    never_words: str

    @property
    def shown(self) -> Floats:
        """The medians that are numbers; NaN elsewhere."""
        return np.where(np.isfinite(self.middle), self.middle, np.nan)


def medians(
    ds: xr.Dataset, values: xr.DataArray, spread: Sequence[Hashable], order: Sequence[Hashable]
) -> Medians:
    """Return the medians of `values` over `spread`, with the other dimensions in `order`."""
    told = never_told(ds, values)
    table = np.sort(_front(told, spread, order), axis=0)  # NaN comes last, after inf
    count = (~np.isnan(table)).sum(axis=0)
    half = np.stack([np.maximum(count - 1, 0) // 2, np.minimum(count // 2, len(table) - 1)])
    middle = np.take_along_axis(table, half, axis=0).mean(axis=0)
    seen = np.where(np.isfinite(table), table, np.nan)
    none = np.isnan(middle)
    failed, pending = np.zeros_like(none), np.zeros_like(none)
    if "status" in ds:
        status = ds["status"].broadcast_like(values) if "skill" in values.dims else ds["status"]
        words = _front(status, spread, order)
        pending = none & (words == "pending").any(axis=0)
        failed = none & ~pending & (words == "failed").any(axis=0)
    return Medians(
        middle, np.fmin.reduce(seen, axis=0), np.fmax.reduce(seen, axis=0),
        np.isinf(middle) | (none & ~failed & ~pending), failed, pending,
        _words(ds, values, bool(spread)),
    )  # fmt: skip


def _front(values: xr.DataArray, spread: Sequence[Hashable], order: Sequence[Hashable]) -> Floats:
    table = values.transpose(*spread, *order).values
    return table.reshape(-1, *table.shape[len(spread) :])


def _words(ds: xr.Dataset, values: xr.DataArray, several: bool) -> str:
    if "mastered_at" not in str(values.name):
        return "no value"
    last = last_step(ds)
    told = "not within the run" if last is None else f"not within {last:,} steps"
    return f"half or more {told}" if several else told
