"""How probable prerequisites are where gates of several skills would close circles.

Each skill has its gates and their weights. Where no circle of likely ones can be closed, skills are
independent. Else graphs without circles are drawn by their weight (Gibbs' sampler): one skill after
another gets a gate that closes none with the gates of the others.
"""

from __future__ import annotations

from collections.abc import Sequence

import networkx as nx
import numpy as np

from domino_sim.inference.networks.hypotheses import Graph, descendants
from domino_sim.inference.serial.gates import Priced, SkillGates
from domino_sim.levels import Floats

__all__ = ["probabilities"]

#: Edges less probable than this close no circles.
_UNLIKELY = 0.1

#: The cheapest gates of a skill that are drawn from; drawings of every skill, and those before.
_GATES, _DRAWS, _FIRST = 300, 1000, 20


def probabilities(gates: Sequence[SkillGates], graph: Graph) -> Floats:
    """Return how probable it is that i needs j, (n, n) ``[j, i]``; `graph` is a likely one."""
    found = np.stack([one.probability() for one in gates], axis=1)
    likely = nx.DiGraph(np.argwhere(found > _UNLIKELY).tolist())
    rings = [ring for ring in nx.strongly_connected_components(likely) if len(ring) > 1]
    circling = sorted(set().union(*rings))
    if not circling:
        return found
    some = {i: gates[i].cheapest(_GATES) for i in circling}
    asks = {i: np.zeros((len(each), len(graph)), dtype=bool) for i, each in some.items()}
    for i, each in some.items():
        for row, one in zip(asks[i], each, strict=True):
            row[list(one.gate.skills)] = True
    weights = {i: _weights(each) for i, each in some.items()}
    rng, drawn = np.random.default_rng(0), list(graph)
    found[:, circling] = 0.0
    for draw in range(_FIRST + _DRAWS):
        for i in circling:
            after = sorted(descendants(tuple(drawn), i))
            weight = np.where(asks[i][:, after].any(axis=1), 0.0, weights[i])
            if weight.any():
                weight /= weight.sum()
                drawn[i] = some[i][int(rng.choice(len(weight), p=weight))].gate
                asked = weight @ asks[i]
            else:  # none that was looked at: it keeps its gate
                asked = np.isin(np.arange(len(graph)), drawn[i].skills).astype(float)
            if draw >= _FIRST:
                found[:, i] += asked / _DRAWS
    return np.minimum(found, 1.0)


def _weights(gates: Sequence[Priced]) -> Floats:
    cost = np.array([one.cost for one in gates])
    weight: Floats = np.exp(-0.5 * (cost - cost.min()))
    return weight
