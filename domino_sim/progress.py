"""Progress meters: silent by default, a rich bar in the command line.

Whoever does long work opens a task and reports how far it is::

    with meter.task("two-pairs", total=10_000) as update:
        for step in range(10_000):
            ...
            update(step + 1)
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Meter", "NullMeter", "RichMeter"]

#: Seconds before a bar appears: shorter work should not flicker.
PATIENCE = 0.5

#: Seconds between two redraws, so that reporting costs next to nothing.
INTERVAL = 0.1


class Meter(Protocol):
    """Shows how far a piece of work is."""

    def task(
        self, label: str, total: float
    ) -> AbstractContextManager[Callable[[float], None]]:
        """Open a task of `total` units; the function it gives takes the units done so far."""


class NullMeter:
    """A meter that shows nothing.

    Examples
    --------
    >>> with NullMeter().task("run", total=10) as update:
    ...     update(5)
    """

    @contextmanager
    def task(self, label: str, total: float) -> Iterator[Callable[[float], None]]:
        """Open a task nobody watches."""
        yield _ignore


class RichMeter:
    """A bar on standard error, for work that outlasts `PATIENCE` and only on a terminal.

    Parameters
    ----------
    console
        Where the bar is drawn; by default a console on standard error.
    """

    def __init__(self, console: Console | None = None) -> None:
        if console is None:
            from rich.console import Console

            console = Console(stderr=True)
        self.console = console

    @contextmanager
    def task(self, label: str, total: float) -> Iterator[Callable[[float], None]]:
        """Open a task; its bar goes away when the task ends, also by an exception."""
        if not self.console.is_terminal:
            yield _ignore
            return
        from rich.markup import escape
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn(escape(label)),
            BarColumn(),
            TextColumn("{task.percentage:3.0f} %"),
            TimeRemainingColumn(),
        )
        # Redrawn by `update` alone: a refresh thread would compete with the work itself.
        bar = Progress(*columns, console=self.console, transient=True, auto_refresh=False)
        bar_task = bar.add_task("", total=total)
        next_draw = time.monotonic() + PATIENCE

        def update(done: float) -> None:
            nonlocal next_draw
            if (now := time.monotonic()) < next_draw:
                return
            next_draw = now + INTERVAL
            bar.start()
            bar.update(bar_task, completed=done, refresh=True)

        try:
            yield update
        finally:
            bar.stop()


def _ignore(done: float) -> None:
    pass
