"""The inferred model beside the curves, a panel a run."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter

from domino_sim.errors import one_line
from domino_sim.inference import Inference
from domino_sim.plot.curves import NAME_WIDTH
from domino_sim.plot.figures import titled
from domino_sim.plot.style import FEW, STEPS, colours, evenly, plain, short, shorts, step_axis

__all__ = ["MAX_PANELS", "fit_figure"]

#: Runs with a panel, skills in it and records of a curve; of more, some evenly over their order.
MAX_PANELS, MAX_SKILLS, MAX_POINTS = 12, 24, 100

#: Columns of panels for up to so many.
COLUMNS = ((1, 1), (2, 2), (3, 3), (2, 4), (3, 6))

#: The step axis is logarithmic where half of all learning, or of the records, is over so early.
EARLY = 0.1


def fit_figure(found: Inference) -> Figure:
    """Return the levels (dots) with those of the inferred model (lines), a panel a run.

    At most twelve runs and 24 skills, evenly over their orders. The step axis is logarithmic where
    most of the learning, or of the records, is in the first tenth.
    """
    ds = found.predicted
    runs = evenly(np.arange(ds.sizes["run"]), MAX_PANELS)
    order = _rising_order(ds["level"].values)
    palette = np.empty((len(order), 4))
    palette[order] = colours(len(order))
    drawn = evenly(order, MAX_SKILLS)
    columns = next((c for c, most in COLUMNS if len(runs) <= most), 4)
    rows = math.ceil(len(runs) / columns)
    figure = Figure(figsize=(max(3.6 * columns, 6.0), 2.7 * rows + 0.6), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, sharey=True)
    logarithmic = _is_early(ds["step"].values, ds["observed"].values)
    few = len(order) <= FEW
    for number, (ax, r) in enumerate(zip(axes.ravel(), runs, strict=False)):
        _levels(ax, found, int(r), drawn, palette, logarithmic=logarithmic)
        if number + columns < len(runs):
            ax.set_xlabel("")
    for ax in axes[:, 0]:
        ax.set_ylabel("level")
    for ax in axes.ravel()[len(runs) :]:
        ax.set_axis_off()
    if few:
        handles = [Line2D([], [], color=palette[i], marker=".") for i in order]
        cut = shorts(map(str, ds["skill"].values), NAME_WIDTH)
        names = [cut[str(ds["skill"].values[i])] for i in order]
        box = figure.legend(
            handles, [str(i) for i in order], loc="outside right center", frameon=False,
            fontsize="small",
        )  # fmt: skip
        plain(box.get_texts())
        for text, name in zip(box.get_texts(), names, strict=True):
            text.set_text(name)
    titled(figure, _fit_title(found, len(runs), len(drawn)))
    return figure


def _rising_order(level: np.ndarray) -> np.ndarray:
    """Return the skills in the order in which they are learned, on the mean of all runs."""
    return np.argsort(-np.nanmean(level, axis=(0, 1)), kind="stable")


def _is_early(steps: np.ndarray, level: np.ndarray) -> bool:
    """Whether the axis should be logarithmic."""
    early = []
    for run in level:
        there = np.isfinite(run).any(axis=1)
        at, seen = steps[there].astype(float), np.nan_to_num(run[there])
        rising = np.abs(np.diff(np.maximum.accumulate(seen, axis=0), axis=0)).sum(axis=1)
        reached = np.searchsorted(np.cumsum(rising), 0.5 * rising.sum())
        middle = min(at[min(int(reached) + 1, len(at) - 1)], float(np.median(at)))
        early.append(middle < EARLY * at[-1])
    return bool(np.mean(early) > 0.5)


def _levels(
    ax: Axes, found: Inference, r: int, drawn: np.ndarray, palette: np.ndarray, *,
    logarithmic: bool,
) -> None:  # fmt: skip
    ds = found.predicted
    steps = ds["step"].values.astype(float)
    observed, model = ds["observed"].values[r], ds["level"].values[r]
    few = len(drawn) <= FEW
    there = np.isfinite(model).any(axis=1)
    for i in drawn:
        seen = np.flatnonzero(np.isfinite(observed[:, i]) & ((steps > 0.0) | (not logarithmic)))
        seen = evenly(seen, MAX_POINTS)
        ax.plot(
            steps[seen], observed[seen, i], ".", color=palette[i], alpha=0.5,
            markersize=4.5 if few else 3.5, markeredgewidth=0,
        )  # fmt: skip
        ax.plot(steps[there], model[there, i], color=palette[i], linewidth=1.0 if few else 0.7)
    last = float(steps[there][-1])
    step_axis(ax, last)
    if logarithmic:
        first = float(steps[there & (steps > 0.0)][0])
        ax.set_xscale("log")
        ax.set_xlim(first, last)
        ax.xaxis.set_major_locator(LogLocator(10.0, numticks=5))
        ax.xaxis.set_major_formatter(STEPS)
        ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_ylim(-0.06, 1.06)
    name = short(one_line(str(ds["run"].values[r])), 30)
    ax.set_title(name, loc="left", fontsize="medium", parse_math=False)


def _fit_title(found: Inference, runs: int, skills: int) -> str:
    told = [f"Levels (dots), inferred model (lines): {found.report['model']['text']}"]
    sizes = found.predicted.sizes
    if runs < sizes["run"]:
        told.append(f"{runs} of {sizes['run']:,} runs")
    if sizes["skill"] > FEW:
        some = f"{skills} of " if skills < sizes["skill"] else ""
        told.append(f"{some}{sizes['skill']:,} skills, dark to light")
    return "; ".join(told)
