"""What nothing tests is not put in while skills that are tested speak against an earlier gate."""

from __future__ import annotations

import numpy as np
from inferred import simulated

from domino_sim.inference.construction import Construction
from domino_sim.inference.forms import OPEN, Courses, Form, Requires
from domino_sim.inference.proposals import Allowed
from domino_sim.inference.records import make_nodes
from domino_sim.inference.structure import Structure
from domino_sim.inference.study import make_study

REQUIRES = {"A": "", "B": "", "P": "A or B", "Q": "", "Z": "Q"}
A, B, P, Q, Z = range(5)


def test_a_tested_skill_mends_a_gate_before_one_that_nothing_tests_is_put_in() -> None:
    """P opens with B where A is nearly learned: without Q the clock may wait there for A."""
    mixtures = [
        [0.3, 0.1, 0.2, 0.05, 0.1], [0.25, 0.35, 0.3, 0.05, 0.1], [0.2, 0.28, 0.3, 0.05, 0.1]
    ]  # fmt: skip
    at = [np.arange(0, 24_001, 80)] * 3
    study = make_study(simulated(REQUIRES, mixtures, steps=at, noise=0.03), None)
    nodes = make_nodes(study.records, 60)
    start = Structure(Courses(Form("hard", 0.99), study.frequency), nodes)
    for skill, gate in ((A, OPEN), (B, OPEN), (P, Requires.of((A,)))):
        start.add(skill, gate, start.track_of(skill, gate))
    start.seek()
    start.polish(12)
    ready, none = np.ones((5, 5, 3), dtype=bool), np.zeros((5, 5), dtype=bool)
    way = Construction(start, Allowed(ready, none, (frozenset(),) * 5, 4), 5.0)
    builder = way._builder
    builder.attend(way.alive)
    tested = builder.agreement(start).tested([Q, Z])
    assert not way.lost and tested[0] > 0.5 and tested[1] < 0.3  # the wrong gate fits
    way.step()
    gates = way.alive[0].gates
    assert Q in gates and Z not in gates
    assert gates[P] == Requires.of((A, B), any=True)
    way.step()
    assert way.done and not way.lost and way.alive[0].gates[Z] == Requires.of((Q,))
