"""Graphs of power gates: drawn from how likely they are, with what skills take from each other.

Gibbs' sampler: gates are drawn skill by skill, each from all that close no circle, by their
evidence; then how much every skill slows those that need nothing (δ), given which they are.
Probabilities are means of the shares of gates along the way.
"""

from __future__ import annotations

import time

import numpy as np

from domino_sim.inference.evidence import Edge
from domino_sim.inference.networks.hypotheses import Graph, Rules, descendants
from domino_sim.inference.networks.onsets import Onsets
from domino_sim.inference.networks.power_edges import edges_of
from domino_sim.inference.networks.power_gates import Fit, GatesOfSkill
from domino_sim.levels import Floats

__all__ = ["PowerGraphs", "chances"]

#: Sweeps over all skills; so many at the start do not count.
_SWEEPS, _FIRST = 250, 50

#: Every so many sweeps, a graph is kept.
_KEPT = 20

#: Prior standard deviation of δ.
_COMPETITION = 0.1


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
    competition : (n,) array
        δ: by which power of each frequency skills that need nothing are slowed.
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
        return [
            skill.fit_of(gate, self.competition)
            for skill, gate in zip(self.skills, self.graph, strict=True)
        ]

    def edges(self) -> tuple[Edge, ...]:
        """Return the edges that are found, possible or cannot be told, and which runs say so."""
        return edges_of(
            self.graph, self.probability, self.skills, self.competition, self._onsets, self._rules
        )

    def _sample(self, rng: np.random.Generator, start: Graph, until: float) -> None:
        n = len(start)
        graph, delta = list(start), np.zeros(n)
        share, total, counted = np.zeros((n, n)), np.zeros(n), 0
        for sweep in range(_SWEEPS):
            if counted and time.monotonic() > until:
                break
            if sweep == _FIRST:
                share[:], total[:], counted = 0.0, 0.0, 0
            for i in self._order if sweep == 0 else rng.permutation(n).tolist():
                skill = self.skills[i]
                chance = chances(skill, skill.evidence(delta), tuple(graph), i)
                share[:, i] += chance @ skill.members
                graph[i] = skill.gates[int(rng.choice(len(chance), p=chance))]
            mean, spread = self.slowing(tuple(graph), delta)
            if sweep % _KEPT == 0 and sweep >= _FIRST:
                self.drawn.append(tuple(graph))
            delta = mean + spread @ rng.normal(size=n)
            total += mean
            counted += 1
        self.probability: Floats = np.clip(share / counted, 0.0, 1.0)
        self.competition: Floats = total / counted

    def slowing(self, graph: Graph, delta: Floats) -> tuple[Floats, Floats]:
        """Return the mean of δ given a graph, and a root of its covariance."""
        precision, drive = np.eye(len(delta)) / _COMPETITION**2, np.zeros(len(delta))
        for skill, gate in zip(self.skills, graph, strict=True):
            if not gate.skills:
                more, push = skill.about_competition(delta)
                precision, drive = precision + more, drive + push
        covariance = np.linalg.inv(precision)
        return covariance @ drive, np.linalg.cholesky(covariance)

    def _likeliest(self, graph: Graph) -> Graph:
        """Return a graph of which no gate has a likelier one."""
        for _ in range(len(graph)):
            old = graph
            for i in self._order:
                skill = self.skills[i]
                chance = chances(skill, skill.evidence(self.competition), graph, i)
                graph = (*graph[:i], skill.gates[int(chance.argmax())], *graph[i + 1 :])
            if graph == old:
                break
        return graph


def chances(skill: GatesOfSkill, evidence: Floats, graph: Graph, i: int) -> Floats:
    """Return the probabilities of gates (gates,), given those of the other skills."""
    after = np.zeros(len(graph), dtype=bool)
    after[list(descendants(graph, i))] = True
    allowed = np.where((skill.members & after).any(axis=1), -np.inf, evidence)
    chance = np.exp(allowed - allowed.max())
    return chance / chance.sum()
