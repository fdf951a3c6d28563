"""The whole of the published sweep of sizes, on an accelerator: 50 sizes, 100 000 steps, 7 α.

Runs that small leave an accelerator idle, so that as many processes as there are processors train
side by side. What is trained is kept, size by size.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

import numpy as np

from domino_sim.levels import Floats
from validation.references import arrays
from validation.scaling_runs import OPTIMIZERS, WHOLE, Work, runs
from validation.setting import ROOT, Setting

__all__ = ["SIZES", "Sweep", "sweep", "sweep_works", "training"]

SIZES = tuple(range(20, 1001, 20))


@dataclass(frozen=True, slots=True)
class Sweep:
    """Losses at the end (n_dim, alpha) of each optimiser, on the published vectors of seed 0."""

    alphas: tuple[float, ...]
    loss: dict[str, Floats]


def sweep_works() -> list[Work]:
    """Return all runs of the sweep."""
    return [_work(o, d) for o in OPTIMIZERS for d in SIZES]


def sweep(setting: Setting) -> Sweep:
    """Train the whole sweep, or return what was trained before."""
    loss = {
        o: np.array([runs(setting, *_work(o, d))["mean500"][:, 0] for d in SIZES])
        for o in OPTIMIZERS
    }
    return Sweep(_alphas(), loss)


def _alphas() -> tuple[float, ...]:
    return tuple(arrays("fig10_picture")["alpha"].tolist())


def _work(optimizer: str, n_dim: int) -> Work:
    return optimizer, n_dim, 0, _alphas(), 1, WHOLE


@contextmanager
def training(setting: Setting, works: Sequence[Work]) -> Iterator[None]:
    """Train what `runs` is to give, the longest first; at the end of the block it is there.

    In processes of another program: a figure's own process may not have any (it is a daemon).
    """
    if setting.folder is None:
        yield  # nothing is kept
        return
    count = min(os.cpu_count() or 1, len(works))
    folder, fresh = str(setting.folder.resolve()), str(int(setting.fresh))
    command = [sys.executable, "-m", "validation.scaling_sweep", folder, fresh, str(os.getpid())]
    workers = []
    try:
        for k in range(count):
            worker = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, text=True)
            workers.append(worker)
            assert worker.stdin is not None
            with worker.stdin as told:
                json.dump(works[k::count], told)
        yield
        if any(worker.wait() for worker in workers):
            raise RuntimeError("a part of the runs has failed; its error is above")
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()


def _follow(parent: int) -> None:
    """End with whoever began this, however that ended."""
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)


def _main(folder: str, fresh: str, parent: str) -> None:
    Thread(target=_follow, args=(int(parent),), daemon=True).start()
    import torch

    torch.set_num_threads(1)
    setting = Setting(quick=False, folder=Path(folder), fresh=fresh == "1")
    for optimizer, n_dim, vectors, alphas, seeds, steps in json.load(sys.stdin):
        runs(setting, optimizer, n_dim, vectors, tuple(alphas), seeds, steps)


if __name__ == "__main__":
    _main(*sys.argv[1:])
