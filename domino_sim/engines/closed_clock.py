"""The clock under ``sum`` with hard gates: closed form one way, Halley's steps the other."""

from __future__ import annotations

import numpy as np

from domino_sim.engines.clocks import far_end, grade
from domino_sim.engines.crowd import gains
from domino_sim.engines.paths import HardPath
from domino_sim.levels import Floats, Ints, Loss, gain_and_unlearned

#: Elements of a (skills × times) array worked on at once: keeps it in the cache.
_BLOCK = 1 << 15

#: Above this many exponentials the sums over skills are compressed (see `Decays`).
_COMPRESS = 5 * 10**7

#: By how much the cells of the closed clock's table grow.
_CELL_RATIO = 1.2

#: Halley's steps end when the error left in any level is estimated below this.
_CLOSE = 1e-12

_MOST_STEPS = 100


class ClosedClock:
    """``sum`` with hard gates: η t = N₀ τ + Σ (g_i(τ) − g_i(0)), g the gain.

    Parameters
    ----------
    path
        Where the skills are in τ.
    rate, wasted : (runs,) arrays
        η and N₀.
    horizon : (runs,) array
        Training time up to which the clock is wanted.
    """

    def __init__(self, path: HardPath, rate: Floats, wasted: Floats, horizon: Floats) -> None:
        self.path, self.rate, self.wasted = path, rate, wasted
        skills = path.skills
        self.loss: Loss = skills.loss
        gain, left = gain_and_unlearned(skills.work, self.loss)
        self._start = gain.sum(axis=0)
        # All sums of a run are one product of (4, n) weights with the skills' decay.
        p = skills.speed
        self._weights = np.stack([left, p * left, p**2 * left, p**3 * left]).transpose(2, 0, 1)
        self._total = self._weights.sum(axis=2)
        self._tabulate(horizon)

    def time(self, tau: Floats, sets: Ints | slice) -> Floats:
        """Training time at `tau` (rows, k) of runs `sets`."""
        if self._crowded(tau):
            edges = self._edges[0]
            place = np.minimum(np.searchsorted(edges, tau[0]), len(edges) - 1)
            time = self._edges_time[0, place]
            missing = edges[place] != tau[0]
            if missing.any():
                time[missing] = self._crowd_time(tau[0, missing])
            return time[None]
        gained = self._sums(tau, sets, None)[0]
        return (self.wasted[sets, None] * tau + gained) / self.rate[sets, None]

    def _crowded(self, tau: Floats) -> bool:
        """Whether `tau` (rows, k) are so many that skills are summed all together."""
        n = len(self.path.skills.speed)
        return self.loss == "mse" and len(tau) == 1 and n * tau.size > _COMPRESS

    def _crowd_time(self, tau: Floats) -> Floats:
        """Training time at `tau` (k,) of the only run, without skills × times."""
        return (self.wasted[0] * tau + gains(self.path, tau)) / self.rate[0]

    def tau(self, t: Floats) -> Floats:
        """Clock at training times `t` (runs, k): a fifth-order guess and one of Halley's steps.

        Where that is not enough, more steps follow, kept inside a bracket.
        """
        cell = _find(self._edges_time, t) - 1
        goal = self.rate[:, None] * t
        # One flat index serves all tables: run r's cells begin at r times the number of cells.
        cell += np.arange(len(t))[:, None] * (self._edges.shape[1] - 1)
        if self._cells is None:
            low, high = self._edges[:, :-1].take(cell), self._edges[:, 1:].take(cell)
            return self._bracketed(low, goal, self._shut(low), low, high, slice(None))
        low, high, begin, scale, *powers = self._cells.take(cell, axis=1)
        closed = None if self._closed is None else self._closed.take(cell, axis=1)
        part = (t - begin) * scale
        guess = powers[-1]
        for power in powers[-2::-1]:
            guess = guess * part
            guess += power
        guess = np.minimum(np.maximum(guess, low), high)
        tau, _, wrong = self._halley(guess, goal, closed, slice(None))
        tau = np.minimum(np.maximum(tau, low), high)
        poor = ~(wrong <= _CLOSE)
        if poor.any():
            run, k = np.nonzero(poor)
            held = None if closed is None else closed[:, run, k, None]
            low, high = low[run, k, None], high[run, k, None]
            tau[run, k] = self._bracketed(
                guess[run, k, None], goal[run, k, None], held, low, high, run
            )[:, 0]
        return tau

    def _halley(
        self, tau: Floats, goal: Floats, closed: Floats | None, sets: Ints | slice
    ) -> tuple[Floats, Floats, Floats]:
        """One of Halley's steps from `tau` towards η t = `goal`; all arrays (rows, k).

        Returns where it leads, the miss before it, and an estimate of the error left in any
        level: the step's remainder δ³ (D''/6D + (D'/2D)²) times the largest slope of a level,
        which is at most the total demand.
        """
        gained, demand, bend, third = self._sums(tau, sets, closed)
        wasted = self.wasted[sets, None]
        gained += wasted * tau
        gained -= goal
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            total = demand + wasted
            newton = gained / total
            bend /= total
            turn = 0.5 * bend * newton
            moved = newton / (1.0 + turn)
            third *= moved * moved
            third /= 6.0 * total
            wrong = (third + turn * turn) * np.abs(moved) * demand
        return tau - moved, gained, wrong

    def _bracketed(
        self,
        tau: Floats,
        goal: Floats,
        closed: Floats | None,
        low: Floats,
        high: Floats,
        sets: Ints | slice,
    ) -> Floats:
        """Halley's steps from `tau` until none moves; the bracket is halved where one leaves it."""
        last = self.rate[sets, None] * self._edges_time[sets, -1:]
        # The table ends early where everything is learned by then: no level changes any more.
        beyond = goal >= last
        close = 4e-16 * np.maximum(goal, last)
        # Nor can a sum over n skills be right to better than their rounding.
        close = close + 1e-16 * len(self.path.skills.speed)
        for _ in range(_MOST_STEPS):
            step, miss, wrong = self._halley(tau, goal, closed, sets)
            low = np.where(miss <= 0.0, tau, low)
            high = np.where(miss >= 0.0, tau, high)
            inside = (step >= low) & (step <= high)
            tau = np.where(inside, step, 0.5 * (low + high))
            settled = (np.abs(miss) <= close) | (inside & (wrong <= _CLOSE))
            if (settled | beyond | (high - low <= 1e-15 * high)).all():
                break
        return np.where(beyond, high, tau)

    def _sums(
        self, tau: Floats, sets: Ints | slice, closed: Floats | None
    ) -> tuple[Floats, Floats, Floats, Floats]:
        """Σ of gains since 0, of demands, of −their slopes and of their curvatures at `tau`.

        `tau` and the sums are (rows, k). `closed` (3, rows, k) is what shut gates hold back of the
        last three, where it is known.
        Worked out in blocks that fit the cache.
        """
        skills, path = self.path.skills, self.path
        listed = self.loss == "ce" or (skills.leak > 0.0 and not path.free)
        n = len(skills.speed)
        width = max(1, _BLOCK // max(1, n * len(tau)))
        sums = np.empty((4, *tau.shape))
        for begin in range(0, tau.shape[1], width):
            part = np.s_[:, begin : begin + width]
            if listed:
                sums[:, *part] = self._listed(tau[part], sets)
            else:
                found = self._weights[sets] @ path.decayed(tau[part], sets)
                sums[:, *part] = found.transpose(1, 0, 2)
        if not listed:
            np.subtract(self._total[sets, :1], sums[0], out=sums[0])
            if closed is not None:
                sums[1:] -= closed
        return sums[0], sums[1], sums[2], sums[3]

    def _shut(self, tau: Floats) -> Floats | None:
        """What gates shut at `tau` (runs, k) hold back of the last three sums, (3, runs, k)."""
        if self.path.free or self.loss == "ce" or self.path.skills.leak:
            return None
        shut = self.path.opened.T[:, :, None] > tau[:, None, :]
        return (self._weights[:, 1:] @ shut.astype(float)).transpose(1, 0, 2)

    def _listed(self, tau: Floats, sets: Ints | slice) -> Floats:
        """The same sums (4, rows, k) skill by skill: CE, and shut gates that leak."""
        gain, left = gain_and_unlearned(self.path.work(tau, sets), self.loss)
        pace = self.path.skills.speed[:, sets, None] * self.path.openness(tau, sets)
        if self.loss == "mse":
            bend = third = left
        else:
            bend = left * left * (1.0 - left)
            third = left * bend * np.abs(2.0 - 3.0 * left)
        return np.stack(
            [
                gain.sum(axis=0) - self._start[sets, None],
                (pace * left).sum(axis=0),
                (pace**2 * bend).sum(axis=0),
                (pace**3 * third).sum(axis=0),
            ]
        )

    def _tabulate(self, horizon: Floats) -> None:
        """Set up cells of τ whose times bracket any time asked for.

        `_edges` and `_edges_time` are (runs, m). `_cells` (10, runs · (m − 1)) holds for each cell
        its two ends, the time it begins at, one over the time it takes, and the quintic in the
        part of that time which has τ and its first two derivatives right at both ends. `_closed`
        (3, runs · (m − 1)) is what shut gates hold back of the sums in each cell.
        """
        skills, free = self.path.skills, self.path.free
        end = far_end(self.path, "sum", self.rate, self.wasted, horizon)
        self._edges = edges = grade(self.path.breaks(), end, skills.speed, ratio=_CELL_RATIO)
        self._closed: Floats | None = None
        self._cells: Floats | None = None
        if self._crowded(edges):
            # Masteries are asked for next: one pass for them and the openings.
            mastered = self.path.mastered[:, 0]
            every = np.concatenate([edges[0], mastered[mastered <= end[0]]])
            self._edges = np.unique(every)[None]
            time = self._crowd_time(self._edges[0])[None]
            self._edges_time = np.maximum.accumulate(time, axis=1)
            return
        if len(skills.speed) * edges.size > _COMPRESS // 10:
            self._edges_time = np.maximum.accumulate(self.time(edges, slice(None)), axis=1)
            return
        rate, wasted = self.rate[:, None], self.wasted[:, None]
        gained, demand, bend, _ = self._sums(edges, slice(None), None)
        time = (wasted * edges + gained) / rate
        self._edges_time = time = np.maximum.accumulate(time, axis=1)
        ends = np.stack([demand, bend])
        ends = np.stack([ends[:, :, :-1], ends[:, :, 1:]])
        low, high = edges[:, :-1], edges[:, 1:]
        if not free:
            closed = self._shut(low)
            if closed is None:
                return
            ends -= closed[:2]
            self._closed = closed.reshape(3, -1)
        rise = np.diff(time, axis=1)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            slope = rate / (ends[:, 0] + wasted)
            slope *= rise
            curve = slope * slope * slope * ends[:, 1] / (rise * rate)
            scale = 1.0 / rise
            quintic = _quintic(low, high, slope, curve)
        cells = np.stack([low, high, time[:, :-1], scale, *quintic]).reshape(10, -1)
        # Where no time passes in a cell there is nothing to interpolate.
        unusable = ~np.isfinite(cells).all(axis=0)
        cells[3:, unusable] = 0.0
        cells[4, unusable] = cells[0, unusable]
        self._cells = cells


def _quintic(low: Floats, high: Floats, slope: Floats, curve: Floats) -> tuple[Floats, ...]:
    """Coefficients of the quintic on [0, 1] with values, slopes and curvatures given at both ends.

    `slope` and `curve` are (2, …), at 0 and at 1.
    """
    rise = high - low - slope[0] - 0.5 * curve[0]
    turn = slope[1] - slope[0] - curve[0]
    bend = curve[1] - curve[0]
    return (
        low,
        slope[0],
        0.5 * curve[0],
        10.0 * rise - 4.0 * turn + 0.5 * bend,
        -15.0 * rise + 7.0 * turn - bend,
        6.0 * rise - 3.0 * turn + 0.5 * bend,
    )


def _find(table: Floats, wanted: Floats) -> Ints:
    """Index (≥ 1) of the first entry of each run's sorted table (runs, m) not below `wanted`."""
    found = np.empty(wanted.shape, dtype=np.int64)
    for run in range(len(table)):
        found[run] = table[run].searchsorted(wanted[run])
    return np.minimum(np.maximum(found, 1, out=found), table.shape[1] - 1, out=found)
