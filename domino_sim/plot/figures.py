"""Whole figures, and writing them."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from domino_sim.errors import ArgumentError, FileError, one_line
from domino_sim.files import atomic_write
from domino_sim.plot.curves import MAX_NAMES, levels, share, skill_rows, strip
from domino_sim.plot.skill_graph import graph as draw_graph
from domino_sim.plot.style import (
    FEW,
    GREY,
    colours,
    legend,
    mastery_order,
    short,
    step_axis,
)

__all__ = [
    "any_script", "compare_figure", "graph_figure", "run_figure", "save_figure", "titled",
]  # fmt: skip

#: Runs with a panel of their own; the mastery times of all are drawn.
MAX_PANELS = 24

TITLE_WIDTH = 100

MARKERS = "os^Dv<>ph*"


def run_figure(ds: xr.Dataset, graph: nx.DiGraph) -> Figure:
    """Return the figure of a run: levels, the graph, shares of the resource, the domino strip.

    Parameters
    ----------
    ds
        The result of the run.
    graph
        Its skill graph (``scenario.skill_graph()``).
    """
    figure = Figure(figsize=(13, 9), layout="constrained")
    axes = figure.subplots(2, 2)
    levels(axes[0, 0], ds)
    draw_graph(axes[0, 1], graph, ds)
    share(axes[1, 0], ds)
    strip(axes[1, 1], ds)
    names = ("Levels", "Skill graph", "Who has the resource", "Domino strip")
    for ax, name in zip(axes.ravel(), names, strict=True):
        ax.set_title(name, loc="left", fontsize="medium")
    titled(figure, str(ds.attrs.get("title", "")))
    return figure


def graph_figure(graph: nx.DiGraph, ds: xr.Dataset | None = None) -> Figure:
    """Return the figure of a skill graph, coloured by mastery if the result of a run is given."""
    figure = Figure(figsize=(10, 6.5), layout="constrained")
    draw_graph(figure.subplots(), graph, ds)
    titled(figure, str(graph.graph.get("title") or ""))
    return figure


def compare_figure(datasets: Mapping[str, xr.Dataset]) -> Figure:
    """Return the figure of several runs: the levels of each, and when each mastered what.

    Parameters
    ----------
    datasets
        The results, by the label of the run. A skill has one colour in all panels.
    """
    if not datasets:
        raise ArgumentError("no runs", where="datasets", expected="at least one result")
    order = _common_order(datasets)
    colour_of = dict(zip(order, colours(len(order)), strict=True))
    shown = list(datasets.items())[:MAX_PANELS]
    columns = min(len(shown) + 1, 3)
    rows = math.ceil((len(shown) + 1) / columns)
    figure = Figure(figsize=(5.5 * columns, max(3.6 * rows, 4.2)), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax, (label, ds) in zip(axes, shown, strict=False):
        levels(ax, ds, colour_of=colour_of)
        ax.set_title(short(one_line(label), 40), loc="left", fontsize="medium", parse_math=False)
    _mastery_dots(axes[len(shown)], datasets, order)
    for ax in axes[len(shown) + 1 :]:
        ax.set_axis_off()
    if len(order) > FEW:
        first = short(one_line(next(iter(datasets))), 40)
        titled(figure, f"{len(order):,} skills, dark to light in the order of {first}")
    return figure


def save_figure(figure: Figure, path: str | Path) -> None:
    """Write a figure; the suffix of the path (png, svg, pdf…) says how.

    Raises
    ------
    FileError
        If matplotlib does not know the suffix, or the file cannot be written.
    """
    path = Path(path)
    kind = path.suffix.removeprefix(".").lower()
    known = sorted(figure.canvas.get_supported_filetypes())
    if kind not in known:
        raise FileError(
            f"unknown kind of figure {path.suffix!r}",
            where=str(path),
            expected=f"one of {', '.join(known)}",
        )

    def write(temporary: Path) -> None:
        with any_script():
            figure.savefig(temporary, format=kind, dpi=130)

    atomic_write(path, write)


@contextmanager
def any_script() -> Iterator[None]:
    """Let names hold characters of any script: the font draws a box for those it lacks."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def titled(figure: Figure, title: str) -> None:
    """Write a title of any text over a figure, shortened to fit."""
    if title:
        figure.suptitle(short(one_line(title), TITLE_WIDTH), parse_math=False)


def _common_order(datasets: Mapping[str, xr.Dataset]) -> list[str]:
    """Return all skills in order of mastery in the first run that has them."""
    names: dict[str, None] = {}
    for ds in datasets.values():
        names.update(dict.fromkeys(ds["skill"].values[mastery_order(ds)].tolist()))
    return list(names)


def _mastery_dots(ax: Axes, datasets: Mapping[str, xr.Dataset], order: list[str]) -> None:
    """Draw when each run mastered each skill; what it did not is at the right edge, hollow."""
    row = {name: i for i, name in enumerate(order)}
    last = max(float(ds["step"].values[-1]) for ds in datasets.values())
    palette = colours(len(datasets))
    size = 26 if len(order) <= MAX_NAMES else 4
    handles = []
    never = False
    for number, ds in enumerate(datasets.values()):
        at = ds["mastered_at"].values
        y = np.array([row[name] for name in ds["skill"].values.tolist()])
        done = np.isfinite(at)
        never = never or not done.all()
        marker = MARKERS[number % len(MARKERS)]
        colour = [palette[number]]
        style: dict[str, Any] = {"s": size, "marker": marker, "edgecolors": colour}
        style["clip_on"] = False  # a dot on the edge of the axes is drawn whole
        handles.append(ax.scatter(at[done], y[done], facecolors=colour, alpha=0.8, **style))
        ax.scatter(np.full((~done).sum(), last * 1.04), y[~done], facecolors="none", **style)
    step_axis(ax, last)
    ax.set_ylim(len(order) - 0.4, -0.6)
    ax.set_xlabel("step at which mastered")
    skill_rows(ax, order)
    if never:
        ax.set_title("hollow, right: not mastered", fontsize="small", color=GREY, loc="right")
    if len(datasets) <= MAX_NAMES:
        labels = [short(one_line(label), 30) for label in datasets]
        legend(
            ax, handles, labels, fontsize="small", loc="upper center", frameon=False,
            bbox_to_anchor=(0.5, -0.16), ncols=2,
        )  # fmt: skip
