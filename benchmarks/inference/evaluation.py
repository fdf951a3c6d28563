"""Worlds of a cell given to methods one by one, each result kept as a line of a file.

A line that is there already is not worked out again, so that a long evaluation can be interrupted.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.inference.baselines import BASELINES, UnavailableError
from benchmarks.inference.cells import Cell, Variant
from benchmarks.inference.ours import METHODS, probabilities
from benchmarks.inference.scoring import Score, score
from benchmarks.inference.tuning import TUNING_SEEDS, Tuned, edges_of, tune
from benchmarks.inference.worlds import World

__all__ = ["Journal", "Result", "evaluate", "methods"]


@dataclass(frozen=True)
class Result:
    """What a method made of one world.

    Attributes
    ----------
    score
        None where the method cannot run here; `note` says why. A method that raised has found
        nothing, and its note is the error.
    note
        The tuned settings of a baseline, or what went wrong.
    """

    cell: str
    method: str
    seed: int
    variant: Variant
    score: Score | None
    seconds: float
    note: str = ""
    failed: bool = False

    @property
    def key(self) -> tuple[str, str, int, Variant]:
        """What tells it from others."""
        return self.cell, self.method, self.seed, self.variant

    def to_dict(self) -> dict[str, Any]:
        """Return the result for a line of a JSON file."""
        return {
            "cell": self.cell, "method": self.method, "seed": self.seed,
            "variant": list(self.variant), "seconds": self.seconds, "note": self.note,
            "failed": self.failed, "score": None if self.score is None else self.score.to_dict(),
        }  # fmt: skip

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Result:
        """Read back what `to_dict` gave."""
        law, gate, operators = data["variant"]
        found = data["score"]
        return cls(
            data["cell"], data["method"], int(data["seed"]), (law, gate, operators),
            None if found is None else Score.from_dict(found), float(data["seconds"]),
            data["note"], bool(data["failed"]),
        )  # fmt: skip


class Journal:
    """Results by their keys, appended to a file as they come; without a path only kept."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._kept: dict[tuple[str, str, int, Variant], Result] = {}
        if path is None or not path.exists():
            return
        text = path.read_text("utf-8")
        for line in text.splitlines():
            try:
                result = Result.from_dict(json.loads(line))
            except (ValueError, KeyError, TypeError):
                continue  # the last line of an evaluation that was killed
            self._kept[result.key] = result
        if text and not text.endswith("\n"):
            with path.open("a", encoding="utf-8") as file:
                file.write("\n")

    @property
    def results(self) -> list[Result]:
        """All results."""
        return list(self._kept.values())

    def find(self, cell: str, method: str, seed: int, variant: Variant) -> Result | None:
        """Return the result that is kept; those that failed or could not run are tried again."""
        found = self._kept.get((cell, method, seed, variant))
        return None if found is None or found.failed or found.score is None else found

    def add(self, result: Result) -> None:
        """Keep a result."""
        self._kept[result.key] = result
        if self._path is not None:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(result.to_dict(), ensure_ascii=False) + "\n")


def methods(*, baselines: bool) -> list[str]:
    """Return the names of `infer` alone, or with its other clocks and everything it is held to."""
    return [*METHODS, *BASELINES] if baselines else [next(iter(METHODS))]


def evaluate(
    cell: Cell,
    graphs: int,
    seed: int,
    names: Sequence[str],
    journal: Journal,
    chosen: Sequence[Variant] = (),
) -> Iterator[Result]:
    """Yield the result of every method on every world, graph by graph.

    Worlds have the seeds `seed` … `seed` + `graphs` − 1; those of the variants in `chosen` only,
    if there are any.
    """
    if seed < TUNING_SEEDS + cell.tuning and seed + graphs > TUNING_SEEDS:
        raise ValueError(f"baselines are tuned on seeds from {TUNING_SEEDS}; choose others")
    tuned: dict[tuple[str, Variant], Tuned] = {}
    for number, variant in cell.seeded(graphs, seed, chosen):
        world: World | None = None
        for name in names:
            result = journal.find(cell.name, name, number, variant)
            if result is None:
                world = world or cell.world(variant, number)
                result = _run(cell, variant, number, name, world, tuned)
                journal.add(result)
            yield result


def _run(
    cell: Cell,
    variant: Variant,
    seed: int,
    name: str,
    world: World,
    tuned: dict[tuple[str, Variant], Tuned],
) -> Result:
    note, failed = "", False
    begun = time.perf_counter()
    found: Score | None = None
    try:
        if name in METHODS:
            edges = probabilities(world, name, mixtures=cell.mixtures)
        else:
            baseline = BASELINES[name]
            known = cell.mixtures in ("known", "changing")
            if (name, variant) not in tuned:
                worlds = [cell.world(variant, TUNING_SEEDS + k) for k in range(cell.tuning)]
                tuned[name, variant] = tune(baseline, worlds, mixtures=known)
            note = str(tuned[name, variant])
            begun = time.perf_counter()
            edges = edges_of(baseline, world, tuned[name, variant], mixtures=known)
        found = score(world, edges)
    except UnavailableError as error:
        note = str(error)
    except Exception as error:
        # One world that breaks a method must not end an evaluation of hours.
        note, failed = f"{type(error).__name__}: {error}", True
        found = score(world, {})
    seconds = time.perf_counter() - begun
    return Result(cell.name, name, seed, variant, found, seconds, note, failed)
