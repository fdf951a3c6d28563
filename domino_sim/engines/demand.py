"""What the members of a pool will want as its clock runs on from now.

A pool asks for the sums over its members of gains, demands and squared demands after a further
Δτ. Under MSE with hard gates there may be very many members, and they are kept as `Decays`;
otherwise they are listed one by one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from domino_sim.decays import Decays
from domino_sim.levels import Floats, Ints, Loss, gain_and_unlearned, unlearned
from domino_sim.pool import Law

#: Amounts below this part of the largest are taken to have died away.
_DEAD = 1e-40


class DecayingDemand:
    """Members under MSE, as amounts that decay at their rates; any number of members.

    `advance` makes new arrays, so a shallow copy stays what it was.

    Parameters
    ----------
    rates
        Every rate a member will have.
    law
        ``norm`` follows Σ d², other laws Σ d.
    """

    def __init__(self, rates: Floats, law: Law) -> None:
        distinct = np.unique(rates[rates > 0.0])
        decays = Decays(distinct)
        self._nodes = decays.nodes
        first, self._weights = decays.place(distinct)
        self._first = first.tolist()
        self._number = {rate: k for k, rate in enumerate(distinct.tolist())}
        self._power = 2.0 if law == "norm" else 1.0
        self._amounts = np.zeros(len(self._nodes))

    def knows(self, rate: float) -> bool:
        """Whether a member may have `rate`."""
        return rate in self._number

    def change(self, rate: float, work: float, sign: float) -> None:
        """Let a member with `rate` > 0 and `work` come (sign 1) or go (sign −1)."""
        k = self._number[rate]
        first, weights = self._first[k], self._weights[k]
        amount = sign * math.exp(-self._power * work)
        self._amounts[first : first + len(weights)] += amount * weights

    def advance(self, span: float) -> None:
        """Let the clock run on by `span`."""
        self._amounts = self._amounts * np.exp(-self._power * self._nodes * span)

    def gains(self, span: float) -> float:
        """Σ of the members' gains over the next `span`."""
        return float(-(self._amounts @ np.expm1(-self._nodes * span)))

    def totals(self, spans: Floats) -> Floats:
        """Σ of demands (``norm``: of squared demands) after each of `spans` (k,)."""
        weights = self._amounts * self._nodes**self._power
        found = np.exp(-self._power * np.multiply.outer(spans, self._nodes)) @ weights
        return np.maximum(found, 0.0)

    def fastest(self) -> float:
        """The highest rate at which anything still decays."""
        size = np.abs(self._amounts)
        alive = size > _DEAD * size.max(initial=0.0)
        return float(self._nodes[alive].max(initial=0.0))


