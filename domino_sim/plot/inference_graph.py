"""The inferred graph, its edges by how sure they are."""

from __future__ import annotations

from collections import Counter
from typing import Any

import networkx as nx
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch
from matplotlib.patheffects import withStroke

from domino_sim.inference import Inference
from domino_sim.plot.figures import any_script, titled
from domino_sim.plot.layout import place
from domino_sim.plot.skill_graph import PLAIN, name_nodes, room
from domino_sim.plot.style import GREY, legend

__all__ = ["OR", "Edge", "acyclic", "inferred_graph_figure", "status_counts"]

Edge = tuple[str, str]

#: Colours of edges: all prerequisites are needed, or one of them is enough; and possible ones.
AND, OR, MAYBE = "#333333", "#D55E00", "#0072B2"

#: Undetermined edges are drawn if there are no more than this.
FEW_UNDETERMINED = 5

#: Edges less probable than this have their probability beside them, if no more than so many do.
SURE, FEW_NUMBERS = 0.995, 40

#: Where along an edge its number goes, the first place that is free; and how large it is (points).
ALONG, NUMBER = (0.5, 0.4, 0.6, 0.32, 0.68, 0.25, 0.75), (15.0, 7.0)


def inferred_graph_figure(found: Inference) -> Figure:
    """Return the figure of the inferred graph, prerequisites to the left of their dependents.

    Found edges are the wider and darker the surer they are, orange and into a diamond where one
    prerequisite is enough; possible ones are dashed. Undetermined ones are dotted if there are
    at most five, else only counted. The probability of those that are not sure (0.995) is beside
    them, of more than 40 only how wide some are. Skills that tell nothing are hollow.
    """
    graph = acyclic(found.graph)
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
    bends = {}
    for a, b in drawn:
        bends[a, b] = _bend(np.array(places[a]), np.array(places[b]), xy, points, diameter)
        ax.add_patch(_arrow(found, (a, b), places, diameter, bends[a, b]))
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
    if 0 < len(numbered := _numbered(found, drawn)) <= FEW_NUMBERS:
        _write_numbers(ax, found, {edge: bends[edge] for edge in numbered}, places, diameter)
    return figure


def acyclic(graph: nx.DiGraph) -> nx.DiGraph:
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
    return status != "undetermined" or status_counts(found)["undetermined"] <= FEW_UNDETERMINED


def status_counts(found: Inference) -> Counter[str]:
    """Return how many edges have each status."""
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
        "found": _width(p),
        "possible": {"linewidth": 1.0, "linestyle": (0, (4, 3)), "alpha": 0.8},
        "undetermined": {"linewidth": 0.8, "linestyle": (0, (1, 3)), "alpha": 0.6},
    }[status]
    either = status == "found" and found.graph.nodes[edge[1]]["gate"] == "or"
    colour = {"found": OR if either else AND, "possible": MAYBE}.get(status, GREY)
    return FancyArrowPatch(
        places[edge[0]], places[edge[1]], arrowstyle="-|>", color=colour,
        mutation_scale=float(np.clip(0.7 * diameter, 5, 11)), shrinkA=diameter / 2,
        shrinkB=diameter / 2 + 1, connectionstyle=f"arc3,rad={bend}", zorder=2, **look,
    )  # fmt: skip


def _width(p: float) -> dict[str, Any]:
    """Return how a found edge of this probability looks."""
    return {"linewidth": 0.4 + 1.1 * p, "alpha": min(0.15 + 0.75 * p, 1.0)}


def _numbered(found: Inference, drawn: list[Edge]) -> list[Edge]:
    """Return the edges that are not sure."""
    return [edge for edge in drawn if found.graph.edges[edge]["probability"] < SURE]


def _write_numbers(
    ax: Axes, found: Inference, bends: dict[Edge, float],
    places: dict[str, tuple[float, float]], diameter: float,
) -> None:  # fmt: skip
    """Write the probabilities of edges on them, where there is room along the edge."""
    figure = ax.figure.get_figure(root=True)
    assert figure is not None
    with any_script():
        figure.draw_without_rendering()  # edges bend on the paper, so that it must be laid out
        names = [text.get_window_extent().get_points() for text in ax.texts]
    scale = 72.0 / figure.dpi
    at = {name: ax.transData.transform(place) * scale for name, place in places.items()}
    taken = [(spot, np.full(2, diameter)) for spot in at.values()]
    taken += [(scale * box.mean(axis=0), scale * np.ptp(box, axis=0)) for box in names]
    for (a, b), bend in bends.items():
        start, end = at[a], at[b]
        across = np.array([end[1] - start[1], start[0] - end[0]]) * bend
        spots = [
            (1.0 - part) * start + part * end + 2.0 * part * (1.0 - part) * across
            for part in ALONG
        ]
        # How far away the nearest thing is, 1 where it touches.
        free = [
            min(np.max(2.0 * np.abs(spot - one) / (size + NUMBER)) for one, size in taken)
            for spot in spots
        ]
        best = next((k for k, room in enumerate(free) if room >= 1.0), int(np.argmax(free)))
        taken.append((spots[best], np.array(NUMBER)))
        table = found.graph.edges[a, b]
        colour = {"found": AND, "possible": MAYBE}.get(table["status"], GREY)
        x, y = ax.transData.inverted().transform(spots[best] / scale).tolist()
        text = ax.text(
            x, y, f"{table['probability']:.2f}", fontsize=6.0, color=colour,
            ha="center", va="center",
        )  # fmt: skip
        text.set_path_effects([withStroke(linewidth=2.0, foreground="white")])


def _explain(ax: Axes, found: Inference, drawn: list[Edge], *, some_left_out: bool) -> None:
    """Say what lines and markers mean, of those that are there."""
    statuses = {found.graph.edges[edge]["status"] for edge in drawn}
    gates = {found.graph.nodes[b]["gate"] for _, b in drawn}
    many = len(_numbered(found, drawn)) > FEW_NUMBERS and "found" in statuses
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
        *(
            (many, f"{'probability ' if p == 0.5 else ''}{p:g}",
             Line2D([], [], color=AND, **_width(p)))
            for p in (0.5, 0.75, 1.0)
        ),
        ("possible" in statuses, "possible", Line2D([], [], color=MAYBE, linestyle="--")),
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
    count = status_counts(found)
    told = f"{len(found.graph):,} skills, {count['found']:,} prerequisites found"
    if count["possible"]:
        told += f", {count['possible']:,} possible"
    if count["undetermined"]:
        hidden = "" if _is_drawn(found, "undetermined") else " (not drawn)"
        told += f", {count['undetermined']:,} undetermined{hidden}"
    return told
