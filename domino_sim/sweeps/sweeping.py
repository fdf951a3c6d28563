"""One verb: `sweep` a scenario or a run file over some axes."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Executor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from domino_sim.errors import ArgumentError, FileError
from domino_sim.progress import Meter, NullMeter
from domino_sim.sweeps.blocks import Blocks
from domino_sim.sweeps.checking import MOST_POINTS, make_plan
from domino_sim.sweeps.coordinator import coordinate
from domino_sim.sweeps.executors import Given, Here, Processes, Workers, processors
from domino_sim.sweeps.opening import is_empty
from domino_sim.sweeps.plan import Plan, table_of
from domino_sim.sweeps.points import key_of
from domino_sim.sweeps.storage_form import differences
from domino_sim.sweeps.store import Store
from domino_sim.sweeps.subject import load_subject
from domino_sim.sweeps.swept import Sweep

if TYPE_CHECKING:
    from domino_sim.gradient.run import Run
    from domino_sim.scenario import Scenario

__all__ = ["open_plan", "run_plan", "sweep"]

#: Rows of a store that are compared with the points of the plan.
CHECKED = 64


def sweep(
    scenario: Scenario | Run | str | Path | Mapping[str, Any],
    axes: Mapping[str, Any] | None = None,
    executor: Executor | None = None,
    store: str | Path | None = None,
    *,
    workers: int | None = None,
    engine: str | None = None,
    curves: str | None = None,
    resume: bool = False,
    retry_failed: bool = False,
    most: int = MOST_POINTS,
    meter: Meter | None = None,
) -> Sweep:
    """Run a scenario, or train a run file, at many points.

    Parameters
    ----------
    scenario
        A Scenario, a Run, the name or path of a file, or its tables.
    axes
        Values by key path, as in overrides: lists, or ranges ``{"low": …, "high": …, "n": …}``;
        or a whole ``[sweep]`` table with ``"axes"`` in it (``docs/sweeps.md``). None: the
        ``[sweep]`` table of the file.
    executor
        Where points run: any ``concurrent.futures.Executor``, such as that of a Dask client
        (``Client.get_executor()``). It is not shut down. None: `workers` processes of this
        machine, or this process if there is only one short batch to do. As new processes
        import the main module, a script must guard its calls by ``if __name__ == "__main__"``.
    store
        The SQLite file of the results. None: they are kept in memory.
    workers
        How many processes; as many as there are processors by default.
    engine, curves
        In place of those of the table: ``"auto"``, ``"events"``, ``"clock"``, ``"euler"``;
        ``"none"``, ``"loss"``, ``"levels"``.
    resume
        Go on with a store that is there. It must be of the same sweep and version.
    retry_failed
        When resuming, do failed points again as well.
    most
        A sweep of more points is refused.
    meter
        Shows how far it is; by default nothing is shown.

    Returns
    -------
    Sweep
        The points that are done and those that failed; ``.to_xarray()``.

    Raises
    ------
    InputError
        If an axis names nothing or is empty, the store is that of another sweep, or anything
        else that is given is not valid. Nothing has been run then.
    RunError
        If the store cannot be written, worker processes cannot start, or a given executor
        breaks. What is done is kept.

    Examples
    --------
    >>> found = sweep("two-pairs", {"pool.wasted": [1e-3, 1e-2], "gate.exponent": [1e-3, 1.0]})
    >>> ds = found.to_xarray()
    >>> ds.all_mastered_at.sel({"pool.wasted": 0.01}).round().values
    array([  nan, 7450.])
    """
    subject, given = load_subject(scenario)
    table = table_of(axes, given, {"engine": engine, "curves": curves})
    plan = make_plan(subject, table, most)
    if executor is not None and not hasattr(executor, "submit"):
        raise ArgumentError(
            f"The 'executor' parameter of sweep is a {type(executor).__name__}",
            expected="a concurrent.futures.Executor, or None",
        )
    if workers is not None and (not isinstance(workers, int) or workers < 1):
        raise ArgumentError(
            f"The 'workers' parameter of sweep is {workers!r}", expected="a whole number ≥ 1"
        )
    opened = open_plan(plan, None if store is None else Path(store), resume=resume)
    try:
        run_plan(plan, opened, executor, workers, retry_failed=retry_failed, meter=meter)
    except BaseException:
        opened.close()
        raise
    if opened.path is None:
        return Sweep(opened)
    opened.close()
    return Sweep.open(opened.path)


def open_plan(plan: Plan, path: Path | None, *, resume: bool) -> Store:
    """Return the store of a plan, ready to be written: a new one, or one that is gone on with.

    Raises
    ------
    FileError
        If it is there and `resume` is not asked for, or it is that of another sweep.
    """
    meta = plan.meta()
    if path is None:
        return Store(None, meta, writable=True)
    if not path.exists() or is_empty(path):
        return Store(path, meta, writable=True)
    if path.is_dir():
        raise FileError("is a folder", where=str(path), expected="a file for the store")
    found = Store(path, writable=True)
    try:
        there = found.meta()
        told = differences(there, meta)
        if told:
            raise FileError(
                f"is the store of another sweep: {told}",
                where=str(path),
                expected="the sweep it was made by, or another --out",
            )
        if not resume:
            count = found.counts()
            of = f"{sum(count.values()):,} of {plan.points.count:,} points"
            raise FileError(
                f"is there already, with {of}",
                where=str(path),
                expected="--resume to go on with it, or another --out",
            )
        _check_rows(plan, found)
    except BaseException:
        found.close()
        raise
    return found


def _check_rows(plan: Plan, store: Store) -> None:
    """Refuse a store with a row that is of another point than its number says."""
    count = plan.points.count
    for number in sorted({i * count // CHECKED for i in range(CHECKED)}):
        for (text,) in store.ask("SELECT parameters FROM points WHERE number = ?", (number,)):
            here = key_of(plan.points.parameters(number))
            if text != here:
                raise FileError(
                    f"point {number} is {text} there, {here} here",
                    where=str(store.path),
                    expected="the sweep it was made by, or another --out",
                )


def run_plan(
    plan: Plan,
    store: Store,
    executor: Executor | None,
    workers: int | None,
    *,
    retry_failed: bool,
    meter: Meter | None,
) -> int:
    """Do what is still to be done of a plan, and return how many points that were."""
    pending = store.pending(plan.points.count, retry=retry_failed)
    if not len(pending):
        return 0
    blocks = Blocks(plan, pending)
    who = _workers(blocks, len(pending), executor, workers)
    with (meter or NullMeter()).task(plan.subject.title, len(pending)) as report:
        coordinate(blocks, who, store, report)
    return len(pending)


def _workers(
    blocks: Blocks, pending: int, executor: Executor | None, workers: int | None
) -> Workers:
    if executor is not None:
        return Given(executor)
    short = blocks.plan.subject.kind == "scenario" and (
        pending <= (blocks.size if blocks.fixed else 1)
    )
    # A new process takes longer to start than a batch of the clock engine to solve.
    return Here() if short else Processes(workers or processors())
