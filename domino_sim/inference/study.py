"""What is inferred from: curves of all runs on one shape, and what cannot be used, by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from domino_sim.curve_form import check_curves
from domino_sim.errors import ArgumentError
from domino_sim.inference.curve_table import CurveTable, make_table, several
from domino_sim.inference.first_rates import FirstRates, first_frequencies
from domino_sim.inference.forms import Follows
from domino_sim.inference.given import given_frequencies
from domino_sim.inference.pieces import Pieces, in_pieces
from domino_sim.inference.records import Records, make_nodes
from domino_sim.inference.screening import (
    first_levels,
    growths,
    in_rises,
    outside,
    resting,
    rises,
    start_levels,
)
from domino_sim.inference.shared import SharedMixtures
from domino_sim.levels import Floats, Ints, Loss
from domino_sim.wording import shown

__all__ = ["NEVER", "NO_CURVE", "STILL", "Study", "make_study", "runs_apart"]

#: A skill hardly moves if it rises by less than this (standard deviations, part of its range).
_HARDLY = (3.0, 0.02)

#: A skill whose first level is above so much of its range is learned by then.
_LEARNED = 0.9

#: The most that a probability can be where curves have fewer records in their rise (the median)
#: than this. As great a part of the edges that seemed sure was real then: 110 of 159 below 1, 159
#: of 180 below 2; from 2 on 231 of 236 (8 skills, 5 runs, 1 and 3 % noise).
_FEW = ((1.0, 0.7), (2.0, 0.89))

#: The same, where more than this part of the curves starts so far above an untrained skill: from
#: where is known no better than the noise.
_STARTED = (0.5, 0.89)
_HIGH = 0.1

_OF_MANY_STARTS = (
    "most curves start above an untrained skill, from where is known no better than their noise: "
    f"no probability is above {_STARTED[1]:g}",
)

#: Why a skill is left out of which there is nothing, or nothing moves.
NO_CURVE, STILL = "has no curve in any run", "does not move in any run"

#: Records at the end of a piece of a run that tell where the next one begins.
_LAST = 3

#: Nodes of a run from which frequencies that are not known are first guessed.
_NODES = 80

#: A frequency of 0, or of a skill that is not in a run, as a part of the run's largest.
NEVER = 1e-7


@dataclass(frozen=True)
class Study:
    """The usable skills of all usable runs.

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
        Frequencies, > 0; a first guess where they are not known.
    free : (runs, skills) array of bool, or None
        Those that are not known; None where all are.
    ties : (runs, skills, skills) array, or None
        How curves tie those to each other before any graph (`FirstRates`).
    mixture : (runs,) array, or None
        The number of the mixture of each run, where runs share one that is not known.
    follows
        Runs that are pieces of one whose mixture changes, and go on from another; None without.
    before
        By growth law, levels (runs, skills) at which skills start: above that of an untrained one
        where they were trained before.
    growths
        Growth laws to be tried, the likelier first: both where the curves do not tell.
    learned
        Skills that are learned before the first record of every run. Others may need them, but
        what they need cannot be told.
    surest
        The most that the probability of an edge can be: less than 1 where records are few,
        or curves begin late.
    sigma
        Standard deviation of the noise, the root mean square of all records.
    plain, uneven
        Whether what it leaves as χ² is known; whether it is taken as levels scatter (`Noise`).
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
    free: np.ndarray | None
    ties: Floats | None
    mixture: Ints | None
    follows: Follows | None
    before: Mapping[Loss, Floats]
    growths: tuple[Loss, ...]
    learned: frozenset[str]
    surest: float
    sigma: float
    plain: bool
    uneven: bool
    left_out: Mapping[str, str]
    remarks: tuple[str, ...]


def runs_apart(study: Study) -> int:
    """Return the number of runs, the pieces of each counted as one."""
    return len(study.runs) if study.follows is None else int((study.follows.run < 0).sum())


