"""``clock`` on a layered graph of 1,000,000 skills, law sum, mastery times and ten recorded points.

No baseline but limits: 30 s and 4 GB, for `simulate` (the scenario's arrays and the run) and, read
strictly, with the making of the scenario as well. All skills are mastered within the run. Every
case has a process of its own.
"""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.large import FREQUENCIES, conditions, run
from benchmarks.measure import Row, Target

SKILLS = 1_000_000
SECONDS = Target("≤", 30, "s")
MEMORY = Target("≤", 4, "GB")


def measure(quick: bool) -> Iterator[Row]:
    """Yield the rows of both kinds of frequencies."""
    n = 2_000 if quick else SKILLS
    for frequencies in ["i^−1"] if quick else FREQUENCIES:
        found = run("clock", n, "sum", frequencies, repetitions=1)
        title = f"{n:,} skills, frequencies {frequencies}"
        if "failed" in found:
            yield Row(title, (float("inf"),), "s", target=SECONDS, note=found["failed"])
            continue
        (engine,) = found["engine_s"]
        simulated = engine + found["system_s"]
        yield Row(f"{title}: the run alone", (engine,), "s")
        yield Row(f"{title}: simulate", (simulated,), "s", target=SECONDS, note=conditions(found))
        yield Row(
            f"{title}: with the scenario", (simulated + found["scenario_s"],), "s", target=SECONDS
        )
        yield Row(f"{title}: peak memory", (found["peak_gb"],), "GB", target=MEMORY)
