"""What the commands print: tables of skills, of runs, of a graph, of the bundle."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import networkx as nx
from rich.console import Console
from rich.text import Text

from domino_sim.cli.printing import (
    MAX_ROWS,
    count_of,
    cut,
    level_text,
    new_table,
    percent,
    print_files,
    print_line,
    print_numbers,
    print_rest,
    print_table,
    step_text,
    value_text,
)
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

#: More runs than this side by side do not fit on a line: then each run is a row.
MAX_COLUMNS = 5


def print_run(summary: Mapping[str, Any], files: Iterable[Path]) -> None:
    """Print a row for each skill, how the run went, and where its files are."""
    table = new_table(["skill"], ["opened", "mastered", "share", "final level"])
    table.add_column("not mastered because", overflow="fold")
    skills = summary["skills"]
    for skill in skills[:MAX_ROWS]:
        table.add_row(
            Text(skill["skill"]),
            step_text(skill["opened_at"]),
            step_text(skill["mastered_at"]),
            percent(skill["mean_share"]),
            level_text(skill["final_level"]),
            skill["reason"].replace("_", " "),
        )
    console = Console()
    print_table(console, summary["title"] or "", table)
    print_rest(console, len(skills), " (all are in summary.json)")
    print_line(console, f"{_outcome(summary)} ({summary['engine']} engine)")
    print_files(console, files)


def print_comparison(summaries: Mapping[str, Mapping[str, Any]], files: Iterable[Path]) -> None:
    """Print when each skill of each run was mastered, and where the files are."""
    console = Console()
    if len(summaries) > MAX_COLUMNS:
        table = new_table(["run"], ["mastered", "all mastered", "steps"])
        for label, summary in summaries.items():
            mastered = f"{summary['mastered']} of {len(summary['skills'])}"
            table.add_row(
                Text(label),
                mastered,
                step_text(summary["all_mastered_at"]),
                step_text(summary["steps"]),
            )
        print_table(console, "", table)
    else:
        table = new_table(["skill"], list(summaries))
        at = {
            label: {s["skill"]: s["mastered_at"] for s in summary["skills"]}
            for label, summary in summaries.items()
        }
        names = list(dict.fromkeys(name for skills in at.values() for name in skills))
        for name in names[:MAX_ROWS]:
            cells = [step_text(s[name]) if name in s else "" for s in at.values()]
            table.add_row(Text(name), *cells)
        table.add_section()
        table.add_row("all", *(step_text(s["all_mastered_at"]) for s in summaries.values()))
        print_table(console, "Steps at which skills were mastered", table)
        print_rest(console, len(names), " (all are in summary.json)")
    print_files(console, files)


def print_training(summary: Mapping[str, Any], files: Iterable[Path]) -> None:
    """Print, for each mixture of gradient runs, when its skills were mastered; and the files."""
    console = Console()
    mixtures = summary["mixtures"]
    if len(mixtures) > MAX_COLUMNS:
        table = new_table(["mixture"], ["runs", "skills mastered", "last at"])
        for mixture in mixtures[:MAX_ROWS]:
            at = [skill["median"] for skill in mixture["skills"]]
            count = sum(step is not None for step in at)
            last = None if None in at else max(at)
            table.add_row(
                Text(mixture["mixture"]),
                str(mixture["runs"]),
                f"{count} of {len(at)}",
                step_text(last),
            )
        print_table(console, summary["title"], table)
        print_rest(console, len(mixtures), " (all are in summary.json)")
    else:
        for mixture in mixtures:
            times = ["earliest", "median", "latest"]
            times += ["predicted"] if "predicted" in mixture["skills"][0] else []
            table = new_table(["skill"], ["mastered", *times, "final level"])
            for skill in mixture["skills"][:MAX_ROWS]:
                table.add_row(
                    Text(skill["skill"]),
                    f"{skill['mastered']} of {mixture['runs']}",
                    *(step_text(skill[key]) for key in times),
                    level_text(skill["final_level"]),
                )
            print_table(console, mixture["mixture"] or summary["title"], table)
            print_rest(console, len(mixture["skills"]), " (all are in summary.json)")
    runs, steps = count_of(summary["runs"], "run"), count_of(summary["steps"], "step")
    how = f"{summary['optimizer']}, learning rate {summary['lr']:g}"
    lost = f", {len(summary['diverged'])} diverged" if summary["diverged"] else ""
    mastery = f"mastered is level {summary['mastery']:g}"
    print_line(console, f"{runs} of {steps}{lost} ({how}); {mastery}")
    print_files(console, files)


def print_curves(summary: Mapping[str, Any], files: Iterable[Path]) -> None:
    """Print what was understood of learning curves: their runs, their skills, and what to know."""
    console = Console()
    runs = summary["by_run"]
    table = new_table(["run"], ["skills", "records", "steps", "apart", "missing"])
    for run in runs[:MAX_ROWS]:
        table.add_row(
            Text(run["run"]),
            *(f"{run[key]:,}" for key in ("skills", "steps")),
            f"{step_text(run['first'])} to {step_text(run['last'])}",
            run["spacing"],
            f"{run['missing']:,}",
        )
    print_numbers(console, count_of(len(runs), "run"), table)
    print_rest(console, len(runs), " (all are in summary.json)")
    # Those that rise first: of many skills only so many are shown.
    skills = sorted(summary["by_skill"], key=lambda s: (-s["signal"], -(s["last_level"] or 0.0)))
    table = new_table(["skill"], ["of", "values", "0, 1 are", "at last", "rises in"])
    for skill in skills[:MAX_ROWS]:
        table.add_row(
            Text(skill["skill"]),
            skill["from"],
            f"{value_text(skill['lowest'])} to {value_text(skill['highest'])}",
            ", ".join(value_text(skill[key]["value"]) for key in ("zero", "one") if skill[key])
            or "–",
            level_text(skill["last_level"]),
            f"{skill['signal']} of {skill['runs']}",
        )
    print_numbers(console, count_of(len(skills), "skill"), table)
    print_rest(console, len(skills), " (all are in summary.json)")
    print_line(console, f"mixture: {_mixtures(runs)}")
    for key, title in (("columns", "taken"), ("left_out", "left out"), ("notes", "note")):
        for line in summary[key]:
            print_line(console, f"{title}: {cut(line, 400)}")
    print_files(console, files)


def print_graph(title: str, graph: nx.DiGraph, file: Path) -> None:
    """Print a skill graph by generation: frequencies and gates."""
    table = new_table(["generation"], [])
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
            Text(cut(str(gate)) if gate else ""),
        )
        previous = number
    console = Console()
    print_table(console, title, table)
    print_rest(console, len(rows), "")
    edges = graph.number_of_edges()
    counts = (
        count_of(len(rows), "skill"),
        count_of(edges, "prerequisite"),
        count_of(len(levels), "generation"),
    )
    print_line(console, ", ".join(counts))
    print_files(console, [file])


def print_bundle(bundle: Mapping[str, Sequence[Mapping[str, str]]]) -> None:
    """Print the names and titles of the bundled scenarios, gradient runs and graphs."""
    console = Console()
    for kind, entries in bundle.items():
        table = new_table(["name"], [])
        table.add_column("title", overflow="fold")
        for entry in entries:
            table.add_row(Text(entry["name"]), Text(one_line(entry["title"])))
        print_table(console, kind.capitalize(), table)


def _outcome(summary: Mapping[str, Any]) -> str:
    count, steps = len(summary["skills"]), summary["steps"]
    if summary["all_mastered_at"] is not None:
        last = step_text(summary["all_mastered_at"])
        return f"All of {count_of(count, 'skill')} mastered at step {last} of {steps:,}"
    return f"{summary['mastered']:,} of {count_of(count, 'skill')} mastered in {steps:,} steps"


def _mixtures(runs: Sequence[Mapping[str, Any]]) -> str:
    """Say of how many runs the mixture is known."""
    count = {kind: sum(run["mixture"] == kind for run in runs) for kind in ("known", "partly")}
    if not any(count.values()):
        return "not known (--mixtures FILE)"
    known = "known" if count["known"] == len(runs) else f"known in {count['known']} of {len(runs)}"
    return known + (f", partly in {count['partly']}" if count["partly"] else "")
