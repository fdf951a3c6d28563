"""Graphs as GraphML (graphml.graphdrawing.org), read strictly: every error has its line.

Node ids are the names of the skills. Document types and entities are refused, as are undirected
and nested graphs and hyperedges; drawing data of editors (``<data>`` without ``attr.name``) is
skipped. Parallel edges collapse, default values are applied.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

import networkx as nx

from domino_sim.errors import GraphError, nearest_name
from domino_sim.files import read_bytes
from domino_sim.wording import key_path, shown

__all__ = ["graphml_text", "read_graphml"]

NAMESPACE = "http://graphml.graphdrawing.org/xmlns"

BOOLEANS = {"true": True, "1": True, "false": False, "0": False}

TYPES: dict[str, Callable[[str], Any]] = {
    "boolean": lambda text: BOOLEANS[text.lower()],
    "int": int,
    "long": int,
    "float": float,
    "double": float,
    "string": str,
}

WRITTEN_TYPES: dict[type, str] = {bool: "boolean", int: "long", float: "double", str: "string"}

#: What XML 1.0 cannot hold, escaped or not; a carriage return would come back as a line feed.
NOT_XML = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def read_graphml(path: Path) -> nx.DiGraph:
    """Return the graph of a GraphML file, unchecked but for its form.

    Raises
    ------
    FileError
        If the file cannot be read.
    GraphError
        If it is not well-formed XML or not one directed graph: with the line.
    """
    return _Reader(str(path)).read(read_bytes(path))


class _Reader:
    """The state of one pass over a GraphML file: what is open, and the graph so far."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.parser = expat.ParserCreate(namespace_separator="}")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.graph: nx.DiGraph | None = None
        self.open: list[str] = []
        #: By key id: what it is for, attribute name, type.
        self.keys: dict[str, tuple[str, str, str]] = {}
        self.defaults: dict[tuple[str, str], Any] = {}
        self.key = ""
        #: The text of an open <data> or <default>; None outside of one.
        self.words: list[str] | None = None
        self.attributes: dict[str, Any] = {}
        #: Edges may come before the nodes they join: source, target, line, attributes.
        self.edges: list[tuple[str, str, int, dict[str, Any]]] = []

    def read(self, data: bytes) -> nx.DiGraph:
        try:
            self.parser.Parse(data, True)
        except expat.ExpatError as error:
            raise GraphError(
                f"not well-formed XML: {expat.ErrorString(error.code)}",
                where=f"{self.where}: line {error.lineno}, column {error.offset + 1}",
            ) from None
        except (ValueError, LookupError) as error:
            if isinstance(error, GraphError):
                raise
            # An encoding that Python does not know or that is of several bytes.
            raise GraphError(f"not readable XML: {error}", where=self.where) from None
        if self.graph is None:
            raise GraphError("holds no graph", where=self.where, expected="a <graph> element")
        self._add_edges(self.graph)
        for (owner, name), value in self.defaults.items():
            if owner in ("node", "all"):
                for attributes in self.graph.nodes.values():
                    attributes.setdefault(name, value)
            if owner in ("graph", "all"):
                self.graph.graph.setdefault(name, value)
        return self.graph

    def _start(self, tag: str, given: Mapping[str, str]) -> None:
        tag = tag.rpartition("}")[2]
        parent = self.open[-1] if self.open else ""
        self.open.append(tag)
        if self.words is not None:
            self.words = None  # elements inside of data are drawings
        elif not parent and tag != "graphml":
            self._fail(f"the root element is <{tag}>", "<graphml>")
        elif tag == "key" and parent == "graphml":
            self._start_key(given)
        elif tag == "default" and parent == "key":
            self.words = []
        elif tag == "graph":
            self._start_graph(given, parent)
        elif tag == "node" and parent == "graph":
            name = self._given(given, "id", tag)
            assert self.graph is not None
            if name in self.graph:
                self._fail(f"two nodes have the id {shown(name)}", "unique ids")
            self.graph.add_node(name)
            self.attributes = self.graph.nodes[name]
        elif tag == "edge" and parent == "graph":
            if given.get("directed", "true") != "true":
                self._fail("is an undirected edge", "directed edges only")
            ends = (self._given(given, "source", tag), self._given(given, "target", tag))
            self.attributes = {}
            self.edges.append((*ends, self.parser.CurrentLineNumber, self.attributes))
        elif tag == "data" and parent in ("graph", "node", "edge"):
            self.key = self._given(given, "key", tag)
            if self.key not in self.keys:
                self._fail(f"unknown key {shown(self.key)}", "a declared key", self.keys)
            self.words = []
        elif tag == "hyperedge":
            self._fail("is a hyperedge", "edges of one source and one target")

    def _end(self, tag: str) -> None:
        tag = self.open.pop()
        if tag in ("data", "default") and self.words is not None:
            owner, name, kind = self.keys[self.key]
            if name:
                value = self._value("".join(self.words), name, kind)
                if tag == "default":
                    self.defaults[owner, name] = value
                else:
                    self.attributes[name] = value
        if tag in ("data", "default"):
            self.words = None
        elif tag in ("node", "edge") and self.graph is not None:
            self.attributes = self.graph.graph

    def _text(self, text: str) -> None:
        if self.words is not None:
            self.words.append(text)

    def _doctype(self, *_: object) -> None:
        self._fail("has a document type", "none: entities are not read")

    def _start_key(self, given: Mapping[str, str]) -> None:
        self.key = self._given(given, "id", "key")
        kind = given.get("attr.type", "string")
        if self.key in self.keys:
            self._fail(f"two keys have the id {shown(self.key)}", "unique ids")
        if kind not in TYPES:
            self._fail(f"unknown attr.type {shown(kind)}", f"one of {', '.join(TYPES)}", TYPES)
        self.keys[self.key] = (given.get("for", "all"), given.get("attr.name", ""), kind)

    def _start_graph(self, given: Mapping[str, str], parent: str) -> None:
        if parent != "graphml" or self.graph is not None:
            self._fail("is a nested or a second graph", "one graph")
        if given.get("edgedefault", "directed") != "directed":
            self._fail("is an undirected graph", 'edgedefault="directed"')
        self.graph = nx.DiGraph()
        self.attributes = self.graph.graph

    def _add_edges(self, graph: nx.DiGraph) -> None:
        defaults = {n: v for (owner, n), v in self.defaults.items() if owner in ("edge", "all")}
        for source, target, line, attributes in self.edges:
            for end in (source, target):
                if end not in graph:
                    self._fail(f"unknown node {shown(end)}", "the id of a node", graph, line)
            graph.add_edge(source, target)
            graph.edges[source, target].update({**defaults, **attributes})

    def _value(self, text: str, name: str, kind: str) -> Any:
        try:
            return TYPES[kind](text if kind == "string" else text.strip())
        except (ValueError, KeyError):
            self._fail(f"{key_path(name)} is {shown(text)}", f"a value of type {kind}")

    def _given(self, given: Mapping[str, str], key: str, tag: str) -> str:
        if key not in given:
            self._fail(f"<{tag}> has no {key}", f'{key}="…"')
        return given[key]

    def _fail(
        self, what: str, expected: str, choices: Any = (), line: int | None = None
    ) -> NoReturn:
        nearest = re.search("'(.*)'", what) if choices else None
        raise GraphError(
            what,
            where=f"{self.where}: line {line or self.parser.CurrentLineNumber}",
            expected=expected,
            nearest=nearest_name(nearest[1], choices) if nearest else None,
        )


