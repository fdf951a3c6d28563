"""Resuming: a store takes no rows of another sweep, and its own to the last digit."""

from __future__ import annotations

import sqlite3
from concurrent.futures import Future
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from sweep_cases import HARD, RUN

from domino_sim import sweep
from domino_sim.errors import FileError
from domino_sim.sweeps import opening
from domino_sim.sweeps.opening import is_store
from domino_sim.sweeps.store import Store
from domino_sim.sweeps.swept import Sweep

AXES = {"pool.wasted": {"low": 1e-3, "high": 1.0, "n": 12}, "skills.T2.frequency": [0.1, 1.0]}


class Here:
    """An executor that does its work at once, in this process."""

    _max_workers = 4

    def submit(self, function, task):  # type: ignore[no-untyped-def]
        future: Future[object] = Future()
        future.set_result(function(task))
        return future


def change(store: Path, statement: str) -> None:
    with closing(sqlite3.connect(store)) as db, db:
        db.execute(statement)


def refused(scenario, axes, store: Path) -> str:  # type: ignore[no-untyped-def]
    with pytest.raises(FileError) as error:
        sweep(scenario, axes, store=store, resume=True)
    return str(error.value)


def test_axes_in_another_order_are_another_sweep(tmp_path: Path) -> None:
    store, values = tmp_path / "s.sqlite", [0.1, 1.0]
    sweep(HARD, {"skills.T2.frequency": values, "skills.T4.frequency": values}, store=store).close()
    change(store, "DELETE FROM points WHERE number >= 2")
    told = refused(
        HARD, {"skills.T4.frequency": values, "skills.T2.frequency": values}, store
    )
    assert "sweep.axes: the order is skills.T2.frequency, skills.T4.frequency there, sk" in told


def test_skills_in_another_order_are_another_sweep(tmp_path: Path) -> None:
    store = tmp_path / "s.sqlite"
    one = {"steps": 900, "skills": {"A": {}, "B": {}}}
    axes = {"frequencies": [{"law": "power", "exponent": 2.0}], "mastery": [0.5, 0.9]}
    sweep(one, axes, store=store).close()
    other = {**one, "skills": {"B": {}, "A": {}}}
    assert "skills: the order is A, B there, B, A here" in refused(other, axes, store)


def test_skills_of_an_axis_in_another_order_are_another_sweep(tmp_path: Path) -> None:
    store = tmp_path / "s.sqlite"
    one = {"steps": 900, "skills": {"X": {}}}
    sweep(one, {"skills": [{"A": {}, "B": {}}]}, store=store).close()
    told = refused(one, {"skills": [{"B": {}, "A": {}}]}, store)
    assert "the axes and their values" in told


def test_skills_of_a_graph_file_in_another_order_are_another_sweep(tmp_path: Path) -> None:
    file, store = tmp_path / "g.toml", tmp_path / "s.sqlite"
    scenario, axes = {"graph": str(file), "steps": 900}, {"mastery": [0.5, 0.6]}
    file.write_text("[skills]\nA = {}\nB = {}\n")
    sweep(scenario, axes, store=store).close()
    file.write_text("[skills]\nB = {}\nA = {}\n")
    assert "the content of the graph or matrix it names" in refused(scenario, axes, store)


def test_a_row_of_another_point_is_seen(tmp_path: Path) -> None:
    store = tmp_path / "s.sqlite"
    sweep(HARD, {"mastery": [0.5, 0.9]}, store=store).close()
    change(store, """UPDATE points SET parameters = '{"mastery": 0.7}' WHERE number = 1""")
    told = refused(HARD, {"mastery": [0.5, 0.9]}, store)
    assert 'point 1 is {"mastery": 0.7} there, {"mastery": 0.9} here' in told


def test_a_graph_file_on_an_axis_that_has_changed_is_another_sweep(tmp_path: Path) -> None:
    file, store = tmp_path / "g.toml", tmp_path / "s.sqlite"
    file.write_text("[skills]\nA = {}\nB = { requires = 'A' }\n")
    axes = {"graph": ["two-pairs", str(file)], "mastery": [0.5, 0.6]}
    scenario = {"graph": "two-pairs", "steps": 900}
    sweep(scenario, axes, store=store).close()
    sweep(scenario, axes, store=store, resume=True).close()
    file.write_text("[skills]\nA = {}\nB = {}\n")
    assert "the content of the graph or matrix it names" in refused(scenario, axes, store)


@pytest.mark.parametrize("gate", ["soft", "hard"])
def test_rows_that_are_done_again_are_the_same_to_the_last_digit(
    tmp_path: Path, gate: str
) -> None:
    store = tmp_path / "s.sqlite"
    how = {"kind": "soft", "exponent": 1e-3} if gate == "soft" else {"kind": "hard"}
    scenario = {**HARD, "gate": how, "record": {"points": 20}}
    axes = {
        "pool.wasted": {"low": 1e-4, "high": 1e-2, "n": 30, "spacing": "log"},
        "skills.T2.frequency": {"low": 0.05, "high": 1.0, "n": 5},
    }
    found = sweep(scenario, axes, store=store, curves="levels", executor=Here())  # type: ignore[arg-type]
    whole, curves = found.to_frame().to_csv(), found.to_xarray().level
    found.close()
    change(store, "DELETE FROM points WHERE number % 7 = 3")
    change(store, "UPDATE points SET status = 'failed' WHERE number % 11 = 5")
    change(store, "DELETE FROM curves WHERE number % 7 = 3")
    found = sweep(
        scenario, axes, store=store, curves="levels", resume=True, retry_failed=True,
        executor=Here(),  # type: ignore[arg-type]
    )  # fmt: skip
    assert found.to_frame().to_csv() == whole
    assert np.array_equal(found.to_xarray().level, curves, equal_nan=True)


