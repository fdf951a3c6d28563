"""The progress of a sweep: points, their rate, and the time that is left."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from domino_sim.progress import INTERVAL, PATIENCE, NullMeter

__all__ = ["SweepMeter"]


class SweepMeter:
    """A bar on standard error with points, points a second and time left; only on a terminal."""

    @contextmanager
    def task(self, label: str, total: float) -> Iterator[Callable[[float], None]]:
        """Open a task of `total` points; its bar goes away when it ends."""
        from rich.console import Console
        from rich.markup import escape
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        console = Console(stderr=True)
        if not console.is_terminal:
            with NullMeter().task(label, total) as nothing:
                yield nothing
            return
        bar = Progress(
            TextColumn(escape(label[:40])), BarColumn(), MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"), TimeRemainingColumn(elapsed_when_finished=True),
            console=console, transient=True, auto_refresh=False, speed_estimate_period=600,
        )  # fmt: skip
        begun = time.monotonic()
        task = bar.add_task("", total=int(total), rate="")
        drawn = begun + PATIENCE - INTERVAL

        def update(done: float) -> None:
            nonlocal drawn
            now = time.monotonic()
            if now < drawn + INTERVAL:
                return
            drawn = now
            bar.start()
            rate = f"{done / max(now - begun, 1e-9):.3g} points/s"
            bar.update(task, completed=int(done), rate=rate, refresh=True)

        try:
            yield update
        finally:
            bar.stop()
