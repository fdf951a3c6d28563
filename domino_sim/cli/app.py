"""The commands, their options, and how errors end the program.

Exit codes: 0 done; 1 ran, with failures reported; 2 refused, and nothing written; 130 interrupted.
The bodies of the commands are imported when they are called, so that ``--help`` is quick.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from domino_sim import __version__
from domino_sim.cli import design_command, fit_commands, sweep_command
from domino_sim.cli.modularity import modularity
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
from domino_sim.errors import DominoError, RunError, one_line

__all__ = ["app", "main"]

INTERRUPTED = 130

app = typer.Typer(
    name="domino-sim",
    help="Simulate how neural networks learn skills that compete for a shared resource.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Scenarios = Annotated[
    list[str], typer.Argument(metavar="SCENARIO...", help="Bundled names or paths to TOML files.")
]
Engine = Annotated[str, typer.Option(metavar="NAME", help="events, clock or euler.")]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a key: pool.wasted=0.01."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the summary as JSON, not a table.")]


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"domino-sim {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_print_version, help="Print the version."
        ),
    ] = False,
) -> None:
    pass


@app.command()
def run(
    scenarios: Scenarios,
    engine: Engine = "events",
    set_: Overrides = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where results go.", show_default="results/SCENARIO"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run scenarios; write figure.png, result.nc and summary.json of each."""
    from domino_sim.cli.run import run_scenarios

    raise typer.Exit(run_scenarios(scenarios, engine, set_ or [], out, as_json))


@app.command()
def compare(
    scenarios: Scenarios,
    engine: Engine = "events",
    set_: Overrides = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where results go.")] = Path(
        "results/compare"
    ),
    as_json: AsJson = False,
) -> None:
    """Run several scenarios into one figure and one table."""
    from domino_sim.cli.run import compare_scenarios

    raise typer.Exit(compare_scenarios(scenarios, engine, set_ or [], out, as_json))


@app.command()
def train(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="A bundled name or the path of a run file.")
    ],
    set_: Overrides = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where results go.", show_default="results/RUN"),
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Begin anew where an interrupted run would go on.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Train real networks (needs Torch); write figure.png, curves.nc and summary.json.

    What is interrupted goes on from DIR/checkpoint when the same command is given again.
    """
    from domino_sim.cli.train import train_run

    raise typer.Exit(train_run(run, set_ or [], out, fresh, as_json))


@app.command()
def curves(
    files: Files,
    mixtures: Mixtures = None,
    normalise: Normalise = "auto",
    column: Column = None,
    metric: Metric = None,
    tag: Tag = None,
    kind: Kind = None,
    keep: Keep = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where results go.", show_default="results/curves-NAME"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Read learning curves and say what was understood.

    Writes figure.png, curves.nc (with levels) and summary.json.
    """
    from domino_sim.cli.curves import show_curves

    reading = reading_options(
        mixtures, normalise, column or [], metric or [], tag or [], kind, keep
    )
    raise typer.Exit(show_curves(files, reading, out, as_json))


app.command()(fit_commands.calibrate)
app.command()(fit_commands.forecast)
app.command()(fit_commands.infer)
app.command()(design_command.design)
app.command()(modularity)
app.command()(sweep_command.sweep)


@app.command()
def show(
    name: Annotated[
        str, typer.Argument(metavar="SCENARIO|GRAPH", help="A bundled name or a path.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where graph.png goes.", show_default="results/NAME"),
    ] = None,
) -> None:
    """Show a skill graph as text (generations, gates, frequencies) and as a figure."""
    from domino_sim.cli.show import show_graph

    show_graph(name, out)


@app.command(name="list")
def list_(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, not a table.")] = False,
) -> None:
    """List the bundled scenarios, gradient runs and graphs."""
    from domino_sim.cli.show import list_bundle

    list_bundle(as_json)


@app.command()
def schema(
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write it here instead of printing it.")
    ] = None,
    runs: Annotated[
        bool, typer.Option("--runs", help="That of run files, for gradient runs.")
    ] = False,
) -> None:
    """Print the JSON Schema of scenario files, for editors."""
    from domino_sim.cli.show import print_schema

    print_schema(out, runs)


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line and exit.

    Parameters
    ----------
    args
        The arguments; by default those of the process.

    Raises
    ------
    SystemExit
        Always, with the exit code.
    """
    for stream in (sys.stdout, sys.stderr):
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors="backslashreplace")  # any name prints on any terminal
    signal.signal(signal.SIGTERM, _terminate)
    sys.exit(_exit_code(args))


@cache
def _parser() -> Callable[..., int | None]:
    """Return the parser, made once: calling `app` would make it again, at 50 ms a call."""
    return typer.main.get_command(app)


def _exit_code(args: Sequence[str] | None) -> int:
    from typer.exceptions import TyperException

    try:
        code = _parser()(args, standalone_mode=False) or 0
        # Typer turns Ctrl-C during a command into this code, without a word.
        return _refuse("interrupted", code) if code == INTERRUPTED else code
    except TyperException as error:
        # Without any argument typer prints the help and raises an error without a message.
        text = one_line(error.format_message())
        return _refuse(f"error: {text}", 2) if text else 2
    except RunError as error:
        return _refuse(f"error: {error}", 1)
    except DominoError as error:
        return _refuse(f"error: {error}", 2)
    except MemoryError:
        return _refuse("error: out of memory; record fewer points (record.points)", 1)
    except KeyboardInterrupt:
        return _refuse("interrupted", INTERRUPTED)
    except BrokenPipeError:
        # Whoever read the output has gone; a flush at exit must not complain again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _refuse(message: str, code: int) -> int:
    print(message, file=sys.stderr)
    return code


def _terminate(number: int, frame: FrameType | None) -> None:
    # As an exception, so that temporary folders are removed on the way out.
    raise SystemExit(128 + number)
