"""What a calibration found, as an object and as JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from domino_sim import __version__
from domino_sim.calibration.fits import Fit, Part
from domino_sim.calibration.laws import Comparison
from domino_sim.calibration.learning_order import Order, learning_order
from domino_sim.calibration.observations import Observations
from domino_sim.calibration.pool_model import Free, PoolModel
from domino_sim.calibration.profiles import Estimate
from domino_sim.calibration.seriality import Seriality
from domino_sim.calibration.skill_path import Path
from domino_sim.errors import ArgumentError, nearest_name
from domino_sim.levels import Floats
from domino_sim.wording import shown

__all__ = ["FORMAT", "Calibration"]

#: Parameters that are printed.
_MOST_LINES = 20

#: The version of the form of calibration.json; another one is not read.
FORMAT = 1


@dataclass(frozen=True)
class Calibration:
    """A pool law with its parameters, fitted to learning curves; made by `calibrate`.

    Attributes
    ----------
    law
        The law whose parameters these are: the best one, or the one that was asked for.
    estimates
        Its parameters. η is ``rate`` (steps⁻¹), N₀ ``wasted`` (in units of the frequencies).
    comparison
        How the laws compare; ``comparison.verdict`` is a sentence.
    fits
        Every fitted law by name.
    seriality
        Of each run: the domino time and its scatter, and how serial the run is.
    notes
        What a reader must know: what was fitted for want of a given value, what is not
        identified, what does not fit.
    settings
        How it was done: the arguments of `calibrate`, as JSON has them.
    """

    law: str
    estimates: tuple[Estimate, ...]
    comparison: Comparison
    fits: Mapping[str, Fit] = field(repr=False)
    seriality: tuple[Seriality, ...] = field(repr=False)
    notes: tuple[str, ...]
    settings: Mapping[str, Any] = field(repr=False)
    observations: Observations = field(repr=False)
    path: Path = field(repr=False)
    free: Free = field(repr=False)

    def __str__(self) -> str:
        """Return the verdict, the parameters and the notes, a line each."""
        lines = [f"pool law: {self.comparison.verdict}"]
        for found in self.estimates[:_MOST_LINES]:
            of = " ".join(dict.fromkeys(part for part in (found.key, found.run) if part))
            lines.append(
                f"{found.name}{f' of {of}' if of else ''}: {found.value:.4g} "
                f"({found.low:.4g} to {found.high:.4g}) {found.status}"
            )
        rest = len(self.estimates) - _MOST_LINES
        lines += [f"… and {rest} more"] if rest > 0 else []
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes)])

    @property
    def fit(self) -> Fit:
        """The fit of `law`."""
        return self.fits[self.law]

    @cached_property
    def order(self) -> tuple[Order, ...]:
        """Of each run: when each skill was half-way up, and the order of learning."""
        return learning_order(self.observations, confidence=self.settings["confidence"])

    def estimate(self, name: str, key: str = "", run: str = "") -> Estimate:
        """Return one parameter: ``estimate("rate", "seed 0")``, ``estimate("frequency", "copy")``.

        `key` may be left out if there is one only; `run` is needed where each run has its own.

        Raises
        ------
        ArgumentError
            If there is none of that name and key.
        """
        named = [found for found in self.estimates if found.name == name]
        if not named:
            names = list(dict.fromkeys(found.name for found in self.estimates))
            raise ArgumentError(
                f"no parameter {shown(name)}",
                where="name",
                expected=f"one of {', '.join(names)}",
                nearest=nearest_name(name, names),
            )
        named = [found for found in named if run in ("", found.run)]
        keyed = [found for found in named if found.key == key]
        if not keyed and not key and len(named) == 1:
            return named[0]
        if not keyed:
            keys = [found.key for found in named]
            raise ArgumentError(
                f"no {name} of {shown(key)}" if key else f"there are {len(named)} of {name}",
                where="key",
                expected=f"one of {', '.join(keys[:8])}",
                nearest=nearest_name(key, keys),
            )
        if len(keyed) > 1:
            runs = ", ".join(shown(found.run) for found in keyed[:8])
            raise ArgumentError(
                f"{name} of {shown(key)} is of {len(keyed)} runs", where="run", expected=runs
            )
        return keyed[0]

    def levels(self, steps: ArrayLike | None = None) -> xr.DataArray:
        """Return the fitted levels (run, step, skill) at `steps`, by default those observed."""
        runs = self.observations.runs
        if steps is None:
            wanted = np.unique(np.concatenate([run.steps for run in runs]))
        else:
            wanted = np.unique(np.asarray(steps, dtype=float))
        values = np.stack([self.fit.levels(r, wanted).T for r in range(len(runs))])
        coords = {
            "run": [run.name for run in runs],
            "step": wanted,
            "skill": list(self.observations.skills),
        }
        return xr.DataArray(values, coords, ("run", "step", "skill"), "level")

    def residuals(self) -> list[Floats]:
        """Return observed minus fitted levels of each run, (n, k), NaN where there is no value."""
        found = []
        for run, miss in zip(
            self.observations.runs, self.fit.misses(self.observations), strict=True
        ):
            found.append(np.where(run.weight > 0.0, miss, np.nan))
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON has it: NaN and infinite values are null."""
        return {
            "format": FORMAT,
            "version": __version__,
            "settings": dict(self.settings),
            "law": self.law,
            "verdict": self.comparison.verdict,
            "preferred": self.comparison.preferred,
            "candidates": list(self.comparison.candidates),
            "notes": list(self.notes),
            "values": self.observations.count,
            "errors_known": self.observations.weighted,
            "parameters": [_estimate(found) for found in self.estimates],
            "laws": [
                {
                    "law": row.law,
                    "rms": _number(row.rms),
                    "parameters": row.size,
                    "behind": _number(row.behind),
                    "distance": _number(row.distance),
                    "held_out_rms": _number(row.held_out),
                    "left_out_rms": _number(row.left_out),
                }
                for row in self.comparison.rows
            ],
            "runs": [found.to_dict() for found in self.seriality],
            "order": [found.to_dict(self.observations.skills) for found in self.order],
            "skills": list(self.observations.skills),
            "fitted": {
                "frequencies": self.free.frequencies,
                "common": self.free.common,
                "gate": list(self.free.gate),
                "shared": self.free.shared,
                "given": dict(self.free.given),
            },
            "frequencies": self._fitted_frequencies(),
            "fits": {
                law: [_part(part, self.free.frequencies) for part in fit.parts]
                for law, fit in self.fits.items()
                if math.isfinite(fit.error)
            },
        }

    def _fitted_frequencies(self) -> dict[str, dict[str, float]]:
        """Frequencies by run and skill, all of them, where they were fitted."""
        found = {}
        for r, run in enumerate(self.observations.runs):
            part, _ = self.fit.part_of(r)
            if self.free.frequencies and isinstance(part.model, PoolModel):
                p = part.model.frequencies(part.minimum.at).tolist()
                found[run.name] = dict(zip(self.observations.skills, p, strict=True))
        return found


def _part(part: Part, start: bool) -> dict[str, Any]:
    """A fitted part, so that its model can be built again: its parameters, where they began."""
    row: dict[str, Any] = {
        "runs": list(part.runs),
        "at": [float(x) for x in part.minimum.at],
        "bound": [int(side) for side in part.minimum.bound],
        "settled": part.minimum.settled,
    }
    if start and isinstance(part.model, PoolModel):
        row["start"] = [float(p) for p in part.model.path.frequency]
    return row


def _estimate(found: Estimate) -> dict[str, Any]:
    row: dict[str, Any] = {"name": found.name}
    if found.key:
        row["of"] = found.key
    if found.run:
        row["run"] = found.run
    row |= {
        "value": _number(found.value),
        "low": _number(found.low),
        "high": _number(found.high),
        "relative_error" if found.log else "error": _number(found.error),
        "status": found.status,
        "inflation": _number(found.inflation),
    }
    if len(found.profile):
        row["profile"] = [[_number(x), _number(rise)] for x, rise in found.profile.tolist()]
    return row


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
