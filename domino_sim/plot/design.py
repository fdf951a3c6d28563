"""The figure of planned runs: their mixtures, and which edges are decided after each."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from domino_sim.errors import one_line
from domino_sim.inference.planned import Design
from domino_sim.plot.curves import NAME_WIDTH
from domino_sim.plot.figures import titled
from domino_sim.plot.style import GREY, evenly, plain, short, shorts

__all__ = ["design_figure"]

#: Rows of each table; of more, some evenly over their order. Runs whose cells have numbers.
MAX_ROWS, FEW_RUNS = 40, 8

#: Inches a row, and a column.
ROW, COLUMN = 0.24, 0.75


def design_figure(plan: Design) -> Figure:
    """Return the figure of planned runs.

    Left: how frequent each skill is in each run, dark where it is rare; a cross where it is left
    out. Right: the chance that each edge in doubt is decided after each run. First runs, of skills
    of which nothing is known, have the left part alone.
    """
    report = plan.report
    first = report["source"] == "skills"
    runs = plan.mixtures.sizes["run"]
    edges = [*report["decided"], *report["left"]]
    skills = plan.mixtures["skill"].values.tolist()
    rows = min(max(len(skills), len(edges), 4), MAX_ROWS)
    width = (3.5 if first else 6.0) + (1 if first else 2) * COLUMN * max(runs, 1)
    figure = Figure(figsize=(min(width, 20.0), 1.8 + ROW * rows), layout="constrained")
    left, *others = figure.subplots(1, 1 if first else 2, squeeze=False)[0]
    if not ((runs and edges) or first):
        for ax in (left, *others):
            ax.set_axis_off()
        titled(figure, "No run would decide more")
        return figure
    some = evenly(np.arange(len(skills)), MAX_ROWS)
    _mixtures(left, plan.mixtures.values.T[some], [skills[k] for k in some])
    for ax in others:
        _chances(ax, [edges[k] for k in evenly(np.arange(len(edges)), MAX_ROWS)], runs)
    for ax in (left, *others):
        ax.set_xticks(range(runs), [str(k + 1) for k in range(runs)])
        ax.set_xlabel("planned run")
        ax.tick_params(length=0)
    titled(
        figure,
        "First runs"
        if first
        else f"Planned runs: {report['expected']:g} of {len(edges)} edges in doubt expected to be "
        "decided",
    )
    return figure


def _mixtures(ax: Axes, p: np.ndarray, names: list[str]) -> None:
    shown = np.where(p > 0.0, p, np.nan)
    least, most = float(np.nanmin(shown)), float(np.nanmax(shown))
    norm = LogNorm(min(least, 0.5 * most), most)
    ax.imshow(shown, cmap="cividis", norm=norm, aspect="auto")
    for i, j in np.ndindex(p.shape):
        if p[i, j] == 0.0:
            ax.text(j, i, "×", ha="center", va="center", color="black", fontsize="large")
        elif p.shape[1] <= FEW_RUNS:
            dark = norm(p[i, j]) < 0.6
            ax.text(j, i, f"{p[i, j]:.3f}", ha="center", va="center", fontsize="small",
                    color="white" if dark else "black")  # fmt: skip
    cut = shorts(map(one_line, names), NAME_WIDTH)
    _rows(ax, [cut[one_line(name)] for name in names])
    ax.set_title("Frequencies (×: left out)", loc="left", fontsize="medium")


def _chances(ax: Axes, edges: list[dict[str, Any]], runs: int) -> None:
    chance = np.array([edge["chances"] for edge in edges])
    ax.imshow(chance, cmap="Blues", vmin=0.0, vmax=1.3, aspect="auto")
    for i, j in np.ndindex(chance.shape):
        if runs <= FEW_RUNS:
            ax.text(j, i, f"{chance[i, j]:.2f}", ha="center", va="center", fontsize="small",
                    color="black" if chance[i, j] else GREY)  # fmt: skip
    half = max(NAME_WIDTH // 2, 6)
    names = [
        f"{short(one_line(e['from']), half)} → {short(one_line(e['to']), half)}" for e in edges
    ]
    _rows(ax, names)
    ax.set_title("Chance that an edge is decided by then", loc="left", fontsize="medium")


def _rows(ax: Axes, names: list[str]) -> None:
    ax.set_yticks(range(len(names)), [""] * len(names), fontsize="small")
    labels = ax.get_yticklabels()
    plain(labels)
    ax.set_yticks(range(len(names)), names)
    plain(ax.get_yticklabels())
