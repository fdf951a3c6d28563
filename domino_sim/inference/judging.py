"""Gates that seem nearly as good as those of a graph, judged whole.

To first order a clock gives way further than it can: what seems better was found worse.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from domino_sim.inference.forms import Requires
from domino_sim.inference.proposals import Scored

__all__ = ["judge_near"]

#: Gates of a skill that are judged whole, of those that seem within so much of the best (χ²).
_MOST, _DOUBTFUL = 16, 8.0


def judge_near(
    gates: Mapping[int, Requires], cost: float, scored: Mapping[int, Scored],
    visited: Mapping[frozenset[tuple[int, Requires]], float],
    judge: Callable[[int, Requires], None], over: Callable[[], bool],
) -> None:  # fmt: skip
    """Give the gates that seem as good as those of a graph the scores they have judged whole.

    Those that cannot be judged before time is `over` are taken to be worse than they seem.

    Parameters
    ----------
    gates, cost
        Those of the graph, and its cost (χ² and the price of the edges).
    scored
        Of each skill, gates and their scores, which are put right.
    visited
        Graphs that were judged whole, and their cost.
    judge
        Judges the graph with another gate of a skill, and puts it in `visited` unless the gate
        would close a circle.
    over
        Whether it is time to stop.
    """
    here = set(gates.items())
    for skill, some in scored.items():
        base = some.score_of(gates[skill])
        near = [
            gate
            for gate, score in zip(some.gates[:_MOST], some.score, strict=False)
            if score - base <= _DOUBTFUL and gate != gates[skill]
        ]
        judged = set[Requires]()
        for gate in near:
            if frozenset(here - {(skill, gates[skill])} | {(skill, gate)}) not in visited:
                if over():
                    break
                judge(skill, gate)
            judged.add(gate)
        for at, score in enumerate(some.score.tolist()):
            if score < base + _DOUBTFUL and some.gates[at] != gates[skill]:
                # What was judged gets its score below, unless it closes a circle.
                some.score[at] = base + (math.inf if some.gates[at] in judged else _DOUBTFUL)
    for graph, other in visited.items():
        if len(changed := graph - here) == 1:
            ((skill, gate),) = changed
            if skill in scored:
                scored[skill].put(gate, scored[skill].score_of(gates[skill]) + other - cost)
    for some in scored.values():
        some.sort()
