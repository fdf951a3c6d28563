"""Drawing in the paper's manner: experiment solid, theory dashed, a colour a skill."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from numpy.typing import ArrayLike

from domino_sim.plot.style import GREY, colours

__all__ = ["DASHED", "DOT", "bare", "key", "levels", "panels", "plain_ticks"]

#: Width and height of a panel, in inches.
WIDTH, HEIGHT = 3.4, 2.7

#: How theory is drawn.
DASHED = (0, (3, 1.5))

#: How published numbers are marked: a ring, open so that ours shows through.
DOT: dict[str, Any] = {
    "linestyle": "none", "marker": "o", "markerfacecolor": "none", "markeredgecolor": "black"
}  # fmt: skip


def panels(rows: int, columns: int, **options: Any) -> tuple[Figure, np.ndarray]:
    """Return a figure and its axes (rows, columns)."""
    size = options.pop("size", (WIDTH * columns, HEIGHT * rows))
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, **options)
    for ax in axes.flat:
        bare(ax)
    return figure, axes


def bare(ax: Axes) -> None:
    """Take away the upper and the right side of the frame."""
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)


def levels(
    ax: Axes,
    step: ArrayLike,
    level: ArrayLike,
    theory: tuple[ArrayLike, ArrayLike] | None = None,
    title: str = "",
    ls: Any = "-",
) -> None:
    """Draw levels (step, skill), solid, and those of theory (its steps, its levels), dashed."""
    values = np.asarray(level)
    for i, colour in enumerate(colours(values.shape[1])):
        ax.plot(step, values[:, i], color=colour, linewidth=1.6, ls=ls)
        if theory is not None:
            ax.plot(theory[0], np.asarray(theory[1])[:, i], color=colour, ls=DASHED, lw=1.2)
    ax.set_title(title, fontsize=10)
    ax.set_xlabel("step")
    ax.set_ylabel("level")


def plain_ticks(axis: Axis, at: ArrayLike) -> None:
    """Put ticks of a logarithmic axis at these numbers, written out, and none between."""
    values = np.asarray(at, dtype=float)
    axis.set_major_locator(FixedLocator(values))
    axis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.6g}"))
    axis.set_minor_locator(NullLocator())


def key(ax: Axes, solid: str, dashed: str, dots: str = "", **options: Any) -> None:
    """Say what solid and dashed lines, and rings, are."""
    handles = [Line2D([], [], color=GREY), Line2D([], [], color=GREY, ls=DASHED)]
    labels = [solid, dashed]
    if dots:
        handles.append(Line2D([], [], **DOT))
        labels.append(dots)
    ax.legend(handles, labels, frameon=False, fontsize=8, **options)
