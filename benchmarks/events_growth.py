"""``events`` on layered graphs of growing size: mastery times and ten recorded points.

√n layers, two prerequisites a skill; frequencies all equal, or i^−1 (all different); all skills are
mastered within the run. No baseline but limits. Seconds are those of `simulate`: the scenario's
arrays and the run. Targets: 10,000 skills in 5 s; 100,000 in 90 s and 2 GB; seconds grow with the
number of skills as n log n (a fitted exponent of at most 1.2) under ``constant`` and ``domino`` and
as n^1.6 at most under ``sum`` and ``norm``. Every case has a process of its own.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks.large import FREQUENCIES, conditions, run
from benchmarks.measure import Row, Target

SIZES = (1_000, 10_000, 100_000)
SECONDS = {10_000: Target("≤", 5, "s"), 100_000: Target("≤", 90, "s")}
MEMORY = {100_000: Target("≤", 2, "GB")}
GROWTH = {"sum": 1.6, "norm": 1.6, "constant": 1.2, "domino": 1.2}


def measure(quick: bool) -> Iterator[Row]:
    """Yield the rows of every law and kind of frequencies."""
    if quick:
        yield from _growth("sum", "i^−1", (200, 400))
        return
    for law in GROWTH:
        for frequencies in FREQUENCIES:
            yield from _growth(law, frequencies, SIZES)


def _growth(law: str, frequencies: str, sizes: tuple[int, ...]) -> Iterator[Row]:
    title = f"{law}, frequencies {frequencies}"
    reached, seconds = [], []
    for n in sizes:
        found = run("events", n, law, frequencies, repetitions=3 if n <= 10_000 else 1)
        name = f"{title}: {n:,} skills"
        if "failed" in found:
            yield Row(name, (float("inf"),), "s", target=SECONDS.get(n), note=found["failed"])
            continue
        whole = tuple(s + found["system_s"] for s in found["engine_s"])
        yield Row(name, whole, "s", target=SECONDS.get(n), note=conditions(found))
        if n in MEMORY:
            yield Row(f"{name}, peak memory", (found["peak_gb"],), "GB", target=MEMORY[n])
        reached.append(n)
        seconds.append(float(np.median(found["engine_s"])))
    if len(reached) > 1:
        slope = float(np.polyfit(np.log(reached), np.log(seconds), 1)[0])
        yield Row(
            f"{title}: exponent of growth of the run", (slope,), "",
            target=Target("≤", GROWTH[law], ""),
            note=f"fitted over {reached[0]:,} … {reached[-1]:,} skills",
        )
