"""Timing, rows of the report, and cases that get a process of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

ROOT = Path(__file__).parent.parent

#: Seconds after which a case in its own process is given up.
PATIENCE = 400.0

#: Seconds that a job's turn in a round should last.
TURN = 0.02

#: A job whose first call took so many turns is called once a turn, however much warmer it gets.
LONG = 20


@dataclass(frozen=True, slots=True)
class Target:
    """What a measurement should reach: `sense` is "≥" or "≤", of the ratio or of the value."""

    sense: str
    bound: float
    unit: str

    def met(self, value: float) -> bool:
        """Whether `value` is on the right side of the bound."""
        return value >= self.bound if self.sense == "≥" else value <= self.bound

    def __str__(self) -> str:
        return f"{self.sense} {self.bound:g} {self.unit}".rstrip()


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement.

    Attributes
    ----------
    name
        What was measured.
    values
        One value a repetition, in `unit` ("s", "GB", or "" for a plain number).
    ratio
        How many times faster than the baseline; None where the bound is on the value.
    target
        What should be reached; None for a measurement that is only reported.
    note
        Conditions: baseline, agreement with it, how many skills were mastered.
    """

    name: str
    values: tuple[float, ...]
    unit: str
    ratio: float | None = None
    target: Target | None = None
    note: str = ""

    @property
    def median(self) -> float:
        """Median over the repetitions."""
        return median(self.values)

    @property
    def met(self) -> bool | None:
        """Whether the target is reached; None without a target."""
        if self.target is None:
            return None
        return self.target.met(self.median if self.ratio is None else self.ratio)

    def to_dict(self) -> dict[str, Any]:
        """Return the row for a JSON file."""
        return {
            "name": self.name,
            "median": self.median,
            "min": min(self.values),
            "max": max(self.values),
            "unit": self.unit,
            "ratio": self.ratio,
            "target": None if self.target is None else str(self.target),
            "met": self.met,
            "note": self.note,
        }


def interleaved(
    jobs: Mapping[str, Callable[[], object]], rounds: int
) -> dict[str, tuple[float, ...]]:
    """Return the seconds a call of each job took in each of `rounds` rounds, after warming up.

    A round runs every job in turn, so that a slow moment of the machine hits all of them, and a
    short job as often as fills `TURN`, so that none is timed with the caches of another. One round
    only shows that all runs: each job is called once, and not warmed up.
    """
    calls = dict.fromkeys(jobs, 1)
    for name, job in jobs.items() if rounds > 1 else ():
        first = _seconds(job, 1)
        calls[name] = 1 if first > LONG * TURN else max(1, round(TURN / _seconds(job, 1)))
    taken: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(rounds):
        for name, job in jobs.items():
            taken[name].append(_seconds(job, calls[name]))
    return {name: tuple(seconds) for name, seconds in taken.items()}


def _seconds(job: Callable[[], object], calls: int) -> float:
    begun = perf_counter()
    for _ in range(calls):
        job()
    return (perf_counter() - begun) / calls


def speedup(baseline: tuple[float, ...], candidate: tuple[float, ...]) -> float:
    """Return how many times faster the candidate is: the median over rounds of their ratio."""
    return median(b / c for b, c in zip(baseline, candidate, strict=True))


def own_process(case: Mapping[str, Any]) -> dict[str, Any]:
    """Run ``benchmarks.case`` on `case` in a new process and return what it measured.

    A case that dies or takes longer than `PATIENCE` gives ``{"failed": why}``.
    """
    command = [sys.executable, "-m", "benchmarks.case", json.dumps(case)]
    try:
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        return {"failed": f"gave up after {PATIENCE:g} s"}
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        return {"failed": lines[-1] if lines else f"exit code {done.returncode}"}
    return json.loads(done.stdout)
