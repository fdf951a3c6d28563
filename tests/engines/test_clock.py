"""The ``clock`` engine against closed forms typed anew, and against SciPy's integrator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracle import integrate
from scipy.integrate import quad, solve_ivp
from scipy.linalg import expm, sqrtm
from scipy.optimize import brentq
from scipy.special import expit, wrightomega
from strategies import skill_tables

from domino_sim import load_scenario, simulate
from domino_sim.engines.clock import solve_batch
from domino_sim.engines.system import build_system
from domino_sim.errors import ArgumentError, EngineError, RunError
from domino_sim.scenario import Scenario

EXACT = 1e-9
P = np.array([2.0, 1.0, 0.3, 0.05, 0.0, 1e-4])


def run(data: dict[str, Any], **kwargs: Any):
    """Result of a scenario under ``clock``."""
    return simulate(Scenario.from_dict({"record": {"points": 51}, **data}, **kwargs), "clock")


def table(frequencies: np.ndarray, levels: np.ndarray | None = None) -> dict[str, Any]:
    """Independent skills."""
    return {
        f"s{i}": {"frequency": float(p), **({} if levels is None else {"level": float(levels[i])})}
        for i, p in enumerate(frequencies)
    }


def invert(time_of, t: float) -> float:
    """The τ at which an increasing function of τ is `t`."""
    if t <= 0.0:
        return 0.0
    high = 1.0
    while time_of(high) < t:
        high *= 2.0
    return brentq(lambda tau: time_of(tau) - t, 0.0, high, xtol=1e-13 * high, rtol=1e-15)


@pytest.mark.parametrize("wasted", [1e-6, 0.01, 3.0])
def test_independent_squared_error_skills_decay_exponentially_in_the_clock(wasted: float) -> None:
    eta, s0 = 0.013, np.array([0.0, 0.2, 0.0, 0.9, 0.4, 0.0])
    ds = run({"steps": 700, "pool": {"rate": eta, "wasted": wasted}, "skills": table(P, s0)})

    def left(tau: float) -> np.ndarray:
        return (1 - s0) * np.exp(-P * tau)

    def time_of(tau: float) -> float:
        return (wasted * tau + (1 - s0 - left(tau)).sum()) / eta

    expected = [1 - left(invert(time_of, t)) for t in ds.step.values]
    np.testing.assert_allclose(ds.level, expected, atol=EXACT)
    for i, name in enumerate(ds.skill.values):
        with np.errstate(divide="ignore"):
            at = time_of(np.log((1 - s0[i]) / 0.01) / P[i]) if P[i] > 0 else np.inf
        found = float(ds.mastered_at.sel(skill=name))
        assert np.isnan(found) if at > 700 else found == pytest.approx(at, rel=EXACT)


@pytest.mark.parametrize("wasted", [0.01, 3.0])
def test_independent_cross_entropy_skills_follow_the_wright_omega(wasted: float) -> None:
    eta, s0 = 0.02, np.array([0.5, 0.2, 0.5, 0.9, 0.4, 0.5])
    ds = run(
        {
            "steps": 2000,
            "loss": "ce",
            "pool": {"rate": eta, "wasted": wasted},
            "skills": table(P, s0),
        }
    )
    l0 = np.log(s0 / (1 - s0))

    def logits(tau: float) -> np.ndarray:
        return np.log(wrightomega(l0 + np.exp(l0) + P * tau).real)

    def time_of(tau: float) -> float:
        return (wasted * tau + (logits(tau) - l0).sum()) / eta

    expected = [expit(logits(invert(time_of, t))) for t in ds.step.values]
    np.testing.assert_allclose(ds.level, expected, atol=EXACT)


@pytest.mark.parametrize("loss", ["mse", "ce"])
def test_without_competition_training_time_is_the_clock(loss: str) -> None:
    eta = 0.02
    ds = run(
        {
            "steps": 5000,
            "loss": loss,
            "pool": {"law": "constant", "rate": eta, "wasted": 7.0},
            "skills": table(P),
        }
    )
    tau = eta * ds.step.values[:, None]
    if loss == "mse":
        expected = 1 - np.exp(-P * tau)
    else:
        expected = expit(np.log(wrightomega(1.0 + P * tau).real))
    np.testing.assert_allclose(ds.level, expected, atol=EXACT)
    assert ds.share.isnull().all() and ds.wasted.isnull().all()


def test_norm_of_one_skill() -> None:
    # √(p²u² + N₀²)/(p u) du integrates to elementary functions.
    eta, p, n0 = 0.01, 0.7, 0.2
    ds = run(
        {
            "steps": 400,
            "pool": {"law": "norm", "rate": eta, "wasted": n0},
            "skills": table(np.array([p])),
        }
    )

    def time_of(u: float) -> float:
        def primitive(u: float) -> float:
            root = np.hypot(p * u, n0)
            return (root - n0 * np.arcsinh(n0 / (p * u))) / p

        return (primitive(1.0) - primitive(u)) / eta

    for t, s in zip(ds.step.values[1:], ds.level.values[1:, 0], strict=True):
        assert time_of(1 - s) == pytest.approx(t, rel=1e-8)
    assert float(ds.mastered_at[0]) == pytest.approx(time_of(0.01), rel=EXACT)


def test_norm_of_many_skills_is_a_quadrature() -> None:
    eta, n0 = 0.01, 0.02
    ds = run(
        {
            "steps": 600,
            "pool": {"law": "norm", "rate": eta, "wasted": n0},
            "skills": table(P),
        }
    )

    def division(tau: float) -> float:
        return np.sqrt(((P * np.exp(-P * tau)) ** 2).sum() + n0**2)

    for name, p in zip(ds.skill.values, P, strict=True):
        if p < 0.01:
            continue
        tau = np.log(100.0) / p
        cuts = np.geomspace(1e-3, 0.999, 12) * tau
        t, _ = quad(division, 0, tau, points=cuts, epsabs=1e-13, epsrel=1e-13, limit=500)
        found = float(ds.mastered_at.sel(skill=name))
        assert np.isnan(found) if t / eta > 600 else found == pytest.approx(t / eta, rel=EXACT)


@pytest.mark.parametrize("law", ["sum", "norm"])
def test_without_waste_learning_ends_at_a_finite_step(law: str) -> None:
    eta, p = 0.01, np.array([3.0, 1.0, 0.2])
    s0 = np.array([0.0, 0.25, 0.5])
    data = {
        "steps": 1000,
        "mastery": 0.999999,
        "pool": {"law": law, "rate": eta, "wasted": 0.0},
        "skills": table(p, s0),
    }
    ds = run(data)
    if law == "sum":
        end = (1 - s0).sum() / eta
    else:

        def flow(tau: float) -> float:
            return np.linalg.norm(p * (1 - s0) * np.exp(-p * tau))

        end = sum(quad(flow, a, b, epsabs=1e-14)[0] for a, b in ((0, 1), (1, 20), (20, 300))) / eta
    assert (ds.mastered_at <= end * (1 + 1e-9)).all()
    assert float(ds.mastered_at.max()) == pytest.approx(end, rel=1e-5)
    after = ds.level.sel(step=ds.step[ds.step > end])
    np.testing.assert_allclose(after, 1.0, atol=1e-12)
    np.testing.assert_allclose(ds.wasted.sel(step=after.step), 1.0)


@pytest.mark.parametrize("loss", ["mse", "ce"])
def test_a_pool_without_demand_stands_still(loss: str) -> None:
    for law in ("sum", "norm", "constant"):
        ds = run(
            {
                "loss": loss,
                "pool": {"law": law},
                "skills": {"a": {"frequency": 0.0, "level": 0.3}, "b": {"requires": "a"}},
            }
        )
        np.testing.assert_allclose(ds.level.sel(skill="a"), 0.3, atol=1e-15)
        np.testing.assert_allclose(ds.level.sel(skill="b"), {"mse": 0.0, "ce": 0.5}[loss])
        assert ds.reason.values.tolist() == ["zero_frequency", "never_opened"]


# --------------------------------------------------------------------------- correlated tasks


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

    for k in (3, 50):
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
    assert np.abs(sqrtm(gram @ gram).real - gram).max() < 1e-6  # C is a Gram matrix


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


# --------------------------------------------------------------------------- gated graphs


@st.composite
def gated(draw: st.DrawFn, kind: str) -> Scenario:
    """A random gated scenario whose curves an integrator can follow to 1e-6."""
    gate: dict[str, Any] = {"kind": kind, "leak": draw(st.sampled_from([0.0, 0.02, 0.3]))}
    if kind == "soft":
        gate["exponent"] = draw(st.sampled_from([2.5, 1.0, 0.3, 0.01, 1e-3]))
    return Scenario.from_dict(
        {
            "steps": draw(st.sampled_from([50, 1000, 3000])),
            "mastery": draw(st.sampled_from([0.5, 0.9, 0.99, 0.999])),
            "loss": draw(st.sampled_from(["mse", "ce"])),
            "pool": {
                "law": draw(st.sampled_from(["sum", "norm", "constant"])),
                "rate": draw(st.sampled_from([1e-3, 1e-2, 0.1])),
                "wasted": draw(st.sampled_from([1e-3, 0.1, 1.0])),
            },
            "gate": gate,
            "record": {"points": 21},
            "skills": draw(skill_tables(most=6)),
        }
    )


@pytest.mark.parametrize("kind", ["hard", "soft"])
@given(data=st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def test_random_gated_graphs_against_an_integrator(kind: str, data: st.DataObject) -> None:
    scenario = data.draw(gated(kind))
    ds, truth = simulate(scenario, "clock"), integrate(scenario)
    np.testing.assert_allclose(ds.level, truth.level, atol=1e-6)
    for found, expected in ((ds.mastered_at, truth.mastered), (ds.opened_at, truth.opened)):
        sure = ~(np.nan_to_num(np.fmax(found, expected)) >= scenario.steps * (1 - 1e-6))
        np.testing.assert_array_equal(np.isnan(found)[sure], np.isnan(expected)[sure])
        np.testing.assert_allclose(found[sure], expected[sure], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("gate", ["a or b", "2 of (a, b, c)", "(a and b) or c"])
def test_soft_gates_with_kinks(gate: str) -> None:
    # a overtakes b, so that the maximum and the k largest change hands during the run.
    scenario = Scenario.from_dict(
        {
            "steps": 2000,
            "pool": {"rate": 0.005, "wasted": 0.05},
            "gate": {"kind": "soft", "exponent": 0.5},
            "record": {"points": 41},
            "skills": {
                "a": {"frequency": 1.0},
                "b": {"frequency": 0.3, "level": 0.5},
                "c": {"frequency": 0.1, "level": 0.7},
                "d": {"frequency": 0.8, "requires": gate},
                "e": {"frequency": 0.8, "requires": "d or c"},
            },
        }
    )
    ds, truth = simulate(scenario, "clock"), integrate(scenario)
    np.testing.assert_allclose(ds.level, truth.level, atol=1e-6)
    np.testing.assert_allclose(ds.mastered_at, truth.mastered, rtol=1e-6)


# --------------------------------------------------------------------------- regressions


REGRESSIONS: dict[str, dict[str, Any]] = {
    "soft gates without competition, a change at the last step": {
        "steps": 50,
        "pool": {"law": "constant"},
        "gate": {"kind": "soft"},
        "skills": {"a": {}, "b": {"requires": "a"}},
        "interventions": [{"at": 50, "freeze": ["a"]}],
    },
    "cross entropy with a skill at level 1": {
        "steps": 50,
        "loss": "ce",
        "pool": {"rate": 0.1, "wasted": 0.1},
        "skills": {"a": {"level": 1.0}, "b": {}},
    },
    "norm and cross entropy with a skill at level 1": {
        "steps": 50,
        "loss": "ce",
        "pool": {"law": "norm", "rate": 0.1, "wasted": 0.1},
        "skills": {"a": {"level": 1.0}, "b": {}},
    },
    "soft gates without competition, frequencies above 1": {
        "steps": 50,
        "pool": {"law": "constant", "rate": 0.001},
        "gate": {"kind": "soft"},
        "skills": {"a": {"frequency": 3.07}, "b": {"requires": "a"}},
    },
    "a gated cross-entropy prerequisite below ½": {
        "steps": 1000,
        "loss": "ce",
        "pool": {"rate": 0.01, "wasted": 1.0},
        "gate": {"kind": "soft", "exponent": 2.5},
        "skills": {
            "a": {},
            "b": {"frequency": 0.17, "requires": "a", "level": 0.1},
            "c": {"frequency": 0.3, "requires": "b"},
        },
    },
}


@pytest.mark.parametrize("name", REGRESSIONS)
def test_scenarios_that_once_went_wrong(name: str) -> None:
    scenario = Scenario.from_dict({**REGRESSIONS[name], "record": {"points": 11}})
    np.testing.assert_allclose(
        simulate(scenario, "clock").level, integrate(scenario).level, atol=1e-6
    )


def test_a_very_frequent_skill_opens_late_in_a_pool_without_waste() -> None:
    # From its opening on s4 has the pool to itself: its logit rises by 1 a step, up to log 99.
    data = {
        "steps": 50,
        "loss": "ce",
        "pool": {"law": "norm", "rate": 1.0},
        "skills": {
            "s0": {"frequency": 1e-6, "level": 0.001},
            "s1": {"frequency": 0.4, "requires": "s0"},
            "s2": {"frequency": 0.02},
            "s3": {"frequency": 1.0, "requires": "s0"},
            "s4": {"frequency": 1e9, "requires": "s0"},
        },
    }
    for engine in ("clock", "events"):
        ds = simulate(Scenario.from_dict(data), engine).sel(skill="s4")
        assert float(ds.mastered_at - ds.opened_at) == pytest.approx(np.log(99), abs=0.05)


@pytest.mark.parametrize("engine", ["clock", "events"])
@pytest.mark.parametrize("law", ["sum", "norm", "constant"])
@pytest.mark.parametrize("loss", ["mse", "ce"])
@pytest.mark.parametrize(("steps", "rate"), [(2, 1000.0), (10**15, 1e-3), (10**15, 1.0)])
def test_one_skill_without_waste_learns_at_its_rate_however_long_the_run(
    engine: str, law: str, loss: str, steps: int, rate: float
) -> None:
    data = {"steps": steps, "loss": loss, "pool": {"law": law, "rate": rate, "wasted": 0.0}}
    scenario = Scenario.from_dict({**data, "record": {"points": 3}, "skills": {"a": {}}})
    ds = simulate(scenario, engine)
    competing = {"mse": 0.99, "ce": np.log(99)}[loss]
    alone = {"mse": np.log(100), "ce": np.log(99) + 99 - 1}[loss]
    gained = alone if law == "constant" else competing
    assert float(ds.mastered_at[0]) == pytest.approx(gained / rate, rel=EXACT)
    assert float(ds.level[-1, 0]) == 1.0


@pytest.mark.parametrize("law", ["sum", "norm"])
def test_a_thousand_skills_in_layers_have_the_levels_of_the_events(law: str) -> None:
    scenario = load_scenario("layered-1000", overrides={"pool.law": law, "record": {"points": 61}})
    clock, events = simulate(scenario, "clock"), simulate(scenario, "events")
    np.testing.assert_allclose(clock.level, events.level, atol=1e-8)
    np.testing.assert_allclose(clock.mastered_at, events.mastered_at, rtol=1e-9)


# --------------------------------------------------------------------------- batches


@pytest.mark.parametrize("law", ["sum", "norm", "constant"])
@pytest.mark.parametrize("loss", ["mse", "ce"])
@pytest.mark.parametrize("kind", ["hard", "soft"])
def test_a_batch_is_its_runs_one_by_one(law: str, loss: str, kind: str) -> None:
    skills = {
        "a": {"frequency": 1.0},
        "b": {"frequency": 0.5, "level": 0.6},
        "c": {"frequency": 0.4, "requires": "a and b"},
        "d": {"frequency": 0.9, "requires": "2 of (a, b, c)"},
        "e": {"frequency": 0.2, "requires": "c or d"},
    }
    scenario = Scenario.from_dict(
        {
            "steps": 900,
            "loss": loss,
            "pool": {"law": law},
            "gate": {"kind": kind, "leak": 0.01},
            "record": {"points": 13},
            "skills": skills,
        }
    )
    rng = np.random.default_rng(5)
    runs = 7
    frequency = rng.uniform(0.05, 3.0, (runs, 5)) * (rng.random((runs, 5)) > 0.1)
    rate, wasted = rng.uniform(1e-3, 0.05, runs), rng.uniform(0.0, 0.3, runs)
    batch = solve_batch(build_system(scenario), frequency=frequency, rate=rate, wasted=wasted)
    for k in range(runs):
        changes = {"pool.rate": float(rate[k]), "pool.wasted": float(wasted[k])}
        for name, p in zip(skills, frequency[k], strict=True):
            changes[f"skills.{name}.frequency"] = float(p)
        one = simulate(scenario.with_overrides(changes), "clock")
        np.testing.assert_allclose(batch.level[k], one.level, atol=1e-10)
        np.testing.assert_allclose(batch.mastered_at[k], one.mastered_at, rtol=1e-10)
        np.testing.assert_allclose(batch.opened_at[k], one.opened_at, rtol=1e-10)


def test_a_batch_refuses_what_it_cannot_do() -> None:
    scenario = Scenario.from_dict({"skills": {"a": {}, "b": {}}})
    system = build_system(scenario)
    for bad in (
        {"frequency": np.ones((3, 3))},
        {"frequency": np.ones((3, 2)), "rate": np.ones(4)},
        {"rate": np.ones(2), "wasted": np.ones(3)},
    ):
        with pytest.raises(ArgumentError, match="solve_batch"):
            solve_batch(system, **bad)
    changed = scenario.with_overrides({"pool.law": "domino"})
    with pytest.raises(EngineError, match="simulate"):
        solve_batch(build_system(changed), rate=np.ones(2))


def test_a_batch_records_where_it_is_told() -> None:
    scenario = Scenario.from_dict({"steps": 100, "pool": {"wasted": 0.1}, "skills": {"a": {}}})
    steps = np.array([0.0, 12.5, 99.0])
    found = solve_batch(build_system(scenario), rate=np.array([0.01, 0.02]), record=steps)
    assert found.level.shape == (2, 3, 1)
    # η twice as large is time twice as fast.
    there = solve_batch(build_system(scenario), rate=np.array([0.01]), record=2 * steps[:2])
    np.testing.assert_allclose(found.level[1, :2], there.level[0], atol=1e-12)
