"""``infer``."""

from __future__ import annotations

import json
import signal
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
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
    print_rest,
    print_table,
    value_text,
)
from domino_sim.cli.reading import stem_of
from domino_sim.errors import ArgumentError, one_line
from domino_sim.plot.style import short, shorts
from domino_sim.progress import RichMeter

if TYPE_CHECKING:
    from domino_sim.inference import Inference

__all__ = ["INFER_FILES", "infer_graph", "print_inference"]

INFER_FILES = (
    "graph.png", "fit.png", "runs.png", "graph.json", "report.json", "predicted.nc",
)  # fmt: skip

#: Longer names are shortened in their middle.
NAME_WIDTH = 20

#: Other gate forms that are named.
FEW_FORMS = 4

#: Runs that decide an edge are named if so few have so much of its gain (χ²).
FEW_RUNS, ENOUGH = 2, 0.9

#: What the model of an inference is called; the others are of networks.
_MODELS = {"gates": "Gate form", "serial": "Model"}

#: A run with less than this says nothing.
DECIDES = 10.0

Row = Mapping[str, Any]


def infer_graph(
    files: Sequence[str],
    reading: Mapping[str, Any],
    options: Mapping[str, Any],
    out: Path | None,
    as_json: bool,
    all_edges: bool,
) -> int:
    """Infer the graph behind the curves of files, write it, and return the exit code.

    1 if Ctrl-C ended the search: what it came to is written all the same. A search that ends after
    the seconds it was given does what it was asked to.
    """
    folder = out or Path("results") / f"infer-{stem_of(files[0])}"
    check_folder(folder, INFER_FILES)
    with _interrupts() as pressed:
        found = _inferred(files, reading, options)
    from domino_sim.plot import save_figure
    from domino_sim.plot.inference_fit import fit_figure
    from domino_sim.plot.inference_graph import inferred_graph_figure
    from domino_sim.plot.inference_runs import runs_figure

    with staged(folder) as temporary:
        found.save(temporary)
        save_figure(inferred_graph_figure(found), temporary / "graph.png")
        save_figure(fit_figure(found), temporary / "fit.png")
        save_figure(runs_figure(found), temporary / "runs.png")
    if as_json:
        print(json.dumps(found.report, ensure_ascii=False, indent=1))
    else:
        print_inference(found, [folder / file for file in INFER_FILES], all_edges=all_edges)
    return 1 if pressed else 0


@contextmanager
def _interrupts() -> Iterator[list[int]]:
    """Give the interrupts so far, each of which is also raised as usual.

    `infer` answers to the first with the best graph so far, and does not say which it was.
    """
    pressed: list[int] = []

    def press(number: int, frame: FrameType | None) -> None:
        pressed.append(number)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, press)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, before)


def _inferred(
    files: Sequence[str], reading: Mapping[str, Any], options: Mapping[str, Any]
) -> Inference:
    from domino_sim.inference import infer
    from domino_sim.readers import read_curves

    curves = read_curves(*files, **reading)
    try:
        return infer(curves, meter=RichMeter(), **options)
    except ArgumentError as error:
        if error.where not in ("mixtures", "prior", *options):
            raise
        where = f"--{error.where}"
        raise ArgumentError(
            error.what, where=where, expected=error.expected, nearest=error.nearest
        ) from None


def print_inference(found: Inference, files: Iterable[Path], *, all_edges: bool) -> None:
    """Print the gate form, found and possible edges, what is undetermined, remarks and files.

    Remarks come first where no graph fits.
    """
    console = Console()
    report = found.report
    from domino_sim.inference.evidence import BAD_FIT

    bad = report["scale"] >= BAD_FIT
    if bad:
        _print_remarks(console, report)
    _print_form(console, report, bad=bad)
    by_status: dict[str, list[Row]] = {}
    for edge in report["edges"]:
        by_status.setdefault(edge["status"], []).append(edge)
    _print_found(console, found, by_status.get("found", []), all_edges=all_edges)
    if possible := by_status.get("possible", []):
        _print_others(console, "Possible prerequisites", possible, all_edges=all_edges)
    _print_undetermined(console, by_status.get("undetermined", []), all_edges=all_edges)
    if not bad:
        _print_remarks(console, report)
    print_files(console, files)


def _print_remarks(console: Console, report: Row) -> None:
    for remark in report["remarks"]:
        print_line(console, f"note: {cut(one_line(remark), 400)}")


