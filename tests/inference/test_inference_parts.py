"""The parts of inference: courses in the clock, the clock, nodes, gates that the data rule out."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import cumulative_trapezoid

import domino_sim
from domino_sim.inference.evidence import weigh
from domino_sim.inference.forms import OPEN, Courses, Form, Requires
from domino_sim.inference.odds import Odds
from domino_sim.inference.proposals import Allowed, Scored, allowed_by
from domino_sim.inference.records import Records, make_nodes, noise_of
from domino_sim.inference.structure import Structure

#: D needs A and B, E one of C and D, F needs E.
GATES = {
    "A": OPEN, "B": OPEN, "C": OPEN, "D": Requires.of((0, 1)), "E": Requires.of((2, 3), True),
    "F": Requires.of((4,)),
}  # fmt: skip
TEXTS = {"D": "A and B", "E": "C or D", "F": "E"}
P = np.array([[0.3, 0.1, 0.1, 0.2, 0.2, 0.1], [0.05, 0.3, 0.25, 0.1, 0.15, 0.15]])

FORMS = [
    Form("hard", 0.99), Form("hard", 0.8), Form("hard", 0.99, "ce"), Form("soft", 0.05),
    Form("soft", 0.5), Form("soft", 0.3, "ce"), Form("hard", 0.9, "mse", 0.1),
    Form("hard", 0.99, "ce", 0.02), Form("soft", 0.3, "mse", 0.05),
]  # fmt: skip


def tracks(form: Form) -> tuple[Courses, dict[int, np.ndarray]]:
    courses = Courses(form, P)
    found: dict[int, np.ndarray] = {}
    for i, gate in enumerate(GATES.values()):
        found[i] = courses.track(i, courses.open_time([gate], found)[0])
    return courses, found


def engine_levels(form: Form, run: int, steps: np.ndarray) -> np.ndarray:
    """Levels of the clock engine under the law `constant`, where the clock is the rate times t."""
    gate = {"kind": form.kind, "leak": form.leak}
    gate |= {"exponent": form.value} if form.kind == "soft" else {}
    tables = {
        "steps": int(steps[-1]), "loss": form.loss, "gate": gate,
        "mastery": form.value if form.kind == "hard" else 0.99,
        "pool": {"law": "constant", "rate": 0.1}, "record": {"steps": steps.tolist()},
        "skills": {
            name: {"frequency": float(p)} | ({"requires": TEXTS[name]} if name in TEXTS else {})
            for name, p in zip(GATES, P[run], strict=True)
        },
    }  # fmt: skip
    return domino_sim.simulate(domino_sim.Scenario.from_dict(tables), engine="clock").level.values


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_levels_are_those_of_the_clock_engine(form: Form) -> None:
    steps = np.unique(np.geomspace(1, 60000, 60).astype(int))
    courses, found = tracks(form)
    tau = np.tile(0.1 * steps, (2, 1))
    for i in range(len(GATES)):
        level, slope = courses.levels(i, found[i], tau, courses.place(tau))
        for r in range(2):
            expected = engine_levels(form, r, steps)[:, i]
            close = 1e-9 if form.kind == "hard" else 4e-3  # a grid of τ
            np.testing.assert_allclose(level[r], expected, atol=close, rtol=0)
        assert (slope >= 0.0).all()


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_slopes_are_the_derivatives_of_levels(form: Form) -> None:
    courses, found = tracks(form)
    tau = np.sort(np.random.default_rng(0).uniform(0.5, 200.0, (2, 40)), axis=1)
    for i in range(len(GATES)):
        level, slope = courses.levels(i, found[i], tau, courses.place(tau))
        h = 1e-5
        up, _ = courses.levels(i, found[i], tau + h, courses.place(tau + h))
        np.testing.assert_allclose((up - level) / h, slope, atol=2e-4, rtol=2e-3)


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_the_clock_of_an_amount_of_work_is_the_inverse(form: Form) -> None:
    courses, found = tracks(form)
    work = np.tile(np.array([0.5, 1.0, 2.0, 3.0]), (2, 1))
    for i in range(len(GATES)):
        tau = courses.inverse(i, found[i][None], work)[0]
        level, _ = courses.levels(i, found[i], tau, courses.place(tau))
        alone = Courses(Form("hard", 0.99, form.loss), np.ones((2, 1)))
        expected, _ = alone.levels(0, np.zeros(2), work, None)
        np.testing.assert_allclose(level, expected, atol=2e-3)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=5, unique=True), st.booleans())
def test_a_gate_has_one_form(skills: list[int], either: bool) -> None:
    gate = Requires.of(skills, either)
    assert gate.skills == tuple(sorted(skills))
    assert gate == Requires.of(skills[::-1], either)
    assert gate.any == (either and len(skills) > 1)


def test_all_open_at_the_last_and_any_at_the_first_of_their_prerequisites() -> None:
    courses, found = tracks(Form("hard", 0.99))
    done = np.stack([found[j] + np.log(100.0) / P[:, j] for j in range(3)])
    both, either = courses.open_time([Requires.of((0, 2)), Requires.of((0, 2), True)], found)
    np.testing.assert_allclose(both, done[[0, 2]].max(axis=0))
    np.testing.assert_allclose(either, done[[0, 2]].min(axis=0))


@pytest.mark.parametrize("leak", [0.0, 0.2])
def test_how_long_soft_gates_have_been_open(leak: float) -> None:
    """By the trapezoidal rule, gate by gate; more gates than are worked out at once."""
    rng = np.random.default_rng(1)
    courses = Courses(Form("soft", 0.1, leak=leak), rng.uniform(0.5, 2.0, (2, 7)))
    found = {i: courses.track(i, courses.open_time([OPEN], {})[0]) for i in range(7)}
    gates = [OPEN, *(Requires.of(some, any) for k in (1, 2, 3) for any in (False, True)
                     for some in combinations(range(7), k))]  # fmt: skip
    time = courses.open_time(gates, found)
    for gate, one in zip(gates, time, strict=True):
        each = np.array([courses.opened(found[j]) for j in gate.skills])
        c = (each.max(axis=0) if gate.any else each.prod(axis=0)) if gate.skills else 1.0
        c = leak + (1.0 - leak) * np.broadcast_to(c, courses.grid.shape)
        wanted = cumulative_trapezoid(c, courses.grid, axis=1, initial=0.0)
        np.testing.assert_allclose(one, wanted, rtol=1e-12)


def test_what_a_skill_lets_through_follows_its_track_and_where_it_starts() -> None:
    courses = Courses(Form("soft", 0.1), np.ones((1, 2)))
    first = courses.track(0, courses.open_time([OPEN], {})[0])
    gate = [Requires.of((0,))]
    before = courses.open_time(gate, {0: first})
    faster = courses.open_time(gate, {0: 2.0 * first})
    begun = courses.with_done(np.array([[1.0, 0.0]])).open_time(gate, {0: first})
    assert (faster[..., 1:] > before[..., 1:]).all() and (begun[..., 1:] > before[..., 1:]).all()
    np.testing.assert_array_equal(courses.open_time(gate, {0: first}), before)


# Records


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.sampled_from([0.003, 0.01, 0.05, 0.1]))
def test_the_noise_is_seen_in_the_curves(seed: int, sigma: float) -> None:
    rng = np.random.default_rng(seed)
    tau = np.linspace(0.0, 12.0, 300)
    level = 1.0 - np.exp(-np.outer(tau, [1.0, 0.5, 0.2])) + sigma * rng.normal(size=(300, 3))
    known = rng.random((1, 300, 3)) < 0.8
    assert abs(noise_of(level[None], known) / sigma - 1.0) < 0.25


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.integers(2, 80))
def test_nodes_keep_every_level_and_lie_close_where_much_moves(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    level = np.sort(rng.random((2, 90, 3)), axis=1)
    weight = 4.0 * (rng.random(level.shape) < 0.9)
    nodes = make_nodes(Records(level, weight), count)
    assert nodes.level.shape[1] <= count
    np.testing.assert_allclose(nodes.weight.sum(axis=1), weight.sum(axis=1))
    sums = (nodes.weight * nodes.level).sum(axis=1)
    np.testing.assert_allclose(sums, (weight * level).sum(axis=1))


def test_what_is_not_known_has_neither_begun_nor_ended() -> None:
    level = np.zeros((1, 20, 2))
    level[0, :, 0] = np.linspace(0.0, 1.0, 20)
    weight = np.full(level.shape, 1e4)
    weight[..., 1] = 0.0
    records = Records(level, weight)
    assert not records.under_way[..., 1].any()
    assert not records.learned[..., 1].any()
    assert records.under_way[..., 0].any()


def test_smooth_curves_rise_and_are_the_curves_where_these_do() -> None:
    level = np.linspace(0.0, 1.0, 30)[None, :, None] + np.zeros((2, 30, 1))
    level[1, ::2] -= 0.1
    smooth = Records(level, np.ones(level.shape)).smooth
    np.testing.assert_allclose(smooth[0], level[0])
    assert (np.diff(smooth, axis=1) >= -1e-12).all()


# Gates that may be


def staircase() -> Records:
    """Skill i rises from i to i + 1, of three."""
    at = np.linspace(0.0, 3.0, 61)
    level = np.clip(at[:, None] - np.arange(3), 0.0, 1.0)
    return Records(level[None], np.full((1, 61, 3), 1e4))


@pytest.mark.parametrize("kind", ["hard", "soft"])
def test_a_skill_needs_none_that_is_learned_after_it(kind: str) -> None:
    form = Form("hard", 0.99) if kind == "hard" else Form("soft", 1e-3)
    allowed = allowed_by(staircase(), form, np.eye(3, dtype=bool), [()] * 3, 4)
    assert allowed.permits(1, Requires.of((0,))) and allowed.permits(2, Requires.of((0, 1)))
    assert not allowed.permits(0, Requires.of((1,)))
    assert not allowed.permits(0, Requires.of((1, 2), True))


def test_what_is_forbidden_is_not_permitted_and_what_is_required_is_needed() -> None:
    forbidden = np.eye(3, dtype=bool)
    forbidden[0, 2] = True
    allowed = allowed_by(staircase(), Form("hard", 0.99), forbidden, [(), (0,), ()], 1)
    assert not allowed.permits(2, Requires.of((0,))) and allowed.permits(2, Requires.of((1,)))
    assert not allowed.permits(1, OPEN) and allowed.permits(1, Requires.of((0,)))
    assert not allowed.permits(2, Requires.of((0, 1)))


# The clock


@pytest.mark.parametrize("form", [Form("hard", 0.99), Form("soft", 0.1)], ids=str)
def test_the_clock_of_the_true_graph_is_found_from_nothing(form: Form) -> None:
    courses, found = tracks(form)
    rng = np.random.default_rng(0)
    tau = np.sort(rng.uniform(0.0, 150.0, (2, 120)), axis=1)
    skills = list(range(len(GATES)))
    stacked = np.stack([found[i] for i in skills])
    level, _ = courses.levels(skills, stacked, tau, courses.place(tau))
    level = np.moveaxis(level, 0, -1) + 0.005 * rng.normal(size=(2, 120, 6))
    structure = Structure(courses, Records(level, np.full(level.shape, 1.0 / 0.005**2)))
    for i, gate in enumerate(GATES.values()):
        structure.add(i, gate, found[i])
    structure.seek()
    error = structure.polish(30)
    assert 0.7 < error / level.size < 1.1
    assert (np.diff(structure.tau, axis=1) >= 0.0).all()
    assert structure.edges == 5
    assert structure.descendants(0) == {0, 3, 4, 5}
    sharp = structure.precision * np.square(tau) > 400.0
    assert sharp.mean() > 0.5
    assert np.abs(np.log(structure.tau[sharp] / tau[sharp])).max() < 0.5


def test_gains_by_run_add_up_however_far_the_curves_are_from_the_model() -> None:
    courses, found = tracks(Form("hard", 0.99))
    tau = np.linspace(0.0, 150.0, 80) * np.array([[1.0], [1.3]])
    level, _ = courses.levels(list(found), np.stack(list(found.values())), tau, courses.place(tau))
    bent = 0.1 * np.sin(np.arange(80) / 3.0)[:, None] * [1, 0, 2, 0, 1, 2]
    level = np.moveaxis(level, 0, -1) + bent
    structure = Structure(courses, Records(level, np.full(level.shape, 1e4)))
    structure.gates, structure.tracks = dict(enumerate(GATES.values())), found
    structure.seek()
    scale = structure.polish(12) / level.size
    scored = {i: Scored([gate], np.zeros(1)) for i, gate in structure.gates.items()}
    allowed = Allowed(np.ones((6, 6, 2), dtype=bool), np.eye(6, dtype=bool), (frozenset(),) * 6, 3)
    edges = weigh(structure, scored, Odds(scale, 5.0), allowed)
    assert scale > 20.0 and min(edge.gain for edge in edges) < -1.0
    for edge in edges:
        assert edge.by_run.sum() == pytest.approx(edge.gain)
