"""Soft gates in a discrete-event run: prerequisites are followed by quanta of their gate input.

A soft gate is a smooth function of its prerequisites' inputs v = 1 − u^α. Each prerequisite
reports when v passes the next of a set of thresholds; until the one after, every gate that uses it
takes v's mean over that stretch of work. For a prerequisite that itself learns at a constant rate
of the clock the integral over each quantum is then exact, otherwise the error is of second order
in the quantum.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from domino_sim.engines.circuit import product_of_largest
from domino_sim.engines.system import System
from domino_sim.levels import Floats, log_unlearned

#: A gate input this near 1 counts as 1, and is not followed any further.
_FULL = 1e-6

#: Quanta shrink in proportion to 1 − v once that is below 1/8, and to v once that is below 1/4:
#: the relative error of a gate counts while it is nearly shut, down to `_LEAST`.
_FINER, _FINE, _LEAST = 8.0, 4.0, 1.0 / 1024.0

_GAUSS = np.polynomial.legendre.leggauss(5)


class SoftGates:
    """Gate inputs as they are known at present, one quantum behind the levels.

    Parameters
    ----------
    quantum
        Step of v between two reports.
    watch
        `watch(skill, work, passed)` has `passed(skill)` called when `skill` reaches `work`.
    changed
        Called with every skill whose gate has changed.
    """

    def __init__(
        self,
        system: System,
        quantum: float,
        watch: Callable[[int, float, Callable[[int], None]], None],
        changed: Callable[[int], None],
    ) -> None:
        self._ask, self._changed = watch, changed
        assert system.exponent is not None
        self._system, self._alpha = system, system.exponent
        self._edges = self._thresholds(quantum)
        # The last quantum goes on for ever.
        self._means = self._mean(self._edges, np.append(self._edges[1:], self._edges[-1]))
        self._input = [0.0] * len(system.names)
        self._place = [0] * len(system.names)
        self._used_by: list[list[int]] = [[] for _ in system.names]
        for skill, gate in enumerate(system.circuit.gate_of.tolist()):
            if gate >= 0:
                for source in set(system.circuit.sources(gate)):
                    self._used_by[source].append(skill)

    def gate(self, skill: int) -> float:
        """Gate of `skill` from the inputs as they are known now."""
        circuit = self._system.circuit
        values: list[float] = []
        todo: list[tuple[int, bool]] = [(int(circuit.gate_of[skill]), False)]
        while todo:
            node, seen = todo.pop()
            if node < circuit.n_skills:
                values.append(self._input[node])
            elif seen:
                k, inputs = circuit.gate(node)
                given = values[-len(inputs) :]
                del values[-len(inputs) :]
                chosen = given if k == len(given) else sorted(given, reverse=True)[:k]
                values.append(math.prod(chosen))
            else:
                todo.append((node, True))
                todo.extend((source, False) for source in reversed(circuit.gate(node)[1]))
        return values[0]

    def values(self, work: Floats) -> Floats:
        """Gates (n, k) at `work` (n, k), without quanta."""
        logs = log_unlearned(work, self._system.loss)
        inputs = np.maximum(-np.expm1(self._alpha * logs), 0.0)
        return self._system.circuit.at_once(inputs, product_of_largest, ungated=1.0)

    def begin(self) -> None:
        """Start to follow every prerequisite."""
        work = self._system.start_work
        for skill, users in enumerate(self._used_by):
            if users:
                place = int(np.searchsorted(self._edges, work[skill], side="right")) - 1
                self._place[skill] = max(place, 0)
                self._watch(skill)
        for skill in range(len(self._used_by)):
            self.refresh(skill, float(work[skill]), moving=False)
        for skill in range(len(self._used_by)):
            self._changed(skill)

    def refresh(self, skill: int, work: float, *, moving: bool) -> list[int]:
        """Take in that `skill` stands still at `work`, or moves on from there.

        Returns the skills whose gates may have changed by that.
        """
        users = self._used_by[skill]
        place = self._place[skill]
        if not users:
            return []
        until = self._edges[place + 1] if moving and place + 1 < len(self._edges) else work
        self._input[skill] = float(self._mean(np.array([work]), np.array([until]))[0])
        return users

    def _watch(self, skill: int) -> None:
        place = self._place[skill]
        if place + 1 < len(self._edges):
            self._ask(skill, float(self._edges[place + 1]), self._passed)

    def _passed(self, skill: int) -> None:
        """`skill` has gone on to its next quantum."""
        self._place[skill] += 1
        self._input[skill] = float(self._means[self._place[skill]])
        self._watch(skill)
        for user in self._used_by[skill]:
            self._changed(user)

    def _thresholds(self, quantum: float) -> Floats:
        """Work at which a quantum begins, increasing from an unlearned skill's."""
        inputs = [0.0]
        while 1.0 - inputs[-1] > _FULL:
            left = 1.0 - inputs[-1]
            inputs.append(
                inputs[-1] + quantum * min(1.0, _FINER * left, _FINE * max(inputs[-1], _LEAST))
            )
        logs = np.log1p(-np.array(inputs)) / self._alpha
        if self._system.loss == "mse":
            return -logs
        # u = ½ e^logs; the logit is log((1 − u)/u), and work grows like 1/u.
        log_left = logs - np.log(2.0)
        logit = np.log1p(-np.exp(log_left)) - log_left
        work = logit + np.exp(np.minimum(logit, 550.0))
        return work[logit < 550.0]

    def _mean(self, low: Floats, high: Floats) -> Floats:
        """Mean of v over the work from `low` to `high`, arrays (k,)."""
        points, weights = _GAUSS
        work = low[:, None] + (high - low)[:, None] * 0.5 * (points + 1.0)
        inputs = -np.expm1(self._alpha * log_unlearned(work, self._system.loss))
        return np.maximum(0.5 * (inputs @ weights), 0.0)
