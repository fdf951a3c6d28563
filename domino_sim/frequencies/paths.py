"""Levels along the resource clock and how they answer to the frequencies: gates, hard and soft.

A `Course` says where every skill is at clock τ for any frequencies; a `View` is that at given
τ, with the products of its derivatives that least squares needs. Derivatives are by the
logarithms of the frequencies, J_kij = ∂s_ki/∂log p_j at fixed τ_k, and never stored whole where
they have structure: under hard gates J = diag(a) + diag(m) O, O the derivatives of the openings.

Shapes: records are axis 0, skills axis 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from domino_sim.engines import chebyshev
from domino_sim.engines.circuit import Circuit
from domino_sim.engines.clocks import grade
from domino_sim.engines.paths import HardPath, Rows, Skills, SoftPath
from domino_sim.errors import RunError
from domino_sim.levels import Floats, Loss, log_omega

__all__ = ["Course", "HardCourse", "SoftCourse", "View"]

#: Half the difference of log p between which derivatives are taken: error about its square.
_NUDGE = 1e-4

#: How often rows of a soft path may be halved to resolve it.
_MOST_SPLITS = 12

#: Work after which a level no longer changes in the digits that matter.
_SPENT = {"mse": 40.0, "ce": 1e6}


class View(Protocol):
    """Levels (k, n) at k instants of the clock, and their derivatives."""

    @property
    def level(self) -> Floats:
        """Levels."""

    @property
    def slope(self) -> Floats:
        """Their derivatives by τ."""

    def pull(self, x: Floats) -> Floats:
        """Return Σ_i x_ki J_kij, (k, n)."""

    def curvature(self, weight: Floats) -> Floats:
        """Return Σ_ki weight_ki J_kia J_kib, (n, n)."""

    def push(self, directions: Floats) -> Floats:
        """Return J V, (k, n, m), for `directions` V (n, m)."""


class Course(Protocol):
    """Where the skills are in the resource clock."""

    def at(self, log_p: Floats, last: float) -> Path:
        """Return the path with frequencies e^`log_p` (n,), wanted up to clock `last`."""

    def last(self, log_p: Floats) -> float:
        """Return a clock at which every skill is at rest."""


class Path(Protocol):
    """A course with its frequencies."""

    def levels(self, tau: Floats) -> tuple[Floats, Floats]:
        """Return levels and ds/dτ at `tau` (k,), each (k, n)."""

    def view(self, tau: Floats) -> View:
        """Return the same with derivatives by log p."""


def level_and_slope(work: Floats, loss: Loss) -> tuple[Floats, Floats]:
    """Return the level s and ds/dw at `work`.

    MSE: 1 − e^(−w) and e^(−w). CE: σ(l) and σ(l) σ(−l)², as dl/dw = 1/(1 + e^l).
    """
    if loss == "mse":
        left = np.exp(-work)
        return 1.0 - left, left
    grown = np.exp(log_omega(work))
    left = 1.0 / (1.0 + grown)
    level = grown * left
    return level, level * left * left


@dataclass(frozen=True, slots=True)
class HardView:
    """J = diag(own) + diag(delay) O."""

    level: Floats
    slope: Floats
    own: Floats
    delay: Floats | None
    openings: Floats

    def pull(self, x: Floats) -> Floats:
        pulled = x * self.own
        if self.delay is not None:
            pulled += (x * self.delay) @ self.openings
        return pulled

    def curvature(self, weight: Floats) -> Floats:
        whole = np.diag(np.einsum("ki,ki,ki->i", weight, self.own, self.own))
        if self.delay is not None:
            cross = np.einsum("ki,ki,ki->i", weight, self.own, self.delay)[:, None] * self.openings
            both = np.einsum("ki,ki,ki->i", weight, self.delay, self.delay)
            whole += cross + cross.T + self.openings.T @ (both[:, None] * self.openings)
        return whole

    def push(self, directions: Floats) -> Floats:
        pushed = self.own[:, :, None] * directions
        if self.delay is not None:
            pushed += self.delay[:, :, None] * (self.openings @ directions)
        return pushed


@dataclass(frozen=True, slots=True)
class FullView:
    """J stored whole, (k, n, n)."""

    level: Floats
    slope: Floats
    jacobian: Floats

    def pull(self, x: Floats) -> Floats:
        return np.matmul(x[:, None, :], self.jacobian)[:, 0]

    def curvature(self, weight: Floats) -> Floats:
        flat = self.jacobian.reshape(-1, self.jacobian.shape[2])
        return flat.T @ (weight.reshape(-1, 1) * flat)

    def push(self, directions: Floats) -> Floats:
        return self.jacobian @ directions


@dataclass(frozen=True)
class HardCourse:
    """Hard gates, or none (``docs/theory.md``, "Hard gates: a critical path").

    Attributes
    ----------
    work : (n,) array
        Work at the start; `target` is the work at mastery.
    """

    circuit: Circuit
    work: Floats
    target: float
    leak: float
    loss: Loss

    def at(self, log_p: Floats, last: float) -> HardRoute:
        return HardRoute(self, np.exp(log_p))

    def last(self, log_p: Floats) -> float:
        p = np.exp(log_p)
        opened = 0.0 if self.circuit.free else self.openings(p[:, None])[:, 0]
        return float((opened + _SPENT[self.loss] / p).max())

    def openings(self, p: Floats) -> Floats:
        """Return when gates open for every set of frequencies (n, sets)."""
        work = np.broadcast_to(self.work[:, None], p.shape)
        skills = Skills(self.circuit, work, p, self.target, self.leak, self.loss)
        return HardPath(skills).opened


class HardRoute:
    """Work is p (λ τ + (1 − λ)(τ − opened)₊) above its start."""

    def __init__(self, course: HardCourse, p: Floats) -> None:
        self.course, self.p = course, p
        self.free = course.circuit.free
        self.opened = np.zeros(len(p)) if self.free else course.openings(p[:, None])[:, 0]

    def _passed(self, tau: Floats) -> tuple[Floats, np.ndarray]:
        """How long each skill has learned at full gate, (k, n), and whether its gate is open."""
        if self.free:
            shape = (len(tau), len(self.p))
            return np.broadcast_to(tau[:, None], shape), np.ones(shape, dtype=bool)
        since = tau[:, None] - self.opened
        leak = self.course.leak
        return leak * tau[:, None] + (1.0 - leak) * np.maximum(since, 0.0), since >= 0.0

    def levels(self, tau: Floats) -> tuple[Floats, Floats]:
        passed, is_open = self._passed(tau)
        level, steep = level_and_slope(self.course.work + self.p * passed, self.course.loss)
        return level, steep * self.p * np.where(is_open, 1.0, self.course.leak)

    def view(self, tau: Floats) -> HardView:
        passed, is_open = self._passed(tau)
        level, steep = level_and_slope(self.course.work + self.p * passed, self.course.loss)
        pace = steep * self.p
        leak, n = self.course.leak, len(self.p)
        if self.free:
            return HardView(level, pace, pace * passed, None, np.zeros((n, n)))
        slope = pace * np.where(is_open, 1.0, leak)
        delay = np.where(is_open, -(1.0 - leak) * pace, 0.0)
        return HardView(level, slope, pace * passed, delay, self._moved())

    def _moved(self) -> Floats:
        """∂opened_i/∂log p_j, (n, n): exact but for kinks, where it is the mean of both sides."""
        n = len(self.p)
        up, down = np.exp(_NUDGE), np.exp(-_NUDGE)
        sets = np.tile(self.p[:, None], 2 * n)
        sets[np.arange(n), np.arange(n)] *= up
        sets[np.arange(n), n + np.arange(n)] *= down
        opened = self.course.openings(sets)
        return (opened[:, :n] - opened[:, n:]) / (2.0 * np.sinh(_NUDGE))


@dataclass(frozen=True)
class SoftCourse:
    """Soft gates 1 − u^α (``docs/theory.md``, "Soft gates: one quadrature a skill")."""

    circuit: Circuit
    work: Floats
    target: float
    leak: float
    loss: Loss
    exponent: float

    def at(self, log_p: Floats, last: float) -> SoftRoute:
        return SoftRoute(self, log_p, last)

    def last(self, log_p: Floats) -> float:
        # A soft gate is nearly open where u^α is small: a hard gate at that work opens later.
        late = 4.0 / self.exponent
        late = late if self.loss == "mse" else float(np.exp(min(late, 20.0)))
        hard = HardCourse(self.circuit, self.work, late, self.leak, self.loss)
        try:
            return hard.last(log_p)
        except RunError:  # so late that double precision cannot tell
            return np.inf


class SoftRoute:
    """Work on rows of Chebyshev points, the same rows for frequencies a little off."""

    def __init__(self, course: SoftCourse, log_p: Floats, last: float) -> None:
        self.course, self.log_p = course, log_p
        p = np.exp(log_p)[:, None]
        edges = grade(np.zeros((1, 1)), np.array([last]), p, ratio=1.5)[0]
        edges = np.unique(edges)
        rows = Rows(np.zeros(len(edges) - 1, dtype=np.int64), edges[:-1], edges[1:])
        for _ in range(_MOST_SPLITS):
            self.work, self.pace, resolved = self._run(p, rows)
            if resolved.all():
                break
            rows = rows.split(~resolved)
        self.rows = rows

    def _run(self, p: Floats, rows: Rows) -> tuple[Floats, Floats, np.ndarray]:
        c, sets = self.course, p.shape[1]
        work = np.broadcast_to(c.work[:, None], p.shape)
        path = SoftPath(Skills(c.circuit, work, p, c.target, c.leak, c.loss), c.exponent)
        where = np.repeat(np.arange(sets), len(rows.start))
        return path.on(Rows(where, np.tile(rows.start, sets), np.tile(rows.end, sets)))

    def _read(self, tau: Floats, values: Floats) -> Floats:
        """Interpolate `values` (m, rows, points) at `tau` (k,): (k, m)."""
        from scipy.sparse import csr_matrix

        rows, points = self.rows, len(chebyshev.POINTS)
        row = np.searchsorted(rows.start, tau, side="right") - 1
        row = np.clip(row, 0, len(rows.start) - 1)
        x = (tau - 0.5 * (rows.start + rows.end)[row]) / rows.half[row, 0]
        inside = np.clip(x, -1.0, 1.0)
        lift = chebyshev.basis(inside) @ chebyshev.COEFFICIENTS.T
        columns = row[:, None] * points + np.arange(points)
        ends = np.arange(0, len(tau) * points + 1, points)
        shape = (len(tau), len(rows.start) * points)
        table = values.reshape(len(values), -1).T
        return csr_matrix((lift.ravel(), columns.ravel(), ends), shape=shape) @ table

    def levels(self, tau: Floats) -> tuple[Floats, Floats]:
        level, steep = level_and_slope(self._read(tau, self.work), self.course.loss)
        return level, steep * self._read(tau, self.pace)

    def view(self, tau: Floats) -> FullView:
        n = len(self.log_p)
        nudged = self.log_p[:, None] + _NUDGE * np.hstack([np.eye(n), -np.eye(n)])
        work, _, _ = self._run(np.exp(nudged), self.rows)
        work = work.reshape(n, 2, n, len(self.rows.start), -1)
        moved = (work[:, 0] - work[:, 1]) / (2.0 * _NUDGE)
        level, steep = level_and_slope(self._read(tau, self.work), self.course.loss)
        slope = steep * self._read(tau, self.pace)
        jacobian = self._read(tau, moved.reshape(n * n, *moved.shape[2:])).reshape(-1, n, n)
        jacobian *= steep[:, :, None]
        return FullView(level, slope, jacobian)
