"""The continuous model written anew from `docs/theory.md`: a right-hand side and an integrator.

It shares with the engines nothing but the parsed scenario; gates are evaluated one by one. Slow and
plain on purpose: training time is cut at every mastery, trigger and intervention, and in between
SciPy integrates the equation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.integrate import solve_ivp
from scipy.special import expit, logit

from domino_sim.gates import Gate, all_of, parse_gate
from domino_sim.scenario import Scenario

#: Work (or logit) that stands for level 1.
FULL = 1e5


@dataclass
class Truth:
    """Levels, gates, shares (points, n) at the recorded steps; openings, masteries (n,), or NaN.

    `sure` (points,) is False where a step is so near a passage that either side of it may be seen.
    """

    level: np.ndarray
    gate: np.ndarray
    share: np.ndarray
    sure: np.ndarray
    opened: np.ndarray
    mastered: np.ndarray


def gates_of(scenario: Scenario) -> list[Gate | None]:
    """Each skill's gate, None where it has none."""
    graph = scenario.skill_graph()
    found: list[Gate | None] = []
    for name in scenario.names:
        text = graph.nodes[name].get("requires")
        if text is not None:
            found.append(parse_gate(text))
        else:
            found.append(all_of(graph.pred[name]) if graph.pred[name] else None)
    return found


class _Run:
    """The state between two instants at which something happens."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario, self.gates = scenario, gates_of(scenario)
        self.index = {name: i for i, name in enumerate(scenario.names)}
        n = len(scenario.names)
        self.p = scenario.frequency_array()
        self.present = np.arange(n) < scenario.base_count
        self.frozen = np.zeros(n, dtype=bool)
        _, shares, self.module = scenario.module_of()
        roots = np.sqrt(shares) if scenario.pool.law != "constant" else np.ones(len(shares))
        self.roots = roots
        self.eta, self.n0 = scenario.pool.rate, scenario.pool.wasted
        self.goal = self.state_at(scenario.mastery)
        with np.errstate(divide="ignore"):
            self.y = np.array([self.state_at(s) for s in scenario.level_array()])
        self.mastered, self.opened = np.full(n, np.nan), np.full(n, np.nan)
        self.pending = list(scenario.interventions)
        #: Who is not mastered, and which hard gates are open then.
        self.seen: tuple[bytes, list[bool]] = b"", []

    def state_at(self, level: float) -> float:
        with np.errstate(divide="ignore"):
            state = -np.log1p(-level) if self.scenario.loss == "mse" else logit(level)
        return float(min(state, FULL))

    def left(self, y: np.ndarray) -> np.ndarray:
        return np.exp(-y) if self.scenario.loss == "mse" else expit(-y)

    def log_left(self, y: np.ndarray) -> np.ndarray:
        """log u, relative to an unlearned skill's; it does not underflow."""
        return -y if self.scenario.loss == "mse" else np.log(2.0) - np.logaddexp(0.0, y)

    def openness(self, y: np.ndarray) -> np.ndarray:
        """How far the gate of each skill is open, without the leak."""
        if self.scenario.gate.kind == "hard":
            waiting = np.isnan(self.mastered).tobytes()
            if waiting != self.seen[0]:  # an integrator asks far more often than gates open
                done = dict(zip(self.index, ~np.isnan(self.mastered), strict=True))
                self.seen = waiting, [g is None or g.is_open(done.__getitem__) for g in self.gates]
            found = self.seen[1]
        else:
            seen = np.maximum(-np.expm1(self.scenario.gate.exponent * self.log_left(y)), 0.0)
            values = dict(zip(self.index, seen.tolist(), strict=True))
            found = [1.0 if g is None else g.soft(values) for g in self.gates]
        return np.where(self.present, np.array(found, dtype=float), 0.0)

    def speed(self, y: np.ndarray) -> np.ndarray:
        """c p of each skill."""
        leak = self.scenario.gate.leak
        c = leak + (1 - leak) * self.openness(y)
        return np.where(self.present & ~self.frozen, c * self.p, 0.0)

    def total(self, d: np.ndarray, m: int) -> float:
        """D of the demands in module m."""
        n0 = self.n0 * self.roots[m]
        if self.scenario.pool.law == "sum":
            return d.sum() + n0
        if self.scenario.pool.law == "norm":
            return np.sqrt((d**2).sum() + n0**2)
        return 1.0

    def share(self, y: np.ndarray) -> np.ndarray:
        """The share of its pool that each skill has: of D under ``sum``, of D² under ``norm``."""
        law, d, part = self.scenario.pool.law, self.speed(y) * self.left(y), np.zeros_like(y)
        for m in range(len(self.roots)):
            here = self.module == m
            total = self.total(d[here], m)
            if total > 0:
                part[here] = d[here] / total
        return np.full_like(y, np.nan) if law == "constant" else part ** (2 if law == "norm" else 1)

    def slope(self, y: np.ndarray) -> np.ndarray:
        cp = self.speed(y)
        d, dy = cp * self.left(y), np.zeros_like(y)
        for m, root in enumerate(self.roots):
            here = self.module == m
            total = self.total(d[here], m)
            moved = cp[here] if self.scenario.loss == "mse" else d[here]
            if total > 0:
                dy[here] = self.eta * root * moved / total
        return dy

    def settle(self, now: float) -> None:
        """Masteries, openings and interventions that are due, until nothing more happens."""
        again = True
        while again:
            again = False
            due = self.present & np.isnan(self.mastered) & (self.y >= self.goal)
            self.mastered[due] = now
            done = dict(zip(self.index, ~np.isnan(self.mastered), strict=True))
            now_mastered = done.__getitem__
            for i, gate in enumerate(self.gates):
                shut = self.present[i] and np.isnan(self.opened[i])
                if shut and (gate is None or gate.is_open(now_mastered)):
                    self.opened[i] = now
            for item in list(self.pending):
                trigger = item.trigger
                if trigger.kind == "at":
                    ready = trigger.step <= now
                else:
                    j = self.index[trigger.skill]
                    ready = self.present[j] and self.y[j] >= self.state_at(trigger.level)
                if ready:
                    self.pending.remove(item)
                    self.apply(item)
                    again = True

    def apply(self, item) -> None:
        for change in item.changes:
            if change.skill is not None:
                self.p[self.index[change.skill]] = change.value
            elif change.key == "rate":
                self.eta = change.value
            elif change.key == "wasted":
                self.n0 = change.value
        for names, where, value in (
            (item.freeze, self.frozen, True),
            (item.unfreeze, self.frozen, False),
            (item.add, self.present, True),
        ):
            for name in names:
                where[self.index[name]] = value


