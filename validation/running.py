"""Checking figures, several at a time; what is finished is kept."""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

from validation.figure import Checked, module_of
from validation.outcome import Outcome, load_outcome, save_outcome
from validation.setting import Setting, code_fingerprint

__all__ = ["check_all", "check_one", "fingerprint_of"]

#: Dots an inch of the pictures.
DPI = 130


def fingerprint_of(name: str, setting: Setting) -> str:
    """Return what the outcome of a figure depends on."""
    mode = "quick" if setting.quick else "full"
    return f"{code_fingerprint(name)} {mode} {setting.simulator.change or ''}".strip()


def check_one(name: str, setting: Setting, out: Path) -> Outcome:
    """Check a figure, draw it and keep the outcome in ``out/NAME``; errors are its outcome too."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    module, folder, started = module_of(name), out / name, time.perf_counter()
    try:
        own = replace(setting, figure=name, folder=(setting.folder or out) / name / "parts")
        checked: Checked = module.check(own)
        folder.mkdir(parents=True, exist_ok=True)
        checked.drawing.savefig(folder / "figure.png", dpi=DPI, bbox_inches="tight")
        pyplot.close("all")
    except Exception:
        return Outcome(module.FIGURE, (), "", 0.0, "", error=traceback.format_exc())
    seconds = time.perf_counter() - started
    outcome = Outcome(module.FIGURE, checked.rows, checked.note, seconds, "figure.png")
    save_outcome(outcome, folder, fingerprint_of(name, setting))
    return outcome


def _in_worker(name: str, setting: Setting, out: Path) -> Outcome:
    import torch

    torch.set_num_threads(1)
    return check_one(name, setting, out)


def check_all(
    names: Sequence[str], setting: Setting, out: Path, jobs: int, fresh: bool = False
) -> Iterator[tuple[str, Outcome, bool]]:
    """Yield each figure's name, its outcome as it is done, and whether it was there already.

    Figures that are in `out` for this code and setting are not done again, unless `fresh`.
    """
    waiting = []
    for name in names:
        found = None if fresh else load_outcome(out / name, fingerprint_of(name, setting))
        if found is None:
            waiting.append(name)
        else:
            yield name, found, True
    waiting.sort(key=lambda name: -module_of(name).FIGURE.minutes)
    if not waiting:
        return
    # Many small runs side by side: threads within one only get in each other's way.
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = "1"
    with ProcessPoolExecutor(min(jobs, len(waiting)), mp_context=get_context("spawn")) as pool:
        tasks = {pool.submit(_in_worker, name, setting, out): name for name in waiting}
        try:
            for task in as_completed(tasks):
                yield tasks[task], task.result(), False
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
