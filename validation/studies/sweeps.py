"""Sweeps that are killed: coordinators and workers, at random, resumed, compared byte for byte.

A sweep is run in processes of its own: of event-engine points, and of batches of the clock engine,
with hard gates and with soft ones, whose numbers depend on the company they are solved in. Again
and again, after a random while, its coordinator or one of its workers is killed (SIGKILL: nothing
can be tidied up), and a coordinator that died is started again with ``--resume``. Then rows are
taken away here and there, as no death leaves them, and it is resumed once more. In the end its
table must be that of a sweep that nobody disturbed: solved in this process, task by task.
"""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from domino_sim import sweep
from domino_sim.errors import FileError
from domino_sim.sweeps.swept import Sweep

SCENARIO = """
title = "Two pairs, disturbed"
steps = 10000
graph = "two-pairs"
[pool]
rate = 1e-3
[gate]
{gate}
[record]
points = 20
[sweep]
engine = "{engine}"
[sweep.axes]
"pool.wasted" = {{ low = 1e-4, high = 1.0, n = {rows}, spacing = "log" }}
"skills.T2.frequency" = {{ low = 0.05, high = 1.0, n = {columns} }}
"""

GATES = {"hard": 'kind = "hard"', "soft": 'kind = "soft"\nexponent = 1e-3'}

#: The longest that a sweep is left alone before the next kill, in seconds; and in all.
LONGEST, PATIENCE = 2.5, 900.0


@dataclass
class Study:
    """What became of a disturbed sweep."""

    points: int
    coordinators: int
    workers: int
    lost: int
    seconds: float
    equal: bool


def kill_study(
    folder: Path, kills: int, seed: int, *, engine: str = "events", gate: str = "soft",
    rows: int = 40, columns: int = 50, longest: float = LONGEST,
) -> Study:
    """Disturb a sweep of `rows` × `columns` points `kills` times, and compare its table."""
    file = folder / "disturbed.toml"
    text = SCENARIO.format(engine=engine, gate=GATES[gate], rows=rows, columns=columns)
    file.write_text(text, "utf-8")
    calm, wild = folder / "calm.sqlite", folder / "wild.sqlite"
    command = [sys.executable, "-m", "domino_sim", "sweep", str(file), "--workers", "2"]
    sweep(file, store=calm, executor=Alone()).close()
    rng, begun, study = random.Random(seed), time.monotonic(), Study(0, 0, 0, 0, 0.0, False)
    before = 0
    while study.coordinators + study.workers < kills:
        wilder = start([*command, "--out", str(wild), "--resume"])
        while wilder.poll() is None and study.coordinators + study.workers < kills:
            time.sleep(rng.uniform(0.1, longest))
            if rng.random() < 0.5:
                study.coordinators += _kill(wilder.pid)
                wilder.wait()
            else:
                workers = children(wilder.pid)
                study.workers += bool(workers) and _kill(rng.choice(workers))
        if wilder.poll() is None:
            wilder.wait()
        now = done(wild)
        study.lost += max(before - now, 0)
        before = now
        if time.monotonic() - begun > PATIENCE:
            break
        if now == rows * columns and study.coordinators + study.workers < kills:
            # All done too soon: take the last half away and go on.
            _take_away(wild, f"number >= {rows * columns // 2}")
            before = rows * columns // 2
    # First only gone on with: the last kill may have come before there was a table. Points that run
    # alone have no company.
    for holes in (None,) if engine == "events" else (None, "number % 7 = 3"):
        if holes is not None:
            _take_away(wild, holes)
        sweep(file, store=wild, resume=True, executor=Alone()).close()
    study.points, study.seconds = done(wild), time.monotonic() - begun
    study.equal = _table(calm) == _table(wild)
    return study


class Alone(Executor):
    """No other process: one takes seconds to start. Rows depend on the task alone."""

    _max_workers = 1

    def submit(  # type: ignore[override]
        self, function: Callable[..., Any], /, *given: Any, **named: Any
    ) -> Future[Any]:
        """Do it now."""
        future: Future[Any] = Future()
        future.set_result(function(*given, **named))
        return future


def start(command: list[str]) -> subprocess.Popen[bytes]:
    """Begin a sweep."""
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _kill(pid: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
        return True
    return False


def children(pid: int) -> list[int]:
    """Return the worker processes of a coordinator."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, ValueError):
            name, _, rest = path.read_text().rpartition(")")
            if int(rest.split()[1]) == pid and rest.split()[0] != "Z":
                line = (path.parent / "cmdline").read_bytes()
                # The resource tracker of multiprocessing is a child, too.
                if b"spawn_main" in line:
                    found.append(int(name.split()[0]))
    return found


def done(store: Path) -> int:
    """Return how many points of a store are done."""
    # A coordinator may have died before it made the store.
    with suppress(FileError), Sweep.open(store) as found:
        return found.counts["done"]
    return 0


def _take_away(store: Path, which: str) -> None:
    with closing(sqlite3.connect(store)) as db, db:
        db.execute(f"DELETE FROM points WHERE {which}")


def _table(store: Path) -> list[str]:
    """Return the rows of the table, as ``--csv`` writes it, in order."""
    with Sweep.open(store) as found:
        return sorted(found.to_frame().to_csv(index=False).splitlines())


def report(quick: bool) -> Iterator[str]:
    """Yield a line a study."""
    cases = [("events", "hard", 40, 50, 20), ("clock", "hard", 100, 200, 10)]
    cases += [("clock", "soft", 100, 200, 10)]
    if quick:
        cases = [("events", "hard", 15, 20, 4), ("clock", "soft", 25, 40, 2)]
    for engine, gate, rows, columns, kills in cases:
        with tempfile.TemporaryDirectory() as folder:
            found = kill_study(
                Path(folder), kills, seed=0, engine=engine, gate=gate, rows=rows, columns=columns
            )
        verdict = "ok" if found.equal and not found.lost else "NOT EQUAL"
        yield (
            f"{engine}, {gate} gates, {found.points:,} points: {found.coordinators} coordinators "
            f"and {found.workers} workers killed, {found.lost} finished points lost, "
            f"{found.seconds:.0f} s; table equal to that of an undisturbed sweep: {verdict}"
        )
