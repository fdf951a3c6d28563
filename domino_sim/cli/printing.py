"""Pieces of what the commands print: tables, lines, numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from domino_sim.errors import one_line

__all__ = [
    "MAX_ROWS",
    "count_of",
    "cut",
    "level_text",
    "new_table",
    "percent",
    "print_files",
    "print_line",
    "print_numbers",
    "print_rest",
    "print_table",
    "step_text",
    "value_text",
]

#: Longer tables are cut: the files hold the rest.
MAX_ROWS = 40


def new_table(names: Sequence[str], numbers: Sequence[str]) -> Table:
    """Return a table with columns of names, and of numbers to their right."""
    table = Table(box=box.SIMPLE_HEAD)
    for name in names:
        table.add_column(Text(name), overflow="fold")
    for name in numbers:
        table.add_column(Text(name), justify="right", overflow="fold")
    return table


def print_table(console: Console, title: str, table: Table) -> None:
    """Print a table with its title."""
    if title:
        console.print(Text(one_line(title), style="bold"), soft_wrap=True)
    console.print(table)


def print_numbers(console: Console, title: str, table: Table) -> None:
    """Print a table whose numbers stay whole where room is short: names are folded instead."""
    for column in table.columns[1:]:
        column.no_wrap = True
    print_table(console, title, table)


def print_line(console: Console, text: str) -> None:
    """Print a line as it is, however long."""
    console.print(Text(text), soft_wrap=True)


def print_rest(console: Console, count: int, where: str, shown: int = MAX_ROWS) -> None:
    """Say how many rows were left out."""
    if count > shown:
        print_line(console, f"… and {count - shown:,} more{where}")


def print_files(console: Console, files: Iterable[Path]) -> None:
    """Print where the files are."""
    for file in files:
        print_line(console, f"  {file}")


def count_of(number: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def cut(text: str, width: int = 200) -> str:
    """Return a text that is cut where it is too long."""
    return text if len(text) <= width else f"{text[: width - 1]}…"


def step_text(value: float | None) -> str:
    """Return a step; a dash if there is none."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.4g}"


def value_text(value: float | None) -> str:
    """Return a number of three digits; a dash if there is none."""
    return "–" if value is None else f"{value:.3g}"


def percent(value: float | None) -> str:
    """Return a part as per cent; a dash if there is none."""
    return "–" if value is None else f"{value:.1%}"


def level_text(value: float | None) -> str:
    """Return a level; a dash if there is none."""
    return "–" if value is None else f"{value:.3f}"