class ListedDemand:
    """Members listed one by one: any loss, rates that change often.

    Arrays are replaced, never written to, so a shallow copy stays what it was; it must not change.
    """

    def __init__(self, loss: Loss, law: Law) -> None:
        self._loss, self._square = loss, law == "norm"
        self._places: dict[int, int] = {}
        self._rates, self._work = np.empty(0), np.empty(0)
        # Gains and unlearned parts after `_span`, and the gains now.
        self._gain, self._left, self._start, self._span = (*(np.empty(0) for _ in range(3)), 0.0)

    def change(self, members: Mapping[int, tuple[float, float]]) -> None:
        """Let `members`, by number, have new (rate, work); a rate of 0 has no demand.

        Work never jumps, so only that of new members is news.
        """
        places = self._places
        fresh = [member for member in members if member not in places]
        if fresh:
            self._admit(fresh, np.array([members[member][1] for member in fresh]))
        rates = self._rates.copy()
        for member, (rate, _) in members.items():
            rates[places[member]] = rate
        self._look(0.0)
        self._rates = rates

    def advance(self, span: float) -> None:
        """Let the clock run on by `span`."""
        self._look(span)
        self._work = self._work + self._rates * span
        self._start, self._span = self._gain, 0.0

    def gains(self, span: float) -> float:
        """Σ of the members' gains over the next `span`."""
        self._look(span)
        return float((self._gain - self._start).sum())

    def totals(self, spans: Floats) -> Floats:
        """Σ of demands (``norm``: of squared demands) after each of `spans` (k,)."""
        if len(spans) == 1:
            self._look(float(spans[0]))
            demand = (self._rates * self._left)[:, None]
        else:
            work = self._work[:, None] + np.multiply.outer(self._rates, spans)
            demand = unlearned(work, self._loss)
            demand *= self._rates[:, None]
        return np.einsum("ik,ik->k", demand, demand) if self._square else demand.sum(axis=0)

    def fastest(self) -> float:
        """The highest rate."""
        return float(self._rates.max(initial=0.0))

    def _admit(self, members: Sequence[int], work: Floats) -> None:
        for member in members:
            self._places[member] = len(self._places)
        gain, left = gain_and_unlearned(work, self._loss)
        self._look(0.0)
        self._work = np.append(self._work, work)
        self._rates = np.append(self._rates, np.zeros(len(work)))
        self._gain = self._start = np.append(self._gain, gain)
        self._left = np.append(self._left, left)

    def _look(self, span: float) -> None:
        """Know the gains and unlearned parts after `span`: asked for again and again."""
        if span != self._span:
            work = self._work + self._rates * span
            self._gain, self._left = gain_and_unlearned(work, self._loss)
            self._span = span


class Segments:
    """Each skill's work as a function of its pool's clock: linear pieces, one a change of rate."""

    def __init__(self, work: Floats) -> None:
        self._start = work
        self._skill: list[int] = []
        self._tau: list[float] = []
        self._work: list[float] = []
        self._rate: list[float] = []

    def add(self, skill: int, tau: float, work: float, rate: float) -> None:
        """From clock `tau` on, `skill` has `work` and gains `rate` per unit of clock."""
        self._skill.append(skill)
        self._tau.append(tau)
        self._work.append(work)
        self._rate.append(rate)

    def at(self, tau: Floats, skills: Ints) -> tuple[Floats, Floats]:
        """Work and rate (k, *tau.shape) of `skills` (k,) at clock instants `tau`."""
        work = np.broadcast_to(
            self._start[skills].reshape(-1, *([1] * tau.ndim)), (len(skills), *tau.shape)
        ).copy()
        rate = np.zeros_like(work)
        place = np.full(len(self._start), -1, dtype=np.int64)
        place[skills] = np.arange(len(skills))
        row = place[np.array(self._skill, dtype=np.int64)]
        # Pieces of one skill are in the order of time; the k-th pieces of all skills go together.
        order = np.argsort(row, kind="stable")
        order = order[np.searchsorted(row[order], 0) :]
        row = row[order]
        if not len(row):
            return work, rate
        first = np.flatnonzero(np.concatenate([[True], np.diff(row) > 0]))
        rank = np.arange(len(row)) - np.repeat(first, np.diff(np.append(first, len(row))))
        since, begun, speed = (
            np.array(values)[order] for values in (self._tau, self._work, self._rate)
        )
        if rank.max() < 8:
            for k in range(int(rank.max()) + 1):
                chosen = np.flatnonzero(rank == k)
                at = row[chosen]
                shape = (-1, *([1] * tau.ndim))
                age = tau - since[chosen].reshape(shape)
                here = age >= 0.0
                slope = speed[chosen].reshape(shape)
                work[at] = np.where(here, begun[chosen].reshape(shape) + slope * age, work[at])
                rate[at] = np.where(here, slope, rate[at])
            return work, rate
        for begin, stop in zip(first, np.append(first[1:], len(row)), strict=True):
            piece = np.searchsorted(since[begin:stop], tau, side="right") - 1
            started = piece >= 0
            chosen = begin + np.maximum(piece, 0)
            at = row[begin]
            here = begun[chosen] + speed[chosen] * (tau - since[chosen])
            work[at] = np.where(started, here, work[at])
            rate[at] = np.where(started, speed[chosen], rate[at])
        return work, rate
