"""The search of `infer` under clocks that are not free: in steps, and by the law ``sum``."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.inference.fixed_clocks import _first, _on, fit_clock
from benchmarks.inference.ours import METHODS, probabilities
from benchmarks.inference.scoring import score
from benchmarks.inference.worlds import RATE, make_world
from domino_sim.gates import parse_gate
from domino_sim.inference.forms import OPEN, Courses, Form, Requires
from domino_sim.inference.records import Records
from domino_sim.inference.study import make_study


def worlds(law, **options):
    given = {"skills": 5, "runs": 4, "seed": 2, "points": 120, **options}
    return make_world(law=law, **given)


def on_truth(world):
    """Return the study of a world and its true graph on all records."""
    study, names = make_study(world.curves, None), list(world.names)
    gates = {}
    for i, name in enumerate(names):
        gate = world.graph.nodes[name].get("requires")
        needs = [names.index(other) for other in parse_gate(gate).names] if gate else []
        gates[i] = Requires.of(needs, " or " in gate) if gate else OPEN
    form = Form("hard", 0.99, "mse")
    courses = Courses(form, study.frequency, study.before["mse"])
    return study, _on(study, courses, gates)


@pytest.mark.parametrize(("law", "kind"), [("constant", "steps"), ("sum", "sum")])
def test_a_clock_of_the_right_law_leaves_noise_alone(law, kind):
    world = worlds(law)
    study, truth = on_truth(world)
    tau, error = fit_clock(study, truth, kind)
    assert error == pytest.approx(study.records.values, rel=0.15)
    # By the closed form: η t = N₀ τ + Σ (s − s(0)), or η t = τ.
    wasted = world.settings["wasted"]
    for r, steps in enumerate(world.steps):
        t = RATE * steps
        if law == "constant":
            np.testing.assert_allclose(tau[r], 5 * t, rtol=0.03)
        else:
            clock = (t - world.clean[r].sum(axis=1)) / wasted
            np.testing.assert_allclose(tau[r], clock, rtol=0.05, atol=0.02 * clock[-1])


def test_a_clock_of_the_wrong_law_leaves_more():
    study, truth = on_truth(worlds("norm"))
    free = truth.error / study.records.values
    assert free < 1.1
    by_kind = {kind: fit_clock(study, truth, kind)[1] / study.records.values
               for kind in ("steps", "sum")}  # fmt: skip
    # τ = κ t is the closed form under `sum` without gains.
    assert by_kind["steps"] > by_kind["sum"] > 3.0


@pytest.mark.parametrize(
    ("law", "method"), [("constant", "infer, in steps"), ("sum", "infer, as under sum")]
)
def test_under_the_right_law_the_graph_is_found(law, method):
    world = worlds(law, operators="mixed", skills=4, runs=3, points=60)
    found = probabilities(world, method)
    assert {skill for edge in found for skill in edge} <= set(world.names)
    assert score(world, found).exact
    assert method in METHODS


def test_first_clocks_are_right_while_roots_are_learned():
    world = worlds("constant", operators="mixed")
    study = make_study(world.curves, None)
    right = np.stack([5 * RATE * steps for steps in world.steps])
    np.testing.assert_allclose(_first(study, "mse", "steps"), right, rtol=0.1)
    furthest = _first(study, "mse", "sum")
    assert (np.diff(furthest, axis=1) > 0.0).all()
    early = slice(5, 20)
    np.testing.assert_allclose(furthest[:, early], right[:, early], rtol=0.15)


def test_a_run_in_which_nothing_is_on_its_way_has_a_clock_all_the_same():
    world = worlds("constant")
    study = make_study(world.curves, None)
    level = np.where(study.records.level > 0.5, 1.0, 0.0)
    jumps = replace(study, records=Records(level, study.records.weight))
    assert (_first(jumps, "mse", "steps")[:, -1] == 1.0).all()
