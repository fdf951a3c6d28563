"""Figures of scaling with the number of skills, and of what a wrong split costs."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from domino_sim.plot.figures import titled
from domino_sim.plot.modularity import bare, log_steps
from domino_sim.plot.style import GREY, colours, legend

__all__ = ["cost_figure", "number_figure"]

#: The ratio of times at which colours end.
ENDS = 4.0

#: A ratio from which on it is said to be so many times as much; infinite ones among them.
MOST = 1000.0

#: Ratios whose logarithm is less are 1.
EQUAL = 1e-6

MARKERS = "os^Dv"


def number_figure(ds: xr.Dataset) -> Figure:
    """Return the figure of total times over the number of skills, with fitted exponents."""
    figure = Figure(figsize=(8, 5.6), layout="constrained")
    ax = figure.subplots()
    titles = ds["scaled"].values.tolist()
    sizes = ds["size"].values.astype(float)
    handles, labels = [], []
    for number, (title, colour) in enumerate(zip(titles, colours(len(titles)), strict=True)):
        row = ds.sel(scaled=title)
        times = row["scaling_time"].values
        good = np.isfinite(times)
        # Ways that take equally long would hide each other: the later, the smaller and hollow.
        handles += ax.plot(
            sizes[good], times[good], color=colour, linewidth=1.2, marker=MARKERS[number % 5],
            markersize=9 - 1.2 * number, markerfacecolor="none" if number else colour,
            linestyle="-" if number % 2 == 0 else "--",
        )  # fmt: skip
        labels.append(f"{title}: {_exponent(row)}")
    ax.set_xscale("log", base=2)
    ax.set_yscale("log")
    ax.set_xticks(sizes, [f"{size:g}" for size in sizes])
    ax.xaxis.set_minor_formatter(NullFormatter())
    log_steps(ax.yaxis)
    ax.set_xlabel("skills")
    ax.set_ylabel("step at which all are mastered")
    legend(ax, handles, labels, fontsize="small", frameon=False, loc="upper left",
           title="exponent (95 %), slopes at the ends", title_fontsize="small")  # fmt: skip
    bare(ax)
    titled(figure, str(ds.attrs.get("title") or ""))
    return figure


def _exponent(row: xr.Dataset) -> str:
    values = {name: float(row[name]) for name in ("exponent", "exponent_low", "exponent_high")}
    if not np.isfinite(values["exponent"]):
        return "too few times"
    ends = f"{float(row['slope_first']):.2f} to {float(row['slope_last']):.2f}"
    return (
        "{exponent:.2f} ({exponent_low:.2f} to {exponent_high:.2f})".format(**values) + f", {ends}"
    )


def cost_figure(ds: xr.Dataset) -> Figure:
    """Return the figure of misassigned skills: times over their fraction, and where a split loses.

    Maps show the total time over that of one pool on the same mixture, over the fraction of
    misassigned skills and the skew of frequencies; blue is where even so wrong a split wins, the
    black line where both take as long.
    """
    kinds = ds["kind"].values.tolist()
    figure = Figure(figsize=(14.5, 4.8), layout="constrained")
    left, *maps = figure.subplots(1, 1 + len(kinds), width_ratios=[1.15, *([1.0] * len(kinds))])
    _lines(left, ds, kinds)
    mesh: Any = None
    for ax, kind in zip(maps, kinds, strict=True):
        mesh = _map(ax, ds, kind)
    bar = figure.colorbar(mesh, ax=maps, label="time over that of one pool")
    bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{2.0**x:.3g}"))
    titled(figure, str(ds.attrs.get("title") or ""))
    return figure


def _lines(ax: Axes, ds: xr.Dataset, kinds: list[str]) -> None:
    one = float(ds["all_mastered_at"].values[0])
    fraction = ds["fraction"].values
    handles = []
    for kind, colour in zip(kinds, colours(len(kinds)), strict=True):
        values = ds["wrong_time"].sel(kind=kind).values
        handles += ax.plot(fraction, values, "o-", color=colour, ms=5)
    handles.append(ax.axhline(one, color=GREY, linestyle="--"))
    ax.set_yscale("log")
    log_steps(ax.yaxis)
    ax.set_xlabel("fraction of misassigned skills")
    ax.set_ylabel("step at which all are mastered")
    ax.set_title(f"this mixture; made for: {ds.attrs['right']}", loc="left", fontsize="medium",
                 parse_math=False)  # fmt: skip
    legend(ax, handles, [*kinds, "one pool"], fontsize="small", frameon=False)
    bare(ax)


def _map(ax: Axes, ds: xr.Dataset, kind: str) -> Any:
    """Draw the ratio of times over fraction (evenly spaced) and skew."""
    values = np.log2(np.minimum(ds["wrong_ratio"].sel(kind=kind).values, MOST))
    # Equal times differ by rounding; a line around that would mean nothing.
    values[np.abs(values) < EQUAL] = 0.0
    norm = TwoSlopeNorm(0.0, -np.log2(ENDS), np.log2(ENDS))
    x, y = np.arange(ds.sizes["fraction"]), np.arange(ds.sizes["skew"])
    mesh = ax.pcolormesh(x, y, values, cmap="RdBu_r", norm=norm, shading="nearest")
    if values.min() < 0.0 < values.max() and len(x) > 1 and len(y) > 1:
        ax.contour(x, y, values, levels=[0.0], colors="black", linewidths=1.6)
    for i in range(len(y)):
        for j in range(len(x)):
            dark = abs(values[i, j]) > 0.7 * np.log2(ENDS)
            ratio = 2.0 ** values[i, j]
            text = f"{ratio:.2g}" if ratio < 0.99 * MOST else f"≥ {MOST:.0f}"
            ax.text(j, i, text, ha="center", va="center", fontsize="small",
                    color="white" if dark else "black")  # fmt: skip
    ax.set_xticks(x, [f"{value:.2g}" for value in ds["fraction"].values])
    ax.set_yticks(y, [f"{value:g}" for value in ds["skew"].values])
    ax.set_xlabel("fraction of misassigned skills")
    ax.set_ylabel("skew α of frequencies i^−α")
    ax.set_title(f"{kind}, {ds.attrs['wrong_ratio_skills']} skills", loc="left", fontsize="medium")
    return mesh
