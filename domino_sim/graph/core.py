"""What a skill graph is, and the check every graph goes through.

A skill graph is a `networkx.DiGraph`. Its nodes are the names of skills; an edge goes from a
prerequisite to its dependent. Node attributes, all optional: ``requires`` (a gate expression; if
absent, all predecessors are required, in the order of their edges), ``frequency`` (finite, ≥ 0),
``level`` (at the start, in [0, 1]). Graph attributes, optional: ``title``, ``source``. Any other
attribute is left as it is.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from numbers import Real
from typing import Any

import networkx as nx

from domino_sim.errors import GraphError, nearest_name
from domino_sim.gates import Gate, all_of, parse_gate
from domino_sim.graph.bulk import uncollected
from domino_sim.wording import key_path, shown

__all__ = ["build_graph", "check_graph", "gate_of", "generations"]

SKILL_KEYS = ("frequency", "requires", "level")

#: Longer cycles are named with their middle left out.
NAMED_IN_CYCLE = 8


def build_graph(skills: Mapping[str, Mapping[str, Any]], *, where: str = "") -> nx.DiGraph:
    """Return the graph of a ``[skills]`` table.

    Parameters
    ----------
    skills
        By name, in file order: a table with any of `frequency`, `requires` and `level`.
    where
        The file, for the message of an error.

    Raises
    ------
    GraphError, GateError
        With the file and the key path, as in ``run.toml: skills.T1.requires: …``.

    Examples
    --------
    >>> graph = build_graph({"A": {"frequency": 2.0}, "B": {"requires": "A"}})
    >>> list(graph.edges)
    [('A', 'B')]
    """
    prefix = f"{where}: " if where else ""
    if not isinstance(skills, Mapping):
        raise GraphError(
            f"is {shown(skills)}", where=f"{prefix}skills", expected="a table of skills"
        )
    graph = nx.DiGraph()
    for name, table in skills.items():
        place = prefix + key_path("skills", name)
        if not isinstance(table, Mapping):
            raise GraphError(
                f"is {shown(table)}",
                where=place,
                expected="a table such as { frequency = 1.0, requires = 'A and B' }",
            )
        for key in table:
            if key not in SKILL_KEYS:
                raise GraphError(
                    f"unknown key {shown(key)}",
                    where=place,
                    expected=f"one of {', '.join(SKILL_KEYS)}",
                    nearest=nearest_name(key, SKILL_KEYS),
                )
        graph.add_node(name, **table)
    with uncollected():
        return _checked(graph, f"{prefix}skills", f"{prefix}skills.")


def check_graph(graph: nx.DiGraph, *, where: str = "") -> nx.DiGraph:
    """Return a checked copy of a skill graph.

    Node ids become str, parallel edges collapse, ``requires`` is rewritten in its canonical form
    and gives a node without incoming edges its edges, numbers become float. Nodes keep their
    order, and so do the predecessors of each.

    Parameters
    ----------
    graph
        A directed networkx graph or multigraph; it is not changed.
    where
        The file, and the table in it, for the message of an error.

    Raises
    ------
    GraphError
        Not a directed graph; no node; an empty, unprintable or duplicate name; an unknown name in
        a gate; a gate and edges that disagree; a self-prerequisite; a cycle (which is named); a
        frequency or a level out of its range.
    GateError
        A gate expression that cannot be parsed.

    Examples
    --------
    >>> graph = nx.DiGraph([("A", "C"), ("B", "C")])
    >>> graph.nodes["C"]["requires"] = "A or B"
    >>> print(gate_of(check_graph(graph), "C"))
    A or B
    """
    if not isinstance(graph, nx.Graph):
        raise GraphError(f"is {shown(graph)}", where=where, expected="a networkx.DiGraph")
    if not graph.is_directed():
        raise GraphError(
            "is an undirected graph",
            where=where,
            expected="a directed one, with edges from prerequisite to dependent",
        )
    with uncollected():
        return _checked(graph, where, f"{where}: " if where else "")


def gate_of(graph: nx.DiGraph, name: str) -> Gate | None:
    """Return the gate of a skill of a checked graph, or None if it has no prerequisites.

    Examples
    --------
    >>> print(gate_of(build_graph({"A": {}, "B": {}, "C": {"requires": "A or B"}}), "C"))
    A or B
    """
    expression = graph.nodes[name].get("requires")
    if expression is not None:
        return parse_gate(expression, where=key_path(name, "requires"))
    prerequisites = graph.pred[name]
    return all_of(prerequisites) if prerequisites else None


def generations(graph: nx.DiGraph) -> list[list[str]]:
    """Return the skills by generation: each has all its prerequisites in earlier ones.

    Examples
    --------
    >>> generations(build_graph({"A": {}, "B": {"requires": "A"}, "C": {}}))
    [['A', 'C'], ['B']]
    """
    return list(nx.topological_generations(graph))


def _checked(graph: nx.DiGraph, where: str, prefix: str) -> nx.DiGraph:
    """Return a checked copy; `prefix` is put before the key path of a skill."""
    if not graph:
        raise GraphError("has no skills", where=where, expected="at least one skill")
    names = _checked_names(graph, where)
    checked = nx.DiGraph()
    checked.graph.update(_checked_titles(graph.graph, prefix))
    gates: dict[str, Gate] = {}
    for node, attributes in graph.nodes.items():
        name = names[node]
        attributes = _checked_numbers(attributes, name, prefix)
        if "requires" in attributes:
            place = prefix + key_path(name, "requires")
            gates[name] = parse_gate(attributes["requires"], where=place)
            attributes["requires"] = str(gates[name])
        checked.add_nodes_from(((name, attributes),))
    parallel = graph.is_multigraph()
    for node, data_of in graph.pred.items():
        name = names[node]
        edges = {names[source]: data for source, data in data_of.items()}
        if parallel:
            edges = {other: _merged(data) for other, data in edges.items()}
        if name in gates:
            place = prefix + key_path(name, "requires")
            edges = _gated_edges(edges, gates[name], checked, place)
        if name in edges:
            raise GraphError(
                "is its own prerequisite",
                where=prefix + key_path(name),
                expected="only other skills",
            )
        checked.add_edges_from([(other, name, data) for other, data in edges.items()])
    _refuse_cycles(checked, where)
    return checked


def _checked_names(graph: nx.DiGraph, where: str) -> dict[Hashable, str]:
    names: dict[Hashable, str] = {}
    seen: set[str] = set()
    for node in graph:
        try:
            name = str(node)
        except ValueError:  # integers of more than 4300 digits have no text
            name = shown(node)
        if not name or not name.isprintable():
            raise GraphError(
                f"the name {shown(name)} is {'not printable' if name else 'empty'}",
                where=where,
                expected="one or more printable characters",
            )
        if name in seen:
            raise GraphError(
                f"two skills are named {shown(name)}", where=where, expected="unique names"
            )
        seen.add(name)
        names[node] = name
    return names


def _checked_titles(attributes: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    for key in ("title", "source"):
        if not isinstance(attributes.get(key, ""), str):
            raise GraphError(
                f"is {shown(attributes[key])}", where=prefix + key, expected="a text"
            )
    return dict(attributes)


def _checked_numbers(attributes: Mapping[str, Any], name: str, prefix: str) -> dict[str, Any]:
    checked = dict(attributes)
    for key, highest in (("frequency", math.inf), ("level", 1.0)):
        if key in checked:
            place = prefix + key_path(name, key)
            checked[key] = _checked_number(checked[key], highest, place)
    return checked


def _checked_number(value: object, highest: float, where: str) -> float:
    expected = "a finite number ≥ 0" if highest == math.inf else f"a number from 0 to {highest:g}"
    number = math.nan
    if isinstance(value, Real) and not isinstance(value, bool):
        try:
            number = float(value)
        except (OverflowError, ValueError):
            number = math.inf
    if not (math.isfinite(number) and 0 <= number <= highest):
        raise GraphError(f"is {shown(value)}", where=where, expected=expected)
    return number + 0.0  # a negative zero becomes zero


def _merged(edges: Mapping[Hashable, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the attributes of parallel edges as those of one."""
    return {key: value for edge in edges.values() for key, value in edge.items()}


