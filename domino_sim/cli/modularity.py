"""The command `modularity` with its options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["modularity"]

WITHOUT = "Independent skills in place of a scenario"


def modularity(
    scenario: Annotated[
        str | None,
        typer.Argument(
            metavar="[SCENARIO|RUN]",
            help="A scenario, simulated; or a run file, trained. A bundled name or a path.",
        ),
    ] = None,
    partition: Annotated[
        list[str] | None,
        typer.Option(
            metavar="WHAT",
            help="all, ladder (2, 4, 8, … modules), each, components, communities, random, wrong, "
            "or a .toml file with \\[modules]; may be given several times.",
            show_default="all; of a RUN each",
        ),
    ] = None,
    shares: Annotated[
        str, typer.Option(metavar="RULE", help="How parameters are shared: equal or frequency.")
    ] = "equal",
    modules: Annotated[
        int | None,
        typer.Option(metavar="K", help="Modules of random and wrong.", show_default="about √n"),
    ] = None,
    budget: Annotated[
        float | None,
        typer.Option(
            metavar="STEP",
            help="Where losses are compared.",
            show_default="half of one pool's time",
        ),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Without scaling and misassigned skills.")
    ] = False,
    train: Annotated[
        int,
        typer.Option(
            metavar="SEEDS",
            min=0,
            help="Gradient runs of every way too (needs Torch).",
            show_default="none; of a RUN its seeds",
        ),
    ] = 0,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Override a key: pool.wasted=0.01."),
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, help="Of random partitions and misassigned skills.")
    ] = 0,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Where results go.", show_default="results/modularity-NAME"
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print modularity.json, not tables.")
    ] = False,
    skills: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="So many skills.", rich_help_panel=WITHOUT),
    ] = None,
    n_dim: Annotated[
        int | None,
        typer.Option(metavar="D", min=1, help="Parameters in all.", rich_help_panel=WITHOUT),
    ] = None,
    lr: Annotated[
        float, typer.Option(metavar="X", help="The learning rate.", rich_help_panel=WITHOUT)
    ] = 3e-4,
    exponent: Annotated[
        float,
        typer.Option(metavar="X", min=0.0, help="α of frequencies i^−α.", rich_help_panel=WITHOUT),
    ] = 1.0,
    law: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="sum, norm, constant or domino.", rich_help_panel=WITHOUT
        ),
    ] = "norm",
) -> None:
    """Compare one network for all skills with the same split into modules.

    Says in which regime training is, what each way gains, what a wrong split costs. Writes figures,
    modularity.json and modularity.nc.
    """
    from domino_sim.cli.modularity_report import Asked, compare_ways

    asked = Asked(
        partitions=partition or (), shares=shares, modules=modules, budget=budget, quick=quick,
        train=train, seed=seed,
    )  # fmt: skip
    independent = None
    if skills is not None or n_dim is not None:
        independent = {"skills": skills, "n_dim": n_dim, "lr": lr, "exponent": exponent, "law": law}
    raise typer.Exit(compare_ways(scenario, independent, set_ or [], asked, out, as_json))
