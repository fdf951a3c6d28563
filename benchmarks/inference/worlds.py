"""Random skill graphs with learning curves of several runs, and which of their edges show.

Everything comes from a seed.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import networkx as nx
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from benchmarks.inference.solver import Edge, Floats, Solver, warmup_cosine
from domino_sim.curves import make_curves
from domino_sim.gates import Gate, parse_gate
from domino_sim.graph import build_graph
from domino_sim.inference.doubts import without

__all__ = ["SHOWS", "Change", "Edge", "Floats", "World", "make_world", "without", "write"]

#: An edge is identifiable if a level of some run moves by more than this when it is taken away.
SHOWS = 0.05

#: η under ``sum`` and ``norm``; under ``constant`` n times as much, as no one competes.
RATE = 1e-3

#: A mixture changes after this part of what the run would take with its first one.
_MIDDLE = 0.5


class Change(NamedTuple):
    """Other mixtures (runs, n), which hold from `steps` (runs,) on."""

    steps: NDArray[np.int64]
    frequencies: Floats


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
    change
        The second mixture of every run, where there is one.
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
    change: Change | None = None

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

    def without_mixtures(self, known: int = 0) -> xr.Dataset:
        """Return the curves with the frequencies of all but the first `known` runs unknown."""
        frequency = self.curves.frequency.copy()
        frequency[known:] = np.nan
        return self.curves.assign(frequency=frequency)

    @property
    def schedule(self) -> dict[str, dict[int, dict[str, float]]]:
        """By run and step: the frequencies, by skill, that hold from there on."""
        assert self.change is not None
        found = {}
        for r, label in enumerate(self.curves.run.values.tolist()):
            rows = {0: self.frequencies[r], int(self.change.steps[r]): self.change.frequencies[r]}
            found[label] = {
                step: dict(zip(self.names, row.tolist(), strict=True)) for step, row in rows.items()
            }
        return found


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
    changes: bool = False,
) -> World:
    """Draw a world.

    Parameters
    ----------
    skills, runs, points
        How many skills, runs of different mixtures, and equally spaced records a run.
    noise
        Standard deviation of the noise of levels.
    law, laws
        The pool law of all runs, or of each: ``sum``, ``norm``, ``constant``, or ``domino`` (hard
        gates only, which open at level 1).
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
    changes
        Whether every run gets another random mixture at a step that is known: half of what it would
        take with its first one.

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
    frequencies = _mixtures(runs, skills, spread, for_mixtures)
    if mixtures is not None:
        frequencies = np.array(mixtures, dtype=float)
        if frequencies.shape != (runs, skills):
            raise ValueError(f"mixtures have shape {frequencies.shape}, not {(runs, skills)}")
    wasted = float(np.exp(for_pool.uniform(np.log(1e-3), np.log(3e-2))))
    each = list(laws) if laws is not None else [law] * runs
    if len(each) != runs:
        raise ValueError(f"{len(each)} laws for {runs} runs")
    gates = {"kind": gate, "leak": leak} | ({"exponent": exponent} if gate == "soft" else {})
    solver = Solver(requires, gates, loss, wasted, each, frequencies)
    fractions, progress = np.linspace(0.0, 1.0, points), np.linspace(0.0, 1.0, points)
    if schedule == "warmup-cosine":
        progress = warmup_cosine(fractions)
    elif schedule is not None:
        raise ValueError(f"unknown schedule {schedule!r}")
    rate = np.where(np.array(each) == "constant", RATE * skills, RATE)
    change = None
    if changes:
        if schedule is not None:
            raise ValueError("a learning rate that changes, and mixtures that do")
        later = _mixtures(runs, skills, spread, for_mixtures)
        change = Change(np.ceil(_MIDDLE * solver.lengths() / rate).astype(np.int64), later)
        solver.change(change.steps.astype(float) * rate, later)
    # Lengths in η t; steps are whole, and so are the gaps between records.
    lengths = solver.lengths()
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
        "changes": changes,
    }  # fmt: skip
    return World(
        make_curves_of(names, steps, levels, frequencies), steps, list(levels), list(clean),
        frequencies, graph, names, moves, settings, by_run, change,
    )  # fmt: skip


def _mixtures(runs: int, skills: int, spread: float, rng: np.random.Generator) -> Floats:
    drawn: Floats = np.exp(spread * rng.normal(size=(runs, skills)))
    return drawn / drawn.sum(axis=1, keepdims=True)


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
        csv.writer(file).writerows(_mixture_rows(world, labels))
    truth = {
        "settings": world.settings,
        "requires": {n: world.graph.nodes[n].get("requires") for n in world.names},
        "identifiable": sorted(world.identifiable),
        "unidentifiable": sorted(world.unidentifiable),
        "moves": [[*edge, move] for edge, move in sorted(world.moves.items())],
    }
    (folder / "truth.json").write_text(json.dumps(truth, indent=1) + "\n", "utf-8")


def _mixture_rows(world: World, labels: Sequence[str]) -> Iterator[list[object]]:
    """Yield the head of a table of mixtures and its rows; with ``step`` where mixtures change."""
    if world.change is None:
        yield ["run", "skill", "frequency"]
        for label, mixture in zip(labels, world.frequencies.tolist(), strict=True):
            for name, p in zip(world.names, mixture, strict=True):
                yield [label, name, repr(p)]
        return
    yield ["run", "skill", "frequency", "step"]
    for label, mixtures in world.schedule.items():
        for step, mixture in mixtures.items():
            for name, p in mixture.items():
                yield [label, name, repr(p), step]


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
