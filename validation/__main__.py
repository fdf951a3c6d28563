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

from domino_sim.errors import nearest_name
from domino_sim.files import make_folder
from validation.figure import NAMES, module_of
from validation.outcome import Outcome
from validation.report import counts, lines, write_report
from validation.row import FAIL
from validation.running import check_all
from validation.setting import ROOT, Setting
from validation.simulator import CHANGES, Simulator


def main(arguments: Sequence[str] | None = None) -> int:
    """Check the figures named (all without a name); return 1 if a row fails, else 0."""
    options = _parse(arguments)
    mode = "quick" if options.quick else "full"
    kept = Path(options.out or ROOT / "results" / "validation" / mode)
    # Gradient runs are the same whatever the simulator: a changed one takes those that are kept.
    out = kept / f"with-{options.change}" if options.change else kept
    make_folder(out)
    setting = Setting(options.quick, Simulator(options.change), folder=kept)
    chosen = options.names or NAMES
    started, done = time.perf_counter(), {}
    try:
        for name, outcome, before in check_all(chosen, setting, out, options.jobs, options.fresh):
            done[name] = outcome
            print("\n".join(lines(outcome)), "(done before)\n" if before else "\n", flush=True)
    except KeyboardInterrupt:
        print(f"Interrupted. {len(done)} of {len(chosen)} figures are in {out}; the same command "
              "goes on from there.", file=sys.stderr)  # fmt: skip
        return 130
    outcomes = [done[name] for name in chosen]
    paths = write_report(outcomes, out, _heading(options))
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
    print(f"{CHANGES[change]}: {len(guards) - len(unnoticed)} of {len(guards)} rows that hold "
          "the simulator to it fail, as they should.")  # fmt: skip
    for name, row in unnoticed:
        print(f"  unnoticed  {name}: {row.claim}: reference {row.reference}, ours {row.ours}")
    for name in broken:
        print(f"  broke off  {name}")
    return int(bool(unnoticed or broken))


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    figures = "\n".join(f"  {name:12s}{module_of(name).FIGURE.title}" for name in NAMES)
    parser = argparse.ArgumentParser(
        prog="python -m validation", description=__doc__, epilog=f"figures:\n{figures}",
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
            hint = f"; did you mean {near}?" if near else ""
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
