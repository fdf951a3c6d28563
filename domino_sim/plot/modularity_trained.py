"""The figure of gradient runs in a comparison of modules: losses, and how far skills are apart."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from domino_sim.errors import one_line
from domino_sim.modularity.summary import ratios
from domino_sim.plot.figures import titled
from domino_sim.plot.modularity import NAME_WIDTH, Colour, bare, way_colours
from domino_sim.plot.style import GREY, STEPS, legend, short

__all__ = ["trained_figure"]

#: From so many seeds on a distribution is drawn as a histogram; fewer as dots.
HISTOGRAM = 20


def trained_figure(ds: xr.Dataset) -> Figure:
    """Return the figure of gradient runs.

    Left: the median loss over the seeds, a line a way, with the range of the middle half. Right:
    how long the last skill takes, over the first (of two skills t₂/t₁, Fig. 19 of arXiv
    2501.12391): a histogram of the seeds for each way; never is at the right end.
    """
    ways = ds["trained"].values.tolist()
    size = (13, max(4.8, 0.62 * len(ways) + 1.6))
    figure = Figure(figsize=size, layout="constrained")
    left, right = figure.subplots(1, 2)
    palette = way_colours(ways)
    steps = ds["trained_step"].values
    for way in ways:
        loss = ds["trained_loss"].sel(trained=way).values
        low, middle, high = np.percentile(loss, [25, 50, 75], axis=0)
        left.fill_between(steps, low, high, color=palette[way], alpha=0.2, linewidth=0)
        left.plot(steps, middle, color=palette[way], linewidth=1.4)
    left.set_yscale("log")
    left.xaxis.set_major_formatter(STEPS)
    left.set_xlabel("step")
    left.set_ylabel("loss on the mixture")
    seeds = ds.sizes["seed"]
    told = "one seed" if seeds == 1 else f"median of {seeds} seeds"
    left.set_title(told, loc="left", fontsize="medium")
    _ratios(right, ds, ways, palette)
    handles = [Line2D([], [], color=palette[way]) for way in ways]
    labels = [short(one_line(way), NAME_WIDTH) for way in ways]
    legend(left, handles, labels, fontsize="small", frameon=False, loc="upper center",
           bbox_to_anchor=(0.5, -0.12), ncols=2)  # fmt: skip
    bare(left)
    bare(right)
    titled(figure, str(ds.attrs.get("title") or ""))
    return figure


def _ratios(ax: Axes, ds: xr.Dataset, ways: list[str], palette: dict[str, Colour]) -> None:
    """Draw a ridge for each way."""
    at = ds["trained_mastered_at"]
    found = {way: ratios(at.sel(trained=way).values) for way in ways}
    finite = np.concatenate(list(found.values()))
    finite = finite[np.isfinite(finite)]
    top = float(finite.max()) * 1.05 if len(finite) else 2.0
    low = min(1.0, float(finite.min(initial=1.0)))
    bins = np.linspace(low, max(top, 1.1), 41)
    for row, (way, ratio) in enumerate(found.items()):
        shown = np.minimum(ratio, bins[-1])
        if len(ratio) >= HISTOGRAM:
            counts, _ = np.histogram(shown, bins)
            heights = 0.85 * counts / max(counts.max(), 1)
            ax.stairs(row - heights, bins, baseline=row, fill=True, color=palette[way], alpha=0.8)
        else:
            ax.plot(
                shown, np.full(len(shown), row - 0.15), "o", color=palette[way], ms=5, alpha=0.7
            )
        ax.plot(np.median(shown), row, "|", color="black", ms=14, mew=1.6)
        middle = float(np.median(ratio))
        text = f"{middle:.3g}" if np.isfinite(middle) else "never"
        ax.annotate(text, (1.0, row), xycoords=("axes fraction", "data"),
                    xytext=(6, 0), textcoords="offset points", va="bottom",
                    fontsize="small")  # fmt: skip
        ax.axhline(row, color=GREY, linewidth=0.5)
    ax.set_yticks(range(len(ways)), [short(one_line(way), 24) for way in ways])
    ax.set_ylim(len(ways) - 0.7, -1.0)
    two = ds.sizes["skill"] == 2
    ax.set_xlabel("t₂/t₁" if two else "last skill mastered over first")
    ax.set_title("median", loc="right", fontsize="small", color=GREY)