def integrate(scenario: Scenario, rtol: float = 1e-9) -> Truth:
    """Integrate `scenario` (``sum``, ``norm`` or ``constant``; rate and wasted given)."""
    run, now, end = _Run(scenario), 0.0, float(scenario.steps)
    record = scenario.record_steps().astype(float)
    states, gate, share = (np.empty((len(record), len(run.y))) for _ in range(3))
    sure = np.ones(len(record), dtype=bool)
    run.settle(0.0)

    def note(at: np.ndarray, y: np.ndarray) -> None:
        states[at] = y
        for k in np.flatnonzero(at):
            gate[k], share[k] = run.openness(states[k]), run.share(states[k])

    while True:
        note(record == now, run.y)
        if now >= end:
            break
        until = min([end] + [i.trigger.step for i in run.pending if i.trigger.kind == "at"])
        goals = [(i, run.goal) for i in np.flatnonzero(run.present & np.isnan(run.mastered))]
        for item in run.pending:
            if item.trigger.kind == "when":
                i = run.index[item.trigger.skill]
                if run.present[i]:
                    goals.append((i, run.state_at(item.trigger.level)))
        events = []
        for i, goal in goals:

            def passage(t, y, i=i, goal=goal):
                return y[i] - goal

            passage.terminal, passage.direction = True, 1.0
            events.append(passage)
        found = solve_ivp(
            lambda t, y: run.slope(y),
            (now, until),
            run.y,
            "DOP853",
            rtol=rtol,
            atol=1e-12,
            events=events,
            dense_output=True,
        )
        assert found.success, found.message
        stop = float(found.t[-1])
        inside = (record > now) & (record < stop)
        if inside.any():
            note(inside, found.sol(record[inside]).T)
        run.y = found.y[:, -1].copy()
        for (i, goal), times in zip(goals, found.t_events, strict=True):
            if len(times):
                run.y[i] = max(run.y[i], goal)
        now = until if found.status == 0 else stop
        if found.status == 1:
            sure &= abs(record - now) > 1e-6 * max(now, 1.0)
        run.settle(now)
    return Truth(1.0 - run.left(states), gate, share, sure, run.opened, run.mastered)


def serial(scenario: Scenario) -> Truth:
    """The ``domino`` law in one pool, from one instant at which something happens to the next."""
    run, now, end = _Run(scenario), 0.0, float(scenario.steps)
    run.state_at = float  # the state is the level itself
    run.y, run.goal = scenario.level_array(), 1.0
    record = scenario.record_steps().astype(float)
    levels, gate, share = (np.empty((len(record), len(run.y))) for _ in range(3))
    sure = np.ones(len(record), dtype=bool)
    run.settle(0.0)
    while True:
        waiting = run.present & ~run.frozen & (run.p > 0) & np.isnan(run.mastered)
        waiting &= ~np.isnan(run.opened)
        served = int(np.argmax(np.where(waiting, run.p, -1.0))) if waiting.any() else None
        instants = [end] + [i.trigger.step for i in run.pending if i.trigger.kind == "at"]
        goal = 1.0
        if served is not None:
            for item in run.pending:
                t = item.trigger
                if t.kind == "when" and run.index[t.skill] == served and t.level > run.y[served]:
                    goal = min(goal, t.level)
            instants.append(now + (goal - run.y[served]) / run.eta)
        until = min(instants)
        inside = (record >= now) & (record <= until)
        levels[inside], gate[inside], share[inside] = run.y, run.openness(run.y), 0.0
        if served is not None:
            share[inside, served] = 1.0
            levels[inside, served] = np.minimum(
                run.y[served] + run.eta * (record[inside] - now), 1.0
            )
            run.y[served] = (
                goal if until == instants[-1] else run.y[served] + run.eta * (until - now)
            )
        if now >= end:
            return Truth(levels, gate, share, sure, run.opened, run.mastered)
        if served is not None and until == instants[-1]:
            sure &= abs(record - until) > 1e-6 * max(until, 1.0)
        now = until
        run.settle(now)
