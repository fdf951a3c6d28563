"""Gradient runs against those of the published code (tests/data/README.md, `gradient_runs.npz`).

The published runs have seeds of their own, so statistics are compared: a reference number lies
among ours, as far as the spread over seeds says.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from domino_sim.gradient.training import train

DATA = np.load(Path(__file__).parents[1] / "data" / "gradient_runs.npz", allow_pickle=False)


def power(n: int, exponent: float) -> dict[str, Any]:
    return {
        "graph": {"family": "independent", "n": n},
        "frequencies": {"law": "power", "exponent": exponent},
    }


def first_above(curves: Any, level: float = 0.9) -> np.ndarray:
    """Return the first recorded step above a level, (run, skill); -1 for never."""
    above = curves.level.values > level
    return np.where(above.any(axis=1), curves.step.values[above.argmax(axis=1)], -1)


def two_tasks(name: str, lr: float, p1: float, steps: int, **keys: Any) -> Any:
    skills = {"s1": {"frequency": p1}, "s2": {"frequency": round(1 - p1, 12)}}
    return train({
        "steps": steps, "seeds": 5, "batch_size": 128, "skills": skills,
        "model": {"kind": "geometry", "n_dim": 1000}, "optimizer": {"name": name, "lr": lr},
        "record": {"every": 1}, **keys,
    })  # fmt: skip


@pytest.mark.parametrize(
    ("label", "name", "lr", "steps", "ratio", "within"),
    [
        ("SignGD", "signgd", 3e-4, 400, 1.93, 0.1),
        ("Adam", "adam", 3e-4, 1000, 4.1, 0.3),
        ("SGD", "sgd", 3e-2, 1900, 19.0, 0.05 * 19),
    ],
)
def test_the_second_of_two_tasks_takes_as_much_longer_as_published(
    label: str, name: str, lr: float, steps: int, ratio: float, within: float
) -> None:
    at = first_above(two_tasks(name, lr, 0.95, steps))
    assert abs((at[:, 1] / at[:, 0]).mean() - ratio) < within
    published = DATA[f"fig4_at_{label}_0.95"]
    spread = np.maximum(at.std(axis=0, ddof=1), 0.01 * published)
    assert (np.abs(at.mean(axis=0) - published) < 4 * spread).all()


def test_as_many_dimensions_align_as_published() -> None:
    step = DATA["fig4_step"]
    curves = two_tasks("signgd", 3e-4, 0.9, 400, record={"steps": step.tolist()})
    away = curves.n_align.values.mean(axis=0) - DATA["fig4_nalign_SignGD_0.9"]
    # Later the first skill overshoots with every step, and aligned dimensions alternate with it.
    climbing = away[step < 110]
    assert np.abs(climbing).max() < 60 and np.abs(climbing.mean(axis=0)).max() < 15


@pytest.mark.parametrize("exponent", [1, 2])
@pytest.mark.parametrize("n", [3, 10])
def test_n_tasks_are_learned_when_published(n: int, exponent: int) -> None:
    curves = train({
        "steps": 750, "seeds": 5, "batch_size": 128, "record": {"every": 1},
        "model": {"kind": "geometry", "n_dim": 1000}, "optimizer": {"lr": 3e-4},
        **power(n, exponent),
    })  # fmt: skip
    at, published = first_above(curves), DATA[f"fig5_at_{exponent}_{n}"]
    spread = np.maximum(at.std(axis=0, ddof=1), 0.01 * published)
    assert (np.abs(at.mean(axis=0) - published) < 4 * spread).all()


@pytest.mark.parametrize(("loss", "lr", "batch"), [("mse", 1e-3, 128), ("ce", 1e-2, 1024)])
@pytest.mark.parametrize("n", [5, 20, 100])
def test_tasks_that_do_not_fit_are_learned_as_far_as_published(
    loss: str, lr: float, batch: int, n: int, tmp_path: Path
) -> None:
    # The published task vectors: then only sampling differs.
    np.save(tmp_path / "t.npy", DATA[f"fig8_{loss}_vectors_{n}"])
    steps = DATA[f"fig8_{loss}_step_{n}"]
    curves = train({
        "steps": 3000, "seeds": 4, "batch_size": batch, "loss": loss, **power(n, 2.0),
        "model": {"kind": "geometry", "n_dim": 10, "vectors": str(tmp_path / "t.npy")},
        "optimizer": {"lr": lr}, "record": {"steps": steps.tolist()},
    })  # fmt: skip
    away = curves.level.values - DATA[f"fig8_{loss}_level_{n}"]
    spread = curves.level.values.std(axis=0).mean()
    assert np.sqrt((away**2).mean()) < 2.0 * spread + 0.004


@pytest.mark.parametrize("rotated", ["I", "H4"])
@pytest.mark.parametrize(
    ("label", "name", "lr"),
    [
        ("SGD_{}_lr0.01", "sgd", 0.01),
        ("SignGD_{}_lr3e-4", "signgd", 3e-4),
        ("SignGD_{}_lr3e-3", "signgd", 3e-3),
    ],
)
def test_a_quadratic_loss_is_learned_in_turn_only_off_the_axes(
    rotated: str, label: str, name: str, lr: float, tmp_path: Path
) -> None:
    # Fig. 12: four directions of curvatures 1, 0.1, 0.01, 0.001, from a distance of 1 in each.
    h4 = np.array([[1, 1, 1, 1], [1, 1, -1, -1], [1, -1, 1, -1], [-1, 1, 1, -1]]) / 2
    np.save(tmp_path / "t.npy", np.eye(4) if rotated == "I" else h4)
    published = DATA[f"fig12_half_{label.format(rotated)}"]
    # Longer than published where some direction is not learned (-1), else until all must be.
    steps = 5100 if (published < 0).any() else int(published.max()) + 100
    curves = train({
        "steps": steps, "model": {"kind": "geometry", "n_dim": 4, "g0": 2.0,
                                 "vectors": str(tmp_path / "t.npy")},
        "skills": {f"s{i}": {"frequency": 10.0**-i} for i in range(4)},
        "optimizer": {"name": name, "lr": lr}, "record": {"every": 1},
    })  # fmt: skip
    half = first_above(curves, 1 - np.sqrt(0.5))[0]
    # The published SignGD is Adam with betas (0, 0), whose ε blurs the sign late in a run.
    assert np.abs(half - published).max() <= (0.003 * 5000 if rotated == "H4" else 0)
    if rotated == "I" and name == "signgd":
        assert len(set(half)) == 1


@pytest.mark.parametrize(
    ("key", "optimizer"),
    [
        ("mix", {"name": "ademamix", "betas": [0.9, 0.999, 0.9999], "alpha": 2.0}),
        ("lion", {"name": "lion", "betas": [0.9, 0.99]}),
    ],
)
def test_other_optimisers_end_where_published(
    key: str, optimizer: dict[str, Any], tmp_path: Path
) -> None:
    np.save(tmp_path / "t.npy", DATA["fig15_vectors_40"])
    curves = train({
        "steps": 15_000, "seeds": 6, "batch_size": 128, "loss": "ce", "noise": 0.2,
        "model": {"kind": "geometry", "n_dim": 10, "vectors": str(tmp_path / "t.npy")},
        "optimizer": {**optimizer, "lr": 0.01}, **power(40, 2.0),
        "record": {"steps": list(range(14_050, 15_001, 50))},
    })  # fmt: skip
    final = (curves.frequency.values[:, None] * curves.loss.values).sum(axis=2).mean(axis=1)
    published = float(DATA[f"fig15_{key}_noise_0.2_40"])
    assert abs(final.mean() - published) < 4 * final.std(ddof=1)


@pytest.mark.parametrize(("figure", "vectors"), [("fig10", "random"), ("fig18", "basis")])
def test_a_thousand_tasks_leave_the_published_loss(figure: str, vectors: str) -> None:
    curves = train({
        "steps": 2500, "seeds": 2, "batch_size": 1024, "loss": "ce", **power(1000, 1.8),
        "model": {"kind": "geometry", "n_dim": 100, "vectors": vectors},
        "optimizer": {"lr": 0.01}, "record": {"steps": [2300, 2400, 2500]},
    })  # fmt: skip
    final = (curves.frequency.values[:, None] * curves.loss.values).sum(axis=2).mean()
    assert final == pytest.approx(float(DATA[f"{figure}_SignGD_a1.8_d100"]), rel=0.15)
