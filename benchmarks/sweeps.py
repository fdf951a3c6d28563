"""Sweeps of the 7-skill graph of Fig. 17 (middle): whole commands, their store and memory.

Points: a grid of N0 × the frequency of a skill; mastery times, and levels at 20 steps, are kept.
Baseline of a point: the plain NumPy Euler loop of the same run (10 000 steps), in the same run of
the benchmark. Workers: points of the event engine, with one worker and with two, in turn.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.clock_vs_euler import _parents
from benchmarks.euler_loop import euler
from benchmarks.measure import ROOT, Row, Target, interleaved
from domino_sim import load_scenario

FILE = """
title = "N0 and a frequency"
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
curves = "{curves}"
[sweep.axes]
"pool.wasted" = {{ low = 1e-4, high = 1.0, n = {rows}, spacing = "log" }}
"skills.T2.frequency" = {{ low = 0.05, high = 1.0, n = {columns} }}
"""
SOFT, HARD = 'kind = "soft"\nexponent = 1e-3', 'kind = "hard"'


def measure(quick: bool) -> Iterator[Row]:
    """Yield rows of large sweeps, of memory, and of one worker against two."""
    rows, columns = (5, 20) if quick else (250, 400)
    count = rows * columns
    loops = {name: _loop(gate) for name, gate in (("soft", "soft"), ("hard", None))}
    for name, gate in [("soft", SOFT)] if quick else [("soft", SOFT), ("hard", HARD)]:
        seconds, memory = _sweep("auto", "levels", gate, rows, columns, workers=2)
        loop = min(interleaved({"loop": loops[name]}, 1 if quick else 3)["loop"])
        yield Row(
            f"{count:,} points, {name} gates, 2 workers", (seconds,), "s",
            target=Target("≤", 60.0, "s"), note=f"{os.cpu_count()} processors, load "
            f"{os.getloadavg()[0]:.1f}",
        )
        yield Row(
            f"{count:,} points, {name} gates: memory of all processes", (memory / 1e9,), "GB",
            target=Target("≤", 2.0, "GB"),
        )
        yield Row(
            f"{count:,} points, {name} gates: a point", (seconds / count,), "s",
            loop / (seconds / count), Target("≥", 200.0, "×"),
            note=f"baseline: Euler loop, {loop:.3g} s",
        )
    rows, columns = (2, 4) if quick else (25, 100)
    taken: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(1 if quick else 3):
        for workers in taken:
            taken[workers].append(_sweep("events", "none", SOFT, rows, columns, workers)[0])
    yield Row(
        f"{rows * columns:,} points of the event engine, 2 workers", tuple(taken[2]), "s",
        min(taken[1]) / min(taken[2]), Target("≥", 1.7, "×"),
        note=f"baseline: 1 worker, {min(taken[1]):.3g} s; starting is part of both",
    )


def _loop(gate: str | None):  # type: ignore[no-untyped-def]
    scenario = load_scenario("two-pairs")
    p, parents = scenario.frequency_array(), _parents(scenario)
    exponent = 1e-3 if gate == "soft" else None
    return lambda: euler(p, 1e-3, 1e-3, 10_000, parents=parents, exponent=exponent)


def _sweep(
    engine: str, curves: str, gate: str, rows: int, columns: int, workers: int
) -> tuple[float, float]:
    """Return the seconds of a whole command, and the most bytes its processes had together."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "sweep.toml"
        file.write_text(
            FILE.format(engine=engine, curves=curves, gate=gate, rows=rows, columns=columns)
        )
        command = [sys.executable, "-m", "domino_sim", "sweep", str(file)]
        begun = time.perf_counter()
        process = subprocess.Popen(
            [*command, "--out", f"{file}.sqlite", "--workers", str(workers)],
            cwd=ROOT, stdout=subprocess.DEVNULL,
        )
        peak = [0.0]
        watch = threading.Thread(target=_watch, args=(process, peak))
        watch.start()
        code = process.wait()
        seconds = time.perf_counter() - begun
        watch.join()
        if code:
            raise RuntimeError(f"the sweep ended with {code}")
        return seconds, peak[0]


def _watch(process: subprocess.Popen[bytes], peak: list[float]) -> None:
    while process.poll() is None:
        peak[0] = max(peak[0], _tree(process.pid))
        time.sleep(0.2)


def _tree(root: int) -> float:
    """Return the resident bytes of a process and its children; 0 where there is no /proc."""
    total = 0.0
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            if root in (parent, int(path.name)):
                pages = int((path / "statm").read_text().split()[1])
                total += pages * os.sysconf("SC_PAGE_SIZE")
    return total
