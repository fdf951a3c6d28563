"""Where tasks run: worker processes, a Dask cluster, or any executor of the caller."""

from __future__ import annotations

import importlib
import math
import multiprocessing
import os
import socket
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager, suppress
from time import monotonic
from typing import Any, Protocol

from domino_sim.errors import ArgumentError, EngineError, RunError
from domino_sim.sweeps.start import begin
from domino_sim.sweeps.task import Row, Task
from domino_sim.sweeps.worker import solve

__all__ = ["Given", "Processes", "Workers", "dask_executor", "died", "processors"]

#: How often new workers may die before they have done anything at all.
BEGINNINGS = 2

#: Tasks that an executor of unknown size is given at once.
UNKNOWN = 16

#: Seconds after which a Dask cluster that has lost all its workers is given up. It would wait for
#: ever; but a worker that is started anew on a busy machine takes half a minute.
LOST = 300.0


class Workers(Protocol):
    """Whoever solves tasks.

    Attributes
    ----------
    window
        How many tasks should be in work or waiting there.
    """

    window: int

    def submit(self, task: Task) -> Future[list[Row]]:
        """Hand out a task."""

    def check(self, since: float) -> None:
        """Raise where nobody is left who could finish anything; nothing was `since` then."""

    def renew(self) -> None:
        """Make new workers of those that died."""

    def close(self, *, at_once: bool) -> None:
        """Let the workers go; `at_once`: also from what they are at."""


def processors() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Processes:
    """Worker processes of this machine."""

    def __init__(self, count: int) -> None:
        self._count = count
        self.window = 2 * count
        self._pool = self._new()

    def _new(self) -> ProcessPoolExecutor:
        # Forked, a worker would inherit the threads' locks of whatever is loaded here.
        spawn = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(self._count, mp_context=spawn, initializer=begin)

    def submit(self, task: Task) -> Future[list[Row]]:
        """Hand out a task."""
        return self._pool.submit(solve, task)

    def check(self, since: float) -> None:
        """A pool says by itself that it is broken."""

    def renew(self) -> None:
        """Make a new pool: one dead worker breaks all of a pool.

        Raises
        ------
        RunError
            If its workers do not even begin.
        """
        for _ in range(BEGINNINGS):
            self.close(at_once=True)
            self._pool = self._new()
            with suppress(BrokenExecutor):
                self._pool.submit(os.getpid).result()
                return
        raise RunError(
            "worker processes cannot start: each begins by importing the main module, which must "
            'be a file in which calls of sweep stand below `if __name__ == "__main__":`; or give '
            "an executor"
        )

    def close(self, *, at_once: bool) -> None:
        """Let the workers go."""
        workers = list((self._pool._processes or {}).values())
        self._pool.shutdown(wait=not at_once, cancel_futures=True)
        if at_once:
            for worker in workers:
                with suppress(ValueError):  # it is closed already
                    worker.kill()
            for worker in workers:
                with suppress(ValueError):
                    worker.join()


class Here:
    """No workers: tasks are solved by this process, one at a time."""

    window = 1

    def submit(self, task: Task) -> Future[list[Row]]:
        """Solve a task."""
        future: Future[list[Row]] = Future()
        future.set_result(solve(task))
        return future

    def check(self, since: float) -> None:
        """Nobody can have gone."""

    def renew(self) -> None:
        """Nobody can have died."""

    def close(self, *, at_once: bool) -> None:
        """Nobody is there."""


class Given:
    """An executor of the caller, who also ends it."""

    def __init__(self, executor: Executor) -> None:
        threads, count = _dask_threads(executor), getattr(executor, "_max_workers", None)
        self._executor = executor
        self.window = UNKNOWN if threads is None else max(2 * threads, 2)
        if threads is None and isinstance(count, int):
            self.window = 2 * count
        #: Whether a Dask cluster was ever seen with workers; when it was first seen without them.
        self._had = bool(threads)
        self._gone = -math.inf

    def submit(self, task: Task) -> Future[list[Row]]:
        """Hand out a task."""
        return self._executor.submit(solve, task)

    def check(self, since: float) -> None:
        """Give up on a Dask cluster that has lost all its workers.

        One that has none yet is waited for: they may be in the queue of a large machine.

        Raises
        ------
        RunError
            If there has been none for `LOST` seconds, or no scheduler answered.
        """
        if _dask_threads(self._executor) != 0:
            self._had, self._gone = True, -math.inf
        elif self._had and self._gone < since:  # it was not without them all the time
            self._gone = monotonic()
        elif self._had and monotonic() - self._gone > LOST:
            raise RunError(
                f"the Dask cluster has had no workers for {LOST:g} s; what is done is kept: resume "
                "when it has"
            )

    def renew(self) -> None:
        """Give up where the executor is broken: only its owner can make a new one."""
        probe = None
        with suppress(BrokenExecutor, RuntimeError):
            probe = self._executor.submit(os.getpid)
        if probe is None:
            raise RunError(
                "the executor is broken: a worker died; what is done is kept: resume with a new one"
            )

    def close(self, *, at_once: bool) -> None:
        """Leave the executor to its owner."""


def died(error: BaseException) -> bool:
    """Whether this is how Dask says that the workers which had a task died of it."""
    return type(error).__name__ == "KilledWorker"


def _dask_threads(executor: Any) -> int | None:
    """How many threads the workers of a Dask cluster have; None of any other executor."""
    client = getattr(executor, "_client", None)
    if client is None or not hasattr(client, "nthreads"):
        return None
    try:
        return sum(client.nthreads().values())
    except OSError:
        return 0  # the scheduler is gone, or out of reach


@contextmanager
def dask_executor(address: str) -> Iterator[Executor]:
    """Give the executor of the Dask cluster at `address`.

    Raises
    ------
    EngineError
        If Dask is not installed.
    ArgumentError
        If no scheduler answers there.
    """
    try:
        distributed = importlib.import_module("distributed")
    except ImportError:
        raise EngineError(
            "a Dask cluster needs distributed; pip install 'domino-sim[dask]'"
        ) from None
    _knock(address)
    try:
        client = distributed.Client(address, timeout="10s", set_as_default=False)
    except (OSError, TimeoutError, ValueError, TypeError) as error:
        raise _nobody(address, error) from None
    try:
        yield client.get_executor()
    finally:
        client.close()


def _knock(address: str) -> None:
    """Refuse an address that nobody answers at; a client of Dask that has failed dies slowly."""
    protocol, _, rest = address.rpartition("://")
    if protocol not in ("", "tcp", "tls"):
        return
    host, _, port = rest.rpartition(":")
    if not port.isdecimal():
        raise _nobody(address, ValueError("it names no port"))
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()
    except (OSError, ValueError, OverflowError) as error:
        raise _nobody(address, error) from None


def _nobody(address: str, error: Exception) -> ArgumentError:
    told = (str(error) or type(error).__name__).splitlines()[0][:80]
    return ArgumentError(
        f"no Dask scheduler answers at {address!r} ({told})",
        where="--dask",
        expected="an address such as tcp://127.0.0.1:8786",
    )
