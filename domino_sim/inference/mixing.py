"""Mixtures that a run may have, and random ones among which the best are looked for.

A mixture (n,) has frequencies ≥ 0 that add up to 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from domino_sim.errors import ArgumentError
from domino_sim.levels import Floats
from domino_sim.wording import shown

__all__ = ["Limits", "changed", "drawn", "is_real", "make_limits"]

#: Spreads (standard deviation of logarithms) of random mixtures.
_SPREADS = (0.7, 1.2, 2.0)

#: The most skills that are knocked out in one run.
_MOST_OUT = 3


@dataclass(frozen=True)
class Limits:
    """What mixtures are feasible.

    Attributes
    ----------
    least
        The least frequency of a skill that is trained.
    ratio
        The most by which the frequencies of two trained skills may differ.
    knock_outs
        Whether skills may be left out (frequency 0).
    stranger
        Place of what is trained instead of skills that are left out, for each of them as often as
        others are on the mean, but no more than `ratio` allows; None: there is none.
    """

    least: float = 0.0
    ratio: float = 100.0
    knock_outs: bool = True
    stranger: int | None = None

    def fit(self, wanted: Floats, out: np.ndarray) -> Floats:
        """Return the feasible mixtures nearest to `wanted` (m, n), > 0, without the skills `out`.

        Large frequencies stay, small ones are raised.
        """
        if self.stranger is None:
            return self._skills(wanted, self._feasible(out), np.zeros((len(wanted), 1)))
        others = np.arange(wanted.shape[1]) != self.stranger
        out = self._feasible(out[:, others])
        part = out.mean(axis=1, keepdims=True)
        p = self._skills(wanted[:, others], out, part)
        most = self.ratio * np.where(out, np.inf, p).min(axis=1, keepdims=True)
        part = np.minimum(part, most / (1.0 + most))
        found = np.empty(wanted.shape)
        found[:, others], found[:, [self.stranger]] = (1.0 - part) * p, part
        return found

    def _feasible(self, out: np.ndarray) -> np.ndarray:
        out = out & self.knock_outs
        # At least two skills stay: a run of one tells nothing of the others.
        feasible: np.ndarray = out & (np.cumsum(~out, axis=1)[:, -1:] >= 2)
        return feasible

    def _skills(self, wanted: Floats, out: np.ndarray, part: Floats) -> Floats:
        """Return mixtures that add up to 1, feasible once a part of them is another's."""
        least = self.least / (1.0 - part)
        p = np.where(out, 0.0, wanted)
        p = np.where(out, 0.0, np.maximum(p, p.max(axis=1, keepdims=True) / self.ratio))
        p /= p.sum(axis=1, keepdims=True)
        trained = (~out).sum(axis=1, keepdims=True)
        return np.where(out, 0.0, least + (1.0 - least * trained) * p)


def make_limits(
    names: Sequence[str], least: float, ratio: float, *, knock_outs: bool,
    stranger: str | None = None,
) -> Limits:  # fmt: skip
    """Return the limits for skills, one of which may be the `stranger`.

    Raises
    ------
    ArgumentError
        If no mixture keeps to them.
    """
    place = None if stranger is None else names.index(stranger)
    n = len(names) - (place is not None)
    if not (is_real(least) and 0.0 <= least * n < 1.0):
        raise ArgumentError(
            f"is {shown(least)}", where="least",
            expected=f"a number from 0 to below 1/{n}, as there are {n} skills",
        )  # fmt: skip
    if not (is_real(ratio) and 1.0 < ratio <= 1e4):
        raise ArgumentError(f"is {shown(ratio)}", where="ratio", expected="a number in (1, 1e4]")
    return Limits(float(least), float(ratio), knock_outs, place)


def is_real(value: object) -> bool:
    """Return whether something is a number that is not a truth value."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def drawn(
    count: int,
    n: int,
    limits: Limits,
    rare: Sequence[tuple[int, bool]],
    weight: Floats,
    rng: np.random.Generator,
) -> Floats:
    """Return random mixtures (count, n), a third of them as they come.

    Parameters
    ----------
    rare
        Skills to make slow (True: the last of several to finish) or fast.
    weight
        How much each of those matters.
    """
    spread = rng.choice(_SPREADS, size=(count, 1))
    logs = spread * rng.normal(size=(count, n))
    out = np.zeros((count, n), dtype=bool)
    for row, gone in zip(logs[count // 3 :], out[count // 3 :], strict=True):
        if not rare:
            break
        size = int(rng.integers(1, max(2, n // 3) + 1))
        # A few at a time, each at a rank of its own: several edges may be decided in one run.
        some = rng.choice(len(rare), size=min(size, len(rare)), replace=False, p=weight)
        for k, step in zip(some.tolist(), rng.permutation(len(some)).tolist(), strict=True):
            skill, slow = rare[k]
            far = np.log(limits.ratio) * (1.0 - 0.6 * step / max(len(some), 1))
            row[skill] = (row.min() if slow else row.max()) + (-0.4 if slow else 0.4) * far
        if rng.random() < 0.3:
            gone[[rare[k][0] for k in some[: int(rng.integers(1, _MOST_OUT + 1))].tolist()]] = True
    return limits.fit(np.exp(logs - logs.max(axis=1, keepdims=True)), out)


def changed(good: Floats, count: int, limits: Limits, rng: np.random.Generator) -> Floats:
    """Return `count` mixtures near those of `good` (m, n)."""
    n = good.shape[1]
    parents = good[rng.integers(len(good), size=count)]
    others = good[rng.integers(len(good), size=count)]
    logs = np.log(np.maximum(parents, 1e-6))
    out = parents == 0.0
    for row, gone, other in zip(logs, out, others, strict=True):
        kind = rng.random()
        if kind < 0.45:
            some = rng.random(n) < rng.choice([0.15, 0.4])
            row[some] += rng.normal(0.0, 1.0, size=int(some.sum()))
        elif kind < 0.7:
            i, j = rng.choice(n, size=2, replace=False)
            row[[i, j]] = row[[j, i]]
            gone[[i, j]] = gone[[j, i]]
        elif kind < 0.85:
            some = rng.random(n) < 0.5
            row[some] = np.log(np.maximum(other[some], 1e-6))
            gone[some] = other[some] == 0.0
        else:
            i = int(rng.integers(n))
            gone[i] = not gone[i]
            row[i] = max(row[i], np.log(1.0 / n) - 1.0)
    return limits.fit(np.exp(logs - logs.max(axis=1, keepdims=True)), out)
