"""The ``domino`` law: strictly serial service, exact in training time without any clock.

The first open, unmastered skill in order of frequency (ties: file order) has the whole pool; its
level rises by η = 1/t₀ a step and it is mastered at level 1. Within a phase nothing pre-empts it:
gates open only when a skill is mastered, and then the pool is free.
"""

from __future__ import annotations

import heapq

import numpy as np

from domino_sim.engines.circuit import Circuit, kth_smallest
from domino_sim.engines.phase import Sample
from domino_sim.levels import Floats


class SerialPhase:
    """One serial pool from t = 0 to `horizon`; the interface of `Phase`, for one run.

    Parameters
    ----------
    level : (n,) array
        Levels at t = 0; a skill at 1 is mastered.
    speed : (n,) array
        Frequencies, 0 for skills that may not learn or belong to another pool.
    """

    def __init__(
        self, circuit: Circuit, level: Floats, speed: Floats, rate: float, horizon: float
    ) -> None:
        self.circuit, self.level, self.rate = circuit, level, rate
        n = len(level)
        self.begun = np.full(n, np.inf)
        self.mastered = np.where(level >= 1.0, 0.0, np.inf)
        counter = GateCounter(circuit)
        learnable = (speed > 0.0) & (level < 1.0)
        ready: list[tuple[float, int]] = []

        def admit(skill: int) -> None:
            if learnable[skill]:
                heapq.heappush(ready, (-float(speed[skill]), skill))

        for skill in range(n):
            if counter.is_open(skill):
                admit(skill)
        for skill in np.flatnonzero(level >= 1.0).tolist():
            for opened in counter.master(skill):
                admit(opened)
        now = 0.0
        while ready and now <= horizon:
            skill = heapq.heappop(ready)[1]
            self.begun[skill] = now
            now += (1.0 - float(level[skill])) / rate
            if now > horizon:
                break
            self.mastered[skill] = now
            for opened in counter.master(skill):
                admit(opened)
        self.opened = circuit.at_once(self.mastered, kth_smallest, ungated=0.0)

    def levels(self, t: Floats) -> Floats:
        """Levels (n, k) at training times `t` (k,)."""
        served = np.maximum(t - self.begun[:, None], 0.0) * self.rate
        level = np.minimum(self.level[:, None] + served, 1.0)
        # Exactly 1 at and after mastery, whatever rounding says.
        return np.where(self.mastered[:, None] <= t, 1.0, level)

    def end_state(self, t: float) -> Floats:
        """Levels (n,) at training time `t`, with which the next phase goes on."""
        return self.levels(np.array([t]))[:, 0]

    def sample(self, t: Floats) -> Sample:
        """State at training times `t` (k,); arrays (n, k), `wasted` (k,)."""
        served = (self.begun[:, None] <= t) & (t < self.mastered[:, None])
        share = served.astype(float)
        gate = (self.opened[:, None] <= t).astype(float)
        return Sample(self.levels(t), gate, share, 1.0 - share.sum(axis=0))

    def crossing(self, skill: int, level: float) -> float:
        """Training time at which `skill` passes `level`; inf if it does not."""
        missing = level - float(self.level[skill])
        if missing <= 0.0:
            return 0.0
        return float(self.begun[skill]) + missing / self.rate


class GateCounter:
    """Which hard gates are open, followed one mastery at a time."""

    def __init__(self, circuit: Circuit) -> None:
        self._n = n = circuit.n_skills
        self._missing = [0] * circuit.n_nodes
        self._feeds: list[list[int]] = [[] for _ in range(circuit.n_nodes)]
        for node in range(n, circuit.n_nodes):
            self._missing[node], inputs = circuit.gate(node)
            for source in inputs:
                self._feeds[source].append(node)
        self._open = (circuit.gate_of < 0).tolist()
        for skill, gate in enumerate(circuit.gate_of.tolist()):
            if gate >= 0:
                self._feeds[gate].append(skill)

    def is_open(self, skill: int) -> bool:
        """Whether the gate of `skill` is open."""
        return self._open[skill]

    def master(self, skill: int) -> list[int]:
        """Say that `skill` is mastered; return the skills whose gates open by that."""
        opened, passed = [], list(self._feeds[skill])
        while passed:
            node = passed.pop()
            if node < self._n:
                self._open[node] = True
                opened.append(node)
                continue
            self._missing[node] -= 1
            if self._missing[node] == 0:
                passed.extend(self._feeds[node])
        return opened
