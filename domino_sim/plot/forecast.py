"""The figure of a forecast: what was seen, what is to come, and when skills will be mastered."""

from __future__ import annotations

import math

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from domino_sim.calibration import Calibration
from domino_sim.errors import one_line
from domino_sim.plot.calibration import MAX_POINTS, chosen_runs, skill_palette
from domino_sim.plot.curves import MAX_NAMES, NAME_WIDTH, skill_rows
from domino_sim.plot.figures import MARKERS, titled
from domino_sim.plot.style import FEW, GREY, evenly, legend, short, step_axis

__all__ = ["forecast_figure"]

#: Runs that are drawn; of more, some evenly over their order.
MAX_RUNS = 5

#: Skills of a panel; of more, some evenly over their order.
MAX_SKILLS = 24

#: Bands that can be seen through where there are many skills.
MAX_BANDS = 6

#: The rows of the panel of times; with names as far as `skill_rows` has room for them.
MAX_ROWS = 60

TIMES = ("mastered_at", "low", "high")


def forecast_figure(calibration: Calibration, ds: xr.Dataset) -> Figure:
    """Return the figure of a forecast.

    A panel for each run, of at most five: levels that were seen (dots), the median to come
    (lines) in its interval (bands), and a dotted line where the records end. The last panel has
    the steps at which skills that were not mastered will be, with their intervals.

    Parameters
    ----------
    calibration
        What was forecast from.
    ds
        What `forecast` gave.
    """
    order, palette = skill_palette(calibration)
    runs = chosen_runs(calibration, MAX_RUNS)
    open_ = [i for i in order if (ds["status"].values[runs][:, i] != "mastered").any()]
    # Skills that are not finished are what the figure is about.
    first = np.array(open_ if open_ else order, dtype=int)
    drawn = evenly(first, MAX_SKILLS)
    panels = len(runs) + 1
    columns = panels if panels <= 3 else 3
    rows = math.ceil(panels / columns)
    figure = Figure(figsize=(5.6 * columns, 4.6 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax, r in zip(axes, runs, strict=False):
        _levels(ax, calibration, ds, r, drawn, palette)
    if len(drawn) <= FEW:
        handles = [Line2D([], [], color=palette[i]) for i in drawn]
        names = [short(calibration.observations.skills[i], NAME_WIDTH) for i in drawn]
        legend(axes[0], handles, names, fontsize="x-small", frameon=False, loc="lower right")
    _times(axes[len(runs)], calibration, ds, runs, first, palette)
    for ax in axes[panels:]:
        ax.set_axis_off()
    titled(figure, _title(calibration, ds, len(runs), len(drawn), len(first)))
    return figure


def _levels(
    ax: Axes,
    calibration: Calibration,
    ds: xr.Dataset,
    r: int,
    drawn: np.ndarray,
    palette: np.ndarray,
) -> None:
    run = calibration.observations.runs[r]
    steps = ds["step"].values.astype(float)
    last = float(run.steps[-1])
    ahead = np.flatnonzero(steps >= last)
    few = len(drawn) <= FEW
    banded = drawn if few else evenly(drawn, MAX_BANDS)
    for i in drawn:
        there = evenly(np.flatnonzero(run.weight[i] > 0.0), MAX_POINTS)
        ax.plot(
            run.steps[there], run.level[i, there], ".", color=palette[i], alpha=0.55,
            markersize=5 if few else 3, markeredgewidth=0,
        )  # fmt: skip
        middle, low, high = (
            ds[name].values[r, ahead, i] for name in ("level", "level_low", "level_high")
        )
        ax.plot(steps[ahead], middle, color=palette[i], linewidth=1.5 if few else 0.9)
        if i in banded:
            ax.fill_between(steps[ahead], low, high, color=palette[i], alpha=0.22, linewidth=0)
    ax.axvline(last, color=GREY, linewidth=0.9, linestyle=":")
    ax.axhline(float(ds.attrs["mastery"]), color=GREY, linewidth=0.7, linestyle=":", zorder=0)
    step_axis(ax, float(steps[-1]))
    ax.set_ylim(max(min(ax.get_ylim()[0], -0.04), -0.5), min(max(ax.get_ylim()[1], 1.06), 1.5))
    ax.set_ylabel("level")
    ax.set_title(short(one_line(run.name), 40), loc="left", fontsize="medium", parse_math=False)


def _times(
    ax: Axes,
    calibration: Calibration,
    ds: xr.Dataset,
    runs: list[int],
    first: np.ndarray,
    palette: np.ndarray,
) -> None:
    """Draw when each skill will be mastered, with its interval; a run with a marker of its own."""
    last = float(ds["step"].values[-1])
    shown = evenly(first, MAX_ROWS)
    size = 22 if len(shown) <= MAX_NAMES else 6
    late = False
    for number, r in enumerate(runs):
        # Side by side within a row.
        shift = 0.5 * (number - (len(runs) - 1) / 2) / max(len(runs), 2)
        marker = MARKERS[number % len(MARKERS)]
        for row, i in enumerate(shown):
            at, low, high = (float(ds[name].values[r, i]) for name in TIMES)
            seen = ds["status"].values[r, i] == "mastered"
            y, colour = row + shift, palette[i]
            if not seen and math.isfinite(low):
                end = high if math.isfinite(high) else last
                ax.plot([low, end], [y, y], color=colour, linewidth=1.3, alpha=0.7)
            within = math.isfinite(at) and at <= last
            late = late or not within
            face = [colour] if within else "none"
            ax.scatter(
                [at if within else last * 1.05], [y], s=size, marker=marker,
                edgecolors=[colour], facecolors=face, alpha=0.45 if seen else 1.0, zorder=3,
            )  # fmt: skip
    step_axis(ax, last)
    if late:
        ax.set_xlim(0, last * 1.1)
        ax.set_title("hollow: not by then", fontsize="small", color=GREY, loc="right")
    ax.set_xlabel("step at which mastered")
    ax.set_ylim(len(shown) - 0.4, -0.6)
    skill_rows(ax, [calibration.observations.skills[i] for i in shown])
    some = f"{len(shown)} of {len(first):,} skills" if len(shown) < len(first) else "Mastery"
    ax.set_title(some, loc="left", fontsize="medium")
    if len(runs) > 1:
        handles = [
            Line2D([], [], color=GREY, marker=MARKERS[k], linestyle="", markersize=4)
            for k in range(len(runs))
        ]
        names = [short(one_line(calibration.observations.runs[r].name), 18) for r in runs]
        legend(
            ax, handles, names, fontsize="x-small", frameon=False, ncols=min(len(runs), 3),
            loc="upper center", bbox_to_anchor=(0.5, -0.14),
        )  # fmt: skip


def _title(
    calibration: Calibration, ds: xr.Dataset, runs: int, skills: int, unfinished: int
) -> str:
    parts = [f"Forecast with {ds.attrs['laws']}"]
    count = len(calibration.observations.runs)
    if runs < count:
        parts.append(f"{runs} of {count:,} runs")
    if unfinished > FEW:
        some = f"{skills} of " if skills < unfinished else ""
        parts.append(f"{some}{unfinished:,} unfinished skills, dark to light as they rise")
    return "; ".join(parts)
