"""The figure of a calibration: curves with their fit, residuals, η and N₀, how laws compare."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, NullLocator

from domino_sim.calibration import Calibration, Estimate
from domino_sim.calibration.observations import RunRecord
from domino_sim.calibration.serial_model import half_rises
from domino_sim.errors import one_line
from domino_sim.plot.curves import NAME_WIDTH
from domino_sim.plot.figures import titled
from domino_sim.plot.style import FEW, GREY, LIGHT, colours, evenly, legend, plain, short, step_axis

__all__ = ["calibration_figure", "chosen_runs", "skill_palette"]

#: Runs that are drawn with their fit; of more, some evenly over their order.
MAX_RUNS = 4

#: Skills whose fits can be told from their data; of more, some evenly over their order.
MAX_SKILLS = 24

#: Records that are drawn of a curve.
MAX_POINTS = 120

#: Runs whose profiles can be told apart; of more, only the intervals are drawn.
MAX_PROFILES = 7

#: Runs that an axis has rows for.
MAX_ROWS = 40

#: A profile is drawn up to this many times the threshold of the interval.
HIGHEST_RISE = 3.0

#: An interval wider than this many times its value is cut off where nothing else is.
WIDE = 30.0

SYMBOLS = {"rate": "η, a step", "wasted": "N₀"}


def calibration_figure(found: Calibration) -> Figure:
    """Return the figure of a calibration.

    Above: levels (dots) with the fit of the best law (lines), and what is left beneath, of at
    most four runs and 24 skills a run, evenly over their orders. Below: the profiles of η and N₀,
    or their intervals where there are many runs, and how well each law fits and predicts.
    """
    order, palette = skill_palette(found)
    runs = chosen_runs(found, MAX_RUNS)
    drawn = order[evenly(np.arange(len(order)), MAX_SKILLS)]
    width = max(5.0 * len(runs), 13.0)
    figure = Figure(figsize=(width, 9.5), layout="constrained")
    above, below = figure.subfigures(2, 1, squeeze=False, height_ratios=(3, 2)).ravel()
    axes = above.subplots(
        2, len(runs), squeeze=False, sharex=True, sharey="row", height_ratios=(3, 1)
    )
    misses = found.residuals()
    for column, r in enumerate(runs):
        _curves(axes[0, column], found, r, drawn, palette)
        _residuals(axes[1, column], found.observations.runs[r], misses[r], drawn, palette)
        axes[0, column].set_xlabel("")
    axes[0, 0].set_ylabel("level")
    axes[1, 0].set_ylabel("data − fit")
    _limits(axes[1, 0], [misses[r][drawn] for r in runs])
    if len(order) <= FEW:
        handles = [Line2D([], [], color=palette[i]) for i in order]
        names = [short(found.observations.skills[i], NAME_WIDTH) for i in order]
        legend(
            axes[0, -1], handles, names, fontsize="small", frameon=False, labelspacing=0.3,
            loc="center left", bbox_to_anchor=(1.0, 0.5),
        )  # fmt: skip
    else:
        some = f"{len(drawn)} of " if len(drawn) < len(order) else ""
        note = f"{some}{len(order):,} skills, dark to light as they rise"
        axes[0, -1].set_title(note, fontsize="small", color=GREY, loc="right")
    pools = [name for name in SYMBOLS if any(e.name == name for e in found.estimates)]
    lower = below.subplots(1, len(pools) + 1, squeeze=False)[0]
    for ax, name in zip(lower, pools, strict=False):
        _parameter(ax, [e for e in found.estimates if e.name == name])
    _laws(lower[-1], found)
    titled(figure, _title(found, len(runs)))
    return figure


def chosen_runs(found: Calibration, most: int) -> list[int]:
    """Return the numbers of at most `most` runs, evenly over their order."""
    return evenly(np.arange(len(found.observations.runs)), most).tolist()


def skill_palette(found: Calibration) -> tuple[np.ndarray, np.ndarray]:
    """Return the skills in the order in which they rise half-way, and a colour of each (n, 4)."""
    rises = np.mean([np.log(half_rises(run)) for run in found.observations.runs], axis=0)
    order = np.argsort(rises, kind="stable")
    palette = np.empty((len(order), 4))
    palette[order] = colours(len(order))
    return order, palette


def _curves(
    ax: Axes, found: Calibration, r: int, drawn: np.ndarray, palette: np.ndarray
) -> None:
    run = found.observations.runs[r]
    last = float(run.steps[-1])
    fine = np.unique(np.concatenate([run.steps, np.linspace(0.0, last, 300)]))
    fitted = found.fit.levels(r, fine)
    few = len(found.observations.skills) <= FEW
    for i in drawn:
        there = evenly(np.flatnonzero(run.weight[i] > 0.0), MAX_POINTS)
        ax.plot(
            run.steps[there], run.level[i, there], ".", color=palette[i], alpha=0.55,
            markersize=5.5 if few else 3.5, markeredgewidth=0,
        )  # fmt: skip
        ax.plot(fine, fitted[i], color=palette[i], linewidth=1.5 if few else 0.9)
    step_axis(ax, last)
    seen = run.level[drawn][run.weight[drawn] > 0.0]
    low, high = (float(seen.min()), float(seen.max())) if len(seen) else (0.0, 1.0)
    bottom, top = ax.get_ylim() if ax.get_ylim() != (0.0, 1.0) else (-0.04, 1.06)
    ax.set_ylim(max(min(low - 0.03, -0.04, bottom), -0.5), min(max(high + 0.03, 1.06, top), 1.5))
    ax.set_title(short(one_line(run.name), 40), loc="left", fontsize="medium", parse_math=False)


def _residuals(
    ax: Axes, run: RunRecord, miss: np.ndarray, drawn: np.ndarray, palette: np.ndarray
) -> None:
    ax.axhline(0.0, color=GREY, linewidth=0.7)
    for i in drawn:
        there = np.flatnonzero(np.isfinite(miss[i]))
        if len(there) > MAX_POINTS:
            there = evenly(there, MAX_POINTS)
        ax.plot(
            run.steps[there], miss[i, there], ".-", color=palette[i], alpha=0.6,
            linewidth=0.4, markersize=2.5, markeredgewidth=0,
        )  # fmt: skip
    step_axis(ax, float(run.steps[-1]))


def _limits(ax: Axes, misses: Sequence[np.ndarray]) -> None:
    """Show all residuals but a few that would leave no room for the others."""
    size = np.abs(np.concatenate([miss[np.isfinite(miss)] for miss in misses]))
    high = float(np.quantile(size, 0.998)) if len(size) else 0.0
    ax.set_ylim(-1.25 * max(high, 1e-6), 1.25 * max(high, 1e-6))


def _parameter(ax: Axes, estimates: list[Estimate]) -> None:
    """Draw a parameter of one or several runs: profiles, or intervals where there are many."""
    if len(estimates) <= MAX_PROFILES and all(len(e.profile) for e in estimates):
        _profiles(ax, estimates)
    else:
        _intervals(ax, estimates)
    ax.set_xlabel(SYMBOLS[estimates[0].name])
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)


def _profiles(ax: Axes, estimates: list[Estimate]) -> None:
    palette = colours(len(estimates))
    low, high = _range(estimates)
    for e, colour in zip(estimates, palette, strict=True):
        x, rise = e.profile.T
        keep = (x > 0.0) & np.isfinite(rise)
        order = np.argsort(x[keep])
        # The root of the rise is nearly straight on both sides, which few points are enough for.
        ax.plot(x[keep][order], np.sqrt(rise[keep][order]), ".-", color=colour, markersize=3)
        ends = (max(e.low, low), min(e.high, high))
        ax.plot(ends, [1.0, 1.0], color=colour, linewidth=3.5, alpha=0.4, solid_capstyle="butt")
    ax.axhline(1.0, color=GREY, linewidth=0.7, linestyle=":", zorder=0)
    ax.set_ylim(0.0, math.sqrt(HIGHEST_RISE))
    ax.set_yticks([0.0, 1.0], ["best", "limit"])
    _value_axis(ax, low, high)
    _told(ax, estimates)
    if len(estimates) > 1:
        handles = [Line2D([], [], color=colour) for colour in palette]
        names = [short(one_line(e.key), 18) for e in estimates]
        legend(
            ax, handles, names, fontsize="x-small", frameon=False, ncols=2,
            loc="upper center", bbox_to_anchor=(0.5, -0.2),
        )  # fmt: skip


def _intervals(ax: Axes, estimates: list[Estimate]) -> None:
    """Draw a row for each run: the best value in its interval."""
    low, high = _range(estimates)
    shown = [estimates[k] for k in evenly(np.arange(len(estimates)), MAX_ROWS)]
    for row, e in enumerate(shown):
        ends = (max(e.low, low), min(e.high, high))
        ax.plot(ends, [row, row], color=colours(1)[0], linewidth=1.4, alpha=0.6)
        if low <= e.value <= high:
            ax.plot([e.value], [row], ".", color=colours(1)[0], markersize=5)
    ax.set_ylim(len(shown) - 0.4, -0.6)
    ax.set_yticks(range(len(shown)), [short(one_line(e.key), 14) for e in shown])
    ax.tick_params(axis="y", labelsize="x-small" if len(shown) <= 24 else 5)
    plain(ax.get_yticklabels())
    ax.grid(axis="y", color="#eeeeee")
    ax.set_axisbelow(True)
    _value_axis(ax, low, high)
    _told(ax, estimates)


def _range(estimates: list[Estimate]) -> tuple[float, float]:
    """Return between which values to draw: all intervals, as far as they have ends."""
    known = [e.value for e in estimates if 0.0 < e.value < math.inf]
    ends = [x for e in estimates for x in (e.low, e.high) if 0.0 < x < math.inf]
    if not known and not ends:
        return 1e-3, 1.0
    middle = float(np.median(known or ends))
    low, high = min(known + ends), max(known + ends)
    low, high = max(low, middle / WIDE**2), min(high, middle * WIDE**2)
    if any(e.low <= 0.0 for e in estimates):
        low = min(low, high / WIDE)
    if any(math.isinf(e.high) for e in estimates):
        high = max(high, low * WIDE)
    spread = max(high / low, 1.0 + 1e-9)
    return low / spread**0.35, high * spread**0.35


def _value_axis(ax: Axes, low: float, high: float) -> None:
    if high / low > 8.0:
        ax.set_xscale("log")
        ax.set_xlim(low, high)
        ax.xaxis.set_major_locator(LogLocator(numticks=6))
        ax.xaxis.set_minor_formatter(NullFormatter())
        return
    ax.set_xlim(low, high)
    ax.xaxis.set_major_locator(MaxNLocator(4))
    ax.ticklabel_format(axis="x", style="sci", scilimits=(-3, 4), useMathText=True)
    # Values that differ in their last digits only keep them, without an offset.
    ax.ticklabel_format(axis="x", useOffset=False)


def _told(ax: Axes, estimates: list[Estimate]) -> None:
    """Write what is not as it should be over the panel; else the value, if there is one only."""
    odd = [e for e in estimates if e.status != "ok"]
    if len(estimates) == 1:
        e = estimates[0]
        text = odd[0].status if odd else f"{e.value:.4g} ({e.low:.4g} to {e.high:.4g})"
    elif odd:
        text = f"{len(odd)} of {len(estimates)} with an open end"
    else:
        text = f"{len(estimates)} runs"
    ax.set_title(text, loc="left", fontsize="medium")


def _laws(ax: Axes, found: Calibration) -> None:
    """Draw how far each law is from the data, and from data that it has not seen."""
    rows = found.comparison.rows
    marks = (
        ("fitted", "o", "rms"), ("last third", "D", "held_out"), ("other runs", "s", "left_out"),
    )  # fmt: skip
    handles, names = [], []
    for name, marker, key in marks:
        values = np.array([getattr(row, key) for row in rows])
        there = np.flatnonzero(np.isfinite(values) & (values > 0.0))
        if not len(there):
            continue
        face = colours(1)[0] if key == "rms" else "none"
        ax.plot(
            values[there], there, marker, color=colours(1)[0], markerfacecolor=face, markersize=6
        )
        handles.append(
            Line2D([], [], color=colours(1)[0], marker=marker, linestyle="", markerfacecolor=face)
        )
        names.append(name)
    ax.set_xscale("log")
    _room(ax)
    for place, row in enumerate(rows):
        ax.axhline(place, color=LIGHT, linewidth=0.6, zorder=0)
        told = "best" if place == 0 else f"behind by {_count(row.behind)}"
        ax.text(1.01, place, told, transform=ax.get_yaxis_transform(), va="center",
                fontsize="small", color=GREY)  # fmt: skip
    ax.set_yticks(range(len(rows)), [row.law for row in rows])
    ax.set_ylim(len(rows) - 0.5, -0.5)
    unit = "standard errors" if found.observations.weighted else "levels"
    ax.set_xlabel(f"root mean squared error, in {unit}")
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    legend(
        ax, handles, names, fontsize="x-small", frameon=False, ncols=len(names),
        loc="lower center", bbox_to_anchor=(0.5, 1.0), handletextpad=0.2,
    )  # fmt: skip


def _room(ax: Axes) -> None:
    """Leave room at both ends of a logarithmic axis, and have two labels at least."""
    low, high = ax.get_xlim()
    if high / low < 12.0:
        middle = math.sqrt(low * high)
        low, high = min(low, middle / 4.0), max(high, middle * 4.0)
    ax.set_xlim(low / 1.3, high * 1.3)
    decades = 10.0 ** np.arange(math.ceil(math.log10(low / 1.3)), math.log10(high * 1.3))
    ticks = decades if len(decades) > 1 else np.array([f * d for d in decades for f in (0.3, 1, 3)])
    ticks = ticks[(ticks > low / 1.3) & (ticks < high * 1.3)]
    ax.set_xticks(evenly(ticks, 5), [f"{x:g}" for x in evenly(ticks, 5)])
    ax.xaxis.set_minor_locator(NullLocator())


def _count(value: float) -> str:
    return f"{value:,.1f}" if abs(value) < 100 else f"{value:,.0f}"


def _title(found: Calibration, runs: int) -> str:
    title = f"Pool law: {found.comparison.verdict}"
    count = len(found.observations.runs)
    return title if runs == count else f"{title}; {runs} of {count:,} runs"
