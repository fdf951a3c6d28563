"""What a reader of a calibration must know: in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from domino_sim.calibration.fits import Fit
from domino_sim.calibration.observations import Observations
from domino_sim.calibration.pool_model import Free
from domino_sim.calibration.profiles import Estimate
from domino_sim.calibration.skill_path import Path
from domino_sim.wording import shown

__all__ = ["remarks"]

#: Residuals this much more variable than their standard errors say that a model does not fit.
_POOR = 2.0

#: An interval widened by more than this factor is worth a word.
_WIDENED = 1.5

_SYMBOLS = {"rate": "η", "wasted": "N₀", "frequency": "frequency", "beta": "β", "start": "start"}

#: Names a sentence lists.
_MOST_NAMED = 5


def remarks(
    observations: Observations, path: Path, free: Free, fit: Fit, estimates: Sequence[Estimate]
) -> Iterator[str]:
    """Give the notes of a calibration, one sentence each."""
    if free.frequencies:
        whose = "one mixture for all runs" if free.common else "one mixture a run"
        if len(observations.runs) == 1:
            whose = "Σ p = 1"
        yield f"frequencies are not known; they were fitted ({whose})"
    yield from _starts(observations, path)
    yield from _still(observations)
    if any(not part.minimum.settled for part in fit.parts):
        yield f"the search for the best {fit.law!r} did not settle: take its numbers with care"
    for status, told in (
        ("not identified", "not identified by these curves"),
        ("no upper limit", "without an upper limit"),
        ("no lower limit", "not told from 0"),
        ("at zero", "0 as far as can be seen"),
    ):
        names = [_named(found) for found in estimates if found.status == status]
        if names:
            yield f"{_listed(names)}: {told}"
    if observations.weighted and fit.variance > _POOR:
        yield (
            f"{fit.law!r} does not fit: residuals are {np.sqrt(fit.variance):.1f} times their "
            "standard errors"
        )
    wide = max((found.inflation for found in estimates), default=1.0)
    if np.sqrt(wide) > _WIDENED:
        yield (
            "residuals go together, which the model does not explain: intervals are up to "
            f"{np.sqrt(wide):.1f} times as wide as if they did not"
        )


def _starts(observations: Observations, path: Path) -> Iterator[str]:
    """A word if levels do not begin where the loss says they do."""
    first = []
    for run in observations.runs:
        early = run.weight[:, 0] > 0.0
        if run.steps[0] == 0.0 and early.any():
            first.append(float(np.median(run.level[early, 0])))
    if not first:
        return
    begin = float(np.median(first))
    other = {"mse": ("ce", 0.5), "ce": ("mse", 0.0)}.get(path.growth)
    if other and abs(begin - other[1]) < abs(begin - path.begin) - 0.1:
        yield (
            f"levels begin at about {begin:.2f}, the model at {path.begin:g}: was the loss "
            f"{other[0]!r}?"
        )


def _still(observations: Observations) -> Iterator[str]:
    """Skills of constant curves."""
    for run in observations.runs:
        names = []
        for i, name in enumerate(observations.skills):
            there = run.weight[i] > 0.0
            if there.sum() > 1 and np.ptp(run.level[i, there]) == 0.0:
                names.append(shown(name))
        if names:
            verb = "is" if len(names) == 1 else "are"
            yield f"run {shown(run.name)}: the curve of {_listed(names)} {verb} constant"


def _named(found: Estimate) -> str:
    symbol = _SYMBOLS.get(found.name, found.name)
    named = f"{symbol} of {shown(found.key)}" if found.key else symbol
    return f"{named} in {shown(found.run)}" if found.run not in ("", found.key) else named


def _listed(names: Sequence[str]) -> str:
    shown_names = ", ".join(names[:_MOST_NAMED])
    rest = len(names) - _MOST_NAMED
    return f"{shown_names} and {rest} more" if rest > 0 else shown_names
