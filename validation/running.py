"""Checking figures, several at a time, a process each; what is finished is kept."""

from __future__ import annotations

import os
import signal
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from multiprocessing import connection, get_context, parent_process
from multiprocessing.context import SpawnProcess
from pathlib import Path
from threading import Thread

from validation.figure import Checked, Figure, module_of
from validation.outcome import Outcome, load_outcome, save_outcome
from validation.setting import Setting, code_fingerprint

__all__ = ["check_all", "check_one", "fingerprint_of", "kept_outcome"]

#: Dots an inch of the pictures.
DPI = 130


def fingerprint_of(name: str, setting: Setting) -> str:
    """Return what the outcome of a figure depends on."""
    mode = "quick" if setting.quick else "full"
    return f"{code_fingerprint(name)} {mode} {setting.simulator.change or ''}".strip()


def kept_outcome(name: str, setting: Setting, out: Path) -> Outcome | None:
    """Return the outcome that is in `out` for this code and setting, if there is one."""
    return load_outcome(out / name, fingerprint_of(name, setting))


def check_one(name: str, setting: Setting, out: Path) -> Outcome:
    """Check a figure, draw it and keep the outcome in ``out/NAME``; errors are its outcome too."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    folder, started, figure = out / name, time.perf_counter(), _unknown(name)
    with suppress(FileNotFoundError):
        (folder / "result.json").unlink()  # so that nothing old is taken for this
    try:
        module = module_of(name)
        figure = module.FIGURE
        own = replace(setting, figure=name, folder=(setting.folder or out) / name / "parts")
        checked: Checked = module.check(own)
        folder.mkdir(parents=True, exist_ok=True)
        checked.drawing.savefig(folder / "figure.png", dpi=DPI, bbox_inches="tight")
        pyplot.close("all")
    except Exception:
        return Outcome(figure, (), "", 0.0, "", error=traceback.format_exc())
    seconds = time.perf_counter() - started
    outcome = Outcome(figure, checked.rows, checked.note, seconds, "figure.png")
    save_outcome(outcome, folder, fingerprint_of(name, setting))
    return outcome


def _unknown(name: str) -> Figure:
    """Stand for a figure whose module cannot be loaded."""
    return Figure(name, name, "", "", 0.0)


def _in_process(
    name: str, setting: Setting, out: Path, told: connection.Connection
) -> None:
    # Ctrl-C goes to all; the one that began the others ends them. Where that one is killed and
    # cannot, they end by themselves.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_follow_parent, daemon=True).start()
    import torch

    torch.set_num_threads(1)
    told.send(check_one(name, setting, out))


def _follow_parent() -> None:
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def check_all(
    names: Sequence[str], setting: Setting, out: Path, jobs: int
) -> Iterator[tuple[str, Outcome, bool]]:
    """Yield each figure's name, its outcome as it is done, and whether it was there already.

    Figures that are in `out` for this code and setting are not done again, unless all are to be
    `setting.fresh`. The longest begin first. A process that is killed is the outcome of its figure
    alone.
    """
    waiting = []
    for name in names:
        found = None if setting.fresh else kept_outcome(name, setting, out)
        if found is None:
            waiting.append(name)
        else:
            yield name, found, True
    waiting.sort(key=_minutes)
    # Many small runs side by side: threads within one only get in each other's way.
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = "1"
    running: dict[int, tuple[str, SpawnProcess, connection.Connection]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                name = waiting.pop()
                process, told = _begin(name, setting, out)
                running[process.sentinel] = name, process, told
            ready = connection.wait([*running, *(told for _, _, told in running.values())])
            for sentinel, (name, process, told) in list(running.items()):
                if sentinel in ready or told in ready:
                    del running[sentinel]
                    yield name, _outcome(name, process, told), False
    finally:
        for _, process, _ in running.values():
            process.terminate()


def _minutes(name: str) -> float:
    try:
        return float(module_of(name).FIGURE.minutes)
    except Exception:
        return 0.0  # its own process will say what is wrong with it


def _begin(
    name: str, setting: Setting, out: Path
) -> tuple[SpawnProcess, connection.Connection]:
    context = get_context("spawn")
    told, tells = context.Pipe(duplex=False)
    process = context.Process(target=_in_process, args=(name, setting, out, tells), daemon=True)
    process.start()
    tells.close()
    return process, told


def _outcome(name: str, process: SpawnProcess, told: connection.Connection) -> Outcome:
    """Return what a process tells before it ends, or that it ended before it told."""
    try:
        found: Outcome = told.recv()
        process.join()
    except EOFError:
        process.join()
        error = f"its process ended early (exit code {process.exitcode}"
        error += "; killed, perhaps for want of memory)" if process.exitcode == -9 else ")"
        found = Outcome(_unknown(name), (), "", 0.0, "", error=error)
    told.close()
    return found
