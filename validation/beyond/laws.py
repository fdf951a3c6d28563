"""The pool law is the optimiser: which law fits gradient runs, and how well it is told from curves.

Runs of the geometry model (n_dim 1000, 10 skills, p ∝ i^−2, exact gradients unless said otherwise)
are calibrated with every law, η and N₀ free. What a law says with nothing fitted is drawn beside.
Simulated curves of known laws show how often the law is found: δ is how many standard errors the
curves of the nearest other law are away (`validation.studies.calibration_laws`).
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

import domino_sim
from domino_sim.calibration import Calibration, calibrate
from domino_sim.curves import make_curves
from domino_sim.levels import Floats
from domino_sim.plot.style import GREY
from validation.drawing import key, levels, panels
from validation.figure import Checked, Figure
from validation.gradient_run import power
from validation.references import number
from validation.row import Row
from validation.setting import Setting
from validation.studies.calibration_laws import Pick, pick
from validation.studies.calibration_worlds import Cell
from validation.value import Value, at_least, at_most, exactly, mean_of, range_of

FIGURE = Figure(
    name="laws",
    title="The pool law is the optimiser",
    claim="SignGD divides its pool by the norm of the demands, SGD does not divide it at all; the "
    "paper's sum is a good picture, and a worse fit. Curves tell which law it is.",
    source="docs/theory.md, Pool laws; docs/calibration.md",
    minutes=2.0,
)

N_DIM, LR, SKILLS = 1000, 3e-4, 10
SGD_LR = 3e-2

#: Steps, of which every tenth is recorded; as many as in the runs the reference errors are of.
STEPS, EVERY = 3000, 10

#: Runs to be calibrated: optimiser, gradient noise.
RUNS = {"SignGD": ("signgd", 0.0), "SignGD, noise 1e-3": ("signgd", 1e-3), "SGD": ("sgd", 0.0)}

#: Mean squared error of what is exact but for rounding in single precision.
EXACT = 1e-8

#: So many standard errors away another law is told, but for chance.
TOLD = 5.0


def check(setting: Setting) -> Checked:
    """Train, calibrate with all laws, and count laws found in simulated curves."""
    seeds = setting.choose(3, 8)
    figure, axes = panels(2, 3)
    rows: list[Row] = []
    for column, (name, (optimizer, noise)) in enumerate(RUNS.items()):
        lr = SGD_LR if optimizer == "sgd" else LR
        make = partial(_trained, optimizer, noise, lr, seeds)
        trained = setting.kept(f"{optimizer}-{noise:g}", make)
        found = [_calibrated(level, "auto") for level in trained["level"]]
        predicted = setting.simulator.predict(
            frequencies=power(SKILLS, 2.0), n_dim=N_DIM, lr=lr, steps=STEPS,
            optimizer=optimizer, noise=noise,
        )  # fmt: skip
        levels(
            axes[0, column], np.arange(0, STEPS + 1, EVERY), trained["level"][0],
            (predicted.step, predicted.level), name,
        )  # fmt: skip
        axes[0, column].set_xlim(0, 1000)
        rows += _rows(name, trained["level"], found, predicted.level.values[::EVERY])
        if optimizer == "sgd":
            constant = [_calibrated(level, "constant") for level in trained["level"]]
            rows.append(_sgd_rate(constant, setting))
        else:
            norm = [_calibrated(level, "norm") for level in trained["level"]]
            rows += _constants(name, norm, setting, noise)
        _misfits(axes[1, column], found)
    key(axes[0, 0], "SignGD run", "nothing fitted", loc="lower right")
    rows += _picks(setting)
    return Checked(tuple(rows), figure)


def _trained(optimizer: str, noise: float, lr: float, seeds: int) -> dict[str, Floats]:
    run: dict[str, Any] = {
        "steps": STEPS, "seeds": seeds, "record": {"every": EVERY}, "noise": noise,
        "model": {"kind": "geometry", "n_dim": N_DIM},
        "optimizer": {"name": optimizer, "lr": lr},
        "graph": {"family": "independent", "n": SKILLS},
        "frequencies": {"law": "power", "exponent": 2.0},
    }  # fmt: skip
    return {"level": domino_sim.train(run).level.values}


def _calibrated(level: Floats, law: Any) -> Calibration:
    names = [f"s{i + 1}" for i in range(SKILLS)]
    steps = np.arange(0, STEPS + 1, EVERY)
    curves = make_curves(
        runs=["run"], steps=steps, skills=names, level=level[None], frequency=power(SKILLS, 2.0)
    )
    return calibrate(curves, law=law, held_out=False)


def _error(found: Calibration, law: str) -> float:
    """Return the mean squared error of a law's best fit."""
    return found.fits[law].error / found.fits[law].count


