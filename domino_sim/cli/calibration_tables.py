"""What `calibrate` and `forecast` print."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from domino_sim.calibration import Calibration, Estimate
from domino_sim.cli.printing import (
    MAX_ROWS,
    cut,
    level_text,
    new_table,
    print_files,
    print_line,
    print_rest,
    print_table,
    step_text,
)
from domino_sim.errors import one_line
from domino_sim.plot.style import short

__all__ = ["print_calibration", "print_forecast"]

REST = " (all are in calibration.json)"

#: Laws under which 1/η is the time one skill takes with the pool to itself.
WITH_DOMINO_TIME = ("sum", "norm", "domino")

#: What need not be said of an estimate: its interval says it.
SOUND = ("ok", "given")

#: Rows of what else was fitted where each run has its own.
FEW_ROWS = 12

ENDS = ("low", "high")

#: Longer names are shortened in their middle.
NAME_WIDTH = 16


def print_calibration(found: Calibration, files: Iterable[Path]) -> None:
    """Print the verdict, the parameters, how laws compare, how serial runs are, notes and files."""
    console = Console()
    console.print(Text(f"Pool law: {found.comparison.verdict}", style="bold"), soft_wrap=True)
    _print_pools(console, found)
    _print_others(console, found)
    _print_laws(console, found)
    _print_runs(console, found)
    _print_order(console, found)
    for note in found.notes:
        print_line(console, f"note: {cut(one_line(note), 400)}")
    print_files(console, files)


def _print_pools(console: Console, found: Calibration) -> None:
    """Print η, t₀ and N₀, a row for each run, or one where all have the same."""
    timed, wasting = found.law in WITH_DOMINO_TIME, found.law in ("sum", "norm")
    interval = f"{found.settings['confidence']:.4g} interval"
    columns = ["η", interval] + (["t₀"] if timed else []) + (["N₀", interval] if wasting else [])
    table = new_table(["run"], columns)
    runs = [""] if found.free.shared else [run.name for run in found.observations.runs]
    estimates = {(e.name, e.key): e for e in found.estimates}
    rows = []
    for run in runs:
        rate = _of(estimates, found, "rate", run)
        wasted = _of(estimates, found, "wasted", run) if wasting else None
        cells = [_number(rate.value), _interval(rate)]
        cells += [_number(1.0 / rate.value)] if timed else []
        cells += [_number(wasted.value), _interval(wasted)] if wasted else []
        odd = [("η", rate.status)] if rate.status not in SOUND else []
        odd += [("N₀", wasted.status)] if wasted and wasted.status not in SOUND else []
        rows.append([run or "all", *cells, ", ".join(f"{name}: {told}" for name, told in odd)])
    told = any(row[-1] for row in rows)
    if told:
        table.add_column("status")
    for row in rows[:MAX_ROWS]:
        table.add_row(Text(short(one_line(row[0]), NAME_WIDTH)), *(row[1:] if told else row[1:-1]))
    title = f"Parameters of {found.law!r}" + (", t₀ = 1/η" if timed else "")
    _print(console, title, table)
    print_rest(console, len(rows), REST)


def _of(
    estimates: Mapping[tuple[str, str], Estimate], found: Calibration, name: str, run: str
) -> Estimate:
    """The estimate of a parameter of a run, or the value at which it was held."""
    if (name, run) in estimates:
        return estimates[name, run]
    value = float(found.free.given.get(name, 0.0))
    return Estimate(name, run, value, 0.0, value, value, "given")


def _print_others(console: Console, found: Calibration) -> None:
    """Print what was fitted besides the pools."""
    whole = found.to_dict()
    rows = [row for row in whole["parameters"] if row["name"] not in ("rate", "wasted")]
    if not rows:
        return
    by_run = any("run" in row for row in rows)
    table = new_table(["parameter", *(["run"] if by_run else [])], ["value", "interval"])
    table.add_column("status")
    shown = FEW_ROWS if by_run else MAX_ROWS
    for row in rows[:shown]:
        name = f"{row['name']} of {row['of']}" if "of" in row else row["name"]
        low, high = (_number(math.inf if row[end] is None else row[end]) for end in ENDS)
        cells = [Text(short(one_line(row.get("run", "")), NAME_WIDTH))] if by_run else []
        table.add_row(
            Text(short(one_line(name), 2 * NAME_WIDTH)),
            *cells,
            _number(row["value"]),
            f"{low}–{high}",
            row["status"],
        )
    _print(console, "What else was fitted", table)
    print_rest(console, len(rows), REST, shown)


def _print_laws(console: Console, found: Calibration) -> None:
    rows = found.comparison.rows
    columns: list[tuple[str, Callable[[Any], str]]] = [
        ("parameters", lambda row: f"{row.size:,}"),
        ("rms", lambda row: _number(row.rms)),
    ]
    if any(math.isfinite(row.held_out) for row in rows):
        columns.append(("last third", lambda row: _number(row.held_out)))
    if any(math.isfinite(row.left_out) for row in rows):
        columns.append(("other runs", lambda row: _number(row.left_out)))
    columns.append(("behind by", lambda row: step_text(round(row.behind, 1))))
    columns.append(("distance", lambda row: step_text(round(row.distance, 1))))
    table = new_table(["law"], [name for name, _ in columns])
    for row in rows:
        table.add_row(row.law, *(cell(row) for _, cell in columns))
    unit = "standard errors" if found.observations.weighted else "levels"
    _print(console, f"How the laws compare (rms: in {unit})", table)


def _print_runs(console: Console, found: Calibration) -> None:
    runs = found.seriality
    columns = ["mastered", "time", "scatter", "index", "parallel"]
    table = new_table(["run"], columns)
    skills = len(found.observations.skills)
    for run in runs[:MAX_ROWS]:
        table.add_row(
            Text(short(one_line(run.run), NAME_WIDTH)),
            f"{run.mastered} of {skills}",
            *(_number(value) for value in (run.domino_time, run.scatter)),
            *(level_text(_finite(value)) for value in (run.index, run.parallel_index)),
        )
    title = "How serial: domino time, domino index (1: one by one, 0: all at once)"
    _print(console, title, table)
    print_rest(console, len(runs), REST)


def _print_order(console: Console, found: Calibration) -> None:
    """Print in which order skills were learned: of one run all, of several the first of each."""
    skills = found.observations.skills
    if len(found.order) == 1:
        told = found.order[0].to_dict(skills)["learned"]
        table = new_table(["skill"], ["half-way at", "interval", "place", "interval"])
        for row in told[:MAX_ROWS]:
            table.add_row(
                Text(short(one_line(row["skill"]), 2 * NAME_WIDTH)),
                _at(row["half_at"]),
                f"{_at(row['low'])}–{_at(row['high'])}",
                str(row["rank"]),
                f"{row['rank_low']}–{row['rank_high']}",
            )
        _print(console, f"Order of learning ({len(told)} of {len(skills)} skills rose)", table)
        print_rest(console, len(told), REST)
        return
    _print_common_order(console, found)


def _print_common_order(console: Console, found: Calibration) -> None:
    """Print the skills that rose in half of the runs or more, by when they typically did."""
    half = np.stack([order.half_at for order in found.order])
    rose = np.isfinite(half).sum(axis=0)
    often = np.flatnonzero(2 * rose >= len(half))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        middle = np.nanmedian(half, axis=0)
        low = np.nanmedian([order.low for order in found.order], axis=0)
        high = np.nanmedian([order.high for order in found.order], axis=0)
    table = new_table(["skill"], ["half-way at", "interval", "runs"])
    for i in often[np.argsort(middle[often])][:MAX_ROWS]:
        table.add_row(
            Text(short(one_line(found.observations.skills[i]), 2 * NAME_WIDTH)),
            _at(float(middle[i])),
            f"{_at(float(low[i]))}–{_at(float(high[i]))}",
            f"{rose[i]} of {len(half)}",
        )
    title = f"Order of learning: medians of {len(half)} runs, skills that rose in half of them"
    _print(console, title, table)
    if not len(often):
        print_line(console, "no skill rose in half of the runs")
    print_rest(console, len(often), REST)


def print_forecast(summary: Mapping[str, Any], files: Iterable[Path]) -> None:
    """Print when each unfinished skill will be mastered, and where the files are."""
    console = Console()
    rows = [row for row in summary["skills"] if row["status"] != "mastered"]
    several = len({row["run"] for row in summary["skills"]}) > 1
    table = new_table(
        [*(["run"] if several else []), "skill"],
        ["level", "at", f"{summary['confidence']:.4g} interval", "chance"],
    )
    table.add_column("status")
    for row in rows[:MAX_ROWS]:
        table.add_row(
            *([Text(short(one_line(row["run"]), NAME_WIDTH))] if several else []),
            Text(short(one_line(row["skill"]), NAME_WIDTH)),
            level_text(row["level"]),
            _at(row["mastered_at"]),
            "–" if row["low"] is None else f"{_at(row['low'])}–{_at(row['high'])}",
            "–" if row["probability"] is None else f"{row['probability']:.0%}",
            row["status"],
        )
    if rows:
        words = (word for row in rows for word in row["status"].split())
        table.columns[-1].min_width = max(map(len, words))
        until = step_text(summary["until"])
        level = f"{summary['mastery']:g}"
        _print(console, f"When skills will be at level {level}; chance: by step {until}", table)
        print_rest(console, len(rows), " (all are in forecast.json)")
    done = len(summary["skills"]) - len(rows)
    print_line(console, f"{done:,} of {len(summary['skills']):,} curves are there already")
    told = ", ".join(f"{law} ({weight:.0%})" for law, weight in summary["laws"].items())
    print_line(console, f"laws: {told}")
    for note in summary["notes"]:
        print_line(console, f"note: {cut(one_line(note), 400)}")
    print_files(console, files)


def _print(console: Console, title: str, table: Table) -> None:
    """Print a table that folds words only where room is short, not names or numbers."""
    for column in table.columns:
        header = str(column.header)
        column.no_wrap = header not in ("status", "run", "skill", "parameter")
    print_table(console, title, table)


def _at(step: float | None) -> str:
    """A step to come, of four digits."""
    if step is None:
        return "∞"
    return step_text(float(f"{step:.4g}")) if abs(step) < 1000 else f"{step:,.0f}"


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _interval(estimate: Estimate) -> str:
    if estimate.status == "given":
        return "given"
    return f"{_number(estimate.low)}–{_number(estimate.high)}"


def _number(value: float | None) -> str:
    """A number of three digits; ∞ where there is no limit, a dash where nothing is known."""
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞"
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e7 else f"{value:.3g}"
