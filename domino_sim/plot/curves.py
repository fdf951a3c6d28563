"""What changes with the training steps: levels, shares, and the domino strip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from domino_sim.plot.style import (
    FEW,
    GREY,
    LIGHT,
    colours,
    evenly,
    legend,
    mastery_order,
    plain,
    short,
    step_axis,
)

__all__ = ["levels", "share", "skill_rows", "strip"]

#: More lines or bars than these cannot be seen apart; a selection, evenly over the order, is.
MAX_LINES = 1000

#: Points of a line; a figure has no more pixels.
MAX_POINTS = 500

#: Bands of a stacked area; beyond, skills that follow one another share a band.
MAX_BANDS = 30

#: Names that fit along an axis.
MAX_NAMES = 40

NAME_WIDTH = 22


def levels(ax: Axes, ds: xr.Dataset, *, colour_of: Mapping[str, Any] | None = None) -> None:
    """Draw the level of each skill against steps; what is not mastered is dashed.

    Parameters
    ----------
    ax
        Where to draw.
    ds
        The result of a run.
    colour_of
        Colours by skill, to share them between figures; by default in order of mastery.
    """
    order = mastery_order(ds)
    names = ds["skill"].values
    palette = _palette(names[order], colour_of)
    drawn = evenly(np.arange(len(order)), MAX_LINES)
    rows = evenly(np.arange(ds.sizes["step"]), MAX_POINTS)
    steps = ds["step"].values[rows].astype(float)
    level = ds["level"].values[rows][:, order[drawn]]
    mastered = np.isfinite(ds["mastered_at"].values[order[drawn]])
    width = 1.8 if len(order) <= FEW else 1.1 if len(order) <= 100 else 0.6
    segments = np.stack([np.broadcast_to(steps[:, None], level.shape), level], axis=2)
    lines = LineCollection(
        list(segments.transpose(1, 0, 2)),
        colors=palette[drawn],
        linewidths=width,
        linestyles=["-" if done else (0, (4, 2)) for done in mastered],
        alpha=None if len(order) <= 100 else 0.8,
    )
    ax.add_collection(lines)
    mastery = ds.attrs.get("mastery")
    if mastery is not None:
        ax.axhline(float(mastery), color=GREY, linewidth=0.7, linestyle=":", zorder=0)
    step_axis(ax, float(ds["step"].values[-1]))
    ax.set_ylim(-0.02, 1.04)
    ax.set_ylabel("level")
    if len(order) <= FEW:
        handles = [
            Line2D([], [], color=colour, linestyle="-" if done else "--")
            for colour, done in zip(palette, mastered, strict=True)
        ]
        labels = [short(name, NAME_WIDTH) for name in names[order]]
        legend(
            ax, handles, labels, fontsize="small", frameon=False, labelspacing=0.3,
            loc="center left", bbox_to_anchor=(1.0, 0.5),
        )  # fmt: skip
    elif colour_of is None:
        note = f"{len(order):,} skills, dark to light in order of mastery"
        if len(drawn) < len(order):
            note += f" ({len(drawn):,} drawn)"
        ax.set_title(note, fontsize="small", color=GREY, loc="right")


def share(ax: Axes, ds: xr.Dataset, *, colour_of: Mapping[str, Any] | None = None) -> None:
    """Draw who has the resource as a stacked area, and in grey what no one gets.

    With more than 30 skills, those that follow one another in order of mastery share a band.
    With several modules every pool counts the same.
    """
    values = ds["share"].values
    step_axis(ax, float(ds["step"].values[-1]))
    ax.set_ylim(0, 1)
    modules = ds.sizes["module"]
    ax.set_ylabel("share of the pool" if modules == 1 else f"share of the {modules} pools")
    if not np.isfinite(values).any():
        message = "nothing is shared:\nunder this law skills do not compete"
        ax.text(0.5, 0.5, message, ha="center", va="center", color=GREY, transform=ax.transAxes)
        return
    order = mastery_order(ds)
    rows = evenly(np.arange(ds.sizes["step"]), MAX_POINTS)
    # With correlated tasks a share can be negative, which an area cannot show.
    values = np.clip(np.nan_to_num(values[rows][:, order]), 0, None) / modules
    starts = np.unique(np.linspace(0, len(order), MAX_BANDS + 1).astype(int)[:-1])
    bands = values if len(order) <= MAX_BANDS else np.add.reduceat(values, starts, axis=1)
    palette = _palette(ds["skill"].values[order], colour_of)
    if len(order) > MAX_BANDS:
        palette = palette[starts]
        note = f"bands of about {len(order) / len(starts):.0f} skills in order of mastery"
        ax.set_title(note, fontsize="small", color=GREY, loc="right")
    wasted = np.nan_to_num(ds["wasted"].values[rows]).sum(axis=1) / modules
    ax.stackplot(
        ds["step"].values[rows],
        np.column_stack([bands, wasted]).T,
        colors=[*palette, LIGHT],
        linewidth=0.3,
        edgecolor="white",
    )
    if wasted.mean() > 0.005:
        legend(ax, [Patch(color=LIGHT)], ["wasted"], fontsize="small", loc="upper right")


def skill_rows(ax: Axes, names: Sequence[str]) -> None:
    """Give every skill a row of its own on the vertical axis, with its name if there is room."""
    if len(names) > MAX_NAMES:
        ax.set_yticks([])
        ax.set_ylabel(f"{len(names):,} skills")
        return
    ax.set_yticks(range(len(names)), [short(str(name), NAME_WIDTH) for name in names])
    ax.tick_params(axis="y", labelsize="small" if len(names) <= 20 else 6)
    plain(ax.get_yticklabels())
    ax.grid(axis="y", color="#eeeeee")
    ax.set_axisbelow(True)


def strip(ax: Axes, ds: xr.Dataset, *, colour_of: Mapping[str, Any] | None = None) -> None:
    """Draw the domino strip: a bar for each skill from when its gate opened to its mastery.

    A skill that is not mastered has a hatched bar that runs to the end, and one that was never
    opened a cross there.
    """
    order = mastery_order(ds)
    palette = _palette(ds["skill"].values[order], colour_of)
    drawn = evenly(np.arange(len(order)), MAX_LINES)
    last = float(ds["step"].values[-1])
    mastered = ds["mastered_at"].values[order[drawn]]
    opened = ds["opened_at"].values[order[drawn]]
    # With a leak a skill can be mastered before its gate opens: it learned from the start.
    begin = np.where(opened <= np.nan_to_num(mastered, nan=last), opened, 0.0)
    done, never = np.isfinite(mastered), np.isnan(mastered) & np.isnan(opened)
    height = 0.8 if len(order) <= MAX_NAMES else 1.0
    end = np.where(done, mastered, last)
    for kind, hatch in ((done, None), (~done & ~never, "////")):
        ax.barh(
            drawn[kind],
            (end - begin)[kind],
            left=begin[kind],
            height=height * len(order) / len(drawn),
            color=palette[drawn][kind] if hatch is None else "none",
            edgecolor="none" if hatch is None else palette[drawn][kind],
            hatch=hatch if len(order) <= MAX_NAMES else None,
            linewidth=0.8 if len(order) <= MAX_NAMES else 0.3,
        )
    if len(order) <= MAX_NAMES:
        ax.scatter(end[done], drawn[done], s=14, color=palette[drawn][done], clip_on=False)
        open_ended = ~done & ~never
        here = (end[open_ended], drawn[open_ended])
        ax.scatter(*here, s=26, color=GREY, marker=">", clip_on=False, zorder=3)
        ax.set_yticks(drawn, [short(n, NAME_WIDTH) for n in ds["skill"].values[order]])
        ax.tick_params(axis="y", length=0, labelsize="small" if len(order) <= 20 else 6)
        plain(ax.get_yticklabels())
    else:
        ax.set_yticks([])
        ax.set_ylabel(f"{len(order):,} skills in order of mastery")
    here = (np.full(never.sum(), last), drawn[never])
    ax.scatter(*here, s=18, color=GREY, marker="x", clip_on=False)
    step_axis(ax, last)
    ax.set_ylim(len(order) - 0.4, -0.6)
    notes = []
    if (~done & ~never).any():
        notes.append("open to the end: not mastered")
    if never.any():
        notes.append("×: never opened")
    ax.set_title("; ".join(notes), fontsize="small", color=GREY, loc="right")


def _palette(names: np.ndarray, colour_of: Mapping[str, Any] | None) -> np.ndarray:
    if colour_of is None:
        return colours(len(names))
    return np.array([colour_of[name] for name in names])
