"""Every method on gradient runs whose graph is known: baselines tuned on the other graphs.

Worlds are those of `benchmarks.inference.networks`, scored as simulated ones are. Settings and
threshold of a baseline are chosen on the worlds of the same optimiser and number of runs whose
graph is another one, so that no graph is reported of that it was tuned on. What is trained is kept
in a folder (``--cache``); without it, each world is trained anew.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.inference.baselines import BASELINES, Baseline, Floats, Run, UnavailableError
from benchmarks.inference.evaluation import Journal, Result
from benchmarks.inference.ours import METHODS, probabilities
from benchmarks.inference.scoring import Score, score
from benchmarks.inference.tuning import edges_of, tune
from benchmarks.inference.worlds import World, make_curves_of

__all__ = [
    "GEOMETRY", "OPTIMIZERS", "RUNS", "Key", "evaluate_networks", "evaluate_worlds", "first_runs",
    "some_runs",
]  # fmt: skip

#: What stands for compositional geometry among the names of graphs.
GEOMETRY = "geometry"

#: Optimisers by kind, and numbers of runs of a perceptron.
OPTIMIZERS = {"geometry": ("signgd", "adam", "sgd"), "perceptron": ("signgd", "adam")}
RUNS = (8, 14)

#: Graph, optimiser, seed.
Key = tuple[str, str, int]


def evaluate_networks(
    graphs: Sequence[str],
    seeds: Sequence[int],
    names: Sequence[str],
    journal: Journal,
    cache: Path | None = None,
    runs: Sequence[int] = RUNS,
) -> Iterator[Result]:
    """Yield the result of every method on every world.

    Parameters
    ----------
    graphs
        Keys of `networks.PARITIES`, or ``geometry`` (a random graph for each seed, 8 runs).
    seeds
        Of weights, mixtures and data.
    names
        Methods.
    runs
        Numbers of runs of a perceptron: the first so many of the largest number.
    """
    parities = [graph for graph in graphs if graph != GEOMETRY]
    if parities:
        most = {
            (g, o, s): _perceptron(g, o, s, max(runs), cache)
            for g in parities for o in OPTIMIZERS["perceptron"] for s in seeds
        }  # fmt: skip
        for count in runs:
            worlds = {key: first_runs(world, count) for key, world in most.items()}
            yield from evaluate_worlds(f"perceptron x{count}", worlds, names, journal)
    if GEOMETRY in graphs:
        composed = {
            (f"geometry {s}", o, s): _composed(o, s, cache)
            for o in OPTIMIZERS["geometry"] for s in seeds
        }  # fmt: skip
        yield from evaluate_worlds("geometry x8", composed, names, journal)


def _perceptron(graph: str, optimizer: str, seed: int, runs: int, cache: Path | None) -> World:
    from benchmarks.inference.networks import parity_world

    return parity_world(graph=graph, optimizer=optimizer, seed=seed, runs=runs, cache=cache)


def _composed(optimizer: str, seed: int, cache: Path | None) -> World:
    """Return a geometry world: 6 to 10 skills, by the seed."""
    from benchmarks.inference.networks import geometry_world

    return geometry_world(skills=6 + seed % 5, optimizer=optimizer, seed=seed, cache=cache)


def first_runs(world: World, count: int) -> World:
    """Return a world with its first `count` runs alone, whose graph runs do not change."""
    return world if count >= len(world.steps) else some_runs(world, slice(count))


def some_runs(world: World, at: slice) -> World:
    """Return a world with some of its runs alone."""
    steps, levels, frequencies = world.steps[at], world.levels[at], world.frequencies[at]
    return replace(
        world,
        curves=make_curves_of(world.names, steps, levels, frequencies),
        steps=steps, levels=levels, clean=world.clean[at], frequencies=frequencies,
    )  # fmt: skip


def evaluate_worlds(
    cell: str, worlds: dict[Key, World], names: Sequence[str], journal: Journal
) -> Iterator[Result]:
    """Yield the result of every method on worlds; baselines are tuned on those of other graphs."""
    remembered = {name: _remembering(BASELINES[name]) for name in names if name in BASELINES}
    for (graph, optimizer, seed), world in worlds.items():
        others = [
            one for (g, o, _), one in worlds.items() if o == optimizer and g != graph
        ]  # fmt: skip
        for name in names:
            variant = (graph, optimizer, f"{len(world.steps)} runs")
            result = journal.find(cell, name, seed, variant)
            if result is None:
                found, seconds, note, failed = _run(name, world, others, remembered)
                result = Result(cell, name, seed, variant, found, seconds, note, failed)
                journal.add(result)
            yield result


def _run(
    name: str, world: World, others: Sequence[World], remembered: dict[str, Baseline]
) -> tuple[Score | None, float, str, bool]:
    """Return score, seconds, what is to be noted, and whether the method failed."""
    begun, note = time.perf_counter(), ""
    try:
        if name in METHODS:
            edges = probabilities(world, name)
        else:
            tuned = tune(remembered[name], others)
            note, begun = str(tuned), time.perf_counter()
            edges = edges_of(BASELINES[name], world, tuned)
        return score(world, edges), time.perf_counter() - begun, note, False
    except UnavailableError as error:
        return None, time.perf_counter() - begun, str(error), False
    except Exception as error:
        told = f"{type(error).__name__}: {error}"
        return score(world, {}), time.perf_counter() - begun, told, True


def _remembering(baseline: Baseline) -> Baseline:
    """Return a baseline that does not work anything out again: every world tunes several folds."""
    known: dict[tuple[int, tuple[tuple[str, Any], ...]], Floats] = {}
    function: Callable[..., Floats] = baseline.function

    def remembered(runs: Sequence[Run], frequencies: Floats, **settings: Any) -> Floats:
        key = id(frequencies), tuple(sorted(settings.items()))
        if key not in known:
            known[key] = function(runs, frequencies, **settings)
        return known[key]

    return replace(baseline, function=remembered)
