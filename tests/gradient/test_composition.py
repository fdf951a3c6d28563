"""Levels of composed skills: products for `and`, complements for `or`, chances for the rest."""

from __future__ import annotations

from itertools import product

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from domino_sim.gates import Gate
from domino_sim.gradient.composition import Composition
from domino_sim.graph import build_graph, gate_of, make_graph

NAMES = ("A", "B", "C", "D")

plain = st.sampled_from(NAMES)


def gates(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    several = st.lists(inner, min_size=2, max_size=3)
    return (
        several.map(lambda parts: "(" + " and ".join(parts) + ")")
        | several.map(lambda parts: "(" + " or ".join(parts) + ")")
        | several.map(lambda parts: "2 of (" + ", ".join(parts) + ")")
    )


@given(st.recursive(plain, gates, max_leaves=6), st.integers(0, 99))
def test_at_projections_0_and_1_a_level_is_the_projection_if_the_gate_is_open(
    text: str, seed: int
) -> None:
    graph = build_graph({**{name: {} for name in NAMES}, "T": {"requires": text}})
    gate = gate_of(graph, "T")
    assert gate is not None
    corners = np.array(list(product([0.0, 1.0], repeat=4)))
    x = np.column_stack([corners, np.full(len(corners), 0.3)])
    level = Composition(graph).level(torch.from_numpy(x)).numpy()
    np.testing.assert_array_equal(level[:, :4], corners)
    for row, corner in zip(level, corners, strict=True):
        learned = {name for name, value in zip(NAMES, corner, strict=True) if value}
        assert row[4] == (0.3 if gate.is_open(learned) else 0.0)


@given(st.integers(1, 3), st.lists(st.floats(0, 1), min_size=3, max_size=3))
def test_k_of_n_is_the_chance_that_so_many_independent_events_happen(
    k: int, chances: list[float]
) -> None:
    graph = build_graph(
        {**{name: {} for name in NAMES}, "T": {"requires": f"{k} of (A, B, C)"}}
    )
    x = torch.tensor([[*chances, 0.5, 1.0]], dtype=torch.float64)
    expected = sum(
        np.prod([c if on else 1 - c for c, on in zip(chances, corner, strict=True)])
        for corner in product([0, 1], repeat=3)
        if sum(corner) >= k
    )
    assert abs(float(Composition(graph).level(x)[0, 4]) - expected) < 1e-12


@given(st.integers(2, 25), st.integers(0, 99))
def test_any_graph_of_a_family_composes(n: int, seed: int) -> None:
    graph = make_graph("random", n=n, alternatives=0.5, seed=seed)
    x = torch.from_numpy(np.random.default_rng(seed).random((3, n)))
    level = Composition(graph).level(x).numpy()
    for i, name in enumerate(graph):
        gate = gate_of(graph, name)
        factor = 1.0 if gate is None else chance(gate, dict(zip(graph, x[0].numpy(), strict=True)))
        assert abs(level[0, i] - float(x[0, i]) * factor) < 1e-12


def chance(gate: Gate, values: dict[str, float]) -> float:
    """Sum over all outcomes of the gate's members, which are drawn once each."""
    names, total = gate.names, 0.0
    for corner in product([0, 1], repeat=len(names)):
        on = {name for name, value in zip(names, corner, strict=True) if value}
        if gate.is_open(on):
            total += np.prod([values[n] if n in on else 1 - values[n] for n in names])
    return float(total)
