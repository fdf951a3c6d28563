"""Figures of sweeps: lines over one axis, maps over two, dots of drawn points."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure

from domino_sim.errors import ArgumentError, nearest_name
from domino_sim.plot.figures import titled
from domino_sim.plot.style import FEW, GREY, LIGHT, colours, legend, plain, short

__all__ = ["axis_scale", "chosen", "quantities", "sweep_figure"]

#: An axis whose numbers span more than this factor is drawn on a log scale.
WIDE = 20.0

MOST_PANELS = 12

LABELS = {
    "all_mastered_at": "step at which all skills are mastered",
    "mastered_at": "step at which mastered",
    "mastered": "skills mastered",
    "final_loss": "loss at the last step",
}


def sweep_figure(ds: xr.Dataset, of: str | None = None) -> Figure:
    """Return the figure of a sweep (`Sweep.to_xarray`).

    One axis: lines, one a skill; two: a map; three: a map for each value of the first; drawn
    points: dots over each key. Over seeds (and mixtures) lines are medians, with bands from the
    lowest to the highest; maps show medians.

    Parameters
    ----------
    of
        ``all_mastered_at``, ``mastered``, ``final_loss`` or ``mastered_at.SKILL``; by default
        mastery, or the final loss where nothing is mastered.
    """
    values, label = chosen(ds, of)
    axes = [d for d in values.dims if d not in ("seed", "mixture", "skill")]
    spread = [d for d in values.dims if d in ("seed", "mixture")]
    if not axes and spread:
        axes, spread = [str(spread[0])], spread[1:]
    if "sample" in axes:
        figure = _dots(ds, values, label)
    elif len(axes) == 1:
        single = of is None and "mastered_at" in str(values.name or "") and _lines_fit(ds)
        several = ds["mastered_at"] if single or of == "mastered_at" else values
        figure = _lines(ds, several, str(axes[0]), spread, label)
    elif len(axes) in (2, 3):
        figure = _maps(ds, values, [str(a) for a in axes], spread, label)
    else:
        raise ArgumentError(
            f"{len(axes)} axes", where="figure", expected="at most three: choose from to_xarray()"
        )
    titled(figure, str(ds.attrs.get("title", "")))
    return figure


def quantities(ds: xr.Dataset) -> list[str]:
    """Return what can be drawn of a sweep."""
    skills = [f"mastered_at.{name}" for name in ds["skill"].values.tolist()]
    return ["all_mastered_at", "mastered", "final_loss", *skills]


def chosen(ds: xr.Dataset, of: str | None) -> tuple[xr.DataArray, str]:
    """Return what is to be drawn, and its label.

    Raises
    ------
    ArgumentError
        If there is no such quantity.
    """
    if of is None:
        some = bool(np.isfinite(ds["all_mastered_at"].values).any())
        of = "all_mastered_at" if some else "final_loss"
    if of in ("all_mastered_at", "mastered", "final_loss"):
        return ds[of], LABELS[of]
    skill = of.removeprefix("mastered_at.")
    if of == skill or skill not in ds["skill"].values:
        known = quantities(ds)
        raise ArgumentError(
            f"there is no {of!r}",
            where="of",
            expected=f"one of {', '.join(known[:5])}{', …' if known[5:] else ''}",
            nearest=nearest_name(of, known),
        )
    return ds["mastered_at"].sel(skill=skill), f"step at which {short(skill, 30)} is mastered"


def axis_scale(ax: Axes, which: str, values: np.ndarray) -> None:
    """Draw an axis on a log scale where its numbers span much."""
    good = values[np.isfinite(values)]
    if len(good) and good.min() > 0 and good.max() > WIDE * good.min():
        getattr(ax, f"set_{which}scale")("log")


def _lines_fit(ds: xr.Dataset) -> bool:
    return 0 < ds.sizes["skill"] <= FEW


def _lines(
    ds: xr.Dataset, values: xr.DataArray, axis: str, spread: Sequence[Hashable], label: str
) -> Figure:
    figure = Figure(figsize=(8, 5), layout="constrained")
    ax = figure.subplots()
    x, ticks = _places(ds, axis)
    several = "skill" in values.dims
    names = ds["skill"].values.tolist() if several else [""]
    handles = []
    for name, colour in zip(names, colours(len(names)), strict=True):
        line = values.sel(skill=name) if several else values
        table = line.transpose(*spread, axis).values.reshape(-1, len(x)).astype(float)
        middle, low, high = _bands(table)
        handles += ax.plot(x, middle, color=colour, marker="o", markersize=3)
        if len(table) > 1:
            ax.fill_between(x, low, high, color=colour, alpha=0.2, linewidth=0)
    _label(ax, "x", ds, axis, x, ticks)
    ax.set_ylabel(LABELS["mastered_at"] if several else label, parse_math=False)
    axis_scale(ax, "y", values.values)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    if several:
        legend(
            ax, handles, [short(str(n), 24) for n in names], frameon=False, fontsize="small",
            loc="center left", bbox_to_anchor=(1.0, 0.5),
        )  # fmt: skip
    if spread:
        count = int(np.prod([ds.sizes[d] for d in spread]))
        what = " and ".join(f"{d}s" for d in spread)
        ax.set_title(
            f"median of {count} {what}; band: lowest to highest", loc="right",
            fontsize="small", color=GREY,
        )  # fmt: skip
    return figure


def _bands(table: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return median, lowest and highest over the rows (NaN, never: later than any)."""
    late = np.where(np.isnan(table), np.inf, table)
    ordered = np.sort(late, axis=0)
    middle = ordered[[(len(late) - 1) // 2, len(late) // 2]].mean(axis=0)
    seen = np.where(np.isfinite(ordered), ordered, np.nan)
    middle = np.where(np.isfinite(middle), middle, np.nan)
    return middle, np.fmin.reduce(seen, axis=0), np.fmax.reduce(seen, axis=0)


def _maps(
    ds: xr.Dataset, values: xr.DataArray, axes: Sequence[str], spread: Sequence[Hashable],
    label: str,
) -> Figure:
    first = axes[0] if len(axes) == 3 else None
    y_axis, x_axis = axes[-2:]
    table = values.transpose(*spread, *axes).values.astype(float)
    middle = _bands(table.reshape(-1, *table.shape[len(spread) :]))[0]
    if first is None:
        middle = middle[None]
    shown = np.unique(np.linspace(0, len(middle) - 1, min(len(middle), MOST_PANELS)).astype(int))
    columns = min(len(shown), 4)
    rows = math.ceil(len(shown) / columns)
    size = (7.5, 5.5) if len(shown) == 1 else (3.6 * columns + 1.2, 3.2 * rows + 0.4)
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False)
    good = middle[np.isfinite(middle)]
    wide = len(good) and good.min() > 0 and good.max() > WIDE * good.min()
    limits = (good.min(), good.max()) if len(good) else (0.0, 1.0)
    norm = LogNorm(*limits) if wide else Normalize(*limits)
    (x, x_ticks), (y, y_ticks) = _places(ds, x_axis), _places(ds, y_axis)
    mesh: Any = None
    for ax, place in zip(panels.ravel(), shown, strict=False):
        ax.set_facecolor(LIGHT)
        mesh = ax.pcolormesh(_edges(x), _edges(y), middle[place], norm=norm, cmap="cividis")
        _label(ax, "x", ds, x_axis, x, x_ticks)
        _label(ax, "y", ds, y_axis, y, y_ticks)
        if first is not None:
            text = f"{first} = {_written(ds[first].values[place])}"
            ax.set_title(text, fontsize="small", loc="left", parse_math=False)
    for ax in panels.ravel()[len(shown) :]:
        ax.set_axis_off()
    bar = figure.colorbar(mesh, ax=panels, label=label)
    plain([bar.ax.yaxis.label])
    if len(good) < middle.size:
        panels[0, 0].set_title("grey: never", loc="right", fontsize="small", color=GREY)
    return figure


def _dots(ds: xr.Dataset, values: xr.DataArray, label: str) -> Figure:
    keys = [str(n) for n, c in ds.coords.items() if c.dims == ("sample",) and n != "sample"]
    keys = keys[:MOST_PANELS]
    columns = min(len(keys), 3)
    rows = math.ceil(len(keys) / columns)
    figure = Figure(figsize=(4.2 * columns, 3.6 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False, sharey=True)
    other = [d for d in values.dims if d != "sample"]
    table = values.transpose("sample", *other).values.reshape(ds.sizes["sample"], -1)
    middle = _bands(table.astype(float).T)[0]
    for number, (ax, key) in enumerate(zip(panels.ravel(), keys, strict=False)):
        x, ticks = _places(ds, key)
        ax.plot(x, middle, ".", color=colours(1)[0], markersize=4, alpha=0.6)
        _label(ax, "x", ds, key, x, ticks)
        axis_scale(ax, "y", middle)
        if number % columns == 0:
            ax.set_ylabel(label, parse_math=False)
    for ax in panels.ravel()[len(keys) :]:
        ax.set_axis_off()
    return figure


def _places(ds: xr.Dataset, axis: str) -> tuple[np.ndarray, list[str] | None]:
    """Return where the values of an axis stand: at their numbers, or in a row with names."""
    values = ds[axis].values
    if values.dtype.kind in "iuf":
        return values.astype(float), None
    return np.arange(float(len(values))), [short(_written(v), 20) for v in values.tolist()]


def _label(
    ax: Axes, which: str, ds: xr.Dataset, axis: str, values: np.ndarray, ticks: list[str] | None
) -> None:
    together = [str(n) for n, c in ds.coords.items() if c.dims == (axis,) and n != axis]
    text = " & ".join([axis, *together]) if axis != "sample" else axis
    getattr(ax, f"set_{which}label")(short(text, 60), parse_math=False)
    if ticks is None:
        axis_scale(ax, which, values)
        return
    getattr(ax, f"set_{which}ticks")(values, ticks)
    plain(getattr(ax, f"get_{which}ticklabels")())


def _edges(values: np.ndarray) -> np.ndarray:
    """Return the borders of cells about values that rise or fall, evenly also in the logarithm."""
    if len(values) == 1:
        return np.array([values[0] - 0.5, values[0] + 0.5])
    wide = values.min() > 0 and values.max() > WIDE * values.min()
    scaled = np.log(values) if wide else values
    inner = (scaled[1:] + scaled[:-1]) / 2
    ends = (2 * scaled[0] - inner[0], *inner, 2 * scaled[-1] - inner[-1])
    return np.exp(ends) if wide else np.array(ends)


def _written(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
