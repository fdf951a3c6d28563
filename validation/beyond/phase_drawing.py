"""`phase`, drawn: the map of what is never learned, and gradient runs against the closed form."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure as Drawing

from domino_sim.levels import Floats
from domino_sim.plot.style import colours
from validation.drawing import DASHED, panels

__all__ = ["draw"]


def draw(
    fraction: Floats,
    dims: tuple[int, ...],
    alphas: tuple[float, ...],
    tasks: int,
    runs: dict[str, Any],
    exact: dict[Any, Floats],
    way: tuple[Floats, Floats],
) -> Drawing:
    """Draw four panels."""
    figure, axes = panels(1, 4, size=(14.5, 3.4))
    shade, rank, pairs, time = axes[0]
    x = np.array(dims) / tasks
    image = shade.pcolormesh(x, alphas, fraction, cmap="viridis", vmin=0.0, vmax=1.0)
    lines = shade.contour(x, alphas, fraction, [0.1, 0.3, 0.5, 0.7], colors="white", linewidths=0.8)
    shade.clabel(lines, fontsize=7)
    for n, d, a in exact:
        part = (runs["sgd"][n, d, a] > 0.5).mean()
        shade.scatter(d / n, a, c=[part], cmap="viridis", vmin=0.0, vmax=1.0, s=60,
                      edgecolors="red")  # fmt: skip
    figure.colorbar(image, ax=shade, label="part of skills below ½ for ever")
    shade.set(xlabel="n_dim / n_task", ylabel="α, $p ∝ i^{-α}$")
    shade.set_title("never half learned (ringed: trained)", fontsize=10)
    shown = [case for case in exact if case[:2] == (30, 10)]
    for case, colour in zip(shown, colours(len(shown)), strict=True):
        order = np.arange(1, case[0] + 1)
        rank.plot(order, runs["sgd"][case][0], "o", ms=4, color=colour, label=f"α = {case[2]:g}")
        rank.plot(order, exact[case][0], color=colour, ls=DASHED, lw=1.0)
    rank.axhline(0.5, color="black", lw=0.7, ls=":")
    rank.set(xlabel="rank of the skill by frequency", ylabel="unlearned part")
    rank.set_title("30 tasks, 10 dimensions", fontsize=10)
    rank.legend(frameon=False, fontsize=8)
    for o, marker, colour in zip(("sgd", "signgd"), (".", "x"), colours(2), strict=True):
        closed = np.concatenate([exact[case].ravel() for case in exact])
        trained = np.concatenate([runs[o][case].ravel() for case in exact])
        pairs.plot(closed, trained, marker, ms=4, color=colour,
                   label={"sgd": "SGD", "signgd": "SignGD"}[o])  # fmt: skip
    ends = pairs.get_xlim()
    pairs.plot(ends, ends, color="black", lw=0.7, ls=":")
    pairs.set(xlabel="closed form", ylabel="trained")
    pairs.set_title("unlearned part, all settings", fontsize=10)
    pairs.legend(frameon=False, fontsize=8)
    steps = np.array([1, 3, 10, 30, 100, 300, 1000])
    every = (0, 4, 9, 14, 19, 29)
    for i, colour in zip(every, colours(len(every)), strict=True):
        time.plot(steps, way[1][:, i], "o", ms=4, color=colour)
        time.plot(steps, way[0][:, i], color=colour, ls=DASHED, label=f"rank {i + 1}")
    time.set(xscale="log", xlabel="t, in units of 1/η", ylabel="level")
    time.set_title("`clock` (dashed), expm (dots)", fontsize=10)
    time.set_ylim(top=2.2)
    time.legend(frameon=False, fontsize=7, ncols=2, loc="upper left")
    return figure
