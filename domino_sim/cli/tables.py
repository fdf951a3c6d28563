"""What the commands print: tables of skills, of runs, of a graph, of the bundle."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import networkx as nx
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from domino_sim.errors import one_line
from domino_sim.graph import gate_of, generations

__all__ = [
    "print_bundle",
    "print_comparison",
    "print_curves",
    "print_graph",
    "print_run",
    "print_training",
]

#: Longer tables are cut: the files hold the rest.
MAX_ROWS = 40

#: More runs than this side by side do not fit on a line: then each run is a row.
MAX_COLUMNS = 5


def print_run(summary: Mapping[str, Any], files: Iterable[Path]) -> None:
    """Print a row for each skill, how the run went, and where its files are."""
    table = _table(["skill"], ["opened", "mastered", "share", "final level"])
    table.add_column("not mastered because", overflow="fold")
    skills = summary["skills"]
    for skill in skills[:MAX_ROWS]:
        table.add_row(
            Text(skill["skill"]),
            _step(skill["opened_at"]),
            _step(skill["mastered_at"]),
            _percent(skill["mean_share"]),
            _level(skill["final_level"]),
            skill["reason"].replace("_", " "),
        )
    console = Console()
    _print_table(console, summary["title"] or "", table)
    _print_rest(console, len(skills), " (all are in summary.json)")
    _print_line(console, f"{_outcome(summary)} ({summary['engine']} engine)")
    _print_files(console, files)


def print_comparison(summaries: Mapping[str, Mapping[str, Any]], files: Iterable[Path]) -> None:
    """Print when each skill of each run was mastered, and where the files are."""
    console = Console()
    if len(summaries) > MAX_COLUMNS:
        table = _table(["run"], ["mastered", "all mastered", "steps"])
        for label, summary in summaries.items():
            mastered = f"{summary['mastered']} of {len(summary['skills'])}"
            table.add_row(
                Text(label), mastered, _step(summary["all_mastered_at"]), _step(summary["steps"])
            )
        _print_table(console, "", table)
    else:
        table = _table(["skill"], list(summaries))
        at = {
            label: {s["skill"]: s["mastered_at"] for s in summary["skills"]}
            for label, summary in summaries.items()
        }
        names = list(dict.fromkeys(name for skills in at.values() for name in skills))
        for name in names[:MAX_ROWS]:
            cells = [_step(s[name]) if name in s else "" for s in at.values()]
            table.add_row(Text(name), *cells)
        table.add_section()
        table.add_row("all", *(_step(s["all_mastered_at"]) for s in summaries.values()))
        _print_table(console, "Steps at which skills were mastered", table)
        _print_rest(console, len(names), " (all are in summary.json)")
    _print_files(console, files)


def print_training(summary: Mapping[str, Any], files: Iterable[Path]) -> None:
    """Print, for each mixture of gradient runs, when its skills were mastered; and the files."""
    console = Console()
    mixtures = summary["mixtures"]
    if len(mixtures) > MAX_COLUMNS:
        table = _table(["mixture"], ["runs", "skills mastered", "last at"])
        for mixture in mixtures[:MAX_ROWS]:
            at = [skill["median"] for skill in mixture["skills"]]
            count = sum(step is not None for step in at)
            last = None if None in at else max(at)
            table.add_row(
                Text(mixture["mixture"]), str(mixture["runs"]), f"{count} of {len(at)}", _step(last)
            )
        _print_table(console, summary["title"], table)
        _print_rest(console, len(mixtures), " (all are in summary.json)")
    else:
        for mixture in mixtures:
            times = ["earliest", "median", "latest"]
            times += ["predicted"] if "predicted" in mixture["skills"][0] else []
            table = _table(["skill"], ["mastered", *times, "final level"])
            for skill in mixture["skills"][:MAX_ROWS]:
                table.add_row(
                    Text(skill["skill"]),
                    f"{skill['mastered']} of {mixture['runs']}",
                    *(_step(skill[key]) for key in times),
                    _level(skill["final_level"]),
                )
            _print_table(console, mixture["mixture"] or summary["title"], table)
            _print_rest(console, len(mixture["skills"]), " (all are in summary.json)")
    runs, steps = _count(summary["runs"], "run"), _count(summary["steps"], "step")
    how = f"{summary['optimizer']}, learning rate {summary['lr']:g}"
    lost = f", {len(summary['diverged'])} diverged" if summary["diverged"] else ""
    mastery = f"mastered is level {summary['mastery']:g}"
    _print_line(console, f"{runs} of {steps}{lost} ({how}); {mastery}")
    _print_files(console, files)


def print_curves(summary: Mapping[str, Any], files: Iterable[Path]) -> None:
    """Print what was understood of learning curves: their runs, their skills, and what to know."""
    console = Console()
    runs = summary["by_run"]
    table = _table(["run"], ["skills", "records", "steps", "apart", "missing"])
    for run in runs[:MAX_ROWS]:
        table.add_row(
            Text(run["run"]),
            *(f"{run[key]:,}" for key in ("skills", "steps")),
            f"{_step(run['first'])} to {_step(run['last'])}",
            run["spacing"],
            f"{run['missing']:,}",
        )
    _print_numbers(console, _count(len(runs), "run"), table)
    _print_rest(console, len(runs), " (all are in summary.json)")
    # Those that rise first: of many skills only so many are shown.
    skills = sorted(summary["by_skill"], key=lambda s: (-s["signal"], -(s["last_level"] or 0.0)))
    table = _table(["skill"], ["of", "values", "0, 1 are", "at last", "rises in"])
    for skill in skills[:MAX_ROWS]:
        table.add_row(
            Text(skill["skill"]),
            skill["from"],
            f"{_value(skill['lowest'])} to {_value(skill['highest'])}",
            ", ".join(_value(skill[key]["value"]) for key in ("zero", "one") if skill[key]) or "–",
            _level(skill["last_level"]),
            f"{skill['signal']} of {skill['runs']}",
        )
    _print_numbers(console, _count(len(skills), "skill"), table)
    _print_rest(console, len(skills), " (all are in summary.json)")
    _print_line(console, f"mixture: {_mixtures(runs)}")
    for key, title in (("columns", "taken"), ("left_out", "left out"), ("notes", "note")):
        for line in summary[key]:
            _print_line(console, f"{title}: {_short(line, 400)}")
    _print_files(console, files)


def print_graph(title: str, graph: nx.DiGraph, file: Path) -> None:
    """Print a skill graph by generation: frequencies and gates."""
    table = _table(["generation"], [])
    table.add_column("skill", overflow="fold", ratio=1)
    table.add_column("frequency", justify="right")
    table.add_column("requires", overflow="fold", ratio=2)
    levels = generations(graph)
    rows = [(number, name) for number, level in enumerate(levels, 1) for name in level]
    previous = 0
    for number, name in rows[:MAX_ROWS]:
        frequency = graph.nodes[name].get("frequency")
        gate = gate_of(graph, name)
        table.add_row(
            str(number) if number != previous else "",
            Text(name),
            "" if frequency is None else f"{frequency:.4g}",
            Text(_short(str(gate)) if gate else ""),
        )
        previous = number
    console = Console()
    _print_table(console, title, table)
    _print_rest(console, len(rows), "")
    edges = graph.number_of_edges()
    counts = (
        _count(len(rows), "skill"),
        _count(edges, "prerequisite"),
        _count(len(levels), "generation"),
    )
    _print_line(console, ", ".join(counts))
    _print_files(console, [file])


def print_bundle(bundle: Mapping[str, Sequence[Mapping[str, str]]]) -> None:
    """Print the names and titles of the bundled scenarios, gradient runs and graphs."""
    console = Console()
    for kind, entries in bundle.items():
        table = _table(["name"], [])
        table.add_column("title", overflow="fold")
        for entry in entries:
            table.add_row(Text(entry["name"]), Text(one_line(entry["title"])))
        _print_table(console, kind.capitalize(), table)


def _table(names: Sequence[str], numbers: Sequence[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    for name in names:
        table.add_column(Text(name), overflow="fold")
    for name in numbers:
        table.add_column(Text(name), justify="right", overflow="fold")
    return table


def _print_table(console: Console, title: str, table: Table) -> None:
    if title:
        console.print(Text(one_line(title), style="bold"), soft_wrap=True)
    console.print(table)


def _print_numbers(console: Console, title: str, table: Table) -> None:
    """Print a table whose numbers stay whole where room is short: names are folded instead."""
    for column in table.columns[1:]:
        column.no_wrap = True
    _print_table(console, title, table)


def _print_line(console: Console, text: str) -> None:
    console.print(Text(text), soft_wrap=True)


def _print_rest(console: Console, count: int, where: str) -> None:
    if count > MAX_ROWS:
        _print_line(console, f"… and {count - MAX_ROWS:,} more{where}")


def _print_files(console: Console, files: Iterable[Path]) -> None:
    for file in files:
        _print_line(console, f"  {file}")


def _outcome(summary: Mapping[str, Any]) -> str:
    count, steps = len(summary["skills"]), summary["steps"]
    if summary["all_mastered_at"] is not None:
        last = _step(summary["all_mastered_at"])
        return f"All of {_count(count, 'skill')} mastered at step {last} of {steps:,}"
    return f"{summary['mastered']:,} of {_count(count, 'skill')} mastered in {steps:,} steps"


def _mixtures(runs: Sequence[Mapping[str, Any]]) -> str:
    """Say of how many runs the mixture is known."""
    count = {kind: sum(run["mixture"] == kind for run in runs) for kind in ("known", "partly")}
    if not any(count.values()):
        return "not known (--mixtures FILE)"
    known = "known" if count["known"] == len(runs) else f"known in {count['known']} of {len(runs)}"
    return known + (f", partly in {count['partly']}" if count["partly"] else "")


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _short(text: str, width: int = 200) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _step(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.4g}"


def _value(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"


def _level(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
