"""The continuous model written anew from `docs/theory.md`: a right-hand side and an integrator.

It shares with the engines nothing but the parsed scenario. Slow and plain on purpose: training time
is cut at every mastery, trigger and intervention, and in between SciPy integrates the equation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.integrate import solve_ivp
from scipy.special import expit, logit

from domino_sim.gates import parse_gate
from domino_sim.scenario import Scenario

#: Work (or logit) that stands for level 1.
FULL = 1e5


@dataclass
class Truth:
    """Levels (points, n) at the recorded steps; openings and masteries (n,), NaN = never."""

    level: np.ndarray
    opened: np.ndarray
    mastered: np.ndarray


def evaluate(program: Sequence, value: Callable[[str], float], join: Callable) -> float:
    """Value of a gate in postfix form; `join(k, values)` is that of "at least k of"."""
    stack: list[float] = []
    for token in program:
        if isinstance(token, str):
            stack.append(value(token))
        else:
            k, width = token
            inputs = stack[-width:]
            del stack[-width:]
            stack.append(join(k, inputs))
    return stack[0]


def soft_join(k: int, values: list[float]) -> float:
    """Π of the k largest: AND is the product of all, OR the maximum."""
    result = 1.0
    for v in sorted(values)[len(values) - k :]:
        result *= v
    return result


def hard_join(k: int, values: list[float]) -> float:
    """1 if at least k of the values are."""
    return 1.0 if sum(values) >= k else 0.0


def programs(scenario: Scenario) -> list:
    """Each skill's gate in postfix form, None where it has none."""
    graph = scenario.skill_graph()
    found = []
    for name in scenario.names:
        text = graph.nodes[name].get("requires")
        if text is not None:
            found.append(parse_gate(text).program)
        elif graph.pred[name]:
            before = tuple(graph.pred[name])
            found.append((*before, (len(before), len(before))))
        else:
            found.append(None)
    return found


class _Run:
    """The state between two instants at which something happens."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario, self.gates = scenario, programs(scenario)
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

    def state_at(self, level: float) -> float:
        with np.errstate(divide="ignore"):
            state = -np.log1p(-level) if self.scenario.loss == "mse" else logit(level)
        return float(min(state, FULL))

    def left(self, y: np.ndarray) -> np.ndarray:
        return np.exp(-y) if self.scenario.loss == "mse" else expit(-y)

    def log_left(self, y: np.ndarray) -> np.ndarray:
        """log u, relative to an unlearned skill's; it does not underflow."""
        return -y if self.scenario.loss == "mse" else np.log(2.0) - np.logaddexp(0.0, y)

    def gate(self, i: int, log_left: np.ndarray) -> float:
        program = self.gates[i]
        if program is None:
            return 1.0
        form = self.scenario.gate
        if form.kind == "hard":
            done = ~np.isnan(self.mastered)
            value = evaluate(program, lambda s: float(done[self.index[s]]), hard_join)
        else:

            def seen(name: str) -> float:
                return max(-np.expm1(form.exponent * log_left[self.index[name]]), 0.0)

            value = evaluate(program, seen, soft_join)
        return form.leak + (1 - form.leak) * value

    def slope(self, y: np.ndarray) -> np.ndarray:
        law, left, logs = self.scenario.pool.law, self.left(y), self.log_left(y)
        speed = np.where(self.present & ~self.frozen, self.p, 0.0)
        cp = np.array([self.gate(i, logs) * s if s else 0.0 for i, s in enumerate(speed)])
        d, dy = cp * left, np.zeros_like(y)
        for m, root in enumerate(self.roots):
            here = self.module == m
            n0 = self.n0 * root
            if law == "sum":
                total = d[here].sum() + n0
            elif law == "norm":
                total = np.sqrt((d[here] ** 2).sum() + n0**2)
            else:
                total = 1.0
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
            for i, program in enumerate(self.gates):
                shut = self.present[i] and np.isnan(self.opened[i])
                if shut and (program is None or evaluate(program, now_mastered, hard_join)):
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


def integrate(scenario: Scenario, rtol: float = 1e-11) -> Truth:
    """Integrate `scenario` (``sum``, ``norm`` or ``constant``; rate and wasted given)."""
    run, now, end = _Run(scenario), 0.0, float(scenario.steps)
    record = scenario.record_steps().astype(float)
    states = np.empty((len(record), len(run.y)))
    run.settle(0.0)
    while True:
        states[record == now] = run.y
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
            states[inside] = found.sol(record[inside]).T
        run.y = found.y[:, -1].copy()
        for (i, goal), times in zip(goals, found.t_events, strict=True):
            if len(times):
                run.y[i] = max(run.y[i], goal)
        now = until if found.status == 0 else stop
        run.settle(now)
    return Truth(1.0 - run.left(states), run.opened, run.mastered)


def serial(scenario: Scenario) -> Truth:
    """The ``domino`` law in one pool, from one instant at which something happens to the next."""
    run, now, end = _Run(scenario), 0.0, float(scenario.steps)
    run.state_at = float  # the state is the level itself
    run.y, run.goal = scenario.level_array(), 1.0
    record = scenario.record_steps().astype(float)
    levels = np.empty((len(record), len(run.y)))
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
        levels[inside] = run.y
        if served is not None:
            levels[inside, served] = np.minimum(
                run.y[served] + run.eta * (record[inside] - now), 1.0
            )
            run.y[served] = (
                goal if until == instants[-1] else run.y[served] + run.eta * (until - now)
            )
        if until >= end and now >= end:
            return Truth(levels, run.opened, run.mastered)
        now = until
        run.settle(now)
        if until >= end:
            return Truth(levels, run.opened, run.mastered)
