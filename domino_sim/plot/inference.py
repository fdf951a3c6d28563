"""Figures of an inference: the graph, its fit to the curves, and which runs decide which edge."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import matplotlib
import networkx as nx
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch, Patch
from matplotlib.patheffects import withStroke
from matplotlib.ticker import LogLocator, NullFormatter

from domino_sim.errors import one_line
from domino_sim.inference import Inference
from domino_sim.plot.curves import NAME_WIDTH
from domino_sim.plot.figures import titled
from domino_sim.plot.layout import place
from domino_sim.plot.skill_graph import PLAIN, name_nodes, room
from domino_sim.plot.style import (
    FEW,
    GREY,
    LIGHT,
    STEPS,
    colours,
    evenly,
    legend,
    plain,
    short,
    step_axis,
)

__all__ = ["fit_figure", "inferred_graph_figure", "runs_figure"]

Edge = tuple[str, str]

#: Colours of edges: all prerequisites are needed, or one of them is enough.
AND, OR = "#333333", "#D55E00"

#: Undetermined edges are drawn if there are no more than this.
FEW_UNDETERMINED = 5

#: Runs with a panel, skills in it and records of a curve; of more, some evenly over their order.
MAX_PANELS, MAX_SKILLS, MAX_POINTS = 12, 24, 100

#: Columns of panels for up to so many.
COLUMNS = ((1, 1), (2, 2), (3, 3), (2, 4), (3, 6))

#: Rows of edges; of more, those with the least gain.
MAX_EDGES = 80

#: The step axis is logarithmic where half of all learning, or of the records, is over so early.
EARLY = 0.1


def inferred_graph_figure(found: Inference) -> Figure:
    """Return the figure of the inferred graph, prerequisites to the left of their dependents.

    Found edges are the wider and darker the surer they are, orange and into a diamond where one
    prerequisite is enough; possible ones are dashed. Undetermined ones are dotted if there are
    at most five, else only counted. Skills that tell nothing are hollow.
    """
    graph = _acyclic(found.graph)
    places = place(graph)
    names = list(graph)
    xy = np.array([places[name] for name in names])
    columns, rows = np.ptp(xy, axis=0) + 1
    size = float(np.clip(2.0 * columns, 7, 15)), float(np.clip(1.0 * rows, 4, 9))
    figure = Figure(figsize=size, layout="constrained")
    ax = figure.subplots()
    width, height = room(ax)
    dx, dy = width / columns, height / rows
    diameter = float(np.clip(0.42 * min(dx, dy), 3, 22))
    ax.set_xlim(xy[:, 0].min() - 0.5, xy[:, 0].max() + 0.5)
    ax.set_ylim(xy[:, 1].max() + 0.7, xy[:, 1].min() - 0.7)
    ax.set_axis_off()
    drawn = [
        (a, b) for a, b in found.graph.edges if _is_drawn(found, found.graph.edges[a, b]["status"])
    ]
    points = np.array([dx, -dy])
    for a, b in drawn:
        bend = _bend(np.array(places[a]), np.array(places[b]), xy, points, diameter)
        ax.add_patch(_arrow(found, (a, b), places, diameter, bend))
    told = np.array([not found.graph.nodes[name]["left_out"] for name in names])
    either = np.array([found.graph.nodes[name]["gate"] == "or" for name in names])
    for marker, chosen in (("o", told & ~either), ("D", told & either), ("o", ~told)):
        left_out = not told[chosen].any()
        ax.scatter(
            xy[chosen, 0], xy[chosen, 1], s=diameter**2 * (0.7 if marker == "D" else 1.0),
            marker=marker, facecolors="white" if left_out else PLAIN,
            edgecolors=GREY if left_out else "black",
            linestyles=":" if left_out else "-",
            linewidths=0.3 if diameter < 8 else 0.8, zorder=3,
        )  # fmt: skip
    name_nodes(ax, names, xy, dx, dy, diameter)
    for text in ax.texts:
        text.set_path_effects([withStroke(linewidth=2.0, foreground="white")])
    _explain(ax, found, drawn, some_left_out=not told.all())
    titled(figure, _graph_title(found))
    return figure


def _acyclic(graph: nx.DiGraph) -> nx.DiGraph:
    """Return the edges, the surest first, without those that would close a cycle."""
    plain_graph = nx.DiGraph()
    plain_graph.add_nodes_from(graph)
    edges = [(a, b, d["probability"]) for a, b, d in graph.edges(data=True)
             if d["status"] != "undetermined"]  # fmt: skip
    for a, b, _ in sorted(edges, key=lambda edge: -edge[2]):
        if not nx.has_path(plain_graph, b, a):
            plain_graph.add_edge(a, b)
    return plain_graph


def _is_drawn(found: Inference, status: str) -> bool:
    return status != "undetermined" or _count(found)["undetermined"] <= FEW_UNDETERMINED


def _count(found: Inference) -> Counter[str]:
    return Counter(status for _, _, status in found.graph.edges(data="status"))


def _bend(
    start: np.ndarray, end: np.ndarray, xy: np.ndarray, points: np.ndarray, diameter: float
) -> float:
    """Return how far an edge must be bent to pass the skills between its ends; 0: straight."""
    along = (end - start) * points
    length = float(np.hypot(*along))
    away = (xy - start) * points
    part = away @ along / length**2
    beside = (along[0] * away[:, 1] - along[1] * away[:, 0]) / length
    between = (part > 0.02) & (part < 0.98) & (np.hypot(*away.T) > 1.0)
    between &= np.hypot(*((xy - end) * points).T) > 1.0
    for bend in (0.0, 0.12, -0.12, 0.22, -0.22, 0.35, -0.35):
        # A quadratic curve with its middle control point bent × length to one side.
        offset = -2.0 * bend * part * (1.0 - part) * length
        if not (between & (np.abs(beside - offset) < 0.75 * diameter)).any():
            return bend
    return 0.12


def _arrow(
    found: Inference,
    edge: Edge,
    places: dict[str, tuple[float, float]],
    diameter: float,
    bend: float,
) -> FancyArrowPatch:
    table = found.graph.edges[edge]
    status, p = table["status"], table["probability"]
    look: dict[str, Any] = {
        "found": {"linewidth": 0.4 + 1.1 * p, "alpha": min(0.15 + 0.75 * p, 1.0)},
        "possible": {"linewidth": 1.0, "linestyle": (0, (4, 3)), "alpha": 0.8},
        "undetermined": {"linewidth": 0.8, "linestyle": (0, (1, 3)), "alpha": 0.6},
    }[status]
    either = status == "found" and found.graph.nodes[edge[1]]["gate"] == "or"
    colour = {"found": OR if either else AND, "possible": "#0072B2"}.get(status, GREY)
    return FancyArrowPatch(
        places[edge[0]], places[edge[1]], arrowstyle="-|>", color=colour,
        mutation_scale=float(np.clip(0.7 * diameter, 5, 11)), shrinkA=diameter / 2,
        shrinkB=diameter / 2 + 1, connectionstyle=f"arc3,rad={bend}", zorder=2, **look,
    )  # fmt: skip


def _explain(ax: Axes, found: Inference, drawn: list[Edge], *, some_left_out: bool) -> None:
    """Say what lines and markers mean, of those that are there."""
    statuses = {found.graph.edges[edge]["status"] for edge in drawn}
    gates = {found.graph.nodes[b]["gate"] for _, b in drawn}
    table: list[tuple[bool, str, Line2D]] = [
        (
            "found" in statuses and "or" in gates,
            "found: all are needed", Line2D([], [], color=AND, marker=">", markersize=4),
        ),
        (
            "found" in statuses and "or" not in gates,
            "found", Line2D([], [], color=AND, marker=">", markersize=4),
        ),
        (
            "found" in statuses and "or" in gates, "found: one is enough",
            Line2D([], [], color=OR, marker="D", markersize=4),
        ),
        ("possible" in statuses, "possible", Line2D([], [], color="#0072B2", linestyle="--")),
        ("undetermined" in statuses, "undetermined", Line2D([], [], color=GREY, linestyle=":")),
        (
            some_left_out, "tells nothing",
            Line2D([], [], color=GREY, marker="o", markerfacecolor="white", linestyle=""),
        ),
    ]  # fmt: skip
    chosen = [(name, handle) for there, name, handle in table if there]
    if chosen:
        legend(
            ax, [handle for _, handle in chosen], [name for name, _ in chosen], frameon=False,
            fontsize="small", ncols=len(chosen), loc="upper center", bbox_to_anchor=(0.5, 0.0),
        )  # fmt: skip


def _graph_title(found: Inference) -> str:
    count = _count(found)
    told = f"{len(found.graph):,} skills, {count['found']:,} prerequisites found"
    if count["possible"]:
        told += f", {count['possible']:,} possible"
    if count["undetermined"]:
        hidden = "" if _is_drawn(found, "undetermined") else " (not drawn)"
        told += f", {count['undetermined']:,} undetermined{hidden}"
    return told


def fit_figure(found: Inference) -> Figure:
    """Return the levels (dots) with those of the inferred model (lines), a panel a run.

    At most twelve runs and 24 skills, evenly over their orders. The step axis is logarithmic where
    most of the learning, or of the records, is in the first tenth.
    """
    ds = found.predicted
    runs = evenly(np.arange(ds.sizes["run"]), MAX_PANELS)
    order = _rising_order(ds["level"].values)
    palette = np.empty((len(order), 4))
    palette[order] = colours(len(order))
    drawn = evenly(order, MAX_SKILLS)
    columns = next((c for c, most in COLUMNS if len(runs) <= most), 4)
    rows = math.ceil(len(runs) / columns)
    figure = Figure(figsize=(max(3.6 * columns, 6.0), 2.7 * rows + 0.6), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, sharey=True)
    logarithmic = _is_early(ds["step"].values, ds["observed"].values)
    few = len(order) <= FEW
    for number, (ax, r) in enumerate(zip(axes.ravel(), runs, strict=False)):
        _levels(ax, found, int(r), drawn, palette, logarithmic=logarithmic)
        if number + columns < len(runs):
            ax.set_xlabel("")
    for ax in axes[:, 0]:
        ax.set_ylabel("level")
    for ax in axes.ravel()[len(runs) :]:
        ax.set_axis_off()
    if few:
        handles = [Line2D([], [], color=palette[i], marker=".") for i in order]
        names = [short(str(ds["skill"].values[i]), NAME_WIDTH) for i in order]
        box = figure.legend(
            handles, [str(i) for i in order], loc="outside right center", frameon=False,
            fontsize="small",
        )  # fmt: skip
        plain(box.get_texts())
        for text, name in zip(box.get_texts(), names, strict=True):
            text.set_text(name)
    titled(figure, _fit_title(found, len(runs), len(drawn)))
    return figure


def _rising_order(level: np.ndarray) -> np.ndarray:
    """Return the skills in the order in which they are learned, on the mean of all runs."""
    return np.argsort(-np.nanmean(level, axis=(0, 1)), kind="stable")


def _is_early(steps: np.ndarray, level: np.ndarray) -> bool:
    """Whether the axis should be logarithmic."""
    early = []
    for run in level:
        there = np.isfinite(run).any(axis=1)
        at, seen = steps[there].astype(float), np.nan_to_num(run[there])
        rising = np.abs(np.diff(np.maximum.accumulate(seen, axis=0), axis=0)).sum(axis=1)
        reached = np.searchsorted(np.cumsum(rising), 0.5 * rising.sum())
        middle = min(at[min(int(reached) + 1, len(at) - 1)], float(np.median(at)))
        early.append(middle < EARLY * at[-1])
    return bool(np.mean(early) > 0.5)


def _levels(
    ax: Axes, found: Inference, r: int, drawn: np.ndarray, palette: np.ndarray, *,
    logarithmic: bool,
) -> None:  # fmt: skip
    ds = found.predicted
    steps = ds["step"].values.astype(float)
    observed, model = ds["observed"].values[r], ds["level"].values[r]
    few = len(drawn) <= FEW
    there = np.isfinite(model).any(axis=1)
    for i in drawn:
        seen = np.flatnonzero(np.isfinite(observed[:, i]) & ((steps > 0.0) | (not logarithmic)))
        seen = evenly(seen, MAX_POINTS)
        ax.plot(
            steps[seen], observed[seen, i], ".", color=palette[i], alpha=0.5,
            markersize=4.5 if few else 3.5, markeredgewidth=0,
        )  # fmt: skip
        ax.plot(steps[there], model[there, i], color=palette[i], linewidth=1.0 if few else 0.7)
    last = float(steps[there][-1])
    step_axis(ax, last)
    if logarithmic:
        first = float(steps[there & (steps > 0.0)][0])
        ax.set_xscale("log")
        ax.set_xlim(first, last)
        ax.xaxis.set_major_locator(LogLocator(10.0, numticks=5))
        ax.xaxis.set_major_formatter(STEPS)
        ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_ylim(-0.06, 1.06)
    name = short(one_line(str(ds["run"].values[r])), 30)
    ax.set_title(name, loc="left", fontsize="medium", parse_math=False)


def _fit_title(found: Inference, runs: int, skills: int) -> str:
    told = [f"Levels (dots), inferred model (lines): {found.report['form']['text']}"]
    sizes = found.predicted.sizes
    if runs < sizes["run"]:
        told.append(f"{runs} of {sizes['run']:,} runs")
    if sizes["skill"] > FEW:
        some = f"{skills} of " if skills < sizes["skill"] else ""
        told.append(f"{some}{sizes['skill']:,} skills, dark to light")
    return "; ".join(told)


def runs_figure(found: Inference) -> Figure:
    """Return which runs decide which edge: by how much χ² grows in each without the edge.

    Rows are found edges and possible ones, by dependent in the order of the graph; of more than 80
    those with the least gain.
    """
    edges = _decided(found)
    runs = found.report["runs"]
    gain = np.array([[found.graph.edges[e]["runs"][run] for run in runs] for e in edges])
    size = max(5.5, 0.42 * min(len(runs), 30) + 4.0), max(2.4, 0.19 * len(edges) + 1.7)
    figure = Figure(figsize=size, layout="constrained")
    ax = figure.subplots()
    if not edges:
        ax.set_axis_off()
        titled(figure, "No prerequisite was found")
        return figure
    _heat(ax, gain)
    ax.set_yticks(range(len(edges)), [_edge_name(found, edge) for edge in edges])
    ax.set_xticks(*_run_ticks(runs), rotation=60, ha="right", rotation_mode="anchor")
    ax.tick_params(length=0, labelsize="small")
    plain([*ax.get_yticklabels(), *ax.get_xticklabels()])
    for row in range(1, len(edges)):
        if edges[row][1] != edges[row - 1][1]:
            ax.axhline(row - 0.5, color=GREY, linewidth=0.5)
    total = sum(_count(found)[status] for status in ("found", "possible"))
    some = f" ({len(edges)} of {total:,}, the weakest)" if len(edges) < total else ""
    titled(figure, f"Which runs decide which prerequisite{some}")
    return figure


def _decided(found: Inference) -> list[Edge]:
    """Return the found and possible edges, dependents in the order of the graph."""
    edges = [(a, b) for a, b, s in found.graph.edges(data="status") if s != "undetermined"]
    weakest = sorted(edges, key=lambda edge: found.graph.edges[edge]["gain"])[:MAX_EDGES]
    order = {name: i for i, name in enumerate(nx.topological_sort(_acyclic(found.graph)))}
    return sorted(weakest, key=lambda edge: (order[edge[1]], order[edge[0]]))


def _edge_name(found: Inference, edge: Edge) -> str:
    table = found.graph.edges[edge]
    mark = "" if table["status"] == "found" else f" (p {table['probability']:.2f})"
    width = 18
    return f"{short(one_line(edge[0]), width)} → {short(one_line(edge[1]), width)}{mark}"


def _run_ticks(runs: Sequence[str]) -> tuple[list[int], list[str]]:
    at = evenly(np.arange(len(runs)), 40).tolist()
    return at, [short(one_line(runs[r]), 16) for r in at]


def _heat(ax: Axes, gain: np.ndarray) -> None:
    """Draw gains (edges, runs): pale where a run says nothing, orange where it speaks against."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    most = max(float(gain.max(initial=0.0)), 10.0)
    ax.set_facecolor("#f2f2f2")
    for_it = np.ma.masked_less(gain, 1.0)
    scale = matplotlib.colormaps["cividis_r"]
    shown = ax.imshow(for_it, scale, LogNorm(1.0, most), aspect="auto", interpolation="nearest")
    against = np.ma.masked_greater(gain, -1.0)
    if against.count():
        ax.imshow(against, ListedColormap([OR]), aspect="auto", interpolation="nearest")
    ax.set_xlim(-0.5, gain.shape[1] - 0.5)
    ax.set_ylim(gain.shape[0] - 0.5, -0.5)
    bar = figure.colorbar(shown, ax=ax, pad=0.02, aspect=30)
    bar.set_label("χ² that the edge saves")
    handles = [Patch(facecolor="#f2f2f2", edgecolor=LIGHT)]
    labels = ["says nothing (below 1)"]
    if against.count():
        handles.append(Patch(facecolor=OR))
        labels.append("speaks against it")
    legend(
        ax, handles, labels, fontsize="x-small", frameon=False, ncols=2, loc="lower left",
        bbox_to_anchor=(0.0, 1.0), borderaxespad=0.1,
    )  # fmt: skip
