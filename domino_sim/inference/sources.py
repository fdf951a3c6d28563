"""What runs are planned for: an inference, in memory or in its files, or a graph."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import networkx as nx

from domino_sim.errors import ArgumentError, FileError
from domino_sim.files import read_json
from domino_sim.graph.core import check_graph
from domino_sim.graph.io import load_graph
from domino_sim.inference.checked import check_report
from domino_sim.inference.result import Inference
from domino_sim.wording import shown

__all__ = ["read_source"]

REPORT = "report.json"

#: What of a report is needed.
KEYS = ("skills", "runs", "form", "noise", "misfit", "edges", "gates")


def read_source(source: object) -> nx.DiGraph | Mapping[str, Any]:
    """Return a checked graph, or the report of an inference.

    Raises
    ------
    ArgumentError, FileError, GraphError
        If it is neither.
    """
    if isinstance(source, Inference):
        check_report(source.report, "inference_or_graph", ArgumentError)
        return source.report
    if isinstance(source, nx.Graph):
        if any("status" in values for _, _, values in source.edges(data=True)):
            raise ArgumentError(
                "is the graph of an inference, with edges that may not be",
                where="inference_or_graph", expected="the inference itself, or its found()",
            )  # fmt: skip
        return check_graph(source)
    if not isinstance(source, str | Path):
        raise ArgumentError(
            f"is {shown(source)}", where="inference_or_graph",
            expected="an inference, its folder or graph.json, a graph, or a list of names",
        )  # fmt: skip
    path = Path(source)
    if path.is_dir():
        if not (path / REPORT).is_file():
            raise FileError(
                f"has no {REPORT}", where=str(path), expected="the folder of an inference"
            )
        return _report(path / REPORT)
    if path.name == REPORT and path.is_file():
        raise FileError(
            "is the report of an inference", where=str(path),
            expected="the folder it is in, or the graph.json beside it",
        )  # fmt: skip
    try:
        graph = load_graph(source)
    except FileError as error:
        if path.exists():
            raise
        raise FileError(
            error.what, where=error.where, nearest=error.nearest,
            expected=f"{error.expected}, or the folder of an inference",
        ) from None  # fmt: skip
    if not any("status" in values for _, _, values in graph.edges(data=True)):
        # A graph in which nothing was found has no edge that could tell.
        beside = path.parent / REPORT
        if not (path.name == "graph.json" and not graph.edges and beside.is_file()):
            return graph
    beside = path.parent / REPORT
    if not beside.is_file():
        raise FileError(
            f"is the graph of an inference, but there is no {REPORT} beside it, which says what is "
            "not decided",
            where=str(path), expected="the folder that `domino-sim infer` wrote",
        )  # fmt: skip
    return _report(beside)


def _report(path: Path) -> Mapping[str, Any]:
    report = read_json(path)
    missing = [key for key in KEYS if not isinstance(report, dict) or key not in report]
    if missing:
        raise FileError(
            f"is not the report of an inference: it lacks {', '.join(missing[:3])}",
            where=str(path), expected="the report.json that `domino-sim infer` wrote",
        )  # fmt: skip
    check_report(report, str(path), FileError)
    return dict(report)
