"""Frequencies and the conserved quantity C from losses alone: the paper's open question.

Noisy copies of simulated curves are given to `infer_frequencies`, which is told neither law nor
clock, and for gradient runs not even that they are no pools (`validation.studies.frequencies` has
the wider table). "Error" is the root mean square error of log p, the mean over the skills.
"""

from __future__ import annotations

from dataclasses import astuple
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from domino_sim.curves import make_curves
from domino_sim.frequencies import infer_frequencies
from domino_sim.plot.style import GREY, colours
from validation.drawing import DOT, panels
from validation.figure import Checked, Figure
from validation.references import number
from validation.row import Instead, Row
from validation.setting import Setting
from validation.studies.frequencies import Covered, cover, gradient
from validation.value import Value, at_most, exactly, mean_of, median_of

FIGURE = Figure(
    name="frequencies",
    title="Frequencies and C from losses alone",
    claim="The frequencies p_i, up to their scale, and C = u_i^(1/p_i), the same for all skills, "
    "can be read off learning curves without the pool law, N₀ or the schedule.",
    source="open question of arXiv 2501.12391; docs/frequencies.md",
    minutes=3.0,
)

#: Kinds of curves, and what makes them; 2 % noise on every level.
KINDS: dict[str, dict[str, Any]] = {
    "independent, mse": {"loss": "mse", "skills": 5, "records": 100},
    "independent, ce": {"loss": "ce", "skills": 5, "records": 100},
    "correlated, mse": {
        "loss": "mse", "skills": 6, "records": 200, "kind": "correlated", "law": "norm"
    },
    "compositional (soft gates), mse": {
        "loss": "mse", "skills": 6, "records": 200, "kind": "soft", "graph_seed": 2
    },
    "compositional (hard gates), mse": {
        "loss": "mse", "skills": 6, "records": 200, "kind": "hard", "graph_seed": 2
    },
    "compositional (soft gates), ce": {"loss": "ce", "skills": 6, "records": 200, "kind": "soft"},
}  # fmt: skip

NOISE = 0.02

#: Why intervals of gradient runs do not hold the frequencies.
WHY = {"signgd": "a run strays from the mean field, which intervals cannot see",
       "sgd": "what is inferred is all but exact, and intervals are narrower still"}  # fmt: skip

#: Gradient runs: optimiser and loss.
RUNS = (("signgd", "mse"), ("signgd", "ce"), ("sgd", "mse"))


def check(setting: Setting) -> Checked:
    """Infer frequencies of noisy copies, of gradient runs, and draw one example."""
    figure, axes = panels(1, 3)
    rows, found = [], {}
    for name, how in KINDS.items():
        slow = how.get("kind") in ("soft", "hard")
        draws = setting.choose(8 if slow else 30, 60 if slow else 200)
        part = setting.kept(name.replace(" ", "-"), partial(_covered, how, draws))
        found[name] = Covered(*part["covered"].tolist())
        rows += _rows(name, found[name], draws, how["skills"])
    rows += _gradient_rows(setting)
    rows.append(_example(axes[0, 0], axes[0, 1], setting))
    _errors(axes[0, 2], found)
    return Checked(tuple(rows), figure)


def _covered(how: dict[str, Any], draws: int) -> dict[str, Any]:
    return {"covered": astuple(cover(**how, noise=NOISE, draws=draws, seed=15))}


def _rows(name: str, found: Covered, draws: int, skills: int) -> list[Row]:
    # Two standard errors of a root mean square over as many draws (skills are not independent of
    # each other), and a tenth: the same of the 200 draws of what is stated.
    stated, source = number("frequencies", name)
    slack = 2.0 / np.sqrt(2.0 * draws)
    rows = [
        Row(f"{name}: error of log p, 2 % noise, {draws} draws", source,
            stated, exactly(found.error), within=float(slack) + 0.1),
        Row(f"{name}: part of the 95 % intervals that hold p", "their own statement",
            exactly(0.95), _of(found.covered, draws * skills, draws)),
    ]  # fmt: skip
    if not np.isnan(found.clock_covered):
        rows.append(
            Row(f"{name}: part of the 95 % intervals of the clock, −log C, that hold it",
                "their own statement", exactly(0.95),
                _of(found.clock_covered, draws, draws))
        )  # fmt: skip
    return rows


