"""All curves on one shape, without what contradicts itself: runs, curves and records left out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr

from domino_sim.calibration.observations import Observations, observe
from domino_sim.errors import ArgumentError
from domino_sim.inference.clipping import Unclipped, unclip
from domino_sim.inference.noise import Noise, estimate_noise
from domino_sim.inference.screening import ends, falls_from, heads, opposite, rises
from domino_sim.inference.shared import SharedMixtures, together
from domino_sim.levels import Floats, Ints
from domino_sim.wording import shown

__all__ = ["CurveTable", "make_table", "several"]

#: A skill with a frequency of 0 that rises by more than this, and at least half of the way that it
#: goes where it is trained, or would if the run were half as long again, is trained all the same.
#: Networks learn some of what they are never trained on: of 128 curves of perceptrons 2 rise by
#: 0.26, where those that train the skill end at 1.
_TRAINED = 0.2

#: A skill that does not move above this level is learned.
_LEARNED = 0.9

#: Names that are told; of more, their number.
_NAMED = 8


@dataclass
class CurveTable:
    """Curves of all runs, and what was left out of them.

    Attributes
    ----------
    seen
        The runs.
    level, known
        Levels (runs, records, n), filled up at the end, and where there are any.
    frequency : (runs, n) array
        NaN where not known.
    noise
        Of every record.
    unlikely
        Skills whose frequencies cannot be right, and why.
    remarks
        What was found.
    """

    seen: Observations
    level: Floats
    known: np.ndarray
    frequency: Floats
    noise: Noise
    unlikely: dict[str, str]
    remarks: list[str]

    @property
    def sigma(self) -> float:
        """Return the standard deviation of the noise, the root mean square of all records."""
        return self.noise.sigma

    @property
    def steps(self) -> Floats:
        """Return training steps (runs, records), filled up with the last."""
        found = np.zeros(self.level.shape[:2])
        for row, run in zip(found, self.seen.runs, strict=True):
            row[: len(run.steps)], row[len(run.steps) :] = run.steps, run.steps[-1]
        return found

    def names_of(self, runs: Iterable[int]) -> str:
        """Return the names of runs for a sentence."""
        runs = list(runs)
        if len(runs) == len(self.seen.runs) > 1:
            return "every run"
        return several(self.seen.runs[r].name for r in runs)

    def note_unknown(self, mixture: Ints) -> None:
        """Say which curves a run lacks, and what counts as not trained: frequency 0 from here.

        That is decided for all runs of a mixture at once.
        """
        there = np.asarray(self.known.any(axis=1))
        idle = self._idle(there, mixture)
        never = idle | (self.frequency <= 0.0)
        anywhere = there.any(axis=0)
        for r, run in enumerate(self.seen.runs):
            for which, told in (
                (never[r], "taken as not trained in it"),
                (~never[r], "which its mixture trains: the run tells nothing of that"),
            ):
                missing = np.flatnonzero(~there[r] & which & anywhere)
                if len(missing):
                    skills = several(self.seen.skills[i] for i in missing)
                    self.remarks.append(f"{shown(run.name)} has no curve of {skills}, {told}")
        for run, flat in zip(self.seen.runs, idle & there, strict=True):
            if flat.any():
                skills = several(self.seen.skills[i] for i in np.flatnonzero(flat))
                self.remarks.append(
                    f"{skills} {'does' if flat.sum() == 1 else 'do'} not move in "
                    f"{shown(run.name)}, and how often it trains them is not known: "
                    "taken as not trained in it"
                )
        self.frequency = np.where(idle, 0.0, self.frequency)

    def _idle(self, there: np.ndarray, mixture: Ints) -> np.ndarray:
        """Return what counts as not trained: of unknown frequency, it moves in no run.

        It may wait for something as well; but then what waits for it does not move either.
        """
        high = np.where(self.known, self.level, 0.0).max(axis=1) > _LEARNED
        moves = there & ((rises(self.level, self.known, self.sigma) != 0.0) | high)
        idle = np.isnan(self.frequency) & ~_of_one(moves, mixture)
        # Of a mixture under which nothing moves, nothing is known but what has no curve at all.
        nothing = (idle | (self.frequency <= 0.0)).all(axis=1)
        return np.asarray(idle & ~(_of_one(there, mixture) & nothing[:, None]))

    def leave_out_contradictions(self) -> None:
        """Leave out runs in which a skill rises whose frequency is 0, and skills that often do.

        What needs such a skill cannot be followed in the run, so that its curve alone is left out
        only where less than half of the runs would be left.
        """
        self._check_trained()
        rise = rises(self.level, self.known, self.sigma)
        steps = [run.steps for run in self.seen.runs]
        last, later = heads(self.level, self.known, self.sigma, steps)
        start = ends(self.level, self.known) - rise
        rising = (self.frequency == 0.0) & (rise > 0.0) & (last - start > _TRAINED)
        odd = rising & (later - start > self._usual_ends() - later)
        rising &= ~odd
        often = 2 * odd.sum(axis=0) > self.known.any(axis=1).sum(axis=0)
        for i in np.flatnonzero(often):
            self.unlikely[self.seen.skills[i]] = (
                f"rises in {self.names_of(np.flatnonzero(odd[:, i]))}, where its frequency is 0"
            )
        odd &= ~often
        bad: np.ndarray = odd.any(axis=1)
        whole = 2 * bad.sum() <= len(bad)
        for r in np.flatnonzero(bad):
            some = several(self.seen.skills[i] for i in np.flatnonzero(odd[r]))
            self.remarks.append(
                f"in the run {shown(self.seen.runs[r].name)} the frequency of {some} is 0, but "
                f"the level rises: {'the run' if whole else 'that curve'} is left out"
            )
        # Of runs that are used.
        little = rising & ~often & ~(bad[:, None] & whole)
        for r in np.flatnonzero(little.any(axis=1)):
            some = several(self.seen.skills[i] for i in np.flatnonzero(little[r]))
            self.remarks.append(
                f"in the run {shown(self.seen.runs[r].name)} the frequency of {some} is 0, but "
                "the level rises a little: taken as what is learned without training, as networks "
                "do; if its mixture is wrong, leave the run out"
            )
        if whole:
            self._keep(~bad)
        else:
            self.known = self.known & ~odd[:, None]

    def _usual_ends(self) -> Floats:
        """Return where the curves of each skill end in the runs that train it, (n,)."""
        end = ends(self.level, self.known)
        usual = np.ones(end.shape[1])
        for i, (there, p) in enumerate(zip(end.T, self.frequency.T, strict=True)):
            there = there[(p > 0.0) & ~np.isnan(there)]
            usual[i] = np.median(there) if len(there) else 1.0
        return usual

    def leave_out_opposite(self) -> None:
        """Leave out runs in which a level surely goes far below 0, if they are not most.

        A composite may be learned with parts of the opposite sign, whose product is the same. No
        model here follows that. Where most runs do so it is a matter of the levels' unit. What is
        not trained in a run has not learned anything, whatever its level.
        """
        odd = opposite(self.level, self.known, self.sigma) & (self.frequency != 0.0)
        bad = np.asarray(odd.any(axis=1))
        if 2 * bad.sum() > len(bad):
            return
        for r in np.flatnonzero(bad):
            below = np.flatnonzero(odd[r])
            self.remarks.append(
                f"in the run {shown(self.seen.runs[r].name)} the level of "
                f"{several(self.seen.skills[i] for i in below)} goes far below 0, as of what is "
                "learned with the opposite sign, which no model here follows: the run is left out"
            )
        if bad.any():
            self._keep(~bad)

    def _check_trained(self) -> None:
        for run, mixture in zip(self.seen.runs, self.frequency, strict=True):
            if (mixture == 0.0).all():
                raise ArgumentError(
                    f"the run {shown(run.name)} trains no skill", where="mixtures",
                    expected="at least one frequency above 0",
                )  # fmt: skip

    def _keep(self, keep: np.ndarray) -> None:
        runs = tuple(run for run, good in zip(self.seen.runs, keep, strict=True) if good)
        self.seen = replace(self.seen, runs=runs)
        self.level, self.known = self.level[keep], self.known[keep]
        self.noise = replace(self.noise, error=self.noise.error[keep])
        self.frequency = self.frequency[keep]

    def cut_falls(self) -> None:
        """Leave out what follows where a curve falls: in this model no skill is forgotten."""
        start = falls_from(self.level, self.known, self.sigma)
        known = self.known.copy()
        for i, name in enumerate(self.seen.skills):
            places = []
            for r in np.flatnonzero(start[:, i] >= 0):
                run = self.seen.runs[r]
                places.append(f"{shown(run.name)} (step {run.steps[start[r, i]]:,.0f})")
                known[r, start[r, i] + 1 :, i] = False
            if places:
                self.remarks.append(
                    f"{shown(name)} falls in {_some(places)}: left out from there, as no skill is "
                    "forgotten in this model"
                )
        self.known = known


def make_table(
    curves: xr.Dataset, frequency: Floats, same: SharedMixtures | None = None, *,
    even: bool = False,
) -> CurveTable:  # fmt: skip
    """Return the curves, without runs that cannot be used at all.

    What one run of those that are the `same` trains, they all do. Noise is taken as `even` if that
    is asked for.

    Raises
    ------
    ArgumentError
        If no run can be used, or one trains no skill.
    """
    seen, frequency, remarks = _usable(curves, frequency)
    longest = max(len(run.steps) for run in seen.runs)
    level = np.zeros((len(seen.runs), longest, len(seen.skills)))
    weight = np.zeros(level.shape)
    for r, run in enumerate(seen.runs):
        level[r, : len(run.steps)] = run.level.T
        weight[r, : len(run.steps)] = run.weight.T
    known = weight > 0.0
    given = 1.0 / np.sqrt(np.where(known, weight, 1.0)) if seen.weighted else None
    whole = unclip(level, known)
    if whole is None:
        noise = estimate_noise(level, known, given, even=even)
    else:
        level, noise = whole.level, Noise.even(whole.sigma, known, plain=False)
    remarks += [*_of_clipped(whole), *_of_wandering(noise)]
    table = CurveTable(seen, level, known, frequency, noise, {}, remarks)
    mixture = (same or SharedMixtures()).numbers([run.name for run in seen.runs])
    table.note_unknown(mixture)
    table.leave_out_contradictions()
    table.leave_out_opposite()
    table.cut_falls()
    return table


def _of_clipped(whole: Unclipped | None) -> list[str]:
    if whole is None:
        return []
    return [
        f"levels are clipped at {' and at '.join(f'{bound:g}' for bound in whole.bounds)}, which "
        f"cuts off noise of {whole.sigma:.2g}: records that are exactly there are put where they "
        "are to be expected beyond"
    ]


def _of_wandering(noise: Noise) -> list[str]:
    if not noise.correlation:
        return []
    return [
        f"neighbouring records wander together (correlation {noise.correlation:.2f}), as of "
        f"smoothed logs: the mean of {noise.alike:.0f} tells no more than one that is alone. "
        "Noise is taken for so much more, and smoothed curves lag behind: no probability is above "
        "0.89"
    ]


def _of_one(which: np.ndarray, mixture: Ints) -> np.ndarray:
    """Return of each run whether it is so in any of its mixture, (runs, n)."""
    return np.asarray(together(which.astype(float), mixture) > 0.0)


def _usable(curves: xr.Dataset, frequency: Floats) -> tuple[Observations, Floats, list[str]]:
    """Leave out runs of less than two records."""
    if "level" not in curves.data_vars:
        return observe(curves), frequency, []  # it says that there are none
    names = curves["run"].values.tolist()
    count = np.isfinite(curves["level"].values.astype(float)).any(axis=2).sum(axis=1)
    short = count < 2
    if short.all():
        return observe(curves), frequency, []  # then that is what is wrong, and said of the first
    remarks = [
        f"the run {shown(names[r])} has {'one record' if count[r] else 'no record'}: left out"
        for r in np.flatnonzero(short)
    ]
    use = np.flatnonzero(~short)
    return observe(curves.isel(run=use)), frequency[use], remarks


def several(names: Iterable[str]) -> str:
    """Return names for a sentence; of many, the first and how many more there are."""
    return _some([shown(name) for name in names])


def _some(told: list[str]) -> str:
    more = f" and {len(told) - _NAMED:,} more" if len(told) > _NAMED else ""
    return ", ".join(told[:_NAMED]) + more
