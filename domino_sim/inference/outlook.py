"""What a run with a certain mixture would tell of the gates in doubt, simulated beforehand.

Everything is in the resource clock. How long a run is there, and how many of its records fall
where, is the one thing that takes a pool law (`Pace`). What two graphs' curves differ by is the
distance that no clock takes away: of every record, to the nearest point of the other's curve.

Shapes: (skills, mixtures, points).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from domino_sim.gates import Gate
from domino_sim.inference.doubts import Doubts
from domino_sim.inference.evidence import SHOWS
from domino_sim.inference.forms import Courses
from domino_sim.inference.study import NEVER
from domino_sim.levels import Floats, work_from_level
from domino_sim.pool import Law, division

__all__ = ["ANY", "LAWS", "Outlook", "Pace", "View"]

#: A skill that takes so much longer than the fastest is not learned in a run.
_TOO_LONG = 1e6

#: Parts of a skill's way at which a curve has points; the last but one is about mastery. Of more
#: skills than `_FEW` there are fewer.
_MARKS = np.array([0.03, 0.2, 0.4, 0.6, 0.8, 0.93, 0.99, 0.9995])
_FEW_MARKS, _FEW = np.array([0.15, 0.5, 0.85, 0.99, 0.9995]), 25
_LEARNED = -2

#: A run lasts so many times as long as its last mastery, or as its median mastery if that is less:
#: one slow skill should not squeeze all others into a few records.
_LONGER, _LATEST = 1.15, 3.0


#: A law that is not known, and those that it may be.
ANY = "any"
LAWS: tuple[Law, ...] = ("sum", "norm", "constant")


@dataclass(frozen=True)
class Pace:
    """How a run goes through the resource clock.

    Attributes
    ----------
    laws, wasted
        The pool laws that the run may have, and N₀.
    points
        Equally spaced records of a run.
    """

    laws: tuple[Law, ...] = LAWS
    wasted: float = 0.01
    points: int = 200

    @property
    def law(self) -> str:
        """The name of the law; ``any`` of several."""
        return self.laws[0] if len(self.laws) == 1 else ANY


@dataclass
class View:
    """One graph under many mixtures.

    Attributes
    ----------
    done : (n, mixtures) array
        When each skill is learned, in the resource clock.
    tau : (mixtures, points) array
        Points of the clock.
    level : (n, mixtures, points) array
        Levels there.
    records : (laws, mixtures, points) array
        How many records fall to each point.
    """

    tracks: dict[int, Floats]
    values: dict[int, Floats]
    done: Floats
    tau: Floats
    level: Floats
    records: Floats


class Outlook:
    """Mixtures (m, n), each adding up to 1, and what the gates in doubt would do under them."""

    def __init__(self, doubts: Doubts, mixtures: Floats, pace: Pace) -> None:
        self.doubts, self.pace = doubts, pace
        least = NEVER * mixtures.max(axis=1, keepdims=True)
        self.mixtures = mixtures
        self.courses = Courses(doubts.form, np.maximum(mixtures, least))
        form = doubts.form
        parts = _MARKS if len(doubts.names) <= _FEW else _FEW_MARKS
        marks = form.floor + (1.0 - form.floor) * parts
        self._work = work_from_level(marks, form.loss) - form.start

    def view(self, chosen: Sequence[int]) -> View:
        """Return the courses of the graph in which every skill has the option `chosen`."""
        doubts = self.doubts
        order = doubts.order(chosen)
        assert order is not None
        tracks: dict[int, Floats] = {}
        values: dict[int, Floats] = {}
        for i in order:
            self._follow(i, doubts.options[i][chosen[i]].gate, tracks, values)
        passed = np.stack([self._passed(i, tracks[i]) for i in range(len(order))])
        tau = self._points(passed)
        level, slope = self._levels(list(range(len(order))), tracks, tau)
        done = passed[:, :, _LEARNED]
        records = np.stack([self._records(law, done, tau, level, slope) for law in self.pace.laws])
        return View(tracks, values, done, tau, level, records)

    def distance(self, view: View, chosen: Sequence[int], skill: int, option: int) -> Floats:
        """Return χ² (mixtures,) by which another gate of `skill` would fit worse, at least.

        It is that of the law under which it is least: 0 where some law shows no record that is
        moved by more than 0.05. NaN where the graph would have a cycle.
        """
        other = list(chosen)
        other[skill] = option
        order = self.doubts.order(other)
        if order is None:
            return np.full(len(self.mixtures), np.nan)
        tracks, values = dict(view.tracks), dict(view.values)
        changed: list[int] = []
        for i in order:
            one = self.doubts.options[i][other[i]]
            if i == skill or not one.needs.isdisjoint(changed):
                self._follow(i, one.gate, tracks, values)
                if not np.array_equal(tracks[i], view.tracks[i]):
                    changed.append(i)
        if not changed:
            return np.zeros(len(self.mixtures))
        passed = np.stack([self._passed(i, tracks[i]) for i in changed])
        new = self._points(passed)[:, 1:]
        tau = np.concatenate([view.tau, new], axis=1)
        at = np.argsort(tau, axis=1, kind="stable")
        tau = np.take_along_axis(tau, at, axis=1)
        same = [i for i in range(len(order)) if i not in changed]
        level = np.empty((len(order), *tau.shape))
        level[changed] = self._levels(changed, tracks, tau)[0]
        if same:
            fresh, _ = self._levels(same, tracks, new)
            both = np.concatenate([view.level[same], fresh], axis=2)
            level[same] = np.take_along_axis(both, at[None], axis=2)
        apart = _nearest(np.moveaxis(view.level, 0, -1), np.moveaxis(level, 0, -1))
        told = (view.records * apart).sum(axis=-1) / self.doubts.noise**2
        seen = np.where(view.records > 0.0, apart, 0.0).max(axis=-1) > SHOWS**2
        return np.where(seen, told, 0.0).min(axis=0)

    def _follow(
        self, skill: int, gate: Gate | None, tracks: dict[int, Floats], values: dict[int, Floats]
    ) -> None:
        """Find the track of a skill, and what gates see of it."""
        courses, form = self.courses, self.doubts.form
        track = courses.track(skill, self._open_time(gate, values))
        tracks[skill] = track
        if form.kind == "hard":
            values[skill] = courses.mastered(skill, track)
        else:
            # So small a frequency would still open gates in the end.
            trained = self.mixtures[:, skill, None] > 0.0
            values[skill] = np.where(trained, courses.opened(track), 0.0)

    def _open_time(self, gate: Gate | None, values: Mapping[int, Floats]) -> Floats:
        """Return when a gate opens (mixtures,), or how long it has been open (mixtures, grid)."""
        hard, courses = self.doubts.form.kind == "hard", self.courses
        if gate is None:
            return np.zeros(len(self.mixtures)) if hard else courses.grid
        index = {name: i for i, name in enumerate(self.doubts.names)}
        stack: list[Floats] = []
        for item in gate.program:
            if isinstance(item, str):
                stack.append(values[index[item]])
                continue
            k, n = item
            sorted_values = np.sort(np.stack(stack[-n:]), axis=0)
            del stack[-n:]
            stack.append(sorted_values[k - 1] if hard else sorted_values[n - k :].prod(axis=0))
        if hard:
            return stack[0]
        leak = courses.form.leak
        c = leak + (1.0 - leak) * stack[0]
        time = np.zeros_like(courses.grid)
        width = np.diff(courses.grid, axis=1)
        np.cumsum(0.5 * (c[:, 1:] + c[:, :-1]) * width, axis=1, out=time[:, 1:])
        return time

    def _passed(self, skill: int, track: Floats) -> Floats:
        """Return when a skill passes the marks, (mixtures, marks)."""
        work = np.broadcast_to(self._work, (len(self.mixtures), len(self._work)))
        return self.courses.inverse(skill, track[None], work)[0]

    def _points(self, passed: Floats) -> Floats:
        """Return the clock's start and all instants at which a skill passes a mark."""
        fast = 1.0 / self.mixtures.max(axis=1)[:, None]
        each = np.concatenate([np.zeros_like(fast), *passed], axis=1)
        return np.sort(np.minimum(each, _TOO_LONG * fast), axis=1)

    def _levels(
        self, skills: list[int], tracks: Mapping[int, Floats], tau: Floats
    ) -> tuple[Floats, Floats]:
        stacked = np.stack([tracks[i] for i in skills])
        return self.courses.levels(skills, stacked, tau, self.courses.place(tau))

    def _records(self, law: Law, done: Floats, tau: Floats, level: Floats, slope: Floats) -> Floats:
        """Return how many records of a run fall to each point of its clock."""
        with np.errstate(divide="ignore", invalid="ignore"):
            # Demand c p u: dτ times it is what a skill gains, its level or (ce) log-odds.
            spread = level * (1.0 - level)
            demand = slope if self.doubts.form.loss == "mse" else np.where(
                spread > 0.0, slope / spread, 0.0
            )  # fmt: skip
        pace = division(demand, self.pace.wasted, law)
        if law == "sum" and self.doubts.form.loss == "mse":
            t = self.pace.wasted * tau + level.sum(axis=0)
        else:
            steps = 0.5 * (pace[:, 1:] + pace[:, :-1]) * np.diff(tau, axis=1)
            t = np.concatenate([np.zeros((len(tau), 1)), np.cumsum(steps, axis=1)], axis=1)
        never = done * self.mixtures.max(axis=1) >= _TOO_LONG
        when = np.stack([np.interp(d, x, y) for d, x, y in zip(done.T, tau, t, strict=True)])
        when = np.where(never.T, np.nan, when)
        nothing = never.all(axis=0)
        when[nothing] = 1.0
        last, middle = np.nanmax(when, axis=1), np.nanmedian(when, axis=1)
        end = np.minimum(_LONGER * last, _LATEST * middle)[:, None]
        edge = np.concatenate([t[:, :1], 0.5 * (t[:, 1:] + t[:, :-1]), t[:, -1:]], axis=1)
        edge = np.minimum(edge, end)
        # What is left when the last point has passed is spent there.
        edge[:, -1] = end[:, 0]
        records = self.pace.points * np.diff(edge, axis=1) / end
        records[nothing] = 0.0
        return records


def _nearest(curve: Floats, other: Floats) -> Floats:
    """Return the squared distance of points (m, t, n) to the nearest of a polyline (m, s, n)."""
    # Which point is nearest needs no more digits than these, and is most of the work.
    few = other.astype(np.float32)
    apart = curve.astype(np.float32) @ np.swapaxes(few, 1, 2)
    apart *= -2.0
    apart += np.einsum("msn,msn->ms", few, few)[:, None, :]
    near = np.argmin(apart, axis=2)
    last = other.shape[1] - 1
    best = np.full(curve.shape[:2], np.inf)
    rows = np.arange(len(curve))[:, None]
    for first in (np.maximum(near - 1, 0), np.minimum(near, last - 1)):
        start, end = other[rows, first], other[rows, first + 1]
        along, away = end - start, curve - start
        length = np.einsum("mtn,mtn->mt", along, along)
        part = np.einsum("mtn,mtn->mt", along, away) / np.where(length > 0.0, length, 1.0)
        miss = away - np.clip(part, 0.0, 1.0)[..., None] * along
        best = np.minimum(best, np.einsum("mtn,mtn->mt", miss, miss))
    return best
