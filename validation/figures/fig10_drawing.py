"""Fig. 10, drawn: loss by size and by steps of both optimisers, and the exponents."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing

from domino_sim.levels import Floats
from domino_sim.plot.style import colours
from validation.drawing import DASHED, DOT, key, panels
from validation.figures.fig10_least import CAPACITY, EVERY_ALPHA, Least
from validation.figures.fig10_theory import LINES_AT, Theory
from validation.references import arrays, number, numbers
from validation.scaling_runs import OPTIMIZERS, TITLES, published

__all__ = ["Exponents", "Sizes", "draw"]

small = {**DOT, "markersize": 3.5}


@dataclass(frozen=True, slots=True)
class Exponents:
    """Fitted exponents α_N and α_S, by α, of each optimiser."""

    size: dict[str, Floats]
    step: dict[str, Floats]


@dataclass(frozen=True, slots=True)
class Sizes:
    """Losses at the end, (n_dim, alpha), after so many steps."""

    steps: int
    n_dim: tuple[int, ...]
    alpha: tuple[float, ...]
    loss: Floats


def draw(
    alphas: tuple[float, ...],
    curves: dict[str, Floats],
    sizes: dict[str, Sizes],
    least: Least,
    found: Exponents,
    theory: Theory,
) -> Drawing:
    """Draw `curves`, the loss (alpha, step) at n_dim 100, and `sizes`, of each optimiser."""
    figure, axes = panels(2, 3)
    told = published()
    step = told["step"]
    for j, o in enumerate(OPTIMIZERS):
        _sizes(axes[0, j], j, sizes[o], least)
        for i, (a, colour) in enumerate(zip(alphas, colours(len(alphas)), strict=True)):
            k = told["alpha"].tolist().index(a)
            axes[1, j].plot(step[1:], curves[o][i, 1:], color=colour)
            axes[1, j].plot(step[4::9], told["one_loss"][j, k, 1][4::9], **small)
            if o == "signgd" and (a, 100) in theory.loss:
                its = theory.loss[a, 100]
                axes[1, j].plot(np.arange(1, len(its)), its[1:], color=colour, ls=DASHED)
        axes[0, j].set_title(f"{TITLES[o]}, {sizes[o].steps:,} steps", fontsize=10)
        axes[1, j].set_title(f"{TITLES[o]}, n_dim 100", fontsize=10)
        for row, what, ends in ((0, "$n_{dim}$", (40, 220)), (1, "step", (80, 200))):
            ax = axes[row, j]
            ax.set(xscale="log", yscale="log", xlabel=what, ylabel="loss")
            for end in ends:
                ax.axvline(end, color="black", lw=0.7, ls=":")
        axes[1, j].set(xlim=(10, 6000), ylim=(1e-2, 1.0))
    many = len(sizes["signgd"].alpha) > 3
    axes[0, 0].legend(frameon=False, fontsize=6.5 if many else 8, loc="lower left",
                      ncols=2 if many else 1, columnspacing=1.0)  # fmt: skip
    key(axes[0, 1], "gradient runs", "least loss there is", "published", loc="lower left")
    key(axes[1, 0], "gradient runs", "simulated", "published", loc="lower left")
    _exponents(axes[0, 2], axes[1, 2], least, found, theory)
    return figure


def _sizes(ax: Axes, optimizer: int, drawn: Sizes, least: Least) -> None:
    """Draw losses by size; rings: published runs of seed 0, or of the whole sweep the picture."""
    slice_, picture = published(), arrays("fig10_picture")
    whole = len(drawn.alpha) == len(picture["alpha"])
    for i, (a, colour) in enumerate(zip(drawn.alpha, colours(len(drawn.alpha)), strict=True)):
        ax.plot(drawn.n_dim, drawn.loss[:, i], color=colour, marker=".", label=f"α = {a:g}")
        k = least.alpha.index(a)
        # Of the vectors that are trained on: those of seed 0.
        ax.plot(least.n_dim, least.loss[0, k], color="black", lw=0.9, ls=DASHED, zorder=3)
        if whole:
            ax.plot(picture["n_dim"], picture["loss"][optimizer, k], **small)
        else:
            told = slice_["one_loss_mean500"][optimizer, slice_["alpha"].tolist().index(a)]
            ax.plot(slice_["n_dim"], told, **DOT, markersize=5)
    if max(drawn.n_dim) > CAPACITY:
        ax.axvline(CAPACITY, color="black", lw=0.7)
        ax.annotate("all can be\nlearned", (CAPACITY, 1.0), (4, -3), fontsize=7, va="top",
                    xycoords=("data", "axes fraction"), textcoords="offset points")  # fmt: skip
    ends = drawn.loss[drawn.loss > 0]
    ax.set(xlim=(18, 1100), ylim=(max(float(ends.min()) / 4.0, 1e-4), 1.0))


def _exponents(
    size: Axes, steps: Axes, least: Least, found: Exponents, theory: Theory
) -> None:
    picture, shades = numbers("fig10")["exponents"], colours(4)
    every = np.linspace(1.0, 2.0, 21)
    for ax, name, ours in ((size, "size", found.size), (steps, "step", found.step)):
        for o, shade in zip(OPTIMIZERS, shades, strict=False):
            ax.plot(EVERY_ALPHA, picture[f"{name}_{o}"], **DOT, markersize=6)
            if o in ours:
                ax.plot(EVERY_ALPHA[: len(ours[o])], ours[o], ".-", color=shade, label=TITLES[o])
        line, _ = number("fig10", f"chinchilla_{name}")
        ax.axhline(line.number, color="black", lw=0.8, label=f"Chinchilla, {line.number:g}")
        ax.set_xlabel("α")
    at = LINES_AT[: len(theory.modules)]
    serial, parallel = shades[2], shades[3]
    size.plot(every, every - 1, color=serial, ls=DASHED, label="quanta, domino: α − 1")
    size.plot(EVERY_ALPHA, least.exponents(), "+", color="black", ms=9, label="least loss there is")
    size.plot(at, theory.modules, "x", color=serial, label="the same, 1000 tasks")
    steps.plot(every, every - 1, color=serial, ls=DASHED, label="domino: α − 1")
    steps.plot(every, (every - 1) / every, color=parallel, ls=DASHED, label="quanta: (α − 1)/α")
    steps.plot(at, theory.laws["domino"], "x", color=serial)
    steps.plot(at, theory.laws["constant"], "x", color=parallel)
    steps.plot([], [], "x", color="black", label="both, 1000 tasks")
    size.set(ylabel="$α_N$", ylim=(-0.05, 1.55))
    steps.set(ylabel="$α_S$", ylim=(-0.05, 1.9))
    for ax in (size, steps):
        ax.legend(frameon=False, fontsize=7, loc="upper left")
