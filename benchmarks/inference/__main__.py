"""``python -m benchmarks.inference [--cell NAME …] [--graphs N] [--seed S] [--baselines]``.

Instead of cells, ``--network GRAPH`` takes networks trained on a graph (``geometry``: compositional
geometry), N seeds of each from S on. Baselines are tuned on the other graphs that are named.

Every result is a line of the file given with ``--json``; a second call goes on where the first was
interrupted, and with another ``--seed`` adds graphs that no one has seen.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.inference.baselines import BASELINES
from benchmarks.inference.cells import CELLS, QUICK, Cell, Variant
from benchmarks.inference.evaluation import Journal, Result, evaluate, methods
from benchmarks.inference.ours import METHODS
from benchmarks.inference.report import margins, report, sureness
from domino_sim.errors import nearest_name


def main(arguments: Sequence[str] | None = None) -> None:
    """Evaluate the cells named (all without a name), print their tables."""
    cells = {**CELLS, QUICK.name: QUICK}
    parser = argparse.ArgumentParser(prog="python -m benchmarks.inference", description=__doc__)
    parser.add_argument("--cell", action="append", choices=cells, help="may be given again")
    parser.add_argument("--graphs", type=int, default=24, help="graphs a cell (24)")
    parser.add_argument("--seed", type=int, default=0, help="of the first graph (0)")
    parser.add_argument("--law", choices=("sum", "norm", "constant", "domino", "changed"))
    parser.add_argument("--gate", choices=("hard", "soft"))
    parser.add_argument("--operators", choices=("and", "mixed"))
    parser.add_argument("--baselines", action="store_true", help="all methods, not `infer` alone")
    parser.add_argument(
        "--method", action="append", choices=[*METHODS, *BASELINES], help="only these methods"
    )
    parser.add_argument(
        "experiment", nargs="*", metavar="EXPERIMENT",
        help="names of scenarios/inference or paths, to be run instead of cells",
    )  # fmt: skip
    parser.add_argument(
        "--planning", action="store_true", help="planned runs against random ones, not cells"
    )
    parser.add_argument(
        "--network", action="append", metavar="GRAPH",
        help="trained networks (needs Torch), not cells; may be given again",
    )  # fmt: skip
    parser.add_argument(
        "--planned", type=int, metavar="N",
        help="with --network: N runs more, planned and in other ways, after 8 random ones",
    )  # fmt: skip
    parser.add_argument(
        "--from-names", action="store_true",
        help="with --planned: the first runs are planned as well, from the names of the skills",
    )  # fmt: skip
    parser.add_argument(
        "--way", action="append", help="with --planned: only these ways (network_planning.py)"
    )
    parser.add_argument("--cache", type=Path, metavar="DIR", help="keeps what is trained")
    parser.add_argument("--json", type=Path, metavar="FILE", help="results, a line each")
    parser.add_argument(
        "--report", action="store_true", help="only tables of what is in the file of --json"
    )
    options = parser.parse_args(arguments)
    if options.planned is not None and not options.network:
        parser.error("--planned needs --network")
    if options.way and options.planned is None:
        parser.error("--way needs --planned")
    if options.from_names and (options.planned is None or options.way):
        parser.error("--from-names needs --planned, and no --way: all are planned with strangers")
    if options.report:
        if options.json is None:
            parser.error("--report needs --json")
        _compared(Journal(options.json).results, cells)
        return
    if options.experiment or options.planning:
        _other(parser, options)
        return
    if options.network:
        _networks(parser, options)
        return
    asked = (options.law, options.gate, options.operators)
    names = options.method or methods(baselines=options.baselines)
    journal = Journal(options.json)
    for name in options.cell or list(CELLS):
        cell = cells[name]
        chosen = [v for v in cell.variants if _matches(v, asked)]
        if not chosen:
            print(f"## {cell.name}: none of its worlds are such\n", flush=True)
            continue
        print(f"## {cell.name}: {cell}\n", flush=True)
        try:
            found = list(
                map(_told, evaluate(cell, options.graphs, options.seed, names, journal, chosen))
            )
        except ValueError as error:
            parser.error(str(error))
        print("\n".join(report(names, found, cell)) + "\n", flush=True)


def _compared(results: Sequence[Result], known: Mapping[str, Cell]) -> None:
    """Print tables of results: a cell each, then margins and probabilities over all of them."""
    every = [*METHODS, *BASELINES]
    cells = {name: [r for r in results if r.cell == name] for name in {r.cell: 0 for r in results}}
    for name, some in cells.items():
        cell = known.get(name)
        names = [one for one in every if any(result.method == one for result in some)]
        print(f"## {name}{f': {cell}' if cell else ''}\n")
        print("\n".join(report(names, some, cell)) + "\n")
    tables = margins(cells), *(sureness(cells, method) for method in METHODS)
    print("\n\n".join("\n".join(table) for table in tables if table), flush=True)


def _networks(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Evaluate methods on trained networks, print their tables."""
    from benchmarks.inference.network_baselines import GEOMETRY, evaluate_networks
    from benchmarks.inference.parities import PARITIES

    known = [*PARITIES, GEOMETRY]
    for graph in options.network:
        if graph not in known:
            parser.error(f"--network: {graph!r} is none of {', '.join(known)}")
    seeds = range(options.seed, options.seed + options.graphs)
    names = options.method or methods(baselines=options.baselines)
    journal = Journal(options.json)
    if options.planned is None:
        results = evaluate_networks(options.network, seeds, names, journal, options.cache)
    else:
        from benchmarks.inference.network_planning import (
            WAYS,
            evaluate_from_names,
            evaluate_planned,
        )

        if options.planned < 1:
            parser.error(f"--planned: is {options.planned}; expected 1 run at least")
        if GEOMETRY in options.network:
            parser.error(f"--planned: perceptrons only, not --network {GEOMETRY}")
        ways = options.way or list(WAYS)
        for way in ways:
            if way not in WAYS:
                near = nearest_name(way, WAYS)
                parser.error(
                    f"--way: {way!r} is none of {', '.join(map(repr, WAYS))}"
                    + (f"; did you mean {near!r}?" if near else "")
                )
        asked = options.network, seeds, names, journal, options.planned, options.cache
        if options.from_names:
            results = evaluate_from_names(*asked)
        else:
            results = evaluate_planned(*asked, ways)
    _compared(list(map(_told, results)), {})


def _other(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Run experiment files, or compare planned runs with random ones."""
    from benchmarks.inference import experiment, planning
    from domino_sim.errors import InputError

    try:
        given = [experiment.load_experiment(path) for path in options.experiment]
    except InputError as error:
        parser.error(str(error))
    for one in given:
        for line in experiment.lines(one):
            print(line, flush=True)
    if options.planning:
        for line in planning.run(options.graphs, options.seed, path=options.json):
            print(line, flush=True)


def _matches(variant: Variant, asked: Sequence[str | None]) -> bool:
    return all(want is None or want == has for want, has in zip(asked, variant, strict=True))


def _told(result: Result) -> Result:
    """Pass a result on, saying on the error stream that it is there."""
    got = result.note if result.score is None else f"F1 {result.score.f1:.3f}"
    note = f"  {result.note}" if result.failed else ""
    head = f"{result.cell} {' '.join(result.variant)} seed {result.seed} {result.method}"
    print(f"  {head}: {got}, {result.seconds:.1f} s{note}", file=sys.stderr, flush=True)
    return result


if __name__ == "__main__":
    main()
