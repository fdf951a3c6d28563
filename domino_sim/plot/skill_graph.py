"""The skill graph, laid out by generation and coloured by mastery time."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib
import networkx as nx
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from domino_sim.graph import gate_of, generations
from domino_sim.plot.layout import place
from domino_sim.plot.style import GREY, LIGHT, STEPS, legend, shorts

__all__ = ["PLAIN", "graph", "name_nodes", "room"]

#: Larger graphs are drawn as the number of skills in each generation.
MAX_NODES = 2000

#: Up to so many edges have arrows; more are plain lines, and run from left to right.
MAX_ARROWS = 80

MAP = "cividis"

PLAIN = "#a6cee3"

#: Diameter in points from which hatching can be seen.
HATCHED = 6

#: Marker and name of each kind of gate.
KINDS = {"o": "all of them, or none needed", "D": "one is enough", "s": "k of n, or mixed"}


def graph(ax: Axes, graph: nx.DiGraph, ds: xr.Dataset | None = None) -> None:
    """Draw a skill graph, prerequisites to the left of their dependents.

    Parameters
    ----------
    ax
        Where to draw.
    graph
        A checked skill graph. More than 2000 skills are drawn as a count for each generation.
    ds
        The result of a run of it: skills are coloured by when they were mastered, and those that
        were not are hatched.
    """
    mastered_at = dict.fromkeys(graph, np.nan)
    if ds is not None:
        found = zip(ds["skill"].values.tolist(), ds["mastered_at"].values.tolist(), strict=True)
        mastered_at.update((name, at) for name, at in found if name in graph)
    times = np.array([mastered_at[name] for name in graph])
    done = np.isfinite(times)
    scale = None
    if done.any():
        low, high = float(times[done].min()), float(times[done].max())
        scale = matplotlib.cm.ScalarMappable(Normalize(low, high if high > low else low + 1), MAP)
    if len(graph) > MAX_NODES:
        _draw_counts(ax, graph, mastered_at, scale)
    else:
        _draw_nodes(ax, graph, times, scale, played=ds is not None)
    if scale is not None:
        ax.figure.colorbar(
            scale, ax=ax, label="mastered at step", shrink=0.7, pad=0.02, format=STEPS,
            ticks=None if high > low else [low],
        )  # fmt: skip


def _draw_nodes(
    ax: Axes,
    graph: nx.DiGraph,
    times: np.ndarray,
    scale: matplotlib.cm.ScalarMappable | None,
    *,
    played: bool,
) -> None:
    places = place(graph)
    names = list(graph)
    xy = np.array([places[name] for name in names])
    done = np.isfinite(times)
    width, height = room(ax)
    columns, rows = np.ptp(xy[:, 0]) + 1, np.ptp(xy[:, 1]) + 1
    dx, dy = width / columns, height / rows
    diameter = float(np.clip(0.45 * min(dx, dy), 3, 22))
    _draw_edges(ax, graph, places, diameter)

    faces = np.tile(matplotlib.colors.to_rgba("white" if played else PLAIN), (len(names), 1))
    if scale is not None:
        faces[done] = scale.to_rgba(times[done])
    kinds = np.array([_kind(graph, name) for name in names])
    for marker in KINDS:
        for hatched in (False, True):
            chosen = (kinds == marker) & ((played & ~done) == hatched)
            if chosen.any():
                ax.scatter(
                    xy[chosen, 0],
                    xy[chosen, 1],
                    s=diameter**2 * (0.7 if marker == "D" else 1.0),
                    marker=marker,
                    facecolors=faces[chosen],
                    edgecolors=GREY if hatched else "black",
                    linewidths=0.3 if diameter < 8 else 0.8,
                    hatch="//////" if hatched and diameter >= HATCHED else None,
                    zorder=3,
                )
    name_nodes(ax, names, xy, dx, dy, diameter)
    ax.set_xlim(xy[:, 0].min() - 0.5, xy[:, 0].max() + 0.5)
    ax.set_ylim(xy[:, 1].max() + 0.7, xy[:, 1].min() - 0.7)
    ax.set_axis_off()
    _explain(ax, kinds, played and not done.all(), "////" if diameter >= HATCHED else None)


def room(ax: Axes) -> tuple[float, float]:
    """Return about how large the axes will be, in points: its share of the figure."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    size = figure.get_size_inches() * 72
    spec = ax.get_subplotspec()
    rows, columns = spec.get_gridspec().get_geometry() if spec else (1, 1)
    return 0.8 * size[0] / columns, 0.8 * size[1] / rows


