"""The figure of gradient runs: levels by mixture, and when each run mastered what."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from domino_sim.curves import mastered_at
from domino_sim.errors import one_line
from domino_sim.plot.curves import MAX_NAMES, NAME_WIDTH, skill_rows
from domino_sim.plot.figures import MARKERS, MAX_PANELS, titled
from domino_sim.plot.style import FEW, GREY, colours, evenly, legend, short, step_axis

__all__ = ["training_figure"]

#: Lines that can be seen apart; of more skills, a selection evenly over the order is drawn.
MAX_LINES = 200

#: Levels beyond these are cut off: composed skills go to −1, exploding runs anywhere.
LOWEST, HIGHEST = -1.2, 1.6


def training_figure(curves: xr.Dataset) -> Figure:
    """Return the figure of what `train` gave: a panel for each mixture, and one for the times.

    Lines are medians over the runs of a mixture, bands go from the lowest to the highest run;
    dotted lines are levels predicted without fitting, if the curves have them. Skills are coloured
    in the order of their median mastery in the first mixture.
    """
    mastery = float(curves.attrs["mastery"])
    at = mastered_at(curves, mastery).values
    at[np.isfinite(curves["diverged_at"].values)] = np.nan
    mixtures = list(dict.fromkeys(curves["mixture"].values.tolist()))
    order = _order(curves, at, curves["mixture"].values == mixtures[0])
    palette = np.empty((len(order), 4))
    palette[order] = colours(len(order))
    shown = mixtures[:MAX_PANELS]
    panels = len(shown) + 1
    # Up to four in a row; of more, three or four, whichever leaves less room empty.
    columns = panels if panels <= 4 else min((4, 3), key=lambda width: -panels % width)
    rows = math.ceil(panels / columns)
    figure = Figure(figsize=(5.2 * columns, max(3.6 * rows, 4.4)), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax, mixture in zip(axes, shown, strict=False):
        _levels(ax, curves, mixture, order, palette)
        count = int((curves["mixture"].values == mixture).sum())
        name = f"{short(one_line(mixture), 40)}, " if mixture else ""
        title = f"{name}{count} run{'' if count == 1 else 's'}"
        ax.set_title(title, loc="left", fontsize="medium", parse_math=False)
        ax.axhline(mastery, color=GREY, linewidth=0.7, linestyle=":", zorder=0)
    low = min(ax.get_ylim()[0] for ax in axes[: len(shown)])
    high = max(ax.get_ylim()[1] for ax in axes[: len(shown)])
    for ax in axes[: len(shown)]:
        ax.set_ylim(low, high)
    _legend(axes[0], curves, order, palette)
    _times(axes[len(shown)], curves, at, order, palette, mixtures)
    for ax in axes[len(shown) + 1 :]:
        ax.set_axis_off()
    title = str(curves.attrs.get("title", ""))
    if len(order) > FEW:
        title += f"{': ' if title else ''}{len(order):,} skills, dark to light in order of mastery"
    titled(figure, title)
    return figure


def _order(curves: xr.Dataset, at: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the skills in the order of their median mastery in some of the runs; never is last."""
    never = np.nanmax(curves["step"].values) * 2.0
    middle = np.median(np.nan_to_num(at[rows], nan=never), axis=0)
    final = np.nan_to_num(curves["level"].values[rows, -1]).mean(axis=0)
    return np.lexsort((-final, middle))


def _levels(
    ax: Axes, curves: xr.Dataset, mixture: str, order: np.ndarray, palette: np.ndarray
) -> None:
    rows = curves["mixture"].values == mixture
    predicted = curves["predicted"].values[rows][0] if "predicted" in curves else None
    level = curves["level"].values[rows]
    level = level[~np.isnan(level).all(axis=(1, 2))]
    steps = curves["step"].values.astype(float)
    for skill in order[evenly(np.arange(len(order)), MAX_LINES)]:
        values = level[:, :, skill]
        known = ~np.isnan(values).all(axis=0)
        if not known.any():
            continue
        values, colour = values[:, known], palette[skill]
        ax.plot(steps[known], np.nanmedian(values, axis=0), color=colour, linewidth=1.4)
        if len(values) > 1:
            low, high = np.nanmin(values, axis=0), np.nanmax(values, axis=0)
            ax.fill_between(steps[known], low, high, color=colour, alpha=0.18, linewidth=0)
    if predicted is not None:
        for skill in order[evenly(np.arange(len(order)), FEW)]:
            ax.plot(steps, predicted[:, skill], color="black", linewidth=0.8, linestyle=":")
    step_axis(ax, steps[-1])
    finite = level[np.isfinite(level)]
    low, high = (finite.min(), finite.max()) if len(finite) else (0.0, 1.0)
    ax.set_ylim(max(min(low - 0.03, -0.02), LOWEST), min(max(high + 0.04, 1.04), HIGHEST))
    ax.set_ylabel("level")


def _legend(ax: Axes, curves: xr.Dataset, order: np.ndarray, palette: np.ndarray) -> None:
    handles, labels = [], []
    if len(order) <= FEW:
        handles = [Line2D([], [], color=palette[skill]) for skill in order]
        labels = [short(str(curves["skill"].values[skill]), NAME_WIDTH) for skill in order]
    if "predicted" in curves:
        handles.append(Line2D([], [], color="black", linewidth=0.8, linestyle=":"))
        labels.append("predicted")
    if handles:
        legend(ax, handles, labels, fontsize="x-small", frameon=False, loc="center right")


def _times(
    ax: Axes,
    curves: xr.Dataset,
    at: np.ndarray,
    order: np.ndarray,
    palette: np.ndarray,
    mixtures: list[str],
) -> None:
    """Draw when each run mastered each skill, a mixture with a marker of its own."""
    last = float(curves["step"].values[-1])
    size = 18 if len(order) <= MAX_NAMES else 4
    never = False
    for number, mixture in enumerate(mixtures):
        of = at[curves["mixture"].values == mixture]
        marker = MARKERS[number % len(MARKERS)]
        for row, skill in enumerate(order):
            done = np.isfinite(of[:, skill])
            style: dict[str, Any] = {"s": size, "edgecolors": [palette[skill]], "marker": marker}
            here = (of[done, skill], np.full(done.sum(), row))
            ax.scatter(*here, facecolors=[palette[skill]], alpha=0.6, **style)
            if not done.all():
                never = True
                ax.scatter([last * 1.05], [row], facecolors="none", **style)
    step_axis(ax, last)
    if never:
        ax.set_xlim(0, last * 1.1)
    ax.set_xlabel("step at which mastered")
    ax.set_ylim(len(order) - 0.4, -0.6)
    skill_rows(ax, curves["skill"].values[order])
    ax.set_title("all runs", fontsize="medium", loc="left")
    if never:
        ax.set_title("hollow: some runs never did", fontsize="small", color=GREY, loc="right")
    if 1 < len(mixtures) <= len(MARKERS):
        handles = [
            Line2D([], [], color=GREY, marker=marker, linestyle="", markersize=4)
            for marker in MARKERS[: len(mixtures)]
        ]
        labels = [short(one_line(mixture), 30) for mixture in mixtures]
        legend(
            ax, handles, labels, fontsize="x-small", loc="upper center", frameon=False,
            bbox_to_anchor=(0.5, -0.16), ncols=2,
        )  # fmt: skip
