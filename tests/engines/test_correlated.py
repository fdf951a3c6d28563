"""Correlated tasks: the closed form in the clock, against matrix exponentials and an integrator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.linalg import expm
from scipy.special import expit
from worlds import invert, run, table

from domino_sim import simulate
from domino_sim.errors import RunError
from domino_sim.scenario import Scenario

EXACT = 1e-9


def correlated(tmp_path: Path, gram: np.ndarray, p: np.ndarray, pool: dict[str, Any], **data: Any):
    """A run of correlated tasks."""
    np.save(tmp_path / "gram.npy", gram)
    return run(
        {"pool": pool, "skills": table(p), "correlation": "gram.npy", **data}, folder=tmp_path
    )


def unit_vectors(n: int, dims: int, seed: int) -> np.ndarray:
    vectors = np.random.default_rng(seed).standard_normal((n, dims))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


CORRELATED = [(4, 10, False), (12, 5, True), (3, 1, False)]


@pytest.mark.parametrize(("n", "dims", "zeros"), CORRELATED)
@pytest.mark.parametrize("law", ["sum", "norm", "constant"])
def test_correlated_tasks_are_a_matrix_exponential(
    tmp_path: Path, law: str, n: int, dims: int, zeros: bool
) -> None:
    gram = (vectors := unit_vectors(n, dims, seed=n)) @ vectors.T
    p = np.linspace(1.0, 0.2, n)
    if zeros:
        p[[0, 2]] = 0.0
    eta, n0, steps = 0.01, 0.9 * p.sum(), 500
    ds = correlated(tmp_path, gram, p, {"law": law, "rate": eta, "wasted": n0}, steps=steps)
    generator, one = -gram @ np.diag(p), np.ones(n)

    def left(tau: float) -> np.ndarray:
        return expm(generator * tau) @ one

    # t = ∫ D dτ/η with a fixed Gauss rule, fine enough for a smooth D.
    points, weights = np.polynomial.legendre.leggauss(40)

    def division(tau: float) -> float:
        d = p * left(tau)
        if law == "sum":
            return d.sum() + n0
        return 1.0 if law == "constant" else np.sqrt(d @ gram @ d + n0**2)

    def time_of(tau: float) -> float:
        at = 0.5 * tau * (points + 1)
        return 0.5 * tau * sum(w * division(x) for x, w in zip(at, weights, strict=True)) / eta

    for k in (1, 7, 20, 50):
        tau = invert(time_of, float(ds.step[k]))
        np.testing.assert_allclose(ds.level[k], 1 - left(tau), atol=EXACT)


@pytest.mark.parametrize(("n", "dims"), [(6, 3), (12, 5), (5, 2)])
def test_what_can_never_be_learned_depends_on_the_frequencies(
    tmp_path: Path, n: int, dims: int
) -> None:
    gram = (vectors := unit_vectors(n, dims, seed=3)) @ vectors.T
    for p in (np.ones(n), np.linspace(0.2, 2.0, n)):
        half = np.diag(np.sqrt(p))
        values, basis = np.linalg.eigh(half @ gram @ half)
        null = basis[:, values < 1e-10]
        expected = np.diag(p**-0.5) @ null @ null.T @ half @ np.ones(n)
        pool = {"law": "norm", "rate": 0.1, "wasted": 1.0}
        ds = correlated(tmp_path, gram, p, pool, steps=10**8)
        np.testing.assert_allclose(1 - ds.level[-1], expected, atol=EXACT)


@pytest.mark.parametrize("law", ["sum", "norm", "constant"])
@pytest.mark.parametrize("loss", ["mse", "ce"])
@pytest.mark.parametrize("engine", ["clock", "events"])
def test_correlated_tasks_against_an_integrator(
    tmp_path: Path, engine: str, law: str, loss: str
) -> None:
    gram = (vectors := unit_vectors(7, 4, seed=11)) @ vectors.T
    np.save(tmp_path / "gram.npy", gram)
    p = np.array([2.0, 1.0, 0.7, 0.0, 0.4, 0.2, 0.1])
    eta, n0 = 0.01, 1.5
    scenario = Scenario.from_dict(
        {
            "steps": 800,
            "mastery": 0.6,
            "loss": loss,
            "pool": {"law": law, "rate": eta, "wasted": n0},
            "record": {"points": 17},
            "skills": table(p),
            "correlation": "gram.npy",
        },
        folder=tmp_path,
    )

    def slope(t: float, x: np.ndarray) -> np.ndarray:
        d = p * (x if loss == "mse" else expit(-x))
        flow = gram @ d
        total = {"sum": d.sum() + n0, "norm": np.sqrt(max(d @ flow, 0) + n0**2), "constant": 1.0}
        return (-1 if loss == "mse" else 1) * eta * flow / total[law]

    ds = simulate(scenario, engine)
    start = np.full(7, 1.0 if loss == "mse" else 0.0)
    found = solve_ivp(
        slope, (0, 800), start, "DOP853", t_eval=ds.step.values, rtol=1e-12, atol=1e-13
    )
    expected = 1 - found.y.T if loss == "mse" else expit(found.y.T)
    np.testing.assert_allclose(ds.level, expected, atol=1e-8)
    total = ds.share.sum("skill", skipna=False) + ds.wasted.sel(module="all")
    if law != "constant":
        np.testing.assert_allclose(total, 1.0, atol=1e-9)


@pytest.mark.parametrize("engine", ["clock", "events", "euler"])
def test_a_signed_pool_that_reaches_zero_is_refused(tmp_path: Path, engine: str) -> None:
    # B starts beyond its target in the direction of A, so its demand turns negative.
    np.save(tmp_path / "gram.npy", np.array([[1.0, 0.99], [0.99, 1.0]]))
    scenario = Scenario.from_dict(
        {
            "steps": 5000,
            "pool": {"rate": 0.01, "wasted": 0.0},
            "skills": {"A": {"frequency": 1.0}, "B": {"frequency": 0.01, "level": 0.9}},
            "correlation": "gram.npy",
        },
        folder=tmp_path,
    )
    with pytest.raises(RunError, match="zero"):
        simulate(scenario, engine)


def test_a_demand_that_crosses_zero_without_waste_is_refused(tmp_path: Path) -> None:
    # Time would run back behind the crossing: rows were halved until memory ended.
    gram = (vectors := unit_vectors(12, 5, seed=2)) @ vectors.T
    p = 1.0 / np.arange(1.0, 13.0)
    np.save(tmp_path / "gram.npy", gram)
    for k in (2, 7):
        left = np.eye(12)[k]
        demand = [p @ expm(-gram @ np.diag(p) * tau) @ left for tau in np.linspace(0.0, 50.0, 50)]
        assert min(demand) < -0.01
        skills = {
            name: {"frequency": float(frequency), "level": 1.0 - float(rest)}
            for name, frequency, rest in zip(table(p), p, left, strict=True)
        }
        data = {"pool": {"law": "sum", "rate": 1e-3}, "skills": skills, "steps": 3000}
        with pytest.raises(RunError, match="reaches zero near step"):
            run({**data, "correlation": "gram.npy"}, folder=tmp_path)
