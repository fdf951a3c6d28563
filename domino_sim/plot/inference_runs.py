"""Which runs decide which edge."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib
import networkx as nx
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from domino_sim.errors import one_line
from domino_sim.inference import Inference
from domino_sim.plot.figures import titled
from domino_sim.plot.inference_graph import OR, Edge, acyclic, status_counts
from domino_sim.plot.style import GREY, LIGHT, evenly, legend, plain, short

__all__ = ["MAX_EDGES", "runs_figure"]

#: Rows of edges; of more, those with the least gain.
MAX_EDGES = 80


def runs_figure(found: Inference) -> Figure:
    """Return which runs decide which edge: by how much χ² grows in each without the edge.

    Under a model of networks, by how much twice the log likelihood falls.

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
    chi2 = found.report["model"]["kind"] in ("gates", "serial")
    _heat(ax, gain, "χ² that the edge saves" if chi2 else "gain (2 log likelihood)")
    ax.set_yticks(range(len(edges)), [_edge_name(found, edge) for edge in edges])
    ax.set_xticks(*_run_ticks(runs), rotation=60, ha="right", rotation_mode="anchor")
    ax.tick_params(length=0, labelsize="small")
    plain([*ax.get_yticklabels(), *ax.get_xticklabels()])
    for row in range(1, len(edges)):
        if edges[row][1] != edges[row - 1][1]:
            ax.axhline(row - 0.5, color=GREY, linewidth=0.5)
    total = sum(status_counts(found)[status] for status in ("found", "possible"))
    some = f" ({len(edges)} of {total:,}, the weakest)" if len(edges) < total else ""
    titled(figure, f"Which runs decide which prerequisite{some}")
    return figure


def _decided(found: Inference) -> list[Edge]:
    """Return the found and possible edges, dependents in the order of the graph."""
    edges = [(a, b) for a, b, s in found.graph.edges(data="status") if s != "undetermined"]
    weakest = sorted(edges, key=lambda edge: found.graph.edges[edge]["gain"])[:MAX_EDGES]
    order = {name: i for i, name in enumerate(nx.topological_sort(acyclic(found.graph)))}
    return sorted(weakest, key=lambda edge: (order[edge[1]], order[edge[0]]))


def _edge_name(found: Inference, edge: Edge) -> str:
    table = found.graph.edges[edge]
    mark = "" if table["status"] == "found" else f" (p {table['probability']:.2f})"
    width = 18
    return f"{short(one_line(edge[0]), width)} → {short(one_line(edge[1]), width)}{mark}"


def _run_ticks(runs: Sequence[str]) -> tuple[list[int], list[str]]:
    at = evenly(np.arange(len(runs)), 40).tolist()
    return at, [short(one_line(runs[r]), 16) for r in at]


def _heat(ax: Axes, gain: np.ndarray, label: str) -> None:
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
    bar.set_label(label)
    handles = [Patch(facecolor="#f2f2f2", edgecolor=LIGHT)]
    labels = ["says nothing (below 1)"]
    if against.count():
        handles.append(Patch(facecolor=OR))
        labels.append("speaks against it")
    legend(
        ax, handles, labels, fontsize="x-small", frameon=False, ncols=2, loc="lower left",
        bbox_to_anchor=(0.0, 1.0), borderaxespad=0.1,
    )  # fmt: skip