def test_gradient_runs_that_are_done_again_are_the_same_to_the_last_digit(tmp_path: Path) -> None:
    store = tmp_path / "s.sqlite"
    axes = {"axes": {"skills.A.frequency": [1.0, 0.7]}, "seeds": 4}
    found = sweep(RUN, axes, store=store, executor=Here())  # type: ignore[arg-type]
    whole = found.to_frame().to_csv()
    found.close()
    change(store, "DELETE FROM points WHERE number % 5 = 2")
    found = sweep(RUN, axes, store=store, resume=True, executor=Here())  # type: ignore[arg-type]
    assert found.to_frame().to_csv() == whole


@pytest.mark.parametrize("when", ["before", "within", "after"])
def test_ctrl_c_while_rows_are_written_loses_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    store, original, calls, handed = tmp_path / "s.sqlite", Store.write, [0], [0]

    class Counting(Here):
        def submit(self, function, task):  # type: ignore[no-untyped-def]
            handed[0] += len(task.points)
            return super().submit(function, task)

    def write(self, rows) -> None:  # type: ignore[no-untyped-def]
        calls[0] += 1
        if calls[0] > 1:
            original(self, rows)
            return
        if when == "after":
            original(self, rows)
        elif when == "within":  # labels are given out, and rolled back

            def broken(self, row):  # type: ignore[no-untyped-def]
                found(self, row)
                raise KeyboardInterrupt

            found = Store._point
            monkeypatch.setattr(Store, "_point", broken)
            try:
                original(self, rows)
            finally:
                monkeypatch.setattr(Store, "_point", found)
        raise KeyboardInterrupt

    monkeypatch.setattr(Store, "write", write)
    with pytest.raises(KeyboardInterrupt):
        sweep(HARD, AXES, engine="events", executor=Counting(), store=store)  # type: ignore[arg-type]
    monkeypatch.undo()
    found = Sweep.open(store)
    assert found.counts["done"] == handed[0] > 1
    assert {tuple(row["skills"]) for row in found.rows()} == {tuple(f"T{i}" for i in range(1, 8))}


def test_what_waits_is_taken_back_from_an_executor_of_the_caller() -> None:
    waiting: list[Future[object]] = []

    class Slow:
        _max_workers = 4

        def submit(self, function, task):  # type: ignore[no-untyped-def]
            if len(waiting) == 3:
                raise KeyboardInterrupt
            waiting.append(Future())
            return waiting[-1]

    with pytest.raises(KeyboardInterrupt):
        sweep(HARD, AXES, engine="events", executor=Slow())  # type: ignore[arg-type]
    assert len(waiting) == 3 and all(future.cancelled() for future in waiting)


def test_a_store_by_two_names_has_one_writer(tmp_path: Path) -> None:
    store, link = tmp_path / "s.sqlite", tmp_path / "link.sqlite"
    sweep(HARD, {"mastery": [0.5]}, store=store).close()
    link.symlink_to(store)
    writing = Store(store, writable=True)
    for path, resume in ((link, True), (store, False)):
        with pytest.raises(FileError, match="another sweep is writing into it"):
            sweep(HARD, {"mastery": [0.5]}, store=path, resume=resume)
    writing.close()
    assert {p.name for p in tmp_path.iterdir()} == {"s.sqlite", "link.sqlite"}


def test_a_damaged_store_is_told_from_a_scenario(tmp_path: Path) -> None:
    store, axes = tmp_path / "s.sqlite", {"pool.wasted": {"low": 0.001, "high": 1.0, "n": 400}}
    sweep(HARD, axes, store=store, executor=Here()).close()  # type: ignore[arg-type]
    data = store.read_bytes()
    for length in (100, 4096, 8192):
        store.write_bytes(data[:length])
        assert is_store(store)
        with pytest.raises(FileError, match="malformed; expected a store that is whole"):
            Sweep.open(store)
    middle = len(data) // 8192 * 4096
    store.write_bytes(data[:middle] + b"\xff" * 8192 + data[middle + 8192 :])
    with Sweep.open(store) as found, pytest.raises(FileError, match="cannot be read: database"):
        found.to_frame()
    with Sweep.open(store) as found, pytest.raises(FileError, match="cannot be read: database"):
        found.to_xarray()


def test_a_store_where_nothing_can_be_written_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = tmp_path / "s.sqlite"
    sweep(HARD, {"mastery": [0.5]}, store=store).close()
    real, asked = sqlite3.connect, []

    def connect(address, **options):  # type: ignore[no-untyped-def]
        asked.append(address.rpartition("?")[2])
        if "immutable" not in address:
            error = sqlite3.OperationalError("unable to open database file")
            error.sqlite_errorcode = sqlite3.SQLITE_CANTOPEN
            raise error
        return real(address, **options)

    monkeypatch.setattr(opening.sqlite3, "connect", connect)
    assert is_store(store)
    with Sweep.open(store) as found:
        assert found.counts["done"] == 1
    assert asked[:3] == ["mode=rw", "mode=ro", "mode=ro&immutable=1"]


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "s.sqlite.lock").mkdir()
    with pytest.raises(FileError, match="cannot be written: unable to open database file"):
        sweep(HARD, {"mastery": [0.5]}, store=tmp_path / "s.sqlite")
