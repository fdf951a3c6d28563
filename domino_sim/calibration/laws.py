"""Which law the data prefer, by how much, and when they cannot tell.

``docs/calibration.md``, "Which law".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import isotonic_regression

from domino_sim.calibration.fits import Fit, fit_law
from domino_sim.calibration.noise import inflation_of
from domino_sim.calibration.observations import Observations, RunRecord
from domino_sim.calibration.pool_model import Free
from domino_sim.calibration.scatter import covariance
from domino_sim.calibration.skill_path import Path

__all__ = ["Comparison", "LawRow", "compare_laws", "last_third"]

#: A law is preferred if it is better by this much in log likelihood: odds of 7 to 1.
DECISIVE = 2.0

#: Curves that are nearer than this many standard errors to each other cannot be told apart: of
#: these, a difference of penalties would decide.
APART = 2.0

#: The fewest records on either side of where the last third of a run begins.
_LEAST_RECORDS = 3

#: Residuals of a smaller variance than this are rounding.
_EXACT = 1e-24

#: Most runs that are left out one by one.
_MOST_LEFT_OUT = 8


@dataclass(frozen=True)
class LawRow:
    """One law.

    Attributes
    ----------
    law
        The law.
    rms
        Root of the mean squared residual; of residuals over their standard errors if those are
        known.
    size
        Fitted parameters.
    behind
        By how much its log likelihood, less a penalty for its parameters, is behind that of the
        best law; in independent values, so that residuals with a memory do not count anew. The
        penalty is Takeuchi's, the sum of the parameters' inflations: Akaike's unit each where
        residuals are independent.
    distance
        How far its curves are from those of the best law, in standard errors: √(Σ Δ²/σ²), over
        values taken as independent.
    held_out
        Root mean squared error of the last third of what each run learns, predicted from what came
        before; NaN where there are too few records.
    left_out
        The same of whole runs, each predicted from the others; NaN unless runs share their pool.
    """

    law: str
    rms: float
    size: int
    behind: float
    distance: float
    held_out: float
    left_out: float


@dataclass(frozen=True)
class Comparison:
    """All laws, the best first, and what is to be said.

    `candidates` are the laws that the data cannot tell from the best one, which is among them: less
    than 2 behind it, or with curves less than 2 standard errors apart.
    """

    rows: tuple[LawRow, ...]
    candidates: tuple[str, ...]
    verdict: str

    @property
    def preferred(self) -> str | None:
        """The law the data prefer, or None where they cannot tell."""
        return self.candidates[0] if len(self.candidates) == 1 else None


def compare_laws(
    observations: Observations, path: Path, fits: Sequence[Fit], free: Free, *, held_out: bool
) -> Comparison:
    """Compare fitted laws; with `held_out` also by what they predict of data they did not see."""
    penalties = {fit.law: _penalty(fit) for fit in fits}

    def score(fit: Fit) -> float:
        return 0.5 * fit.error / best_variance + penalties[fit.law]

    # Residuals of the law that fits best say how large errors are.
    best_variance = max(min(fit.variance for fit in fits), _EXACT)
    ranked = sorted(fits, key=score)
    best = ranked[0]
    rows = []
    for fit in ranked:
        behind, distance = 0.0, 0.0
        if fit is not best:
            extra = penalties[fit.law] - penalties[best.law]
            behind, distance = _behind(observations, best, fit, extra, best_variance)
        rows.append(
            LawRow(
                fit.law,
                math.sqrt(fit.error / max(fit.count, 1)),
                fit.size,
                behind,
                distance,
                _thirds(observations, path, fit.law, free) if held_out else math.nan,
                _left_out(observations, path, fit.law, free) if held_out else math.nan,
            )
        )
    rows.sort(key=lambda row: row.behind)
    near = tuple(
        row.law for row in rows if row.behind < DECISIVE or row.distance < APART
    )
    return Comparison(tuple(rows), near, _verdict(rows, near))


def _penalty(fit: Fit) -> float:
    """Takeuchi's penalty, by how much a law fits its own noise: Σ of inflations."""
    total = 0.0
    for part in fit.parts:
        scatter = covariance(part.model, part.minimum, fit.variance)
        total += float(scatter.inflation[part.minimum.bound == 0].sum())
    return total


