"""The page that the command `modularity` prints."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from domino_sim.cli.printing import (
    count_of,
    cut,
    new_table,
    print_files,
    print_line,
    print_numbers,
    print_rest,
    step_text,
    value_text,
)
from domino_sim.errors import one_line
from domino_sim.plot.style import short

__all__ = ["print_modularity"]

#: Rows of the table of skills, and ways beside each other in it.
MOST_SKILLS, MOST_WAYS = 16, 4

#: What differs by less, by whole parameters say, is no gain and no loss.
GAIN = 1.005

#: The gain with the step-size floor is told where it differs by this part.
FLOOR = 0.1

Row = Mapping[str, Any]


def print_modularity(summary: Row, files: Iterable[Path]) -> None:
    """Print the regime, what each way gains, scaling, the cost of errors, gradient runs, files."""
    console = Console()
    if "regime" in summary:
        _print_regime(console, summary)
        _print_ways(console, summary)
        _print_skills(console, summary["ways"])
    if "scaling" in summary:
        _print_scaling(console, summary["scaling"])
    if "misassigned" in summary:
        _print_errors(console, summary)
    if "trained" in summary:
        _print_trained(console, summary)
    for remark in summary["remarks"]:
        print_line(console, f"note: {cut(one_line(remark), 400)}")
    print_files(console, files)


def _print_regime(console: Console, summary: Row) -> None:
    regime = summary["regime"]
    console.print(Text(f"Regime: {regime['name']}", style="bold"), soft_wrap=True)
    console.print(Text(regime["text"][0].upper() + regime["text"][1:]))
    print_line(console, f"Told by: {regime['rule']}")
    one, *others = summary["ways"]
    if one["all_mastered_at"] is None:
        return
    splits = [way for way in others if way["modules"] > 1 and way["speed_up"]]
    sampled = [way for way in others if way["modules"] == 1 and way["speed_up"]]
    for kind, ways in (("split", splits), ("mixture", sampled)):
        if ways:
            best = max(ways, key=lambda way: way["speed_up"])
            gain = best["speed_up"]
            verdict = f"× {gain:.3g}" + ("" if gain >= GAIN else ": none gains")
            verdict += _with_floor(one, best)
            print_line(console, f"Best {kind}: {one_line(best['way'])}, {verdict}")


def _with_floor(one: Row, best: Row) -> str:
    """Say what the gain is in gradient runs of SignGD, where that is another one."""
    if one["with_floor"] is None or best["with_floor"] is None:
        return ""
    gain = one["with_floor"] / best["with_floor"]
    same = abs(gain / best["speed_up"] - 1.0) < FLOOR
    return "" if same else f" (× {gain:.3g} with the step-size floor)"


def _print_ways(console: Console, summary: Row) -> None:
    ways = summary["ways"]
    floor = any(way["with_floor"] is not None for way in ways)
    table = new_table(
        ["way"], ["modules", "time", "gain", *(["floor"] if floor else []), "behind", "loss"]
    )
    for way in ways:
        total, until = way["all_mastered_at"], way["slower_until"]
        cells = [str(way["modules"]), "never" if total is None else step_text(round(total))]
        cells.append("–" if way["speed_up"] is None else f"{way['speed_up']:.2f}")
        if floor:
            cells.append(step_text(_rounded(way["with_floor"])))
        cells.append("to the end" if until is None else step_text(round(until)))
        table.add_row(Text(one_line(way["way"])), *cells, value_text(way["loss_at_budget"]))
    print_numbers(console, "", table)
    told = "time: the step at which all skills are mastered; gain: that of one pool over it; "
    if floor:
        told += "floor: time with what the step size of SignGD wastes; "
    told += "behind: up to which step its loss is above that of one pool; loss: a mean over the "
    console.print(Text(f"{told}mixture at step {step_text(round(summary['budget']))}."))
    if crossing := [f"{way['way']} {way['crossing']}" for way in ways if way["crossing"]]:
        text = f"Dependencies between modules: {one_line(', '.join(crossing))}."
        console.print(Text(text))
    print_line(console, "")


def _print_skills(console: Console, ways: Sequence[Row]) -> None:
    """Print when each skill is mastered: in one pool, the fastest ways and the slowest."""
    rest = sorted(ways[1:], key=lambda way: way["all_mastered_at"] or math.inf)
    shown = [ways[0], *rest[: MOST_WAYS - 2], *rest[max(len(rest) - 1, MOST_WAYS - 2) :]]
    table = new_table(["skill"], [_head(one_line(way["way"])) for way in shown])
    skills = [way["skills"] for way in shown]
    for row in list(zip(*skills, strict=True))[:MOST_SKILLS]:
        at = [step_text(_rounded(skill["mastered_at"])) for skill in row]
        table.add_row(Text(short(one_line(row[0]["skill"]), 24)), *at)
    print_numbers(console, "Steps at which skills are mastered", table)
    print_rest(console, len(skills[0]), " (all, of all ways, are in modularity.json)", MOST_SKILLS)


def _head(way: str) -> str:
    """Return the title of a way, short enough for the head of a column."""
    if way.startswith("wrong ("):
        way = way.split(", ")[0]
    return short(way.removesuffix(" sampling"), 16)


def _print_scaling(console: Console, scaling: Row) -> None:
    table = new_table(["way"], ["exponent", "95 %", "slopes at the ends"])
    for way in scaling["ways"]:
        if way["exponent"] is None:
            table.add_row(Text(way["way"]), "–", "", "")
            continue
        table.add_row(
            Text(way["way"]), f"{way['exponent']:.3f}",
            f"{way['exponent_low']:.2f} to {way['exponent_high']:.2f}",
            f"{way['slope_first']:.2f}, {way['slope_last']:.2f}",
        )  # fmt: skip
    sizes = scaling["skills"]
    title = f"Time of n skills goes with n to the power of … (n = {sizes[0]} to {sizes[-1]})"
    print_numbers(console, title, table)


def _print_errors(console: Console, summary: Row) -> None:
    cost, one = summary["misassigned"], summary["ways"][0]["all_mastered_at"]
    title = (
        f"Skills in the wrong module (made for: {one_line(cost['right'])}): time over one pool's"
    )
    table = new_table(["kind"], [f"{fraction:.0%}" for fraction in cost["fractions"]])
    for kind, times in cost["times"].items():
        cells = ["–" if one is None or time is None else f"{time / one:.2f}" for time in times]
        table.add_row(kind, *cells)
    print_numbers(console, title, table)
    table = new_table(["kind"], [f"α = {skew:g}" for skew in cost["skews"]])
    for kind, rows in cost["ratio"].items():
        table.add_row(kind, *(_loses(cost["fractions"], row) for row in rows))
    print_numbers(console, "From where on it loses to no split, with frequencies i^−α", table)


def _loses(fractions: Sequence[float], ratios: Sequence[float | None]) -> str:
    """Say from which fraction of misassigned skills on a split takes longer than one pool."""
    for fraction, ratio in zip(fractions, ratios, strict=True):
        if ratio is None or ratio >= GAIN:
            return f"from {fraction:.0%}" if fraction else "always"
    return "never"


def _print_trained(console: Console, summary: Row) -> None:
    trained = summary["trained"]
    numbers = ["time", "lowest", "highest", "done", "apart"]
    table = new_table(["way"], numbers)
    for way in trained["ways"]:
        times = [step_text(_rounded(way[key])) for key in ("all_mastered_at", "lowest", "highest")]
        table.add_row(
            Text(one_line(way["way"])), *times, f"{way['seeds_done']} of {trained['seeds']}",
            value_text(way["last_over_first"]),
        )  # fmt: skip
    runs = f"{count_of(trained['seeds'], 'seed')} of {trained['optimizer']}"
    title = f"Gradient runs: {runs}, learning rate {trained['lr']:g}, medians"
    print_numbers(console, title, table)
    two = trained["skills"] == 2
    told = (
        "time of the second skill over the first" if two else "last skill mastered over the first"
    )
    within = f"within {step_text(trained['steps'])} steps"
    console.print(Text(f"done: seeds that mastered all {within}; apart: {told}, the median."))
    print_line(console, "")


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value)
