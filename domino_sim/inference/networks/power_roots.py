"""What skills that need nothing (roots) take from each other, and how likely gates are then."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from domino_sim.inference.networks.hypotheses import Graph, descendants
from domino_sim.inference.networks.power_gates import GatesOfSkill
from domino_sim.levels import Floats

__all__ = ["chances", "roots_of", "whole_evidence"]


def roots_of(graph: Graph, skills: Sequence[GatesOfSkill]) -> np.ndarray:
    """Return which skills need nothing, (n,) of bool; what hardly ever came is not known to."""
    return np.array(
        [not gate.skills and not skill.unknown for gate, skill in zip(graph, skills, strict=True)]
    )


def whole_evidence(skills: Sequence[GatesOfSkill], graph: Graph, i: int) -> Floats:
    """Return the log evidence of the gates of a skill (gates,), given those of the other skills.

    With it that of all others, whose gates that ask for nothing change as `i` is a root or not.
    """
    roots = roots_of(graph, skills)
    found = skills[i].evidence(roots)
    if skills[i].unknown or len(found) == 1:
        return found
    with_it, without = roots.copy(), roots.copy()
    with_it[i], without[i] = True, False
    change = sum(
        skills[k].open_evidence(with_it) - skills[k].open_evidence(without)
        for k in np.flatnonzero(without).tolist()
    )
    found[np.logical_not(skills[i].members.any(axis=1))] += change
    return found


def chances(skills: Sequence[GatesOfSkill], graph: Graph, i: int) -> Floats:
    """Return the probabilities of gates (gates,), given those of the other skills."""
    skill, evidence = skills[i], whole_evidence(skills, graph, i)
    after = np.zeros(len(graph), dtype=bool)
    after[list(descendants(graph, i))] = True
    allowed = np.where((skill.members & after).any(axis=1), -np.inf, evidence)
    chance = np.exp(allowed - allowed.max())
    return chance / chance.sum()
