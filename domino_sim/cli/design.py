"""``design``."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from domino_sim.cli.output import check_folder, staged
from domino_sim.cli.printing import (
    MAX_ROWS,
    count_of,
    cut,
    new_table,
    print_files,
    print_line,
    print_numbers,
    print_rest,
    print_table,
)
from domino_sim.cli.reading import stem_of
from domino_sim.errors import ArgumentError, one_line
from domino_sim.plot.style import short, shorts
from domino_sim.progress import RichMeter

if TYPE_CHECKING:
    from domino_sim.inference.planned import Design

__all__ = ["DESIGN_FILES", "design_runs", "print_design"]

DESIGN_FILES = ("design.png", "mixtures.csv", "design.json")

#: Longer names are shortened in their middle.
NAME_WIDTH = 20

#: Columns of frequencies that fit a screen.
FEW_RUNS = 8

#: Columns with the names of their runs.
NAMED_RUNS = 4

Row = Mapping[str, Any]


def design_runs(
    source: str | None,
    skills: str | None,
    runs: str,
    options: Mapping[str, Any],
    out: Path | None,
    as_json: bool,
    all_edges: bool,
) -> int:
    """Plan runs, write their mixtures, and return the exit code."""
    from domino_sim.inference.planning import design_mixtures

    if (source is None) == (skills is None):
        raise ArgumentError(
            "there is nothing to plan for"
            if source is None
            else "is given beside a graph or an inference",
            where="--skills", expected="a graph, an inference, or --skills: one of them",
        )  # fmt: skip
    planned: Any = source if skills is None else [name.strip() for name in skills.split(",")]
    folder = out or Path("results") / f"design-{'first' if source is None else _stem(source)}"
    check_folder(folder, DESIGN_FILES)
    number: Any = int(runs) if runs.isascii() and runs.isdigit() else runs
    try:
        plan = design_mixtures(planned, number, meter=RichMeter(), **options)
    except ArgumentError as error:
        if error.where not in {"runs", "skills", *options}:
            raise
        raise ArgumentError(
            error.what, where=f"--{error.where}", expected=error.expected, nearest=error.nearest
        ) from None
    from domino_sim.plot import save_figure
    from domino_sim.plot.design import design_figure

    with staged(folder) as temporary:
        plan.save(temporary)
        save_figure(design_figure(plan), temporary / "design.png")
    if as_json:
        print(json.dumps(plan.report, ensure_ascii=False, indent=1))
    else:
        print_design(plan, [folder / file for file in DESIGN_FILES], all_edges=all_edges)
    return 0


def _stem(source: str) -> str:
    path = Path(source)
    return path.absolute().parent.name if path.name == "graph.json" else stem_of(source)


def print_design(plan: Design, files: Iterable[Path], *, all_edges: bool) -> None:
    """Print what each run decides and why, the mixtures, what is left, and the files."""
    console, report = Console(), plan.report
    for remark in report["remarks"]:
        print_line(console, f"note: {cut(one_line(remark), 400)}")
    if plan.done:
        print_line(console, _nothing_planned(report))
    if report["source"] == "skills":
        _print_mixtures(console, plan)
        print_line(console, f"Limits: {_limits(report['assumed'])}")
        print_files(console, files)
        return
    for run in report["runs"]:
        _print_run(console, run, known=report["source"] == "graph", all_edges=all_edges)
    if not plan.done:
        _print_mixtures(console, plan)
        total = len(report["decided"]) + len(report["left"])
        runs = count_of(len(report["runs"]), "run")
        print_line(
            console, f"Expected of {runs}: {report['expected']:g} of {total} edges in doubt decided"
        )
    _print_left(console, report["left"], all_edges=all_edges)
    print_line(console, f"Taken for granted: {_assumed(report['assumed'])}")
    print_files(console, files)


def _assumed(taken: Row) -> str:
    told = f"{taken['form']}; "
    if "law" not in taken:
        told += f"{taken['steps']:,} steps a run"
    else:
        told += (
            f"{taken['law']} law, N₀ {taken['wasted']:g}; {taken['points']} records a run, "
            f"noise {taken['noise']:.2g}"
        )
    return told + _instead(taken)


def _limits(taken: Row) -> str:
    out = "" if taken["knock_outs"] else "; none is left out"
    return f"frequencies of a run differ by up to {taken['ratio']:g} ×{out}{_instead(taken)}"


def _instead(taken: Row) -> str:
    stranger = taken.get("stranger")
    return f"; {stranger} in place of what is left out" if stranger else ""


def _nothing_planned(report: Row) -> str:
    left = report["left"]
    if left:
        return f"No run would decide more: {count_of(len(left), 'edge')} cannot be told."
    if report["source"] == "graph":
        return "The graph has no edges: there is nothing to decide."
    if names := report["unplanned"]:
        some = " and ".join(map(one_line, names)) if len(names) < 3 else f"{len(names)} skills"
        verb = "needs" if len(names) == 1 else "need"
        return f"No run is planned: no edge is in doubt but what {some} {verb} (see above)."
    return "All edges are decided already: no run is needed."


def _print_run(console: Console, run: Row, *, known: bool, all_edges: bool) -> None:
    table = new_table(["from", "to"], [] if known else ["probability", "chance"])
    table.add_column("how it is decided", overflow="fold")
    rows = run["decides"]
    shown = rows if all_edges else rows[:MAX_ROWS]
    for edge in shown:
        numbers = [] if known else [f"{edge['probability']:.2f}", f"{edge['chance']:.2f}"]
        why = Text(one_line(edge["why"]))
        table.add_row(_name(edge["from"]), _name(edge["to"]), *numbers, why)
    out = ", ".join(short(one_line(name), NAME_WIDTH) for name in run["knocked_out"])
    title = f"{run['run']}: decides {run['edges']:g} more edges, {run['gain']:.3g} bits"
    title += f"; without {out}" if out else ""
    if not rows:
        console.print(Text(title, style="bold"), soft_wrap=True)
        return
    print_table(console, title, table)
    print_rest(console, len(rows), " (all with --all)", len(shown))


def _print_mixtures(console: Console, plan: Design) -> None:
    names = plan.mixtures["run"].values.tolist()
    # More names than a few leave no room for those of the skills.
    heads = names if len(names) <= NAMED_RUNS else [str(k + 1) for k in range(len(names))]
    digits = 4 if heads == names else 3
    table = new_table(["skill"], [short(name, NAME_WIDTH) for name in heads[:FEW_RUNS]])
    skills = [one_line(name) for name in plan.mixtures["skill"].values.tolist()]
    name = shorts(skills, NAME_WIDTH)
    for skill, row in zip(skills[:MAX_ROWS], plan.mixtures.values.T, strict=False):
        each = [f"{p:.{digits}f}" if p else "out" for p in row[:FEW_RUNS].tolist()]
        table.add_row(Text(name[skill]), *each)
    told = "" if heads == names else f" in {one_line(names[0])} and those after it"
    print_numbers(console, f"Frequencies{told}", table)
    print_rest(console, len(skills), " skills (in mixtures.csv)")
    if len(names) > FEW_RUNS:
        print_line(console, f"… and {len(names) - FEW_RUNS} more runs (in mixtures.csv)")


def _print_left(console: Console, left: Sequence[Row], *, all_edges: bool) -> None:
    if not left:
        return
    if not all_edges:
        print_line(console, f"Left: {count_of(len(left), 'edge')} (named with --all)")
        for reason, count in Counter(edge["reason"] for edge in left).most_common():
            print_line(console, f"  {count:,}: {reason}")
        return
    table = new_table(["from", "to"], ["probability"])
    table.add_column("why it is left", overflow="fold")
    for edge in left:
        table.add_row(
            _name(edge["from"]), _name(edge["to"]), f"{edge['probability']:.2f}",
            Text(edge["reason"]),
        )  # fmt: skip
    print_table(console, "Left", table)


def _name(name: str) -> Text:
    return Text(short(one_line(name), NAME_WIDTH))