def _gated_edges(
    edges: dict[str, dict[str, Any]], gate: Gate, graph: nx.DiGraph, where: str
) -> dict[str, dict[str, Any]]:
    """Return the edges that a gate means, in its written order, with the attributes of `edges`."""
    required = gate.names
    for other in required:
        if other not in graph:
            raise GraphError(
                f"unknown skill {shown(other)}",
                where=where,
                expected="the name of a skill of this graph",
                nearest=nearest_name(other, graph),
            )
    if edges and edges.keys() != set(required):
        raise GraphError(
            _difference(list(edges), required),
            where=where,
            expected="the same skills in the gate and in the edges to it",
        )
    return {other: edges.get(other, {}) for other in required}


def _difference(edges: list[str], required: tuple[str, ...]) -> str:
    unused = [name for name in edges if name not in set(required)]
    if unused:
        return f"does not name {shown(unused[0])}, from which there is an edge"
    missing = [name for name in required if name not in set(edges)]
    return f"names {shown(missing[0])}, from which there is no edge"


def _refuse_cycles(graph: nx.DiGraph, where: str) -> None:
    """Raise GraphError with a cycle, if there is one (Kahn's algorithm: linear time)."""
    waiting = {name: len(prerequisites) for name, prerequisites in graph.pred.items()}
    ready = [name for name, count in waiting.items() if not count]
    for name in ready:
        for dependent in graph.succ[name]:
            waiting[dependent] -= 1
            if not waiting[dependent]:
                ready.append(dependent)
    if len(ready) == len(waiting):
        return
    # Every skill left waits for another one that is left: walk back until one comes again.
    walked: dict[str, int] = {}
    name = next(name for name, count in waiting.items() if count)
    while name not in walked:
        walked[name] = len(walked)
        name = next(other for other in graph.pred[name] if waiting[other])
    cycle = list(walked)[walked[name] :][::-1]
    order = {name: position for position, name in enumerate(graph)}
    first = min(range(len(cycle)), key=lambda i: order[cycle[i]])
    raise GraphError(
        f"the prerequisites go in a circle: {_named_cycle(cycle[first:] + cycle[:first])}",
        where=where,
        expected="a graph without cycles",
    )


def _named_cycle(cycle: list[str]) -> str:
    shown = cycle
    if len(cycle) > NAMED_IN_CYCLE:
        half = NAMED_IN_CYCLE // 2
        left_out = f"… {len(cycle) - 2 * half} more …"
        shown = [*cycle[:half], left_out, *cycle[-half:]]
    return " → ".join([*shown, cycle[0]])
