"""Colours, order and labels, the same in all figures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter, MaxNLocator

__all__ = [
    "FEW",
    "GREY",
    "LIGHT",
    "STEPS",
    "colours",
    "evenly",
    "legend",
    "mastery_order",
    "plain",
    "short",
    "shorts",
    "step_axis",
]

#: Okabe and Ito's palette for the colour-blind, without its yellow, which is lost on white.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")

#: So many skills have names in legends and lines they can be told by.
FEW = 12

GREY, LIGHT = "#777777", "#cccccc"

#: How steps are written along an axis.
STEPS = FuncFormatter(lambda x, _: f"{x:,.12g}")


def mastery_order(ds: xr.Dataset) -> np.ndarray:
    """Return the skills' indices in order of mastery; then those opened, by level; then others."""
    never = np.inf
    mastered = np.nan_to_num(ds["mastered_at"].values, nan=never)
    opened = np.nan_to_num(ds["opened_at"].values, nan=never)
    unfinished = np.where(mastered < never, 0.0, -ds["level"].values[-1])
    return np.lexsort((opened, unfinished, (opened == never) & (mastered == never), mastered))


def colours(count: int) -> np.ndarray:
    """Return `count` colours (count, 4): distinct ones for a few, a scale from dark for many."""
    if count <= len(PALETTE):
        return matplotlib.colors.to_rgba_array(PALETTE[:count])
    # The end of the scale is too pale for a line on white.
    return matplotlib.colormaps["cividis"](np.linspace(0.0, 0.92, count))


def evenly(indices: np.ndarray, most: int) -> np.ndarray:
    """Return at most `most` of `indices`, evenly spaced, the first and the last among them."""
    if len(indices) <= most:
        return indices
    return indices[np.linspace(0, len(indices) - 1, most).round().astype(int)]


def short(text: str, width: int) -> str:
    """Return `text` with its middle left out where it is longer than `width` characters.

    The two ends are kept: long names often differ in their last word only.

    Examples
    --------
    >>> short("KL divergence of two Gaussians", 13)
    'KL div…ssians'
    """
    if len(text) <= width:
        return text
    head = width // 2
    return f"{text[:head]}…{text[len(text) - (width - head - 1) :]}"


def shorts(names: Iterable[str], width: int) -> dict[str, str]:
    """Return names as `short` does, but with more of those that would look the same.

    Examples
    --------
    >>> list(shorts(["Reading long passages", "Reading old passages", "sums"], 9).values())
    ['Reading l…passages', 'Reading o…passages', 'sums']
    """
    every = list(dict.fromkeys(names))
    found = {}
    for name in every:
        at = width
        while at < len(name) and any(short(name, at) == short(o, at) for o in every if o != name):
            at += 1
        found[name] = short(name, at)
    return found


def plain(texts: Iterable[Text]) -> None:
    """Keep matplotlib from reading the dollar signs of names as mathematics."""
    for text in texts:
        text.set_parse_math(False)


def legend(ax: Axes, handles: Sequence[Any], labels: Sequence[str], **options: Any) -> None:
    """Add a legend whose labels may be any text."""
    # Labels that start with "_" would be left out, so the texts are put in afterwards.
    box = ax.legend(handles, [str(i) for i in range(len(handles))], **options)
    plain(box.get_texts())
    for text, label in zip(box.get_texts(), labels, strict=True):
        text.set_text(label)


def step_axis(ax: Axes, last: float) -> None:
    """Make the horizontal axis one of training steps, from 0 to `last`."""
    ax.set_xlim(0, last if last > 0 else 1)
    ax.set_xlabel("step")
    ax.xaxis.set_major_locator(MaxNLocator(5))
    ax.xaxis.set_major_formatter(STEPS)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
