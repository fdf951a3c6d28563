"""Predicted gradient runs against the published curves, and the time until all are learned.

The reference files lie outside the repository, in ``shared/reference`` beside it; without them
their tables are left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from domino_sim import predict_gradient
from domino_sim.meanfield.passage import step_of_passage
from validation.gradient_run import gradient_run, power

REFERENCE = Path(__file__).parents[3] / "shared" / "reference"

#: The grid of N₀ on which Fig. 7 bottom is fitted.
WASTES = 10.0 ** np.linspace(-4.0, 2.0, 601)

Floats = NDArray[np.float64]


def best_waste(level: Floats, frequencies: Floats, lr: float, n_dim: int) -> float:
    """Return the N₀ that the published fit of Fig. 7 finds for `level` (steps, n_skills).

    Euler steps of the law ``sum`` with η = 2 lr √n_dim, clamped at 0, entry k after k + 1 steps.
    """
    u = np.ones((len(WASTES), len(frequencies)))
    miss = np.zeros(len(WASTES))
    rate = 2.0 * lr * np.sqrt(n_dim)
    for at in level:
        d = frequencies * u
        u = np.maximum(u - rate * d / (d.sum(axis=1, keepdims=True) + WASTES[:, np.newaxis]), 0.0)
        miss += np.square(1.0 - u - at).sum(axis=1)
    return float(WASTES[miss.argmin()])


def fig7(values: dict[str, Any], reference: float) -> str:
    """Return a row: the best N₀ of the published run, and of the prediction."""
    base: dict[str, Any] = {
        "frequencies": power(10, 2.0), "n_dim": 1000, "steps": 1000, "lr": 1e-3,
        "batch_size": 128, "g0": 2.0, **values,
    }  # fmt: skip
    level = predict_gradient(**base)["level"].values[:1000]
    found = best_waste(level, base["frequencies"], base["lr"], 1000)
    (name, value), = values.items()
    return f"| {name} {value:.3g} | {reference:.4g} | {found:.4g} | {found / reference - 1:+.1%} |"


def fig7_tables() -> Iterator[str]:
    """Yield the table of Fig. 7 bottom: against noise, learning rate and batch size."""
    head = "| setting | N₀ of runs | N₀ predicted | |\n|---|---|---|---|"
    rows = []
    for name in ("noise", "lr"):
        with np.load(REFERENCE / f"fig7_bottom_{name}.npz") as file:
            for value, best in zip(file["values"], file["best_N0"], strict=True):
                rows.append(fig7({name: float(value)}, float(best)))
    for batch in (1, 2, 4, 8, 16, 32, 64, 128, 1024):
        # Not in the files: the median of five runs of our own, fitted in the same way.
        own = [
            best_waste(
                gradient_run(
                    frequencies=power(10, 2.0), n_dim=1000, steps=1000, lr=1e-3, g0=2.0,
                    batch_size=batch, seed=seed, kind="random",
                )[:1000],
                power(10, 2.0), 1e-3, 1000,
            )
            for seed in range(5)
        ]  # fmt: skip
        rows.append(fig7({"batch_size": batch}, float(np.median(own))))
    yield "### Fig. 7 bottom: the best N₀ of the published fit\n"
    yield "\n".join([head, *rows, ""])


def published_levels() -> Iterator[tuple[str, Floats, Floats, Any]]:
    """Yield of each published run its name, steps, levels and prediction."""
    base: dict[str, Any] = {"n_dim": 1000, "lr": 3e-4}
    for loss, optimizer in (("mse", "signgd"), ("ce", "signgd"), ("mse", "adam"), ("ce", "adam")):
        with np.load(REFERENCE / f"geometry_model_{loss}_{optimizer}.npz") as file:
            predicted = predict_gradient(
                frequencies=file["prob"], steps=1000, loss=loss, optimizer=optimizer, **base
            )
            yield f"geometry, {loss}, {optimizer}", file["step"], file["skill"], predicted
    with np.load(REFERENCE / "fig5_skill.npz") as file:
        for alpha in (1, 2, 4):
            for n in (2, 3, 4, 5, 10):
                predicted = predict_gradient(
                    frequencies=power(n, alpha), steps=3000, batch_size=128, **base
                )
                key = f"a{alpha}_n{n}"
                yield f"Fig. 5, α {alpha}, n {n}", file["step"], file[f"skill_{key}"], predicted
    changed = {
        "orig": {}, "alpha": {}, "exp": {"lr": 1e-4}, "dim": {"n_dim": 100}, "ntask": {},
        "lr": {"lr": 1e-4}, "noise": {"noise": 1e-3}, "betas": {"optimizer": "adam"},
        "bs": {"batch_size": 16},
    }  # fmt: skip
    with np.load(REFERENCE / "fig6_modes.npz") as file:
        for mode, given in changed.items():
            arguments: dict[str, Any] = {**base, "batch_size": 1024, **given}
            steps, p = int(file[f"step_{mode}"][-1]), file[f"prob_{mode}"]
            predicted = predict_gradient(frequencies=p, steps=steps, **arguments)
            yield f"Fig. 6, {mode}", file[f"step_{mode}"], file[f"exp_{mode}"], predicted


def published_table() -> str:
    """Return the table of published runs: one run each, so the error is that of one run."""
    rows = []
    for name, step, level, predicted in published_levels():
        miss = np.square(level - predicted["level"].values[step]).mean()
        own = np.square(predicted["error"].values[step].astype(float)).mean()
        rows.append(f"| {name} | {miss:.1e} | {own:.1e} |")
    return "\n".join(["| published run | error | own |", "|---|---|---|", *rows, ""])


def alignment_rows() -> Iterator[str]:
    """Yield rows: aligned dimensions of published runs, of each skill while it is learning.

    That is below level 0.98; later its demand is only the chance of one run. The published counts
    are of the sampled gradient of single steps, so they scatter by √n_dim/2 and with the batch:
    compared is the mean over 20 recorded steps.
    """
    runs: list[tuple[str, Any, Any, Any, Any]] = []
    with np.load(REFERENCE / "fig6_N0.npz") as file:
        predicted = predict_gradient(
            frequencies=file["prob"], n_dim=1000, lr=3e-4, steps=3000, batch_size=1024
        )
        runs.append(("Fig. 6", file["step"], file["exp_skill"], file["n_uses"], predicted))
    with np.load(REFERENCE / "fig4_trajectories.npz") as file:
        for name in ("Adam", "SGD", "SignGD"):
            for p in (0.5, 0.9, 0.95):
                predicted = predict_gradient(
                    frequencies=[p, 1 - p], n_dim=1000, lr=3e-2 if name == "SGD" else 3e-4,
                    steps=3000, batch_size=128, optimizer=name.lower(),
                )  # fmt: skip
                counts, level = file[f"nalign_{name}_{p}"], file[f"skill_{name}_{p}"]
                runs.append((f"Fig. 4, {name}, p₁ {p}", file["step"], level, counts, predicted))
    for name, step, level, counts, predicted in runs:
        miss = (counts - predicted["n_align"].values[step]) / 1000.0
        window = np.ones(20) / 20.0
        learning = [x[s < 0.98] for x, s in zip(miss.T, level.T, strict=True)]
        smooth = np.concatenate([np.convolve(x, window, "valid") for x in learning if len(x) > 19])
        yield f"| {name} | {np.sqrt(np.square(smooth).mean()):.1%} | {np.abs(smooth).max():.1%} |"


def passage_table(seeds: int = 40) -> str:
    """Return when all of 64 skills are above 0.9: runs, and predictions."""
    rows = []
    for lr, steps, count in ((1e-4, 25_000, seeds), (2e-5, 20_000, seeds // 5)):
        arguments: dict[str, Any] = {
            "frequencies": power(64, 2.0), "n_dim": 2000, "lr": lr, "steps": steps
        }
        predicted = predict_gradient(**arguments)
        for kind, error in (("orthonormal", "error"), ("random", "error_random")):
            passed, total = [], np.zeros((steps + 1, 64))
            for seed in range(count):
                level = gradient_run(seed=seed, kind=kind, **arguments)
                total += level
                above = level > 0.9
                every = above.any(axis=0).all()
                passed.append(float(above.argmax(axis=0).max()) if every else np.inf)
            quartiles = "/".join(
                f"{np.quantile(passed, q, method='inverted_cdf'):.0f}" for q in (0.25, 0.5)
            )
            own = "/".join(
                f"{step_of_passage(predicted, 0.9, part=q, error=error):.0f}" for q in (0.25, 0.5)
            )
            of_mean = [
                int((x > 0.9).argmax(axis=0).max())
                for x in (total / count, predicted["level"].values)
            ]
            never = np.isinf(passed).mean()
            rows.append(
                f"| lr {lr:g}, {kind} | {quartiles} | {own} | {never:.0%} "
                f"| {of_mean[0]} | {of_mean[1]} |"
            )
    head = (
        "| 64 skills, p ∝ i^−2, n_dim 2000 | first quarter / half of the runs | predicted "
        "| runs that never do | mean of the runs | predicted mean |"
    )
    return "\n".join([head, "|---" * 6 + "|", *rows, ""])


def report() -> Iterator[str]:
    """Yield the tables."""
    if REFERENCE.is_dir():
        yield from fig7_tables()
        yield "### Published runs\n"
        yield published_table()
        yield "### Dimensions aligned, as a part of n_dim\n"
        head = "| published run | root mean square | largest |\n|---|---|---|"
        yield "\n".join([head, *alignment_rows(), ""])
    yield "### Steps until all 64 skills are above 0.9\n"
    yield passage_table()
