"""A graph without expressions compiles to the circuit that its AND gates are."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from domino_sim.engines.circuit import Circuit, all_required, compile_circuit, kth_smallest


@st.composite
def prerequisites(draw: st.DrawFn) -> list[list[int]]:
    """What each skill needs, earlier skills only."""
    count = draw(st.integers(1, 40))
    return [
        draw(st.lists(st.sampled_from(range(i)), unique=True, max_size=4)) if i else []
        for i in range(count)
    ]


def opened(circuit: Circuit) -> np.ndarray:
    """Instants of opening if every skill takes as long as its number says."""

    def mastery(ids: np.ndarray, gates: np.ndarray | None) -> np.ndarray:
        return 1.0 + ids if gates is None else gates + 1.0 + ids

    return circuit.gate_values(circuit.sweep((), mastery, kth_smallest), ungated=0.0)


@given(prerequisites())
def test_numbers_and_names_give_one_circuit(needed: list[list[int]]) -> None:
    names = [f"s{i}" for i in range(len(needed))]
    named = compile_circuit(names, [[names[k] for k in some] for some in needed])
    widths = np.array([len(some) for some in needed])
    numbered = all_required(widths, np.array([k for some in needed for k in some], dtype=np.int64))
    assert np.array_equal(numbered.gate_of, named.gate_of)
    assert np.array_equal(opened(numbered), opened(named))
    for i, some in enumerate(needed):
        if some:
            assert sorted(numbered.sources(int(numbered.gate_of[i]))) == sorted(some)


@given(prerequisites())
def test_a_gate_opens_with_the_last_of_its_prerequisites(needed: list[list[int]]) -> None:
    widths = np.array([len(some) for some in needed])
    flat = np.array([k for some in needed for k in some], dtype=np.int64)
    expected: list[float] = []
    for some in needed:
        expected.append(max((expected[k] + 1.0 + k for k in some), default=0.0))
    assert opened(all_required(widths, flat)).tolist() == expected
