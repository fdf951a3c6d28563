"""Mixtures that are not known are fitted with the clock and the graph."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
import xarray as xr
from inferred import edges, simulated

from benchmarks.inference.worlds import make_world
from domino_sim import infer
from domino_sim.gates import parse_gate
from domino_sim.inference import Inference
from domino_sim.inference.first_rates import first_frequencies
from domino_sim.inference.forms import OPEN, Courses, Form, Requires
from domino_sim.inference.rates import TO_THE_END, fit
from domino_sim.inference.rating import foretell, rated
from domino_sim.inference.records import Records, make_nodes
from domino_sim.inference.settling import settled
from domino_sim.inference.structure import Structure
from domino_sim.inference.study import make_study

REQUIRES = {"A": "", "B": "", "C": "A", "D": "B", "E": "C and D"}
TRUE = {("A", "C"), ("B", "D"), ("C", "E"), ("D", "E")}
MIXTURES = [
    [0.30, 0.16, 0.12, 0.20, 0.22],
    [0.15, 0.35, 0.25, 0.10, 0.15],
    [0.25, 0.15, 0.08, 0.30, 0.22],
]


@cache
def whole() -> xr.Dataset:
    return simulated(REQUIRES, MIXTURES, steps=[np.arange(0, 10001, 100)] * 3)


@cache
def without_mixtures() -> Inference:
    return infer(whole().assign(frequency=whole().frequency * np.nan))


def test_the_ratio_of_frequencies_is_found_before_any_graph() -> None:
    p, opening = np.array([0.5, 0.2, 0.3]), np.array([0.0, 0.0, 4.0])
    tau = np.concatenate([np.linspace(0.0, 2.0, 10), np.linspace(2.5, 25.0, 30)])
    level = 1.0 - np.exp(-p * np.maximum(tau[:, None] - opening, 0.0))
    nodes = Records(level[None], np.full((1, 40, 3), 1e6))
    found = first_frequencies(nodes, np.full((1, 3), np.nan), "mse").frequency[0]
    assert found.sum() == pytest.approx(1.0)
    np.testing.assert_allclose(found, p, rtol=0.02)


def test_frequencies_that_are_known_stay_as_they_are() -> None:
    level = 1.0 - np.exp(-np.array([0.5, 0.25]) * np.linspace(0.0, 10.0, 40)[:, None])
    nodes = Records(level[None], np.full((1, 40, 2), 1e6))
    found = first_frequencies(nodes, np.array([[2.0, np.nan]]), "mse").frequency[0]
    assert found[0] == 2.0
    assert found[1] == pytest.approx(1.0, rel=0.02)


def test_frequencies_of_skills_to_come_follow_those_of_the_skills_they_overlap_with() -> None:
    # C and D begin when A and B are long learned: what they have to do with those is a guess.
    p, opening = np.array([0.4, 0.2, 0.004, 0.008]), np.array([0.0, 0.0, 100.0, 100.0])
    tau = np.concatenate([np.linspace(0.0, 40.0, 30), np.linspace(100.0, 900.0, 30)])
    level = 1.0 - np.exp(-p * np.maximum(tau[:, None] - opening, 0.0))
    nodes = Records(level[None], np.full((1, 60, 4), 1e4))
    first = first_frequencies(nodes, np.full((1, 4), np.nan), "mse")
    guess = first.frequency[0]
    assert guess[1] / guess[0] == pytest.approx(0.5, rel=0.05)
    assert guess[3] / guess[2] == pytest.approx(2.0, rel=0.05)
    assert guess[2] / guess[0] > 5.0 * p[2] / p[0]
    courses = Courses(
        Form("hard", 0.99), first.frequency, free=np.ones((1, 4), dtype=bool), ties=first.ties
    )
    told = first.frequency.copy()
    told[0, 2] = guess[0] * p[2] / p[0]
    structure = Structure(courses.with_frequency(told), nodes)
    structure.gates = {0: OPEN, 1: OPEN, 2: Requires.of((0, 1))}
    foretell(structure)
    answer = structure.courses.frequency[0]
    np.testing.assert_allclose(answer[:3], told[0, :3])
    assert answer[3] / answer[2] == pytest.approx(2.0, rel=0.05)


def test_frequencies_far_off_are_found_where_steps_of_a_fit_end_elsewhere() -> None:
    world = make_world(
        skills=6, runs=4, law="norm", gate="hard", operators="and", seed=3, points=100
    )
    study = make_study(world.without_mixtures(), None)
    nodes = make_nodes(study.records, 40)
    courses = Courses(Form("hard", 0.99), study.frequency, free=study.free, ties=study.ties)
    true = Structure(courses, nodes)
    for i, name in enumerate(study.skills):
        text = world.graph.nodes[name].get("requires")
        names = parse_gate(text).names if text else ()
        true.gates[i] = Requires.of([study.skills.index(one) for one in names])
    true.follow(set(true.gates))
    true.seek()
    climbed = true.copy()
    fit(climbed, rounds=TO_THE_END)
    assert climbed.error > 10.0 * nodes.values  # what is to be mended
    assert settled(true.copy()).error < 1.1 * nodes.values


@pytest.mark.parametrize("form", [Form("hard", 0.95), Form("soft", 0.3)], ids=str)
def test_a_fit_returns_to_the_frequencies_that_made_the_levels(form: Form) -> None:
    p = np.array([[0.5, 0.3, 0.4], [0.2, 0.6, 0.4]])
    tau = np.tile(np.linspace(0.0, 40.0, 60), (2, 1))
    gates = {0: OPEN, 1: OPEN, 2: Requires.of((0, 1))}

    def structure(frequency: np.ndarray, nodes: Records) -> Structure:
        # The grid of soft tracks is that of the true frequencies in both.
        courses = Courses(form, p, free=np.ones((2, 3), dtype=bool)).with_frequency(frequency)
        one = Structure(courses, nodes)
        one.gates, one.tau = dict(gates), tau
        one.follow(set(gates))
        return one

    empty = Records(np.zeros((2, 60, 3)), np.ones((2, 60, 3)))
    made = structure(p, empty)
    level = -np.moveaxis(made.residuals(tau)[0], 0, -1)  # what 0 is off by
    away = p * np.array([[1.3, 1.0, 0.8], [0.8, 1.1, 1.2]])
    fitted = structure(away, Records(level, np.full(level.shape, 1e6)))
    fit(fitted, rounds=25)
    # The scale of a run's frequencies is that of its clock.
    ratio = fitted.courses.frequency / p
    np.testing.assert_allclose(ratio / ratio.mean(axis=1, keepdims=True), 1.0, atol=0.01)
    assert fitted.error < 5.0
    log = np.log(fitted.courses.frequency)
    assert fitted.penalty == pytest.approx(
        float(np.square(log - log.mean(axis=1, keepdims=True)).sum())
    )


def test_a_graph_is_found_without_any_mixture() -> None:
    found = without_mixtures()
    assert edges(found) == TRUE
    assert found.report["misfit"] < 1.3
    assert any("the mixture of every run is not known" in one for one in found.report["remarks"])


def test_the_mixtures_that_were_fitted_are_reported() -> None:
    for run, mixture in zip(without_mixtures().report["mixtures"].values(), MIXTURES, strict=True):
        assert sum(run.values()) == pytest.approx(1.0)
        # A and B are under way together from the start in every run: their ratio is well told.
        assert run["A"] / run["B"] == pytest.approx(mixture[0] / mixture[1], rel=0.1)


def test_one_run_without_a_mixture_is_used_beside_others_with_theirs() -> None:
    known = whole().copy(deep=True)
    known.frequency.values[1] = math.nan
    found = infer(known)
    assert edges(found) == TRUE
    assert found.report["mixtures"]["run 1"]["A"] == 0.30
    assert any("the mixture of 'run 2' is not known" in one for one in found.report["remarks"])


def test_what_does_not_move_in_a_run_of_unknown_mixture_counts_as_not_trained() -> None:
    curves = whole().copy(deep=True)
    curves.level.values[1, :, 2] = 0.0
    curves.level.values[1, :, 4] = 0.0
    curves.frequency.values[1] = math.nan
    found = infer(curves)
    assert found.report["mixtures"]["run 2"]["C"] == 0.0
    assert any("taken as not trained in it" in one for one in found.report["remarks"])
    # In the two runs that are left D is never what E waits for.
    assert edges(found) == TRUE - {("D", "E")}


def test_what_leaks_counts_where_a_frequency_is_fitted_to_a_hard_gate() -> None:
    p, tau = np.array([[0.4, 0.1], [0.2, 0.3]]), np.tile(np.linspace(0.0, 40.0, 80), (2, 1))
    free = np.ones((2, 2), dtype=bool)
    true = Courses(Form("hard", 0.9, "mse", 0.2), p, free=free)
    first = true.track(0, true.open_time([OPEN], {})[0])
    opening = true.track(1, true.open_time([Requires.of((0,))], {0: first})[0])
    level, _ = true.levels([0, 1], np.stack([first, opening]), tau, None)
    level = np.moveaxis(level, 0, -1)
    structure = Structure(
        true.with_frequency(p * [1.0, 1.6]), Records(level, np.full(level.shape, 1e6))
    )
    structure.add(0, OPEN, first)
    found = rated(structure, 1, opening[None], tau, np.ones(tau.shape, dtype=bool))
    assert found.pace is not None
    np.testing.assert_allclose(found.pace[0], p[:, 1], rtol=1e-3)
