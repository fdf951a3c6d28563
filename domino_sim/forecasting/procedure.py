"""`forecast`: when will the rest be mastered."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
import xarray as xr

from domino_sim import __version__
from domino_sim.calibration import Calibration
from domino_sim.calibration.checks import check_number
from domino_sim.calibration.observations import RunRecord
from domino_sim.errors import ArgumentError
from domino_sim.forecasting.ahead import Ahead
from domino_sim.forecasting.hindcast import Hindcast, last_levels
from domino_sim.forecasting.laws import LawDraws, laws_of
from domino_sim.levels import Floats
from domino_sim.threads import one_thread
from domino_sim.wording import shown

__all__ = ["forecast"]

#: Steps at which levels are forecast, from the last record to the end.
_POINTS = 61

#: More doubt than this, as a standard deviation of log p, and a frequency is not known.
_UNKNOWN = 1.5

_ATTRS = {
    "mastered_at": ("step at which the skill is mastered: observed, or the median", "steps"),
    "low": ("lower end of the interval of mastered_at", "steps"),
    "high": ("upper end of the interval of mastered_at; inf: no limit", "steps"),
    "probability": ("probability that the skill is mastered by the end of the forecast", "1"),
    "status": ("what is known of the skill", ""),
    "level": ("how well the skill is learned: median", "1"),
    "level_low": ("lower end of the interval of the level", "1"),
    "level_high": ("upper end of the interval of the level", "1"),
    "hindcast_error": ("error of the levels of the second half, forecast from the first", "1"),
    "hindcast_last": ("error of the levels of the second half, taken to be the last before", "1"),
}


@one_thread
def forecast(
    calibration: Calibration,
    until: float,
    *,
    mastery: float | None = None,
    confidence: float = 0.8,
    draws: int = 200,
    seed: int = 0,
) -> xr.Dataset:
    """Forecast when each skill that is not mastered yet will be, and the levels up to `until`.

    Draws of parameters that the curves leave possible, under each law that they leave possible,
    are carried on in the resource clock, together with what the law itself does not explain
    (``docs/forecast.md``).

    Parameters
    ----------
    calibration
        From `calibrate`, of the part of the curves seen so far.
    until
        The last step of the forecast, after every run's last record.
    mastery
        The level that counts as mastered, in (0, 1); by default that of the calibration. Gates
        open at the calibration's in any case.
    confidence
        Of all intervals, in (0, 1).
    draws
        How many, at least 20.
    seed
        The same seed gives the same forecast.

    Returns
    -------
    xarray.Dataset
        Over run and skill: ``mastered_at`` (median, or as observed), ``low``, ``high``,
        ``probability`` of mastery by `until`, and ``status``, which is ``mastered``,
        ``expected`` (all of the interval before `until`), ``open end`` (it goes beyond),
        ``not by until`` (all of it is beyond), ``not identified`` (the curves do not tell, or are
        not there, or the law failed before; no upper limit), or ``never`` (zero frequency, or it
        needs such a skill).
        Over run, step and skill: ``level``, ``level_low``, ``level_high``. Over run:
        ``hindcast_error``, how wrong the best law would have been about the second half of what
        was seen, and ``hindcast_last``, how wrong no change at all; a law that did worse has
        failed. Attributes tell the laws and their weights.

    Raises
    ------
    ArgumentError
        If an argument is out of range.

    Examples
    --------
    >>> import domino_sim
    >>> from domino_sim.calibration import calibrate
    >>> from domino_sim.curves import make_curves
    >>> scenario = domino_sim.Scenario.from_dict(
    ...     {"steps": 120, "pool": {"rate": 0.01, "wasted": 0.02},
    ...      "skills": {"A": {"frequency": 0.7}, "B": {"frequency": 0.3}}})
    >>> ds = domino_sim.simulate(scenario)
    >>> seen = make_curves(runs=["seed 0"], steps=ds.step, skills=["A", "B"],
    ...                    level=ds.level.values[None], frequency=[0.7, 0.3])
    >>> found = forecast(calibrate(seen, law="sum"), until=1000)
    >>> found.status.values
    array([['expected', 'expected']], dtype=object)
    >>> bool((found.low <= found.mastered_at).all() and (found.mastered_at <= found.high).all())
    True
    """
    if not isinstance(calibration, Calibration):
        raise ArgumentError(
            f"is {shown(calibration)}", where="calibration", expected="what calibrate returns"
        )
    last = max(float(run.steps[-1]) for run in calibration.observations.runs)
    until = check_number("until", until, last, math.inf)
    level = calibration.path.mastery if mastery is None else mastery
    level = check_number("mastery", level, 0.0, 1.0)
    check_number("confidence", confidence, 0.0, 1.0)
    if isinstance(draws, bool) or not isinstance(draws, Integral) or draws < 20:
        raise ArgumentError(f"is {shown(draws)}", where="draws", expected="an integer, at least 20")
    laws = laws_of(calibration, level)
    streams = np.random.SeedSequence(seed).spawn(len(calibration.observations.runs))
    steps = np.unique([step for run in calibration.observations.runs for step in _grid(run, until)])
    runs = []
    for r, run in enumerate(calibration.observations.runs):
        generator = np.random.default_rng(streams[r])
        runs.append(_run(laws, r, run, level, steps, until, confidence, int(draws), generator))
    return _dataset(calibration, laws, runs, steps, until, level, confidence, int(draws), seed)


def _grid(run: RunRecord, until: float) -> Floats:
    first = float(run.steps[-1])
    steps = np.ceil(np.linspace(first, until, _POINTS)).clip(max=until)
    steps[0] = first
    return steps


@dataclass(frozen=True)
class _RunForecast:
    """(n,) arrays of one run, and (n, G) of its levels: median, low, high."""

    mastered_at: Floats
    low: Floats
    high: Floats
    probability: Floats
    status: np.ndarray
    level: Floats
    past: Hindcast


def _run(
    laws: LawDraws,
    r: int,
    run: RunRecord,
    mastery: float,
    steps: Floats,
    until: float,
    confidence: float,
    draws: int,
    generator: np.random.Generator,
) -> _RunForecast:
    now = float(run.steps[-1])
    mine = steps[steps >= now]
    past = laws.hindcast(r)
    outlook = laws.outlook(r, Ahead(run, mastery, mine), past, draws, generator)
    edges = (0.5 - 0.5 * confidence, 0.5, 0.5 + 0.5 * confidence)
    low, middle, high = np.quantile(outlook.mastered, edges, axis=0, method="inverted_cdf")
    probability = (outlook.mastered <= until).mean(axis=0)
    never = np.isinf(outlook.mastered).all(axis=0)
    unseen = ~(run.weight > 0.0).any(axis=1)
    unknown = (laws.unknown(r) > _UNKNOWN) | past.failed | unseen
    low, high = np.where(unknown, now, low), np.where(unknown, np.inf, high)
    middle, probability = (np.where(unknown, np.nan, x) for x in (middle, probability))
    status = np.where(high <= until, "expected", "open end").astype(object)
    status[low > until] = "not by until"
    status[unknown] = "not identified"
    status[never] = "never"
    middle = np.where(never, np.inf, middle)
    observed = first_passage(run, mastery)
    seen = np.isfinite(observed)
    status[seen] = "mastered"
    middle, low, high = (np.where(seen, observed, values) for values in (middle, low, high))
    level = np.full((3, len(status), len(steps)), np.nan)
    levels = np.quantile(outlook.level, (edges[1], edges[0], edges[2]), axis=0)
    if past.failed:
        last = last_levels(run)[:, None]
        levels = np.stack(
            [0.0 * levels[0] + last, np.minimum(levels[1], last), np.maximum(levels[2], last)]
        )
    level[:, :, steps >= now] = levels
    probability = np.where(seen, 1.0, np.where(never, 0.0, probability))
    return _RunForecast(middle, low, high, probability, status, level, past)


def first_passage(run: RunRecord, mastery: float) -> Floats:
    """Return the step at which each skill first reaches a level, (n,); NaN = not yet.

    As `domino_sim.curves.mastered_at` has it: along straight lines between records.
    """
    found = np.full(len(run.level), np.nan)
    for i, (level, weight) in enumerate(zip(run.level, run.weight, strict=True)):
        there = weight > 0.0
        t, s = run.steps[there], level[there]
        if (s >= mastery).any():
            k = int(np.argmax(s >= mastery))
            found[i] = np.interp(mastery, s[k - 1 : k + 1], t[k - 1 : k + 1]) if k else t[0]
    return found


def _dataset(
    calibration: Calibration,
    laws: LawDraws,
    runs: list[_RunForecast],
    steps: Floats,
    until: float,
    mastery: float,
    confidence: float,
    draws: int,
    seed: int,
) -> xr.Dataset:
    by_skill = ("run", "skill")
    values: dict[str, tuple[tuple[str, ...], Any]] = {
        name: (by_skill, np.stack([getattr(run, name) for run in runs]))
        for name in ("mastered_at", "low", "high", "probability", "status")
    }
    for k, name in enumerate(("level", "level_low", "level_high")):
        values[name] = (("run", "step", "skill"), np.stack([run.level[k].T for run in runs]))
    for name, past in (("hindcast_error", "error"), ("hindcast_last", "last")):
        values[name] = (("run",), np.array([getattr(run.past, past) for run in runs]))
    variables = {}
    for name, (dims, array) in values.items():
        what, unit = _ATTRS[name]
        attrs = {"long_name": what, **({"units": unit} if unit else {})}
        variables[name] = (dims, array, attrs)
    weights = {law: weight for law, weight in laws.weights.items() if weight >= 5e-4}
    return xr.Dataset(
        variables,
        coords={
            "run": [run.name for run in calibration.observations.runs],
            "step": steps,
            "skill": list(calibration.observations.skills),
        },
        attrs={
            "version": __version__,
            "law": max(laws.weights, key=laws.weights.__getitem__),
            "laws": ", ".join(weights),
            "weights": ", ".join(f"{weight:.3f}" for weight in weights.values()),
            "until": until,
            "mastery": mastery,
            "confidence": confidence,
            "draws": draws,
            "seed": seed,
        },
    )
