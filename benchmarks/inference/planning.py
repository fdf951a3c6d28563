"""Planned runs against random ones: what is found with either, and how many it takes.

Every world is inferred from a few random runs. Then runs are added in several ways: planned by
`domino_sim.design_mixtures`, of more random mixtures, and of ladders (frequencies in equal ratios,
1 to 100, in random order). What is compared is of all real edges that some mixture shows.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import domino_sim
from benchmarks.inference.cells import CELLS, Variant
from benchmarks.inference.scoring import FOUND
from benchmarks.inference.worlds import SHOWS, Edge, World, make_world
from domino_sim.inference import Inference

__all__ = ["Count", "Outcome", "compare", "count_runs", "report", "run", "trial"]

Floats = NDArray[np.float64]

#: Random runs that a world begins with, those added, and those that are tried to show all edges.
FIRST, ADDED, MANY = 2, 1, 40

#: What is told of every way.
MEASURES = ("f1", "found", "false", "shown", "undetermined")


@dataclass(frozen=True)
class Outcome:
    """What is known of one world with the runs of one way.

    Attributes
    ----------
    way
        ``first`` (before runs are added), ``planned``, ``random`` or ``ladder``.
    real, able
        Real edges; those of them that show in some run of any way, or of 40 ladders.
    shown
        Those that show in these runs: they move a noise-free level by more than 0.05.
    found, false
        Able edges, and edges that are not real, with a probability of at least ½.
    undetermined
        Edges that are possible or undetermined.
    f1
        2 found/(able + found + false).
    """

    seed: int
    variant: Variant
    way: str
    runs: int
    real: int
    able: int
    shown: int
    found: int
    false: int
    undetermined: int
    f1: float
    seconds: float


def run(graphs: int, seed: int, *, path: Path | None = None) -> list[str]:
    """Return the tables of `graphs` worlds, inferred, and of as many graphs that are known."""
    seeded = CELLS["10x8"].seeded(graphs, seed)
    counts = [count_runs(number, variant) for number, variant in seeded]
    return report(compare(graphs, seed, path=path), counts)


def compare(
    worlds: int, seed: int, *, skills: int = 10, added: int = ADDED, path: Path | None = None
) -> list[Outcome]:
    """Return the outcomes of `worlds` worlds with the seeds from `seed`; each is told as it comes.

    With `path` they are kept there, and those that are there are not worked out again.
    """
    kept = list(_kept(path))
    done = {(one.seed, one.variant) for one in kept}
    outcomes = []
    for number, variant in CELLS["10x8"].seeded(worlds, seed):
        if (number, variant) in done:
            outcomes += [one for one in kept if (one.seed, one.variant) == (number, variant)]
            continue
        new = trial(number, variant, skills=skills, added=added)
        outcomes += new
        told = ", ".join(f"{one.way} {one.f1:.2f}" for one in new)
        print(f"  {' '.join(variant)} seed {number}: {told}", file=sys.stderr, flush=True)
        if path is not None:
            with path.open("a", encoding="utf-8") as file:
                file.writelines(json.dumps(asdict(one), ensure_ascii=False) + "\n" for one in new)
    return outcomes


def _kept(path: Path | None) -> Iterator[Outcome]:
    if path is not None and path.exists():
        for line in path.read_text("utf-8").splitlines():
            table = json.loads(line)
            law, gate, operators = table["variant"]
            yield Outcome(**{**table, "variant": (law, gate, operators)})


def trial(
    seed: int, variant: Variant, *, skills: int = 10, first: int = FIRST, added: int = ADDED
) -> list[Outcome]:
    """Return what is known of one world before runs are added, and with the runs of each way."""
    law, gate, operators = variant

    def world(mixtures: Floats) -> World:
        return make_world(
            skills=skills, runs=len(mixtures), law=law, gate=gate, operators=operators, seed=seed,
            mixtures=mixtures,
        )  # fmt: skip

    mixtures = random_mixtures(first + added, skills, seed)
    begun = time.perf_counter()
    worlds = {"first": world(mixtures[:first])}
    inferred = {"first": domino_sim.infer(worlds["first"].curves)}
    seconds = {"first": time.perf_counter() - begun}
    ladders = _ladders(max(MANY, added), skills, seed)
    ways: dict[str, Callable[[], Floats]] = {
        "planned": lambda: _planned(inferred["first"], added),
        "random": lambda: mixtures[first:],
        "ladder": lambda: ladders[:added],
    }
    for way, more in ways.items():
        begun = time.perf_counter()
        worlds[way] = world(np.concatenate([mixtures[:first], more()]))
        inferred[way] = domino_sim.infer(worlds[way].curves)
        seconds[way] = time.perf_counter() - begun
    able = world(ladders).identifiable.union(*(one.identifiable for one in worlds.values()))
    return [
        _outcome(seed, variant, way, worlds[way], inferred[way], able, seconds[way])
        for way in worlds
    ]


def random_mixtures(runs: int, skills: int, seed: int) -> Floats:
    """Return mixtures as those of `make_world`, log-normal, from a stream of their own."""
    rng = np.random.default_rng([seed, 7])
    mixtures = np.exp(rng.normal(size=(runs, skills)))
    return mixtures / mixtures.sum(axis=1, keepdims=True)


def _planned(source: Any, runs: int, **options: Any) -> Floats:
    plan = domino_sim.design_mixtures(source, runs, **options)
    return np.asarray(plan.mixtures.values, dtype=float)


def _outcome(
    seed: int, variant: Variant, way: str, world: World, found: Inference,
    able: frozenset[Edge], seconds: float,
) -> Outcome:  # fmt: skip
    edges = {(a, b) for a, b, p in found.graph.edges(data="probability") if p >= FOUND}
    right, false = len(edges & able), len(edges - set(world.moves))
    open_ = sum(status != "found" for _, _, status in found.graph.edges(data="status"))
    return Outcome(
        seed, variant, way, len(world.steps), len(world.moves), len(able),
        len(world.identifiable), right, false, open_,
        2.0 * right / max(len(able) + right + false, 1), seconds,
    )  # fmt: skip


@dataclass(frozen=True)
class Count:
    """Runs that it takes to show all edges of a graph that can be shown.

    Attributes
    ----------
    edges, can_be
        Edges, and those that some run shows, planned or random.
    planned, random, ladder
        Runs needed; `MANY` + 1 where not even that many do. Random mixtures are log-normal with a
        spread of 1; those of `ladder` have frequencies in equal ratios, 1 to 100, in random order.
    missed
        Edges that can be shown but were not by the planned runs.
    """

    seed: int
    variant: Variant
    edges: int
    can_be: int
    planned: int
    missed: int
    random: int
    ladder: int


def count_runs(seed: int, variant: Variant, *, skills: int = 10) -> Count:
    """Plan runs for a graph that is known, and count how many it takes."""
    law, gate, operators = variant
    options = {"skills": skills, "law": law, "gate": gate, "operators": operators, "seed": seed}
    graph = make_world(runs=1, **options).graph
    exponent = None if gate == "hard" else 1e-3
    mixtures = {
        "planned": _planned(graph, "enough", exponent=exponent),  # type: ignore[arg-type]
        "random": random_mixtures(MANY, skills, seed),
        "ladder": _ladders(MANY, skills, seed),
    }
    shown = {
        way: {
            edge: moves > SHOWS
            for edge, moves in make_world(runs=len(m), mixtures=m, **options).by_run.items()
        }
        for way, m in mixtures.items()
    }
    edges = list(shown["planned"])
    able = [edge for edge in edges if any(there[edge].any() for there in shown.values())]
    needed = {
        way: max((int(np.argmax(there[e])) + 1 if there[e].any() else MANY + 1 for e in able),
                 default=0)
        for way, there in shown.items()
    }  # fmt: skip
    missed = sum(not shown["planned"][edge].any() for edge in able)
    return Count(
        seed, variant, len(edges), len(able), len(mixtures["planned"]), missed,
        needed["random"], needed["ladder"],
    )  # fmt: skip


def _ladders(runs: int, skills: int, seed: int) -> Floats:
    rng = np.random.default_rng([seed, 8])
    ladder = np.geomspace(1.0, 0.01, skills)
    return np.stack([rng.permutation(ladder) for _ in range(runs)]) / ladder.sum()


def report(outcomes: Sequence[Outcome], counts: Sequence[Count]) -> list[str]:
    """Return the tables: means of every way, differences to random runs with 95 % intervals."""
    lines = []
    if outcomes:
        ways = list(dict.fromkeys(one.way for one in outcomes))
        seeds = list(dict.fromkeys((one.seed, one.variant) for one in outcomes))
        each = {
            way: {(o.seed, o.variant): o for o in outcomes if o.way == way} for way in ways
        }  # fmt: skip
        able = np.mean([each[ways[0]][key].able for key in seeds])
        lines.append(f"{len(seeds)} worlds, {able:.1f} edges each that can be shown")
        lines.append("| runs | " + " | ".join(MEASURES) + " |")
        lines.append("|" + "---|" * (len(MEASURES) + 1))
        for way in ways:
            means = [np.mean([getattr(each[way][key], m) for key in seeds]) for m in MEASURES]
            lines.append(f"| {way} | " + " | ".join(f"{mean:.3g}" for mean in means) + " |")
        for way in ("random", "ladder"):
            told = []
            for m in MEASURES:
                apart = np.array(
                    [getattr(each["planned"][k], m) - getattr(each[way][k], m) for k in seeds]
                )
                low, high = _interval(apart)
                told.append(f"{apart.mean():+.3g} ({low:+.3g} to {high:+.3g})")
            lines.append(f"| planned less {way} | " + " | ".join(told) + " |")
    if counts:
        lines += ["", f"{len(counts)} graphs: runs that show all edges that can be shown"]
        lines.append("| planned | random | ladder | edges | can be shown | missed by planned |")
        lines.append("|---|---|---|---|---|---|")
        told = [
            f"{np.mean([getattr(c, key) for c in counts]):.3g}"
            for key in ("planned", "random", "ladder", "edges", "can_be", "missed")
        ]
        lines.append("| " + " | ".join(told) + " |")
        apart = np.array([c.random - c.planned for c in counts], dtype=float)
        low, high = _interval(apart)
        lines.append(f"random less planned: {apart.mean():.3g} ({low:.3g} to {high:.3g})")
    return lines


def _interval(each: Floats, *, draws: int = 4000) -> tuple[float, float]:
    """Return the 95 % interval of a mean, by bootstrap."""
    rng = np.random.default_rng(0)
    means = each[rng.integers(len(each), size=(draws, len(each)))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)
