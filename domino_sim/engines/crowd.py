"""Sums over very many hard-gated skills at very many times, without skills × times.

Under MSE every sum the clocks need has terms of one form: before its gate opens a skill counts
a e^(−λ r τ), afterwards b e^(−r (τ − opened)). The times are taken in order, a chunk at a time.
Skills that opened before a chunk are a few hundred decaying amounts (`Decays`), skills that open
within it are paired with its times one by one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from domino_sim.decays import Decays
from domino_sim.engines import chebyshev
from domino_sim.engines.paths import HardPath, Rows
from domino_sim.levels import MOST_WORK, Floats, Ints
from domino_sim.pool import Law

#: Times, and openings, in a chunk: so many that numpy is busy, so few that arrays stay in cache.
_MOST_TIMES = 2048
_MOST_OPENINGS = 256

#: A decay by less than e^−3 over a chunk is a polynomial of `chebyshev.DEGREE` to 1e-17.
_SMOOTH = 3.0

#: Amounts err by about 1e-16 of what was put in: when their sum has fallen to this part of that,
#: they are made again from the skills.
_FALLEN = 1e-2

#: Where the sum falls by more than this within a row, the row is summed skill by skill: D is its
#: square root, in which an error of 1e-16 of the beginning would be 1e-8 once the rest is gone.
_STEEP = 1e-3

#: Terms of a steep row below this part of it cannot be seen in D, its square root.
_UNSEEN = 1e-26

#: Node amounts below this part of what was put in cannot be seen beside the sum.
_DEAD = 1e-19


def gains(path: HardPath, tau: Floats) -> Floats:
    """Σ (u_i(0) − u_i(τ)) of one run under MSE, at many clock instants.

    Parameters
    ----------
    path
        A path of one run.
    tau : (k,) array
        Clock instants ≥ 0, in any order.

    Returns
    -------
    (k,) array
        Right to 1e-13 of Σ u_i(0).
    """
    skills = path.skills
    start = np.exp(-skills.work[:, 0])
    terms = _terms(path, skills.speed[:, 0], start, start)
    whole = float(terms.shut.sum())
    order = np.argsort(tau, kind="stable")
    asked = np.minimum(tau[order], MOST_WORK)
    count = np.searchsorted(terms.opened, asked, side="right")
    gained = np.empty(len(tau))
    gained[order] = whole - _totals(terms, asked[:, None], count, whole)[:, 0]
    return gained


def divisions(path: HardPath, rows: Rows, wasted: float, law: Law) -> Floats:
    """D at the points of rows of one run under MSE and ``norm`` or ``sum``.

    A skill counts as open on a row, both ends included, if it opened no later than at its start.

    Parameters
    ----------
    path
        A path of one run.
    rows
        Sorted, and no gate of a skill that learns opens within one.
    wasted
        N₀ ≥ 0.
    law
        ``norm``: D = √(Σ d² + N₀²); ``sum``: D = Σ d + N₀.

    Returns
    -------
    (rows, points) array
        Right to 1e-12 of each row's largest value.
    """
    skills = path.skills
    power = 2 if law == "norm" else 1
    speed = skills.speed[:, 0]
    start = (speed * np.exp(-skills.work[:, 0])) ** power
    terms = _terms(path, power * speed, skills.leak**power * start, start)
    count = np.searchsorted(terms.opened, rows.start, side="right")
    unused = wasted**power
    # A sum that has died away may be left a hair below zero by the nodes' signs.
    total = np.maximum(_totals(terms, rows.tau, count, unused), 0.0) + unused
    return np.sqrt(total) if power == 2 else total


@dataclass(frozen=True, slots=True)
class _Terms:
    """Terms in the order of opening: `shut` e^(−λ rate τ), then `own` e^(−rate (τ − opened))."""

    rate: Floats
    opened: Floats
    shut: Floats
    own: Floats
    leak: float

    def total(self, tau: Floats, count: int) -> Floats:
        """Sum at `tau` (k,), increasing, of which the first `count` are open: term by term."""
        log_own = self.rate[:count] * (self.opened[:count] - tau[0])
        sums = _sum(self.own[:count] * np.exp(log_own), self.rate[:count], tau - tau[0])
        slow = self.leak * self.rate[count:]
        return sums + _sum(self.shut[count:] * np.exp(-slow * tau[0]), slow, tau - tau[0])


def _sum(amounts: Floats, rates: Floats, since: Floats) -> Floats:
    """Σ a e^(−r x) at `since` (k,), of the `amounts` that can be seen."""
    seen = amounts > _UNSEEN * amounts.max(initial=0.0) / max(len(amounts), 1)
    return np.exp(-np.multiply.outer(since, rates[seen])) @ amounts[seen]


def _terms(path: HardPath, rate: Floats, shut: Floats, start: Floats) -> _Terms:
    """Terms of the skills that move; `start` is what one would count if it were open at τ = 0."""
    leak, opened = path.skills.leak, path.opened[:, 0]
    order = np.argsort(opened, kind="stable")
    order = order[rate[order] > 0.0]
    rate, opened, shut, own = rate[order], opened[order], shut[order], start[order]
    if leak:
        ever = np.isfinite(opened)
        own[ever] *= np.exp(-leak * rate[ever] * opened[ever])
    return _Terms(rate, opened, shut, own, leak)


def _totals(terms: _Terms, tau: Floats, count: Ints, beside: float) -> Floats:
    """Sum of `terms` at `tau` (rows, points), of which the first `count` (rows,) are open.

    Rows are sorted and points go up; the sum of a row falls, and errors that cannot be seen
    `beside` this number do not matter.
    """
    totals = np.empty_like(tau)
    crowd = _Crowd(terms)
    most = max(1, _MOST_TIMES // tau.shape[1])
    row = 0
    while row < len(tau):
        crowd.move(float(tau[row, 0]), int(count[row]))
        if crowd.now() + beside < _FALLEN * crowd.put_in:
            crowd.renew()
        stop = int(np.searchsorted(count, count[row] + _MOST_OPENINGS, side="right"))
        part = slice(row, min(stop, row + most))
        found = crowd.at(tau[part], count[part])
        fallen = found[1:, 0] + beside < _FALLEN * crowd.put_in
        good = 1 + int(fallen.argmax()) if fallen.any() else len(found)
        found = found[:good]
        steep = found[:, -1] + beside < _STEEP * (found[:, 0] + beside)
        for k in np.flatnonzero(steep).tolist():
            found[k] = terms.total(tau[row + k], int(count[row + k]))
        totals[row : row + good] = found
        row += good
    return totals


class _Crowd:
    """The sum of all terms from a clock instant on, until more gates open.

    Attributes
    ----------
    put_in
        Sum of what the amounts were made of, which is what their errors are relative to.
    """

    def __init__(self, terms: _Terms) -> None:
        self._terms = terms
        rate, leak = terms.rate, terms.leak
        self._decays = Decays(np.concatenate([rate, leak * rate]) if leak else rate)
        self._nodes = self._decays.nodes
        self._tau, self._count = 0.0, 0
        # Without a leak shut skills do not change, and are not among the amounts.
        waiting = np.zeros(len(rate)) if leak else terms.shut
        self._waiting = np.append(np.cumsum(waiting[::-1])[::-1], 0.0)
        self.renew()

    def renew(self) -> None:
        """Make the amounts anew from the skills."""
        self._amounts = np.zeros(len(self._nodes))
        self.put_in = 0.0
        self._open(0, self._count)
        if self._terms.leak:
            self._leak(self._count, len(self._terms.rate), 1.0)

    def move(self, tau: float, count: int) -> None:
        """Let the clock run on to `tau`, where `count` gates are open."""
        self._amounts *= np.exp(-self._nodes * (tau - self._tau))
        self._tau = tau
        if count > self._count:
            self._open(self._count, count)
            if self._terms.leak:
                self._leak(self._count, count, -1.0)
            self._count = count

    def now(self) -> float:
        """The sum at present."""
        return float(self._amounts.sum() + self._waiting[self._count])

    def at(self, tau: Floats, count: Ints) -> Floats:
        """The sum at `tau` (rows, points), not before now, with `count` (rows,) gates open."""
        times = tau.ravel()
        total = self._far(times)
        opens = int(count[-1])
        if opens > self._count:
            near = slice(self._count, opens)
            rate, opened = self._terms.rate[near], self._terms.opened[near]
            shut = np.arange(self._count, opens) >= np.repeat(count, tau.shape[1])[:, None]
            total += _decayed((opened - times[:, None]) * rate, shut) @ self._terms.own[near]
            if self._terms.leak:
                slow = np.multiply.outer(times, -self._terms.leak * rate)
                total -= _decayed(slow, shut) @ self._terms.shut[near]
        return total.reshape(tau.shape) + self._waiting[count][:, None]

    def _far(self, times: Floats) -> Floats:
        """What the amounts add up to at `times` (k,), increasing."""
        span = float(times[-1]) - self._tau
        alive = np.abs(self._amounts) > _DEAD * self.put_in
        smooth = alive & (self._nodes * span <= _SMOOTH)
        # A polynomial in τ only pays for more times than it has points.
        if len(times) <= chebyshev.DEGREE or span <= 0.0:
            smooth[:] = False
        rough = alive & ~smooth
        since = self._tau - times
        total = np.exp(np.multiply.outer(since, self._nodes[rough])) @ self._amounts[rough]
        if smooth.any():
            points = (chebyshev.POINTS + 1.0) * (-0.5 * span)
            values = np.exp(np.multiply.outer(points, self._nodes[smooth])) @ self._amounts[smooth]
            x = since * (-2.0 / span) - 1.0
            total += chebyshev.basis(x) @ (values @ chebyshev.COEFFICIENTS)
        return total

    def _open(self, begin: int, end: int) -> None:
        """Add the own decays of the terms `begin` to `end`."""
        part = slice(begin, end)
        rate = self._terms.rate[part]
        amounts = self._terms.own[part] * np.exp(rate * (self._terms.opened[part] - self._tau))
        self._put(rate, amounts)

    def _leak(self, begin: int, end: int, sign: float) -> None:
        """Add, or take away, the shut terms `begin` to `end`."""
        rate = self._terms.leak * self._terms.rate[begin:end]
        self._put(rate, sign * self._terms.shut[begin:end] * np.exp(-rate * self._tau))

    def _put(self, rates: Floats, amounts: Floats) -> None:
        size = np.abs(amounts)
        self.put_in += float(size.sum())
        seen = size > _DEAD * size.max(initial=0.0) / max(len(size), 1)
        self._decays.spread(self._amounts, rates[seen], amounts[seen])


def _decayed(exponent: Floats, shut: np.ndarray) -> Floats:
    """e^`exponent` in place, 0 where a gate is `shut`."""
    np.copyto(exponent, -np.inf, where=shut)
    return np.exp(exponent, out=exponent)
