"""Putting one skill in: which gates are looked at, and which structures are looked at anew."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from domino_sim.inference import building
from domino_sim.inference.building import FEW, WIDELY, Builder
from domino_sim.inference.forms import OPEN, Courses, Form, Requires
from domino_sim.inference.proposals import Allowed
from domino_sim.inference.records import Records
from domino_sim.inference.structure import Structure

#: The first is learned last in one run, the second in the other; the last one needs both.
P = np.array([[0.2, 1.0, 0.5], [1.0, 0.2, 0.5]])
BOTH = Requires.of((0, 1))


def begun(
    form: Form, sigma: float, off: float = 0.0, *, free: bool = False, p: np.ndarray = P,
    gate: Requires = BOTH,
) -> Structure:  # fmt: skip
    """All but the last skill, at their true clock; its levels are `off` by turns up and down."""
    courses = Courses(form, p, free=np.ones(p.shape, dtype=bool) if free else None)
    tau, last = np.tile(np.linspace(0.0, 40.0, 60), (2, 1)), p.shape[1] - 1
    true = Structure(courses, Records(np.zeros((2, 60, last + 1)), np.ones((2, 60, last + 1))))
    for skill, one in enumerate((*[OPEN] * last, gate)):
        true.add(skill, one, true.track_of(skill, one))
    place = courses.place(tau)
    level = [courses.levels(i, track, tau, place)[0] for i, track in true.tracks.items()]
    noisy = np.stack(level, axis=-1)
    noisy += sigma * np.random.default_rng(0).normal(size=noisy.shape)
    noisy[:, ::2, last] += off
    noisy[:, 1::2, last] -= off
    found = Structure(courses, Records(noisy, np.full(noisy.shape, sigma**-2)))
    for skill in range(last):
        found.add(skill, OPEN, found.track_of(skill, OPEN))
    found.seek()
    found.polish(20)
    return found


def builder_of(structure: Structure) -> Builder:
    n, runs = structure.courses.skills, structure.courses.runs
    allowed = Allowed(
        np.ones((n, n, runs), dtype=bool), np.eye(n, dtype=bool), (frozenset(),) * n, 3
    )
    found = Builder(structure.records, allowed, 5.0)
    found.attend([structure])
    return found


@pytest.mark.parametrize("form", [Form("hard", 0.99), Form("soft", 1.0)], ids=str)
def test_a_gate_is_found_where_no_gate_of_one_skill_explains_the_curves(form: Form) -> None:
    """A soft gate of two opens later than each: it may fit where in no run one of them does."""
    structure = begun(form, 1e-3)
    found = builder_of(structure).options(structure, 2, wide=False)
    assert found[0].gate == BOTH


@pytest.mark.parametrize("free", [False, True])
def test_what_no_gate_explains_is_not_given_up_where_frequencies_will_yet_move(free: bool) -> None:
    """Under hard gates and known frequencies several skills cost no less than each in its run."""
    structure = begun(Form("hard", 0.99), 0.01, 0.4, free=free)
    found = builder_of(structure).options(structure, 2, wide=False)
    assert any(option.gate == BOTH for option in found) is free


def test_the_clock_is_looked_for_anew_with_the_best_of_gates_that_are_doubted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # What needs the first, which is learned last of three, may need others as well.
    p = np.array([[0.2, 1.0, 0.6, 0.3], [0.3, 0.7, 1.0, 0.2]])
    structure = begun(Form("hard", 0.99), 0.01, 0.02, p=p, gate=Requires.of((0,)))
    builder, anew = builder_of(structure), list[Requires]()
    monkeypatch.setattr(building, "_anew", lambda one: anew.append(one.gates[3]))
    options = builder.options(structure, 3, wide=False)
    added = [option.error - structure.error for option in options]
    assert len(options) > WIDELY and min(added) > builder.usual(building.DOUBTED)
    builder.grow([structure], 3, [], wide=False)
    assert anew == [option.gate for option in options[:WIDELY]]


def test_what_agrees_with_the_best_structure_is_tried_with_those_beside_it() -> None:
    n = FEW + 2
    courses = Courses(Form("hard", 0.99), np.ones((1, n)))
    level = np.random.default_rng(0).random((1, 30, n))
    first = Structure(courses, Records(level, np.ones_like(level)))
    for skill in range(n - 1):
        first.add(skill, OPEN, first.track_of(skill, OPEN))
    first.seek()
    first.polish(5)
    beside, builder = first.copy(), builder_of(first)
    told = [
        (one, SimpleNamespace(likely=lambda *_, gate=gate, **__: [gate], tested=np.ones_like))
        for one, gate in ((first, Requires.of((3,))), (beside, Requires.of((4,))))
    ]
    builder._agreements = cast("Any", told)
    for one in (first, beside):
        found = builder.options(one, n - 1, wide=False)
        assert [option.gate for option in found] == [Requires.of((3,))]
