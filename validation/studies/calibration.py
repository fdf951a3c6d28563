"""Calibrations of simulated curves: do intervals cover the truth, is the law found?

A thousand simulations a kind of world: frequencies i^−α, α from 0 to 2, N₀ from 0.03 to 1 of
what all skills ask for at first, each run up to a mean level between 0.6 and 0.98, 10 skills and
100 records unless a row says otherwise; four draws of noise for each world. *Covers*: how often
the 95 % interval holds the truth (93 to 97 % are asked for), with its standard error over
simulations. *Bias*: the mean of estimate − truth in units of the stated standard error (below 0.2
is asked for), with its own error, over the estimates whose limits are closed; *scatter*: its
standard deviation, 1 if stated errors are right. *Open*: intervals without a lower or upper limit.
Where these are many (N₀ near 0, or so large that no one competes) only coverage is judged.

Verdicts: *ok*; *chance* where a number is beside its range by less than two of its errors; *short*.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from domino_sim.calibration import calibrate
from domino_sim.graph.core import build_graph
from validation.studies.calibration_laws import LAW_CASES, law_report
from validation.studies.calibration_worlds import Cell, World, draw, observed

__all__ = ["cells", "measure", "recovery_table", "report"]

SIMULATIONS = 1000

#: Draws of noise for each world.
DRAWS = 4

COVERAGE = (0.93, 0.97)
BIAS = 0.2

#: Biases are judged if at least this part of the intervals are closed.
_JUDGED = 0.98


@dataclass
class Found:
    """What was found of one parameter: a value each simulation, a mean where it has several."""

    covers: list[float] = field(default_factory=list)
    off: list[float] = field(default_factory=list)
    every: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)

    @property
    def coverage(self) -> tuple[float, float]:
        """How often intervals cover, and the error of that."""
        mean = float(np.mean(self.covers))
        spread = max(float(np.std(self.covers)), 0.5 / math.sqrt(len(self.covers)))
        return mean, spread / math.sqrt(len(self.covers))

    @property
    def bias(self) -> tuple[float, float]:
        """Mean of estimate − truth over the stated error, and the error of that."""
        if not self.off:
            return math.nan, math.nan
        return float(np.mean(self.off)), float(np.std(self.off)) / math.sqrt(len(self.off))

    @property
    def judged(self) -> bool:
        """Whether nearly all intervals are closed."""
        return self.statuses["ok"] >= _JUDGED * self.statuses.total()

    def verdict(self, judged: bool) -> str:
        """ok, chance or short; by coverage alone, and only from below, unless `judged`."""
        (covers, error), (bias, bias_error) = self.coverage, self.bias
        beside = max(COVERAGE[0] - covers, covers - COVERAGE[1])
        if not judged:
            # Where an interval is one-sided, or holds everything, it may cover more often.
            beside = COVERAGE[0] - covers
        worst = beside / error
        if judged:
            worst = max(worst, (abs(bias) - BIAS) / bias_error)
        return "ok" if worst <= 0.0 else ("chance" if worst < 2.0 else "short")


def cells() -> list[Cell]:
    """Return the kinds of worlds."""
    found = []
    for law in ("sum", "norm", "constant", "domino", "logistic"):
        for n in (10, 30, 100):
            for noise in (0.01, 0.05):
                found.append(Cell(f"{n} skills", law, n=n, noise=noise))
    for law in ("sum", "norm"):
        found += [
            Cell("random graph", law, gated=True, n=20),
            Cell("random graph", law, gated=True, n=20, noise=0.05),
            Cell("cross entropy", law, loss="ce"),
            Cell("known errors", law, weighed=True),
            Cell("log-spaced, gaps", law, sparse=True, noise=0.02),
            Cell("noise with a memory, 0.9", law, memory=0.9, noise=0.02),
            Cell("noise with a memory, 0.5", law, memory=0.5, noise=0.02),
            Cell("5 runs", law, runs=5, noise=0.05),
            Cell("5 runs, one pool", law, runs=5, shared=True, noise=0.05),
            Cell("frequencies fitted", law, fit=("frequencies",)),
            Cell("frequencies fitted", law, fit=("frequencies",), noise=0.05),
            Cell("4 runs, β fitted", law, runs=4, shared=True, fit=("beta",), noise=0.05),
            Cell("θ fitted", law, gated=True, fit=("mastery",), noise=0.02),
            Cell("λ fitted", law, gated=True, fit=("leak",), noise=0.02),
            Cell("soft gates, α fitted", law, gated=True, fit=("exponent",), noise=0.02),
            Cell("N₀ = 0", law, wasted=0.0, noise=0.02),
            Cell("N₀ = 1e-3", law, wasted=1e-3, noise=0.05),
            Cell("N₀ = 30", law, wasted=30.0, noise=0.02),
        ]
    found += [
        Cell("frequencies fitted", "constant", fit=("frequencies",)),
        Cell("random graph", "constant", gated=True, n=20),
        Cell("noise with a memory, 0.9", "constant", memory=0.9, noise=0.02),
        Cell("random graph", "logistic", gated=True, n=20),
    ]
    return found


def measure(cell: Cell, simulations: int = SIMULATIONS, seed: int = 1) -> dict[str, Found]:
    """Calibrate simulated curves of one kind; return what was found by parameter."""
    found: dict[str, Found] = {}
    rng = np.random.default_rng([seed, *repr(cell).encode()])
    for number in range(simulations):
        if number % DRAWS == 0:
            world = draw(cell, rng)
            graph = build_graph({n: {"requires": world.requires[n]} if n in world.requires else {}
                                 for n in world.skills})
        result = calibrate(observed(cell, world, rng), graph=graph, **cell.options)
        for name, values in _compared(world, result.estimates).items():
            one = found.setdefault(name, Found())
            one.covers.append(float(np.mean([covered for covered, _, _ in values])))
            off = [z for _, z, _ in values if math.isfinite(z)]
            if off:
                one.off.append(float(np.mean(off)))
            one.every += off
            one.statuses.update(status for _, _, status in values)
    return found


def _compared(world: World, estimates) -> dict[str, list[tuple[bool, float, str]]]:  # type: ignore[no-untyped-def]
    """By parameter: whether the interval covers, the error in stated errors, the status."""
    compared: dict[str, list[tuple[bool, float, str]]] = {}
    for one in estimates:
        true = world.truth[one.name, one.key]
        covered = one.low <= true <= one.high
        off = math.nan
        # Where a limit is open, the stated error is that of the others held.
        if one.status != "ok":
            pass
        elif one.error > 0.0 and one.value > 0.0 and one.log and true > 0.0:
            off = math.log(one.value / true) / one.error
        elif one.error > 0.0 and not one.log:
            off = (one.value - true) / one.error
        compared.setdefault(one.name, []).append((covered, off, one.status))
    return compared


_SYMBOLS = {
    "rate": "η", "wasted": "N₀", "frequency": "p", "beta": "β", "mastery": "θ", "leak": "λ",
    "exponent": "α", "start": "start",
}  # fmt: skip


def rows_of(cell: Cell, found: dict[str, Found]) -> list[str]:
    """Return the table's rows of one kind."""
    rows = []
    # An N₀ on its bound moves the others too.
    judged = all(one.judged for one in found.values())
    for name, one in found.items():
        covers, error = one.coverage
        bias, bias_error = one.bias
        scatter = float(np.std(one.every)) if one.every else math.nan
        told = f"{bias:+.2f} ± {bias_error:.2f} | {scatter:.2f}" if one.every else "– | –"
        others = ", ".join(
            f"{status} {count / one.statuses.total():.0%}"
            for status, count in one.statuses.most_common()
            if status != "ok"
        )
        rows.append(
            f"| {cell.law} | {cell.name} | {cell.noise:.0%} | {_SYMBOLS[name]} "
            f"| {covers:.1%} ± {error:.1%} | {told} | {others} | {one.verdict(judged)} |"
        )
    return rows


HEAD = "| law | world | noise | of | covers | bias | scatter | open | verdict |\n"
HEAD += "|---" * 9 + "|"


def recovery_table(chosen: list[Cell], simulations: int) -> Iterator[str]:
    """Yield the table of recovered parameters, row by row."""
    yield HEAD
    for cell in chosen:
        yield from rows_of(cell, measure(cell, simulations))
    yield ""


def report(quick: bool) -> Iterator[str]:
    """Yield the tables of the report; quick: a few kinds and few simulations."""
    if quick:
        few = [
            Cell("10 skills", "sum"),
            Cell("10 skills", "norm", noise=0.05),
            Cell("random graph", "sum", gated=True),
            Cell("frequencies fitted", "sum", fit=("frequencies",)),
        ]
        yield "\n".join(recovery_table([replace(cell, records=50) for cell in few], 12))
        yield from law_report(2)
        return
    yield from recovery_table(cells(), SIMULATIONS)
    yield from law_report(LAW_CASES)
