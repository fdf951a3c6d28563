"""Sweeps over two axes as a map, over three as several."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.colors import ListedColormap, LogNorm, Normalize
from matplotlib.figure import Figure

from domino_sim.plot.style import LIGHT, plain
from domino_sim.plot.sweep_axes import edges, label_axis, named, places, wide, written
from domino_sim.plot.sweep_lines import MOST_PANELS, note
from domino_sim.plot.sweep_medians import Medians, medians

__all__ = ["maps"]

#: Colours of cells without a number: never, failed, not done.
BLANK = {"never": LIGHT, "failed": "#d98880", "pending": "#ffffff"}


def maps(
    ds: xr.Dataset, values: xr.DataArray, axes: Sequence[str], spread: Sequence[Hashable],
    label: str,
) -> Figure:
    """Return a map over two `axes`, or one for each value of the first of three."""
    first = axes[0] if len(axes) == 3 else None
    y_axis, x_axis = axes[-2:]
    at = medians(ds, values, spread, axes)
    middle, blank = at.shown, _blank(at)
    if first is None:
        middle, blank = middle[None], blank[None]
    drawn = np.unique(np.linspace(0, len(middle) - 1, min(len(middle), MOST_PANELS)).astype(int))
    columns = min(len(drawn), 4)
    rows = math.ceil(len(drawn) / columns)
    size = (7.5, 5.5) if len(drawn) == 1 else (3.6 * columns + 1.2, 3.2 * rows + 0.4)
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False)
    norm = _norm(middle)
    (x, x_ticks), (y, y_ticks) = places(ds, x_axis), places(ds, y_axis)
    mesh: Any = None
    grey = ListedColormap(list(BLANK.values()))
    for ax, place in zip(panels.ravel(), drawn, strict=False):
        ax.pcolormesh(edges(x), edges(y), blank[place], cmap=grey, vmin=-0.5, vmax=2.5)
        mesh = ax.pcolormesh(edges(x), edges(y), middle[place], norm=norm, cmap="cividis")
        label_axis(ax, "x", ds, x_axis, x, x_ticks)
        label_axis(ax, "y", ds, y_axis, y, y_ticks)
        if first is not None:
            text = f"{named(first)} = {written(ds[first].values.tolist()[place])}"
            ax.set_title(text, fontsize="small", loc="left", parse_math=False)
    for ax in panels.ravel()[len(drawn) :]:
        ax.set_axis_off()
    bar = figure.colorbar(mesh, ax=panels, label=label)
    plain([bar.ax.yaxis.label])
    if first is None:
        note(panels[0, 0], _told(at))
    elif told := _told(at):
        figure.supxlabel("; ".join(told), fontsize="small")
    return figure


def _norm(middle: np.ndarray) -> Normalize:
    good = middle[np.isfinite(middle)]
    limits = (good.min(), good.max()) if len(good) else (0.0, 1.0)
    return LogNorm(*limits) if wide(good) else Normalize(*limits)


def _blank(at: Medians) -> np.ndarray:
    """Return the colour of the cells without a number, by its place in `BLANK`."""
    found = np.full(at.middle.shape, np.nan)
    for code, name in enumerate(BLANK):
        found[getattr(at, name)] = code
    return found


def _told(at: Medians) -> list[str]:
    words = (f"grey: {at.never_words}", "red: failed", "white: not done")
    return [text for name, text in zip(BLANK, words, strict=True) if getattr(at, name).any()]
