"""From the tables of a scenario to one graph and its arrays, with what only both can tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from domino_sim.errors import InputError, ScenarioError
from domino_sim.gates import parse_gate
from domino_sim.graph import build_graph, check_graph, load_graph, make_graph
from domino_sim.mixtures import frequencies as frequencies_by_law
from domino_sim.scenario.correlation import gram_matrix
from domino_sim.scenario.crosschecks import check_interventions, module_of_each
from domino_sim.scenario.fields import MOST
from domino_sim.scenario.places import Place
from domino_sim.scenario.tables import (
    DEFAULT_FREQUENCY,
    DEFAULT_LEVEL,
    Family,
    FrequencyLaw,
    Skill,
    SkillTable,
)
from domino_sim.wording import shown

if TYPE_CHECKING:
    from domino_sim.scenario.scenario import Scenario


#: The keys of a skill that its graph holds.
GRAPH_KEYS = {"frequency", "requires", "level"}


@dataclass(frozen=True)
class Assembly:
    """The skills of a scenario, in order; arrays have shape (skills,)."""

    graph: nx.DiGraph
    names: tuple[str, ...]
    base_count: int
    frequencies: NDArray[np.float64]
    levels: NDArray[np.float64]
    modules: tuple[str, ...]
    shares: NDArray[np.float64]
    module_index: NDArray[np.int64]
    gram: NDArray[np.float64] | None


def assemble(scenario: Scenario, file: str, folder: Path | None) -> Assembly:
    """Build the graph and the arrays of a scenario, checking them against each other.

    Raises
    ------
    ScenarioError, GraphError, GateError, FileError
        With `file` and the key path; files are found relative to `folder`.
    """
    place = Place(file)
    for name, skill in scenario.skills.items():
        if skill.module is not None:
            raise ScenarioError(
                "only a skill that an intervention adds names its module",
                where=place.of("skills", name, "module"),
                expected="the skill in modules.NAME.skills",
            )
    base = base_graph(scenario.skills, scenario.graph, place, folder)
    graph = _with_added(scenario, base, place)
    names = tuple(graph)
    frequencies = np.append(
        base_frequencies(
            scenario.skills, scenario.frequencies, base, place, scenario.graph is not None
        ),
        _added_frequencies(scenario),
    )
    levels = _levels(scenario, graph, place)
    nodes = graph.nodes.values()
    for node, frequency, level in zip(nodes, frequencies.tolist(), levels.tolist(), strict=True):
        node["frequency"], node["level"] = frequency, level
    check_interventions(scenario, graph, place)
    modules = module_of_each(scenario, names, len(base), place)
    gram = None
    if scenario.correlation is not None:
        _refuse_gates(graph, place)
        gram = gram_matrix(scenario.correlation, len(names), place.of("correlation"), folder)
    return Assembly(graph, names, len(base), frequencies, levels, *modules, gram)


def base_graph(
    skills: Mapping[str, SkillTable], graph: str | Family | None, place: Place, folder: Path | None
) -> nx.DiGraph:
    """Return the checked graph of `skills`, or of `graph`, which they may then not gate.

    Raises
    ------
    ScenarioError, GraphError, GateError, FileError
    """
    if graph is None:
        tables = {n: s.model_dump(include=GRAPH_KEYS, exclude_none=True) for n, s in skills.items()}
        return build_graph(tables, where=place.file)
    try:
        if isinstance(graph, Family):
            found = make_graph(graph.family, **(graph.model_extra or {}))
        else:
            found = load_graph(graph, relative_to=folder)
    except InputError as error:
        raise error.at(place.of("graph")) from None
    for name, skill in skills.items():
        place.know(name, found, "skills", name)
        if skill.requires is not None:
            raise ScenarioError(
                "the graph has the gates of its skills",
                where=place.of("skills", name, "requires"),
                expected=" or ".join(k for k in ("frequency", "level") if hasattr(skill, k)),
            )
    return found


def _with_added(scenario: Scenario, base: nx.DiGraph, place: Place) -> nx.DiGraph:
    """Return the graph with the skills that interventions add."""
    added: dict[str, tuple[int, Skill]] = {}
    for i, intervention in enumerate(scenario.interventions):
        for name, skill in intervention.add.items():
            if name in added or name in base:
                raise ScenarioError(
                    f"there is a skill {shown(name)} already",
                    where=place.of("interventions", i, "add", name),
                    expected="a new name",
                )
            added[name] = (i, skill)
    if not added:
        return base
    graph = nx.DiGraph(base)
    graph.add_nodes_from(added)
    for name, (i, skill) in added.items():
        if skill.requires is None:
            continue
        path = ("interventions", i, "add", name, "requires")
        gate = parse_gate(skill.requires, where=place.of(*path))
        for other in gate.names:
            place.know(other, graph, *path)
        graph.nodes[name]["requires"] = str(gate)
        graph.add_edges_from((other, name) for other in gate.names)
    return check_graph(graph, where=place.of("interventions"))


def base_frequencies(
    skills: Mapping[str, SkillTable],
    law: FrequencyLaw | Mapping[str, float] | None,
    base: nx.DiGraph,
    place: Place,
    has_graph: bool,
) -> NDArray[np.float64]:
    """Return the frequency of each skill of `base`, in its order.

    Raises
    ------
    ScenarioError
        If a frequency is given twice, missing or too large.
    """
    own = {n: s.frequency for n, s in skills.items() if s.frequency is not None}
    if law is not None:
        for name in own:
            raise ScenarioError(
                "the frequency is given here and by `frequencies`",
                where=place.of("skills", name, "frequency"),
                expected="one of them",
            )
        spec = law.model_dump(exclude_unset=True) if isinstance(law, FrequencyLaw) else law
        with np.errstate(all="ignore"):
            found = frequencies_by_law(spec, tuple(base), where=place.of("frequencies"))
        where = place.of("frequencies")
    else:
        # A graph that has no frequencies is trained evenly, and they add up to one.
        rest = 1.0 / len(base) if has_graph else DEFAULT_FREQUENCY
        given = (own.get(n, data.get("frequency", rest)) for n, data in base.nodes(data=True))
        found = np.fromiter(given, float, len(base))
        where = place.of("graph" if has_graph else "skills")
    if not (found <= MOST).all():
        raise ScenarioError("a frequency is too large", where=where, expected=f"≤ {MOST:g}")
    return found


def _added_frequencies(scenario: Scenario) -> list[float]:
    added = [skill for i in scenario.interventions for skill in i.add.values()]
    return [DEFAULT_FREQUENCY if s.frequency is None else s.frequency for s in added]


def _levels(scenario: Scenario, graph: nx.DiGraph, place: Place) -> NDArray[np.float64]:
    given = {name: data["level"] for name, data in graph.nodes(data=True) if "level" in data}
    where: dict[str, tuple[str | int, ...]] = {}
    tables: list[tuple[tuple[str | int, ...], dict[str, Skill]]] = [(("skills",), scenario.skills)]
    tables += [(("interventions", i, "add"), t.add) for i, t in enumerate(scenario.interventions)]
    for path, skills in tables:
        for name, skill in skills.items():
            if skill.level is not None:
                given[name] = skill.level
                where[name] = (*path, name, "level")
    if scenario.loss == "ce":
        for name, level in given.items():
            if level <= 0.0:
                raise ScenarioError(
                    f"the level of {shown(name)} is 0",
                    where=place.of(*where.get(name, ("graph",))),
                    expected="a level above 0 with loss = 'ce' (unlearned is 0.5)",
                )
    unlearned = DEFAULT_LEVEL[scenario.loss]
    return np.fromiter((given.get(name, unlearned) for name in graph), float, len(graph))


def _refuse_gates(graph: nx.DiGraph, place: Place) -> None:
    for name, prerequisites in graph.pred.items():
        if prerequisites:
            raise ScenarioError(
                f"correlated tasks have no gates, but {shown(name)} has prerequisites",
                where=place.of("correlation"),
                expected="skills without prerequisites",
            )
