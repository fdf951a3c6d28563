"""The store: nothing that is finished is lost, and nothing else is taken for it."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from concurrent.futures import BrokenExecutor, Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from sweep_cases import HARD

import domino_sim
from domino_sim import sweep
from domino_sim.errors import FileError, RunError
from domino_sim.sweeps.blocks import Blocks
from domino_sim.sweeps.checking import make_plan
from domino_sim.sweeps.coordinator import coordinate
from domino_sim.sweeps.plan import table_of
from domino_sim.sweeps.store import Store
from domino_sim.sweeps.subject import load_subject
from domino_sim.sweeps.swept import Sweep
from domino_sim.sweeps.worker import solve

AXES = {"pool.wasted": {"low": 1e-3, "high": 1.0, "n": 12}, "skills.T2.frequency": [0.1, 1.0]}


def table(found):
    return found.to_frame().to_csv()


def test_a_finished_store_is_read_and_never_run_over(tmp_path: Path) -> None:
    store = tmp_path / "s.sqlite"
    found = table(sweep(HARD, AXES, store=store))
    with pytest.raises(FileError, match=r"is there already, with 24 of 24 points; exp.* --resume"):
        sweep(HARD, AXES, store=store)
    assert table(sweep(HARD, AXES, store=store, resume=True)) == found
    assert table(Sweep.open(store)) == found
    assert {p.name for p in tmp_path.iterdir()} <= {"s.sqlite", "s.sqlite-wal", "s.sqlite-shm"}


def test_an_interrupted_sweep_goes_on_to_the_same_table(tmp_path: Path) -> None:
    class Interrupting:
        """Ctrl-C after a few tasks, some of them finished but not yet taken."""

        def __init__(self) -> None:
            self.tasks = 0

        def submit(self, function, task):  # type: ignore[no-untyped-def]
            self.tasks += 1
            if self.tasks == 6:
                raise KeyboardInterrupt
            future: Future[object] = Future()
            future.set_result(function(task))
            return future

    store = tmp_path / "s.sqlite"
    whole = table(sweep(HARD, AXES, engine="events", executor=ThreadPoolExecutor(1)))
    for _ in range(20):
        try:
            sweep(
                HARD, AXES, executor=Interrupting(), engine="events",  # type: ignore[arg-type]
                store=store, resume=True,
            )
        except KeyboardInterrupt:
            continue
        break
    assert table(Sweep.open(store)) == whole


@pytest.mark.parametrize(
    ("scenario", "axes", "told"),
    [
        ({**HARD, "steps": 8000}, AXES, "steps: 9000 there, 8000 here"),
        (HARD, {**AXES, "skills.T2.frequency": [0.1, 2.0]},
         'sweep.axes."skills.T2.frequency": [0.1, 1.0] there, [0.1, 2.0] here'),
        (HARD, {"axes": AXES, "seeds": 2}, "sweep.seeds: nothing there, 2 here"),
        (HARD, {"axes": AXES, "engine": "euler"}, "sweep.engine: 'auto' there, 'euler' here"),
        ({**HARD, "mastery": 0.9}, AXES, "mastery: nothing there, 0.9 here"),
    ],
)  # fmt: skip
def test_the_store_of_another_sweep_is_refused_with_the_difference(
    tmp_path: Path, scenario, axes, told
) -> None:
    store = tmp_path / "s.sqlite"
    sweep(HARD, AXES, store=store)
    before = store.read_bytes()
    with pytest.raises(FileError) as error:
        sweep(scenario, axes, store=store, resume=True)
    assert f"is the store of another sweep: {told}" in str(error.value)
    assert store.read_bytes() == before


def test_the_store_of_another_version_is_refused(tmp_path: Path) -> None:
    store = tmp_path / "s.sqlite"
    sweep(HARD, AXES, store=store)
    with sqlite3.connect(store) as db:
        db.execute("UPDATE meta SET value = '0.0.9' WHERE key = 'version'")
    with pytest.raises(FileError) as error:
        sweep(HARD, AXES, store=store, resume=True)
    told = f"the version of the program: 0.0.9 there, {domino_sim.__version__} here"
    assert told in str(error.value)
    assert Sweep.open(store).counts["done"] == 24  # it can still be read
    with sqlite3.connect(store) as db:
        db.execute("UPDATE meta SET value = '7' WHERE key = 'format'")
    with pytest.raises(FileError, match="is a store of form 7"):
        Sweep.open(store)


def test_a_graph_file_that_has_changed_is_another_sweep(tmp_path: Path) -> None:
    file = tmp_path / "g.toml"
    file.write_text("[skills]\nA = {}\nB = { requires = 'A' }\n")
    scenario = {"graph": str(file), "steps": 900}
    store = tmp_path / "s.sqlite"
    sweep(scenario, {"mastery": [0.5]}, store=store)
    file.write_text("[skills]\nA = {}\nB = {}\n")
    with pytest.raises(FileError, match="the content of the graph or matrix it names"):
        sweep(scenario, {"mastery": [0.5]}, store=store, resume=True)


def test_what_is_no_store_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "other.sqlite"
    with sqlite3.connect(other) as db:
        db.execute("CREATE TABLE t (x)")
    text = tmp_path / "notes.txt"
    text.write_text("notes")
    for path in (other, text, tmp_path / "none"):
        with pytest.raises(FileError, match=r"no store of a sweep|no such store"):
            Sweep.open(path)
    for path in (other, text):
        with pytest.raises(FileError):
            sweep(HARD, AXES, store=path, resume=True)
    with pytest.raises(FileError, match="is a folder"):
        sweep(HARD, AXES, store=tmp_path)


def test_two_sweeps_do_not_write_into_one_store(tmp_path: Path) -> None:
    store = tmp_path / "s.sqlite"
    sweep(HARD, AXES, store=store)
    writing = Store(store, writable=True)
    with pytest.raises(FileError, match="another sweep is writing into it"):
        sweep(HARD, AXES, store=store, resume=True)
    assert Sweep.open(store).counts["done"] == 24  # readers are not kept out
    writing.close()
    sweep(HARD, AXES, store=store, resume=True)


def test_a_full_disk_keeps_what_is_there_and_the_rest_resumes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = tmp_path / "s.sqlite"
    axes = {"axes": {**AXES, "mastery": [0.5, 0.6, 0.7, 0.8, 0.9, 0.99]}, "engine": "events"}
    whole = table(sweep(HARD, axes, executor=ThreadPoolExecutor(1)))
    original = Store._open

    def small(self, meta, writable):  # type: ignore[no-untyped-def]
        original(self, meta, writable)
        # SQLite's own limit gives the error that a full disk gives.
        pages = self._db.execute("PRAGMA page_count").fetchone()[0]
        self._db.execute(f"PRAGMA max_page_count = {pages + 1}")

    monkeypatch.setattr(Store, "_open", small)
    with pytest.raises(RunError, match="database or disk is full; what is in it is kept"):
        sweep(HARD, axes, store=store, executor=ThreadPoolExecutor(1))
    monkeypatch.undo()
    assert 0 < Sweep.open(store).counts["done"] < 144
    rest = sweep(HARD, axes, store=store, resume=True, executor=ThreadPoolExecutor(1))
    assert table(rest) == whole


def test_failed_points_are_kept_and_done_again_only_when_asked(tmp_path: Path) -> None:
    file, store = tmp_path / "g.toml", tmp_path / "s.sqlite"
    file.write_text("[skills]\nA = {}\n")
    scenario = {"skills": {"A": {}}, "steps": 900, "record": {"points": 3}}
    axes = {"mastery": [0.5, 0.9], "graph": ["two-pairs"], "skills": [{}]}
    sweep(scenario, axes, store=store)
    with sqlite3.connect(store) as db:
        db.execute("UPDATE points SET status = 'failed', error = 'lightning' WHERE number = 1")
    again = sweep(scenario, axes, store=store, resume=True)
    assert [f["error"] for f in again.failures] == ["lightning"]
    again.close()
    again = sweep(scenario, axes, store=store, resume=True, retry_failed=True)
    assert again.counts == {"done": 2, "failed": 0, "pending": 0}


class Deadly:
    """Workers that die of some points, and break the whole pool, as processes do."""

    window = 3

    def __init__(self, deadly: set[int]) -> None:
        self.deadly, self.broken = deadly, False
        self.pool = ThreadPoolExecutor(1)

    def submit(self, task):  # type: ignore[no-untyped-def]
        if self.broken:
            raise BrokenExecutor("broken already")
        future: Future[list] = Future()
        self.pool.submit(self._work, future, task)
        return future

    def _work(self, future, task) -> None:  # type: ignore[no-untyped-def]
        self.broken |= any(point.number in self.deadly for point in task.points)
        if self.broken:
            future.set_exception(BrokenExecutor("dead"))
        else:
            future.set_result(solve(task))

    def renew(self) -> None:
        self.pool.shutdown(wait=True)
        self.pool, self.broken = ThreadPoolExecutor(1), False

    def close(self, *, at_once: bool) -> None:
        self.pool.shutdown()


@pytest.mark.parametrize("engine", ["events", "clock"])
def test_a_point_that_kills_its_worker_is_found_and_the_others_are_done(engine: str) -> None:
    subject, _ = load_subject(HARD)
    options = {"axes": {**AXES, "mastery": [0.5, 0.6]}, "engine": engine}
    plan = make_plan(subject, table_of(options, None, {}))
    store = Store(None, plan.meta(), writable=True)
    workers = Deadly({5, 30})
    blocks = Blocks(plan, store.pending(plan.points.count, retry=False))
    coordinate(blocks, workers, store, lambda done: None)  # type: ignore[arg-type]
    found = Sweep(store)
    assert found.counts == {"done": 46, "failed": 2, "pending": 0}
    assert {f["number"] for f in found.failures} == {5, 30}
    assert found.failures[0]["error"].startswith("the worker died each time")


def test_a_reader_keeps_its_hold_while_the_same_process_goes_on(tmp_path: Path) -> None:
    store = tmp_path / "s.sqlite"
    reader = sweep(HARD, AXES, store=store)
    # Another process that only opens it: all that it needs.
    code = "import sys; from domino_sim.sweeps.swept import Sweep; "
    code += "from pathlib import Path; Sweep.open(Path(sys.argv[1])).close()"
    for _ in range(2):  # a sweep that ends clears the log, unless somebody reads
        sweep(HARD, AXES, store=store, resume=True).close()
        subprocess.run([sys.executable, "-c", code, str(store)], check=True, capture_output=True)
        assert reader.counts["done"] == 24


def test_a_coordinator_that_died_before_its_first_words_left_nothing(tmp_path: Path) -> None:
    store = tmp_path / "s.sqlite"
    store.touch()
    assert sweep(HARD, AXES, store=store, resume=True).counts["done"] == 24
    empty = tmp_path / "e.sqlite"
    with closing(sqlite3.connect(empty)) as db:
        db.execute("PRAGMA journal_mode = WAL")
    assert sweep(HARD, AXES, store=empty, resume=True).counts["done"] == 24


def test_a_store_is_read_without_the_files_its_scenario_names(tmp_path: Path) -> None:
    file, store = tmp_path / "g.toml", tmp_path / "s.sqlite"
    file.write_text("[skills]\nA = {}\n")
    sweep({"graph": str(file), "steps": 900}, {"mastery": [0.5, 0.6]}, store=store).close()
    file.unlink()
    assert Sweep.open(store).to_xarray().sizes == {"mastery": 2, "skill": 1}
