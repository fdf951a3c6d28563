"""Figures of a comparison of modules: total times, the time of each skill, losses."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from typing import Any

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter

from domino_sim.errors import one_line
from domino_sim.modularity.proposals import EACH
from domino_sim.modularity.ways import BALANCED, ONE_POOL, UNIFORM
from domino_sim.plot.figures import titled
from domino_sim.plot.style import GREY, LIGHT, STEPS, evenly, legend, plain, short

__all__ = ["bare", "log_steps", "loss_figure", "skills_figure", "times_figure", "way_colours"]

Colour = Any

#: Colours of ways (Okabe and Ito); partitions of a ladder are blue.
KNOWN: dict[str, Colour] = {ONE_POOL: "#000000", UNIFORM: "#E69F00", BALANCED: "#009E73"}
KINDS: dict[str, Colour] = {"random": "#CC79A7", "wrong": "#D55E00"}
OTHERS: tuple[Colour, ...] = ("#7a5195", "#8c6d31", "#777777")

#: Ways with a line of their own; of more, the first few, some of the middle, and the last.
MOST_LINES = 10

#: Skills with a row; of more, some evenly over their order.
MOST_ROWS = 40

#: A time axis is logarithmic where the longest is so many times the shortest.
WIDE = 12.0

NAME_WIDTH = 34

#: Losses below this part of the first are not drawn.
LEAST = 1e-5


def way_colours(ways: Sequence[str]) -> dict[str, Colour]:
    """Return a colour for each way, the same in all figures: the more modules, the darker blue."""
    ladder = [way for way in ways if way == EACH or (way.endswith(" modules") and way[0].isdigit())]
    shades = matplotlib.colormaps["Blues"](np.linspace(0.45, 1.0, max(len(ladder), 1)))
    found: dict[str, Colour] = dict(zip(ladder, shades[-len(ladder) :], strict=False))
    found |= KNOWN
    others = iter(cycle(OTHERS))
    for way in ways:
        if way not in found:
            kind = next((c for word, c in KINDS.items() if way.startswith(word)), None)
            found[way] = kind or next(others)
    return {way: found[way] for way in ways}


def log_steps(axis: Axis) -> None:
    """Write the steps of a logarithmic axis at 1, 2 and 5, without powers."""
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter(STEPS)
    axis.set_minor_formatter(NullFormatter())


def times_figure(ds: xr.Dataset) -> Figure:
    """Return the figure of total times: a bar a way, from the first to the last mastered skill.

    A pale bar has no end: not all are mastered. The dotted line is one pool, a diamond the time
    with the step-size floor of SignGD where that differs, a hollow circle the median of gradient
    runs with the range of their seeds.
    """
    ways = ds["way"].values.tolist()
    figure = Figure(figsize=(10, max(0.42 * len(ways) + 1.6, 3.4)), layout="constrained")
    ax = figure.subplots()
    total = ds["all_mastered_at"].values
    first = ds["mastered_at"].min("skill").values
    ends = np.concatenate([total, ds["mastered_at"].values.ravel()])
    last = float(np.max(ends, initial=0.0, where=np.isfinite(ends))) or 1.0
    palette = way_colours(ways)
    marks: dict[str, Line2D] = {}
    for row, way in enumerate(ways):
        done = np.isfinite(total[row])
        end = total[row] if done else 1.05 * last
        left = first[row] if np.isfinite(first[row]) else 0.0
        ax.barh(row, end - left, left=left, height=0.62, color=palette[way],
                alpha=0.75 if done else 0.25)  # fmt: skip
        if done:  # Where all are mastered at once a bar has no width.
            ax.plot([end] * 2, [row - 0.31, row + 0.31], color=palette[way], linewidth=3.0)
        _mark_runs(ax, ds, way, row, marks)
        floor = float(ds["with_floor"].values[row])
        if np.isfinite(floor) and floor > 1.02 * end:
            marks["with the step-size floor"] = ax.plot(floor, row, "D", color="black", ms=5)[0]
        text = f"× {ds['speed_up'].values[row]:.2f}" if done else "never"
        ax.annotate(text, (1.0, row), xycoords=("axes fraction", "data"), xytext=(6, 0),
                    textcoords="offset points", va="center", fontsize="small")  # fmt: skip
    if np.isfinite(total[0]):
        ax.axvline(total[0], color=GREY, linewidth=0.9, linestyle=":")
    floors = ds["with_floor"].values
    _time_axis(ax, np.concatenate([first, total, floors, _ends_of_runs(ds).ravel()]))
    ax.set_yticks(range(len(ways)), [short(one_line(way), NAME_WIDTH) for way in ways])
    plain(ax.get_yticklabels())
    ax.set_ylim(len(ways) - 0.4, -0.6)
    ax.set_xlabel("step: from the first skill mastered to the last")
    ax.set_title("speed-up", loc="right", fontsize="small", color=GREY)
    if marks:
        legend(ax, list(marks.values()), list(marks), fontsize="small", frameon=False,
               loc="upper center", bbox_to_anchor=(0.45, -0.6 / len(ways) - 0.08),
               ncols=2)  # fmt: skip
    bare(ax)
    titled(figure, _title(ds))
    return figure


def _mark_runs(ax: Axes, ds: xr.Dataset, way: str, row: int, marks: dict[str, Line2D]) -> None:
    if "trained" not in ds.coords or way not in ds["trained"].values:
        return
    ends = _ends_of_runs(ds.sel(trained=[way]))[0]
    finite = ends[np.isfinite(ends)]
    if not len(finite):
        return
    ax.plot([finite.min(), finite.max()], [row, row], color="black", linewidth=1.2)
    if np.isfinite(np.median(ends)):
        (mark,) = ax.plot(np.median(ends), row, "o", color="black", markerfacecolor="white", ms=6)
        marks[f"gradient runs, {len(ends)} seeds"] = mark


def _ends_of_runs(ds: xr.Dataset) -> np.ndarray:
    """Return when all skills are mastered in gradient runs (ways, seeds); empty without any."""
    if "trained_mastered_at" not in ds:
        return np.empty((0, 0))
    at = ds["trained_mastered_at"].values
    return np.where(np.isnan(at), np.inf, at).max(axis=-1)


def skills_figure(ds: xr.Dataset) -> Figure:
    """Return the figure of each skill's mastery: a row a skill, a dot a way; × is never."""
    ways = _few(ds["way"].values.tolist())
    rows = evenly(np.arange(ds.sizes["skill"]), MOST_ROWS)
    names = ds["skill"].values[rows].tolist()
    figure = Figure(figsize=(10, max(0.24 * len(rows) + 2.2, 4.0)), layout="constrained")
    ax = figure.subplots()
    palette = way_colours(ds["way"].values.tolist())
    at = ds["mastered_at"].sel(way=ways).values[:, rows]
    last = float(np.nanmax(at)) if np.isfinite(at).any() else 1.0
    height = np.arange(len(rows))
    for number, way in enumerate(ways):
        offset = 0.6 * (number / max(len(ways) - 1, 1) - 0.5) if len(ways) > 1 else 0.0
        done = np.isfinite(at[number])
        ax.plot(at[number][done], height[done] + offset, "o", color=palette[way], ms=4, alpha=0.9)
        ax.plot(np.full((~done).sum(), last), height[~done] + offset, "x", color=palette[way], ms=5)
    _time_axis(ax, at[np.isfinite(at) & (at > 0)])
    ax.set_yticks(height, [short(one_line(name), NAME_WIDTH) for name in names])
    plain(ax.get_yticklabels())
    ax.set_ylim(len(rows) - 0.4, -0.6)
    for y in height[:-1] + 0.5:
        ax.axhline(y, color=LIGHT, linewidth=0.4, zorder=0)
    ax.set_xlabel("step at which the skill is mastered")
    handles = [Line2D([], [], marker="o", linestyle="", color=palette[way]) for way in ways]
    labels = [short(one_line(way), NAME_WIDTH) for way in ways]
    legend(ax, handles, labels, fontsize="small", frameon=False, loc="center left",
           bbox_to_anchor=(1.0, 0.5))  # fmt: skip
    bare(ax)
    titled(figure, _title(ds))
    return figure


