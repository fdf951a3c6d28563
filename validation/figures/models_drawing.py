"""The Geometry and the Resource model, drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from numpy.typing import NDArray

from domino_sim.plot.style import colours
from validation.drawing import DOT, key, levels
from validation.references import arrays
from validation.setting import Arrays

__all__ = ["draw_difference", "draw_levels", "draw_loss", "finish"]


def draw_levels(
    ax: Axes, name: str, own: NDArray[Any], theory: xr.Dataset, published: tuple[Any, Any]
) -> None:
    """Draw the levels of a run at every step, as predicted, and published ones as rings."""
    step, level = published
    levels(ax, np.arange(len(own)), own, (theory.step, theory.level),
           f"geometry, {name.replace('_', ', ')}")  # fmt: skip
    for k, colour in enumerate(colours(10)):
        ax.plot(step[::5], level[::5, k], **{**DOT, "markeredgecolor": colour}, markersize=3)


def draw_loss(ax: Axes, loss: NDArray[Any], published: str) -> None:
    """Draw a loss at every step, and the published one, kept at every tenth."""
    ax.plot(loss, color="black")
    every = arrays("models_runs")[published]
    ax.plot(10 * np.arange(0, len(every), 4), every[::4], **DOT, markersize=3)


def draw_difference(ax: Axes, runs: dict[str, Arrays]) -> None:
    """Draw how far a true sign and Adam (0, 0) are apart."""
    for loss, style in (("mse", "-"), ("ce", ":")):
        ran = runs[f"{loss}_signgd"]
        away = np.abs(ran["as_adam"] - ran["level"][0]).max(axis=1)
        ax.semilogy(np.maximum(away, 1e-8), style, color="black", label=loss, linewidth=0.8)
    ax.set_title("sign against Adam (0, 0)", fontsize=10)
    ax.set(xlabel="step", ylabel="largest difference")
    ax.legend(frameon=False, fontsize=8)


def finish(figure: Drawing, axes: NDArray[Any]) -> None:
    """Say what lines and axes are."""
    key(axes[0, 0], "run", "predicted", "published", loc="lower right")
    key(axes[0, 2], "Euler", "continuous", "published", loc="lower right")
    for k, words in enumerate(("mean over tasks", "mean over tasks", "sum", "sum")):
        axes[1, k].set(yscale="log", xlabel="step", ylabel=f"loss ({words})")
    figure.align_ylabels()
