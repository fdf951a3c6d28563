"""``sweep``: run one, go on with one, or read its store."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, fields
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from domino_sim.cli.sweep_meter import SweepMeter
from domino_sim.cli.sweep_outputs import Outputs, check_outputs, write_outputs
from domino_sim.cli.sweep_report import tell
from domino_sim.errors import ArgumentError, FileError
from domino_sim.scenario import parse_override

if TYPE_CHECKING:
    from domino_sim.sweeps.plan import Plan

__all__ = ["Running", "sweep_scenario"]

#: The most points that ``--yes`` allows: their numbers alone fill a gigabyte.
MOST_WITH_YES = 10**8


@dataclass(frozen=True)
class Running:
    """How a sweep is run: the options of the command."""

    set_: Sequence[str] = ()
    engine: str | None = None
    curves: str | None = None
    workers: int | None = None
    dask: str | None = None
    out: Path | None = None
    resume: bool = False
    retry_failed: bool = False
    yes: bool = False

    def refuse_beside(self, store: str) -> None:
        """Refuse what is for a scenario beside a store: all of it, or what a resumed one has."""
        mine = ("workers", "dask", "resume", "retry_failed") if self.resume else ()
        for field in fields(self):
            if getattr(self, field.name) and field.name not in mine:
                raise ArgumentError(
                    f"is for running a sweep, but {store} is the store of one",
                    where=f"--{field.name.strip('_').replace('_', '-')}",
                    expected="the scenario in its place, or --resume to go on with it",
                )


def sweep_scenario(name: str, running: Running, outputs: Outputs) -> int:
    """Run the sweep of a scenario, or read a store, and return the exit code."""
    from domino_sim.sweeps.opening import is_store
    from domino_sim.sweeps.swept import Sweep

    outputs.check_options()
    if running.dask is not None and running.workers is not None:
        raise ArgumentError("is given with --dask", where="--workers", expected="one of them")
    if running.retry_failed and not running.resume:
        raise ArgumentError("is given without --resume", where="--retry-failed", expected="both")
    if not is_store(name):
        return _run(_planned(name, running), _store_path(name, running), name, running, outputs)
    running.refuse_beside(name)
    with Sweep.open(name) as found:
        check_outputs(outputs, found.plan, Path(name), name)
        if not running.resume:
            if not outputs.wanted():
                tell(found, Path(name))
            write_outputs(found, outputs)
            return 1 if found.counts["failed"] and not outputs.wanted() else 0
        plan = found.plan
    return _run(plan, Path(name), name, running, outputs)


def _store_path(name: str, running: Running) -> Path:
    return running.out or Path("results") / f"sweep-{Path(name).name.removesuffix('.toml')}.sqlite"


def _planned(name: str, running: Running) -> Plan:
    from domino_sim.sweeps.checking import MOST_POINTS, make_plan
    from domino_sim.sweeps.plan import table_of
    from domino_sim.sweeps.subject import load_subject

    suffix, there = Path(name).suffix, Path(name).is_file()
    if (suffix in (".sqlite", ".db") and not there) or (there and suffix != ".toml"):
        what = "is neither a store of a sweep nor a scenario file" if there else "no such store"
        raise FileError(what, where=name, expected="a file that `sweep` wrote, or a .toml file")
    overrides = dict(parse_override(text) for text in running.set_)
    subject, given = load_subject(name, overrides)
    table = table_of(None, given, {"engine": running.engine, "curves": running.curves})
    return make_plan(subject, table, MOST_WITH_YES if running.yes else MOST_POINTS)


def _run(plan: Plan, path: Path, name: str, running: Running, outputs: Outputs) -> int:
    from domino_sim.sweeps.executors import dask_executor
    from domino_sim.sweeps.sweeping import open_plan, run_plan
    from domino_sim.sweeps.swept import Sweep

    check_outputs(outputs, plan, path, name)
    begun = perf_counter()
    with dask_executor(running.dask) if running.dask is not None else nullcontext() as executor:
        store = open_plan(plan, path, resume=running.resume)
        try:
            made = run_plan(
                plan, store, executor, running.workers, retry_failed=running.retry_failed,
                meter=SweepMeter(),
            )  # fmt: skip
        except BaseException:
            count = store.counts()
            told = f"{sum(count.values()):,} of {plan.points.count:,} points are in {path}"
            print(f"{told}; the same command with --resume goes on", file=sys.stderr)
            raise
        finally:
            store.close()
    with Sweep.open(path) as found:
        tell(found, path, made, perf_counter() - begun)
        write_outputs(found, outputs)
        return 1 if found.counts["failed"] else 0
