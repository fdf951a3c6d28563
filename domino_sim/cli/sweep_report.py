"""What the command ``sweep`` tells of a sweep."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from domino_sim.sweeps.swept import Sweep

__all__ = ["print_rows", "rerun", "tell"]

#: Failures and rows that are printed.
MOST_NAMED, MOST_ROWS = 8, 40


def tell(sweep: Sweep, path: Path, made: int = 0, seconds: float | None = None) -> None:
    """Print what there is, and what failed; `made` points were done just now."""
    count = sweep.counts
    print(f"{sweep.plan.subject.title}")
    axes = ", ".join(f"{_axis(a.name, a.keys)} ({len(a):,})" for a in sweep.plan.user_axes)
    print(f"Axes     {axes}")
    line = f"Points   {count['done']:,} of {len(sweep):,} done"
    for word in ("failed", "pending"):
        line += f", {count[word]:,} {word}" if count[word] else ""
    if seconds is not None:
        line += f"; {made:,} in {seconds:.3g} s" if made else "; nothing was left to do"
    print(line)
    _numbers(sweep)
    _failures(sweep)
    print(f"Store    {path}")


def _axis(name: str, keys: tuple[str, ...]) -> str:
    if len(keys) < 2 and name in keys:
        return name
    return f"{' & '.join(keys)}, drawn" if name not in keys else " & ".join(keys)


def _numbers(sweep: Sweep) -> None:
    import numpy as np

    names = ("all_mastered_at", "final_loss", "mastered", "fell")
    rows = [[row[name] for name in names] for row in sweep.rows("done")]
    if rows:
        at, loss, mastered, fell = np.array(rows, dtype=float).T
        _range("Mastered", at, "step at which all skills were")
        _range("Loss", loss, "at the last step")
        if (fell > 0).any():
            print(
                f"Fell     {fell.sum() / mastered.sum():.2g} of what was mastered is below mastery "
                f"again at the last step, in {int((fell > 0).sum()):,} points"
            )
    seeds = next((len(a) for a in sweep.plan.user_axes if a.name == "seed"), 1)
    if seeds > 1 and sweep.plan.subject.kind == "scenario":
        print(f"Seeds    nothing in a scenario is random: all {seeds} give the same numbers")


def _range(word: str, values: Any, meaning: str) -> None:
    import numpy as np

    good = values[np.isfinite(values)]
    if len(good):
        low, middle, high = np.quantile(good, (0.0, 0.5, 1.0))
        of = "" if len(good) == len(values) else f" ({len(good):,} of {len(values):,} points)"
        print(f"{word:8} {low:.4g} to {high:.4g}, median {middle:.4g}: {meaning}{of}")
    else:
        print(f"{word:8} in no point: {meaning}")


def _failures(sweep: Sweep) -> None:
    failures = sweep.failures
    for row in failures[:MOST_NAMED]:
        print(f"failed: point {row['number']}: {_short(row['parameters'])}: {row['error']}")
    if len(failures) > MOST_NAMED:
        print(f"failed: {len(failures) - MOST_NAMED:,} more (all are in the table)")
    if failures:
        print("again    the same command with --resume --retry-failed")


def _short(parameters: dict[str, Any], width: int = 100) -> str:
    text = ", ".join(f"{key} = {value}" for key, value in parameters.items())
    return text if len(text) <= width else f"{text[: width - 1]}…"


def print_rows(sweep: Sweep) -> None:
    """Print the first points as a table."""
    frame = sweep.to_frame().astype(object)
    frame = frame.where(frame.notna(), None).dropna(axis="columns", how="all")
    hidden = [c for c in ("version", "engine") if c in frame]
    text = frame.drop(columns=hidden).head(MOST_ROWS).fillna("–").to_string(index=False)
    print(text)
    if len(frame) > MOST_ROWS:
        print(f"… {len(frame) - MOST_ROWS:,} more: --csv FILE has all")


def rerun(sweep: Sweep, number: int) -> None:
    """Run one point alone and print it beside its row."""
    from domino_sim.sweeps.task import Task
    from domino_sim.sweeps.worker import solve

    plan = sweep.plan
    point = plan.point(number)
    task = Task(plan.subject, plan.table.engine, "none", False, plan.fast, (point,))
    row = solve(task)[0]
    there = next((r for r in sweep.rows() if r["number"] == number), None)
    print(f"point {number}: {_short(point.parameters, 1000)}")
    print(f"{'':16} {'now':>20} {'in the store':>20}")
    for key in ("status", "seed", "mastered", "fell", "all_mastered_at", "final_loss", "error"):
        old = "not done" if there is None else there[key]
        new = getattr(row, key)
        if new is not None or (there is not None and old is not None):
            print(f"{key:16} {_cell(new):>20} {_cell(old):>20}")


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.12g}"
    return "–" if value is None else str(value)
