"""Random skill graphs with learning curves of several runs, and which of their edges show.

Everything comes from a seed. A run is simulated by the clock engine in fractions of its own length:
only η t counts there, so that runs of different lengths, and a learning rate that changes, are one
batch.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from domino_sim import Scenario
from domino_sim.curves import make_curves
from domino_sim.engines.circuit import compile_circuit
from domino_sim.engines.clock import Batch, solve_batch
from domino_sim.engines.system import System, build_system
from domino_sim.gates import Gate, parse_gate
from domino_sim.graph import build_graph

__all__ = ["SHOWS", "Edge", "World", "make_world", "without", "write"]

Floats = NDArray[np.float64]
Edge = tuple[str, str]

#: An edge is identifiable if a level of some run moves by more than this when it is taken away.
SHOWS = 0.05

#: Level at which a skill is mastered.
MASTERY = 0.99

#: η under ``sum`` and ``norm``; under ``constant`` n times as much, as no one competes.
RATE = 1e-3

#: A run lasts this many times as long as its last mastery …
LONGER = 1.15

#: … or as its median mastery times this, if its last one comes later still.
LATEST = 3.0

#: Steps in which every skill has surely been mastered, times η.
_EVER = 1e7

#: Warm-up's part of a run, and the learning rate at the end of the cosine, of the highest one.
_WARMUP, _FLOOR = 0.1, 0.1


@dataclass(frozen=True)
class World:
    """Curves of several runs and the graph behind them.

    Attributes
    ----------
    curves
        As of `domino_sim.read_curves`: ``level`` (run, step, skill), noisy, NaN at steps that only
        other runs have; ``frequency`` (run, skill).
    steps, levels, clean
        Of each run: recorded steps (k,), noisy and noise-free levels (k, n).
    frequencies : (runs, n) array
        The mixtures; each adds up to 1.
    graph
        The skill graph, with ``requires`` at its nodes.
    names
        The skills, sorted, as in the curves.
    moves
        By how much taking an edge away moves a noise-free level, at most.
    settings
        What was asked for and what was drawn beside (``wasted``).
    by_run
        `moves` of each run (runs,).
    """

    curves: xr.Dataset
    steps: list[NDArray[np.int64]]
    levels: list[Floats]
    clean: list[Floats]
    frequencies: Floats
    graph: nx.DiGraph
    names: tuple[str, ...]
    moves: dict[Edge, float]
    settings: dict[str, Any]
    by_run: dict[Edge, Floats] = field(default_factory=dict)

    @property
    def identifiable(self) -> frozenset[Edge]:
        """Edges that show in these runs."""
        return frozenset(edge for edge, move in self.moves.items() if move > SHOWS)

    @property
    def unidentifiable(self) -> frozenset[Edge]:
        """Real edges that do not show; they count for nothing."""
        return frozenset(self.moves) - self.identifiable

    @property
    def runs(self) -> list[tuple[NDArray[np.int64], Floats]]:
        """Steps (k,) and noisy levels (k, n) of each run."""
        return list(zip(self.steps, self.levels, strict=True))

    def without_mixtures(self) -> xr.Dataset:
        """Return the curves with frequencies unknown."""
        return self.curves.assign(frequency=self.curves.frequency * np.nan)


def make_world(
    *,
    skills: int,
    runs: int,
    noise: float = 0.01,
    law: str = "sum",
    gate: str = "hard",
    operators: str = "and",
    seed: int = 0,
    exponent: float = 1e-3,
    leak: float = 0.0,
    loss: str = "mse",
    spread: float = 1.0,
    points: int = 300,
    schedule: str | None = None,
    laws: Sequence[str] | None = None,
    mixtures: Floats | None = None,
) -> World:
    """Draw a world.

    Parameters
    ----------
    skills, runs, points
        How many skills, runs of different mixtures, and equally spaced records a run.
    noise
        Standard deviation of the noise of levels.
    law, laws
        The pool law of all runs, or of each: ``sum``, ``norm`` or ``constant``.
    gate, exponent, leak
        ``hard`` (opens at 0.99) or ``soft`` (1 − u^exponent).
    operators
        ``and``, ``or``, or ``mixed``: each gate one of both.
    seed
        What everything is drawn from: graph, mixtures, N₀ (log-uniform in 1e-3 … 3e-2), noise.
    loss
        ``mse`` or ``ce``.
    spread
        Standard deviation of the logarithms of frequencies.
    schedule
        None, or ``warmup-cosine``: the learning rate rises over a tenth of a run, then falls to a
        tenth.
    mixtures : (runs, skills) array
        Mixtures instead of random ones. With the same seed, and its own mixtures before others, a
        world is the same with runs added.

    Notes
    -----
    A third of the skills, or a little more, are roots; the others have 1, 2 or 3 prerequisites
    (probabilities 0.4, 0.4, 0.2), drawn from those before them in a random order. A run lasts
    1.15 times as long as it takes to master its last skill, or as three times its median mastery if
    that is shorter: else one slow skill would squeeze all others into a few records.
    """
    for_graph, for_mixtures, for_pool, for_noise = (
        np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(4)
    )
    requires = draw_graph(skills, operators, for_graph)
    names = tuple(requires)
    frequencies = np.exp(spread * for_mixtures.normal(size=(runs, skills)))
    frequencies /= frequencies.sum(axis=1, keepdims=True)
    if mixtures is not None:
        frequencies = np.array(mixtures, dtype=float)
        if frequencies.shape != (runs, skills):
            raise ValueError(f"mixtures have shape {frequencies.shape}, not {(runs, skills)}")
    wasted = float(np.exp(for_pool.uniform(np.log(1e-3), np.log(3e-2))))
    each = list(laws) if laws is not None else [law] * runs
    if len(each) != runs:
        raise ValueError(f"{len(each)} laws for {runs} runs")
    gates = {"kind": gate, "leak": leak} | ({"exponent": exponent} if gate == "soft" else {})
    solver = _Solver(requires, gates, loss, wasted, each, frequencies)
    fractions, progress = np.linspace(0.0, 1.0, points), np.linspace(0.0, 1.0, points)
    if schedule == "warmup-cosine":
        progress = _warmup_cosine(fractions)
    elif schedule is not None:
        raise ValueError(f"unknown schedule {schedule!r}")
    # Lengths in η t; steps are whole, and so are the gaps between records.
    lengths = solver.lengths()
    rate = np.where(np.array(each) == "constant", RATE * skills, RATE)
    every = np.ceil(lengths / rate / progress[-1] / (points - 1)).astype(np.int64)
    spans = every * (points - 1) * rate
    clean = solver.levels(None, spans, progress)
    by_run = {}
    for dependent, given in requires.items():
        for prerequisite in given.names if given is not None else ():
            changed = solver.levels((prerequisite, dependent), spans, progress)
            by_run[prerequisite, dependent] = np.abs(changed - clean).max(axis=(1, 2))
    moves = {edge: float(each.max()) for edge, each in by_run.items()}
    levels = clean + noise * for_noise.normal(size=clean.shape)
    steps = [np.arange(points) * int(gap) for gap in every]
    graph = build_graph(
        {name: {} if g is None else {"requires": str(g)} for name, g in requires.items()}
    )
    settings = {
        "skills": skills, "runs": runs, "noise": noise, "law": law, "laws": each, "gate": gate,
        "operators": operators, "seed": seed, "exponent": exponent, "leak": leak, "loss": loss,
        "spread": spread, "points": points, "schedule": schedule, "wasted": wasted,
    }  # fmt: skip
    return World(
        make_curves_of(names, steps, levels, frequencies), steps, list(levels), list(clean),
        frequencies, graph, names, moves, settings, by_run,
    )  # fmt: skip


def write(world: World, directory: str | Path) -> None:
    """Write ``curves.csv``, ``mixtures.csv`` and ``truth.json`` into `directory`."""
    folder = Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    labels = [f"run {r + 1}" for r in range(len(world.steps))]
    with (folder / "curves.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["run", "step", "skill", "level"])
        for label, (steps, level) in zip(labels, world.runs, strict=True):
            for step, row in zip(steps.tolist(), level.tolist(), strict=True):
                rows.writerows(
                    (label, step, name, repr(value))
                    for name, value in zip(world.names, row, strict=True)
                )
    with (folder / "mixtures.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["run", "skill", "frequency"])
        for label, mixture in zip(labels, world.frequencies.tolist(), strict=True):
            rows.writerows(
                (label, name, repr(p)) for name, p in zip(world.names, mixture, strict=True)
            )
    truth = {
        "settings": world.settings,
        "requires": {n: world.graph.nodes[n].get("requires") for n in world.names},
        "identifiable": sorted(world.identifiable),
        "unidentifiable": sorted(world.unidentifiable),
        "moves": [[*edge, move] for edge, move in sorted(world.moves.items())],
    }
    (folder / "truth.json").write_text(json.dumps(truth, indent=1) + "\n", "utf-8")


def without(gate: Gate, prerequisite: str) -> Gate | None:
    """Return a gate of one operator without one of its prerequisites; None if none is left."""
    word = " or " if " or " in str(gate) else " and "
    left = [name for name in gate.names if name != prerequisite]
    return parse_gate(word.join(left)) if left else None


def draw_graph(n: int, operators: str, rng: np.random.Generator) -> dict[str, Gate | None]:
    """Return the gates by name, sorted: neither names nor their order tell anything."""
    if operators not in ("and", "or", "mixed"):
        raise ValueError(f"unknown operators {operators!r}")
    roots = max(1 if n < 4 else 2, round(n * rng.uniform(0.3, 0.4)))
    first = min(roots, 2)
    root = np.zeros(n, dtype=bool)
    root[:first] = True
    root[first + rng.choice(n - first, size=roots - first, replace=False)] = True
    width = len(str(n))
    order = [f"s{k + 1:0{width}d}" for k in rng.permutation(n)]
    gates: dict[str, Gate | None] = {}
    for i, name in enumerate(order):
        count = min(i, int(rng.choice([1, 2, 3], p=[0.4, 0.4, 0.2])))
        chosen = sorted(order[k] for k in rng.choice(i, size=count, replace=False)) if i else []
        word = operators if operators != "mixed" else str(rng.choice(["and", "or"]))
        gates[name] = None if root[i] else parse_gate(f" {word} ".join(chosen))
    return {name: gates[name] for name in sorted(gates)}


class _Solver:
    """Solves all runs on the graph, or on the graph without an edge, a batch a law.

    Time is the fraction of a run: η is its length times the rate.
    """

    def __init__(
        self,
        requires: dict[str, Gate | None],
        gates: dict[str, Any],
        loss: str,
        wasted: float,
        laws: list[str],
        frequencies: Floats,
    ) -> None:
        self._requires, self._frequencies = requires, frequencies
        self._laws = {law: np.array([x == law for x in laws]) for law in dict.fromkeys(laws)}
        self._systems: dict[str, System] = {}
        for law in self._laws:
            pool: dict[str, Any] = {"law": law, "rate": 1.0}
            if law != "constant":
                pool["wasted"] = wasted
            tables = {
                "steps": 1, "loss": loss, "mastery": MASTERY, "gate": gates, "pool": pool,
                "skills": {
                    name: {"frequency": 1.0} | ({} if g is None else {"requires": str(g)})
                    for name, g in requires.items()
                },
            }  # fmt: skip
            self._systems[law] = build_system(Scenario.from_dict(tables))

    def lengths(self) -> Floats:
        """Return η t at the end of every run, by the times of mastery."""
        found = np.empty(len(self._frequencies))
        for law, here in self._laws.items():
            runs = int(here.sum())
            batch = self._solve(law, None, np.full(runs, _EVER), np.zeros(1))
            at = batch.mastered_at * _EVER
            last = np.minimum(np.nanmax(at, axis=1), LATEST * np.nanmedian(at, axis=1))
            found[here] = LONGER * last
        return found

    def levels(self, removed: Edge | None, spans: Floats, progress: Floats) -> Floats:
        """Return levels (runs, points, n) at `progress`, with runs of length `spans` in η t."""
        n = self._frequencies.shape[1]
        level = np.empty((len(spans), len(progress), n))
        for law, here in self._laws.items():
            level[here] = self._solve(law, removed, spans[here], progress).level
        return level

    def _solve(self, law: str, removed: Edge | None, spans: Floats, progress: Floats) -> Batch:
        system = self._systems[law]
        if removed is not None:
            prerequisite, dependent = removed
            gates = dict(self._requires)
            gate = gates[dependent]
            assert gate is not None
            gates[dependent] = without(gate, prerequisite)
            circuit = compile_circuit(tuple(gates), gates.values())
            system = replace(system, circuit=circuit)
        mixtures = self._frequencies[self._laws[law]]
        return solve_batch(system, frequency=mixtures, rate=spans, record=progress)


def _warmup_cosine(fractions: Floats) -> Floats:
    """Return ∫ of the learning rate, whose highest value is 1, up to fractions of a run."""
    rising = np.minimum(fractions, _WARMUP)
    falling = np.maximum(fractions - _WARMUP, 0.0) / (1.0 - _WARMUP)
    area = 0.5 * (1.0 + _FLOOR) * falling + 0.5 * (1.0 - _FLOOR) * np.sin(np.pi * falling) / np.pi
    return 0.5 * rising**2 / _WARMUP + (1.0 - _WARMUP) * area


def make_curves_of(
    names: tuple[str, ...],
    steps: list[NDArray[np.int64]],
    levels: Floats,
    frequencies: Floats,
) -> xr.Dataset:
    union = np.unique(np.concatenate(steps))
    level = np.full((len(steps), len(union), len(names)), np.nan)
    for r, recorded in enumerate(steps):
        level[r, np.searchsorted(union, recorded)] = levels[r]
    return make_curves(
        runs=[f"run {r + 1}" for r in range(len(steps))],
        steps=union,
        skills=names,
        level=level,
        frequency=frequencies,
    )
