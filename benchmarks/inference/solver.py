"""All runs of a world solved at once, on its graph or on the graph without an edge.

Runs of different lengths are one batch: only η t counts in the clock engine, which is what time is
here. So a learning rate that changes is no more than other records.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from domino_sim import Scenario
from domino_sim.engines.circuit import Circuit, compile_circuit
from domino_sim.engines.clock import solve_batch
from domino_sim.engines.paths import Skills
from domino_sim.engines.phase import Phase
from domino_sim.engines.serial import SerialPhase
from domino_sim.engines.system import System, build_system
from domino_sim.gates import Gate
from domino_sim.inference.doubts import without

__all__ = ["MASTERY", "Edge", "Floats", "Solver", "warmup_cosine"]

Floats = NDArray[np.float64]
Edge = tuple[str, str]

#: Level at which a skill is mastered.
MASTERY = 0.99

#: A run lasts this many times as long as its last mastery …
LONGER = 1.15

#: … or as its median mastery times this, if its last one comes later still.
LATEST = 3.0

#: η t by which every skill has surely been mastered.
_EVER = 1e7

#: Warm-up's part of a run, and the learning rate at the end of the cosine, of the highest one.
_WARMUP, _FLOOR = 0.1, 0.1


class _Change(NamedTuple):
    """Other frequencies (runs, n), from η t = `at` (runs,) on."""

    at: Floats
    frequencies: Floats


class Solver:
    """Solves all runs, a batch for each pool law.

    Parameters
    ----------
    requires
        The gates by name.
    gates
        The table ``[gate]`` of a scenario.
    loss, wasted
        ``mse`` or ``ce``; N₀.
    laws
        The pool law of each run.
    frequencies : (runs, n) array
        The mixtures.
    """

    def __init__(
        self,
        requires: Mapping[str, Gate | None],
        gates: Mapping[str, Any],
        loss: str,
        wasted: float,
        laws: Sequence[str],
        frequencies: Floats,
    ) -> None:
        self._requires, self._frequencies = dict(requires), frequencies
        self._laws = {law: np.array([x == law for x in laws]) for law in dict.fromkeys(laws)}
        self._systems: dict[str, System] = {}
        self._change: _Change | None = None
        for law in self._laws:
            pool: dict[str, Any] = {"law": law, "rate": 1.0}
            if law not in ("constant", "domino"):
                pool["wasted"] = wasted
            tables = {
                "steps": 1, "loss": loss, "mastery": MASTERY, "gate": dict(gates), "pool": pool,
                "skills": {
                    name: {"frequency": 1.0} | ({} if g is None else {"requires": str(g)})
                    for name, g in requires.items()
                },
            }  # fmt: skip
            self._systems[law] = build_system(Scenario.from_dict(tables))

    def change(self, at: Floats, frequencies: Floats) -> None:
        """Give the runs other `frequencies` (runs, n) from η t = `at` (runs,) > 0 on."""
        self._change = _Change(at, frequencies)

    def lengths(self) -> Floats:
        """Return η t at the end of every run, by the times of mastery."""
        found = np.empty(len(self._frequencies))
        for law, here in self._laws.items():
            spans = np.full(int(here.sum()), _EVER)
            _, at = self._solve(law, None, spans, np.zeros(1))
            last = np.minimum(np.nanmax(at, axis=1), LATEST * np.nanmedian(at, axis=1))
            found[here] = LONGER * last
        return found

    def levels(self, removed: Edge | None, spans: Floats, progress: Floats) -> Floats:
        """Return levels (runs, points, n) at `progress`, with runs of length `spans` in η t."""
        n = self._frequencies.shape[1]
        level = np.empty((len(spans), len(progress), n))
        for law, here in self._laws.items():
            level[here], _ = self._solve(law, removed, spans[here], progress)
        return level

    def _solve(
        self, law: str, removed: Edge | None, spans: Floats, progress: Floats
    ) -> tuple[Floats, Floats]:
        """Return levels (runs, points, n), and η t of masteries (runs, n), NaN: never."""
        system, here = self._systems[law], self._laws[law]
        if removed is not None:
            prerequisite, dependent = removed
            gates = dict(self._requires)
            gate = gates[dependent]
            assert gate is not None
            gates[dependent] = without(gate, prerequisite)
            circuit = compile_circuit(tuple(gates), gates.values())
            system = replace(system, circuit=circuit)
        first = self._frequencies[here]
        if law == "domino":
            if self._change is not None:
                raise ValueError("mixtures that change, and a serial pool")
            return _one_by_one(system.circuit, first, spans, progress)
        if self._change is not None:
            later = _Change(self._change.at[here], self._change.frequencies[here])
            return _in_two(system, first, later, spans, progress)
        batch = solve_batch(system, frequency=first, rate=spans, record=progress)
        return batch.level, batch.mastered_at * spans[:, None]


def _one_by_one(
    circuit: Circuit, frequencies: Floats, spans: Floats, progress: Floats
) -> tuple[Floats, Floats]:
    """Solve runs of a serial pool, a skill in η t = 1."""
    untrained = np.zeros(frequencies.shape[1])
    runs = [
        SerialPhase(circuit, untrained, row, 1.0, span)
        for row, span in zip(frequencies, spans.tolist(), strict=True)
    ]
    level = [run.levels(span * progress).T for run, span in zip(runs, spans, strict=True)]
    mastered = np.stack([run.mastered for run in runs])
    return np.stack(level), np.where(np.isfinite(mastered), mastered, np.nan)


def _in_two(
    system: System, first: Floats, later: _Change, spans: Floats, progress: Floats
) -> tuple[Floats, Floats]:
    """Solve runs whose mixture changes once: the second part goes on with the work of the first."""
    runs, n = first.shape
    wasted = np.full(runs, system.pools(system.pool)[1][0])

    def part(work: Floats, frequencies: Floats, until: Floats) -> Phase:
        skills = Skills(
            system.circuit, work, np.ascontiguousarray(frequencies.T), system.target_work,
            system.leak, system.loss,
        )  # fmt: skip
        return Phase(skills, system.exponent, system.law, np.ones(runs), wasted, until)

    start = np.broadcast_to(system.start_work[:, None], (n, runs))
    before = part(start, first, later.at)
    after = part(before.work_at(later.at), later.frequencies, np.maximum(spans - later.at, 1e-9))
    at, change = spans[:, None] * progress, later.at[:, None]
    level = np.where(
        at <= change,
        before.level(np.minimum(at, change)),
        after.level(np.maximum(at - change, 0.0)),
    )
    mastered = np.where(before.mastered <= later.at, before.mastered, later.at + after.mastered)
    return np.moveaxis(level, 0, -1), np.where(np.isfinite(mastered), mastered, np.nan).T


def warmup_cosine(fractions: Floats) -> Floats:
    """Return ∫ of the learning rate, whose highest value is 1, up to fractions of a run."""
    rising = np.minimum(fractions, _WARMUP)
    falling = np.maximum(fractions - _WARMUP, 0.0) / (1.0 - _WARMUP)
    area = 0.5 * (1.0 + _FLOOR) * falling + 0.5 * (1.0 - _FLOOR) * np.sin(np.pi * falling) / np.pi
    return 0.5 * rising**2 / _WARMUP + (1.0 - _WARMUP) * area