def _of(part: float, count: int, draws: int) -> Value:
    """Return a part with the interval that chance alone gives it; draws are what is independent."""
    independent = max(draws, count // 4)
    half = 2.0 * np.sqrt(0.05 * 0.95 / independent)
    return Value(part, part - half, min(part + half, 1.0))


def _gradient_rows(setting: Setting) -> list[Row]:
    rows = []
    for optimizer, loss in RUNS:
        seeds = setting.choose(12, 40)
        part = setting.kept(f"run-{optimizer}-{loss}", partial(_gradients, optimizer, loss, seeds))
        error, slope, cover = part["found"].T
        name = f"{optimizer} run, {loss}, its law not told"
        # The median: in one run of 68 the rarest skill is off by orders of magnitude.
        rows.append(Row(f"{name}: fitted exponent of p ∝ i^−2, median of {seeds} seeds",
                        "the run's own", exactly(-2.0), median_of(slope), by=0.01))  # fmt: skip
        stated, source = number("frequencies", f"{optimizer}, {loss}")
        # In logarithms, as what is stated: the rarest skill of one run in ten is off by a factor.
        logs = mean_of(np.log(error))
        ours = Value(*(float(np.exp(x)) for x in (logs.number, logs.low, logs.high)))
        rows.append(Row(f"{name}: error of log p, geometric mean over seeds", source, stated, ours))
        known, source = number("frequencies", f"{optimizer}, {loss}, covered")
        reason = f"{WHY[optimizer]}: {source}"
        rows.append(Row(f"{name}: part of the 95 % intervals that hold p", "their own statement",
                        exactly(0.95), mean_of(cover), instead=Instead(reason, known)))  # fmt: skip
    return rows


def _gradients(optimizer: str, loss: Any, seeds: int) -> dict[str, Any]:
    every = [gradient(optimizer, 1000, 50 + seed, loss=loss) for seed in range(seeds)]
    return {"found": np.array(every)}


def _example(ax: Axes, beside: Axes, setting: Setting) -> Row:
    """Draw u and u^(1/p) of one run whose rate changes midway; compare C with that of the run."""
    ds = setting.simulator.simulate(
        {
            "steps": 2000, "record": {"points": 200},
            "graph": {"family": "independent", "n": 5},
            "frequencies": {"law": "power", "exponent": 1.0},
            "pool": {"law": "norm", "wasted": 0.003, "rate": 0.01},
            "interventions": [{"at": 150, "set": {"pool.rate": 0.002}}],
        }
    )  # fmt: skip
    level, p = ds.level.values, ds.frequency.values
    noisy = level + NOISE * np.random.default_rng(8).normal(size=level.shape)
    names = ds.skill.values.tolist()
    curves = make_curves(runs=["run"], steps=ds.step.values, skills=names, level=noisy[None])
    found = infer_frequencies(curves)
    estimate = found.frequencies.estimate.values
    conserved = found.clock.conserved.values[0]
    for i, colour in enumerate(colours(5)):
        u = 1.0 - level[:, i]
        ax.plot(ds.step, np.clip(1.0 - noisy[:, i], 0.0, None), color=colour, lw=0.8)
        beside.plot(ds.step, np.where(u > 1e-3, u ** (1.0 / estimate[i]), np.nan),
                    color=colour, lw=1.2)  # fmt: skip
    shown = np.unique(np.geomspace(1, len(conserved) - 1, 24).astype(int))
    beside.plot(ds.step.values[shown], conserved[shown], **DOT, markersize=4)
    ax.set_title("u, 2 % noise; the rate falls at 150", fontsize=10)
    beside.set_title("u^(1/p) with the p inferred; rings: C", fontsize=10)
    beside.set_ylim(1e-3, 1.1)
    for each in (ax, beside):
        each.set_xscale("log")
        each.set_xlabel("step")
    beside.set_yscale("log")
    early = level[:, 0] < 0.9
    off = np.abs((1.0 - level[early, 0]) ** (1.0 / p[0]) - conserved[early]).max()
    return Row("C against u₁^(1/p₁) of the noise-free run, largest difference while u₁ > 0.1",
               "conserved quantity of arXiv 2501.12391", at_most(0.05), exactly(off))  # fmt: skip


def _errors(ax: Axes, found: dict[str, Covered]) -> None:
    names = list(found)[::-1]
    ax.barh(names, [100 * found[name].error for name in names], color=GREY, height=0.6)
    ax.plot([100 * number("frequencies", name)[0].number for name in names], names, **DOT)
    ax.set_xlabel("error of log p, %; rings: docs")
    ax.tick_params(axis="y", labelsize=8)


