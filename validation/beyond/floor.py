"""The floor of the step size: what SignGD wastes once the most frequent skill is mastered.

A finite step cannot hold a mastered skill still. It jumps to and fro by η/2, and its demand,
η p₁/2, keeps the pool from emptying: an N₀ that is in no pool law. 64 skills, p ∝ i^−2, n_dim 2000:
`norm` without it says that all are at level 0.9 after 3255 steps (learning rate 1e-4); runs take
some 9000, or never get there, because the jumps also lock coordinates (docs/theory.md, "Locked
coordinates").
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure as Drawing
from scipy.stats import binomtest

from domino_sim import train
from domino_sim.levels import Floats
from domino_sim.modularity.floor import time_with_floor
from domino_sim.modularity.ways import Way
from domino_sim.plot.style import colours
from domino_sim.pool import MEAN_ABS_NORMAL
from domino_sim.scenario import Scenario
from validation.drawing import DASHED, DOT, panels
from validation.figure import Checked, Figure
from validation.gradient_run import power
from validation.integrated import integrated
from validation.passages import passage
from validation.references import number
from validation.row import Row
from validation.setting import Arrays, Setting
from validation.value import Value, at_least, at_most, exactly, mean_of, median_of

FIGURE = Figure(
    name="floor",
    title="The floor of the step size",
    claim="Under SignGD a mastered frequent skill wastes η p_max/2 of the pool for ever; the "
    "rarest of many skills are held up by it, and at larger steps never learned.",
    source="docs/theory.md, What else wastes the pool",
    minutes=2.0,
)

SKILLS, N_DIM, ALPHA, THETA = 64, 2000, 2.0, 0.9

#: Learning rates at which the floor is measured, at the steps from `REACHED`/lr on: there the most
#: frequent skill jumps, and the rarest is still being learned.
LRS, REACHED, WINDOW = (2e-4, 1e-4, 5e-5), 0.5, 200

#: The two learning rates of long runs, and their steps.
COARSE, FINE = 1e-4, 2e-5
LONG = {COARSE: 14_000, FINE: 24_000}
EVERY = 20

#: How near the mean levels of runs, quick (4 seeds) and full, are to `predict_gradient`: runs
#: remember where they were pushed.
NEAR = (0.06, 0.05)

#: How near the floor is, a part of it.
NEAR_FLOOR = 0.01

dotted = (0, (1, 1.5))


def frequencies() -> Floats:
    """Return p ∝ i^−2, Σ p = 1."""
    return power(SKILLS, ALPHA)


def rate(lr: float) -> float:
    """Return η = √(2/π) lr √n_dim."""
    return float(MEAN_ABS_NORMAL * lr * np.sqrt(N_DIM))


def floor(lr: float) -> float:
    """Return η p₁/2."""
    return 0.5 * rate(lr) * float(frequencies()[0])


def check(setting: Setting) -> Checked:
    """Measure the floor, and hold long runs against three theories."""
    lrs = setting.choose(LRS[:2], LRS)
    windows = {lr: _window(setting, lr, setting.choose(6, 8)) for lr in lrs}
    long = {COARSE: _long(setting, COARSE, setting.choose(4, 24))}
    if not setting.quick:
        long[FINE] = _long(setting, FINE, 5)
    theory = {
        (lr, wasted): setting.simulator.simulate(_scenario(lr, wasted), "clock")
        for lr in (COARSE, FINE)
        for wasted in (0.0, floor(lr))
    }
    known = {key: _integrated(*key) for key in theory}
    predicted = setting.simulator.predict(
        frequencies=frequencies(), n_dim=N_DIM, lr=COARSE, steps=LONG[COARSE]
    )
    rows = [
        *_floor_rows(windows, predicted),
        *_theory_rows(theory, known),
        *_run_rows(setting, long, theory, known[COARSE, floor(COARSE)], predicted),
    ]
    return Checked(tuple(rows), _draw(windows, long[COARSE], theory, predicted))


def _scenario(lr: float, wasted: float) -> dict[str, Any]:
    return {
        "steps": LONG[lr], "mastery": THETA, "record": {"every": EVERY},
        "graph": {"family": "independent", "n": SKILLS},
        "frequencies": {"law": "power", "exponent": ALPHA},
        "pool": {"law": "norm", "rate": rate(lr), "wasted": wasted},
    }  # fmt: skip


def _integrated(lr: float, wasted: float) -> float:
    """Return the step by which all are at θ under `norm`, integrated by SciPy."""
    step = np.arange(0.0, LONG[lr] + 1)
    level = integrated("norm", frequencies(), rate(lr), wasted, step)
    return max(passage(step, one, THETA) for one in level.T)


def _train(lr: float, steps: int, record: list[int], seeds: int) -> Arrays:
    """Return `level` (seed, step, skill) of SignGD at the recorded steps, and `step`."""
    curves = train(
        {
            "steps": steps, "seeds": [701 + k for k in range(seeds)], "record": {"steps": record},
            "model": {"kind": "geometry", "n_dim": N_DIM},
            "optimizer": {"name": "signgd", "lr": lr},
            "graph": {"family": "independent", "n": SKILLS},
            "frequencies": {"law": "power", "exponent": ALPHA},
        }
    )  # fmt: skip
    return {"level": curves.level.values.astype(np.float32), "step": curves.step.values}


def _window(setting: Setting, lr: float, seeds: int) -> Floats:
    """Return the level of the most frequent skill at every step of the window, (seed, step)."""
    first = round(REACHED / lr)
    steps = list(range(first, first + WINDOW))

    def make() -> dict[str, Any]:
        return {"level": _train(lr, steps[-1], steps, seeds)["level"][:, :, 0]}

    return setting.kept(f"window-{lr:g}-{seeds}", make)["level"].astype(float)


def _long(setting: Setting, lr: float, seeds: int) -> Arrays:
    record = list(range(0, LONG[lr] + 1, EVERY))
    return setting.kept(f"long-{lr:g}-{seeds}", lambda: _train(lr, LONG[lr], record, seeds))


def _passed(run: Arrays) -> Floats:
    """Return the step by which each run has had all skills above θ; infinite for never."""
    above = run["level"] > THETA
    first = np.where(above.any(axis=1), run["step"][above.argmax(axis=1)], np.inf)
    return first.max(axis=1)


def _floor_rows(windows: dict[float, Floats], predicted: xr.Dataset) -> list[Row]:
    p = float(frequencies()[0])
    measured = {lr: p * np.abs(1.0 - level).mean(axis=1) for lr, level in windows.items()}
    rows = [
        Row(
            f"learning rate {lr:g}: demand that the most frequent skill keeps, mean over "
            f"{WINDOW} steps, over η p₁/2",
            "η p_max/2", exactly(1.0), mean_of(found / floor(lr)), by=NEAR_FLOOR,
        )
        for lr, found in measured.items()
    ]  # fmt: skip
    rows.append(
        Row(
            f"`predict_gradient`, learning rate {COARSE:g}: its attribute floor",
            "gradient runs, the demand measured", mean_of(measured[COARSE]),
            exactly(float(predicted.attrs.get("floor", np.nan))), within=NEAR_FLOOR,
            guards=("rate",),
        )
    )  # fmt: skip
    return rows


def _theory_rows(
    theory: dict[tuple[float, float], xr.Dataset], known: dict[tuple[float, float], float]
) -> list[Row]:
    rows = []
    for (lr, wasted), ds in theory.items():
        told, source = exactly(known[lr, wasted]), "integrated by SciPy"
        rows.append(
            Row(
                f"`norm`, learning rate {lr:g}, N₀ = {'η p₁/2' if wasted else '0'}: step by which "
                f"all are at {THETA:g}", source, told, exactly(float(ds.mastered_at.max())),
                within=1e-4, guards=("rate", "wasted", "law") if wasted else ("rate", "law"),
            )
        )  # fmt: skip
        if wasted:
            way = Way("one pool", Scenario.from_dict(_scenario(lr, 0.0)))
            rows.append(
                Row(
                    f"`time_with_floor` for the same, learning rate {lr:g}", source, told,
                    exactly(time_with_floor(way)), within=1e-4,
                )
            )  # fmt: skip
    return rows


def _run_rows(
    setting: Setting,
    long: dict[float, Arrays],
    theory: dict[tuple[float, float], xr.Dataset],
    with_floor: float,
    predicted: xr.Dataset,
) -> list[Row]:
    run = long[COARSE]
    mean, step = run["level"].astype(float).mean(axis=0), run["step"]
    apart = np.abs(mean - predicted.level.values[step]).max(axis=0)
    passed = _passed(run)
    rows = [
        Row(
            f"gradient runs, learning rate {COARSE:g}: step by which all are at {THETA:g}, the "
            f"soonest of {len(passed)} seeds", "`norm` with N₀ = η p₁/2, integrated by SciPy: no "
            "sooner, there are locked coordinates too", at_least(with_floor),
            exactly(passed.min()),
        ),
        Row(
            f"`predict_gradient`, learning rate {COARSE:g}: largest difference from the mean level "
            "of the runs, any skill and step",
            "gradient runs", at_most(setting.choose(*NEAR)), exactly(apart.max()),
            guards=("rate", "law"),
        ),
    ]  # fmt: skip
    if not setting.quick:  # four seeds do not tell a median: one in four never gets there
        told, source = number("floor", "runs_0.0001")
        there = binomtest(int((passed <= told.number).sum()), len(passed))
        wide = there.proportion_ci(method="wilson")
        rows.append(Row(
            f"gradient runs, learning rate {COARSE:g}: part of {len(passed)} in which all are at "
            f"{THETA:g} by step {told.number:.0f}, the median of earlier runs", source,
            exactly(0.5), Value(there.statistic, wide.low, wide.high),
        ))  # fmt: skip
    if FINE in long:
        told, source = number("floor", "runs_2e-05")
        found, closed = median_of(_passed(long[FINE])), theory[FINE, floor(FINE)]
        rows += [
            Row(f"gradient runs, learning rate {FINE:g}: step by which all are at {THETA:g}",
                source, told, found, within=0.03),
            Row(f"`norm` with N₀ = η p₁/2 at learning rate {FINE:g}: the same step",
                "gradient runs", found, exactly(float(closed.mastered_at.max())), within=0.02,
                guards=("rate", "wasted", "law")),
        ]  # fmt: skip
    return rows


def _draw(
    windows: dict[float, Floats],
    run: Arrays,
    theory: dict[tuple[float, float], xr.Dataset],
    predicted: xr.Dataset,
) -> Drawing:
    figure, axes = panels(1, 3, size=(13.0, 3.6))
    rise, jump, size = axes[0]
    shown = (0, 7, 15, 31, 63)
    for i, colour in zip(shown, colours(len(shown)), strict=True):
        levels = run["level"].astype(float).mean(axis=0)[:, i]
        rise.plot(run["step"], levels, color=colour, label=f"skill {i + 1}")
        for wasted, style in ((0.0, dotted), (floor(COARSE), DASHED)):
            ds = theory[COARSE, wasted]
            rise.plot(ds.step, ds.level.values[:, i], color=colour, ls=style, lw=1.0)
        every = slice(200, None, 800)
        rise.plot(predicted.step.values[every], predicted.level.values[every, i], **DOT,
                  markersize=4)  # fmt: skip
    rise.axhline(THETA, color="black", lw=0.7, ls=":")
    rise.set(xlabel="step", ylabel="level, mean of runs")
    rise.set_title("lr 1e-4; dotted: `norm`, dashed: with η p₁/2, rings: predicted", fontsize=9)
    rise.legend(frameon=False, fontsize=7, loc="lower right")
    for (lr, level), colour in zip(windows.items(), colours(3), strict=False):
        jump.plot((level[0, :30] - 1.0) / rate(lr), color=colour, marker=".", label=f"lr {lr:g}")
        kept = frequencies()[0] * np.abs(1.0 - level).mean(axis=1)
        size.plot([lr] * len(kept), kept, ".", ms=9, color=colour)
    for end in (-0.5, 0.5):
        jump.axhline(end, color="black", lw=0.7, ls=":")
    jump.set(xlabel="step in the window", ylabel="(level − 1)/η", ylim=(-0.75, 0.95))
    jump.set_title("the most frequent skill, mastered", fontsize=9)
    jump.legend(frameon=False, fontsize=7, loc="upper right", ncols=3)
    every = np.geomspace(1e-5, 4e-4, 20)
    size.plot(every, [floor(x) for x in every], color="black", ls=DASHED, label="η p₁/2")
    size.set(xscale="log", yscale="log", xlabel="learning rate", ylabel="demand kept")
    size.set_title("the floor, measured", fontsize=9)
    size.legend(frameon=False, fontsize=8)
    return figure
