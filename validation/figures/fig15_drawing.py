"""Fig. 15, drawn: loss and skills of each optimiser by tasks and noise; final levels in pairs."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing

from domino_sim.plot.style import colours
from validation.drawing import DOT, panels
from validation.references import arrays
from validation.setting import Arrays

__all__ = ["NAMES", "NOISES", "OPTIMIZERS", "TASKS", "Case", "draw"]

#: Number of tasks, noise, optimiser.
Case = tuple[int, float, str]

TASKS, NOISES, OPTIMIZERS = (10, 40), (0.0, 0.2, 1.0), ("adam", "mix", "lion")
NAMES = {"adam": "Adam", "mix": "AdEMAMix", "lion": "Lion"}

#: The pairs of the published scatter plots, at 40 tasks and noise 0.2.
PAIRS = (("adam", "mix"), ("adam", "lion"), ("mix", "lion"))


def draw(done: dict[Case, Arrays]) -> Drawing:
    """Draw one seed a setting, solid, and the published run as rings."""
    groups = [(n, z) for n in TASKS for z in NOISES if (n, z, "lion") in done]
    rows = len(groups) + 1
    figure, axes = panels(rows, 4, size=(13.0, 1.75 * rows + 0.6))
    reference = arrays("fig15")
    step = reference["step"]
    for row, (n, noise) in zip(axes, groups, strict=False):
        place = (TASKS.index(n), NOISES.index(noise))
        row[0].set_ylabel(f"{n} tasks\nnoise {noise:g}")
        for k, (o, colour) in enumerate(zip(OPTIMIZERS, colours(3), strict=True)):
            run = done[n, noise, o]
            row[0].plot(step[1:], run["loss"][0, 1:], color=colour, label=NAMES[o])
            told = reference["loss"][(*place, k)]
            ring = {**DOT, "markeredgecolor": colour}
            row[0].plot(step[1::6], np.maximum(told[1::6], 1e-13), **ring, markersize=3.5)
            _skills(row[1 + k], reference[f"step_skill_{n}"], run["level"][0])
        row[0].set_yscale("log")
        if (n, noise) != groups[-1]:
            for ax in row:
                ax.set_xticklabels([])
    for ax, title in zip(axes[0], ("loss", *(f"skills, {NAMES[o]}" for o in OPTIMIZERS)),
                         strict=True):  # fmt: skip
        ax.set_title(title, fontsize=10)
    for ax in axes[len(groups) - 1]:
        ax.set_xlabel("step")
    axes[0, 1].legend(axes[0, 0].get_lines()[::2], [NAMES[o] for o in OPTIMIZERS], frameon=False,
                      fontsize=8, loc="center right", title="loss", title_fontsize=8)  # fmt: skip
    _pairs(axes[-1], done)
    return figure


def _skills(ax: Axes, step: np.ndarray, level: np.ndarray) -> None:
    from matplotlib import colormaps

    shades = colormaps["viridis"](np.linspace(0.0, 1.0, level.shape[1]))
    for i, shade in enumerate(shades):
        ax.plot(step, level[:, i], color=shade, linewidth=0.8)
    ax.set_ylim(-0.03, 1.03)
    ax.set_yticks([0.0, 0.5, 1.0])


def _pairs(row: np.ndarray, done: dict[Case, Arrays]) -> None:
    final = arrays("fig15")["skillfinal_40"][NOISES.index(0.2)]
    for ax, (a, b) in zip(row, PAIRS, strict=False):
        x, y = (done[40, 0.2, o]["level"][0, -1] for o in (a, b))
        ax.plot(x, y, ".", color=colours(1)[0])
        ax.plot(*(final[OPTIMIZERS.index(o)] for o in (a, b)), **DOT, markersize=5)
        ax.plot([0, 1], [0, 1], color="black", lw=0.8, ls=":")
        ax.set(xlabel=f"level, {NAMES[a]}", ylabel=f"level, {NAMES[b]}")
    ax = row[-1]
    ax.axis("off")
    ax.plot([], [], color="grey", label="a line: one seed of ours")
    ax.plot([], [], ".", color=colours(1)[0], label="final levels, 40 tasks, noise 0.2")
    ax.plot([], [], **DOT, label="ring: published run")
    ax.legend(frameon=False, fontsize=9, loc="center left")
