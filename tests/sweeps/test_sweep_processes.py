"""Sweeps on real processes: killed, interrupted, on a Dask cluster."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sweep_cases import HARD

from domino_sim import sweep
from domino_sim.errors import ArgumentError, EngineError
from domino_sim.sweeps.executors import dask_executor
from domino_sim.sweeps.swept import Sweep
from validation.studies.sweeps import children, done, kill_study

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")

AXES = {
    "pool.wasted": {"low": 1e-3, "high": 1.0, "n": 5, "spacing": "log"},
    "skills.T2.frequency": {"low": 0.1, "high": 2.0, "n": 5},
}


def test_killed_coordinators_and_workers_change_nothing(tmp_path: Path) -> None:
    how = {"engine": "clock", "gate": "soft"}
    found = kill_study(tmp_path, kills=2, seed=1, rows=10, columns=20, longest=1.0, **how)
    assert found.coordinators + found.workers  # which of them, chance decides
    assert found.equal and not found.lost and found.points == 200


def test_ctrl_c_and_kill_leave_no_workers_behind(tmp_path: Path) -> None:
    store = tmp_path / "s.sqlite"
    command = [
        sys.executable, "-m", "domino_sim", "sweep", "two-pairs", "--out", str(store), "--resume",
        "--workers", "1", "--engine", "events", "--set", "gate={}", "--set", "record={points=2}",
        "--set", 'sweep.axes={"pool.wasted"={low=1e-4, high=1.0, n=5000}}',
    ]  # fmt: skip
    for number, code in ((signal.SIGINT, 130), (signal.SIGKILL, -9)):
        before = done(store)
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        until = time.monotonic() + 20
        while done(store) < before + 10 and time.monotonic() < until:
            time.sleep(0.2)
        workers = children(process.pid)
        process.send_signal(number)
        _, told = process.communicate(timeout=20)
        assert process.returncode == code and workers
        if number == signal.SIGINT:
            count = done(store)
            assert told == (
                f"{count:,} of 5,000 points are in {store}; the same command with --resume goes "
                "on\ninterrupted\n"
            )
        until = time.monotonic() + 5
        while any(_alive(pid) for pid in workers) and time.monotonic() < until:
            time.sleep(0.05)
        assert not any(_alive(pid) for pid in workers)
        assert done(store) >= before + 10


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_script_without_its_guard_is_told_so(tmp_path: Path) -> None:
    script, text = tmp_path / "script.py", "from domino_sim import sweep\n"
    text += "sweep('fig17-1', {'mastery': [0.5, 0.6]}, engine='events', "
    text += f"workers=1, store={str(tmp_path / 's')!r})"
    script.write_text(text)
    for command, given in (([sys.executable, str(script)], None), ([sys.executable, "-"], text)):
        (tmp_path / "s").unlink(missing_ok=True)
        done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=60)
        assert done.returncode == 1
        told = done.stderr.strip().splitlines()[-1]
        assert "RunError: worker processes cannot start" in told
        assert 'below `if __name__ == "__main__":`' in told
        assert Sweep.open(tmp_path / "s").counts == {"done": 0, "failed": 0, "pending": 2}


def test_a_disk_that_is_full_keeps_what_is_there(tmp_path: Path) -> None:
    import resource

    store = tmp_path / "s.sqlite"
    axes = 'sweep.axes={"pool.wasted"={low=1e-3, high=1.0, n=1500}}'
    given = ["--set", axes, "--set", 'gate={kind="hard"}', "--set", "record={points=2}"]
    command = [sys.executable, "-m", "domino_sim", "sweep", "two-pairs", *given, "--workers", "1"]

    def small() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (200 * 1024, 200 * 1024))

    tables = []
    for path, limit in ((tmp_path / "calm.sqlite", None), (store, small), (store, None)):
        again = [*command, "--out", str(path), "--resume", "--csv", "-"]
        run = subprocess.run(again, capture_output=True, text=True, preexec_fn=limit)
        assert run.returncode == (0 if limit is None else 1)
        if limit is not None:
            assert "cannot be written" in run.stderr and "--resume goes on" in run.stderr
            assert 0 < done(store) < 1500
        tables.append(run.stdout.partition("point,")[2])
    assert tables[0] == tables[2] and len(tables[0].splitlines()) == 1501


def test_a_dask_cluster_of_two_workers_gives_the_same_rows(tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    axes = {"axes": AXES, "engine": "events"}
    whole = sweep(HARD, axes, workers=1).to_frame()
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
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

    with distributed.LocalCluster(**options) as cluster:
        with distributed.Client(cluster, set_as_default=False) as client:
            inner = client.get_executor()
            found = sweep(HARD, axes, executor=Noting(), store=tmp_path / "dask.sqlite")  # type: ignore[arg-type]
            pids = client.run(os.getpid).values()
        with dask_executor(cluster.scheduler_address) as executor:
            again = sweep(HARD, axes, executor=executor)
    assert {path.stem for path in tmp_path.glob("*.pid")} == set(map(str, pids))
    assert found.to_frame().equals(whole) and again.to_frame().equals(whole)


def test_a_point_that_kills_workers_of_dask_fails_alone() -> None:
    distributed, dask = pytest.importorskip("distributed"), pytest.importorskip("dask")

    def deadly(function, task):  # type: ignore[no-untyped-def]
        import os

        if any(point.number == 7 for point in task.points):
            os._exit(1)
        return function(task)

    class Deadly:
        _max_workers = 1

        def submit(self, function, *args):  # type: ignore[no-untyped-def]
            return inner.submit(deadly, function, *args)

    options = {"n_workers": 1, "threads_per_worker": 1, "dashboard_address": None}
    # A worker that is lost is news to the log, not to this test.
    options["silence_logs"] = logging.CRITICAL
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        distributed.LocalCluster(**options) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        inner = client.get_executor()
        wasted = {"low": 1e-3, "high": 1.0, "n": 10}
        found = sweep(HARD, {"pool.wasted": wasted}, executor=Deadly())  # type: ignore[arg-type]
    assert found.counts == {"done": 9, "failed": 1, "pending": 0}
    assert found.failures[0]["number"] == 7


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
