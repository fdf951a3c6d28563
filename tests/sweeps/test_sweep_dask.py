"""Sweeps on a Dask cluster: its rows, its workers that die, and a cluster that is not there."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sweep_cases import HARD
from test_sweep_resume import Here

from domino_sim import sweep
from domino_sim.errors import ArgumentError, EngineError, RunError
from domino_sim.sweeps import blocks, coordinator, executors
from domino_sim.sweeps.executors import dask_executor

AXES = {
    "pool.wasted": {"low": 1e-3, "high": 1.0, "n": 5, "spacing": "log"},
    "skills.T2.frequency": {"low": 0.1, "high": 2.0, "n": 5},
}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two workers. A task that kills one is not tried again, and that one is always replaced.

    By default the cluster gives up a worker that is not there 15 s after one of its place has died,
    so on a busy machine it would soon have none.
    """
    distributed, dask = pytest.importorskip("distributed"), pytest.importorskip("dask")
    settings = {
        "distributed.scheduler.allowed-failures": 0,
        "distributed.deploy.lost-worker-timeout": "1h",
    }
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    # A worker that is lost is news to the log, not to these tests.
    options["silence_logs"] = logging.CRITICAL
    with dask.config.set(settings), distributed.LocalCluster(**options) as made:
        yield made


def test_a_dask_cluster_of_two_workers_gives_the_same_rows(cluster: Any, tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    axes = {"axes": AXES, "engine": "events"}
    whole = sweep(HARD, axes, executor=Here()).to_frame()  # type: ignore[arg-type]
    noted = str(tmp_path)

    # Functions within others are sent to workers as they are; those of a test have no module there.
    def noting(function, task):  # type: ignore[no-untyped-def]
        import os
        import pathlib

        pathlib.Path(noted, f"{os.getpid()}.pid").touch()
        return function(task)

    class Noting:
        _max_workers = 2

        def submit(self, function, *args):  # type: ignore[no-untyped-def]
            return inner.submit(noting, function, *args)

    with distributed.Client(cluster, set_as_default=False) as client:
        inner = client.get_executor()
        found = sweep(HARD, axes, executor=Noting(), store=tmp_path / "dask.sqlite")  # type: ignore[arg-type]
        pids = client.run(os.getpid).values()
    with dask_executor(cluster.scheduler_address) as executor:
        again = sweep(HARD, axes, executor=executor)
    assert {path.stem for path in tmp_path.glob("*.pid")} == set(map(str, pids))
    assert found.to_frame().equals(whole) and again.to_frame().equals(whole)


def test_a_point_that_kills_workers_of_dask_fails_alone(cluster: Any) -> None:
    distributed = pytest.importorskip("distributed")

    def deadly(function, task):  # type: ignore[no-untyped-def]
        import os

        if any(point.number == 1 for point in task.points):
            os._exit(1)
        return function(task)

    class Deadly:
        _max_workers = 2

        def submit(self, function, *args):  # type: ignore[no-untyped-def]
            return inner.submit(deadly, function, *args)

    with distributed.Client(cluster, set_as_default=False) as client:
        inner = client.get_executor()
        found = sweep(HARD, {"pool.wasted": [1e-3, 0.1, 1.0]}, executor=Deadly())  # type: ignore[arg-type]
    assert found.counts == {"done": 2, "failed": 1, "pending": 0}
    assert found.failures[0]["number"] == 1


class KilledWorker(Exception):  # noqa: N818
    """Named as that of Dask."""


class OneWorker:
    """A worker that has what it was handed until it does it all, or dies of a point, at once."""

    _max_workers = 1

    def __init__(self, deadly: int) -> None:
        self.deadly, self.handed, self.deaths = deadly, [], 0

    def submit(self, function, task):  # type: ignore[no-untyped-def]
        future: Future[object] = Future()
        self.handed.append((future, function, task))
        if len(self.handed) == 1:
            threading.Timer(0.02, self.work).start()
        return future

    def work(self) -> None:
        """Solve what is there, or tell of all of it that the worker died."""
        all_of_it, self.handed = self.handed, []
        numbers = [point.number for _, _, task in all_of_it for point in task.points]
        self.deaths += self.deadly in numbers
        for future, function, task in all_of_it:
            if self.deadly in numbers:
                future.set_exception(KilledWorker())
            else:
                future.set_result(function(task))


@pytest.mark.parametrize("longest", [1, 64])
def test_a_point_beside_one_that_kills_its_worker_is_not_blamed(
    longest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it is in the same task or in one that the worker was given too."""
    monkeypatch.setattr(blocks, "MOST_ALONE", longest)
    worker = OneWorker(deadly=7)
    wasted = {"low": 1e-3, "high": 1.0, "n": 10}
    axes = {"axes": {"pool.wasted": wasted}, "engine": "events"}
    found = sweep(HARD, axes, executor=worker)  # type: ignore[arg-type]
    assert [row["number"] for row in found.failures] == [7]
    assert found.counts == {"done": 9, "failed": 1, "pending": 0} and worker.deaths > 1


@pytest.mark.parametrize("after", [1, 0])
def test_a_cluster_that_has_lost_its_workers_is_given_up_and_one_that_has_none_yet_waited_for(
    after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coordinator, "QUIET", 0.01)
    monkeypatch.setattr(executors, "LOST", 0.05)
    asked = []

    class Cluster:
        def __init__(self) -> None:
            self._client = SimpleNamespace(nthreads=self.nthreads)
            self.futures: list[tuple[Any, ...]] = []

        def nthreads(self) -> dict[str, int]:
            asked.append(1)
            if len(asked) == 20:  # workers come
                for future, function, task in self.futures:
                    future.set_result(function(task))
            return {"there": 1} if len(asked) <= after else {}

        def submit(self, function, task):  # type: ignore[no-untyped-def]
            self.futures.append((Future(), function, task))
            return self.futures[-1][0]

    if after:
        with pytest.raises(RunError, match=r"the Dask cluster has had no workers for 0\.05 s"):
            sweep(HARD, {"mastery": [0.5]}, engine="events", executor=Cluster())  # type: ignore[arg-type]
        assert len(asked) < 20
    else:
        found = sweep(HARD, {"mastery": [0.5]}, engine="events", executor=Cluster())  # type: ignore[arg-type]
        assert found.counts["done"] == 1 and len(asked) == 20


def test_a_cluster_is_given_up_only_when_it_was_without_workers_all_the_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now, threads = [0.0], [1]
    monkeypatch.setattr(executors, "monotonic", lambda: now[0])
    client = SimpleNamespace(nthreads=lambda: {"there": threads[0]})
    workers = executors.Given(SimpleNamespace(_client=client))  # type: ignore[arg-type]
    now[0], threads[0] = 1000.0, 0
    workers.check(since=995.0)  # first seen without them, however long ago it was asked before
    now[0] = 1200.0
    workers.check(since=1195.0)  # they were there in between: something was finished
    now[0] = 1450.0
    workers.check(since=1195.0)
    now[0] = 1501.0
    with pytest.raises(RunError, match="has had no workers for 300 s"):
        workers.check(since=1195.0)


@pytest.mark.parametrize("address", ["foo", "tcp://127.0.0.1:9", "127.0.0.1:99999999"])
def test_an_address_where_nobody_answers_is_refused_at_once(address: str) -> None:
    pytest.importorskip("distributed")
    begun = time.monotonic()
    with pytest.raises(ArgumentError, match="no Dask scheduler answers"), dask_executor(address):
        pass
    assert time.monotonic() - begun < 5


def test_without_dask_its_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with (
        pytest.raises(EngineError, match=r"pip install 'domino-sim\[dask\]'"),
        dask_executor("tcp://127.0.0.1:1"),
    ):
        pass


def test_a_task_that_is_cancelled_is_said_to_be() -> None:
    class Closed:
        def submit(self, function: Any, task: Any) -> Future[Any]:
            future: Future[Any] = Future()
            future.cancel()
            future.set_running_or_notify_cancel()  # as Dask's client does
            return future

    with pytest.raises(RunError, match=r"has cancelled a task.*what is done is kept"):
        sweep(HARD, {"mastery": [0.5]}, engine="events", executor=Closed())  # type: ignore[arg-type]
