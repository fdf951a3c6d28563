"""Correlated tasks without gates: what the Gram matrix C of the task vectors does to levels.

MSE: du/dτ = −C P u is linear, so u(τ) = u(0) − C P^½ V diag((1 − e^(−Λτ))/Λ) Vᵀ P^½ u(0) with the
eigenvectors of P^½ C P^½ (``docs/theory.md``, "Correlated tasks"); null modes drop out, and skills
of frequency zero are carried along. CE is nonlinear: an ordinary differential equation in t.
Both have the interface of a phase of one run.
"""

from __future__ import annotations

import numpy as np

from domino_sim.engines.clocks import FAR, PlainClock, grade
from domino_sim.engines.paths import Rows
from domino_sim.engines.phase import Sample
from domino_sim.engines.row_clock import Flow, RowClock
from domino_sim.errors import RunError
from domino_sim.levels import Floats, Ints
from domino_sim.pool import Law

_BISECTIONS = 80


class CorrelatedPhase:
    """MSE with a Gram matrix: closed form in τ, one quadrature for the clock.

    Parameters
    ----------
    gram : (n, n) array
        Gram matrix C of the task vectors.
    left : (n,) array
        Unlearned parts at t = 0; they may leave [0, 1].
    speed : (n,) array
        Frequencies, 0 for frozen skills.
    held : (n,) array of bool
        Frozen skills: others do not move their levels either.
    threshold
        Level of mastery.
    begun
        Training step at which the phase begins, for messages.
    """

    def __init__(
        self,
        gram: Floats,
        left: Floats,
        speed: Floats,
        held: np.ndarray,
        law: Law,
        rate: float,
        wasted: float,
        horizon: float,
        threshold: float,
        begun: float,
    ) -> None:
        self.speed, self.left, self.law, self.wasted = speed, left, law, wasted
        on = speed > 0.0
        root = np.sqrt(speed[on])
        values, vectors = np.linalg.eigh(root[:, None] * gram[np.ix_(on, on)] * root)
        top = values.max(initial=0.0)
        kept = values > len(values) * np.finfo(float).eps * top
        self._decay = values[kept]
        weights = vectors[:, kept].T @ (root * left[on])
        self._modes = (gram[:, on] * root) @ vectors[:, kept] * weights
        self._modes[held] = 0.0
        rates, horizons = np.array([rate]), np.array([horizon])
        self.clock: PlainClock | RowClock
        if law == "constant":
            self.clock = PlainClock(rates)
        else:
            self.clock = self._row_clock(rates, horizons)
            self._refuse_zero(begun, horizon)
        self.mastered = self.passages(np.arange(len(left)), np.full(len(left), threshold))
        self.mastered[self.mastered > horizon] = np.inf
        self.opened = np.zeros(len(left))

    def left_at(self, tau: Floats) -> Floats:
        """Unlearned parts (n, …) at clock `tau` (…)."""
        gone = -np.expm1(-np.multiply.outer(self._decay, tau))
        gone /= self._decay.reshape(-1, *([1] * np.ndim(tau)))
        return self.left.reshape(-1, *([1] * np.ndim(tau))) - np.tensordot(self._modes, gone, 1)

    def division_at(self, tau: Floats) -> Floats:
        """D at clock `tau`; signed under ``sum``."""
        demand = self.speed.reshape(-1, *([1] * np.ndim(tau))) * self.left_at(tau)
        if self.law == "sum":
            return demand.sum(axis=0) + self.wasted
        flow = np.tensordot(self._modes, np.exp(-np.multiply.outer(self._decay, tau)), 1)
        return np.sqrt(np.maximum((demand * flow).sum(axis=0), 0.0) + self.wasted**2)

    def sample(self, t: Floats) -> Sample:
        """State at training times `t` (k,); arrays (n, k), `wasted` (k,)."""
        tau = self.clock.tau(t[None])[0]
        left = self.left_at(tau)
        demand = self.speed[:, None] * left
        if self.law == "constant":
            share, wasted = np.full_like(left, np.nan), np.full_like(tau, np.nan)
        else:
            total = self.division_at(tau)
            safe = np.where(total == 0.0, 1.0, total)
            if self.law == "sum":
                share, wasted = demand / safe, self.wasted / safe
            else:
                flow = np.tensordot(self._modes, np.exp(-np.multiply.outer(self._decay, tau)), 1)
                share, wasted = demand * flow / safe**2, np.square(self.wasted / safe)
            wasted = np.where(total == 0.0, 1.0, wasted)
        return Sample(1.0 - left, np.ones_like(left), share, wasted)

    def crossing(self, skill: int, level: float) -> float:
        """Training time at which `skill` first passes `level`; inf if it does not."""
        return float(self.passages(np.array([skill]), np.array([level]))[0])

    def end_state(self, t: float) -> Floats:
        """Unlearned parts (n,) at training time `t`."""
        return self.left_at(self.clock.tau(np.array([[t]]))[0, 0])

    def _row_clock(self, rate: Floats, horizon: Floats) -> RowClock:
        def flow(rows: Rows) -> Flow:
            # Where D goes below zero the run is refused. Until that is seen time stands still: were
            # it to run back, rows could never be told from resolved ones, and be halved for ever.
            divided = np.maximum(self.division_at(rows.tau), 0.0)
            return Flow(divided, np.ones(len(rows.start), dtype=bool))

        fastest = float(self._decay.max(initial=0.0))
        slowest = float(self._decay.min(initial=np.inf))
        end = float(horizon[0] * rate[0]) / self.wasted if self.wasted > 0.0 else np.inf
        end = min(end, 800.0 / slowest if np.isfinite(slowest) else 1.0, FAR)
        edges = grade(
            np.zeros((1, 1)), np.array([max(end, 1e-300)]), np.array([[fastest]]), ratio=1.5
        )
        return RowClock(flow, edges, rate, horizon)

    def _refuse_zero(self, begun: float, horizon: float) -> None:
        """Refuse the run if D reaches zero before it ends: the law then divides by nothing."""
        assert isinstance(self.clock, RowClock)
        division = self.division_at(self.clock.rows.tau)
        largest = np.abs(division).max(initial=0.0)
        bad = division < -1e-12 * largest
        if self.law == "sum" and bad.any():
            row, point = np.unravel_index(int(np.argmax(bad)), bad.shape)
            step = begun + float(self.clock.times[row, point])
            if step <= begun + horizon:
                raise RunError(
                    f"the total demand plus N₀ reaches zero near step {step:.6g}: with correlated "
                    "tasks the law 'sum' adds signed demands; use a larger pool.wasted, or the "
                    "law 'norm'"
                )

    def passages(self, skills: Ints, levels: Floats) -> Floats:
        """First training times (k,) at which `skills` (k,) reach `levels` (k,); inf for never."""
        if isinstance(self.clock, RowClock):
            tau = self.clock.rows.tau.ravel()
        else:
            slowest = float(self._decay.min(initial=1.0))
            fastest = float(self._decay.max(initial=1.0))
            span = np.array([60.0 / slowest])
            edges = grade(np.zeros((1, 1)), span, np.array([[fastest]]), ratio=1.5)[0]
            tau = Rows(np.zeros(len(edges) - 1, dtype=np.int64), edges[:-1], edges[1:]).tau.ravel()
        gone = -np.expm1(-np.outer(self._decay, tau)) / self._decay[:, None]
        reached = 1.0 - self.left[skills, None] + self._modes[skills] @ gone >= levels[:, None]
        some = np.flatnonzero(reached.any(axis=1))
        first = reached[some].argmax(axis=1)
        low, high = tau[np.maximum(first - 1, 0)], tau[first]
        modes, start = self._modes[skills[some]], self.left[skills[some]]
        for _ in range(_BISECTIONS):
            middle = 0.5 * (low + high)
            gone = -np.expm1(-np.outer(middle, self._decay)) / self._decay
            above = 1.0 - (start - np.einsum("im,im->i", modes, gone)) >= levels[some]
            high, low = np.where(above, middle, high), np.where(above, low, middle)
        time = np.full(len(skills), np.inf)
        time[some] = self.clock.time(high[None], slice(None))[0]
        time[some[first == 0]] = 0.0
        return time


