"""What a worker gets, and the rows it gives back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

from domino_sim.sweeps.subject import Subject

__all__ = ["Point", "Row", "Task"]


class Point(NamedTuple):
    """One point: its number, its parameters, and its seed (None: that of the scenario)."""

    number: int
    parameters: dict[str, Any]
    seed: int | None


@dataclass(frozen=True)
class Task:
    """Points to work on: `batched`, together; else one by one."""

    subject: Subject
    engine: str
    curves: Literal["none", "loss", "levels"]
    batched: bool
    fast: tuple[str, ...]
    points: tuple[Point, ...]

    def part(self, points: tuple[Point, ...]) -> Task:
        """Return the task of some of its points."""
        return replace(self, points=points)


class Row(NamedTuple):
    """A point that is done, or has failed: a row of the store.

    Texts are JSON: `parameters`; `skills`, their names; `mastered_at`, steps by skill, null for
    never; `steps`, those recorded. `loss` and `level` are compressed arrays (`summary.packed`).
    """

    number: int
    parameters: str
    status: Literal["done", "failed"]
    skills: str | None = None
    mastered_at: str | None = None
    mastered: int | None = None
    all_mastered_at: float | None = None
    final_loss: float | None = None
    engine: str | None = None
    seed: int | None = None
    seconds: float = 0.0
    error: str | None = None
    steps: str | None = None
    loss: bytes | None = None
    level: bytes | None = None
