"""The figure of swept gradient runs: N₀ against what was varied (Fig. 7, bottom)."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from domino_sim.plot.figures import titled
from domino_sim.plot.style import GREY, colours, legend, short

__all__ = ["wasted_figure"]

_MARKERS = ("o", "s", "D")

#: Values that are written along an axis, at most.
MOST_TICKS = 7


def wasted_figure(table: xr.Dataset, title: str = "") -> Figure:
    """Return the figure of a sweep's table (`calibrate_gradient`): a panel for each key.

    Dots are fitted N₀ with their intervals, an arrow where one is open; dashed lines are N₀
    predicted without fitting, dotted ones what noise alone makes of it. Axes are logarithmic, with
    a value of 0 at the left edge.
    """
    keys = list(dict.fromkeys(table["key"].values.tolist()))
    figure = Figure(figsize=(max(5.2 * len(keys), 6.4), 4.6), layout="constrained")
    axes = figure.subplots(1, len(keys), squeeze=False, sharey=True)[0]
    low, high = _limits(table)
    for ax, key in zip(axes, keys, strict=True):
        part = table.isel(setting=np.flatnonzero(table["key"].values == key))
        _panel(ax, part, low, high)
        ax.set_xlabel(key)
        ax.set_yscale("log")
        ax.set_ylim(low, high)
    axes[0].set_ylabel("N₀")
    named: dict[str, Any] = {}
    for ax in axes:
        handles, labels = ax.get_legend_handles_labels()
        named |= dict(zip(labels, handles, strict=True))
    legend(
        axes[-1], list(named.values()), list(named), fontsize="small", frameon=False,
        loc="center left", bbox_to_anchor=(1.0, 0.5),
    )  # fmt: skip
    titled(figure, title)
    return figure


def _limits(table: xr.Dataset) -> tuple[float, float]:
    """Return the range of N₀ that is drawn: of all that is predicted, or fitted within limits."""
    closed = (table["low"].values > 0.0) & np.isfinite(table["high"].values)
    values = np.concatenate(
        [table["wasted"].values[closed], table["predicted_wasted"].values.ravel()]
    )
    shown = values[np.isfinite(values) & (values > 1e-5)]
    if not len(shown):
        return 1e-3, 1.0
    return float(shown.min()) / 4.0, float(shown.max()) * 4.0


def _panel(ax: Axes, part: xr.Dataset, low: float, high: float) -> None:
    place = _places(ax, part)
    order = np.argsort(place, kind="stable")
    laws = part["law"].values.tolist()
    for number, (law, colour) in enumerate(zip(laws, colours(len(laws)), strict=True)):
        of = part.sel(law=law)
        value = of["wasted"].values
        value = np.where((value > low) & (value < high), value, np.nan)
        ends = np.clip([of["low"].values, of["high"].values], low * 1.15, high / 1.15)
        unsure = ~np.isfinite(of["high"].values)
        none = of["low"].values <= 0.0
        marker = _MARKERS[number % len(_MARKERS)]
        # Laws side by side, so that neither hides the other.
        at = _beside(ax, place, number - (len(laws) - 1) / 2.0)
        ax.vlines(at, ends[0], ends[1], color=colour, linewidth=1.2)
        ax.plot(at, value, marker, color=colour, markersize=5, label=f"fitted, {law}")
        for open_end, edge, arrow in ((unsure, ends[1], "^"), (none, ends[0], "v")):
            ax.plot(at[open_end], edge[open_end], arrow, color=colour, markersize=5)
        predicted = of["predicted_wasted"].values[order]
        if np.isfinite(predicted).any():
            seen = np.where(predicted > low, predicted, np.nan)
            label = f"predicted, {law}"
            ax.plot(place[order], seen, "--", color=colour, linewidth=1.1, label=label)
    alone = part["formula_wasted"].values[order]
    if (alone > 0.0).any():
        seen = np.where(alone > low, alone, np.nan)
        ax.plot(place[order], seen, ":", color=GREY, linewidth=1.2, label="σ √n_dim / g₀")


def _places(ax: Axes, part: xr.Dataset) -> np.ndarray:
    """Return where the settings are along the axis, and prepare it."""
    values = part["value"].values
    if not np.isfinite(values).all() or (values < 0.0).any() or not (values > 0.0).any():
        place = np.arange(len(values), dtype=float)
        names = [str(label).partition(" = ")[2] for label in part["setting"].values]
        ax.set_xticks(place, [short(name, 16) for name in names])
        ax.set_xlim(-0.6, len(values) - 0.4)
        return place
    positive = values[values > 0.0]
    edge = positive.min() / 4.0
    place = np.where(values > 0.0, values, edge)
    ax.set_xscale("log")
    ax.set_xlim(place.min() / 1.6, place.max() * 1.6)
    written = np.array([], dtype=int)
    span = np.log(place.max() / place.min()) if place.max() > place.min() else 1.0
    for k in np.argsort(place, kind="stable"):
        # What would be written over its neighbour is left out.
        if not len(written) or np.log(place[k] / place[written[-1]]) > span / MOST_TICKS:
            written = np.append(written, k)
    ax.set_xticks(place[written], [f"{x:.4g}" for x in values[written]])
    ax.xaxis.set_minor_locator(NullLocator())
    return place


def _beside(ax: Axes, place: np.ndarray, number: float) -> np.ndarray:
    if ax.get_xscale() == "log":
        return place * 1.04**number
    return place + 0.06 * number
