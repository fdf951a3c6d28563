"""``run`` and ``compare``."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from domino_sim.cli.jobs import Job, plan, simulate_job
from domino_sim.cli.output import check_folder, staged
from domino_sim.errors import ArgumentError, DominoError, RunError
from domino_sim.files import atomic_write

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["compare_scenarios", "run_scenarios"]

T = TypeVar("T")

RUN_FILES = ("figure.png", "result.nc", "summary.json")


def run_scenarios(
    names: Sequence[str], engine: str, settings: Sequence[str], out: Path | None, as_json: bool
) -> int:
    """Run scenarios one after the other and return the exit code."""
    jobs = plan(names, engine, settings)
    if out is not None and len(jobs) == 1:
        folders = {jobs[0].label: out}
    else:
        folders = {job.label: (out or Path("results")) / job.label for job in jobs}
    for folder in folders.values():
        check_folder(folder, RUN_FILES)

    def run(job: Job) -> dict[str, Any]:
        from domino_sim.cli.tables import print_run
        from domino_sim.result import summarise

        ds = simulate_job(job)
        summary = summarise(ds)
        _write_run(folders[job.label], job, ds, summary)
        if not as_json:
            print_run(summary, [folders[job.label] / name for name in RUN_FILES])
        return summary

    summaries, code = _each(jobs, run)
    if as_json:
        _print_json(summaries[jobs[0].label] if len(jobs) == 1 else summaries)
    return code


def compare_scenarios(
    names: Sequence[str], engine: str, settings: Sequence[str], out: Path, as_json: bool
) -> int:
    """Run scenarios into one figure and one table, and return the exit code."""
    if len(names) < 2:
        raise ArgumentError(
            f"one scenario ({names[0]})", where="compare", expected="two or more to compare"
        )
    jobs = plan(names, engine, settings)
    files = ["figure.png", "summary.json", *(f"{job.label}.nc" for job in jobs)]
    check_folder(out, files)
    datasets, code = _each(jobs, simulate_job)
    if not datasets:
        return code
    from domino_sim.cli.tables import print_comparison
    from domino_sim.plot import compare_figure, save_figure
    from domino_sim.result import save_result, summarise

    summaries = {label: summarise(ds) for label, ds in datasets.items()}
    with staged(out) as folder:
        save_figure(compare_figure(datasets), folder / "figure.png")
        atomic_write(folder / "summary.json", _json(summaries))
        for label, ds in datasets.items():
            save_result(ds, folder / f"{label}.nc")
    if as_json:
        _print_json(summaries)
    else:
        print_comparison(summaries, [out / name for name in files if _made(name, datasets)])
    return code


def _made(name: str, datasets: dict[str, xr.Dataset]) -> bool:
    return not name.endswith(".nc") or name.removesuffix(".nc") in datasets


def _each(jobs: Sequence[Job], work: Callable[[Job], T]) -> tuple[dict[str, T], int]:
    """Do the work of each job; of several, one that fails is reported and the rest go on."""
    done: dict[str, T] = {}
    refused = True
    for job in jobs:
        try:
            done[job.label] = work(job)
        except DominoError as error:
            if len(jobs) == 1:
                raise
            print(f"error: {job.label}: {error}", file=sys.stderr)
            refused = refused and not isinstance(error, RunError)
    if len(done) == len(jobs):
        return done, 0
    return done, 2 if refused and not done else 1


def _write_run(folder: Path, job: Job, ds: xr.Dataset, summary: dict[str, Any]) -> None:
    from domino_sim.plot import run_figure, save_figure
    from domino_sim.result import save_result, summary_text

    with staged(folder) as temporary:
        save_result(ds, temporary / "result.nc")
        atomic_write(temporary / "summary.json", summary_text(summary))
        save_figure(run_figure(ds, job.scenario.skill_graph()), temporary / "figure.png")


def _print_json(summary: Any) -> None:
    print(_json(summary), end="")


def _json(summary: Any) -> str:
    return json.dumps(summary, indent=1, allow_nan=False) + "\n"
