"""What the members of a pool will want as its clock runs on from now.

A pool asks for the sums over its members of gains, demands and squared demands after a further
Δτ. Under MSE with hard gates there may be very many members, and they are kept as `Decays`;
otherwise they are listed one by one.
"""

from __future__ import annotations

import numpy as np

from domino_sim.decays import Decays
from domino_sim.engines.circuit import Ints
from domino_sim.levels import Floats, Loss, gain_and_unlearned

#: Amounts below this part of the largest are taken to have died away.
_DEAD = 1e-40


class DecayingDemand:
    """Members under MSE, as amounts that decay at their rates; any number of members.

    Parameters
    ----------
    rates
        Every rate a member will have.
    """

    def __init__(self, rates: Floats) -> None:
        self._decays = Decays(rates)
        self._nodes = self._decays.nodes
        self._left = np.zeros(len(self._nodes))
        self._squares = np.zeros(len(self._nodes))

    def change(self, rates: Floats, work: Floats, signs: Floats) -> None:
        """Let members with `rates` (k,) > 0 and `work` (k,) come (sign 1) or go (sign −1)."""
        left = np.exp(-work)
        self._decays.spread(self._left, rates, signs * left)
        self._decays.spread(self._squares, rates, signs * left * left)

    def advance(self, span: float) -> None:
        """Let the clock run on by `span`."""
        faded = np.exp(-self._nodes * span)
        self._left *= faded
        self._squares *= faded * faded

    def gains(self, span: float) -> float:
        """Σ of the members' gains over the next `span`."""
        return float(-(self._left @ np.expm1(-self._nodes * span)))

    def demand(self, span: float) -> float:
        """Σ of demands after `span`."""
        return max(float((self._left * self._nodes) @ np.exp(-self._nodes * span)), 0.0)

    def squares(self, spans: Floats) -> Floats:
        """Σ of squared demands after each of `spans` (k,)."""
        weights = self._squares * self._nodes * self._nodes
        return np.maximum(np.exp(-2.0 * np.multiply.outer(spans, self._nodes)) @ weights, 0.0)

    def fastest(self) -> float:
        """The highest rate at which anything still decays."""
        alive = np.abs(self._squares) > _DEAD * np.abs(self._squares).max(initial=0.0)
        return float(self._nodes[alive].max(initial=0.0))


class ListedDemand:
    """Members listed one by one: any loss, rates that change often."""

    def __init__(self, loss: Loss) -> None:
        self._loss = loss
        self.assign(np.empty(0), np.empty(0))

    def assign(self, rates: Floats, work: Floats) -> None:
        """Replace all members by these, with `rates` (k,) and `work` (k,)."""
        self._rates, self._work = rates, work
        self._start = gain_and_unlearned(work, self._loss)[0].sum()

    def advance(self, span: float) -> None:
        """Let the clock run on by `span`."""
        self.assign(self._rates, self._work + self._rates * span)

    def gains(self, span: float) -> float:
        """Σ of the members' gains over the next `span`."""
        gain, _ = gain_and_unlearned(self._work + self._rates * span, self._loss)
        return float(gain.sum() - self._start)

    def demand(self, span: float) -> float:
        """Σ of demands after `span`."""
        _, left = gain_and_unlearned(self._work + self._rates * span, self._loss)
        return float(self._rates @ left)

    def squares(self, spans: Floats) -> Floats:
        """Σ of squared demands after each of `spans` (k,)."""
        work = self._work[:, None] + np.multiply.outer(self._rates, spans)
        _, left = gain_and_unlearned(work, self._loss)
        return np.square(self._rates[:, None] * left).sum(axis=0)

    def fastest(self) -> float:
        """The highest rate."""
        return float(self._rates.max(initial=0.0))


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
            k = begin + np.maximum(piece, 0)
            at = row[begin]
            work[at] = np.where(started, begun[k] + speed[k] * (tau - since[k]), work[at])
            rate[at] = np.where(started, speed[k], rate[at])
        return work, rate