def _rows(name: str, trained: Floats, found: list[Calibration], predicted: Floats) -> list[Row]:
    law, other = ("constant", "domino") if name == "SGD" else ("norm", "sum")
    errors = {which: np.array([_error(f, which) for f in found]) for which in (law, other)}
    # Pools that waste much more than is asked for do not divide: under SGD they cannot be told
    # apart from `constant`, which is then one of those allowed and the simplest.
    allowed = np.mean([law in f.comparison.candidates for f in found])
    rows = [
        Row(f"{name}: part of the runs whose curves allow `{law}`",
            "docs/theory.md", exactly(1.0), exactly(allowed)),
        Row(f"{name}: mean squared error of the best `{other}` fit over that of `{law}`",
            "docs/theory.md", at_least(2.0), range_of(errors[other] / errors[law])),
    ]  # fmt: skip
    if law == "norm":
        alone = np.mean([f.comparison.preferred == law for f in found])
        rows.append(
            Row(f"{name}: part of the runs whose curves allow no other law than `norm`",
                "docs/theory.md", exactly(1.0), exactly(alone))
        )  # fmt: skip
    if name == "SignGD":
        for which in ("sum", "norm"):
            reference, source = number("laws", f"mse_{which}")
            ours = mean_of([_error(f, which) for f in found])
            rows.append(Row(f"{name}: mean squared error of the best `{which}` fit", source,
                            reference, ours, within=0.25))  # fmt: skip
    miss = np.square(trained - predicted).mean(axis=(1, 2))
    # SGD's mean field is exact but for single precision; SignGD's is as near as task vectors are
    # random, and should be nearer than the best fit of the wrong law.
    bound = EXACT if law == "constant" else float(errors[other].min())
    guards = ("rate", "law", "wasted") if "noise" in name else ("rate", "law")
    rows.append(
        Row(f"{name}: mean squared error of the prediction, nothing fitted, worst run",
            "single precision" if law == "constant" else "best `sum` fit of any run",
            at_most(bound), exactly(miss.max()), guards=guards)
    )  # fmt: skip
    return rows


def _constants(name: str, found: list[Calibration], setting: Setting, noise: float) -> list[Row]:
    """Return rows of η and N₀ under `norm`, fitted and as they follow from lr, n_dim and σ."""
    rate, wasted = setting.simulator.pool(law="norm", lr=LR, n_dim=N_DIM, noise=noise)
    fits = [(f.estimate("rate").value, f.estimate("wasted").value) for f in found]
    rows = [
        Row(f"{name}: η fitted under `norm`, against √(2/π)·lr·√n_dim", "closed form",
            exactly(rate), mean_of([fit[0] for fit in fits]), within=0.03, guards=("rate",)),
    ]  # fmt: skip
    if noise:
        rows.append(
            Row(f"{name}: N₀ fitted under `norm`, against σ√n_dim", "closed form",
                exactly(wasted), mean_of([fit[1] for fit in fits]), within=0.05,
                guards=("wasted",))
        )  # fmt: skip
    return rows


def _sgd_rate(found: list[Calibration], setting: Setting) -> Row:
    rate, _ = setting.simulator.pool(law="constant", lr=SGD_LR)
    fits = [f.estimate("rate").value for f in found]
    return Row("SGD: η fitted under `constant`, against g₀·lr", "closed form",
               exactly(rate), range_of(fits), within=0.01, guards=("rate",))  # fmt: skip


def _misfits(ax: Any, found: list[Calibration]) -> None:
    laws = [law for law in ("sum", "norm", "constant", "domino", "logistic")
            if law in found[0].fits]  # fmt: skip
    for f in found:
        ax.semilogy(laws, [_error(f, law) for law in laws], "o", color=GREY, ms=4, alpha=0.7)
    ax.tick_params(axis="x", labelsize=8)
    ax.set_ylabel("mean squared error, fitted")


def _picks(setting: Setting) -> list[Row]:
    """Return rows of how often the law of simulated curves is found."""
    count = setting.choose(4, 40)

    def make() -> dict[str, Any]:
        picks: list[Pick] = []
        for k, law in enumerate(("sum", "norm", "constant", "domino", "logistic")):
            rng = np.random.default_rng([31, k])
            for _ in range(count):
                picks.append(pick(Cell("", law, gated=bool(rng.integers(2)), loss="mse"), rng))
        return {"distance": [p.distance for p in picks], "answer": [p.answer for p in picks]}

    kept = setting.kept("picks", make)
    far = kept["distance"] > TOLD
    right, wrong = kept["answer"] == "right", kept["answer"] == "wrong"
    return [
        Row(f"simulated curves, δ > {TOLD:g}: part in which the law is found, of "
            f"{int(far.sum())}", "docs/calibration.md", at_least(0.95), _part(right[far])),
        Row(f"simulated curves, all δ: part in which a wrong law is preferred, of {len(far)}",
            "docs/calibration.md", at_most(0.02), _part(wrong)),
    ]  # fmt: skip


def _part(holds: Floats) -> Value:
    """Return how often something holds; exactly, for a bound is not to be met by chance."""
    return exactly(float(np.mean(holds)))
