"""Soft gates in a discrete-event run: prerequisites are followed by quanta of their gate input.

A soft gate is a smooth function of its prerequisites' inputs v = 1 − u^α. Each prerequisite
reports when v passes the next of a set of thresholds; until the one after, every gate that uses it
takes v's mean over that stretch of work. For a prerequisite that itself learns at a constant rate
of the clock the integral over each quantum is then exact, otherwise the error is of second order
in the quantum.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from domino_sim.engines.circuit import product_of_largest
from domino_sim.engines.system import System
from domino_sim.levels import Floats, log_unlearned

if TYPE_CHECKING:
    from domino_sim.engines.events import Training

#: A gate input this near 1 counts as 1, and is not followed any further.
_FULL = 1e-6

#: Quanta shrink in proportion to 1 − v once that is below 1/8, and to v once that is below 1/4:
#: the relative error of a gate counts while it is nearly shut, down to `_LEAST`.
_FINER, _FINE, _LEAST = 8.0, 4.0, 1.0 / 32.0

_GAUSS = np.polynomial.legendre.leggauss(5)


class SoftGates:
    """Gate inputs as they are known at present, one quantum behind the levels.

    Parameters
    ----------
    quantum
        Step of v between two reports.
    """

    def __init__(self, system: System, quantum: float) -> None:
        assert system.exponent is not None
        self._system, self._alpha = system, system.exponent
        self._edges = self._thresholds(quantum)
        self._means = self._mean_inputs(self._edges)
        self._input = np.zeros(len(system.names))
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
                values.append(float(self._input[node]))
            elif seen:
                k, inputs = circuit.gate(node)
                given = values[-len(inputs) :]
                del values[-len(inputs) :]
                chosen = given if k == len(given) else sorted(given, reverse=True)[:k]
                values.append(float(np.prod(chosen)))
            else:
                todo.append((node, True))
                todo.extend((source, False) for source in reversed(circuit.gate(node)[1]))
        return values[0]

    def values(self, work: Floats) -> Floats:
        """Gates (n, k) at `work` (n, k), without quanta."""
        logs = log_unlearned(work, self._system.loss)
        inputs = np.maximum(-np.expm1(self._alpha * logs), 0.0)
        return self._system.circuit.at_once(inputs, product_of_largest, ungated=1.0)

    def begin(self, training: Training) -> None:
        """Start to follow every prerequisite."""
        work = self._system.start_work()
        for skill, users in enumerate(self._used_by):
            if users:
                place = int(np.searchsorted(self._edges, work[skill], side="right")) - 1
                self._place[skill] = max(place, 0)
                self._take(skill)
                self._watch(training, skill)
        for skill, gate in enumerate(self._system.circuit.gate_of.tolist()):
            if gate >= 0:
                training._update(skill)

    def _take(self, skill: int) -> None:
        self._input[skill] = self._means[self._place[skill]]

    def _watch(self, training: Training, skill: int) -> None:
        place = self._place[skill]
        if place + 1 < len(self._edges):
            pool = training._pool(skill)

            def passed(skill: int) -> None:
                self._place[skill] += 1
                self._take(skill)
                for user in self._used_by[skill]:
                    training._update(user)
                self._watch(training, skill)

            pool.watch(skill, float(self._edges[place + 1]), passed)

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

    def _mean_inputs(self, edges: Floats) -> Floats:
        """Mean of v over the work of each quantum; the last one goes on for ever."""
        points, weights = _GAUSS
        low, high = edges[:-1, None], edges[1:, None]
        work = low + (high - low) * 0.5 * (points + 1.0)
        inputs = -np.expm1(self._alpha * log_unlearned(work, self._system.loss))
        last = -np.expm1(self._alpha * log_unlearned(edges[-1:], self._system.loss))
        return np.append(0.5 * (inputs @ weights), last)
