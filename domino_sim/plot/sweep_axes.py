"""The axes of figures of sweeps: where values stand, how they are scaled and called."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from domino_sim.plot.style import plain, short

__all__ = ["arranged", "axis_scale", "edges", "label_axis", "named", "places", "wide", "written"]

#: An axis whose numbers span more than this factor is drawn on a log scale; from `SOME` on, if
#: they stand more evenly there.
WIDE, SOME = 20.0, 8.0

SYMBOLS = {"pool.wasted": "N₀", "pool.rate": "η"}


def arranged(ds: xr.Dataset) -> xr.Dataset:
    """Return a sweep with the numbers of each axis rising, whatever the order they were given in.

    Axes of one value are no axes of a figure, unless there is no other. Zipped axes whose first key
    has a number twice are left as they are.
    """
    axes = [str(dim) for dim in ds["all_mastered_at"].dims]
    single = [dim for dim in axes if ds.sizes[dim] == 1]
    ds = ds.isel(dict.fromkeys(single[:-1] if single == axes else single, 0))
    for dim in ds.dims:
        if dim in ds.coords and dim not in ("skill", "sample") and _rising_once(ds[dim].values):
            ds = ds.sortby(dim)
    return ds


def _rising_once(values: np.ndarray) -> bool:
    return values.dtype.kind in "iuf" and len(np.unique(values)) == len(values)


def wide(values: np.ndarray) -> bool:
    """Whether numbers stand better on a log scale."""
    good = np.unique(values[np.isfinite(values)])
    if len(good) < 2 or good[0] <= 0 or good[-1] < SOME * good[0]:
        return False
    if good[-1] > WIDE * good[0]:
        return True
    linear, log = np.diff(good), np.diff(np.log(good))
    return bool(log.std() / log.mean() <= linear.std() / linear.mean())


def axis_scale(ax: Axes, which: str, values: np.ndarray) -> None:
    """Draw an axis on a log scale where its numbers span much."""
    if wide(values):
        getattr(ax, f"set_{which}scale")("log")


def places(ds: xr.Dataset, axis: str) -> tuple[np.ndarray, list[str] | None]:
    """Return where the values of an axis stand: at their numbers, or in a row with names.

    Names of drawn points are each in one place; `label_axis` is given one name a place.
    """
    values = ds[axis].values
    drawn = ds[axis].dims == ("sample",)
    if values.dtype.kind in "iuf" and (drawn or _rising_once(values)):
        return values.astype(float), None
    if drawn:
        names = list(dict.fromkeys(values.tolist()))
        where = {name: float(i) for i, name in enumerate(names)}
        return np.array([where[v] for v in values.tolist()]), [short(written(v), 20) for v in names]
    together = [ds[key].values.tolist() for key in (axis, *_together(ds, axis))]
    texts = [", ".join(map(written, some)) for some in zip(*together, strict=True)]
    return np.arange(float(len(values))), [short(text, 20) for text in texts]


def label_axis(
    ax: Axes, which: str, ds: xr.Dataset, axis: str, values: np.ndarray, ticks: list[str] | None
) -> None:
    """Write the name of an axis, its scale, and the names of its places."""
    text = named(axis)
    if together := _together(ds, axis):
        text += f" ({'with ' if ticks is None else 'and '}{', '.join(together)})"
    getattr(ax, f"set_{which}label")(short(text, 60), parse_math=False)
    if ticks is None:
        axis_scale(ax, which, values)
        return
    getattr(ax, f"set_{which}ticks")(np.arange(float(len(ticks))), ticks)
    plain(getattr(ax, f"get_{which}ticklabels")())


def named(key: str) -> str:
    """Return how a key is called on an axis: with its symbol in the paper, if it has one."""
    return f"{SYMBOLS[key]} ({key})" if key in SYMBOLS else key


def _together(ds: xr.Dataset, axis: str) -> list[str]:
    """Return the keys that are zipped with an axis."""
    return [str(n) for n, c in ds.coords.items() if c.dims == (axis,) and n != axis]


def edges(values: np.ndarray) -> np.ndarray:
    """Return the borders of cells about rising values, evenly also in the logarithm."""
    if len(values) == 1:
        return np.array([values[0] - 0.5, values[0] + 0.5])
    scaled = np.log(values) if wide(values) else values
    inner = (scaled[1:] + scaled[:-1]) / 2
    ends = (2 * scaled[0] - inner[0], *inner, 2 * scaled[-1] - inner[-1])
    return np.exp(ends) if wide(values) else np.array(ends)


def written(value: Any) -> str:
    """Return a value of an axis as a text: a number short, a text or a truth value as it is."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
