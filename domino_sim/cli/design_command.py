"""The command `design` with its options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["design"]

FEASIBLE = "Which mixtures are feasible"
TAKEN = "What runs are taken to be like (not used for first runs and under power gates)"


def design(
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="[GRAPH|INFERENCE]",
            help="The folder or graph.json of an inference; or a graph: a bundled name or a path.",
        ),
    ] = None,
    skills: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,…",
            help="Instead of it the names of skills of which nothing is known: first runs.",
        ),
    ] = None,
    runs: Annotated[
        str, typer.Option(metavar="N", help="How many; 'enough': until no more can be told.")
    ] = "1",
    no_knock_outs: Annotated[
        bool,
        typer.Option(
            "--no-knock-outs", help="Train every skill in every run.", rich_help_panel=FEASIBLE
        ),
    ] = False,
    least: Annotated[
        float,
        typer.Option(
            metavar="P", help="Least frequency of what is trained.", rich_help_panel=FEASIBLE
        ),
    ] = 0.0,
    ratio: Annotated[
        float | None,
        typer.Option(
            metavar="X",
            help="Most by which frequencies of a run differ.",
            show_default="100; of first runs 5",
            rich_help_panel=FEASIBLE,
        ),
    ] = None,
    stranger: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Something unrelated to be trained in place of what is left out: a new name, or "
            "that of an earlier stranger.",
            rich_help_panel=FEASIBLE,
        ),
    ] = None,
    law: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Pool law: sum, norm, constant; any: whichever shows least.",
            rich_help_panel=TAKEN,
        ),
    ] = "any",
    wasted: Annotated[float, typer.Option(metavar="N0", help="N₀.", rich_help_panel=TAKEN)] = 0.01,
    points: Annotated[
        int, typer.Option(metavar="K", help="Records of a run.", rich_help_panel=TAKEN)
    ] = 200,
    noise: Annotated[
        float | None,
        typer.Option(
            metavar="SIGMA",
            help="Noise of levels.",
            show_default="that of the inference, or 0.01",
            rich_help_panel=TAKEN,
        ),
    ] = None,
    mastery: Annotated[
        float,
        typer.Option(
            metavar="X",
            help="Level at which a graph's hard gates open.",
            rich_help_panel=TAKEN,
        ),
    ] = 0.99,
    exponent: Annotated[
        float | None,
        typer.Option(
            metavar="X",
            help="α of a graph's soft gates; without it gates are hard.",
            rich_help_panel=TAKEN,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="K", help="Of the mixtures tried.")] = 0,
    all_: Annotated[bool, typer.Option("--all", help="Name every edge that is left.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where results go.", show_default="results/design-NAME"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print design.json, not tables.")] = False,
) -> None:
    """Propose the mixtures of the next runs, those that decide the most edges.

    Of an inference, those that are not decided yet; of a graph, all of its edges.
    Runs of inferences under power gates are taken to be like those there are.
    With --skills the first runs: frequencies spread evenly, each run without some skills.
    Writes design.png, mixtures.csv and design.json.
    """
    from domino_sim.cli.design import design_runs

    options = {
        "knock_outs": not no_knock_outs, "least": least, "ratio": ratio,
        "stranger": stranger, "law": law,
        "wasted": wasted, "points": points, "noise": noise, "mastery": mastery,
        "exponent": exponent, "seed": seed,
    }  # fmt: skip
    raise typer.Exit(design_runs(source, skills, runs, options, out, as_json, all_))
