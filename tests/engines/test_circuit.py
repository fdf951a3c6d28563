"""The circuit of all gates against gates evaluated one by one."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import gates

from domino_sim.engines.circuit import compile_circuit, kth_smallest, product_of_largest
from domino_sim.gates import Gate, parse_gate

NAMES = ("a", "b", "c", "d")


@given(st.lists(st.one_of(st.none(), gates(list(NAMES))), min_size=1, max_size=5), st.data())
@settings(max_examples=80)
def test_a_circuit_says_what_its_gates_say(texts: list[str | None], data: st.DataObject) -> None:
    names = NAMES + tuple(f"g{i}" for i in range(len(texts)))
    parsed = [None] * len(NAMES) + [None if t is None else parse_gate(t) for t in texts]
    circuit = compile_circuit(names, parsed)
    numbers = st.floats(0.0, 1.0)
    given_values = np.array([[data.draw(numbers) for _ in range(2)] for _ in names])
    hard, soft = (kth_smallest, Gate.opening, 0.0), (product_of_largest, Gate.soft, 1.0)
    for reduce, one_by_one, ungated in (hard, soft):
        found = circuit.at_once(given_values, reduce, ungated)
        for i, gate in enumerate(parsed):
            for run in range(2):
                value = dict(zip(names, given_values[:, run], strict=True))
                expected = ungated if gate is None else one_by_one(gate, value)
                assert found[i, run] == pytest.approx(expected, rel=1e-14, abs=1e-300)


@given(gates(list(NAMES)))
@settings(max_examples=40)
def test_a_gate_opens_when_the_masteries_so_far_satisfy_it(text: str) -> None:
    circuit = compile_circuit((*NAMES, "x"), [None] * 4 + [parse_gate(text)])
    for order in itertools.permutations(range(4)):
        times = np.array([*map(float, order), 0.0])[:, None]
        opened = circuit.at_once(times, kth_smallest, 0.0)[4, 0]
        for now in range(4):
            done = {name for i, name in enumerate(NAMES) if order[i] <= now}
            assert parse_gate(text).is_open(done) == (opened <= now)


def test_sweep_carries_values_down_a_graph() -> None:
    parsed = [None, parse_gate("a"), parse_gate("a and b"), parse_gate("2 of (a, b, c)")]
    circuit = compile_circuit(NAMES, parsed)
    took = np.array([5.0, 1.0, 2.0, 3.0])

    def skills(ids: np.ndarray, opened: Any) -> np.ndarray:
        return took[ids] + (0.0 if opened is None else opened)

    values = circuit.sweep((), skills, kth_smallest)
    # a at 5; b at 6; c at 8; d when two of them are: at 6, so at 9.
    np.testing.assert_array_equal(values[:4], [5, 6, 8, 9])


def test_names_in_a_row_mean_all_of_them() -> None:
    circuit = compile_circuit(("a", "b", "c"), [None, (), ("a", "b")])
    times = np.array([[3.0], [7.0], [0.0]])
    assert circuit.at_once(times, kth_smallest, 0.0)[:, 0].tolist() == [0.0, 0.0, 7.0]
    assert not circuit.free
    assert compile_circuit(("a", "b"), [None, None]).free


def test_one_prerequisite_is_its_own_gate() -> None:
    circuit = compile_circuit(("a", "b"), [None, parse_gate("a")])
    assert circuit.gate_of.tolist() == [-1, 0]
    assert circuit.n_nodes == 2


def test_repeated_prerequisites_count_as_often_as_they_are_written() -> None:
    circuit = compile_circuit(("a", "b", "c"), [None, None, parse_gate("2 of (a, a, b)")])
    times = np.array([[3.0], [7.0], [0.0]])
    assert circuit.at_once(times, kth_smallest, 0.0)[2, 0] == 3.0


def test_no_depth_of_graph_or_gate_recurses() -> None:
    n = 20_000
    names = [f"s{i}" for i in range(n)]
    chain = compile_circuit(names, [None, *[(name,) for name in names[:-1]]])

    def skills(ids: np.ndarray, opened: Any) -> np.ndarray:
        return np.ones((len(ids), 1)) + (0.0 if opened is None else opened)

    values = chain.sweep((1,), skills, kth_smallest)
    assert values[n - 1, 0] == n
    deep = "a"
    for _ in range(2000):
        deep = f"({deep} and b)"
    circuit = compile_circuit(("a", "b", "x"), [None, None, parse_gate(deep)])
    assert circuit.at_once(np.array([[1.0], [2.0], [0.0]]), kth_smallest, 0.0)[2, 0] == 2.0
