"""Sweeps on real processes: killed, interrupted."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sweep_cases import command

from domino_sim.sweeps import sweeping
from domino_sim.sweeps.executors import Here
from domino_sim.sweeps.swept import Sweep
from validation.studies.sweeps import children, done, kill_study

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")


def test_killed_coordinators_and_workers_change_nothing(tmp_path: Path) -> None:
    how = {"engine": "clock", "gate": "soft"}
    found = kill_study(tmp_path, kills=2, seed=1, rows=10, columns=20, longest=1.0, **how)
    assert found.coordinators + found.workers  # which of them, chance decides
    assert found.equal and not found.lost and found.points == 200


def test_ctrl_c_and_kill_leave_no_workers_behind(tmp_path: Path) -> None:
    store = tmp_path / "s.sqlite"
    started = [
        sys.executable, "-m", "domino_sim", "sweep", "two-pairs", "--out", str(store), "--resume",
        "--workers", "1", "--engine", "events", "--set", "gate={}", "--set", "record={points=2}",
        "--set", 'sweep.axes={"pool.wasted"={low=1e-4, high=1.0, n=5000}}',
    ]  # fmt: skip
    for number, code in ((signal.SIGINT, 130), (signal.SIGKILL, -9)):
        before = done(store)
        process = subprocess.Popen(started, stderr=subprocess.PIPE, text=True)
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
    for asked, given in (([sys.executable, str(script)], None), ([sys.executable, "-"], text)):
        (tmp_path / "s").unlink(missing_ok=True)
        done = subprocess.run(asked, input=given, capture_output=True, text=True, timeout=60)
        assert done.returncode == 1
        told = done.stderr.strip().splitlines()[-1]
        assert "RunError: worker processes cannot start" in told
        assert 'below `if __name__ == "__main__":`' in told
        assert Sweep.open(tmp_path / "s").counts == {"done": 0, "failed": 0, "pending": 2}


def test_a_disk_that_is_full_keeps_what_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import resource

    # It is the coordinator that writes, which is this process: workers would add nothing.
    monkeypatch.setattr(sweeping, "Processes", lambda count: Here())
    store = tmp_path / "s.sqlite"
    axes = 'sweep.axes={"pool.wasted"={low=1e-3, high=1.0, n=1500}}'
    given = ["--set", axes, "--set", 'gate={kind="hard"}', "--set", "record={points=2}"]
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    tables = []
    for path, limit in ((tmp_path / "calm.sqlite", None), (store, 200 * 1024), (store, None)):
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, old[1]))
        try:
            out = ("--out", str(path), "--resume", "--csv", "-")
            code, told, wrong = command(capsys, "two-pairs", *given, *out)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, old)
        assert code == (0 if limit is None else 1)
        if limit is not None:
            assert "cannot be written" in wrong and "--resume goes on" in wrong
            assert 0 < done(store) < 1500
        tables.append(told.partition("point,")[2])
    assert tables[0] == tables[2] and len(tables[0].splitlines()) == 1501