class CorrelatedEntropyPhase:
    """CE with a Gram matrix: dl/dt = η C d/D, integrated to 1e-11."""

    def __init__(
        self,
        gram: Floats,
        logit: Floats,
        speed: Floats,
        held: np.ndarray,
        law: Law,
        rate: float,
        wasted: float,
        horizon: float,
        threshold: float,
    ) -> None:
        from scipy.integrate import solve_ivp
        from scipy.special import expit

        self.gram, self.speed, self.held, self.law = gram, speed, held, law
        self.rate, self.wasted = rate, wasted
        self._level = expit
        self._solution = solve_ivp(
            lambda _, logits: self._slope(logits),
            (0.0, max(horizon, 1e-9)),
            logit,
            method="DOP853",
            rtol=1e-11,
            atol=1e-12,
            dense_output=True,
        )
        if not self._solution.success:
            raise RunError(f"the correlated CE run failed: {self._solution.message}")
        self.mastered = self.passages(np.arange(len(logit)), np.full(len(logit), threshold))
        self.opened = np.zeros(len(logit))

    def sample(self, t: Floats) -> Sample:
        """State at training times `t` (k,); arrays (n, k), `wasted` (k,)."""
        logits = self._solution.sol(t)
        demand = self.speed[:, None] * self._level(-logits)
        if self.law == "constant":
            share, wasted = np.full_like(demand, np.nan), np.full_like(t, np.nan)
        elif self.law == "sum":
            total = demand.sum(axis=0) + self.wasted
            share, wasted = demand / total, self.wasted / total
        else:
            flow = self.gram @ demand
            square = np.maximum((demand * flow).sum(axis=0), 0.0) + self.wasted**2
            share, wasted = demand * flow / square, self.wasted**2 / square
        return Sample(self._level(logits), np.ones_like(demand), share, wasted)

    def crossing(self, skill: int, level: float) -> float:
        """Training time at which `skill` first passes `level`; inf if it does not."""
        from scipy.optimize import brentq
        from scipy.special import logit

        wanted = float(logit(level))
        times, values = self._solution.t, self._solution.y[skill]
        reached = np.flatnonzero(values >= wanted)
        if not len(reached):
            return np.inf
        k = int(reached[0])
        if k == 0:
            return 0.0
        return float(
            brentq(
                lambda t: float(self._solution.sol(t)[skill]) - wanted,
                times[k - 1],
                times[k],
                xtol=1e-12,
                rtol=1e-14,
            )
        )

    def passages(self, skills: Ints, levels: Floats) -> Floats:
        """First training times (k,) at which `skills` (k,) reach `levels` (k,)."""
        asked = zip(skills.tolist(), levels.tolist(), strict=True)
        return np.array([self.crossing(skill, level) for skill, level in asked])

    def end_state(self, t: float) -> Floats:
        """Logits (n,) at training time `t`."""
        return self._solution.sol(t)

    def _slope(self, logits: Floats) -> Floats:
        demand = self.speed * self._level(-logits)
        flow = self.gram @ demand
        pace = self.rate * np.where(self.held, 0.0, flow)
        if self.law == "constant":
            return pace
        if self.law == "sum":
            return pace / (demand.sum() + self.wasted)
        return pace / np.sqrt(max(float(demand @ flow), 0.0) + self.wasted**2)
