"""``train``."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from domino_sim.cli.output import check_folder, staged
from domino_sim.errors import RunError
from domino_sim.files import atomic_write
from domino_sim.progress import RichMeter

__all__ = ["train_run"]

TRAIN_FILES = ("figure.png", "curves.nc", "summary.json")

#: Runs that a message names.
MOST_NAMED = 8

#: Where an interrupted run leaves what it has, inside its result folder.
CHECKPOINT = "checkpoint"


def train_run(
    name: str, settings: Sequence[str], out: Path | None, fresh: bool, as_json: bool
) -> int:
    """Train the runs of a run file and return the exit code."""
    from domino_sim.gradient.checkpoint import checkpoints_in, remove_checkpoints
    from domino_sim.gradient.expected import expected_levels
    from domino_sim.gradient.run import load_run
    from domino_sim.gradient.summary import summarise_training
    from domino_sim.gradient.training import train
    from domino_sim.scenario import parse_override

    run = load_run(name, dict(parse_override(setting) for setting in settings))
    folder = out or Path("results") / Path(name).name.removesuffix(".toml")
    check_folder(folder, TRAIN_FILES)
    checkpoint = folder / CHECKPOINT
    if fresh:
        remove_checkpoints(checkpoint)
    elif checkpoints_in(checkpoint):
        print(f"going on from {checkpoint}", file=sys.stderr)
    try:
        curves = train(run, checkpoint=checkpoint, meter=RichMeter())
    except KeyboardInterrupt:
        if checkpoints_in(checkpoint):
            without = " without --fresh" if fresh else ""
            print(f"the same command{without} goes on from {checkpoint}", file=sys.stderr)
        raise
    expected = expected_levels(run)
    if expected is not None:
        curves["predicted"] = (curves["level"].dims, expected)
    summary = summarise_training(curves)
    _write(folder, curves, summary)
    remove_checkpoints(checkpoint)
    if as_json:
        print(_json(summary), end="")
    else:
        from domino_sim.cli.tables import print_training

        print_training(summary, [folder / file for file in TRAIN_FILES])
    if summary["diverged"]:
        raise RunError(_told(summary))
    return 0


def _told(summary: dict[str, Any]) -> str:
    """Say which runs diverged."""
    diverged = summary["diverged"]
    told = ", ".join(f"{run} at step {step}" for run, step in list(diverged.items())[:MOST_NAMED])
    if len(diverged) > MOST_NAMED:
        told += f" and {len(diverged) - MOST_NAMED} more (all are in summary.json)"
    rest = "" if len(diverged) == summary["runs"] else "; the other runs are complete"
    return f"diverged: {told}{rest}; a smaller optimizer.lr may help"


def _write(folder: Path, curves: Any, summary: dict[str, Any]) -> None:
    from domino_sim.curves import save_curves
    from domino_sim.plot import save_figure, training_figure

    with staged(folder) as temporary:
        save_curves(curves, temporary / "curves.nc")
        atomic_write(temporary / "summary.json", _json(summary))
        save_figure(training_figure(curves), temporary / "figure.png")


def _json(summary: dict[str, Any]) -> str:
    return json.dumps(summary, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
