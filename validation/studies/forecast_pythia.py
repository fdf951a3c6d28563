"""Pythia's zero-shot accuracies: the last third of the checkpoints from the first two thirds.

Levels are accuracies over chance (``read_curves``); tasks count that rise by three standard errors
within the first two thirds. Mixtures are not known, so frequencies are fitted.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy.optimize import curve_fit
from scipy.special import expit

from domino_sim import read_curves
from domino_sim.calibration import calibrate
from domino_sim.forecasting import forecast
from validation.studies.forecast import Floats, logistic_fit

#: Results of the checkpoints, as published; without the whole table, the extract in tests/data.
EXTRACT = Path(__file__).parents[2] / "tests" / "data" / "pythia_extract.csv.gz"
TABLE = Path(os.environ.get("PYTHIA_CURVES", EXTRACT))

#: A rise of so many standard errors counts.
RISE = 3.0


def capped_logistic(t: Floats, level: Floats, later: Floats) -> Floats:
    """Return levels at `later` of a logistic curve with a ceiling of its own, by least squares."""

    def curve(t: Floats, a: float, b: float, top: float) -> Floats:
        return np.asarray(top * expit(a + b * t))

    a, b = logistic_fit(t, level)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            at, _ = curve_fit(curve, t, level, (a, b, max(level[-1], 0.05)), maxfev=5000)
    except RuntimeError:
        return np.asarray(expit(a + b * later))
    return curve(later, *at)


def report() -> Iterator[str]:
    """Yield the table, a line for each model."""
    yield "\n### Pythia: levels of the last third of the checkpoints\n"
    if not TABLE.exists():
        yield f"{TABLE} is not there (PYTHIA_CURVES names another place).\n"
        return
    curves = read_curves(TABLE, columns={"run": "model", "skill": "task"})
    split = (2 * curves.sizes["step"] + 2) // 3
    yield (
        f"Seen: up to step {int(curves.step[split - 1])}; forecast: {int(curves.step[split])} to "
        f"{int(curves.step[-1])}. Root mean squared errors of the levels; *law alone*: of the best "
        "law carried on, whatever its hindcast says; *covered*: levels in the 80 % intervals, "
        "give or take 1.28 of their own standard errors.\n"
    )
    yield (
        "| model | tasks | law | failed | forecast | law alone | logistic | with ceiling "
        "| last value | covered |"
    )
    yield "|---" * 10 + "|"
    total = []
    for name in curves.run.values:
        one = curves.sel(run=[name])
        keep = one["level_from"].values[0] == "accuracy"
        level, error = one.level.values[0], one.level_se.values[0]
        rise = (level[:split].max(axis=0) - level[0]) / np.hypot(error[0], error[split - 1])
        keep &= np.isfinite(level).all(axis=0) & (rise > RISE)
        one = one.isel(skill=np.flatnonzero(keep))
        seen, later = one.isel(step=slice(None, split)), one.isel(step=slice(split, None))
        found = calibrate(seen[["level", "level_se", "frequency"]], held_out=False)
        ahead = forecast(found, float(one.step[-1]), mastery=0.9)
        truth, se = later.level.values[0], later.level_se.values[0]
        at = ahead[["level", "level_low", "level_high"]].isel(run=0).interp(step=later.step.values)
        now = float(seen.step[-1])
        t, u = seen.step.values / now, later.step.values / now
        values = seen.level.values[0]
        fits = [logistic_fit(t, x) for x in values.T]
        logistic = np.array([expit(a + b * u) for a, b in fits]).T
        alone = found.levels(later.step.values)[0].values
        capped = np.array([capped_logistic(t, x, u) for x in values.T]).T
        errors = [
            np.sqrt(np.square(x - truth).mean())
            for x in (at.level.values, alone, logistic, capped, values[-1][None])
        ]
        # Levels are measured with an error, of which intervals of the level know nothing.
        inside = (at.level_low.values - 1.28 * se <= truth) & (
            truth <= at.level_high.values + 1.28 * se
        )
        total.append([*errors, inside.mean()])
        shown = " | ".join(f"{x:.3f}" for x in errors)
        law = ahead.attrs["law"]
        failed = "yes" if (ahead.hindcast_error > ahead.hindcast_last).item() else "no"
        tasks = one.sizes["skill"]
        yield f"| {name} | {tasks} | {law} | {failed} | {shown} | {inside.mean():.0%} |"
    means = np.sqrt(np.mean(np.square(np.array(total)[:, :5]), axis=0))
    shown = " | ".join(f"{x:.3f}" for x in means)
    yield f"| all | | | | {shown} | {np.array(total)[:, 5].mean():.0%} |\n"
