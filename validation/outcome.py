"""The outcome of a figure, as it is kept in ``OUT/NAME/result.json``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from domino_sim.files import atomic_write
from validation.figure import Figure
from validation.row import DIFFERS, FAIL, PASS, Row

__all__ = ["Outcome", "load_outcome", "save_outcome"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What checking a figure gave; `error` is set, and there are no rows, where it broke off."""

    figure: Figure
    rows: tuple[Row, ...]
    note: str
    seconds: float
    image: str
    error: str = ""

    def count(self, verdict: str) -> int:
        """Return how many rows have a verdict."""
        return sum(row.verdict == verdict for row in self.rows)

    @property
    def verdict(self) -> str:
        """The worst verdict of the rows; FAIL without rows."""
        if self.error or not self.rows or self.count(FAIL):
            return FAIL
        return DIFFERS if self.count(DIFFERS) else PASS


def save_outcome(outcome: Outcome, folder: Path, fingerprint: str) -> None:
    """Write ``result.json``."""
    figure = outcome.figure
    data = {
        "fingerprint": fingerprint,
        "figure": {key: getattr(figure, key) for key in Figure.__slots__},
        "rows": [row.to_dict() for row in outcome.rows],
        "note": outcome.note, "seconds": outcome.seconds, "image": outcome.image,
    }  # fmt: skip
    atomic_write(folder / "result.json", json.dumps(data, indent=1, ensure_ascii=False) + "\n")


def load_outcome(folder: Path, fingerprint: str) -> Outcome | None:
    """Return what `save_outcome` wrote for this fingerprint; None if there is nothing of it."""
    try:
        data = json.loads((folder / "result.json").read_text("utf-8"))
        if data["fingerprint"] != fingerprint or not (folder / data["image"]).exists():
            return None
        return Outcome(
            Figure(**data["figure"]), tuple(map(Row.from_dict, data["rows"])),
            data["note"], data["seconds"], data["image"],
        )  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError):
        return None
