"""Check the figures of the paper and what it does not have; draw them, and say what was found."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from domino_sim.errors import DominoError, nearest_name
from domino_sim.files import make_folder
from validation.figure import NAMES, module_of
from validation.outcome import Outcome
from validation.report import counts, lines, write_report
from validation.row import FAIL
from validation.running import check_all, kept_outcome
from validation.setting import ROOT, Setting
from validation.simulator import CHANGES, Simulator


def main(arguments: Sequence[str] | None = None) -> int:
    """Check the figures named (all without a name).

    Return 1 if a row fails or a figure breaks off, 2 if nothing can be begun, else 0; with a
    changed simulator 1 if a row does not notice.
    """
    options = _parse(sys.argv[1:] if arguments is None else arguments)
    mode = "quick" if options.quick else "full"
    kept = Path(options.out or ROOT / "results" / "validation" / mode)
    # Gradient runs are the same whatever the simulator: a changed one takes those that are kept.
    out = kept / f"with-{options.change}" if options.change else kept
    try:
        make_folder(out)
    except DominoError as error:
        print(f"python -m validation: error: {error}", file=sys.stderr)
        return 2
    setting = Setting(options.quick, Simulator(options.change), folder=kept, fresh=options.fresh)
    chosen = options.names or NAMES
    started, done = time.perf_counter(), {}
    try:
        for name, outcome, before in check_all(chosen, setting, out, options.jobs):
            done[name] = outcome
            print("\n".join(lines(outcome)), "(done before)\n" if before else "\n", flush=True)
    except KeyboardInterrupt:
        count = sum(kept_outcome(name, setting, out) is not None for name in chosen)
        print(f"Interrupted. {count} of {len(chosen)} figures are in {out}; the same command goes "
              "on from there.", file=sys.stderr)  # fmt: skip
        return 130
    # What was done before of other figures stays in the report.
    every = [done.get(name) or kept_outcome(name, setting, out) for name in NAMES]
    paths = write_report([outcome for outcome in every if outcome], out, _heading(options))
    outcomes = [done[name] for name in chosen]
    print(f"{counts(outcomes)}, in {time.perf_counter() - started:.0f} s.")
    print("\n".join(str(path) for path in paths))
    if options.change:
        return _told_unnoticed(outcomes, options.change)
    return int(any(outcome.verdict == FAIL for outcome in outcomes))


def _told_unnoticed(outcomes: Sequence[Outcome], change: str) -> int:
    """Print which rows should notice a wrong simulator and do not; return 1 if there are any."""
    guards = [(o.figure.name, row) for o in outcomes for row in o.rows if change in row.guards]
    unnoticed = [(name, row) for name, row in guards if row.verdict != FAIL]
    broken = [outcome.figure.name for outcome in outcomes if outcome.error]
    noticed = f"{len(guards) - len(unnoticed)} of {len(guards)} rows that hold the simulator to it"
    print(f"{CHANGES[change]}: {f'{noticed} fail' if guards else 'no row here holds it to that'}.")
    for name, row in unnoticed:
        print(f"  unnoticed  {name}: {row.claim}: reference {row.reference}, ours {row.ours}")
    for name in broken:
        print(f"  broke off  {name}")
    return int(bool(unnoticed or broken))


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    figures = ""
    if {"-h", "--help"} & set(arguments):  # it takes seconds to load them all
        figures = "figures:\n" + "\n".join(
            f"  {name:12s}{module_of(name).FIGURE.title}" for name in NAMES
        )
    parser = argparse.ArgumentParser(
        prog="python -m validation", description=__doc__, epilog=figures,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("names", nargs="*", metavar="FIG", help="figures to check; all by default")
    parser.add_argument("--quick", action="store_true", help="fewer seeds and smaller cases")
    parser.add_argument("--out", metavar="DIR", help="default: results/validation/quick or full")
    parser.add_argument("--fresh", action="store_true", help="do again what is in DIR")
    jobs = "figures side by side (%(default)s)"
    parser.add_argument("--jobs", type=int, metavar="N", default=_cores(), help=jobs)
    change = "put a wrong simulator in its place, to see which rows notice: " + "; ".join(
        f"{name}: {what}" for name, what in CHANGES.items()
    )
    parser.add_argument("--change", choices=sorted(CHANGES), help=change)
    options = parser.parse_args(arguments)
    options.names = list(dict.fromkeys(map(_named, options.names)))
    for name in options.names:
        if name not in NAMES:
            near = nearest_name(name, NAMES)
            hint = f"; did you mean {near}?" if near else "."
            parser.error(f"no figure {name!r}{hint} There are {', '.join(NAMES)}")
    if options.jobs < 1:
        parser.error(f"--jobs is {options.jobs}; at least one figure must be at work")
    return options


def _named(text: str) -> str:
    """Return the name of a figure given as 6, fig6 or Fig06."""
    plain = text.lower().removeprefix("fig").lstrip(".")
    return f"fig{int(plain):02d}" if plain.isdecimal() else text


def _heading(options: argparse.Namespace) -> str:
    mode = "Quick mode" if options.quick else "Full mode"
    wrong = f", simulator changed: {CHANGES[options.change]}" if options.change else ""
    return f"{mode}{wrong}; {date.today():%d %B %Y}, {_cores()} cores, {_processor()}."


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


if __name__ == "__main__":
    sys.exit(main())