def _print_form(console: Console, report: Row, *, bad: bool) -> None:
    what = _MODELS.get(report["model"]["kind"], "Model of networks")
    console.print(Text(f"{what}: {report['model']['text']}", style="bold"), soft_wrap=True)
    misfit = value_text(report["misfit"])
    told = f"misfit {misfit} (χ² a value; 1 is noise of {report['noise']:.2g} alone)"
    if bad and report["model"]["kind"] == "gates":
        told += f"; {value_text(report['scale'])} of means of records"
    print_line(console, told)
    used = report["model"]["text"]
    others = [f"{name} {value_text(x)}" for name, x in report["forms"].items() if name != used]
    if len(others) > FEW_FORMS:
        others[FEW_FORMS:] = [f"and {len(others) - FEW_FORMS} more in report.json"]
    told = "; ".join(others) if others else "given up before they had all skills"
    what = " (misfit of means of records)" if others else ""
    print_line(console, f"other forms{what}: {told}")


def _print_found(
    console: Console, found: Inference, edges: Sequence[Row], *, all_edges: bool
) -> None:
    if not edges:
        print_line(console, "No prerequisite was found.")
        return
    gates = found.graph.nodes
    rows = sorted(edges, key=lambda edge: (edge["to"], edge["from"]))
    table = new_table(["from", "to", "gate"], ["probability", "gain"])
    table.add_column("runs that decide", overflow="fold")
    name = shorts(map(one_line, gates), NAME_WIDTH)
    shown = rows if all_edges else rows[:MAX_ROWS]
    counts = Counter(edge["to"] for edge in edges)
    for edge in shown:
        gate = gates[edge["to"]]["gate"] if counts[edge["to"]] > 1 else "–"
        table.add_row(
            Text(name[one_line(edge["from"])]), Text(name[one_line(edge["to"])]), gate,
            _probability(edge), _gain(edge["gain"]), Text(_deciding(edge)),
        )  # fmt: skip
    print_table(console, f"Prerequisites found: {len(edges):,}", table)
    print_rest(console, len(edges), " (all with --all)", len(shown))


def _print_others(console: Console, title: str, edges: Sequence[Row], *, all_edges: bool) -> None:
    table = new_table(["from", "to"], ["probability"])
    table.add_column("why it is not decided", overflow="fold")
    name = shorts((one_line(edge[end]) for edge in edges for end in ("from", "to")), NAME_WIDTH)
    shown = edges if all_edges else edges[:MAX_ROWS]
    for edge in shown:
        ends = (Text(name[one_line(edge[end])]) for end in ("from", "to"))
        table.add_row(*ends, _probability(edge), Text(edge["reason"]))
    print_table(console, title, table)
    print_rest(console, len(edges), " (all with --all)", len(shown))


def _print_undetermined(console: Console, edges: Sequence[Row], *, all_edges: bool) -> None:
    if not edges:
        return
    if all_edges:
        _print_others(console, "Undetermined", edges, all_edges=True)
        return
    print_line(console, f"Undetermined: {count_of(len(edges), 'pair')} (named with --all)")
    for reason, count in Counter(edge["reason"] for edge in edges).most_common():
        print_line(console, f"  {count:,}: {reason}")


def _probability(edge: Row) -> str:
    p = edge["probability"]
    return "> 0.999" if p > 0.999 else f"{p:.3f}"


def _gain(gain: float) -> str:
    return f"{gain:,.0f}" if abs(gain) >= 10.0 else f"{gain:.2g}"


def _deciding(edge: Row) -> str:
    """Return the runs with most of an edge's gain; of many only how many, and the first."""
    gains = sorted(edge["runs"].items(), key=lambda item: -item[1])
    total = sum(max(gain, 0.0) for _, gain in gains)
    if total < DECIDES:
        return "none"
    told: list[str] = []
    reached = 0.0
    for run, gain in gains:
        if reached >= ENOUGH * total:
            break
        reached += gain
        told.append(f"{short(one_line(run), NAME_WIDTH)} {gain / total:.0%}")
    if len(told) <= FEW_RUNS:
        return ", ".join(told)
    number = sum(gain >= DECIDES for _, gain in gains)
    some = f"{number} of {len(gains)}" if number else "none alone"
    return f"{some}, most {told[0]}"
