"""Levels of composed skills: products for `and`, complements for `or`, chances for the rest."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from domino_sim.curves import mastered_at
from domino_sim.gates import Gate
from domino_sim.gradient.composition import Composition
from domino_sim.gradient.run import Run
from domino_sim.gradient.training import train
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


@pytest.mark.parametrize(
    "optimizer",
    [{"name": "signgd", "lr": 1e-3}, {"name": "adam", "lr": 1e-3}, {"name": "sgd", "lr": 1.25}],
    ids=lambda o: o["name"],
)
@pytest.mark.parametrize("seed", [1, 4])
def test_a_composed_skill_passes_half_after_its_gate_has(
    optimizer: dict[str, Any], seed: int
) -> None:
    run = Run.from_dict({
        "steps": 600, "seeds": 2, "record": {"every": 2}, "frequencies": {"law": "power"},
        "graph": {"family": "random", "n": 7, "parents": 1.5, "alternatives": 0.5, "seed": seed},
        "model": {"kind": "geometry", "n_dim": 600}, "optimizer": optimizer,
    })  # fmt: skip
    half = mastered_at(train(run), 0.5)
    assert half.notnull().all()
    graph = run.skill_graph()
    for times in half.values:
        at = dict(zip(graph, times, strict=True))
        gates = {name: gate_of(graph, name) for name in graph}
        assert any(gates.values())
        assert all(gate.opening(at) < at[name] for name, gate in gates.items() if gate)
