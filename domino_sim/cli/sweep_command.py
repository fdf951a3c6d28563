"""The options of ``sweep``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["sweep"]


def sweep(
    scenario: Annotated[
        str,
        typer.Argument(
            metavar="SCENARIO|STORE",
            help="A scenario or run file that says what to vary, or the store of a sweep.",
        ),
    ],
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Override a key: pool.wasted=0.01."),
    ] = None,
    engine: Annotated[
        str | None, typer.Option(metavar="NAME", help="auto, events, clock or euler.")
    ] = None,
    curves: Annotated[
        str | None, typer.Option(metavar="WHAT", help="Keep none, loss or levels.")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Processes.", show_default="one a processor"),
    ] = None,
    dask: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="The scheduler of a Dask cluster.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="STORE", help="Where rows go.", show_default="results/sweep-SCENARIO.sqlite"
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a store.")] = False,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="With --resume: failed points again.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="More than a million points are meant.")
    ] = False,
    table: Annotated[bool, typer.Option("--table", help="Print the points.")] = False,
    csv: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write them as CSV; - prints it.")
    ] = None,
    netcdf: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write them, axes as dimensions.")
    ] = None,
    figure: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw lines, a map or dots.")
    ] = None,
    scaling: Annotated[
        bool, typer.Option("--scaling", help="Fit power laws; --figure: on log axes.")
    ] = False,
    of: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="What is drawn: final_loss, all_mastered_at, mastered_at.SKILL …"
        ),
    ] = None,
    over: Annotated[
        str | None, typer.Option(metavar="KEY", help="With --scaling: the key that is x.")
    ] = None,
    rerun: Annotated[
        int | None, typer.Option(metavar="POINT", help="Run one point alone, beside its row.")
    ] = None,
) -> None:
    """Run a scenario at many points into one SQLite file; go on where it was interrupted.

    With a STORE in place of a SCENARIO: what is in it.
    """
    from domino_sim.cli.sweep import Running, sweep_scenario
    from domino_sim.cli.sweep_outputs import Outputs

    running = Running(
        set_=set_ or (), engine=engine, curves=curves, workers=workers, dask=dask, out=out,
        resume=resume, retry_failed=retry_failed, yes=yes,
    )  # fmt: skip
    outputs = Outputs(
        table=table, csv=csv, netcdf=netcdf, figure=figure, scaling=scaling, of=of, over=over,
        rerun=rerun,
    )  # fmt: skip
    raise typer.Exit(sweep_scenario(scenario, running, outputs))
