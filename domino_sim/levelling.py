"""Curves of accuracies and losses get levels (``docs/curves.md``, "Levels")."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from domino_sim.curves import describe
from domino_sim.netcdf import texts
from domino_sim.normalisation import ESTIMATE, Normalisation
from domino_sim.plateaus import End, Estimate, common, end_of, lowest, noise_of, start_of

__all__ = ["DERIVED", "with_levels"]

Floats = NDArray[np.float64]

#: The numbers of each kind by which levels are made: where they begin, where they end.
ENDS = {"accuracy": ("chance", "ceiling"), "loss": ("initial", "floor")}

#: What :func:`with_levels` adds; of curves that have it already it is made anew.
DERIVED = (
    "level_from", "level_common_se", "signal", "at_rest",
    *(f"{name}{se}" for pair in ENDS.values() for name in pair for se in ("", "_se")),
)  # fmt: skip

#: No signal is counted as more than this many standard errors.
MOST = 1e6


def with_levels(ds: xr.Dataset, normalisation: Normalisation | None) -> xr.Dataset:
    """Return curves with a level wherever there is an accuracy or a loss.

    A level that is given stays. Else it is made of the accuracy, else of the loss.

    Parameters
    ----------
    ds
        With ``level`` (NaN: not given), and ``accuracy`` and ``loss`` with their standard errors
        ``…_se`` as far as known.
    normalisation
        How; None: accuracies are levels as they are, losses have none.

    Returns
    -------
    xarray.Dataset
        With ``level``, ``level_se``, what they were made of (``level_from``), by which numbers
        (``initial``, ``floor``, ``chance``, ``ceiling`` and their standard errors), what the
        errors of these do to each level (``level_common_se``), whether curves move (``signal``)
        and have come to rest (``at_rest``).

    Raises
    ------
    ArgumentError
        If `normalisation` names a skill there is not.
    """
    if normalisation is not None:
        normalisation.check_skills(ds["skill"].values.tolist())
    return _Levels(ds, normalisation).dataset()


class _Levels:
    """The tables of curves while their levels are made, a skill at a time."""

    def __init__(self, ds: xr.Dataset, normalisation: Normalisation | None) -> None:
        self.ds, self.how = ds, normalisation
        self.steps = ds["step"].values.astype(float)
        self.shape = tuple(ds.sizes[dim] for dim in ("run", "step", "skill"))
        by_curve = (self.shape[0], self.shape[2])
        self.of_values = {
            name: self._table(name)
            for kind in ("level", "accuracy", "loss")
            for name in (kind, f"{kind}_se")
        }
        self.common = np.full(self.shape, np.nan)
        self.of_curves = {name: np.full(by_curve, np.nan) for name in DERIVED if name not in
                          ("level_from", "level_common_se")}  # fmt: skip
        self.made = np.full(by_curve, "", dtype=object)
        for k in range(self.shape[2]):
            self._skill(k)

    def _table(self, name: str) -> Floats:
        if name in self.ds:
            return np.array(self.ds[name].values, dtype=float)
        return np.full(self.shape, np.nan)

    def dataset(self) -> xr.Dataset:
        """Return the curves with all that was found."""
        ds = self.ds.drop_vars([*DERIVED, "level", "level_se"], errors="ignore")
        tables: dict[str, tuple[Sequence[str], Any]] = {
            "level": (("run", "step", "skill"), self.of_values["level"]),
            "level_se": (("run", "step", "skill"), self.of_values["level_se"]),
            "level_common_se": (("run", "step", "skill"), self.common),
            **{name: (("run", "skill"), table) for name, table in self.of_curves.items()},
        }
        for name, (dims, values) in tables.items():
            shared = name == "level_common_se" and not (values > 0).any()
            needed = name == "level" and (self.how is not None or "loss" not in ds)
            if needed or not (np.isnan(values).all() or shared):
                ds[name] = (dims, values, describe(name))
        level_from = texts(self.made.ravel()).reshape(self.made.shape)
        ds["level_from"] = (("run", "skill"), level_from, describe("level_from"))
        first = [name for name in ("level", "level_se", "level_common_se") if name in ds]
        return ds[[*first, *(name for name in ds.data_vars if name not in first)]]

    def _skill(self, k: int) -> None:
        curves: dict[str, dict[int, _Curve]] = {"level": {}, "accuracy": {}, "loss": {}}
        for run in range(self.shape[0]):
            for kind, of_kind in curves.items():
                values = self.of_values[kind][run, :, k]
                known = ~np.isnan(values)
                if known.any():
                    errors = self.of_values[f"{kind}_se"][run, known, k]
                    of_kind[run] = _Curve(self.steps[known], values[known], errors, known)
                    self.made[run, k] = kind
                    break
        for kind, of_kind in curves.items():
            for run, curve in of_kind.items():
                self._describe(run, k, curve, -1 if kind == "loss" else 1)
            if kind != "level" and of_kind and self.how is not None:
                self._normalise(k, kind, of_kind, self.how)
            elif kind == "accuracy":
                for run, curve in of_kind.items():
                    self._put(run, k, curve, curve.values, curve.errors)
            elif kind == "loss":
                self.made[list(of_kind), k] = ""

    def _describe(self, run: int, k: int, curve: _Curve, sign: int) -> None:
        """Say whether a curve moves, and has come to rest."""
        self.of_curves["at_rest"][run, k] = float(curve.end.rests)
        late = float(np.median(curve.values[-max(len(curve.values) // 4, 1) :]))
        errors = (curve.noise, curve.start.se)
        error = math.hypot(*(0.0 if math.isnan(e) else e for e in errors))
        moved = sign * (late - curve.start.value)
        most = MOST if moved > 0 else -MOST if moved < 0 else 0.0
        signal = moved / error if error > abs(moved) / MOST else most
        self.of_curves["signal"][run, k] = signal

    def _normalise(
        self, k: int, kind: str, curves: dict[int, _Curve], how: Normalisation
    ) -> None:
        name = str(self.ds["skill"].values[k])
        scale = how.of("scale", name) if kind == "loss" else "linear"
        if scale == "likelihood":
            for run, curve in curves.items():
                level = np.exp(-curve.values)
                self._put(run, k, curve, level, level * curve.errors)
            return
        starts = _starts(kind, curves)
        end = _end(kind, curves)
        for run, curve in curves.items():
            first = _given(how.of(ENDS[kind][0], name), starts[run])
            last = _given(how.of(ENDS[kind][1], name), Estimate(end.value, end.se))
            for key, number in zip(ENDS[kind], (first, last), strict=True):
                self.of_curves[key][run, k] = number.value
                self.of_curves[f"{key}_se"][run, k] = number.se
            self._levels(run, k, curve, (first, last), scale)

    def _levels(
        self, run: int, k: int, curve: _Curve, ends: tuple[Estimate, Estimate], scale: str
    ) -> None:
        """Make the levels of a curve that goes from the one end to the other."""
        first, last = ends
        sign = -1 if self.made[run, k] == "loss" else 1
        span = last.value - first.value
        errors = [0.0 if math.isnan(e) else e for e in (first.se, last.se)]
        # A span that may be none, or goes the wrong way, is no scale: the level is not known.
        if not sign * span > max(3 * math.hypot(*errors), 1e-12 * abs(first.value)):
            return
        level = (curve.values - first.value) / span
        error = curve.errors / abs(span)
        shared = np.hypot((1 - level) * errors[0], level * errors[1]) / abs(span)
        if scale == "squared":
            left = np.sign(1 - level) * np.sqrt(np.abs(1 - level))
            # Half of √error at least: below, the error of a root is that of its square's noise.
            error, shared = (
                e / (2 * np.maximum(np.abs(left), np.sqrt(np.nan_to_num(e)) / 2 + 1e-300))
                for e in (error, shared)
            )
            level = 1 - left
        self._put(run, k, curve, level, error)
        self.common[run, curve.known, k] = shared

    def _put(self, run: int, k: int, curve: _Curve, level: Floats, error: Floats) -> None:
        self.of_values["level"][run, curve.known, k] = level
        self.of_values["level_se"][run, curve.known, k] = error


class _Curve:
    """The records of a skill in a run, without the missing ones."""

    def __init__(
        self, steps: Floats, values: Floats, errors: Floats, known: NDArray[np.bool_]
    ) -> None:
        self.steps, self.values, self.errors, self.known = steps, values, errors, known
        self.noise = noise_of(steps, values, errors)
        self.start = start_of(values, errors, self.noise)
        self.end = end_of(steps, values, errors, self.noise)


def _starts(kind: str, curves: dict[int, _Curve]) -> dict[int, Estimate]:
    """Return where each curve of a skill begins.

    Chance is the same in all runs; the loss at the start is a run's own, if its record begins as
    early as any. Runs that are recorded later do not tell where they began.
    """
    earliest = min(curve.steps[0] for curve in curves.values())
    early = {run: c.start for run, c in curves.items() if c.steps[0] == earliest}
    together = common(list(early.values()))
    if kind == "accuracy":
        return dict.fromkeys(curves, together)
    return {run: early.get(run, together) for run in curves}


def _end(kind: str, curves: dict[int, _Curve]) -> End:
    """Return where the curves of a skill end: the lowest loss, or the highest accuracy."""
    if kind == "loss":
        return lowest([curve.end for curve in curves.values()])
    flipped = lowest([End(-c.end.value, c.end.se, c.end.rests) for c in curves.values()])
    return End(-flipped.value, flipped.se, flipped.rests)


def _given(number: Any, estimate: Estimate) -> Estimate:
    return estimate if number == ESTIMATE else Estimate(float(number), 0.0)
