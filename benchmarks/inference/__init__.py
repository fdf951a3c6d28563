"""Skill graphs inferred from learning curves whose graph is known, and by other methods.

Worlds: random graphs, mixtures, N₀ and noise (`benchmarks.inference.worlds`); F1 of the edges with
a probability of ½ or more, over all graphs of a kind together. An edge that moves no noise-free
level by more than 0.05 when it is taken away counts for nothing; one that others only imply counts
as false. Baselines are tuned on worlds of the same kind with other seeds.

More, and other graphs: ``python -m benchmarks.inference --help``.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from statistics import median

from benchmarks.inference.baselines import BASELINES
from benchmarks.inference.cells import CELLS, QUICK, Cell
from benchmarks.inference.evaluation import Journal, Result, evaluate
from benchmarks.inference.ours import OURS
from benchmarks.inference.scoring import pool
from benchmarks.inference.worlds import make_world
from benchmarks.measure import Row, Target

#: Graphs a cell, of every method.
GRAPHS = 24


def measure(quick: bool) -> Iterator[Row]:
    """Yield rows: how fast worlds are made, then every cell and method."""
    yield _making(quick)
    cells, graphs = ([QUICK], 2) if quick else (list(CELLS.values()), GRAPHS)
    for cell in cells:
        # The others are only of interest where all is well: mixtures known, little noise. Searches
        # under fixed clocks take several times as long as `infer`: ``--baselines`` has them.
        names = [OURS, *BASELINES] if quick or cell.name == "10x8" else [OURS]
        results = list(evaluate(cell, graphs, 0, names, Journal()))
        barred = {result.method: result.note for result in results if result.score is None}
        for name in names:
            yield from rows(cell, name, [result for result in results if result.method == name])
        if barred:
            told = "; ".join(f"{name}: {why}" for name, why in barred.items())
            yield Row(f"{cell}: methods that could not run", (float(len(barred)),), "", note=told)


def _making(quick: bool) -> Row:
    n = 12 if quick else 50
    begun = time.perf_counter()
    make_world(skills=n, runs=8, gate="soft", operators="mixed")
    seconds = time.perf_counter() - begun
    name = f"a world of {n} skills, 8 runs, with what shows in it"
    return Row(name, (seconds,), "s", target=Target("≤", 5.0, "s"))


def rows(cell: Cell, name: str, results: Sequence[Result]) -> Iterator[Row]:
    """Yield the row of a method on a cell; none where it could not run."""
    scores = [result.score for result in results if result.score is not None]
    if not scores:
        return
    found = pool(scores)
    failed = sum(result.failed for result in results)
    note = (
        f"{found.graphs} graphs: mean {found.mean:.3f}, {found.low:.3f} to {found.high:.3f}; "
        f"exact {found.exact:.0%}; {median(result.seconds for result in results):.2g} s a graph"
    )
    note += f"; {failed} failed" if failed else ""
    ours = name == OURS
    target = None if cell.target is None or not ours else Target("≥", cell.target, "")
    yield Row(f"{cell}: F1 of {name}", (found.f1,), "", target=target, note=note)
    if cell.target is None and ours:
        told = f"{cell}: false edges given 0.9 or more"
        yield Row(told, (float(found.sure_but_false),), "", target=Target("≤", 0.0, ""))