def _draw_edges(
    ax: Axes, graph: nx.DiGraph, places: dict[str, tuple[float, float]], diameter: float
) -> None:
    if graph.number_of_edges() <= MAX_ARROWS:
        for before, after in graph.edges:
            (x0, y0), (x1, y1) = places[before], places[after]
            # A straight edge past a generation would run through the skills between.
            bend = 0.15 if x1 - x0 > 1 and y0 == y1 else 0.0
            ax.annotate(
                "",
                (x1, y1),
                (x0, y0),
                arrowprops={
                    "arrowstyle": "-|>",
                    "color": GREY,
                    "linewidth": 0.9,
                    "shrinkA": diameter / 2,
                    "shrinkB": diameter / 2 + 1,
                    "connectionstyle": f"arc3,rad={bend}",
                },
            )
        return
    lines = [(places[before], places[after]) for before, after in graph.edges]
    fade = float(np.clip(200 / len(lines), 0.15, 0.7))
    ax.add_collection(LineCollection(lines, colors=GREY, linewidths=0.5, alpha=fade))


def _kind(graph: nx.DiGraph, name: str) -> str:
    """Return the marker of a skill: by far the most gates are `and`, which have no expression."""
    gate = gate_of(graph, name) if "requires" in graph.nodes[name] else None
    counts = [item for item in gate.program if not isinstance(item, str)] if gate else []
    if all(k == n for k, n in counts):
        return "o"
    return "D" if all(k == 1 for k, _ in counts) else "s"


def name_nodes(
    ax: Axes, names: Sequence[str], xy: np.ndarray, dx: float, dy: float, diameter: float
) -> None:
    """Write the names under the skills, where there is room for at least a few letters."""
    font = 9.0 if dy > diameter + 16 else 7.0
    width = int(0.95 * dx / (0.6 * font))
    longest = max(len(name) for name in names)
    if dy < diameter + font + 3 or width < min(longest, 4):
        return
    cut = shorts(names, width)
    for name, place_ in zip(names, xy, strict=True):
        ax.annotate(
            cut[name],
            place_,
            (0, -0.6 * diameter - 1),
            textcoords="offset points",
            ha="center",
            va="top",
            fontsize=font,
            parse_math=False,
            zorder=4,
        )


def _explain(ax: Axes, kinds: np.ndarray, unfinished: bool, hatch: str | None) -> None:
    handles: list[Line2D | Patch] = []
    labels = []
    if (kinds != "o").any():
        for marker, meaning in KINDS.items():
            if (kinds == marker).any():
                handles.append(Line2D([], [], marker=marker, color=LIGHT, linestyle="none"))
                labels.append(meaning)
    if unfinished:
        handles.append(Patch(facecolor="white", edgecolor=GREY, hatch=hatch))
        labels.append("not mastered")
    if handles:
        legend(
            ax, handles, labels, fontsize="small", frameon=False, ncols=len(handles),
            loc="upper center", bbox_to_anchor=(0.5, 0.0),
        )  # fmt: skip


def _draw_counts(
    ax: Axes,
    graph: nx.DiGraph,
    mastered_at: dict[str, float],
    scale: matplotlib.cm.ScalarMappable | None,
) -> None:
    """Draw how many skills each generation has, coloured by its median time of mastery."""
    columns = generations(graph)
    faces = []
    for column in columns:
        times = np.array([mastered_at[name] for name in column])
        times = times[np.isfinite(times)]
        known = scale is not None and len(times)
        faces.append(scale.to_rgba(np.median(times)) if scale and known else LIGHT)
    ax.bar(np.arange(1, len(columns) + 1), [len(c) for c in columns], 1.0, color=faces)
    ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    ax.set_xlabel("generation")
    ax.set_ylabel("skills")
    title = f"{len(graph):,} skills, {graph.number_of_edges():,} prerequisites"
    ax.set_title(title, fontsize="small", color=GREY, loc="right")
