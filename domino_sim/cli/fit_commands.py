"""The commands `calibrate`, `forecast` and `infer` with their options."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer

from domino_sim.cli.reading import (
    Column,
    Files,
    Keep,
    Kind,
    Metric,
    Mixtures,
    Normalise,
    Tag,
    reading_options,
)

__all__ = ["calibrate", "forecast", "infer"]

HELD = "What is known, and what is fitted besides η and N₀"
GRADIENT = "A gradient run in place of curves"


def calibrate(
    context: typer.Context,
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FILE...",
            help="Learning curves: CSV, JSONL, Parquet, trainer_state.json, event files, netCDF; "
            "or folders.",
        ),
    ] = None,
    law: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="auto (all are compared), sum, norm, constant, domino, logistic."
        ),
    ] = "auto",
    graph: Annotated[
        str | None,
        typer.Option(metavar="GRAPH", help="What depends on what: a bundled name or a path."),
    ] = None,
    loss: Annotated[
        str, typer.Option(metavar="NAME", help="mse: levels begin at 0; ce: at ½.")
    ] = "mse",
    confidence: Annotated[float, typer.Option(metavar="X", help="Of the intervals.")] = 0.95,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Where results go.", show_default="results/calibrate-NAME"
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print calibration.json, not tables.")
    ] = False,
    fit: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Fit it too: frequencies, beta, mastery, leak, exponent.",
            rich_help_panel=HELD,
        ),
    ] = None,
    share: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="What all runs have in common: pool (η and N₀), frequencies.",
            rich_help_panel=HELD,
        ),
    ] = None,
    rate: Annotated[
        float | None, typer.Option(metavar="X", help="Hold η.", rich_help_panel=HELD)
    ] = None,
    wasted: Annotated[
        float | None, typer.Option(metavar="X", help="Hold N₀.", rich_help_panel=HELD)
    ] = None,
    mastery: Annotated[
        float,
        typer.Option(metavar="X", help="Level at which hard gates open.", rich_help_panel=HELD),
    ] = 0.99,
    leak: Annotated[
        float,
        typer.Option(metavar="X", help="How far a shut gate lets learn.", rich_help_panel=HELD),
    ] = 0.0,
    exponent: Annotated[
        float | None,
        typer.Option(
            metavar="X", help="α of soft gates; without it gates are hard.", rich_help_panel=HELD
        ),
    ] = None,
    beta: Annotated[
        float, typer.Option(metavar="X", help="β of p = frequency^β.", rich_help_panel=HELD)
    ] = 1.0,
    mixtures: Mixtures = None,
    normalise: Normalise = "auto",
    column: Column = None,
    metric: Metric = None,
    tag: Tag = None,
    kind: Kind = None,
    keep: Keep = None,
    gradient: Annotated[
        str | None,
        typer.Option(
            metavar="RUN", help="A bundled name or a run file: train it.", rich_help_panel=GRADIENT
        ),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Override a key of it.", rich_help_panel=GRADIENT
        ),
    ] = None,
    sweep: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=V1,V2,…", help="Train it for each of these.", rich_help_panel=GRADIENT
        ),
    ] = None,
) -> None:
    """Fit η, N₀ and the pool law to learning curves; say which law the data prefer.

    Writes figure.png, calibration.json and curves.nc.
    """
    from domino_sim.cli.calibrate import calibrate_files, check_alone, check_source

    check_source(files or [], gradient, set_ or [], sweep or [])
    if gradient is not None:
        from domino_sim.cli.calibrate_gradient import calibrate_run

        check_alone([name for name in context.params if _given(context, name)])
        raise typer.Exit(calibrate_run(gradient, set_ or [], sweep or [], law, out, as_json))
    reading = reading_options(
        mixtures, normalise, column or [], metric or [], tag or [], kind, keep
    )
    options = {
        "graph": graph, "law": law, "loss": loss, "fit": fit or [], "share": share or [],
        "rate": rate, "wasted": wasted, "mastery": mastery, "leak": leak, "exponent": exponent,
        "beta": beta, "confidence": confidence,
    }  # fmt: skip
    raise typer.Exit(calibrate_files(files or [], reading, options, out, as_json))


def _given(context: typer.Context, name: str) -> bool:
    """Whether an option stands on the command line."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def forecast(
    source: Annotated[
        list[str],
        typer.Argument(
            metavar="DIR|FILE...",
            help="The folder of a calibration; or curves, which are calibrated first.",
        ),
    ],
    until: Annotated[int, typer.Option(metavar="N", help="The last step to look at.")],
    mastery: Annotated[
        float | None,
        typer.Option(
            metavar="X", help="The level that counts.", show_default="that of the calibration"
        ),
    ] = None,
    confidence: Annotated[float, typer.Option(metavar="X", help="Of the intervals.")] = 0.8,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where results go.", show_default="results/forecast-NAME"),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print forecast.json, not a table.")
    ] = False,
) -> None:
    """Say when skills that are not learned yet will be, from calibrated curves.

    Writes forecast.png, forecast.nc and forecast.json.
    """
    from domino_sim.cli.forecast import forecast_skills

    raise typer.Exit(forecast_skills(source, until, mastery, confidence, out, as_json))


def infer(
    files: Files,
    prior: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Known edges, tiers, runs of one mixture (TOML)."),
    ] = None,
    mastery: Annotated[
        float | None,
        typer.Option(
            metavar="X", help="Level at which hard gates open.", show_default="what fits best"
        ),
    ] = None,
    seconds: Annotated[
        float, typer.Option(metavar="S", help="When to stop improving.", show_default="when done")
    ] = math.inf,
    all_: Annotated[
        bool, typer.Option("--all", help="Name every pair that is undetermined, too.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where results go.", show_default="results/infer-NAME"),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print report.json, not tables.")
    ] = False,
    mixtures: Mixtures = None,
    normalise: Normalise = "auto",
    column: Column = None,
    metric: Metric = None,
    tag: Tag = None,
    kind: Kind = None,
    keep: Keep = None,
) -> None:
    """Infer which skill needs which from the curves of several runs.

    Writes graph.json, report.json, predicted.nc, graph.png, fit.png and runs.png.
    """
    from domino_sim.cli.infer import infer_graph

    reading = reading_options(
        mixtures, normalise, column or [], metric or [], tag or [], kind, keep
    )
    options = {"prior": prior, "mastery": mastery, "seconds": seconds}
    raise typer.Exit(infer_graph(files, reading, options, out, as_json, all_))