def graphml_text(graph: nx.DiGraph) -> str:
    """Return the GraphML of a checked graph.

    Raises
    ------
    GraphError
        If an attribute is not a text, a number or a Boolean, or holds what XML cannot.
    """
    keys: dict[tuple[str, str, str], str] = {}
    # What networkx has read from GraphML has its default values in two tables; they are applied.
    own = {k: v for k, v in graph.graph.items() if k not in ("node_default", "edge_default")}
    body = [f'<graph edgedefault="directed">{_data(own, "graph", keys)}']
    for name, attributes in graph.nodes.items():
        body.append(f"<node id={_quoted(name)}>{_data(attributes, 'node', keys)}</node>")
    # By dependent, so that the order of its prerequisites survives.
    for name in graph:
        for other, attributes in graph.pred[name].items():
            ends = f"source={_quoted(other)} target={_quoted(name)}"
            body.append(f"<edge {ends}>{_data(attributes, 'edge', keys)}</edge>")
    declared = [
        f'<key id="{key}" for="{owner}" attr.name={_quoted(name)} attr.type="{kind}"/>'
        for (owner, name, kind), key in keys.items()
    ]
    head = ['<?xml version="1.0" encoding="UTF-8"?>', f'<graphml xmlns="{NAMESPACE}">']
    return "\n".join([*head, *declared, *body, "</graph>", "</graphml>", ""])


def _data(
    attributes: Mapping[str, Any], owner: str, keys: dict[tuple[str, str, str], str]
) -> str:
    """Return the <data> elements of some attributes; keys that are new are added to `keys`."""
    elements = []
    for name, value in attributes.items():
        plain = value.item() if hasattr(value, "item") and callable(value.item) else value
        if type(plain) not in WRITTEN_TYPES:
            raise GraphError(
                f"the attribute {shown(name)} of a {owner} is {shown(value)}",
                expected="a text, a number or a Boolean, as GraphML asks",
            )
        signature = (owner, str(name), WRITTEN_TYPES[type(plain)])
        key = keys.setdefault(signature, f"d{len(keys)}")
        text = plain if isinstance(plain, str) else repr(plain)
        elements.append(f'<data key="{key}">{escape(_xml(text))}</data>')
    return "".join(elements)


def _quoted(text: str) -> str:
    return quoteattr(_xml(text))


def _xml(text: str) -> str:
    wrong = NOT_XML.search(text)
    if wrong:
        raise GraphError(
            f"XML cannot hold the character {wrong[0]!r} of {shown(text)}",
            expected="another form: .json or .toml",
        )
    return text
