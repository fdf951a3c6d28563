"""Gradient runs whose graph is known: by construction, or from knock-outs.

Two kinds. Compositional geometry: levels are products of projections, as a random graph says.
Perceptrons on sparse parities that share bits: which skill needs which is what training without a
skill's data shows, over several seeds (``docs/inference.md``, "Networks").

Needs Torch. With a `cache` folder, worlds that were trained before are read from there.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from benchmarks.inference.needs import Needs, needs_of
from benchmarks.inference.parities import BITS, PARITIES, strangers
from benchmarks.inference.worlds import Edge, Floats, World, draw_graph, make_curves_of, without
from domino_sim import train
from domino_sim.gradient.run import Run
from domino_sim.graph import build_graph

__all__ = ["PARITY_STEPS", "geometry_world", "parity_tables", "parity_world", "trained"]

#: Learning rates at which runs last some thousand steps.
_GEOMETRY_LR = {"signgd": 1e-4, "adam": 1e-4, "sgd": 0.05}
_PARITY_LR = {"signgd": 4e-4, "adam": 1e-3, "sgd": 0.3}

#: Most steps of a geometry run, and dimensions.
_STEPS, _N_DIM = {"signgd": 8000, "adam": 8000, "sgd": 8000}, 1000

#: A geometry run is cut after so many times its last mastery, or its median one if that is sooner.
_LONGER, _LATEST, _MASTERED = 1.15, 3.0, 0.9

#: Steps of a perceptron's run; widths, bits, samples a step. With one hidden layer a composite is
#: learned 1.5 to 2 times later without its parts, with two up to 4 times.
PARITY_STEPS = {"signgd": 4000, "adam": 3000, "sgd": 8000}
_HIDDEN, _BATCH = (64, 64), 250

#: Smallest frequency of a perceptron's skill; the largest is 1.
_RARE = 0.08

#: Mixtures are spread evenly over so many runs, then over the next.
_BLOCK = 8


def geometry_world(
    *,
    skills: int = 8,
    runs: int = 8,
    optimizer: str = "signgd",
    operators: str = "mixed",
    seed: int = 0,
    spread: float = 1.0,
    points: int = 300,
    noise: float = 0.0,
    n_dim: int = _N_DIM,
    cache: Path | None = None,
) -> World:
    """Train a random composition of skills under random mixtures.

    Parameters
    ----------
    skills, runs, operators, seed, spread, points, noise
        As of `worlds.make_world`; the graph is drawn the same way. Records that no run has are at
        most `points` a run.
    optimizer
        ``signgd``, ``adam`` or ``sgd``.
    n_dim
        Dimensions of the parameters.
    cache
        A folder for what is trained.

    Notes
    -----
    By how much an edge moves a level is found by training all runs without it.
    """
    for_graph, for_mixtures, for_noise = (
        np.random.default_rng(child) for child in np.random.SeedSequence([seed, 77]).spawn(3)
    )
    requires = draw_graph(skills, operators, for_graph)
    names = tuple(requires)
    frequencies = np.exp(spread * for_mixtures.normal(size=(runs, skills)))
    frequencies /= frequencies.sum(axis=1, keepdims=True)

    def levels(removed: Edge | None, until: int) -> tuple[NDArray[np.int64], Floats]:
        gates = dict(requires)
        if removed is not None:
            gate = gates[removed[1]]
            assert gate is not None
            gates[removed[1]] = without(gate, removed[0])
        tables = {
            "steps": until, "seeds": [seed], "record": {"every": 5},
            "model": {"kind": "geometry", "n_dim": n_dim},
            "optimizer": {"name": optimizer, "lr": _GEOMETRY_LR[optimizer]},
            "skills": {n: {} if g is None else {"requires": str(g)} for n, g in gates.items()},
            "mixtures": {
                f"m{r:02d}": dict(zip(names, row, strict=True))
                for r, row in enumerate(frequencies.tolist())
            },
        }  # fmt: skip
        return trained(tables, cache)

    steps, level = levels(None, _STEPS[optimizer])
    kept = [_cut(steps, one, points) for one in level]
    last = max(int(k[-1]) for k in kept)
    moves = {}
    for dependent, gate in requires.items():
        for prerequisite in gate.names if gate is not None else ():
            _, changed = levels((prerequisite, dependent), int(steps[last]))
            moves[prerequisite, dependent] = max(
                float(np.abs(np.clip(a[k], 0, 1) - np.clip(b[k], 0, 1)).max())
                for a, b, k in zip(changed, level, kept, strict=True)
            )
    clean = [one[k] for one, k in zip(level, kept, strict=True)]
    noisy = [one + noise * for_noise.normal(size=one.shape) for one in clean]
    at = [steps[k] for k in kept]
    graph = build_graph({n: {} if g is None else {"requires": str(g)} for n, g in requires.items()})
    settings = {
        "kind": "geometry", "skills": skills, "runs": runs, "optimizer": optimizer,
        "operators": operators, "seed": seed, "spread": spread, "points": points, "noise": noise,
        "n_dim": n_dim,
    }  # fmt: skip
    return World(
        make_curves_of(names, at, noisy, frequencies), at, noisy, clean, frequencies, graph, names,
        moves, settings,
    )  # fmt: skip


def parity_world(
    *,
    graph: str = "tower",
    runs: int = 8,
    optimizer: str = "adam",
    seed: int = 0,
    points: int = 200,
    same_start: bool = True,
    cache: Path | None = None,
) -> World:
    """Train a perceptron on parities that share bits, under random mixtures.

    Parameters
    ----------
    graph
        A key of `PARITIES`.
    runs, points
        Runs of random mixtures, log-uniform in 0.08 … 1 and evenly spread over the runs (a Latin
        hypercube), and records a run.
    optimizer
        ``signgd``, ``adam`` or ``sgd``.
    seed
        What mixtures, weights, data and the order of the skills are drawn from.
    same_start
        Whether all runs have the same weights and data at the start; else a seed each.
    cache
        A folder for what is trained.

    Notes
    -----
    The truth is that of knock-outs (`needs.needs_of`), which depends on graph and optimiser,
    not on `seed`. ``moves`` is 1 for a clear need, 0 for one that is neither clear nor absent.
    """
    bits = PARITIES[graph]
    truth = parity_needs(graph, optimizer, cache=cache)
    rng = np.random.default_rng([seed, 78])
    order = rng.permutation(len(bits)).tolist()
    old = [list(bits)[i] for i in order]
    name = {o: f"s{k + 1:02d}" for k, o in enumerate(old)}
    frequencies = _spread(runs, len(bits), rng)
    tables = parity_tables({n: bits[n] for n in old}, optimizer, PARITY_STEPS[optimizer], points)
    rows = [dict(zip(old, row, strict=True)) for row in frequencies.tolist()]
    if same_start:
        tables |= {"seeds": [seed], "mixtures": {f"m{r:02d}": row for r, row in enumerate(rows)}}
        steps, level = trained(tables, cache)
    else:
        each = [
            trained({**tables, "seeds": [1000 * seed + r], "mixtures": {"m": row}}, cache)
            for r, row in enumerate(rows)
        ]
        steps, level = each[0][0], np.concatenate([one for _, one in each])
    at, levels = [steps] * runs, list(level)
    edges = [(name[a], name[b]) for a, b in truth.direct]
    weak = [(name[a], name[b]) for a, b in truth.unclear]
    names = tuple(name.values())
    found = nx.DiGraph()
    for n in names:
        needed = sorted(a for a, b in edges if b == n)
        found.add_node(n, **({"requires": " and ".join(needed)} if needed else {}))
    found.add_edges_from(edges)
    settings = {
        "kind": "parity", "graph": graph, "runs": runs, "optimizer": optimizer, "seed": seed,
        "points": points, "same_start": same_start, "names": {v: k for k, v in name.items()},
    }  # fmt: skip
    moves = dict.fromkeys(edges, 1.0) | dict.fromkeys(weak, 0.0)
    return World(
        make_curves_of(names, at, levels, frequencies), at, levels, levels, frequencies, found,
        names, moves, settings,
    )  # fmt: skip


def parity_needs(
    graph: str,
    optimizer: str,
    *,
    seeds: Sequence[int] = (0, 1, 2),
    replaced: bool = True,
    cache: Path | None = None,
) -> Needs:
    """Return which parity needs which, by knock-outs over `seeds`.

    With `replaced`, a stranger is trained in place of a skill that is knocked out: a parity of as
    many bits that no skill has, as often. Else what the skill took from the others is free, and
    they all come sooner: by up to a half, which hides needs.
    """
    bits = PARITIES[graph]
    strange = strangers(bits) if replaced else {}
    steps, points = (2 * PARITY_STEPS[optimizer], 600) if replaced else (
        3 * PARITY_STEPS[optimizer] // 2, 300)  # fmt: skip
    others = {f"not {name}": own for name, own in strange.items()}
    tables = parity_tables({**bits, **others}, optimizer, steps, points)
    tables["seeds"] = [10_000 + s for s in seeds]

    def without_data(knocked: Sequence[frozenset[str]]) -> tuple[NDArray[np.int64], Floats]:
        mixtures = {
            "-".join(sorted(out)) or "none": {
                **{n: 0.0 if n in out else 0.5 for n in bits},
                **{f"not {n}": 0.5 if n in out else 0.0 for n in strange},
            }
            for out in knocked
        }
        steps, level = trained({**tables, "mixtures": mixtures}, cache)
        level = level[..., : len(bits)]
        return steps, level.reshape(len(knocked), len(seeds), *level.shape[1:])

    return needs_of(tuple(bits), without_data)


def _spread(runs: int, skills: int, rng: np.random.Generator) -> Floats:
    """Draw frequencies (runs, skills): each skill's are spread evenly over every few runs."""
    rows = []
    for at in range(0, runs, _BLOCK):
        size = min(_BLOCK, runs - at)
        strata = np.stack([rng.permutation(size) for _ in range(skills)], axis=1)
        rows.append((strata + rng.random(strata.shape)) / size)
    return np.exp(np.log(_RARE) * (1.0 - np.concatenate(rows)))