def make_study(
    curves: xr.Dataset, mixtures: ArrayLike | Mapping[str, Any] | None,
    same: SharedMixtures | None = None, *, even: bool = False,
) -> Study:  # fmt: skip
    """Return what can be inferred from; `same` are runs that share a mixture.

    Noise is taken as `even` if that is asked for.

    Raises
    ------
    ArgumentError
        If the curves cannot be used at all, or the mixtures do not go with them.
    """
    given = given_frequencies(check_curves(curves), mixtures)
    pieces = in_pieces(curves, given.frequency, given.changes)
    same = same or SharedMixtures()
    names = pieces.curves["run"].values.tolist()
    cut = {
        str(run): [one for one in names if one.startswith(f"{run}, ")]
        for run in curves["run"].values
        if run not in names
    }
    same.check(names, cut)
    shared = same.taken_over(names, curves["skill"].values.tolist(), pieces.frequency)
    table = make_table(pieces.curves, shared, same, even=even)
    follows = _following(table, pieces)
    rise = rises(table.level, table.known, table.sigma)
    bare = Records(table.level, table.known / table.noise.error**2)
    first = _continued(first_levels(table.level, table.known, table.sigma), bare, follows)
    laws = growths(first[rise > 0.0])
    # A run whose records begin later shows what has been learned since, not what was before.
    at_start = table.known[:, 0] & np.array([[run.steps[0] == 0.0] for run in table.seen.runs])
    later = np.array([run.name in pieces.follows for run in table.seen.runs])
    at_start |= later[:, None] & ~np.isnan(first)
    before = {law: start_levels(first, at_start, table.sigma, _floor(law)) for law in laws}
    floor = _floor(laws[0])
    early = np.where(np.isnan(first), np.inf, first).min(axis=0) > floor + _LEARNED * (1.0 - floor)
    left_out = _silent(table, rise, early, before[laws[0]]) | table.unlikely
    use = np.array([name not in left_out for name in table.seen.skills])
    _check(table, use, left_out)
    few = _few(in_rises(bare, (rise > 0.5 * (1.0 - floor)) & use, floor), int(use.sum()))
    high = (before[laws[0]] > floor + _HIGH)[np.ix_(~later, use)]  # there may be no first pieces
    started = high.sum() > _STARTED[0] * high.size
    names = tuple(np.array(table.seen.skills)[use].tolist())
    learned = [name for name, is_early in zip(names, early[use], strict=True) if is_early]
    table.remarks += [
        *_of_range(outside(table.level, table.known, table.sigma)),
        *_of_rest(resting(table.level, table.known, table.sigma, rise)),
        *_of_growth(laws, first[rise > 0.0]),
        *_of_starts(table, np.where(use & ~later[:, None], before[laws[0]], floor), floor),
        *_of_learned(learned),
        *_of_hardly(table, bare, first, use & ~early, floor),
        *_of_few(few),
        *(_OF_MANY_STARTS if started else ()),
    ]
    records = Records(
        table.level[..., use], bare.weight[..., use], before[laws[0]][:, None, use],
        table.steps if (follows.run >= 0).any() else None,
    )  # fmt: skip
    frequency, free = table.frequency[:, use], np.isnan(table.frequency[:, use])
    mixture = same.numbers([run.name for run in table.seen.runs]) if same.groups else None
    first_rates: FirstRates | None = None
    if free.any():
        nodes = make_nodes(records, _NODES)
        first_rates = first_frequencies(nodes, frequency, laws[0], mixture)
        frequency = first_rates.frequency
    return Study(
        skills=names,
        runs=tuple(run.name for run in table.seen.runs),
        steps=tuple(run.steps for run in table.seen.runs),
        records=records,
        frequency=np.maximum(frequency, NEVER * frequency.max(axis=1, keepdims=True)),
        free=free if free.any() else None,
        ties=None if first_rates is None else first_rates.ties,
        mixture=mixture if free.any() else None,
        follows=follows if (follows.run >= 0).any() else None,
        before={law: levels[:, use] for law, levels in before.items()},
        growths=laws,
        learned=frozenset(learned),
        surest=min(few, _STARTED[1] if started or table.noise.correlation else 1.0),
        sigma=table.sigma,
        plain=table.noise.plain, uneven=table.noise.uneven,
        left_out=left_out,
        remarks=tuple(table.remarks),
    )


def _following(table: CurveTable, pieces: Pieces) -> Follows:
    """Return of each run the one before it; none where that is left out."""
    names = [run.name for run in table.seen.runs]
    before = [pieces.follows.get(name, ("", 0.0)) for name in names]
    run = [names.index(name) if name in names else -1 for name, _ in before]
    return Follows(np.array(run), np.array([cut for _, cut in before]))


