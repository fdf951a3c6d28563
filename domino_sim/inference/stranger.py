"""A stranger: something that no skill has to do with, trained in place of what is left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import networkx as nx

from domino_sim.errors import ArgumentError
from domino_sim.gates import parse_gate
from domino_sim.inference.doubts import Doubts, Option, without
from domino_sim.wording import shown

__all__ = ["check_stranger", "joined", "of_its_edges", "set_apart"]


def check_stranger(
    name: object, source: nx.DiGraph | Mapping[str, Any] | Sequence[str]
) -> None:
    """Refuse what cannot be the name of a stranger.

    A skill of an inference can be one: in a second round of planned runs the stranger of the first
    is among the skills.

    Raises
    ------
    ArgumentError
        If it is no name, that of a skill of a graph or a list of names, or of one that an inference
        left out.
    """
    said = f"is {shown(name)}"
    if not isinstance(name, str) or not name.strip() or not name.isprintable():
        raise ArgumentError(said, where="stranger", expected="one or more printable characters")
    if not isinstance(source, Mapping):
        if name in set(map(str, source)):
            raise ArgumentError(
                f"{said}, the name of a skill", where="stranger", expected="another name"
            )
        return
    kept = {skill for row in source.get("mixtures", {}).values() for skill in row}
    if kept and name in source["skills"] and name not in kept:
        raise ArgumentError(
            f"{said}, a skill that was left out of the inference", where="stranger",
            expected="another name",
        )  # fmt: skip


def set_apart(report: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return the report of an inference with no edge from or to a skill, nor any in doubt."""
    if name not in report["skills"]:
        return report
    gates = {
        skill: str(gate)
        for skill, text in report["gates"].items()
        if text and skill != name and (gate := without(parse_gate(text), name)) is not None
    }
    edges = [edge for edge in report["edges"] if name not in (edge["from"], edge["to"])]
    report = {**report, "gates": gates, "edges": edges}
    if (model := report.get("model")) and "onsets" in model:
        others = [skill for skill in report["skills"] if skill != name]
        # Only those that are in the inference have rules.
        there = [skill for skill in others if skill in next(iter(report["mixtures"].values()))]
        rules = {
            **model["rules"],
            "forbidden": [
                *model["rules"]["forbidden"],
                *([name, skill] for skill in there), *([skill, name] for skill in there),
            ],
            "required": [pair for pair in model["rules"]["required"] if name not in pair],
        }  # fmt: skip
        report["model"] = {**model, "rules": rules}
    return report


def of_its_edges(source: nx.DiGraph | Mapping[str, Any], name: str) -> list[str]:
    """Say which prerequisites were found of or by a stranger, which count for nothing."""
    if isinstance(source, nx.DiGraph):
        return []
    edges = [
        f"{edge['from']} → {edge['to']}"
        for edge in source["edges"]
        if name in (edge["from"], edge["to"]) and edge.get("status") == "found"
    ]
    if not edges:
        return []
    some = ", ".join(edges[:3]) + (f" and {len(edges) - 3} more" if len(edges) > 3 else "")
    return [
        f"{name} is taken as a stranger, which no skill has to do with, but the inference found "
        f"{some}: that counts for nothing here"
    ]


def joined(doubts: Doubts, name: str) -> Doubts:
    """Return doubts with a skill more, of which nothing is in doubt; the same if it is there."""
    if name in doubts.names:
        return doubts
    alone = (Option(None, 1.0, frozenset()),)
    # The mixtures of the runs have served by now, and lack its column.
    return replace(
        doubts, names=(*doubts.names, name), options=(*doubts.options, alone), mixtures=None
    )
