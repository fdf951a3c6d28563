"""A serial pool against gates: what counts when they are compared."""

from __future__ import annotations

from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest
from test_serial import _curves

from domino_sim.inference import infer
from domino_sim.inference.forms import OPEN, Courses, Form, Requires
from domino_sim.inference.records import Records
from domino_sim.inference.serial.contest import TIED, UNTRIED, apart, leaves_noise
from domino_sim.inference.structure import Structure


@pytest.mark.parametrize("edges", [0, 1, 2])
def test_a_prerequisite_more_costs_its_price(edges):
    courses = Courses(Form("hard", 0.99), np.ones((1, 3)))
    level = np.random.default_rng(0).random((1, 20, 3))
    structure = Structure(courses, Records(level, np.ones_like(level)))
    for skill, gate in enumerate((OPEN, Requires.of([0]), OPEN)):
        structure.add(skill, gate, structure.track_of(skill, gate))
    study = SimpleNamespace(records=structure.records)
    misfit = structure.on(study.records).polish(12) / level.size
    graph = [OPEN, *(Requires.of([k]) for k in range(edges))]
    serial = SimpleNamespace(misfit=misfit, graph=graph)
    assert apart(serial, structure, study, 7.0) == pytest.approx(7.0 * (edges - 1))


@pytest.mark.parametrize(
    ("values", "surest", "misfit", "sure"),
    [
        (10_000, 1.0, 0.99, True), (10_000, 1.0, 1.02, False), (10_000, 0.89, 0.99, False),
        (1_000, 1.0, 0.99, False),
    ],
)  # fmt: skip
def test_lines_surely_leave_noise_alone_where_levels_are_many_and_records_not_few(
    values, surest, misfit, sure
):
    study = SimpleNamespace(
        records=SimpleNamespace(values=values), skills="abcde", surest=surest
    )
    assert leaves_noise(SimpleNamespace(misfit=misfit), study) is sure


class _Stopped:
    """A meter whose reader presses Ctrl-C when gates begin to be tried."""

    @contextmanager
    def task(self, label, total):
        def update(done):
            raise KeyboardInterrupt

        yield update


def test_what_was_not_tried_before_a_stop_is_not_said_to_explain_curves_as_well():
    found = infer(_curves(), meter=_Stopped())
    assert found.report["model"]["kind"] == "serial"
    assert max(p for _, _, p in found.graph.edges(data="probability")) == 0.89
    assert UNTRIED in found.report["remarks"] and TIED not in found.report["remarks"]
