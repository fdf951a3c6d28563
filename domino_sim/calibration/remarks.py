"""What a reader of a calibration must know: in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from domino_sim.calibration.fits import Fit
from domino_sim.calibration.laws import Comparison
from domino_sim.calibration.misfit import misfit
from domino_sim.calibration.observations import Observations
from domino_sim.calibration.pool_model import Free
from domino_sim.calibration.profiles import Estimate
from domino_sim.calibration.skill_path import Path
from domino_sim.wording import shown

__all__ = ["remarks"]

#: A rise that cannot be noise.
_LEARNED = 0.3

#: An interval widened by more than this factor is worth a word.
_WIDENED = 1.5

_SYMBOLS = {"rate": "η", "wasted": "N₀", "frequency": "frequency", "beta": "β", "start": "start"}

#: Levels that begin this far from the model's start are something else.
_OFF = 0.1

#: Names a sentence lists.
_MOST_NAMED = 5


def remarks(
    observations: Observations,
    path: Path,
    free: Free,
    fits: Mapping[str, Fit],
    comparison: Comparison,
    estimates: Sequence[Estimate],
) -> Iterator[str]:
    """Give the notes of a calibration, one sentence each; the most important first."""
    fit = fits[comparison.rows[0].law]
    poor = misfit(observations, fit)
    if poor:
        yield f"{fit.law!r} does not fit, so its numbers mean little: {poor}"
    yield from _alternatives(fits, comparison)
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
    if fit.count <= sum(len(part.model.parameters) for part in fit.parts):
        yield "there are no more values than parameters: nothing is left to judge the fit by"
    yield from _ratios(estimates, fit)
    yield from _untrained(observations, free)
    wide = max((found.inflation for found in estimates), default=1.0)
    if np.sqrt(wide) > _WIDENED:
        yield (
            "neighbouring residuals go together, so that there is less to go by than values: "
            f"intervals are up to {np.sqrt(wide):.1f} times as wide as if they did not"
        )


def _alternatives(fits: Mapping[str, Fit], comparison: Comparison) -> Iterator[str]:
    """What the other laws make of the first run, where the data cannot tell."""
    chosen, *others = comparison.candidates
    if others:
        told = []
        for law in others:
            part, r = fits[law].part_of(0)
            rate, wasted = part.model.pool_of(part.minimum.at, r)
            told.append(f"{law!r} η = {rate:.3g}" + (f" and N₀ = {wasted:.3g}" if wasted else ""))
        yield f"the numbers are those of {chosen!r}; of the first run, {', '.join(told)} do as well"


def _ratios(estimates: Sequence[Estimate], fit: Fit) -> Iterator[str]:
    """What is known where N₀ has no limit: η over it."""
    for r, part in enumerate(fit.parts):
        name = part.model.observations.runs[0].name
        spent = [e for e in estimates if e.name == "wasted" and e.key in ("", name)]
        if spent and np.isinf(spent[0].value):
            rate, wasted = part.model.pool_of(part.minimum.at, 0)
            also = " and the like of other runs" if len(fit.parts) > 1 else ""
            yield (
                f"N₀ is beyond all demands, which is no competition at all: only η/N₀ = "
                f"{rate / wasted:.3g} is known{f' of {shown(name)}' if r or also else ''}{also}"
            )
            return


def _untrained(observations: Observations, free: Free) -> Iterator[str]:
    """Skills of frequency 0 that were learned all the same."""
    if free.frequencies:
        return
    for run in observations.runs:
        names = []
        for i, skill in enumerate(observations.skills):
            seen = run.level[i, run.weight[i] > 0.0]
            if run.frequency[i] == 0.0 and len(seen) > 1 and seen[-1] - seen[0] > _LEARNED:
                names.append(shown(skill))
        if names:
            yield f"run {shown(run.name)}: {_listed(names)} rose, though of frequency 0"


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
    elif path.growth != "logistic" and abs(begin - path.begin) > _OFF:
        yield (
            f"levels begin at about {begin:.2f}, the model at {path.begin:g}: accuracies need "
            "their chance level, losses their start (the normalisation of read_curves)"
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
            yield f"run {shown(run.name)}: constant: {_listed(names)}"


def _named(found: Estimate) -> str:
    symbol = _SYMBOLS.get(found.name, found.name)
    named = f"{symbol} of {shown(found.key)}" if found.key else symbol
    return f"{named} in {shown(found.run)}" if found.run not in ("", found.key) else named


def _listed(names: Sequence[str]) -> str:
    shown_names = ", ".join(names[:_MOST_NAMED])
    rest = len(names) - _MOST_NAMED
    return f"{shown_names} and {rest} more" if rest > 0 else shown_names
