"""Skill graphs in files: our TOML, GraphML, node-link JSON; DOT to look at.

All three forms that are read back keep names, gates, frequencies, start levels, title and source.
GraphML and JSON keep other attributes too; TOML and DOT leave them out.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import networkx as nx

from domino_sim.errors import FileError, GraphError, nearest_name
from domino_sim.files import atomic_write, read_toml, resolve
from domino_sim.graph.core import SKILL_KEYS, build_graph, check_graph, gate_of
from domino_sim.graph.graphml import graphml_text, read_graphml
from domino_sim.graph.node_link import node_link_text, read_node_link
from domino_sim.wording import key_path, quoted, shown

__all__ = ["load_graph", "save_graph"]

TOML_KEYS = ("title", "source", "skills")


def load_graph(name_or_path: str | Path, *, relative_to: Path | None = None) -> nx.DiGraph:
    """Return the skill graph of a file, or a bundled one.

    Parameters
    ----------
    name_or_path
        The name of a bundled graph, or the path of a ``.toml``, ``.graphml`` or ``.json``
        (node-link) file. In GraphML and JSON the node ids are the names of the skills.
    relative_to
        The folder a path is relative to; by default the working directory.

    Returns
    -------
    networkx.DiGraph
        Checked; see :func:`domino_sim.graph.core.check_graph`.

    Raises
    ------
    FileError, GraphError, GateError
        With the file, the key path and what was expected.

    Examples
    --------
    >>> graph = load_graph("two-pairs")
    >>> graph.nodes["T7"]["requires"], sorted(graph.pred["T7"])
    ('T5 and T6', ['T5', 'T6'])
    """
    path = resolve("graphs", name_or_path, relative_to)
    suffix = path.suffix.lower()
    if suffix == ".toml":
        return _read_our_toml(path)
    if suffix == ".graphml":
        return check_graph(read_graphml(path), where=str(path))
    if suffix == ".json":
        return check_graph(read_node_link(path), where=str(path))
    raise FileError(
        f"unknown kind of graph file: {shown(suffix)}",
        where=str(path),
        expected=".toml, .graphml or .json",
        nearest=nearest_name(suffix, (".toml", ".graphml", ".json")),
    )


def save_graph(graph: nx.DiGraph, path: str | Path) -> None:
    """Write a skill graph in the form that the suffix of `path` names.

    Parameters
    ----------
    graph
        A skill graph; it is checked first.
    path
        Ends in ``.toml``, ``.graphml``, ``.json`` (node-link) or ``.dot``.

    Raises
    ------
    GraphError, GateError
        If the graph is not a skill graph, or an attribute does not go into such a file.
    FileError
        If the suffix is none of these, or the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "copy.graphml"
    >>> save_graph(load_graph("two-pairs"), path)
    >>> nx.utils.graphs_equal(load_graph(path), load_graph("two-pairs"))
    True
    """
    path = Path(path)
    write = WRITERS.get(path.suffix.lower())
    if write is None:
        raise FileError(
            f"unknown kind of graph file: {shown(path.suffix)}",
            where=str(path),
            expected=f"one of {', '.join(WRITERS)}",
            nearest=nearest_name(path.suffix, WRITERS),
        )
    atomic_write(path, write(check_graph(graph)))


def _read_our_toml(path: Path) -> nx.DiGraph:
    where = str(path)
    tables = read_toml(path)
    for key in tables:
        if key not in TOML_KEYS:
            raise GraphError(
                f"unknown key {shown(key)}",
                where=where,
                expected=f"one of {', '.join(TOML_KEYS)}",
                nearest=nearest_name(key, TOML_KEYS),
            )
    graph = build_graph(tables.get("skills", {}), where=where)
    for key in ("title", "source"):
        if key in tables:
            if not isinstance(tables[key], str):
                raise GraphError(
                    f"is {shown(tables[key])}", where=f"{where}: {key}", expected="a text"
                )
            graph.graph[key] = tables[key]
    return graph


def _toml_text(graph: nx.DiGraph) -> str:
    return "\n".join(_toml_lines(graph)) + "\n"


def _toml_lines(graph: nx.DiGraph) -> Iterator[str]:
    for key in ("title", "source"):
        if key in graph.graph:
            yield f"{key} = {quoted(graph.graph[key])}"
    yield "\n[skills]" if graph.graph.keys() & {"title", "source"} else "[skills]"
    for name, attributes in graph.nodes.items():
        values = {key: attributes[key] for key in SKILL_KEYS if key in attributes}
        gate = gate_of(graph, name)
        if gate is not None:
            values["requires"] = str(gate)
        written = (
            f"{key} = {quoted(value) if isinstance(value, str) else repr(value)}"
            for key, value in values.items()
        )
        table = ", ".join(written)
        yield f"{key_path(name)} = {{ {table} }}" if table else f"{key_path(name)} = {{}}"


def _dot_text(graph: nx.DiGraph) -> str:
    return "\n".join(_dot_lines(graph)) + "\n"


def _dot_lines(graph: nx.DiGraph) -> Iterator[str]:
    yield "digraph {"
    yield "  rankdir = LR;"
    if "title" in graph.graph:
        yield f"  label = {_dot_quoted(graph.graph['title'])};"
    for name, attributes in graph.nodes.items():
        # The label is written out: in a default one a backslash in the name is an escape.
        shown_attributes = {"label": name}
        shown_attributes |= {k: str(attributes[k]) for k in SKILL_KEYS if k in attributes}
        written = ", ".join(f"{k}={_dot_quoted(v)}" for k, v in shown_attributes.items())
        yield f"  {_dot_quoted(name)} [{written}];"
    for name in graph:
        for other in graph.pred[name]:
            yield f"  {_dot_quoted(other)} -> {_dot_quoted(name)};"
    yield "}"


def _dot_quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


WRITERS = {
    ".toml": _toml_text,
    ".graphml": graphml_text,
    ".json": node_link_text,
    ".dot": _dot_text,
}
