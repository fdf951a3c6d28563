"""How a worker process begins. Imports nothing heavy: it runs before what it prepares."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from multiprocessing import connection

__all__ = ["begin"]


def begin() -> None:
    """Prepare a worker: one thread, no Ctrl-C of its own, no life after the coordinator's."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    # Ctrl-C reaches every process of the terminal; the coordinator alone answers it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A coordinator that is killed cannot stop its workers, and they would wait for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
