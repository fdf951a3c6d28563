"""``sweep``: run one, go on with one, or read its store."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from domino_sim.cli.sweep_meter import SweepMeter
from domino_sim.errors import ArgumentError
from domino_sim.scenario import parse_override

if TYPE_CHECKING:
    from domino_sim.sweeps.swept import Sweep

__all__ = ["Outputs", "sweep_scenario"]

#: The most points that ``--yes`` allows: their numbers alone fill a gigabyte.
MOST_WITH_YES = 10**9

#: Failures and rows that are printed.
MOST_NAMED, MOST_ROWS = 8, 40


@dataclass(frozen=True)
class Outputs:
    """What is printed and written of a sweep."""

    table: bool = False
    csv: Path | None = None
    netcdf: Path | None = None
    figure: Path | None = None
    scaling: bool = False
    of: str | None = None
    rerun: int | None = None

    def wanted(self) -> bool:
        """Whether any of them is."""
        files = (self.csv, self.netcdf, self.figure)
        return self.table or self.rerun is not None or any(f is not None for f in files)


def sweep_scenario(
    name: str,
    settings: Sequence[str],
    *,
    engine: str | None,
    curves: str | None,
    workers: int | None,
    dask: str | None,
    out: Path | None,
    resume: bool,
    retry_failed: bool,
    yes: bool,
    outputs: Outputs,
) -> int:
    """Run the sweep of a scenario, or read a store, and return the exit code."""
    from domino_sim.sweeps.store import is_store
    from domino_sim.sweeps.swept import Sweep

    if outputs.scaling and outputs.figure is None:
        raise ArgumentError("is given without --figure", where="--scaling", expected="both")
    if is_store(name):
        given = {
            "--set": settings, "--engine": engine, "--curves": curves, "--workers": workers,
            "--dask": dask, "--out": out, "--resume": resume, "--retry-failed": retry_failed,
        }  # fmt: skip
        for option, value in given.items():
            if value:
                raise ArgumentError(
                    f"is for running a sweep, but {name} is the store of one",
                    where=option,
                    expected="the scenario in its place",
                )
        with Sweep.open(name) as found:
            if not outputs.wanted():
                _tell(found, Path(name))
            _write(found, outputs)
            return 1 if found.counts["failed"] and not outputs.wanted() else 0
    return _run(
        name, settings, engine, curves, workers, dask, out, resume, retry_failed, yes, outputs
    )


def _run(
    name: str,
    settings: Sequence[str],
    engine: str | None,
    curves: str | None,
    workers: int | None,
    dask: str | None,
    out: Path | None,
    resume: bool,
    retry_failed: bool,
    yes: bool,
    outputs: Outputs,
) -> int:
    from domino_sim.sweeps.executors import dask_executor
    from domino_sim.sweeps.plan import MOST_POINTS, make_plan, table_of
    from domino_sim.sweeps.subject import load_subject
    from domino_sim.sweeps.sweeping import open_plan, run_plan
    from domino_sim.sweeps.swept import Sweep

    if dask is not None and workers is not None:
        raise ArgumentError("is given with --dask", where="--workers", expected="one of them")
    if retry_failed and not resume:
        raise ArgumentError("is given without --resume", where="--retry-failed", expected="both")
    subject, given = load_subject(name, dict(parse_override(text) for text in settings))
    table = table_of(None, given, {"engine": engine, "curves": curves})
    plan = make_plan(subject, table, MOST_WITH_YES if yes else MOST_POINTS)
    path = out or Path("results") / f"sweep-{Path(name).name.removesuffix('.toml')}.sqlite"
    begun = perf_counter()
    with dask_executor(dask) if dask is not None else nullcontext() as executor:
        store = open_plan(plan, path, resume=resume)
        before = sum(store.counts().values())
        try:
            run_plan(
                plan, store, executor, workers, retry_failed=retry_failed, meter=SweepMeter()
            )
        except BaseException:
            count = store.counts()
            told = f"{sum(count.values()):,} of {plan.points.count:,} points are in {path}"
            print(f"{told}; the same command with --resume goes on", file=sys.stderr)
            raise
        finally:
            store.close()
    with Sweep.open(path) as found:
        _tell(found, path, before, perf_counter() - begun)
        _write(found, outputs)
        return 1 if found.counts["failed"] else 0


def _tell(sweep: Sweep, path: Path, before: int = 0, seconds: float | None = None) -> None:
    """Print what there is, and what failed."""
    import numpy as np

    count = sweep.counts
    print(f"{sweep.plan.subject.title}")
    axes = ", ".join(f"{' & '.join(a.keys)} ({len(a):,})" for a in sweep.plan.user_axes)
    print(f"Axes     {axes}")
    line = f"Points   {count['done']:,} of {len(sweep):,} done"
    for word in ("failed", "pending"):
        line += f", {count[word]:,} {word}" if count[word] else ""
    if seconds is not None:
        made = count["done"] + count["failed"] - before
        line += f"; {made:,} in {seconds:.3g} s" if made else "; nothing was left to do"
    print(line)
    rows = [(r["all_mastered_at"], r["final_loss"]) for r in sweep.rows("done")]
    if rows:
        at, loss = np.array(rows, dtype=float).T
        _range("Mastered", at, "step at which all skills were")
        _range("Loss", loss, "at the last step")
    failures = sweep.failures
    for row in failures[:MOST_NAMED]:
        print(f"failed: point {row['number']}: {_short(row['parameters'])}: {row['error']}")
    if len(failures) > MOST_NAMED:
        print(f"failed: {len(failures) - MOST_NAMED:,} more (all are in the table)")
    if failures:
        print("again    the same command with --resume --retry-failed")
    print(f"Store    {path}")


def _range(word: str, values: Any, meaning: str) -> None:
    import numpy as np

    good = values[np.isfinite(values)]
    if len(good):
        low, middle, high = np.quantile(good, (0.0, 0.5, 1.0))
        of = "" if len(good) == len(values) else f" ({len(good):,} of {len(values):,} points)"
        print(f"{word:8} {low:.4g} to {high:.4g}, median {middle:.4g}: {meaning}{of}")
    else:
        print(f"{word:8} in no point: {meaning}")


def _short(parameters: dict[str, Any], width: int = 100) -> str:
    text = ", ".join(f"{key} = {value}" for key, value in parameters.items())
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _write(sweep: Sweep, outputs: Outputs) -> None:
    from domino_sim.files import atomic_write

    if outputs.table:
        frame = sweep.to_frame().dropna(axis="columns", how="all")
        hidden = [c for c in ("version", "engine") if c in frame]
        print(frame.drop(columns=hidden).head(MOST_ROWS).to_string(index=False, na_rep="–"))
        if len(frame) > MOST_ROWS:
            print(f"… {len(frame) - MOST_ROWS:,} more: --csv FILE has all")
    if outputs.csv is not None:
        text = sweep.to_frame().to_csv(index=False, lineterminator="\n")
        if str(outputs.csv) == "-":
            print(text, end="")
        else:
            atomic_write(outputs.csv, text)
    if outputs.netcdf is not None:
        from domino_sim.netcdf import save_dataset

        save_dataset(sweep.to_xarray(), outputs.netcdf)
    if outputs.figure is not None:
        from domino_sim.plot import save_figure
        from domino_sim.plot.sweep import sweep_figure
        from domino_sim.plot.sweep_scaling import scaling_figure

        ds = sweep.to_xarray()
        if outputs.scaling:
            figure = scaling_figure(ds, of=outputs.of)
        else:
            figure = sweep_figure(ds, of=outputs.of)
        save_figure(figure, outputs.figure)
    if outputs.rerun is not None:
        _rerun(sweep, outputs.rerun)


def _rerun(sweep: Sweep, number: int) -> None:
    """Run one point alone and print it beside its row."""
    from domino_sim.sweeps.task import Point, Task
    from domino_sim.sweeps.worker import solve

    sweep.scenario(number)  # refuses a number that is none
    plan = sweep.plan
    parameters = plan.points.parameters(number)
    point = Point(number, parameters, plan.seed(parameters))
    task = Task(plan.subject, plan.table.engine, "none", False, plan.fast, (point,))
    row = solve(task)[0]
    there = next((r for r in sweep.rows() if r["number"] == number), None)
    print(f"point {number}: {_short(parameters, 1000)}")
    print(f"{'':16} {'now':>20} {'in the store':>20}")
    for key in ("status", "seed", "mastered", "all_mastered_at", "final_loss", "error"):
        old = "not done" if there is None else there[key]
        new = getattr(row, key)
        if new is not None or (there is not None and old is not None):
            print(f"{key:16} {_cell(new):>20} {_cell(old):>20}")


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.12g}"
    return "–" if value is None else str(value)
