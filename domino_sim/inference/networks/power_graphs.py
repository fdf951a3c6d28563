"""Graphs of power gates: drawn from how likely they are.

Gibbs' sampler: gates are drawn skill by skill, each from all that close no circle, by their
evidence. Skills that need nothing slow each other: whether one does counts for all of them.
Probabilities are means of the shares of gates along the way.
"""

from __future__ import annotations

import time

import numpy as np

from domino_sim.inference.evidence import Edge
from domino_sim.inference.networks.hypotheses import Graph, Rules
from domino_sim.inference.networks.onsets import Onsets
from domino_sim.inference.networks.power_edges import edges_of
from domino_sim.inference.networks.power_gates import Fit, GatesOfSkill
from domino_sim.inference.networks.power_roots import chances, roots_of
from domino_sim.levels import Floats

__all__ = ["PowerGraphs"]

#: Sweeps over all skills; so many at the start do not count.
_SWEEPS, _FIRST = 250, 50

#: Every so many sweeps, a graph is kept.
_KEPT = 20


class PowerGraphs:
    """What onsets say about the graph.

    Parameters
    ----------
    onsets
        Onsets of all skills.
    rules
        Which gates are permitted.
    until
        When to stop (`time.monotonic`).

    Attributes
    ----------
    graph
        The likeliest gates, as far as they close no circle.
    probability : (n, n) array
        ``[j, i]``: that i needs j.
    skills
        The gates of every skill.
    drawn
        Graphs drawn on the way.
    """

    def __init__(self, onsets: Onsets, rules: Rules, until: float = np.inf) -> None:
        n = onsets.log.shape[1]
        self._onsets, self._rules = onsets, rules
        self.drawn: list[Graph] = []
        self.skills = [GatesOfSkill(onsets, i, rules.gates(i)) for i in range(n)]
        self._order = np.argsort(onsets.as_prerequisite.mean(axis=0), kind="stable").tolist()
        self._sample(np.random.default_rng(0), rules.start(), until)
        self.graph = self._likeliest(rules.start())

    def fits(self) -> list[Fit]:
        """Return the fits of the gates of `graph`."""
        roots = roots_of(self.graph, self.skills)
        return [
            skill.fit_of(gate, roots)
            for skill, gate in zip(self.skills, self.graph, strict=True)
        ]

    def edges(self) -> tuple[Edge, ...]:
        """Return the edges that are found, possible or cannot be told, and which runs say so."""
        return edges_of(self.graph, self.probability, self.skills, self._onsets, self._rules)

    def _sample(self, rng: np.random.Generator, start: Graph, until: float) -> None:
        n = len(start)
        graph = list(start)
        share, counted = np.zeros((n, n)), 0
        for sweep in range(_SWEEPS):
            if counted and time.monotonic() > until:
                break
            if sweep == _FIRST:
                share[:], counted = 0.0, 0
            for i in self._order if sweep == 0 else rng.permutation(n).tolist():
                skill = self.skills[i]
                chance = chances(self.skills, tuple(graph), i)
                share[:, i] += chance @ skill.members
                graph[i] = skill.gates[int(rng.choice(len(chance), p=chance))]
            if sweep % _KEPT == 0 and sweep >= _FIRST:
                self.drawn.append(tuple(graph))
            counted += 1
        self.probability: Floats = np.clip(share / counted, 0.0, 1.0)

    def _likeliest(self, graph: Graph) -> Graph:
        """Return a graph of which no gate has a likelier one."""
        for _ in range(len(graph)):
            old = graph
            for i in self._order:
                chance = chances(self.skills, graph, i)
                gate = self.skills[i].gates[int(chance.argmax())]
                graph = (*graph[:i], gate, *graph[i + 1 :])
            if graph == old:
                break
        return graph
