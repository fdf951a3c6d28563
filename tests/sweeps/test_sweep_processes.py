"""Sweeps on real processes: killed, interrupted, on a Dask cluster."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sweep_cases import HARD

from domino_sim import sweep
from domino_sim.errors import EngineError
from domino_sim.sweeps.executors import dask_executor
from domino_sim.sweeps.swept import Sweep
from validation.sweeps import _children, _done, kill_study

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")

AXES = {
    "pool.wasted": {"low": 1e-3, "high": 1.0, "n": 10, "spacing": "log"},
    "skills.T2.frequency": {"low": 0.1, "high": 2.0, "n": 10},
}


def test_killed_coordinators_and_workers_change_nothing(tmp_path: Path) -> None:
    found = kill_study(tmp_path, kills=3, seed=1, rows=10, columns=25, longest=1.2)
    assert found.coordinators + found.workers  # which of them, chance decides
    assert found.equal and not found.lost and found.points == 250


def test_ctrl_c_and_kill_leave_no_workers_behind(tmp_path: Path) -> None:
    store = tmp_path / "s.sqlite"
    command = [
        sys.executable, "-m", "domino_sim", "sweep", "two-pairs", "--out", str(store), "--resume",
        "--workers", "1", "--engine", "events", "--set", "gate={}", "--set", "record={points=2}",
        "--set", 'sweep.axes={"pool.wasted"={low=1e-4, high=1.0, n=5000}}',
    ]  # fmt: skip
    for number, code in ((signal.SIGINT, 130), (signal.SIGKILL, -9)):
        before = _done(store)
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        until = time.monotonic() + 20
        while _done(store) < before + 10 and time.monotonic() < until:
            time.sleep(0.05)
        workers = _children(process.pid)
        process.send_signal(number)
        _, told = process.communicate(timeout=20)
        assert process.returncode == code and workers
        if number == signal.SIGINT:
            count = _done(store)
            assert told == (
                f"{count:,} of 5,000 points are in {store}; the same command with --resume goes "
                "on\ninterrupted\n"
            )
        until = time.monotonic() + 5
        while any(_alive(pid) for pid in workers) and time.monotonic() < until:
            time.sleep(0.05)
        assert not any(_alive(pid) for pid in workers)
        assert _done(store) >= before + 10


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_dask_cluster_of_two_workers_gives_the_same_rows(tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    whole = sweep(HARD, {"axes": AXES, "engine": "events"}, workers=1).to_frame()
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(**options) as cluster:
        with distributed.Client(cluster, set_as_default=False) as client:
            found = sweep(
                HARD, {"axes": AXES, "engine": "events"}, executor=client.get_executor(),
                store=tmp_path / "dask.sqlite",
            )  # fmt: skip
            ran = {w for w, tasks in client.has_what().items()} or client.nthreads()
        assert len(ran) == 2
        with dask_executor(cluster.scheduler_address) as executor:
            again = sweep(HARD, {"axes": AXES, "engine": "events"}, executor=executor)
    assert found.to_frame().equals(whole) and again.to_frame().equals(whole)
    assert isinstance(found, Sweep)


def test_without_dask_its_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with (
        pytest.raises(EngineError, match=r"pip install 'domino-sim\[dask\]'"),
        dask_executor("tcp://127.0.0.1:1"),
    ):
        pass
