"""How curves are read: the options that commands on learning curves share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from domino_sim.errors import ArgumentError
from domino_sim.wording import shown

__all__ = [
    "Column", "Files", "Keep", "Kind", "Metric", "Mixtures", "Normalise", "Tag",
    "reading_options", "stem_of",
]  # fmt: skip

PANEL = "Reading curves"

Files = Annotated[
    list[str],
    typer.Argument(
        metavar="FILE...",
        help="CSV, JSONL, Parquet, trainer_state.json, event files, netCDF; or folders.",
    ),
]
Mixtures = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="FILE",
        help="A table: run, skill, frequency (and step). Again for tables of other runs.",
        rich_help_panel=PANEL,
    ),
]
Normalise = Annotated[
    str,
    typer.Option(
        metavar="FILE",
        help="How levels are made: auto, none or a TOML file.",
        rich_help_panel=PANEL,
    ),
]
Column = Annotated[
    list[str] | None,
    typer.Option(
        "--column",
        metavar="ROLE=NAME",
        help="What a column is taken for: skill=task.",
        rich_help_panel=PANEL,
    ),
]
Metric = Annotated[
    list[str] | None,
    typer.Option(
        "--metric",
        metavar="NAME=KIND",
        help="What a metric is: f1=accuracy, bleu=skip.",
        rich_help_panel=PANEL,
    ),
]
Tag = Annotated[
    list[str] | None,
    typer.Option(
        "--tag",
        metavar="PATTERN=KIND",
        help="Which series of a wide table or log are skills: 'eval/(.*)_err=loss'.",
        rich_help_panel=PANEL,
    ),
]
Kind = Annotated[
    str | None,
    typer.Option(
        metavar="KIND",
        help="What values are whose name does not tell: "
        "level, accuracy, percent, loss, perplexity.",
        rich_help_panel=PANEL,
    ),
]
Keep = Annotated[
    str | None,
    typer.Option(
        metavar="WHICH",
        help="Of several values at a step: first or last.",
        rich_help_panel=PANEL,
    ),
]


def reading_options(
    mixtures: Sequence[Path] | None,
    normalise: str,
    columns: Sequence[str],
    metrics: Sequence[str],
    tags: Sequence[str],
    kind: str | None,
    keep: str | None,
) -> dict[str, Any]:
    """Return the options of the command line as arguments of `read_curves`.

    Raises
    ------
    ArgumentError
        If one of the form NAME=WHAT is not, or names something twice.
    """
    return {
        "mixtures": mixtures or None,
        "normalise": normalise,
        "columns": _pairs(columns, "--column", "skill=task"),
        "metrics": _pairs(metrics, "--metric", "f1=accuracy"),
        "tags": _pairs(tags, "--tag", "'eval/(.*)_err=loss'"),
        "kind": kind,
        "keep": keep,
    }


def _pairs(settings: Sequence[str], option: str, example: str) -> dict[str, str]:
    """Return settings of the form NAME=WHAT; the last equals sign parts them."""
    pairs: dict[str, str] = {}
    for setting in settings:
        # A role stands before the first sign, a pattern or metric before the last one.
        name, sign, what = (
            setting.partition("=") if option == "--column" else setting.rpartition("=")
        )
        if not (sign and name and what):
            what = f"is {shown(setting)}"
            raise ArgumentError(what, where=option, expected=f"such as {example}")
        if name in pairs:
            raise ArgumentError(f"{shown(name)} is given twice", where=option)
        pairs[name] = what
    return pairs


def stem_of(path: str) -> str:
    """Return what to call the results of a file or folder."""
    absolute = Path(path).absolute()
    name = absolute.name.removesuffix(".gz")
    if absolute.is_dir():
        return name
    stem = name.removesuffix(Path(name).suffix)
    if stem in ("curves", "result", "trainer_state"):
        stem = absolute.parent.name
    return stem or "files"
