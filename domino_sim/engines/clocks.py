"""Between the resource clock τ and training time t: the only place where the pool law counts.

dt = D dτ / η. Under ``sum`` with hard gates the integral is a sum of gains, in closed form
(`ClosedClock`); under ``constant`` t = τ/η (`PlainClock`); everything else is integrated on rows
of Chebyshev points that are halved until they resolve D (`RowClock`).

A clock answers, for many runs at once: `time(tau)` and its inverse `tau(t)`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from domino_sim.decays import Decays
from domino_sim.engines import chebyshev
from domino_sim.engines.paths import HardPath, Rows, SoftPath
from domino_sim.levels import Floats, Ints, Loss, gain_and_unlearned, log_omega, unlearned

#: τ is never followed beyond this; every skill that learns is at level 1 long before.
FAR = 1e200

#: MSE work at which nothing is left to learn, even for gates that open at tiny u.
_SPENT = 800.0

#: Elements of a (skills × times) array worked on at once: keeps it in the cache.
_BLOCK = 1 << 18

#: Above this many exponentials the sums over skills are compressed (see `Decays`).
_COMPRESS = 5 * 10**7

#: Openings or times handled one by one between two compressions.
_CHUNK = 512

_MOST_ROUNDS = 60

#: Part of D below which its last coefficients are nothing but rounding.
_ROUNDING = 1e-14

#: Rows shorter than this part of their τ are not halved: their points would coincide.
_SHORTEST = 1e-12

#: Error of a row's time, relative to all the time passed, above which the row is split.
_TIME_TOLERANCE = 1e-12
_NEWTON_STEPS = 100


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
        self.loss: Loss = path.skills.loss
        start, _ = gain_and_unlearned(path.skills.work, self.loss)
        self._start = start.sum(axis=0)
        self._table = self._tabulate(horizon)

    def time(self, tau: Floats, sets: Ints | slice) -> Floats:
        """Training time at `tau` (rows, k) of runs `sets`."""
        n = len(self.path.skills.speed)
        if self.loss == "mse" and len(tau) == 1 and n * tau.size > _COMPRESS:
            gained = _compressed_gains(self.path, tau[0])[None]
        else:
            gained = self._sums(tau, sets, pace=False)[0] - self._start[sets, None]
        return (self.wasted[sets, None] * tau + gained) / self.rate[sets, None]

    def tau(self, t: Floats) -> Floats:
        """Clock at training times `t` (runs, k): Newton steps inside a bracketing table."""
        table_tau, table_time, pace_after, pace_before = self._table
        runs = np.arange(len(t))[:, None]
        after = _find(table_time, t)
        low, high = table_tau[runs, after - 1], table_tau[runs, after]
        t_low, t_high = table_time[runs, after - 1], table_time[runs, after]
        rise = np.where(t_high > t_low, t_high - t_low, 1.0)
        part = np.clip((t - t_low) / rise, 0.0, 1.0)
        tau = low + (high - low) * part
        if pace_after is not None and pace_before is not None:
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                guess = chebyshev.inverse_cubic(
                    part, low, high, rise / pace_after[runs, after - 1],
                    rise / pace_before[runs, after - 1],
                )
            tau = np.where((guess > low) & (guess < high), guess, tau)
        sets = slice(None)
        close = 4e-16 * np.maximum(np.abs(t), table_time[:, -1:])
        for _ in range(_NEWTON_STEPS):
            gained, demand = self._sums(tau, sets, pace=True)
            reached = self.wasted[:, None] * tau + gained - self._start[:, None]
            miss = reached / self.rate[:, None] - t
            low = np.where(miss <= 0.0, tau, low)
            high = np.where(miss >= 0.0, tau, high)
            with np.errstate(divide="ignore", invalid="ignore"):
                step = tau - miss * self.rate[:, None] / (demand + self.wasted[:, None])
            stepped = np.where((step >= low) & (step <= high), step, 0.5 * (low + high))
            moved = np.abs(stepped - tau)
            tau = stepped
            # Newton doubles the digits: a step this small leaves an error below 1e-15.
            if ((np.abs(miss) <= close) | (moved <= 3e-9 * np.abs(tau))).all():
                break
        return tau

    def _sums(self, tau: Floats, sets: Ints | slice, *, pace: bool) -> tuple[Floats, Floats]:
        """Σ gains and, if asked, Σ demands at `tau` (rows, k), in blocks that fit the cache."""
        n = len(self.path.skills.speed)
        width = max(1, _BLOCK // max(1, n * len(tau)))
        gained, demand = np.empty_like(tau), np.empty_like(tau)
        for begin in range(0, tau.shape[1], width):
            part = np.s_[:, begin : begin + width]
            work = self.path.work(tau[part], sets)
            if not pace:
                gained[part] = _gain(work, self.loss)
                continue
            if self.loss == "mse":
                left = np.exp(-work)
                gained[part] = n - left.sum(axis=0)
            else:
                gain, left = gain_and_unlearned(work, self.loss)
                gained[part] = gain.sum(axis=0)
            left *= self.path.skills.speed[:, sets, None]
            if not self.path.free:
                left *= self.path.openness(tau[part], sets)
            demand[part] = left.sum(axis=0)
        return gained, demand

    def _tabulate(
        self, horizon: Floats
    ) -> tuple[Floats, Floats, Floats | None, Floats | None]:
        """Instants of τ (runs, m), their times, and D/η just after and just before each cell."""
        breaks = self.path.breaks()
        end = far_end(self.path, self.rate, self.wasted, horizon)
        edges = grade(breaks, end, self.path.skills.speed)
        runs, cells = len(edges), edges.shape[1] - 1
        n = len(self.path.skills.speed)
        if n * edges.size > _COMPRESS // 10:
            return edges, self.time(edges, slice(None)), None, None
        gained, demand_after = self._sums(edges, slice(None), pace=True)
        time = (self.wasted[:, None] * edges + gained - self._start[:, None]) / self.rate[:, None]
        pace_after = (demand_after + self.wasted[:, None]) / self.rate[:, None]
        pace_before = pace_after[:, 1:]
        if not self.path.free:
            speed = self.path.skills.speed[:, :, None]
            pace_before = np.empty((runs, cells))
            width = max(1, _BLOCK // max(1, n * runs))
            for begin in range(0, cells, width):
                part = np.s_[:, begin : begin + width]
                left = unlearned(self.path.work(edges[:, 1:][part], slice(None)), self.loss)
                left *= speed * self.path.openness(edges[:, :-1][part], slice(None))
                pace_before[part] = left.sum(axis=0) + self.wasted[:, None]
            pace_before /= self.rate[:, None]
        return edges, np.maximum.accumulate(time, axis=1), pace_after[:, :-1], pace_before


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
        target = np.clip(t - self.before[row], 0.0, self.within[row, -1])
        return row, chebyshev.solve_increasing(self.within, row, target)

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
        scale = 0.5 / np.maximum(ends[stop - 1], 1e-300)
        keys = self.rows.sets + ends * scale[self.rows.sets]
        found = np.searchsorted(keys, run + np.minimum(wanted * scale[run], 0.6))
        return np.clip(found, begin[run], stop[run] - 1)


def far_end(path: HardPath | SoftPath, rate: Floats, wasted: Floats, horizon: Floats) -> Floats:
    """Return τ (runs,) by which each run has surely passed `horizon`, or learned everything.

    t(τ) is at least N₀ τ/η, and at least any one skill's gain over η, under ``sum`` and ``norm``.
    """
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
        alone = np.where(speed > 0.0, np.maximum(enough - work, 0.0) / speed, np.inf)
        if isinstance(path, HardPath):
            begun = 0.0 if skills.leak else path.opened
            slow = skills.leak if skills.leak else 1.0
            alone = begun + alone / slow
            last = np.where(np.isfinite(path.opened), path.opened, 0.0)
            spent = np.where(speed > 0.0, last + _SPENT / (speed * slow), 0.0).max(axis=0, initial=0)
            if skills.loss == "mse":
                end = np.minimum(end, spent)
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
    inside = np.where(breaks < end[:, None], breaks, end[:, None])
    bounds = np.concatenate([inside, end[:, None]], axis=1)
    gaps = np.diff(bounds, axis=1)
    fastest = speed.max(axis=0, initial=0.0)
    first = np.where(fastest > 0.0, 1.0 / np.where(fastest > 0.0, fastest, 1.0), end)
    longest = np.maximum((gaps / np.minimum(first, end)[:, None]).max(axis=0), 1.0)
    counts = np.where(gaps.max(axis=0) > 0.0, np.ceil(np.log(longest) / np.log(ratio)) + 1, 0)
    counts = counts.astype(np.int64)
    gap = np.repeat(np.arange(len(counts)), counts)
    place = np.arange(len(gap)) - np.repeat(np.cumsum(counts) - counts, counts)
    # The last cell of a gap ends where the gap does, whatever its size would be.
    size = np.where(place + 1 == counts[gap], np.inf, ratio**place * first[:, None])
    edges = bounds[:, gap] + np.minimum(size, gaps[:, gap])
    return np.concatenate([bounds[:, :1], edges], axis=1)


def _gain(work: Floats, loss: Loss) -> Floats:
    """Σ of gains over the skills."""
    if loss == "mse":
        return len(work) - np.exp(-work).sum(axis=0)
    return log_omega(work).sum(axis=0)


def _find(table: Floats, wanted: Floats) -> Ints:
    """Index (≥ 1) of the first entry of each run's sorted table (runs, m) not below `wanted`."""
    found = np.empty(wanted.shape, dtype=np.int64)
    for run in range(len(table)):
        found[run] = np.searchsorted(table[run], wanted[run])
    return np.clip(found, 1, table.shape[1] - 1)