def _behind(
    observations: Observations, best: Fit, other: Fit, extra: float, variance: float
) -> tuple[float, float]:
    """By how much `other` is behind `best`, and how far its curves are from there.

    `extra` is how much larger its penalty is.
    """
    misses, apart = [], []
    for r, run in enumerate(observations.runs):
        root = np.sqrt(run.weight)
        level = best.levels(r, run.steps)
        misses.append((run.level - level) * root)
        apart.append(((other.levels(r, run.steps) - level) * root)[None])
    factor = float(inflation_of(misses, apart, variance)[0])
    distance = math.sqrt(sum(float(np.vdot(a, a)) for a in apart) / (variance * factor))
    gain = 0.5 * (other.error - best.error) / variance + extra
    return gain / factor, distance


def _thirds(observations: Observations, path: Path, law: str, free: Free) -> float:
    """Error of the last third of what each run learns, predicted from the first two."""
    early, late = [], []
    for run in observations.runs:
        first = np.arange(len(run.steps)) < last_third(run)
        early.append(run.only(first))
        late.append(run.only(~first))
        if min(first.sum(), (~first).sum()) < _LEAST_RECORDS or not early[-1].count:
            return math.nan
    held = replace(observations, runs=tuple(late))
    if not held.count:
        return math.nan
    fit = fit_law(replace(observations, runs=tuple(early)), path, law, free)
    return _error(fit, held)


def last_third(run: RunRecord) -> int:
    """Return the record at which a run has come two thirds of the way that its mean level goes.

    A third of the steps would not do: many runs have learned everything long before they end, and
    every law is right about the rest.
    """
    weight = run.weight.sum(axis=0)
    there = np.flatnonzero(weight > 0.0)
    mean = (run.weight * run.level).sum(axis=0)[there] / weight[there]
    rising = isotonic_regression(mean, weights=weight[there]).x
    wanted = rising[0] + 2.0 / 3.0 * (rising[-1] - rising[0])
    return int(there[np.searchsorted(rising, wanted)])


def _left_out(observations: Observations, path: Path, law: str, free: Free) -> float:
    """Error of whole runs, each predicted from the others."""
    count = len(observations.runs)
    if not free.shared or count < 2:
        return math.nan
    total, values = 0.0, 0
    for r in np.linspace(0, count - 1, min(count, _MOST_LEFT_OUT)).round().astype(int).tolist():
        others = [q for q in range(count) if q != r]
        fit = fit_law(observations.pick(others), path, law, free)
        alone = observations.pick([r])
        part = fit.parts[0]
        # The same model looking at the run it has not seen.
        model = part.model.on(alone)
        run = alone.runs[0]
        level = model.levels_at(part.minimum.at, 0, run.steps)
        total += float(np.sum(run.weight * (run.level - level) ** 2))
        values += run.count
    return math.sqrt(total / max(values, 1))


def _error(fit: Fit, observations: Observations) -> float:
    total = 0.0
    for r, run in enumerate(observations.runs):
        level = fit.levels(r, run.steps)
        total += float(np.sum(run.weight * (run.level - level) ** 2))
    return math.sqrt(total / max(observations.count, 1))


def _verdict(rows: Sequence[LawRow], near: tuple[str, ...]) -> str:
    if len(rows) == 1:
        return f"only {rows[0].law!r} was fitted"
    if len(near) == 1:
        second = rows[1]
        odds = math.exp(min(second.behind, 700.0))
        told = f"{odds:,.0f} to 1" if odds < 1e6 else f"more than {10 ** 6:,} to 1"
        return f"{near[0]!r}, by {told} against {second.law!r}"
    return f"cannot tell {' from '.join(repr(law) for law in near)}: their curves are too close"
