"""Which points are worked on together.

A batch computes its points to the same numbers only if it always holds the same ones: sums and
iterations of a batch round differently in another company. So blocks of batched points are fixed
by the plan, whoever works and whatever was interrupted: where only some rows of one are wanted, it
is solved whole. Points that run alone are handed out as many at a time as take about a second.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from domino_sim.engines.system import build_system
from domino_sim.gradient.run import Run
from domino_sim.sweeps.clock_points import batchable
from domino_sim.sweeps.plan import Plan
from domino_sim.sweeps.task import Task

__all__ = ["Block", "Blocks"]

#: Points × skills of a batch of the clock engine, and the fewest and most points.
CLOCK_WORK, FEWEST, MOST = 1 << 12, 16, 512

#: The most gradient runs of a batch, and their steps × skills: half a minute or so. What is stopped
#: loses no more than the batches in work.
MOST_RUNS, GRADIENT_WORK = 64, 2 * 10**8

#: Seconds that points which run alone should take together, and the most of them.
SECONDS, MOST_ALONE = 1.0, 64


@dataclass
class Block:
    """Points in work, of which some are `wanted`; `blame` counts the deaths of workers that had
    it, `alone` those of a worker that had nothing else beside it."""

    numbers: Sequence[int]
    wanted: Sequence[int]
    blame: int = 0
    alone: int = 0

    def halves(self) -> list[Block]:
        """Return the halves in which points are wanted, to find the point that kills."""
        half = len(self.numbers) // 2
        parts = []
        for numbers in (self.numbers[:half], self.numbers[half:]):
            wanted = [number for number in self.wanted if number in numbers]
            if wanted:
                parts.append(Block(numbers, wanted, self.blame))
        return parts


@dataclass
class Blocks:
    """The points of a plan that are still to be done, block by block."""

    plan: Plan
    pending: np.ndarray
    size: int = field(init=False)
    fixed: bool = field(init=False)
    _again: deque[Block] = field(default_factory=deque)
    _pace: float = SECONDS

    def __post_init__(self) -> None:
        self.size, self.fixed = _size(self.plan)
        self._next = self._fixed() if self.fixed else self._adaptive()

    def next(self) -> Block | None:
        """Return the next block; None when all have been given out."""
        return self._again.popleft() if self._again else next(self._next, None)

    def again(self, block: Block) -> None:
        """Take a block back whose worker died."""
        self._again.append(block)

    def took(self, points: int, seconds: float) -> None:
        """Learn how long `points` took, for the length of the next blocks."""
        self._pace = 0.5 * self._pace + 0.5 * max(seconds / points, 1e-6)

    def task(self, block: Block) -> Task:
        """Return what a worker gets of a block."""
        table, plan = self.plan.table, self.plan
        points = tuple(plan.point(number) for number in block.numbers)
        whole = len(block.wanted) == len(block.numbers)
        return Task(
            plan.subject, table.engine, table.curves, self.fixed, plan.fast, points,
            None if whole else frozenset(block.wanted),
        )  # fmt: skip

    def _fixed(self) -> Iterator[Block]:
        inner, count = self.plan.points.inner(self.plan.fast), self.plan.points.count
        if inner <= self.size:
            unit = period = inner * max(self.size // inner, 1)
        else:
            unit, period = self.size, inner
        first = self.pending // period * period + self.pending % period // unit * unit
        starts = np.flatnonzero(np.diff(first, prepend=-1))
        for begin, end in zip(starts, [*starts[1:], len(first)], strict=True):
            low = int(first[begin])
            high = min(low + unit, low // period * period + period, count)
            yield Block(range(low, high), self.pending[begin:end].tolist())

    def _adaptive(self) -> Iterator[Block]:
        begin = 0
        while begin < len(self.pending):
            length = int(np.clip(SECONDS / self._pace, 1, MOST_ALONE))
            numbers = self.pending[begin : begin + length].tolist()
            yield Block(numbers, numbers)
            begin += length


def _size(plan: Plan) -> tuple[int, bool]:
    """Return the length of blocks, and whether they are fixed."""
    _, parameters, seed = plan.point(0)
    built = plan.subject.build(parameters, seed)
    if isinstance(built, Run):
        # What differs in more than seed, mixture and frequencies gains nothing from company.
        most = int(np.clip(GRADIENT_WORK // (built.steps * len(built.names)), 1, MOST_RUNS))
        return min(plan.points.inner(plan.fast), most), True
    system = build_system(built)
    if plan.table.engine in ("auto", "clock") and batchable(system):
        return int(np.clip(CLOCK_WORK // len(system.names), FEWEST, MOST)), True
    return 1, False
