"""The ``clock`` engine against closed forms typed anew, and against SciPy's integrator."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import expit, wrightomega
from worlds import invert, run, table

EXACT = 1e-9
P = np.array([2.0, 1.0, 0.3, 0.05, 0.0, 1e-4])


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


def test_a_break_is_met_exactly_however_the_cells_before_it_round() -> None:
    # Three gates open at an instant that a sum of cells rounds to just below: for a whole cell
    # they were taken to be shut.
    p = [0.1623429634484667, 0.02479905999063203, 0.2516469522994393, 0.1541708218219534]
    p += [0.07946577880097248, 0.19497045850131156, 0.10742427014891268, 0.02517969498831198]
    requires = {2: "s1", 3: "s2", 4: "s1", 6: "s1", 7: "s0"}
    skills = {f"s{i}": {"frequency": value} for i, value in enumerate(p)}
    for i, text in requires.items():
        skills[f"s{i}"] = {"frequency": p[i], "requires": text}
    found = [
        run(
            {
                "steps": 5000,
                "mastery": mastery,
                "pool": {"law": "sum", "rate": 0.004004, "wasted": 1e-3},
                "record": {"points": 61},
                "skills": skills,
            }
        ).level.values
        for mastery in (0.9, 0.899999, 0.899998, 0.899997)
    ]
    for other in found[1:]:
        np.testing.assert_allclose(other, found[0], atol=1e-4)
