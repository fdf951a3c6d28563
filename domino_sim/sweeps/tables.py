"""The rows of a sweep as a table."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from domino_sim.sweeps.swept import Sweep

__all__ = ["frame", "scalar"]


def frame(sweep: Sweep) -> pd.DataFrame:
    """Return a row a point, in order."""
    rows = []
    for row in sweep.rows():
        found = {"point": row["number"]}
        found |= {key: scalar(value) for key, value in row["parameters"].items()}
        for key in ("status", "all_mastered_at", "mastered", "fell", "final_loss"):
            found[key] = row[key]
        skills = zip(row["skills"] or (), row["mastered_at"] or (), strict=True)
        found |= {f"mastered_at.{skill}": at for skill, at in skills}
        # An axis of seeds counts them; this is the seed that was used.
        found |= {"engine": row["engine"], "version": row["version"], "run_seed": row["seed"]}
        rows.append({**found, "error": row["error"]})
    table = pd.DataFrame(rows)
    ends = [name for name in ("engine", "version", "run_seed", "error") if name in table]
    # Skills that only some points have would come after the error of the first.
    ordered = [*(name for name in table if name not in ends), *ends]
    counts = [name for name in ("mastered", "fell", "run_seed") if name in table]
    return table[ordered].astype(dict.fromkeys(counts, "Int64"))


def scalar(value: Any) -> Any:
    """Return a value as it may stand in a cell: lists and tables as JSON."""
    return json.dumps(value) if isinstance(value, dict | list | tuple) else value
