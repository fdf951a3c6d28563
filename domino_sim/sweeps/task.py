"""What a worker gets, and the rows it gives back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from domino_sim.sweeps.points import key_of
from domino_sim.sweeps.subject import Subject

__all__ = ["Point", "Row", "Task"]


class Point(NamedTuple):
    """One point: its number, its parameters, and its seed (None: that of the scenario)."""

    number: int
    parameters: dict[str, Any]
    seed: int | None


@dataclass(frozen=True)
class Task:
    """Points to work on: `batched`, together; else one by one.

    Rows are wanted of the points of these numbers; None: of all. The others are only company:
    a batch rounds its numbers differently in another one.
    """

    subject: Subject
    engine: str
    curves: Literal["none", "loss", "levels"]
    batched: bool
    fast: tuple[str, ...]
    points: tuple[Point, ...]
    wanted: frozenset[int] | None = None

    def wants(self, point: Point) -> bool:
        """Whether the row of a point is wanted."""
        return self.wanted is None or point.number in self.wanted

    def groups(self) -> Iterator[list[Point]]:
        """Give the points in groups that differ only in `fast` keys, if any of one is wanted."""
        found: dict[str, list[Point]] = {}
        for point in self.points:
            rest = {k: v for k, v in point.parameters.items() if k not in self.fast}
            found.setdefault(key_of(rest), []).append(point)
        yield from (points for points in found.values() if any(map(self.wants, points)))


class Row(NamedTuple):
    """A point that is done, or has failed: a row of the store.

    Texts are JSON: `parameters`; `skills`, their names; `mastered_at`, steps by skill, null for
    never; `steps`, those recorded. `fell` counts skills that were mastered and are below mastery
    again at the last step. `loss` and `level` are compressed arrays (`summary.packed`).
    """

    number: int
    parameters: str
    status: Literal["done", "failed"]
    skills: str | None = None
    mastered_at: str | None = None
    mastered: int | None = None
    fell: int | None = None
    all_mastered_at: float | None = None
    final_loss: float | None = None
    engine: str | None = None
    seed: int | None = None
    seconds: float = 0.0
    error: str | None = None
    steps: str | None = None
    loss: bytes | None = None
    level: bytes | None = None
