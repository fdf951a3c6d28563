"""Building large graphs quickly."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["uncollected"]


@contextmanager
def uncollected() -> Iterator[None]:
    """Pause the collection of cyclic garbage while millions of small dicts are made.

    None of them is garbage, but each thousand new ones makes the collector look at them all
    again: it took half of the time of a graph of a million skills.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
