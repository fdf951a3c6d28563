"""Frequencies from curves alone: how wrong, how biased, and whether intervals hold the truth.

Simulated curves (p ∝ 1/i) with noise of a given standard deviation on every level, drawn anew many
times. "Error" is the root mean square error of log p, the mean over the skills; "bias" the largest
mean error of a skill over its standard error; "covers" and "clock" say how often 95 % intervals of
frequencies and of the clock hold the truth. Then gradient runs, SignGD and Adam, whose pool law
the inference is not told: the error of log p, the fitted exponent where p ∝ i^−2, and how many of
the intervals hold the frequencies.

Verdict: *ok* where intervals cover 90 to 99 % (gradient runs get none: they are no pools).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from domino_sim import Scenario, simulate
from domino_sim.curves import make_curves
from domino_sim.frequencies import infer_frequencies
from domino_sim.levels import work_from_level
from validation.gradient_run import gradient_run, power

#: Levels this near to 1 do not tell the true clock any more, in double precision.
_AT_REST = 1e-6


@dataclass(frozen=True, slots=True)
class Covered:
    """What was found of many noisy copies of one run (see the top of the file)."""

    error: float
    bias: float
    covered: float
    clock_covered: float
    seconds: float


def scenario_of(
    loss: Literal["mse", "ce"],
    skills: int,
    records: int,
    law: str = "sum",
    kind: str = "independent",
    graph_seed: int = 1,
) -> Scenario:
    """Return a run in which all `skills` are learned."""
    pool: dict[str, Any] = {"law": law, "rate": 0.01}
    if law != "constant":
        pool["wasted"] = 0.003
    long = {"mse": 250, "ce": 800}[loss] * skills
    tables: dict[str, Any] = {
        "steps": long if law == "sum" else long // 2,
        "loss": loss,
        "record": {"points": records},
        "graph": {"family": "independent", "n": skills},
        "frequencies": {"law": "power", "exponent": 1.0},
        "pool": pool,
    }
    if kind == "correlated":
        tables["correlation"] = {"n_dim": 2 * skills, "seed": 1}
    elif kind != "independent":
        tables["graph"] = {"family": "layered", "n": skills, "seed": graph_seed}
        tables["gate"] = {"kind": "soft", "exponent": 0.3} if kind == "soft" else {"kind": "hard"}
        tables["steps"] = 2 * long
    return Scenario.from_dict(tables)


def cover(
    loss: Literal["mse", "ce"],
    *,
    skills: int,
    records: int,
    noise: float,
    draws: int,
    law: str = "sum",
    kind: str = "independent",
    told: bool = False,
    graph_seed: int = 1,
    seed: int = 0,
) -> Covered:
    """Infer `draws` noisy copies of one run; `told`: the inference knows the pool law."""
    scenario = scenario_of(loss, skills, records, law, kind, graph_seed)
    ds = simulate(scenario, "clock")
    level, truth = ds.level.values, scenario.frequency_array()
    knowledge: dict[str, Any] = {"loss": loss, "law": law if told else None}
    if kind == "correlated":
        knowledge["correlation"] = scenario.gram()
    elif kind != "independent":
        knowledge["graph"] = scenario.skill_graph()
        knowledge["exponent"] = scenario.gate.exponent if kind == "soft" else None
    tau = _true_clock(level, truth, loss) if kind == "independent" else None
    errors, inside, clocks = [], [], []
    begun = time.process_time()
    for draw in range(draws):
        noisy = level + noise * np.random.default_rng([seed, draw]).normal(size=level.shape)
        curves = make_curves(
            runs=["1"], steps=ds.step.values, skills=list(scenario.names), level=noisy[None]
        )
        found = infer_frequencies(curves, **knowledge)
        table = found.frequencies
        total = truth[table.group.values == 0].sum()
        p = truth / total
        known = np.where(table.group.values == 0, 1.0, np.nan)
        errors.append(known * np.log(table.estimate.values / p))
        inside.append((table.low.values <= p) & (p <= table.high.values))
        if tau is not None:
            there = np.isfinite(tau) & (tau > 0.0)
            low, high = found.clock.tau_low.values[0], found.clock.tau_high.values[0]
            clocks.append(((low <= tau * total) & (tau * total <= high))[there].mean())
    seconds = (time.process_time() - begun) / draws
    every = np.array(errors)
    every = every[:, np.isfinite(every).any(axis=0)]  # but for skills no draw ties to the others
    spread = np.nanstd(every, axis=0)
    return Covered(
        error=float(np.sqrt(np.nanmean(np.square(every), axis=0)).mean()),
        bias=float((np.abs(np.nanmean(every, axis=0)) / np.maximum(spread, 1e-300)).max()),
        covered=float(np.mean(inside)),
        clock_covered=float(np.mean(clocks)) if clocks else float("nan"),
        seconds=seconds,
    )


def _true_clock(level: np.ndarray, p: np.ndarray, loss: Literal["mse", "ce"]) -> np.ndarray:
    """Return τ at each record from the noise-free levels, NaN where all are at rest."""
    work = work_from_level(level, loss) - work_from_level(level[:1], loss)
    # The slowest skill is the last to lose its digits.
    tau = work[:, -1] / p[-1]
    return np.where(level[:, -1] < 1.0 - _AT_REST, tau, np.nan)


def gradient(
    optimizer: str, n_dim: int, seed: int, *, loss: Literal["mse", "ce"] = "mse", skills: int = 10
) -> tuple[float, float, float]:
    """Return error, fitted exponent and cover of one gradient run with p ∝ i^−2."""
    truth = power(skills, 2.0)
    level = gradient_run(
        frequencies=truth,
        n_dim=n_dim,
        lr=3e-4,
        steps=1000,
        optimizer=optimizer,
        loss=loss,
        seed=seed,
    )
    steps = np.arange(0, len(level), 5)
    names = [f"s{i + 1}" for i in range(skills)]
    curves = make_curves(runs=["1"], steps=steps, skills=names, level=level[steps][None])
    table = infer_frequencies(curves, loss=loss).frequencies
    p = truth / truth[table.group.values == 0].sum()
    off = np.log(table.estimate.values / p)
    slope = np.polyfit(np.log(np.arange(1, skills + 1)), np.log(table.estimate.values), 1)[0]
    inside = (table.low.values <= p) & (p <= table.high.values)
    return float(np.sqrt(np.mean(off**2))), float(slope), float(inside.mean())


def report(quick: bool) -> Iterator[str]:
    """Give the lines of the report."""
    draws = 20 if quick else 200
    head = "loss", "skills", "records", "noise", "run", "error", "bias", "covers", "clock", "ms"
    yield f"| {' | '.join(head)} | verdict |"
    yield "|---|---|---|---|---|---|---|---|---|---|---|"
    cases: list[tuple[Literal["mse", "ce"], int, int, float, dict[str, Any]]] = [
        (loss, skills, records, noise, {})
        for loss in ("mse", "ce")
        for skills, records in ((2, 20), (2, 100), (5, 100), (10, 100), (10, 1000))
        for noise in (0.01, 0.05)
    ]
    for loss in ("mse", "ce"):
        cases += [(loss, 5, 100, 0.02, {"law": "sum", "told": True})]
    cases += [
        ("mse", 5, 100, 0.02, {"law": "norm"}),
        ("mse", 5, 100, 0.02, {"law": "norm", "told": True}),
        ("mse", 5, 100, 0.02, {"law": "constant"}),
        ("mse", 6, 200, 0.02, {"kind": "correlated", "law": "norm"}),
        *(("mse", 6, 200, 0.02, {"kind": "hard", "graph_seed": g}) for g in (1, 2, 3, 4, 5)),
        *(("mse", 6, 200, 0.02, {"kind": "soft", "graph_seed": g}) for g in (1, 2, 3, 4, 5)),
        ("ce", 6, 200, 0.02, {"kind": "hard"}),
        ("ce", 6, 200, 0.02, {"kind": "soft"}),
    ]
    for loss, skills, records, noise, more in cases[::5] if quick else cases:
        slow = records > 500 or more.get("kind") in ("hard", "soft")
        few = max(draws // 2, 10) if slow else draws
        found = cover(loss, skills=skills, records=records, noise=noise, draws=few, **more)
        name = more.get("kind", "alone") + (
            f", {more['law']}" + (" told" if more.get("told") else "") if "law" in more else ""
        )
        if "graph_seed" in more:
            name += f", graph {more['graph_seed']}"
        clock = f"{100 * found.clock_covered:.1f} %" if name.startswith("alone") else "–"
        low = 0.85 if quick else 0.9
        verdict = "ok" if low <= found.covered <= (1.0 if quick else 0.99) else "short"
        yield (
            f"| {loss} | {skills} | {records} | {noise:g} | {name} | {100 * found.error:.2f} % | "
            f"{found.bias:.2f} | {100 * found.covered:.1f} % | {clock} | "
            f"{1000 * found.seconds:.0f} | {verdict} |"
        )
    yield ""
    yield "| gradient run | error | exponent (−2) | covers |"
    yield "|---|---|---|---|"
    runs: list[tuple[str, int, Literal["mse", "ce"]]] = [
        ("signgd", 1000, "mse"),
        ("signgd", 4000, "mse"),
        ("signgd", 1000, "ce"),
        ("adam", 1000, "mse"),
        ("sgd", 1000, "mse"),
    ]
    for optimizer, n_dim, kind in runs[:1] if quick else runs:
        seeds = range(2 if quick else 5)
        every = np.array([gradient(optimizer, n_dim, seed, loss=kind) for seed in seeds])
        error, slope, inside = every.mean(axis=0)
        yield (
            f"| {optimizer}, {kind}, n_dim {n_dim} | {100 * error:.1f} % | {slope:.3f} ± "
            f"{every[:, 1].std():.3f} | {100 * inside:.0f} % |"
        )
