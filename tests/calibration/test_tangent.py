"""Derivatives of fitted curves are those of the curves."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domino_sim.calibration.models import bowl_of
from domino_sim.calibration.observations import Observations, RunRecord
from domino_sim.calibration.pool_model import Free, PoolModel
from domino_sim.calibration.skill_path import Move, Path
from domino_sim.calibration.tangent import solve
from domino_sim.engines.system import graph_circuit

STEP = 1e-5


def _path(seed: int, growth: str, leak: float, exponent: float | None) -> Path:
    generator = np.random.default_rng(seed)
    n = int(generator.integers(2, 9))
    graph = nx.DiGraph()
    graph.add_nodes_from(f"s{i}" for i in range(n))
    for i in range(1, n):
        count = min(i, int(generator.integers(0, 3)))
        graph.add_edges_from((f"s{j}", f"s{i}") for j in generator.choice(i, count, replace=False))
    circuit = graph_circuit(graph, {name: i for i, name in enumerate(graph)})
    frequency = generator.dirichlet(np.full(n, 2.0))
    return Path(circuit, frequency, growth, 0.9, leak, exponent, -3.0)  # type: ignore[arg-type]


@pytest.mark.parametrize("law", ["sum", "norm", "constant"])
@pytest.mark.parametrize("growth", ["mse", "ce"])
@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    leak=st.sampled_from([0.0, 0.1, 0.5]),
    exponent=st.sampled_from([None, 0.05, 1.0]),
    wasted=st.sampled_from([1e-3, 0.1, 10.0]),
)
def test_every_derivative_is_the_limit_of_its_differences(
    law: str, growth: str, seed: int, leak: float, exponent: float | None, wasted: float
) -> None:
    path = _path(seed, growth, leak, exponent)
    rate, n = 0.004 * (1.0 + wasted), len(path.frequency)
    steps = np.unique(np.linspace(0.0, 5000.0, 61).round())
    moves = (*(Move(row) for row in np.eye(n)), Move(np.zeros(n), mastery=0.1))
    if leak:
        moves += (Move(np.zeros(n), leak=0.1),)

    def level(path: Path = path, rate: float = rate, wasted: float = wasted) -> np.ndarray:
        return solve(path, law, rate, wasted, steps, derive=False).level  # type: ignore[arg-type]

    found = solve(path, law, rate, wasted, steps, moves)  # type: ignore[arg-type]
    up, down = np.exp(STEP), np.exp(-STEP)
    pairs = [
        (found.by_rate, level(rate=rate * up), level(rate=rate * down)),
        (found.by_wasted, level(wasted=wasted * up), level(wasted=wasted * down)),
    ]
    for m, move in enumerate(moves):
        sides = [level(move.along(path, step)) for step in (STEP, -STEP)]
        pairs.append((found.by_path[m], sides[0], sides[1]))
    for exact, higher, lower in pairs:
        wrong = np.abs((higher - lower) / (2.0 * STEP) - exact)
        # A record at the very instant of a kink lies on one side of it in each difference.
        assert np.quantile(wrong, 0.99) < 2e-4
        assert np.median(wrong) < 2e-7


def test_logistic_growth_has_its_derivatives_too() -> None:
    path = _path(3, "logistic", 0.1, None)
    n = len(path.frequency)
    steps = np.linspace(0.0, 3000.0, 50)
    move = Move(np.zeros(n), start=1.0)
    found = solve(path, "constant", 0.01, 0.0, steps, (move,))
    sides = [solve(move.along(path, s), "constant", 0.01, 0.0, steps, derive=False).level
             for s in (STEP, -STEP)]
    wrong = np.abs((sides[0] - sides[1]) / (2.0 * STEP) - found.by_path[0])
    assert np.quantile(wrong, 0.98) < 1e-6


@pytest.mark.parametrize("law", ["sum", "norm", "constant", "logistic"])
@pytest.mark.parametrize("scale", ["time", "rate"])
def test_a_models_slope_is_that_of_its_squared_error(law: str, scale: str) -> None:
    generator = np.random.default_rng(7)
    path = _path(11, "mse", 0.05, None)
    n = len(path.frequency)
    steps = np.linspace(0.0, 2000.0, 40)
    records = []
    for r in range(2):
        level = np.clip(generator.normal(0.5, 0.3, size=(n, 40)), 0.0, 1.0)
        weight = generator.uniform(0.0, 2.0, size=(n, 40))
        records.append(RunRecord(f"run {r}", steps, level, weight, path.frequency))
    observations = Observations(tuple(f"s{i}" for i in range(n)), tuple(records), False)
    free = Free(frequencies=True, common=True, gate=("beta", "mastery", "leak"), scale=scale)  # type: ignore[arg-type]
    model = PoolModel(observations, path, law, free)  # type: ignore[arg-type]
    x = model.start() + 0.01 * generator.normal(size=len(model.parameters))
    bowl = bowl_of(model, x)
    for k, parameter in enumerate(model.parameters):
        step = np.zeros(len(x))
        step[k] = 1e-6
        slope = (bowl_of(model, x + step).error - bowl_of(model, x - step).error) / 4e-6
        assert slope == pytest.approx(bowl.slope[k], rel=2e-3, abs=2e-4), parameter


def test_a_pool_in_which_everything_is_learned_moves_no_more() -> None:
    path = _path(5, "mse", 0.0, None)
    found = solve(path, "sum", 0.1, 0.0, np.array([0.0, 10.0, 1e4, 1e6]), (Move(path.frequency),))
    assert np.isfinite(found.by_rate).all() and np.isfinite(found.by_path).all()
    assert not found.by_rate[:, -1].any() and not found.by_path[:, :, -1].any()