def parity_tables(
    bits: Mapping[str, Sequence[int]], optimizer: str, steps: int, points: int
) -> dict[str, Any]:
    """Return the tables of a run file, without seeds and mixtures."""
    return {
        "steps": steps, "batch_size": _BATCH, "record": {"every": steps // points},
        "model": {
            "kind": "mlp", "task": "parity", "n_bits": BITS, "targets": "signs",
            "hidden": list(_HIDDEN), "held_out": 1000,
        },
        "optimizer": {"name": optimizer, "lr": _PARITY_LR[optimizer]},
        "skills": {name: {"bits": list(own)} for name, own in bits.items()},
    }  # fmt: skip


def trained(tables: Mapping[str, Any], cache: Path | None) -> tuple[NDArray[np.int64], Floats]:
    """Return recorded steps and levels (runs, records, skills), from the cache if there."""

    def make() -> dict[str, NDArray[Any]]:
        curves = train(Run.from_dict(dict(tables)))
        return {"steps": curves.step.values, "level": curves.level.values.astype(np.float32)}

    found = _cached(make, tables, cache)
    return found["steps"], found["level"].astype(float)


def _cached(
    make: Callable[[], dict[str, NDArray[Any]]], of: Mapping[str, Any], cache: Path | None
) -> dict[str, NDArray[Any]]:
    if cache is None:
        return make()
    key = hashlib.sha256(json.dumps(of, sort_keys=False).encode()).hexdigest()[:24]
    path = Path(cache) / f"{key}.npz"
    if not path.exists():
        made = make()
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{id(made)}.part")
        with part.open("wb") as file:
            np.savez_compressed(file, **made)  # type: ignore[arg-type]
        part.replace(path)
    with np.load(path, allow_pickle=False) as data:
        return {name: data[name] for name in data.files}


def _cut(steps: NDArray[np.int64], level: Floats, points: int) -> NDArray[np.int64]:
    """Return which records of a run are kept: until shortly after its last mastery, evenly."""
    above = level > _MASTERED
    at = np.where(above.any(axis=0), steps[above.argmax(axis=0)], np.inf)
    learned = at[np.isfinite(at)]
    last = steps[-1] if len(learned) == 0 else min(learned.max(), _LATEST * np.median(at))
    end = int(np.searchsorted(steps, min(_LONGER * last, steps[-1]), side="right"))
    return np.unique(np.linspace(0, end - 1, min(points, end)).round().astype(np.int64))
