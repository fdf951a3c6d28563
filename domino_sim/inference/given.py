"""The frequencies that are given: those of the curves, an array, or by run and skill."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from domino_sim.errors import ArgumentError, nearest_name
from domino_sim.levels import Floats
from domino_sim.wording import shown

__all__ = ["given_frequencies"]


def given_frequencies(curves: xr.Dataset, mixtures: ArrayLike | Mapping[str, Any] | None) -> Floats:
    """Return the frequencies (runs, skills), NaN where not known.

    Raises
    ------
    ArgumentError
        If a run or skill is unknown, or a frequency is no number ≥ 0.
    """
    if mixtures is None:
        return curves["frequency"].values.astype(float)
    shape = (curves.sizes["run"], curves.sizes["skill"])
    if isinstance(mixtures, Mapping):
        return _by_name(curves, mixtures, shape)
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


def _by_name(curves: xr.Dataset, mixtures: Mapping[str, Any], shape: tuple[int, int]) -> Floats:
    found = np.full(shape, np.nan)
    runs, skills = curves["run"].values.tolist(), curves["skill"].values.tolist()
    for run, mixture in mixtures.items():
        if run not in runs:
            raise ArgumentError(
                f"unknown run {shown(run)}", where="mixtures",
                expected="a run of the curves", nearest=nearest_name(str(run), runs),
            )  # fmt: skip
        if not isinstance(mixture, Mapping):
            raise ArgumentError(
                f"is {shown(mixture)}", where=f"mixtures: {run}",
                expected="frequencies by skill",
            )  # fmt: skip
        for skill, value in mixture.items():
            if skill not in skills:
                raise ArgumentError(
                    f"unknown skill {shown(skill)}", where=f"mixtures: {run}",
                    expected="a skill of the curves", nearest=nearest_name(str(skill), skills),
                )  # fmt: skip
            found[runs.index(run), skills.index(skill)] = _number(value, run, skill)
    return found


def _number(value: object, run: object, skill: object) -> float:
    good = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    number = float(value) if good else np.inf  # type: ignore[arg-type]
    if number < 0.0 or np.isinf(number):
        raise ArgumentError(
            f"is {shown(value)}", where=f"mixtures: {run}: {skill}", expected="a number ≥ 0"
        )
    return number
