"""The figure of curves that were read: a panel for each run."""

from __future__ import annotations

import math

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from domino_sim.errors import one_line
from domino_sim.plot.curves import NAME_WIDTH
from domino_sim.plot.figures import MAX_PANELS, titled
from domino_sim.plot.style import FEW, GREY, LIGHT, STEPS, colours, evenly, legend, short, step_axis

__all__ = ["learning_figure"]

#: Lines of a panel; of more skills, a selection evenly over the order is drawn.
MAX_LINES = 200

#: Levels beyond these are cut off.
LOWEST, HIGHEST = -1.2, 1.6

#: Curves that rise by fewer standard errors are drawn in grey, beneath.
SIGNAL = 3.0

#: Records that are this much denser at the start are drawn over a logarithmic axis.
DENSE = 0.1


def learning_figure(curves: xr.Dataset) -> Figure:
    """Return the figure of learning curves: levels (losses where there are none), a panel a run.

    A skill has one colour in all panels, in the order of when it is half learned; bands are
    standard errors. Curves without a signal are grey. Steps are drawn logarithmically where most
    records are early.
    """
    kind = next(
        name for name in ("level", "loss", "accuracy", "level")
        if name in curves and (curves[name].notnull().any() or name == "level")
    )  # fmt: skip
    values = curves[kind].values
    order, weak = _order(curves, kind)
    palette = np.empty((len(order), 4))
    strong = [k for k in order if not weak[k]]
    palette[strong] = colours(len(strong))
    runs = [i for i in range(len(values)) if not np.isnan(values[i]).all()][:MAX_PANELS] or [0]
    columns = len(runs) if len(runs) <= 3 else min((4, 3), key=lambda width: -len(runs) % width)
    rows = math.ceil(len(runs) / columns)
    figure = Figure(figsize=(max(4.4 * columns, 6.4), max(2.9 * rows, 4.4)), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
    logarithmic = _dense_early(curves, kind)
    for ax, run in zip(axes, runs, strict=False):
        _panel(ax, curves, kind, run, order, palette, weak)
        name = one_line(str(curves["run"].values[run]))
        ax.set_title(short(name, 40), loc="left", fontsize="medium", parse_math=False)
        step_axis(ax, float(curves["step"].values[-1]))
        if logarithmic:
            _log_axis(ax, curves["step"].values)
        ax.label_outer()
        if ax.get_subplotspec().is_first_col():
            ax.set_ylabel(kind)
    for place, ax in enumerate(axes[len(runs) :], len(runs)):
        ax.set_axis_off()
        axes[place - columns].tick_params(labelbottom=True)
        axes[place - columns].set_xlabel("step")
    _limits(axes[0], values[runs], kind)
    _legend(axes[len(runs) - 1], curves, strong, palette, weak)
    titled(figure, _title(curves, len(runs), len(strong), int(weak.sum())))
    return figure


def _order(curves: xr.Dataset, kind: str) -> tuple[list[int], np.ndarray]:
    """Return the skills in the order of when they are half way, and which have no signal."""
    values = curves[kind].values
    middle = np.full(values.shape[2], np.inf)
    final = np.zeros(values.shape[2])
    steps = np.arange(values.shape[1])
    for k in range(values.shape[2]):
        at, ends = [], []
        for row in values[:, :, k]:
            known = ~np.isnan(row)
            if known.any():
                of = row[known]
                half = (of[0] + of[-1]) / 2 if kind == "loss" else 0.5
                passed = of <= half if kind == "loss" else of >= half
                at.append(steps[known][np.argmax(passed)] if passed.any() else len(steps))
                ends.append(of[-1])
        if at:
            middle[k], final[k] = np.mean(at), np.median(ends)
    weak = np.zeros(values.shape[2], dtype=bool)
    if "signal" in curves:
        signal = np.nan_to_num(curves["signal"].values)
        weak = (signal < SIGNAL).all(axis=0)
        weak &= not weak.all()
    return [int(k) for k in np.lexsort((-final, middle))], weak


def _panel(
    ax: Axes,
    curves: xr.Dataset,
    kind: str,
    run: int,
    order: list[int],
    palette: np.ndarray,
    weak: np.ndarray,
) -> None:
    steps = curves["step"].values.astype(float)
    strong = [k for k in order if not weak[k]]
    errors = curves.get(f"{kind}_se") if len(strong) <= FEW else None
    beneath = evenly(np.flatnonzero(weak), MAX_LINES)
    for k in [*beneath, *evenly(np.array(strong), MAX_LINES)[::-1]]:
        values = curves[kind].values[run, :, k]
        known = ~np.isnan(values)
        if not known.any():
            continue
        dotted = "." if known.sum() <= 40 else None
        if weak[k]:
            ax.plot(steps[known], values[known], color=LIGHT, linewidth=0.6, zorder=1)
            continue
        style = {"linewidth": 1.4 if len(strong) <= FEW else 0.9, "color": palette[k]}
        ax.plot(steps[known], values[known], marker=dotted, markersize=3, clip_on=False, **style)
        if errors is not None:
            error = errors.values[run, known, k]
            low, high = values[known] - error, values[known] + error
            ax.fill_between(steps[known], low, high, color=palette[k], alpha=0.2, linewidth=0)
    if kind == "level":
        ax.axhline(1.0, color=GREY, linewidth=0.7, linestyle=":", zorder=0)
        ax.axhline(0.0, color=GREY, linewidth=0.7, linestyle=":", zorder=0)


def _limits(ax: Axes, values: np.ndarray, kind: str) -> None:
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    pad = 0.04 * (high - low) or 0.5
    if kind == "level":
        ax.set_ylim(max(min(low - 0.03, -0.04), LOWEST), min(max(high + 0.04, 1.06), HIGHEST))
    else:
        ax.set_ylim(low - pad, high + pad)


def _dense_early(curves: xr.Dataset, kind: str) -> bool:
    """Whether half of the steps lie in the first tenth: then a linear axis hides them."""
    known = ~np.isnan(curves[kind].values).all(axis=(0, 2))
    steps = curves["step"].values[known]
    if len(steps) < 4:
        return False
    return bool(np.median(steps) < steps[0] + DENSE * (steps[-1] - steps[0]))


def _log_axis(ax: Axes, steps: np.ndarray) -> None:
    first = float(steps[steps > 0][0])
    ax.set_xscale("symlog", linthresh=first, linscale=0.5)
    decades = [10.0**k for k in range(15) if first <= 10.0**k <= steps[-1]]
    ax.set_xticks([0.0, *evenly(np.array(decades), 4)])
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(STEPS)


def _legend(
    ax: Axes, curves: xr.Dataset, strong: list[int], palette: np.ndarray, weak: np.ndarray
) -> None:
    handles, labels = [], []
    if len(strong) <= FEW:
        handles = [Line2D([], [], color=palette[k]) for k in strong]
        labels = [short(str(curves["skill"].values[k]), NAME_WIDTH) for k in strong]
        if weak.any():
            handles.append(Line2D([], [], color=LIGHT))
            labels.append("no signal")
    if handles:
        legend(
            ax, handles, labels, fontsize="small", frameon=False, labelspacing=0.3,
            loc="center left", bbox_to_anchor=(1.0, 0.5),
        )  # fmt: skip


def _title(curves: xr.Dataset, panels: int, strong: int, weak: int) -> str:
    parts = []
    if strong > FEW:
        parts.append(f"{strong:,} skills, dark to light in the order of when they are half learned")
    if weak > 1:
        parts.append(f"{weak:,} without a signal in grey")
    if panels < curves.sizes["run"]:
        parts.append(f"{panels} of {curves.sizes['run']:,} runs")
    return "; ".join(parts)
