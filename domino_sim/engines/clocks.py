"""Between the resource clock τ and training time t: the only place where the pool law counts.

dt = D dτ / η. Under ``constant`` t = τ/η (`PlainClock`); under ``sum`` with hard gates the integral
is a sum of gains, in closed form (`closed_clock.ClosedClock`); everything else is integrated on
rows of Chebyshev points that are halved until they resolve D (`row_clock.RowClock`). A clock
answers, for many runs at once: `time(tau)` and its inverse `tau(t)`.

Here is what they share: how far τ has to go, and where to cut it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from domino_sim.engines.paths import HardPath, SoftPath
from domino_sim.levels import MOST_WORK, Floats, Ints, gain_and_unlearned
from domino_sim.pool import Law

#: τ is never followed beyond this: whatever learns is at level 1 in double precision long before,
#: and squares of demands, which fall like 1/τ under CE, do not underflow yet.
FAR = 1e120

#: Fastest skill's times up to which the plain bound N₀ τ/η is tight enough.
_NEAR = 1e6

#: MSE work at which nothing is left to learn, even for gates that open at tiny u.
_SPENT = 800.0


@dataclass(frozen=True)
class PlainClock:
    """``constant``: D = 1, so t = τ/η."""

    rate: Floats

    def time(self, tau: Floats, sets: Ints | slice) -> Floats:
        """Training time at `tau` (rows, k) of runs `sets`."""
        return tau / self.rate[sets, None]

    def tau(self, t: Floats) -> Floats:
        """Clock at training times `t` (runs, k)."""
        return t * self.rate[:, None]


def far_end(
    path: HardPath | SoftPath, law: Law, rate: Floats, wasted: Floats, horizon: Floats
) -> Floats:
    """Return τ (runs,) by which each run has surely passed `horizon`, or learned everything.

    t(τ) is at least N₀ τ/η, and at least any one skill's gain over η, under ``sum`` and ``norm``.
    """
    if law == "constant":
        return np.minimum(np.where(horizon > 0.0, horizon * rate * (1.0 + 1e-9), 1.0), FAR)
    if wasted.min() > 0.0:
        end = np.where(horizon > 0.0, horizon * rate / wasted * (1.0 + 1e-9), 1.0)
        if (end * path.skills.speed.max(initial=0.0)).max() < _NEAR:
            return end
    skills = path.skills
    speed, work = skills.speed, skills.work
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        end = np.where(wasted > 0.0, horizon * rate / wasted, np.inf)
        gain, _ = gain_and_unlearned(work, skills.loss)
        wanted = gain + (horizon * rate)[None]
        if skills.loss == "mse":
            enough = np.where(wanted < 1.0, -np.log1p(-np.minimum(wanted, 1.0)), np.inf)
        else:
            enough = wanted + np.exp(np.minimum(wanted, 460.0))
        bounded = (speed > 0.0) & (work < MOST_WORK)
        alone = np.where(bounded, np.maximum(enough - work, 0.0) / speed, np.inf)
        if isinstance(path, HardPath):
            begun = 0.0 if skills.leak else path.opened
            slow = skills.leak if skills.leak else 1.0
            alone = begun + alone / slow
            last = np.where(np.isfinite(path.opened), path.opened, 0.0)
            if skills.loss == "mse":
                spent = np.where(speed > 0.0, last + _SPENT / (speed * slow), 0.0)
                end = np.minimum(end, spent.max(axis=0, initial=0.0))
        else:
            ungated = skills.circuit.gate_of < 0
            alone = np.where(ungated[:, None], alone, np.inf)
        end = np.minimum(end, alone.min(axis=0, initial=np.inf))
    end = np.where(end > 0.0, end * (1.0 + 1e-9), 1.0)
    return np.minimum(end, FAR)


def grade(breaks: Floats, end: Floats, speed: Floats, *, ratio: float = 2.0) -> Floats:
    """Cut every run's clock at its breaks, and between them ever more coarsely.

    From each break on the cells grow by `ratio`, starting at the fastest skill's own time: on a
    cell as long as its age, an exponential of any rate is as smooth as of any other. Returns
    edges (runs, m), not decreasing; cells of no length fill up runs that have fewer.
    """
    first = 1.0 / np.maximum(speed.max(axis=0, initial=0.0), 1.0 / FAR)
    if breaks.shape[1] == 1:
        longest = min(max(float((end / np.minimum(first, end)).max()), 1.0), FAR)
        size = first[:, None] * ratio ** np.arange(math.ceil(math.log(longest, ratio)) + 1)
        size[:, -1] = end
        return np.concatenate([breaks, np.minimum(size, end[:, None])], axis=1)
    inside = np.where(breaks < end[:, None], breaks, end[:, None])
    bounds = np.concatenate([inside, end[:, None]], axis=1)
    gaps = np.diff(bounds, axis=1)
    longest = (gaps / np.minimum(first, end)[:, None]).max(axis=0)
    longest = np.clip(longest, 1.0, FAR**2)
    counts = np.where(gaps.max(axis=0) > 0.0, np.ceil(np.log(longest) / np.log(ratio)) + 1, 0)
    counts = counts.astype(np.int64)
    gap = np.repeat(np.arange(len(counts)), counts)
    place = np.arange(len(gap)) - np.repeat(np.cumsum(counts) - counts, counts)
    # The last cell of a gap ends where the gap does, whatever its size would be.
    size = np.where(place + 1 == counts[gap], np.inf, ratio**place * first[:, None])
    # The next break itself, not a sum that may round to just before it: gates open at breaks.
    edges = np.where(size < gaps[:, gap], bounds[:, gap] + size, bounds[:, gap + 1])
    return np.concatenate([bounds[:, :1], edges], axis=1)