def _runs_of(values: Floats) -> Ints:
    """Run of each element of a flattened (runs, k) array."""
    return np.repeat(np.arange(len(values)), values.shape[1])


def _running(values: Floats, first: np.ndarray) -> Floats:
    """Sum of the earlier `values` of the same run; `first` marks where a run begins."""
    total = np.concatenate([[0.0], np.cumsum(values)[:-1]])
    begin = np.flatnonzero(first)
    return total - np.repeat(total[begin], np.diff(np.append(begin, len(values))))


def _compressed_gains(path: HardPath, tau: Floats) -> Floats:
    """Σ (u_i(0) − u_i(τ)) at many `tau` (k,) of one run under MSE, without skills × times.

    The open skills are kept as `Decays`; those that open since the last compression, and the
    times asked for, are paired one by one, `_CHUNK` of each.
    """
    skills = path.skills
    speed, opened = skills.speed[:, 0], path.opened[:, 0]
    moving = speed > 0.0
    speed, opened, start = speed[moving], opened[moving], np.exp(-skills.work[moving, 0])
    leak = skills.leak
    decays = Decays(np.concatenate([speed, leak * speed]))
    amounts = np.zeros(len(decays.nodes))
    order = np.argsort(opened, kind="stable")
    speed, opened, start = speed[order], opened[order], start[order]
    at_opening = start * np.exp(-np.where(np.isfinite(opened), leak * speed * opened, 0.0))
    opens = np.isfinite(opened)
    asked = np.argsort(tau, kind="stable")
    query = np.minimum(tau[asked], FAR)
    if leak:
        decays.spread(amounts, leak * speed, start)
    closed_before = np.concatenate([[0.0], np.cumsum(start)])
    left = np.empty(len(query))
    last = query[-1]
    bounds = np.concatenate([opened[opens][::_CHUNK], query[::_CHUNK], [last]])
    bounds = np.unique(bounds[bounds <= last])
    here, n_open, n_asked = 0.0, 0, 0

    def admit(stop: int, now: float) -> None:
        """Move skills up to `stop` from their gate's rate to their own, at clock `now`."""
        part = slice(n_open, stop)
        grown = at_opening[part] * np.exp(-speed[part] * (now - opened[part]))
        decays.spread(amounts, speed[part], grown)
        if leak:
            decays.spread(amounts, leak * speed[part], -start[part] * np.exp(-leak * speed[part] * now))

    for bound in bounds.tolist():
        joined = int(np.searchsorted(opened, bound, side="left"))
        answered = int(np.searchsorted(query, bound, side="right"))
        now = query[n_asked:answered]
        if len(now):
            far = np.exp(-np.outer(now - here, decays.nodes)) @ amounts
            part = slice(n_open, joined)
            age = now[:, None] - opened[part]
            is_open = age >= 0.0
            own = np.where(is_open, at_opening[part] * np.exp(-speed[part] * np.maximum(age, 0)), 0.0)
            if leak:
                own -= np.where(is_open, start[part] * np.exp(-leak * speed[part] * now[:, None]), 0.0)
                shut = 0.0
            else:
                shut = closed_before[-1] - closed_before[np.searchsorted(opened, now, side="right")]
                # Skills that open exactly at the bound have not been paired: still whole.
                late = np.searchsorted(opened, now, side="right")
                shut = shut + np.where(late > joined, closed_before[late] - closed_before[joined], 0.0)
            left[n_asked:answered] = far + own.sum(axis=1) + shut
        amounts *= np.exp(-decays.nodes * (bound - here))
        here = bound
        joined = int(np.searchsorted(opened, bound, side="right"))
        admit(joined, bound)
        n_open, n_asked = joined, answered
    result = np.empty(len(query))
    result[asked] = closed_before[-1] - left
    return result
