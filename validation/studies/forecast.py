"""Forecasts of runs from their first part against what happened, logistic curves and last values.

Each run is cut at a part of the step by which all its skills are mastered (level 0.95 unless it
says otherwise); at most 200 records are kept, frequencies are known, the law is not. *Covered*:
how many of the mastery times to come are in the 80 % intervals, over all skills, and in the mean
over runs, since skills of one run err together. *Error*: median of |log(forecast/actual)|, over all
skills, and the median over runs of each run's median. *Logistic*: the same of a logistic curve
through each skill's own levels, by least squares, the best of five starts. *Levels*: root mean
squared error of all levels from the cut to the end: forecast, logistic, last value.

The constants of ``forecasting.ahead`` were chosen on the runs of seeds 11 and 33 ("tuned on");
those of seed 22 had no part in it.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.optimize import OptimizeWarning, curve_fit
from scipy.special import expit, logit

from domino_sim.calibration import calibrate
from domino_sim.curves import mastered_at
from domino_sim.forecasting import forecast
from validation.studies.forecast_worlds import World, gradient_worlds, simulated_worlds

Floats = NDArray[np.float64]

RECORDS = 200
MASTERY = 0.95
STARTS = ((-4.0, 4.0), (-6.0, 3.0), (-3.0, 8.0), (-5.0, 1.0), (0.0, 4.0))


@dataclass(frozen=True, slots=True)
class Found:
    """One run: for each skill to come whether it is covered, and log errors; levels' errors."""

    kind: str
    covered: Floats
    error: Floats
    logistic: Floats
    levels: Floats
    width: float


def logistic_fit(t: Floats, level: Floats) -> tuple[float, float]:
    """Return a and b of σ(a + b t) by least squares, t in parts of the record."""

    def curve(t: Floats, a: float, b: float) -> Floats:
        return np.asarray(expit(a + b * t))

    best, found = np.inf, (0.0, 0.0)
    for start in STARTS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", OptimizeWarning)
            try:
                at, _ = curve_fit(curve, t, level, start, maxfev=2000)
            except RuntimeError:
                continue
        error = float(np.square(curve(t, *at) - level).sum())
        if error < best:
            best, found = error, (float(at[0]), float(at[1]))
    return found


def check(world: World, part: float, mastery: float, seed: int) -> Found | None:
    """Cut a run, forecast the rest, compare; None if nothing is to come."""
    actual = mastered_at(world.curves, mastery).values[0]
    end = float(np.nanmax(actual))
    seen = world.curves.sel(step=world.curves.step[world.curves.step <= part * end])
    seen = seen.isel(step=slice(None, None, max(1, -(-seen.sizes["step"] // RECORDS))))
    found = calibrate(seen, graph=world.graph, loss=world.loss, held_out=False)  # type: ignore[arg-type]
    ahead = forecast(found, 1.1 * end, mastery=mastery, seed=seed)
    todo = (ahead.status.values[0] != "mastered") & np.isfinite(actual)
    if not todo.any():
        return None
    now = float(seen.step[-1])
    t = seen.step.values / now
    fits = np.array(
        [logistic_fit(t, seen.level.values[0, :, i].astype(float)) for i in range(len(actual))]
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        when = (logit(mastery) - fits[:, 0]) / fits[:, 1] * now
    when = np.clip(np.where(fits[:, 1] > 0.0, when, np.inf), now, 1e9)
    middle, low, high = (ahead[x].values[0][todo] for x in ("mastered_at", "low", "high"))
    to_come = actual[todo]
    return Found(
        world.kind,
        ((low <= to_come) & (to_come <= high)).astype(float),
        np.log(np.clip(middle, now, 1e9) / to_come),
        np.log(when[todo] / to_come),
        _level_errors(world.curves, ahead, fits, seen, end),
        float(np.median(np.log(high / low))),
    )


def _level_errors(
    curves: xr.Dataset, ahead: xr.Dataset, fits: Floats, seen: xr.Dataset, end: float
) -> Floats:
    """Root mean squared errors of levels from the cut to `end`: forecast, logistic, last value."""
    now = float(seen.step[-1])
    steps = np.linspace(now, end, 60)
    truth = curves.level[0].astype(float).interp(step=steps).values
    ours = ahead.level[0].interp(step=steps).values
    theirs = expit(fits[:, 0] + fits[:, 1] * steps[:, None] / now)
    last = seen.level[0, -1].values.astype(float)[None]
    return np.array([np.sqrt(np.square(x - truth).mean()) for x in (ours, theirs, last)])


def row(name: str, found: list[Found]) -> str:
    """Return a line of the table."""
    covered = np.concatenate([f.covered for f in found])
    error, other = (
        np.abs(np.concatenate([getattr(f, x) for f in found])) for x in ("error", "logistic")
    )
    each = [
        np.median([np.median(np.abs(getattr(f, x))) for f in found]) for x in ("error", "logistic")
    ]
    levels = np.sqrt(np.mean([f.levels**2 for f in found], axis=0))
    return (
        f"| {name} | {len(found)} | {len(covered)} | {covered.mean():.0%}, "
        f"{np.mean([f.covered.mean() for f in found]):.0%} "
        f"| {np.median(error):.3f}, {each[0]:.3f} | {np.median(other):.3f}, {each[1]:.3f} "
        f"| {' / '.join(f'{x:.3f}' for x in levels)} | {np.median([f.width for f in found]):.2f} |"
    )


HEAD = (
    "| runs | | skills | covered | error | logistic | levels | width of log interval |\n"
    + "|---" * 8
    + "|"
)


def rows(name: str, worlds: Iterable[World], part: float, mastery: float) -> Iterator[str]:
    """Yield a line for all runs, and one for each kind."""
    checked = [check(world, part, mastery, seed=k) for k, world in enumerate(worlds)]
    found = [one for one in checked if one is not None]
    yield row(name, found)
    kinds = sorted({f.kind for f in found})
    for kind in kinds if len(kinds) > 1 else ():
        yield row(f"&nbsp; {kind}", [f for f in found if f.kind == kind])


def report(quick: bool) -> Iterator[str]:
    """Yield the tables; quick: few runs."""
    few = 6 if quick else 60
    reported = list(gradient_worlds(few, 22, MASTERY))
    yield "### Mastery of geometry runs\n"
    yield HEAD
    yield from rows("first third", reported, 1 / 3, MASTERY)
    if not quick:
        tuned = [*gradient_worlds(40, 11, MASTERY), *gradient_worlds(50, 33, MASTERY)]
        yield from rows("tuned on, first third", tuned, 1 / 3, MASTERY)
        yield from rows("first fifth", reported, 1 / 5, MASTERY)
        yield from rows("first half", reported, 1 / 2, MASTERY)
        yield from rows("first third, level 0.8", reported, 1 / 3, 0.8)
    yield "\n### Simulated graphs, gates known\n"
    yield HEAD
    yield from rows("first third", simulated_worlds(4 if quick else 40, 5), 1 / 3, 0.9)
    if not quick:
        from validation.studies import forecast_pythia

        yield from forecast_pythia.report()
