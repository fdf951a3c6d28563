"""Between the resource clock τ and training time t: the only place where the pool law counts.

dt = D dτ / η. Under ``sum`` with hard gates the integral is a sum of gains, in closed form
(`ClosedClock`); under ``constant`` t = τ/η (`PlainClock`); everything else is integrated on rows
of Chebyshev points that are halved until they resolve D (`RowClock`).

A clock answers, for many runs at once: `time(tau)` and its inverse `tau(t)`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from domino_sim.engines import chebyshev
from domino_sim.engines.crowd import gains
from domino_sim.engines.paths import HardPath, Rows, SoftPath
from domino_sim.levels import MOST_WORK, Floats, Ints, Loss, gain_and_unlearned
from domino_sim.pool import Law

#: τ is never followed beyond this: whatever learns is at level 1 in double precision long before,
#: and squares of demands, which fall like 1/τ under CE, do not underflow yet.
FAR = 1e120

#: Fastest skill's times up to which the plain bound N₀ τ/η is tight enough.
_NEAR = 1e6

#: MSE work at which nothing is left to learn, even for gates that open at tiny u.
_SPENT = 800.0

#: Elements of a (skills × times) array worked on at once: keeps it in the cache.
_BLOCK = 1 << 15

#: Above this many exponentials the sums over skills are compressed (see `Decays`).
_COMPRESS = 5 * 10**7

#: By how much the cells of the closed clock's table grow.
_CELL_RATIO = 1.2

#: Halley's steps end when the error left in any level is estimated below this.
_CLOSE = 1e-12

_MOST_ROUNDS = 60

#: Part of D below which its last coefficients are nothing but rounding.
_ROUNDING = 1e-14

#: Rows shorter than this part of their τ are not halved: their points would coincide.
_SHORTEST = 1e-12

#: Error of a row's time, relative to all the time passed, above which the row is split.
_TIME_TOLERANCE = 1e-12
_MOST_STEPS = 100


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
        n = len(self.path.skills.speed)
        if self.loss == "mse" and len(tau) == 1 and n * tau.size > _COMPRESS:
            gained = gains(self.path, tau[0])[None]
        else:
            gained = self._sums(tau, sets, None)[0]
        return (self.wasted[sets, None] * tau + gained) / self.rate[sets, None]

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
        close = 4e-16 * np.maximum(goal, self.rate[sets, None] * self._edges_time[sets, -1:])
        for _ in range(_MOST_STEPS):
            step, miss, wrong = self._halley(tau, goal, closed, sets)
            low = np.where(miss <= 0.0, tau, low)
            high = np.where(miss >= 0.0, tau, high)
            inside = (step >= low) & (step <= high)
            tau = np.where(inside, step, 0.5 * (low + high))
            if ((np.abs(miss) <= close) | (inside & (wrong <= _CLOSE))).all():
                break
        return tau

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


@dataclass(frozen=True, slots=True)
class Flow:
    """What a path does on rows: D at the points (rows, points), and which rows resolve the path.

    `work` is (skills, rows, points); a path that has no work of its own leaves it out.
    """

    division: Floats
    resolved: np.ndarray
    work: Floats | None = None


class RowClock:
    """Any law and any path: t = ∫ D dτ/η on rows that are halved until they resolve D.

    Parameters
    ----------
    flow
        Gives D, and the path, on rows; the rows cover every run's clock without holes.
    edges : (runs, m) array
        Where the first rows begin and end, not decreasing.
    rate, horizon : (runs,) arrays
        η, and the training time up to which the clock is wanted.

    Attributes
    ----------
    rows
        The rows that resolve the run, up to the first that passes the horizon.
    work : (skills, rows, points) array, or None
        Work at the points.
    times : (rows, points) array
        Training time at the points.
    division : (rows, points) array
        D at the points.
    """

    def __init__(
        self, flow: Callable[[Rows], Flow], edges: Floats, rate: Floats, horizon: Floats
    ) -> None:
        start, end = edges[:, :-1], edges[:, 1:]
        sets = np.broadcast_to(np.arange(len(edges))[:, None], start.shape)
        used = end > start
        rows = Rows(sets[used], start[used], end[used])
        for _ in range(_MOST_ROUNDS):
            found = flow(rows)
            pace = found.division / rate[rows.sets, None]
            within = (pace @ chebyshev.INTEGRAL) * rows.half
            first = np.concatenate([[True], np.diff(rows.sets) > 0])
            before = _running(within[:, -1], first)
            until = np.minimum(horizon[rows.sets], before + within[:, -1])
            # Relative to all the time passed: D need not be resolved where hardly any passes.
            unresolved = chebyshev.tail(pace)
            rough = unresolved * rows.half[:, 0] > _TIME_TOLERANCE * until
            rough &= unresolved > _ROUNDING * pace.max(axis=1)
            split = (rough | ~found.resolved) & (before <= 2.0 * horizon[rows.sets])
            split &= rows.end - rows.start > _SHORTEST * rows.end
            if not split.any():
                break
            rows = rows.split(split)
        kept = (before <= horizon[rows.sets]) | first
        self.rate = rate
        self.rows = rows.keep(kept)
        self.work = None if found.work is None else found.work[:, kept]
        self.division = found.division[kept]
        self.before = before[kept]
        self.within = np.maximum.accumulate(within[kept], axis=1)

    @property
    def times(self) -> Floats:
        """Training time at the points, (rows, points)."""
        return self.before[:, None] + self.within

    def locate(self, t: Floats, run: Ints) -> tuple[Ints, Floats]:
        """Row and place x in it of training times `t` (k,) of runs `run` (k,)."""
        row = self._row_of(self.before + self.within[:, -1], t, run)
        target, most = np.maximum(t - self.before[row], 0.0), self.within[row, -1]
        x = chebyshev.solve_increasing(self.within, row, np.minimum(target, most))
        # Where time has run out for good, D being zero, everything is learned: the very end.
        return row, np.where(target >= most, 1.0, x)

    def tau_of(self, t: Floats, run: Ints) -> Floats:
        """Clock at training times `t` (k,) of runs `run` (k,)."""
        row, x = self.locate(t, run)
        start, end = self.rows.start[row], self.rows.end[row]
        return start + (end - start) * 0.5 * (x + 1.0)

    def tau(self, t: Floats) -> Floats:
        """Clock at training times `t` (runs, k)."""
        return self.tau_of(t.ravel(), _runs_of(t)).reshape(t.shape)

    def time(self, tau: Floats, sets: Ints | slice) -> Floats:
        """Training time at `tau` (runs, k) of all runs; inf beyond the last row."""
        row = self._row_of(self.rows.end, tau.ravel(), _runs_of(tau)).reshape(tau.shape)
        start, end = self.rows.start[row], self.rows.end[row]
        x = np.clip(2.0 * (tau - start) / (end - start) - 1.0, -1.0, 1.0)
        return np.where(tau > end * (1.0 + 1e-12), np.inf, self.time_at(row, x))

    def time_at(self, row: Ints, x: Floats) -> Floats:
        """Training time at places `x` of rows `row`, arrays of one shape."""
        coefficients = self.within @ chebyshev.COEFFICIENTS
        within = np.einsum("...c,...c->...", coefficients[row], chebyshev.basis(x))
        return self.before[row] + within

    def work_at(self, row: Ints, x: Floats) -> Floats:
        """Work (skills, k) at places `x` (k,) of rows `row` (k,)."""
        assert self.work is not None
        coefficients = self.work @ chebyshev.COEFFICIENTS
        return np.einsum("nkc,kc->nk", coefficients[:, row], chebyshev.basis(x))

    def _row_of(self, ends: Floats, wanted: Floats, run: Ints) -> Ints:
        """Index of the row of each run in which `wanted` (k,) lies; the last one if beyond."""
        runs = np.arange(len(self.rate))
        begin, stop = (np.searchsorted(self.rows.sets, runs, side) for side in ("left", "right"))
        if len(runs) == 1:
            return np.minimum(np.searchsorted(ends, wanted), len(ends) - 1)
        # One search for all runs: each run's ends are moved into a unit interval of its own.
        last = np.maximum(ends[stop - 1], 1e-300)
        keys = self.rows.sets + 0.5 * (ends / last[self.rows.sets])
        found = np.searchsorted(keys, run + 0.5 * (np.minimum(wanted, 1.2 * last[run]) / last[run]))
        return np.clip(found, begin[run], stop[run] - 1)


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
    edges = bounds[:, gap] + np.minimum(size, gaps[:, gap])
    return np.concatenate([bounds[:, :1], edges], axis=1)


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


def _runs_of(values: Floats) -> Ints:
    """Run of each element of a flattened (runs, k) array."""
    return np.repeat(np.arange(len(values)), values.shape[1])


def _running(values: Floats, first: np.ndarray) -> Floats:
    """Sum of the earlier `values` of the same run; `first` marks where a run begins."""
    total = np.concatenate([[0.0], np.cumsum(values)[:-1]])
    begin = np.flatnonzero(first)
    return total - np.repeat(total[begin], np.diff(np.append(begin, len(values))))