def loss_figure(ds: xr.Dataset) -> Figure:
    """Return the figure of mean losses on the mixture, a line a way, over the steps.

    A dot ends the early phase in which a way is behind one pool; the dotted line is the budget at
    which losses are compared.
    """
    ways = _few(ds["way"].values.tolist())
    figure = Figure(figsize=(10, 5.4), layout="constrained")
    ax = figure.subplots()
    palette = way_colours(ds["way"].values.tolist())
    steps = ds["step"].values.astype(float)
    handles = []
    for number, way in enumerate(ways):
        loss = ds["loss"].sel(way=way).values
        drawn = np.where(loss > LEAST * loss[0], loss, np.nan)
        if way == BALANCED:
            # What is mastered is not sampled any more: nothing happens from there on.
            drawn[steps > float(ds["all_mastered_at"].sel(way=way))] = np.nan
        # Equal curves would hide each other.
        style = ("-", (0, (5, 2)), (0, (1.5, 1.5)), (0, (6, 2, 1, 2)))[number % 4]
        handles += ax.plot(steps, drawn, color=palette[way], linestyle=style, linewidth=1.6)
        until = float(ds["slower_until"].sel(way=way))
        if 0.0 < until < np.inf:
            y = np.interp(until, steps, loss)
            if y > LEAST * loss[0]:
                ax.plot(until, y, "o", color=palette[way], ms=6, markeredgecolor="black")
    ax.axvline(float(ds.attrs["budget"]), color=GREY, linewidth=0.9, linestyle=":")
    ax.set_yscale("log")
    totals = ds["all_mastered_at"].sel(way=ways).values
    finite = totals[np.isfinite(totals)]
    ax.set_xlim(0, 1.02 * finite.max() if len(finite) else steps[-1])
    ax.xaxis.set_major_formatter(STEPS)
    ax.set_xlabel("step")
    ax.set_ylabel("mean loss on the mixture")
    labels = [short(one_line(way), NAME_WIDTH) for way in ways]
    legend(ax, handles, labels, fontsize="small", frameon=False, loc="center left",
           bbox_to_anchor=(1.0, 0.5))  # fmt: skip
    ax.set_title("dot: no longer behind one pool; dotted: the budget", loc="right",
                 fontsize="small", color=GREY)  # fmt: skip
    bare(ax)
    titled(figure, _title(ds))
    return figure


def _few(ways: Sequence[str]) -> list[str]:
    """Return ways of which each has a line; of many, the first three and some of the rest."""
    if len(ways) <= MOST_LINES:
        return list(ways)
    rest = evenly(np.arange(3, len(ways)), MOST_LINES - 3)
    return [*ways[:3], *(ways[i] for i in rest)]


def _time_axis(ax: Axes, times: np.ndarray) -> None:
    """Make the horizontal axis one of steps, logarithmic where times differ much."""
    good = times[np.isfinite(times) & (times > 0)]
    if len(good) and good.max() > WIDE * good.min():
        ax.set_xscale("log")
        ax.set_xlim(good.min() / 1.3, good.max() * 1.3)
        log_steps(ax.xaxis)
    elif len(good):
        ax.set_xlim(0, good.max() * 1.06)
        ax.xaxis.set_major_formatter(STEPS)


def bare(ax: Axes) -> None:
    """Take the upper and the right side of a frame away."""
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)


def _title(ds: xr.Dataset) -> str:
    return str(ds.attrs.get("title") or "")
