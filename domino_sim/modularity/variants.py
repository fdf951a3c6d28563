"""Scenarios made from one: cut into modules, on another mixture, or a part of its skills."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import networkx as nx
import numpy as np

from domino_sim.errors import ArgumentError
from domino_sim.graph import gate_of
from domino_sim.levels import Floats
from domino_sim.modularity.partition import Partition
from domino_sim.scenario import Scenario

__all__ = ["base_of", "first_skills", "in_modules", "on_mixture", "part_of", "uniform"]


def base_of(scenario: Scenario) -> Scenario:
    """Return the same skills in one pool.

    Raises
    ------
    ArgumentError
        If the scenario cannot be compared: it has interventions, correlated tasks, or nothing in
        it is trained.
    """
    if scenario.interventions:
        raise ArgumentError(
            "a scenario with interventions", where=_where(scenario, "interventions"),
            expected="none: what is compared is one training on one mixture",
        )  # fmt: skip
    if scenario.correlation is not None:
        raise ArgumentError(
            "correlated tasks", where=_where(scenario, "correlation"),
            expected="none: they share one pool",
        )  # fmt: skip
    if not scenario.frequency_array().any():
        raise ArgumentError(
            "no skill is trained", where=_where(scenario, "skills"), expected="a frequency above 0"
        )
    return scenario.model_copy(update={"modules": {}, "sweep": None})


def _where(scenario: Scenario, key: str) -> str:
    return f"{scenario.title or 'scenario'}: {key}"


def in_modules(scenario: Scenario, partition: Partition) -> Scenario:
    """Return the scenario with the modules of a partition that has its shares."""
    return scenario.model_copy(update={"modules": partition.tables()})


def on_mixture(scenario: Scenario, frequencies: Floats) -> Scenario:
    """Return the scenario with other frequencies (n_skills,), in its order."""
    skills = scenario.to_dict().get("skills", {})
    bare = {name: {k: v for k, v in s.items() if k != "frequency"} for name, s in skills.items()}
    table = dict(zip(scenario.names, np.asarray(frequencies, dtype=float).tolist(), strict=True))
    return scenario.model_copy(update={"skills": bare, "frequencies": table})


def uniform(frequencies: Floats) -> Floats:
    """Return even frequencies with the same sum; what is not trained stays untrained."""
    trained = frequencies > 0.0
    return np.where(trained, frequencies.sum() / max(trained.sum(), 1), 0.0)


def part_of(scenario: Scenario, names: Sequence[str], **changes: Any) -> Scenario:
    """Return a scenario of some of the skills, which need none of the others, in one pool."""
    graph = scenario.skill_graph()
    skills: dict[str, dict[str, Any]] = {}
    for name in names:
        node, gate = graph.nodes[name], gate_of(graph, name)
        skills[name] = {"frequency": node["frequency"], "level": node["level"]}
        if gate is not None:
            skills[name]["requires"] = str(gate)
    return scenario.model_copy(
        update={"graph": None, "frequencies": None, "modules": {}, "skills": skills, **changes}
    )


def first_skills(graph: nx.DiGraph) -> list[str]:
    """Return the skills in an order of which every beginning has its own prerequisites."""
    order = {name: i for i, name in enumerate(graph)}
    return list(nx.lexicographical_topological_sort(graph, order.__getitem__))


def crosses(graph: nx.DiGraph, partition: Partition) -> int:
    """Return how many dependencies lead from one module to another."""
    module = partition.module_of()
    return sum(module[a] != module[b] for a, b in graph.edges)
