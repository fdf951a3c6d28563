"""What became of the points of a sweep, where a number alone does not say it."""

from __future__ import annotations

import json

import numpy as np
import xarray as xr

__all__ = ["last_step", "never_told"]

TIMES = ("mastered_at", "all_mastered_at")


def never_told(ds: xr.Dataset, values: xr.DataArray) -> xr.DataArray:
    """Return `values` of a sweep with +inf for never, and NaN only for what is missing.

    A time that is NaN where the point is done was not reached within the run; where it failed or
    is still to be done, nothing is known.
    """
    found = values.astype(float)
    if values.name not in TIMES:
        return found
    never = np.isnan(found)
    if "status" in ds:
        never &= ds["status"] == "done"
    return found.where(~never, np.inf)


def last_step(ds: xr.Dataset) -> int | None:
    """Return the last step of the runs, if it is the same for all."""
    if "steps" in ds.coords or "scenario" not in ds.attrs:
        return None
    steps = json.loads(str(ds.attrs["scenario"])).get("steps")
    return steps if isinstance(steps, int) else None
