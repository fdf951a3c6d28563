"""How serial a run is: the domino time with its scatter, and the domino index.

``docs/calibration.md``, "The domino index".
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import isotonic_regression

from domino_sim.calibration.observations import RunRecord
from domino_sim.levels import Floats

__all__ = ["Seriality", "domino_index", "rising_curves", "scatter_about", "seriality"]

#: A skill whose curve ends below this part of its way has not been learned by the end.
_LEARNED = 0.9

#: How many standard deviations of the noise mastery stays below 1.
_BELOW = 4.0


@dataclass(frozen=True)
class Seriality:
    """How serial a run is.

    Attributes
    ----------
    run
        The run.
    mastered
        How many skills were mastered in it, that is passed `mastery`.
    mastery
        The level that counts as learned: the one asked for, or what noise lets be told from 1.
    domino_time
        t₀, the mean time from one mastery to the next, the first one from the start; NaN with
        none.
    scatter
        Standard deviation of those times; NaN with fewer than two.
    index
        The domino index: 1 strictly serial, 0 fully parallel; NaN where no pair tells.
    pairs
        How many pairs of skills it is a mean of.
    parallel_index
        What skills without prerequisites have at these frequencies, whatever the law; NaN where
        frequencies are not known.
    """

    run: str
    mastered: int
    mastery: float
    domino_time: float
    scatter: float
    index: float
    pairs: int
    parallel_index: float

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "run": self.run,
            "mastered": self.mastered,
            "mastery": self.mastery,
            "domino_time": _number(self.domino_time),
            "scatter": _number(self.scatter),
            "domino_index": _number(self.index),
            "pairs": self.pairs,
            "index_if_independent": _number(self.parallel_index),
        }


def seriality(run: RunRecord, *, begin: float, mastery: float) -> Seriality:
    """Return how serial a run is.

    Parameters
    ----------
    run
        Its curves.
    begin
        The level at the start: 0, or ½ for cross entropy.
    mastery
        The level at which a skill counts as learned. Where noise is larger than what is missing
        to 1, the level four standard deviations below 1 is taken: a rising curve passes anything
        nearer by chance, long after.
    """
    rising = rising_curves(run)
    total, spare = scatter_about(run, rising)
    noise = math.sqrt(total / spare) if spare > 0 else 0.0
    mastery = min(mastery, max(0.5, 1.0 - _BELOW * noise))
    times = []
    for i, curve in enumerate(rising):
        if not (run.weight[i] > 0.0).any():
            continue
        if curve[-1] >= mastery:
            k = int(np.searchsorted(curve, mastery))
            before, earlier = (curve[k - 1], run.steps[k - 1]) if k else (mastery, run.steps[0])
            part = (mastery - before) / (curve[k] - before) if curve[k] > before else 0.0
            times.append(float(earlier + part * (run.steps[k] - earlier)))
    # What is learned at the first record was learned at nobody knows what step before.
    timed = [time for time in times if time > run.steps[0] or run.steps[0] == 0.0 < time]
    gaps = np.diff(np.sort([0.0, *timed]))
    part = np.clip((rising - begin) / (1.0 - begin), 0.0, 1.0)
    index, pairs = domino_index(part)
    return Seriality(
        run.name,
        len(times),
        mastery,
        float(gaps.mean()) if len(gaps) else math.nan,
        float(gaps.std(ddof=1)) if len(gaps) > 1 else math.nan,
        index,
        pairs,
        _parallel(run.frequency, part),
    )


def domino_index(part: Floats) -> tuple[float, int]:
    """Return the domino index of curves, and how many pairs of skills it is a mean of.

    For skills i and j with learned parts x from 0 to 1, A = ∫ x_i dx_j is the chance that a
    random moment of learning i comes before one of learning j: 1 if i is learned first, ½ if they
    go up side by side. The index is the mean of |2A − 1| over the pairs of which at least one is
    learned by the end; what the other has still to learn comes later. It does not depend on how
    fast time passes: not on the learning rate's schedule, nor on the pool law.

    Parameters
    ----------
    part : (n, k) array
        Learned parts at rising steps, 0 … 1, not falling.

    Examples
    --------
    >>> t = np.linspace(0.0, 2.0, 201)
    >>> domino_index(np.stack([np.clip(t, 0, 1), np.clip(t - 1, 0, 1)]))  # one after the other
    (1.0, 1)
    >>> round(domino_index(np.stack([t / 2, t / 2]))[0], 12)  # side by side
    0.0
    """
    n = len(part)
    learned = part[:, -1] >= _LEARNED
    # A curve that comes near 1 counts as coming all the way.
    x = np.where(learned[:, None], part / np.maximum(part[:, -1:], 1e-12), part)
    x = np.concatenate([np.zeros((n, 1)), x], axis=1)
    before = (0.5 * (x[:, 1:] + x[:, :-1])) @ np.diff(x, axis=1).T
    before += np.outer(x[:, -1], 1.0 - x[:, -1])
    # Of a pair the learned one says how it went: what is left of the other comes after it.
    used = np.triu(learned[:, None] | learned[None, :], 1)
    one, two = np.nonzero(used)
    if not len(one):
        return math.nan, 0
    first = np.where(learned[one], before[one, two], 1.0 - before[two, one])
    return float(np.abs(2.0 * first - 1.0).mean()), len(one)


def _parallel(frequency: Floats, part: Floats) -> float:
    """The index of skills that learn independently: |p_i − p_j|/(p_i + p_j) on the same pairs.

    From u_i = u_j^(p_i/p_j), whatever the clock: A = p_i/(p_i + p_j).
    """
    if not np.isfinite(frequency).all():
        return math.nan
    learned = part[:, -1] >= _LEARNED
    one, two = np.nonzero(np.triu(learned[:, None] | learned[None, :], 1))
    total = frequency[one] + frequency[two]
    if not len(one) or not (total > 0.0).all():
        return math.nan
    return float((np.abs(frequency[one] - frequency[two]) / total).mean())


def _monotone(run: RunRecord, i: int) -> Floats:
    """The rising curve nearest to the levels of skill `i`, (k,); gaps are filled linearly."""
    there = run.weight[i] > 0.0
    if not there.any():
        return np.zeros(len(run.steps))
    fitted = isotonic_regression(run.level[i, there], weights=run.weight[i, there]).x
    return np.interp(run.steps, run.steps[there], fitted)


def rising_curves(run: RunRecord) -> Floats:
    """Return the rising curves nearest to the levels of all skills, (n, k)."""
    return np.stack([_monotone(run, i) for i in range(len(run.level))])


def scatter_about(run: RunRecord, rising: Floats) -> tuple[float, int]:
    """Return the sum of squares of levels about their rising curves, and its degrees of freedom."""
    total, spare = 0.0, 0
    for curve, level, weight in zip(rising, run.level, run.weight, strict=True):
        there = weight > 0.0
        total += float(np.sum((level[there] - curve[there]) ** 2))
        spare += int(there.sum()) - len(np.unique(curve[there]))
    return total, spare


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
