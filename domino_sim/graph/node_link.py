"""Graphs as node-link JSON, the form of `networkx.node_link_data` and of d3."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import networkx as nx

from domino_sim.errors import GraphError, nearest_name
from domino_sim.files import read_json
from domino_sim.wording import shown

__all__ = ["node_link_text", "read_node_link"]


#: Statuses of edges of an inference that are not part of the graph.
MAYBE = ("possible", "undetermined")


def read_node_link(path: Path) -> nx.DiGraph:
    """Return the graph of a node-link JSON file, unchecked but for its form.

    Edges are under ``edges`` or ``links``. Node ids (text or numbers) are names. A file that does
    not say ``directed`` is taken as directed. Edges whose ``status`` is `possible` or
    `undetermined` (`domino-sim infer` writes them beside those that are found) are left out.

    Raises
    ------
    FileError
        If it cannot be read or is not JSON.
    GraphError
        If it is not a node-link graph, is undirected, or names a node twice.
    """
    where = str(path)
    data = read_json(path)
    if not isinstance(data, dict):
        raise GraphError(
            f"is {shown(data)}", where=where, expected="an object with 'nodes' and 'edges'"
        )
    if data.get("directed", True) is not True:
        raise GraphError("is an undirected graph", where=where, expected="directed: true")
    graph = nx.DiGraph()
    graph.graph.update(_graph_attributes(data.get("graph", {}), where))
    for position, node in enumerate(_list(data, "nodes", where)):
        place = f"{where}: nodes[{position}]"
        name = _name(_table(node, place), "id", place)
        if name in graph:
            raise GraphError(f"two nodes have the id {shown(name)}", where=place)
        graph.add_node(name)
        graph.nodes[name].update((k, v) for k, v in node.items() if k != "id")
    if "edges" in data and "links" in data:
        raise GraphError("has both 'edges' and 'links'", where=where, expected="one of them")
    key = "links" if "links" in data else "edges"
    for position, edge in enumerate(_list(data, key, where)):
        place = f"{where}: {key}[{position}]"
        ends = [_name(_table(edge, place), end, place) for end in ("source", "target")]
        for end in ends:
            if end not in graph:
                raise GraphError(
                    f"unknown node {shown(end)}",
                    where=place,
                    expected="the id of a node",
                    nearest=nearest_name(end, graph),
                )
        if edge.get("status") in MAYBE:
            continue
        graph.add_edge(*ends)
        graph.edges[ends].update(
            (k, v) for k, v in edge.items() if k not in ("source", "target", "key")
        )
    return graph


def node_link_text(graph: nx.DiGraph) -> str:
    """Return the node-link JSON of a checked graph.

    Raises
    ------
    GraphError
        If an attribute is not a JSON value.
    """
    data = {
        "directed": True,
        "multigraph": False,
        "graph": graph.graph,
        "nodes": [{**attributes, "id": name} for name, attributes in graph.nodes.items()],
        # By dependent, so that the order of its prerequisites survives.
        "edges": [
            {**attributes, "source": other, "target": name}
            for name in graph
            for other, attributes in graph.pred[name].items()
        ],
    }
    try:
        return json.dumps(data, ensure_ascii=False, indent=1) + "\n"
    except (TypeError, ValueError, RecursionError) as error:
        raise GraphError(
            f"an attribute cannot be written as JSON: {error}",
            expected="text, numbers, lists and tables",
        ) from None


def _list(data: dict[str, Any], key: str, where: str) -> list[Any]:
    value = data.get(key)
    if not isinstance(value, list):
        what = f"is {shown(value)}" if key in data else "is missing"
        raise GraphError(what, where=f"{where}: {key}", expected="a list of objects")
    return value


def _table(value: object, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise GraphError(f"is {shown(value)}", where=where, expected="an object")
    return value


def _name(table: dict[str, Any], key: str, where: str) -> str:
    value = table.get(key)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        what = f"is {shown(value)}" if key in table else "is missing"
        raise GraphError(what, where=f"{where}.{key}", expected="a name")
    return str(value)


def _graph_attributes(value: object, where: str) -> dict[str, Any]:
    # networkx 1 wrote a list of pairs here.
    if isinstance(value, list) and all(isinstance(v, list) and len(v) == 2 for v in value):
        return {str(key): item for key, item in value}
    return _table(value, f"{where}: graph")