def _continued(first: Floats, records: Records, follows: Follows) -> Floats:
    """Return where curves begin, those of later pieces where the piece before them ended."""
    found = first.copy()
    for r, before in enumerate(follows.run.tolist()):
        if before >= 0:
            known = records.weight[before] > 0.0
            for i in np.flatnonzero(known.any(axis=0) & ~np.isnan(first[r])):
                found[r, i] = records.smooth[before, known[:, i], i][-_LAST:].mean()
    return found


def _floor(law: Loss) -> float:
    """Level of an untrained skill."""
    return 0.0 if law == "mse" else 0.5


def _few(in_rise: float, skills: int) -> float:
    """Return the most that a probability can be with so many records in rises."""
    return next((most for few, most in _FEW if in_rise < few and skills > 1), 1.0)


def _silent(table: CurveTable, rise: Floats, early: np.ndarray, before: Floats) -> dict[str, str]:
    """Return the skills that tell nothing at all, with the reason."""
    told = {}
    there: np.ndarray = (table.known.sum(axis=1)) > 0
    for i, name in enumerate(table.seen.skills):
        if not there[:, i].any():
            told[name] = NO_CURVE
        elif (before[there[:, i], i] == 1.0).all():
            told[name] = "is learned at the start of every run"
        elif not early[i] and not rise[:, i].any():
            told[name] = STILL
    return told


def _check(table: CurveTable, use: np.ndarray, left_out: Mapping[str, str]) -> None:
    """Refuse curves none of which can be used."""
    if not use.any():
        why = "; ".join(f"{shown(name)} {told}" for name, told in list(left_out.items())[:4])
        raise ArgumentError(
            f"no skill can be used ({why})", where="curves",
            expected=f"curves that rise by more than their noise, which is {table.sigma:.2g}",
        )  # fmt: skip


def _of_range(found: tuple[float, float] | None) -> list[str]:
    if found is None:
        return []
    return [
        f"levels go from {found[0]:.2f} to {found[1]:.2f} by more than their noise, but those of "
        "this model from 0 to 1: scale them, if it is a matter of their unit"
    ]


def _of_rest(highest: float | None) -> list[str]:
    if highest is None:
        return []
    return [
        f"curves rest below 1 (the highest at {highest:.2f}), where skills of this model are "
        'learned: if that is their ceiling, give it, as by --normalise with ceiling = "estimate"'
    ]


def _of_growth(laws: tuple[Loss, ...], first: Floats) -> list[str]:
    if len(laws) == 1:
        return []
    return [
        f"curves begin at levels from {first.min():.2f} to {first.max():.2f}, which does not tell "
        "whether untrained skills are at 0 (mse) or at ½ (ce): both were tried"
    ]


def _of_starts(table: CurveTable, before: Floats, floor: float) -> list[str]:
    told = []
    for i, name in enumerate(table.seen.skills):
        runs = np.flatnonzero(before[:, i] > floor + _HIGH)
        if len(runs):
            low, high = f"{before[runs, i].min():.2f}", f"{before[runs, i].max():.2f}"
            levels = low if low == high else f"{low} to {high}"
            told.append(
                f"{shown(name)} starts at {levels} in {table.names_of(runs)}: taken as trained "
                "before"
            )
    return told


def _of_learned(learned: list[str]) -> list[str]:
    if not learned:
        return []
    are, they_need = ("is", "it needs") if len(learned) == 1 else ("are", "they need")
    return [
        f"{several(learned)} {are} learned before the first record of every run: what {they_need} "
        "cannot be told"
    ]


def _of_hardly(
    table: CurveTable, records: Records, first: Floats, use: np.ndarray, floor: float
) -> list[str]:
    last = np.where(table.known, records.smooth, -np.inf).max(axis=1)
    most = np.where(np.isnan(first), -np.inf, last - first).max(axis=0)
    least = _HARDLY[0] * table.sigma + _HARDLY[1] * (1.0 - floor)
    return [
        f"{shown(table.seen.skills[i])} hardly moves in any run: what it needs shows only in that"
        for i in np.flatnonzero(use & (most < least))
    ]


def _of_few(most: float) -> list[str]:
    if most == 1.0:
        return []
    return [
        f"few records: half of the curves have {'no' if most == _FEW[0][1] else 'only one'} "
        "record while they rise (from a tenth to nine tenths of their way); edges that seem sure "
        f"may be false, and no probability is above {most:g}"
    ]
