"""The figure of scaling laws: what a sweep gives on log axes, with fitted exponents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from domino_sim.errors import ArgumentError
from domino_sim.plot.figures import titled
from domino_sim.plot.style import GREY, colours, legend, short
from domino_sim.plot.sweep import chosen
from domino_sim.plot.sweep_axes import arranged, named, written
from domino_sim.sweeps.scaling import Line, loss_lines, scaling_lines

__all__ = ["scaling_figure", "scaling_of"]

#: Characters of labels that have room for two columns.
MOST_BESIDE = 36


def scaling_of(ds: xr.Dataset, of: str | None = None, over: str | None = None) -> list[Line]:
    """Return the power laws that `scaling_figure` draws.

    Examples
    --------
    >>> from domino_sim import sweep
    >>> found = sweep("fig17-1", {"pool.rate": [1e-3, 2e-3, 4e-3]})
    >>> (line,) = scaling_of(found.to_xarray(), "all_mastered_at")
    >>> line.law.points, round(line.law.exponent, 6)
    (3, -1.0)
    """
    ds = arranged(ds)
    of = of or "final_loss"
    values, _ = chosen(ds, of)
    if "skill" in values.dims:
        raise ArgumentError(
            "'mastered_at' is of many skills", where="of", expected="mastered_at.SKILL"
        )
    lines = scaling_lines(ds, values, over)
    if "total_loss" in ds and of == "final_loss":
        lines += loss_lines(ds, lines[0].over, next(iter(lines[0].at), None))
    if not any((line.y > 0).any() for line in lines):
        raise ArgumentError(
            f"{of} is nowhere above 0", where="scaling", expected="numbers above 0, for log axes"
        )
    return lines


def scaling_figure(ds: xr.Dataset, of: str | None = None, over: str | None = None) -> Figure:
    """Return the figure of scaling laws of a sweep (`Sweep.to_xarray`).

    A panel over the numbers of one axis, a line a value of the other; and where losses were kept
    (``curves = "loss"``), a panel over the steps, at the highest number of that axis. Dots are
    means over seeds (of logarithms), lines power laws, with the 95 % interval of the exponent. An
    x that not all seeds reached is left out (△), since those that did are the quick ones.

    Parameters
    ----------
    of
        As in `sweep_figure`; the final loss by default.
    over
        The axis; by default the one of largest span.

    Raises
    ------
    ArgumentError
        If there is no axis of numbers above 0, there are too many axes, or nothing is above 0.
    """
    found = scaling_of(ds, of, over)
    label = chosen(ds, of or "final_loss")[1]
    steps = [line for line in found if line.over == "step"]
    panels = 2 if steps else 1
    figure = Figure(figsize=(6.6 * panels, 6.4), layout="constrained")
    left, *right = figure.subplots(1, panels, squeeze=False)[0]
    across = [line for line in found if line.over != "step"]
    _panel(left, across)
    left.set_xlabel(named(across[0].over), parse_math=False)
    left.set_ylabel(label, parse_math=False)
    for ax in right:
        _panel(ax, steps)
        ax.set_xlabel("step")
        ax.set_ylabel("loss")
        text = f"{across[0].over} = {written(float(across[0].x.max()))}"
        ax.set_title(text, loc="left", fontsize="medium", parse_math=False)
    titled(figure, str(ds.attrs.get("title", "")))
    return figure


def _panel(ax: Axes, lines: Sequence[Line]) -> None:
    """Draw points, power laws over the points they are fitted to, and their exponents."""
    handles, labels = [], []
    style: dict[str, Any] = {"marker": "o", "linestyle": "", "alpha": 0.6, "markersize": 4}
    for line, colour in zip(lines, colours(len(lines)), strict=True):
        there = line.x > 0
        handles += ax.plot(line.x[there], line.y[there], color=colour, **style)
        never = there & line.never
        if never.any() and line.over != "step":
            ax.plot(
                line.x[never], np.full(never.sum(), 0.985), "^", color=colour, markersize=5,
                markerfacecolor="none", transform=ax.get_xaxis_transform(), clip_on=False,
            )  # fmt: skip
        if line.law is not None:
            ends = np.array([line.law.first, line.law.last])
            ax.plot(ends, line.law.scale * ends**line.law.exponent, color=colour, linewidth=1.2)
        labels.append(_label(line))
    ax.set_xscale("log")
    ax.set_yscale("log")
    names = [named(str(key)) for key in lines[0].at]
    # Wide labels side by side would press the panel together.
    columns = 2 if max(map(len, labels)) < MOST_BESIDE else 1
    title = "".join(f"{name}:  " for name in names) + "exponent (95 %)"
    legend(
        ax, handles, labels, fontsize="small", frameon=False, title=title,
        title_fontsize="small", loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=columns,
    )  # fmt: skip
    box = ax.get_legend()
    assert box is not None
    box.get_title().set_color(GREY)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)


def _label(line: Line) -> str:
    """Return the exponent of a line, as the legend has it."""
    name = "".join(f"{short(written(value), 12)}:  " for value in line.at.values())
    law = line.law
    if law is None:
        return f"{name}too few points"
    text = f"{name}{law.exponent:.2f}  ({law.low:.2f} to {law.high:.2f})"
    if law.left_out:
        text += f"; △ {law.left_out} of {law.points + law.left_out} left out"
    if law.bends:
        text += f"; bends: {law.slopes[0]:.2g} to {law.slopes[1]:.2g}"
    return text
