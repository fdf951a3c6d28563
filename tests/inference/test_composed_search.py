"""The search for composed skills' graphs is not lost where few runs let wrong gates hold it."""

from __future__ import annotations

import numpy as np
from test_networks_composed import _curves

from domino_sim.inference.forms import OPEN, Requires
from domino_sim.inference.networks.grown import _search
from domino_sim.inference.networks.hypotheses import Rules
from domino_sim.inference.study import make_study


def test_a_search_that_ends_at_a_wrong_graph_starts_from_others():
    graph = (Requires.of([1]), OPEN, Requires.of([1]), Requires.of([0, 1]))
    mixtures = np.array([[0.11, 0.08, 0.26, 0.55], [0.52, 0.15, 0.3, 0.04]])
    study = make_study(_curves(graph, mixtures), None)
    judge, found, errors = _search(study, Rules.of(4, None, None, 4), np.inf)
    # From nothing it ends at 0.17 of level; with a memory, which these curves have not, at 0.04.
    assert found == graph
    assert not judge.memory and errors["composed"] < 0.015 < errors["composed, with memory"]
