"""Planned runs of perceptrons against random ones: the same first runs, then some more.

Ways to go on: more random mixtures; runs planned by `domino_sim.design_mixtures` from what `infer`
says of the first ones; even mixtures without one skill, which is drawn at random. The last two also
with a stranger (`parities.strangers`) in place of what is left out. It stands in the curves as a
skill of its own; which edges it has counts for nothing.

The first runs are of random mixtures, or planned as well: from the names of the skills alone.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

import domino_sim
from benchmarks.inference.evaluation import Journal, Result
from benchmarks.inference.network_baselines import (
    OPTIMIZERS,
    Key,
    evaluate_worlds,
    first_runs,
    some_runs,
)
from benchmarks.inference.networks import PARITY_STEPS, parity_tables, parity_world, trained
from benchmarks.inference.parities import PARITIES, strangers
from benchmarks.inference.worlds import Floats, World, make_curves_of

__all__ = [
    "FIRST", "STRANGER", "WAYS", "evaluate_from_names", "evaluate_planned", "knock_outs",
    "with_runs",
]  # fmt: skip

#: Random runs that everything begins with.
FIRST = 8

#: What a stranger is called in the curves.
STRANGER = "stranger"

#: Ways to go on, and whether a stranger is trained in place of what is left out.
WAYS = {
    "random": False, "planned": False, "planned, strangers": True, "knock-outs": False,
    "knock-outs, strangers": True,
}  # fmt: skip


def evaluate_planned(
    graphs: Sequence[str],
    seeds: Sequence[int],
    names: Sequence[str],
    journal: Journal,
    more: int,
    cache: Path | None = None,
    ways: Sequence[str] = tuple(WAYS),
) -> Iterator[Result]:
    """Yield the result of every method on every world, with its first runs and with `more`.

    Parameters
    ----------
    graphs, seeds, names, cache
        As of `network_baselines.evaluate_networks`.
    more
        Runs that are added.
    ways
        Some of `WAYS`.
    """
    keys: list[Key] = [(g, o, s) for g in graphs for o in OPTIMIZERS["perceptron"] for s in seeds]
    whole = {
        (g, o, s): parity_world(graph=g, optimizer=o, seed=s, runs=FIRST + more, cache=cache)
        for g, o, s in keys
    }
    first = {key: first_runs(world, FIRST) for key, world in whole.items()}
    yield from evaluate_worlds(f"perceptron x{FIRST}", first, names, journal)
    for way in ways:
        worlds = {}
        for key in keys:
            mixtures = _mixtures(way, first[key], more)
            worlds[key] = whole[key] if mixtures is None else with_runs(first[key], mixtures, cache)
            print(f"  {way}: {' '.join(map(str, key))}", file=sys.stderr, flush=True)
        yield from evaluate_worlds(f"perceptron x{FIRST}+{more}, {way}", worlds, names, journal)


def evaluate_from_names(
    graphs: Sequence[str],
    seeds: Sequence[int],
    names: Sequence[str],
    journal: Journal,
    more: int,
    cache: Path | None = None,
) -> Iterator[Result]:
    """Yield the result of every method with first runs planned from names, and with `more`.

    The others are planned from what `infer` says of the first ones. All have a stranger in place of
    what is left out. Parameters are those of `evaluate_planned`.
    """
    keys: list[Key] = [(g, o, s) for g in graphs for o in OPTIMIZERS["perceptron"] for s in seeds]
    # Only what they have beside their runs is used: graph, names, by how much frequencies add up.
    random = {
        (g, o, s): parity_world(graph=g, optimizer=o, seed=s, runs=FIRST, cache=cache)
        for g, o, s in keys
    }
    first = {key: _from_names(world, FIRST, cache) for key, world in random.items()}
    yield from evaluate_worlds(f"perceptron x{FIRST}, planned from names", first, names, journal)
    worlds = {}
    for key in keys:
        mixtures = _mixtures("planned, strangers", first[key], more)
        worlds[key] = _beside(first[key], random[key], mixtures, cache)
        print(f"  planned: {' '.join(map(str, key))}", file=sys.stderr, flush=True)
    cell = f"perceptron x{FIRST}+{more}, all planned"
    yield from evaluate_worlds(cell, worlds, names, journal)


def _from_names(random: World, runs: int, cache: Path | None) -> World:
    """Return a world with runs that are planned from the names of its skills."""
    plan = domino_sim.design_mixtures(
        random.names, runs, stranger=STRANGER, seed=int(random.settings["seed"])
    )
    with_them = with_runs(random, _total(random) * np.asarray(plan.mixtures.values), cache)
    return some_runs(with_them, slice(len(random.steps), None))


def _beside(first: World, random: World, mixtures: Floats | None, cache: Path | None) -> World:
    """Return planned runs with further ones beside them."""
    if mixtures is None or not len(mixtures):
        return first
    more = some_runs(with_runs(random, mixtures, cache), slice(len(random.steps), None))
    steps, levels = [*first.steps, *more.steps], [*first.levels, *more.levels]
    frequencies = np.concatenate([first.frequencies, more.frequencies])
    return replace(
        first, curves=make_curves_of(first.names, steps, levels, frequencies), steps=steps,
        levels=levels, clean=levels, frequencies=frequencies,
    )  # fmt: skip


def _mixtures(way: str, first: World, more: int) -> Floats | None:
    """Return the mixtures of further runs; None for random ones."""
    seed, stranger = int(first.settings["seed"]), STRANGER if WAYS[way] else None
    if way == "random":
        return None
    if way.startswith("knock-outs"):
        return knock_outs(first, more, stranger=WAYS[way])
    found = domino_sim.infer(first.curves)
    plan = domino_sim.design_mixtures(found, more, seed=seed, stranger=stranger)
    order = [*(n for n in first.names if n != STRANGER), *([STRANGER] if stranger else [])]
    return np.asarray(plan.mixtures.reindex(skill=order, fill_value=0.0).values, dtype=float)


def knock_outs(first: World, runs: int, *, stranger: bool = False) -> Floats:
    """Return even mixtures (runs, n), each without a skill drawn at random.

    With `stranger` there is a column more: as often as any skill.
    """
    rng = np.random.default_rng([int(first.settings["seed"]), 5])
    n = len(first.names)
    out = np.concatenate([rng.permutation(n) for _ in range(1 + runs // n)])[:runs]
    mixtures = np.full((runs, n + stranger), _total(first) / (n - 1 + stranger))
    mixtures[np.arange(runs), out] = 0.0
    return mixtures


def _total(world: World) -> float:
    """Return what the frequencies of a run add up to, on the geometric mean."""
    return float(np.exp(np.log(world.frequencies.sum(axis=1)).mean()))


def with_runs(first: World, mixtures: Floats, cache: Path | None = None) -> World:
    """Return a world with further runs, trained from the same start.

    Parameters
    ----------
    first
        A world of `networks.parity_world`.
    mixtures : (runs, n) or (runs, n + 1) array
        Frequencies of its skills, then that of the stranger, which is shared evenly by as many
        strangers as are needed.
    """
    if not len(mixtures):
        return first
    n, old = len(first.names), [first.settings["names"][name] for name in first.names]
    bits = PARITIES[first.settings["graph"]]
    with_stranger = mixtures.shape[1] > n
    strange = strangers(bits) if with_stranger else {}
    others = {f"not {name}": strange[name] for name in old if name in strange}
    optimizer = first.settings["optimizer"]
    tables = parity_tables(
        {**{name: bits[name] for name in old}, **others}, optimizer, PARITY_STEPS[optimizer],
        first.settings["points"],
    )  # fmt: skip
    gone = mixtures[:, :n] == 0.0
    rows = np.zeros((len(mixtures), n + len(others)))
    rows[:, :n] = mixtures[:, :n]
    if with_stranger:
        rows[:, n:] = gone * (mixtures[:, n:] / np.maximum(gone.sum(axis=1, keepdims=True), 1))
    named = [dict(zip([*old, *others], map(float, row), strict=True)) for row in rows.round(6)]
    tables |= {
        "seeds": [first.settings["seed"]],
        "mixtures": {f"x{r:02d}": row for r, row in enumerate(named)},
    }
    steps, level = trained(tables, cache)
    levels = list(level[..., :n])
    world = first
    if with_stranger:
        levels = [
            np.c_[one[:, :n], _mean(one[:, n:], out)] for one, out in zip(level, gone, strict=True)
        ]
        world = _with_stranger(first)
        rows = np.c_[rows[:, :n], rows[:, n:].sum(axis=1)]
    at = [*world.steps, *[steps] * len(levels)]
    every = [*world.levels, *levels]
    frequencies = np.concatenate([world.frequencies, rows])
    return replace(
        world, curves=make_curves_of(world.names, at, every, frequencies), steps=at, levels=every,
        clean=every, frequencies=frequencies,
    )  # fmt: skip


def _mean(level: Floats, out: np.ndarray) -> Floats:
    """Return the mean level of the strangers that are trained (records,)."""
    found: Floats = level[:, out].mean(axis=1) if out.any() else np.zeros(len(level))
    return found


def _with_stranger(world: World) -> World:
    """Return a world with a stranger that none of its runs trains."""
    pairs = {(a, b) for name in world.names for a, b in ((name, STRANGER), (STRANGER, name))}
    graph = world.graph.copy()
    graph.add_node(STRANGER)
    return replace(
        world, names=(*world.names, STRANGER), graph=graph,
        moves=world.moves | dict.fromkeys(pairs, 0.0),
        levels=[np.c_[level, np.zeros(len(level))] for level in world.levels],
        frequencies=np.c_[world.frequencies, np.zeros(len(world.frequencies))],
    )  # fmt: skip
