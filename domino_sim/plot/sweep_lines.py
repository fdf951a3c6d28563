"""Sweeps over one axis as lines, and drawn points as dots."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from domino_sim.plot.style import GREY, colours, legend, short
from domino_sim.plot.sweep_axes import axis_scale, label_axis, places
from domino_sim.plot.sweep_medians import Medians, medians

__all__ = ["MOST_PANELS", "dots", "lines"]

MOST_PANELS = 12


def lines(
    ds: xr.Dataset, values: xr.DataArray, axis: str, spread: Sequence[Hashable], label: str
) -> Figure:
    """Return lines over an axis, one a skill if `values` has skills; bands over `spread`."""
    figure = Figure(figsize=(8, 5), layout="constrained")
    ax = figure.subplots()
    x, ticks = places(ds, axis)
    several = "skill" in values.dims
    names = ds["skill"].values.tolist() if several else [""]
    handles, found = [], []
    for i, colour in enumerate(colours(len(names))):
        at = medians(ds, values.isel(skill=i) if several else values, spread, [axis])
        handles += ax.plot(x, at.shown, color=colour, marker="o", markersize=3)
        if (at.high > at.low).any():
            ax.fill_between(x, at.low, at.high, color=colour, alpha=0.2, linewidth=0)
        mark(ax, x, at, colour)
        found.append(at)
    label_axis(ax, "x", ds, axis, x, ticks)
    ax.set_ylabel(label, parse_math=False)
    axis_scale(ax, "y", np.concatenate([at.shown for at in found]))
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    if several:
        legend(
            ax, handles, [short(str(n), 24) for n in names], frameon=False, fontsize="small",
            loc="center left", bbox_to_anchor=(1.0, 0.5),
        )  # fmt: skip
    note(ax, [*_spread_told(ds, spread, found), *marks_told(found)])
    return figure


def mark(ax: Axes, x: np.ndarray, at: Medians, colour: np.ndarray) -> None:
    """Mark at the upper edge where a time was not reached, at the lower one where points failed."""
    high, low = np.full(len(x), 0.985), np.full(len(x), 0.015)
    edge: dict[str, Any] = {"clip_on": False, "markersize": 5}
    edge["transform"] = ax.get_xaxis_transform()
    if at.never.any():
        where = at.never
        ax.plot(x[where], high[where], "^", color=colour, markerfacecolor="none", **edge)
    if at.failed.any():
        ax.plot(x[at.failed], low[at.failed], "x", color=colour, **edge)


def marks_told(found: Sequence[Medians]) -> list[str]:
    """Return what the marks mean, of those that are there."""
    told = []
    if any(at.never.any() for at in found):
        told.append(f"△ {found[0].never_words}")
    if any(at.failed.any() for at in found):
        told.append("× failed")
    if any(at.pending.any() for at in found):
        told.append("some points are not done")
    return told


def note(ax: Axes, told: Sequence[str]) -> None:
    """Write remarks over the right end of a panel."""
    if told:
        ax.set_title("; ".join(told), loc="right", fontsize="small", color=GREY)


def _spread_told(
    ds: xr.Dataset, spread: Sequence[Hashable], found: Sequence[Medians]
) -> list[str]:
    if not spread:
        return []
    count = int(np.prod([ds.sizes[d] for d in spread]))
    what = " and ".join(f"{d}s" for d in spread)
    if not any((at.high > at.low).any() for at in found):
        return [f"{count} {what}, all alike"]
    return [f"median of {count} {what}; band: lowest to highest"]


def dots(ds: xr.Dataset, values: xr.DataArray, label: str) -> Figure:
    """Return drawn points as dots, a panel a key."""
    keys = [str(n) for n, c in ds.coords.items() if c.dims == ("sample",) and n != "sample"]
    keys = keys[:MOST_PANELS]
    columns = min(len(keys), 3)
    rows = math.ceil(len(keys) / columns)
    size = (max(4.2 * columns, 7.0), 3.6 * rows + 0.6)
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False, sharey=True)
    spread = [d for d in values.dims if d != "sample"]
    at = medians(ds, values, spread, ["sample"])
    colour = colours(1)[0]
    for number, (ax, key) in enumerate(zip(panels.ravel(), keys, strict=False)):
        x, ticks = places(ds, key)
        ax.plot(x, at.shown, ".", color=colour, markersize=4, alpha=0.6)
        mark(ax, x, at, colour)
        label_axis(ax, "x", ds, key, x, ticks)
        axis_scale(ax, "y", at.shown)
        if number % columns == 0:
            ax.set_ylabel(label, parse_math=False)
    for ax in panels.ravel()[len(keys) :]:
        ax.set_axis_off()
    told = marks_told([at])
    if told and at.never.any():
        told[0] += f": {int(at.never.sum()):,} of {len(at.middle):,}"
    note(panels[0, columns - 1], told)
    return figure
