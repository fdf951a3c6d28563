"""What is inferred from: curves of all runs on one shape, and what cannot be used, by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from domino_sim.calibration.observations import Observations, observe
from domino_sim.errors import ArgumentError, nearest_name
from domino_sim.inference.records import Records, noise_of
from domino_sim.levels import Floats, Loss
from domino_sim.wording import shown

__all__ = ["Study", "make_study"]

#: A skill moves if, in some run, the means of its first and last quarter differ by so many standard
#: errors; it hardly moves if it rises by less than this (standard deviations, part of its range).
_FLAT, _HARDLY = 4.0, (3.0, 0.02)

#: A skill whose first level is above so much of its range is learned by then.
_LEARNED = 0.9

#: A frequency of 0, or of a skill that is not in a run, as a part of the run's largest.
_NEVER = 1e-7

#: Curves that start above this (their median) are probabilities of a fair coin: logistic growth.
_COIN = 0.3


@dataclass(frozen=True)
class Study:
    """The usable skills of all runs.

    Attributes
    ----------
    skills
        Names of the skills that are inferred about.
    runs
        Names of the runs.
    steps
        Of each run, (k,).
    records
        Levels (runs, records, skills), filled up at the end.
    frequency : (runs, skills) array
        Frequencies, > 0.
    sigma
        Standard deviation of the noise.
    left_out
        Skills that tell nothing, and why.
    remarks
        What else was found.
    """

    skills: tuple[str, ...]
    runs: tuple[str, ...]
    steps: tuple[Floats, ...]
    records: Records
    frequency: Floats
    sigma: float
    left_out: Mapping[str, str]
    remarks: tuple[str, ...]

    @property
    def loss(self) -> Loss:
        """How skills grow, by where they start: at 0, or at ½."""
        return "mse" if self.records.floor == 0.0 else "ce"


def make_study(curves: xr.Dataset, mixtures: ArrayLike | Mapping[str, Any] | None) -> Study:
    """Return what can be inferred from.

    Raises
    ------
    ArgumentError
        If the curves cannot be used at all, or the mixtures do not go with them.
    """
    seen = observe(curves)
    names = np.array(seen.skills)
    frequency = _frequencies(seen, mixtures)
    level, known = _levels(seen)
    remarks = []
    absent = np.logical_not(known.any(axis=1))
    for r, run in enumerate(seen.runs):
        missing = names[absent[r]].tolist()
        if missing:
            there = ", ".join(map(shown, missing[:8])) + (" …" if len(missing) > 8 else "")
            remarks.append(f"{shown(run.name)} has no curve of {there}: taken as not trained in it")
    frequency = np.where(absent, 0.0, frequency)
    sigma = noise_of(level, known)
    whole = Records(level, known / sigma**2, _floor(level, known))
    left_out, told = _silent(names, whole, known, sigma)
    remarks += told
    use = np.array([name not in left_out for name in names])
    if not use.any():
        why = "; ".join(f"{name}: {reason}" for name, reason in list(left_out.items())[:4])
        raise ArgumentError(
            f"no skill can be used ({why})", where="curves", expected="curves that rise"
        )
    unknown = np.argwhere(np.logical_and(np.isnan(frequency), use[None, :]))
    if len(unknown):
        r, i = unknown[0]
        raise ArgumentError(
            f"the frequency of {shown(str(names[i]))} in the run {shown(seen.runs[r].name)} is not "
            f"known (nor {len(unknown) - 1} others)",
            where="mixtures",
            expected="the mixture of every run; a graph cannot be inferred without, so far",
        )
    level, known, frequency = level[..., use], known[..., use], frequency[:, use]
    if not (frequency > 0.0).any(axis=1).all():
        r = int(np.argmin((frequency > 0.0).any(axis=1)))
        raise ArgumentError(
            f"the run {shown(seen.runs[r].name)} trains no skill", where="mixtures",
            expected="at least one frequency above 0",
        )  # fmt: skip
    least = _NEVER * frequency.max(axis=1, keepdims=True)
    return Study(
        tuple(names[use].tolist()),
        tuple(run.name for run in seen.runs),
        tuple(run.steps for run in seen.runs),
        Records(level, known / sigma**2, whole.floor),
        np.maximum(frequency, least),
        sigma,
        left_out,
        tuple(remarks),
    )


def _levels(seen: Observations) -> tuple[Floats, np.ndarray]:
    longest = max(len(run.steps) for run in seen.runs)
    level = np.zeros((len(seen.runs), longest, len(seen.skills)))
    known = np.zeros(level.shape, dtype=bool)
    for r, run in enumerate(seen.runs):
        level[r, : len(run.steps)] = run.level.T
        known[r, : len(run.steps)] = run.weight.T > 0.0
    return level, known


def _frequencies(seen: Observations, mixtures: ArrayLike | Mapping[str, Any] | None) -> Floats:
    """Return the frequencies (runs, skills), NaN where not known."""
    shape = (len(seen.runs), len(seen.skills))
    if mixtures is None:
        return np.stack([run.frequency for run in seen.runs])
    if isinstance(mixtures, Mapping):
        found = np.full(shape, np.nan)
        names = [run.name for run in seen.runs]
        for run, mixture in mixtures.items():
            if run not in names:
                raise ArgumentError(
                    f"unknown run {shown(run)}", where="mixtures",
                    expected="a run of the curves", nearest=nearest_name(str(run), names),
                )  # fmt: skip
            if not isinstance(mixture, Mapping):
                raise ArgumentError(
                    f"is {shown(mixture)}", where=f"mixtures: {run}",
                    expected="frequencies by skill",
                )  # fmt: skip
            for skill, value in mixture.items():
                if skill not in seen.skills:
                    raise ArgumentError(
                        f"unknown skill {shown(skill)}", where=f"mixtures: {run}",
                        expected="a skill of the curves",
                        nearest=nearest_name(str(skill), seen.skills),
                    )  # fmt: skip
                found[names.index(run), seen.skills.index(skill)] = _number(value, run, skill)
        return found
    try:
        given = np.asarray(mixtures, dtype=float)
    except (TypeError, ValueError):
        given = np.zeros(0)
    if given.shape != shape or (given < 0.0).any() or np.isinf(given).any():
        raise ArgumentError(
            f"is {shown(mixtures)}", where="mixtures",
            expected=f"{shape[0]} runs × {shape[1]} skills of numbers ≥ 0 (NaN: not known), "
            "or frequencies by run and skill",
        )  # fmt: skip
    return given


def _number(value: object, run: object, skill: object) -> float:
    good = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    number = float(value) if good else np.inf  # type: ignore[arg-type]
    if number < 0.0 or np.isinf(number):
        raise ArgumentError(
            f"is {shown(value)}", where=f"mixtures: {run}: {skill}", expected="a number ≥ 0"
        )
    return number


def _floor(level: Floats, known: np.ndarray) -> float:
    first = [
        run[np.argmax(there[:, i]), i]
        for run, there in zip(level, known, strict=True)
        for i in range(run.shape[1])
        if there[:, i].any()
    ]
    return 0.5 if _COIN < float(np.median(first)) < 1.0 - _COIN else 0.0


def _silent(
    names: np.ndarray, records: Records, known: np.ndarray, sigma: float
) -> tuple[dict[str, str], list[str]]:
    """Return the skills that tell nothing at all, with the reason, and remarks on others."""
    left_out, remarks = {}, []
    level, span = records.level, 1.0 - records.floor
    for i, name in enumerate(names.tolist()):
        there = known[..., i]
        curves = [run[here, i] for run, here in zip(records.smooth, there, strict=True)]
        curves = [curve for curve in curves if len(curve)]
        if not curves:
            left_out[name] = "has no curve in any run"
        elif min(curve[0] for curve in curves) > records.floor + _LEARNED * span:
            remarks.append(
                f"{shown(name)} is learned before the first record of every run: what it needs "
                "cannot be told"
            )
        elif not any(_moves(run[here, i], sigma) for run, here in zip(level, there, strict=True)):
            left_out[name] = "does not move in any run"
        else:
            rise = max(curve[-1] - curve[0] for curve in curves)
            if rise < _HARDLY[0] * sigma + _HARDLY[1] * span:
                remarks.append(
                    f"{shown(name)} hardly moves in any run: what it needs shows only in that"
                )
    return left_out, remarks


def _moves(curve: Floats, sigma: float) -> bool:
    """Whether a curve surely rises from its first quarter to its last."""
    size = max(1, len(curve) // 4)
    rise = curve[-size:].mean() - curve[:size].mean() if len(curve) > 1 else 0.0
    return bool(rise > _FLAT * sigma * np.sqrt(2.0 / size))
