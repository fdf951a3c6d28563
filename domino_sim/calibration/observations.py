"""Learning curves as arrays to be fitted: one record of a run a row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from domino_sim.curve_form import check_curves
from domino_sim.errors import ArgumentError, nearest_name
from domino_sim.levels import Floats
from domino_sim.wording import shown

__all__ = ["Observations", "RunRecord", "check_constant_mixtures", "observe"]

#: Levels outside these are no levels: percentages, or losses.
LOWEST, HIGHEST = -1.0, 2.0


@dataclass(frozen=True)
class RunRecord:
    """One run: `k` records of `n` skills.

    Attributes
    ----------
    name
        The run.
    steps : (k,) array
        Steps with at least one value, rising.
    level : (n, k) array
        Levels; 0 where there is none.
    weight : (n, k) array
        1/se² where standard errors are known, else 1; 0 where there is no level.
    frequency : (n,) array
        The mixture, NaN where not known.
    """

    name: str
    steps: Floats
    level: Floats
    weight: Floats
    frequency: Floats

    @property
    def count(self) -> int:
        """Number of values."""
        return int((self.weight > 0.0).sum())

    @property
    def still(self) -> bool:
        """Whether no curve of the run changes at all."""
        first = self.level[np.arange(len(self.level)), np.argmax(self.weight > 0.0, axis=1)]
        return not ((self.weight > 0.0) & (self.level != first[:, None])).any()

    def only(self, which: np.ndarray) -> RunRecord:
        """Return the records of `which`, a (k,) array of bool."""
        return replace(
            self,
            steps=self.steps[which],
            level=self.level[:, which],
            weight=self.weight[:, which],
        )


@dataclass(frozen=True)
class Observations:
    """All runs; `skills` are their names in order, `weighted` tells whether errors are known."""

    skills: tuple[str, ...]
    runs: tuple[RunRecord, ...]
    weighted: bool

    @property
    def count(self) -> int:
        """Number of values."""
        return sum(run.count for run in self.runs)

    def pick(self, chosen: ArrayLike) -> Observations:
        """Return the runs `chosen` by number."""
        return replace(self, runs=tuple(self.runs[r] for r in np.asarray(chosen).tolist()))


def observe(
    curves: xr.Dataset, frequencies: ArrayLike | Mapping[str, float] | None = None
) -> Observations:
    """Check learning curves and return what is to be fitted.

    Parameters
    ----------
    curves
        With ``level``; ``level_se``, standard errors of the values (run, step, skill), are used
        where all values have one.
    frequencies
        A mixture for all runs: (n,), in the order of the skills, or by name. By default that of
        the curves.

    Raises
    ------
    ArgumentError
        If there are no levels or too few, a level is far outside [0, 1], nothing ever changes, or
        the frequencies do not go with the skills.
    """
    if "level" not in check_curves(curves).data_vars:
        raise ArgumentError(
            "there are losses only",
            where="curves",
            expected="levels; read_curves makes them from losses",
        )
    skills = tuple(map(str, curves["skill"].values))
    values = curves["level"].values.astype(float)
    steps = curves["step"].values.astype(float)
    known = np.isfinite(values)
    _check_levels(curves, values, known)
    weights, weighted = _weights(curves, known)
    mixture = curves["frequency"].values.astype(float)
    if frequencies is None:
        check_constant_mixtures(curves)
    else:
        mixture = np.tile(_mixture(frequencies, skills), (len(values), 1))
    runs = []
    for r, name in enumerate(map(str, curves["run"].values)):
        there = known[r].any(axis=1)
        if there.sum() < 2:
            raise ArgumentError(
                f"the run {shown(name)} has {int(there.sum())} step(s) with a level",
                where="curves",
                expected="at least two",
            )
        runs.append(
            RunRecord(
                name,
                steps[there],
                np.where(known[r], values[r], 0.0)[there].T,
                weights[r][there].T,
                mixture[r],
            )
        )
    if all(run.still for run in runs):
        raise ArgumentError(
            "all curves are constant", where="curves", expected="at least one that rises"
        )
    return Observations(skills, tuple(runs), weighted)


def check_constant_mixtures(curves: xr.Dataset) -> None:
    """Refuse runs whose mixture changes: here a run has one."""
    if "frequency_at" not in curves.data_vars:
        return
    changing: np.ndarray = np.isfinite(curves["frequency_at"].values).any(axis=2)
    if changing.any():
        r = int(np.argmax(changing.any(axis=1)))
        at = curves["step"].values[changing[r]]
        steps = f"steps {at[0]} to {at[-1]}"
        raise ArgumentError(
            f"the mixture of the run {shown(str(curves['run'].values[r]))} changes ({steps})",
            where="curves",
            expected="runs of one mixture each: cut them where it changes (curves.sel(step=…)), "
            "leave them out, or give `frequencies`",
        )


def _check_levels(curves: xr.Dataset, values: Floats, known: np.ndarray) -> None:
    with np.errstate(invalid="ignore"):
        odd = known & ((values < LOWEST) | (values > HIGHEST))
    if odd.any():
        r, k, i = np.argwhere(odd)[0]
        place = f"run {shown(str(curves.run.values[r]))}, step {curves.step.values[k]}"
        raise ArgumentError(
            f"the level of {shown(str(curves.skill.values[i]))} is {values[r, k, i]:.4g} in {place}"
            + (f" (and {int(odd.sum()) - 1} more)" if odd.sum() > 1 else ""),
            where="curves",
            expected="levels from 0 to 1, give or take noise (losses and per cent are not levels)",
        )


def _weights(curves: xr.Dataset, known: np.ndarray) -> tuple[Floats, bool]:
    """Weights (run, step, skill), and whether they come from standard errors.

    A few errors may be missing, or 0 as counting gives them to an accuracy of 0: no value is
    exact. They are taken as the skill's median and as its least. A skill without any error leaves
    all values with the same weight, since one scatter is estimated for all.
    """
    if "level_se" not in curves.data_vars:
        return known.astype(float), False
    error = curves["level_se"].values.astype(float).copy()
    for i in range(error.shape[2]):
        of_skill = error[:, :, i]
        if not known[:, :, i].any():
            continue
        usable = known[:, :, i] & np.isfinite(of_skill) & (of_skill > 0.0)
        if not usable.any():
            return known.astype(float), False
        least, middle = of_skill[usable].min(), np.median(of_skill[usable])
        with np.errstate(invalid="ignore"):
            of_skill[known[:, :, i] & (of_skill <= 0.0)] = least
        of_skill[known[:, :, i] & ~np.isfinite(of_skill)] = middle
    return np.where(known, 1.0 / np.where(known, error, 1.0) ** 2, 0.0), True


def _mixture(given: ArrayLike | Mapping[str, float], skills: tuple[str, ...]) -> Floats:
    if isinstance(given, Mapping):
        for name in given:
            if name not in skills:
                raise ArgumentError(
                    f"unknown skill {shown(name)}",
                    where="frequencies",
                    nearest=nearest_name(name, skills),
                )
        missing = [name for name in skills if name not in given]
        if missing:
            raise ArgumentError(
                f"no frequency for the skill {shown(missing[0])}",
                where="frequencies",
                expected="the frequency of every skill",
            )
        given = [given[name] for name in skills]
    array: Any = given
    try:
        array = np.asarray(given, dtype=float)
    except (TypeError, ValueError):
        raise ArgumentError(
            f"is {shown(given)}", where="frequencies", expected="numbers by skill"
        ) from None
    if array.shape != (len(skills),):
        raise ArgumentError(
            f"has the shape {array.shape}", where="frequencies", expected=f"({len(skills)},)"
        )
    if not (np.isfinite(array).all() and (array >= 0.0).all() and (array > 0.0).any()):
        raise ArgumentError(
            f"is {shown(array.tolist())}",
            where="frequencies",
            expected="finite numbers ≥ 0, not all 0",
        )
    return array
