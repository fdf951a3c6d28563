"""``python -m benchmarks.inference [--cell NAME …] [--graphs N] [--seed S] [--baselines]``.

Every result is a line of the file given with ``--json``; a second call goes on where the first was
interrupted, and with another ``--seed`` adds graphs that no one has seen.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from benchmarks.inference.baselines import BASELINES
from benchmarks.inference.cells import CELLS, QUICK, Cell, Variant
from benchmarks.inference.evaluation import Journal, Result, evaluate, methods
from benchmarks.inference.ours import METHODS
from benchmarks.inference.scoring import pool, reliability

_HEAD = ("method", "F1", "mean", "95 %", "exact", "≥ 0.9 but false", "s a graph", "failed")


def main(arguments: Sequence[str] | None = None) -> None:
    """Evaluate the cells named (all without a name), print their tables."""
    cells = {**CELLS, QUICK.name: QUICK}
    parser = argparse.ArgumentParser(prog="python -m benchmarks.inference", description=__doc__)
    parser.add_argument("--cell", action="append", choices=cells, help="may be given again")
    parser.add_argument("--graphs", type=int, default=24, help="graphs a cell (24)")
    parser.add_argument("--seed", type=int, default=0, help="of the first graph (0)")
    parser.add_argument("--law", choices=("sum", "norm", "constant", "changed"))
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
    parser.add_argument("--json", type=Path, metavar="FILE", help="results, a line each")
    options = parser.parse_args(arguments)
    if options.experiment or options.planning:
        _other(parser, options)
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
        print("\n".join(_report(cell, names, found)) + "\n", flush=True)


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


def _report(cell: Cell, names: Sequence[str], results: Sequence[Result]) -> list[str]:
    """Return the lines of a cell: methods, then variants, settings, and what probabilities say."""
    lines = _table([_HEAD, *(_line(name, _of(results, name)) for name in names)])
    target = "no false edge given 0.9 or more" if cell.target is None else f"F1 ≥ {cell.target}"
    lines += ["", f"Target: {target}."]
    variants = list(dict.fromkeys(result.variant for result in results))
    if len(variants) > 1:
        table = [("F1 by variant", *names)]
        for variant in variants:
            here = [result for result in results if result.variant == variant]
            table.append((" ".join(variant), *(_f1(_of(here, name)) for name in names)))
        lines += ["", *_table(table)]
    for name in names:
        notes: dict[str, list[str]] = {}
        for result in _of(results, name):
            if result.note and " ".join(result.variant) not in notes.get(result.note, ()):
                notes.setdefault(result.note, []).append(" ".join(result.variant))
        lines += ["" for _ in notes][:1]
        for note, where in notes.items():
            told = "" if len(where) == len(variants) else f", {', '.join(where)}"
            lines.append(f"* {name}{told}: {note}")
    for name in (name for name in names if name in METHODS):
        scores = [r.score for r in _of(results, name) if r.score is not None]
        if scores:
            table = [(f"{name}: probability", "pairs", "mean", "real", "95 %")]
            table += [
                (
                    f"{b.low:g} – {b.high:g}", str(b.count), f"{b.mean:.3f}",
                    f"{b.real / b.count:.3f}", f"{b.at_least:.3f} – {b.at_most:.3f}",
                )
                for b in reliability(scores)
            ]  # fmt: skip
            lines += ["", *_table(table)]
    return lines


def _of(results: Sequence[Result], name: str) -> list[Result]:
    return [result for result in results if result.method == name]


def _f1(results: Sequence[Result]) -> str:
    scores = [result.score for result in results if result.score is not None]
    return f"{pool(scores).f1:.3f}" if scores else "–"


def _line(name: str, results: Sequence[Result]) -> tuple[str, ...]:
    scores = [result.score for result in results if result.score is not None]
    if not scores:
        return (name, *["–"] * (len(_HEAD) - 1))
    found = pool(scores)
    return (
        name, f"{found.f1:.3f}", f"{found.mean:.3f}", f"{found.low:.3f} – {found.high:.3f}",
        f"{found.exact:.0%}", str(found.sure_but_false) if name in METHODS else "–",
        f"{median(result.seconds for result in results):.2g}",
        str(sum(result.failed for result in results)),
    )  # fmt: skip


def _table(cells: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[k]) for row in cells) for k in range(len(cells[0]))]
    padded = [[c.ljust(w) for c, w in zip(row, widths, strict=True)] for row in cells]
    padded.insert(1, ["-" * width for width in widths])
    return ["| " + " | ".join(row) + " |" for row in padded]


if __name__ == "__main__":
    main()
