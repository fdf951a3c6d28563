"""How much of the curves is noise: of every record, and of how many neighbours together.

Skills only rise, so what neighbours differ by where the nearest rising curve is flat is noise,
under any graph. That holds on plateaus, where it can be less or more than half-way up. The noise of
second differences (`records.noise_of`) stands unless curves surely say otherwise by it.

Shapes are (runs, records, n), as in `Records`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from domino_sim.inference.records import LEAST_NOISE, Records, noise_of
from domino_sim.inference.screening import falls_from, opposite
from domino_sim.levels import Floats, Ints

__all__ = ["Noise", "estimate_noise", "rounding_step"]

#: Noise is another than that of second differences if it is likelier by so much: twice the
#: logarithm of all values, and of a value (as where it is 1.5 times as great, variances).
_SURELY, _CLEARLY = 20.0, 0.1

#: Levels are put together in so many bins; rounds of weights.
_BINS, _ROUNDS = 40, 6

#: Of independent noise, what neighbours still differ by within flat pieces of the nearest rising
#: curve, which end where it goes up by chance.
_KEPT = 0.96

#: Values that are left at rest, and how far neighbours there must differ by less than second
#: differences say, for those to be of what moves.
_ENOUGH, _FAR_LESS = 8, 2.0

#: Neighbours wander together if records two apart differ by so much more than next ones (squares),
#: surely (standard errors), and those eight apart by so much more, yet not by so much more than
#: those four apart: of noise that is growing less and less, of what moves by itself (drifts, bumps,
#: falls) faster. Flat pieces that tell have so many records.
_WANDER, _SURE, _FAR, _SETTLES = (1.35, 2.25), 4.0, 1.6, 1.7
_LAGS, _LONG = (1, 2, 4, 8), 16

#: Levels that are apart by less are the same.
_SAME = 1e-9


@dataclass(frozen=True)
class Noise:
    """Standard deviations of noise.

    Attributes
    ----------
    error : (runs, records, n) array
        Of every record; 1 where there is none. Where neighbours wander together it is as great as
        leaves means of many as unsure as they are.
    sigma
        Root mean square of all records.
    correlation
        Of neighbours that wander together; 0 if they do not.
    plain
        Whether it is even and of each record alone, so that what it leaves as χ² is known. Else it
        may leave much less: where levels are rounded, where a few counts tell how many are wrong.
    uneven
        Whether it is another than that of second differences: because levels scatter so, or wander
        together, or errors that are given differ.
    """

    error: Floats
    sigma: float
    correlation: float = 0.0
    plain: bool = False
    uneven: bool = False

    @classmethod
    def even(cls, sigma: float, known: np.ndarray, *, plain: bool = True) -> Noise:
        """Return the same noise on all levels that are `known`."""
        return cls(np.where(known, sigma, 1.0), sigma, plain=plain)

    @property
    def alike(self) -> float:
        """Return of how many neighbouring records the mean tells as much as one that is alone."""
        return (1.0 + self.correlation) / (1.0 - self.correlation)


class _Flat(NamedTuple):
    """Records in a row at which the nearest rising curve is even.

    number (runs, records, n) of the piece that each record is in, -1 where in none; of each piece
    its skill, size, level, and the sum of squares of differences of neighbours, halved. Of long
    pieces the mean square of records 1, 2, 4 and 8 apart; of how many squares as of normal noise it
    is the mean, which few wild ones are fewer than; and whether those two apart differ by more than
    next ones in most skills.
    """

    number: Ints
    skill: Ints
    size: Floats
    level: Floats
    near: Floats
    apart: Floats
    pairs: float
    most: bool

    @property
    def free(self) -> Floats:
        """Values that are left of each beside its mean and its choice (Meyer & Woodroofe 2000)."""
        return np.maximum(self.size - 1.5, 0.0)

    @property
    def more(self) -> float:
        """By how much records two apart must differ more than next ones, so that it is sure."""
        sure = 1.0 + _SURE * math.sqrt(3.0 / self.pairs) if self.pairs else math.inf
        return max(_WANDER[0], sure)


def estimate_noise(
    level: Floats, known: np.ndarray, given: Floats | None = None, *, even: bool = False
) -> Noise:
    """Return the noise on levels, (runs, records, n).

    It is that of second differences, unless neighbours on flat pieces surely differ by more or
    less: then a (1 − s)² + b s (1 − s) + c s² at level s (variances), as of counting in a test of
    1/b tasks, or if it grows with the level; even with a = c = b/2. No less than half a step of
    rounding, which may be off alike in many records.

    Parameters
    ----------
    level, known : (runs, records, n) array
        Levels, and where there are any.
    given : (runs, records, n) array, optional
        Their standard errors. They are kept unless levels scatter by more.
    even
        Take it as even, and of each record alone, whatever the curves say: that of second
        differences, or of the errors that are given if they are more (root mean square).
    """
    flat = _flat(level, known)
    rough = _at_rest(flat, noise_of(level, known))
    if even:
        least = 0.0 if given is None else float(np.sqrt(np.mean(given[known] ** 2)))
        return Noise.even(max(rough, least), known)
    rising = _before_falls(level, known, rough)
    if not rising[known].all():
        flat = _flat(level, rising)
    least = max(LEAST_NOISE, rounding_step(level[known]) / 2.0)
    shared = given is not None and np.ptp(given[known]) == 0.0
    if given is not None and shared:
        least, given = max(least, float(given[known][0])), None
    usual = max(rough, least)
    together = _together(flat)
    variance = _variances(flat, usual, least, given, rising, wander=together > 0.0)
    if variance is None or not rising.any():
        return Noise.even(usual, known, plain=usual == rough or shared)
    if together:
        # Of one record alone, and of the sum of its correlations with all others.
        variance = variance / (1.0 - together) * (1.0 + together) / (1.0 - together)
    number = flat.number[rising]
    error = np.where(known, np.sqrt(np.mean(variance[number])), 1.0)
    error[rising] = np.sqrt(variance[number])
    sigma = float(np.sqrt(np.mean(error[known] ** 2)))
    return Noise(error, sigma, together, plain=given is not None, uneven=True)


def _at_rest(flat: _Flat, rough: float) -> float:
    """Return the noise of second differences, or what neighbours at rest differ by.

    That is taken where it is far less: second differences of few records are of what moves.
    """
    free = float(flat.free.sum())
    still = math.sqrt(float(flat.near.sum()) / (_KEPT * free)) if free >= _ENOUGH else math.inf
    return max(still, LEAST_NOISE) if _FAR_LESS * still < rough else rough


def _variances(
    flat: _Flat, even: float, least: float, given: Floats | None, rising: np.ndarray,
    *, wander: bool,
) -> Floats | None:  # fmt: skip
    """Return the variance in each flat piece, but for what wanders; None if it is `even`."""
    free = float(flat.free.sum())
    if given is not None:
        # Of neighbours that are as high: errors of single counts are too small where a count is.
        total = np.bincount(flat.number[rising], given[rising] ** 2, minlength=len(flat.size))
        variance = np.maximum(total / flat.size, least**2)
        more = float((flat.near / variance).sum()) / max(_KEPT * free, 1.0)
        return np.asarray(variance * max(more, 1.0))
    if wander:
        even = max(math.sqrt(float(flat.near.sum()) / (_KEPT * free)), least)
    elif flat.apart[1] > min(flat.more, _WANDER[1]) * flat.apart[0]:
        return None  # they go down or along by themselves
    found = _by_level(flat, even**2, least**2)
    if found is None and wander:
        return np.full(len(flat.size), even**2)
    return found


def _before_falls(level: Floats, known: np.ndarray, sigma: float) -> np.ndarray:
    """Return the records up to where a curve falls for good, none of one that goes below 0.

    Neither is noise.
    """
    known = known & ~opposite(level, known, sigma)[:, None]
    fall = falls_from(level, known, sigma)
    here = np.arange(level.shape[1])[None, :, None] <= fall[:, None]
    return np.asarray(known & (here | (fall < 0)[:, None]))


def _flat(level: Floats, known: np.ndarray) -> _Flat:
    smooth = Records(level, known.astype(float)).smooth
    number = np.full(level.shape, -1)
    count, found = 0, [np.zeros((4, 0))]
    apart, powers, pairs = np.zeros((level.shape[2], len(_LAGS))), 0.0, 0
    for r, i in np.ndindex(len(level), level.shape[2]):
        there = np.flatnonzero(known[r, :, i])
        if not len(there):
            continue
        curve, values = smooth[r, there, i], level[r, there, i]
        piece = np.concatenate([[0], np.cumsum(np.diff(curve) > _SAME)])
        number[r, there, i] = count + piece
        size = np.bincount(piece).astype(float)
        count += len(size)
        step = np.where(np.diff(piece) == 0, np.diff(values), 0.0)
        near = np.bincount(piece[1:], step**2 / 2.0, minlength=len(size))
        skill = np.full(len(size), float(i))
        found.append(np.stack([skill, size, np.bincount(piece, curve) / size, near]))
        for one in np.flatnonzero(size >= _LONG):
            inside = values[piece == one]
            free = len(inside) - max(_LAGS)
            differ = [np.square(inside[lag:] - inside[:-lag]).mean() for lag in _LAGS]
            apart[i] += free * np.array(differ)
            pairs += free
            powers += free * float((np.diff(inside) ** 4).mean())
    skill, size, curve, near = np.concatenate(found, axis=1)
    told = 3.0 * float(apart[:, 0].sum()) ** 2 / powers if powers else 0.0
    each = apart[:, 1] > _WANDER[0] * apart[:, 0]
    mean, most = apart.sum(axis=0) / max(pairs, 1), 2 * each.sum() >= apart.any(axis=1).sum()
    return _Flat(number, skill.astype(int), size, curve, near, mean, told, bool(most))


def _together(flat: _Flat) -> float:
    """Return the correlation of neighbours, 0 unless they surely wander together.

    As of a process in which each record keeps that part of what the last one was off by: those that
    are far apart (eight) are independent.
    """
    one, two, four, eight = flat.apart.tolist()
    wander = flat.most and flat.more * one < two < _WANDER[1] * one
    return 1.0 - one / eight if wander and _FAR * one < eight < _SETTLES * four else 0.0


def _by_level(flat: _Flat, even: float, least: float) -> Floats | None:
    """Return the variance in each piece, the likeliest a (1 − s)² + b s (1 − s) + c s².

    None if it is not surely another than `even`.
    """
    from scipy.optimize import nnls

    free = flat.free
    level = np.clip(flat.level, 0.0, 1.0)
    place = np.minimum((level * _BINS).astype(int), _BINS - 1)
    count = np.bincount(place, free, minlength=_BINS)
    some = count > 0.0
    if not some.any():
        return None
    count = count[some]
    mean = np.bincount(place, flat.near, minlength=_BINS)[some] / (_KEPT * count)
    at = np.bincount(place, free * level, minlength=_BINS)[some] / count
    basis = _shapes(at)
    variance, part = np.full(len(at), even), np.zeros(3)
    for _ in range(_ROUNDS):
        weight = np.sqrt(count) / variance
        part, _ = nnls(basis * weight[:, None], mean * weight)
        variance = np.maximum(basis @ part, least)
    gain = count * (np.log(even / variance) + mean / even - mean / variance)
    if float(gain.sum()) < max(_SURELY, _CLEARLY * float(count.sum())):
        return None
    # A few counts that are all right do not show that none would be wrong.
    level = (level * flat.size + part[1]) / (flat.size + 2.0 * part[1])
    found = np.maximum(_shapes(level) @ part, least)
    each = free * np.log(even / found) + flat.near / _KEPT * (1.0 / even - 1.0 / found)
    of_skill = np.bincount(flat.skill, each)[np.bincount(flat.skill, free) > 0.0]
    # One skill that is wild says nothing of the others.
    return found if 2 * (of_skill > 0.0).sum() >= len(of_skill) else None


def _shapes(level: Floats) -> Floats:
    return np.stack([(1.0 - level) ** 2, level * (1.0 - level), level**2], axis=1)


def rounding_step(values: Floats) -> float:
    """Return the step to which levels are rounded: the least that two are apart."""
    apart = np.diff(np.sort(values))
    apart = apart[apart > _SAME]
    return float(apart.min()) if len(apart) else 0.0
