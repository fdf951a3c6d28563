"""The benchmarks run and their reports are complete; how fast anything is, is not asserted."""

from __future__ import annotations

import json
import math
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from benchmarks import case, large, sweeps
from benchmarks.__main__ import TOPICS, main
from benchmarks.euler_loop import euler, euler_batch
from benchmarks.measure import Row, Target, own_process, speedup
from benchmarks.report import table
from domino_sim import sweep

KEYS = {"name", "median", "min", "max", "unit", "ratio", "target", "met", "note"}


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    path = tmp_path_factory.mktemp("benchmarks") / "rows.json"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(large, "own_process", one_of_each)
        patch.setattr(sweeps, "_sweep", one_command)
        main(["--quick", "--json", str(path)])
    return json.loads(path.read_text("utf-8"))


def one_of_each(given):
    """Cases of `clock` in a process of their own; those of `events`, which are two, here."""
    return own_process(given) if given["engine"] == "clock" else case.main(given)


whole_command = sweeps._sweep


def one_command(engine, curves, gate, rows, columns, workers):
    """The sweep of the clock as a command; those of events, with one worker and two, here."""
    if engine == "auto":
        return whole_command(engine, curves, gate, rows, columns, workers)
    begun = time.perf_counter()
    axes = {"pool.wasted": {"low": 1e-4, "high": 1.0, "n": rows * columns}}
    with ThreadPoolExecutor(1) as here:
        sweep("two-pairs", axes, here, engine=engine, curves=curves)
    return time.perf_counter() - begun, 0.0


@pytest.mark.parametrize("topic", TOPICS)
def test_every_topic_gives_complete_rows(measured, topic):
    rows = measured[topic]
    assert rows
    assert len({row["name"] for row in rows}) == len(rows)
    for row in rows:
        assert set(row) == KEYS
        assert math.isfinite(row["median"]), row["note"]
        assert row["min"] <= row["median"] <= row["max"]
        assert (row["target"] is None) == (row["met"] is None)


def test_every_topic_states_a_target(measured):
    for topic, rows in measured.items():
        assert any(row["target"] for row in rows), topic


def test_an_unknown_topic_is_refused_with_the_known_ones(capsys):
    with pytest.raises(SystemExit) as refused:
        main(["speed"])
    assert refused.value.code == 2
    assert "clock_large" in capsys.readouterr().err


def test_a_case_that_fails_says_why():
    found = own_process({"scenario": {"skills": {}}, "engine": "clock", "repetitions": 1})
    assert "no skills" in found["failed"]


def test_the_batch_baseline_is_the_single_baseline_for_every_run():
    rng = np.random.default_rng(1)
    p, eta, n0 = rng.random((3, 4)), np.array([0.01, 0.02, 0.03]), np.array([0.0, 0.1, 0.2])
    whole = euler_batch(p, eta, n0, 100, 10)
    for k in range(3):
        np.testing.assert_allclose(whole[:, k], euler(p[k], eta[k], n0[k], 100)[::10], atol=1e-12)


def test_a_speedup_is_the_median_over_rounds_so_one_slow_moment_does_not_count():
    assert speedup((2.0, 20.0, 2.0), (1.0, 1.0, 1.0)) == 2.0


def test_a_row_says_ok_or_short():
    met = Row("fast", (1.0, 3.0), "s", ratio=12.0, target=Target("≥", 10, "×"))
    short = Row("big", (5e-4,), "s", target=Target("≤", 1e-4, "s"))
    text = table([met, short])
    assert met.met is True and short.met is False
    assert "| 12 ×" in text and "| ok " in text and "| short " in text and "500 µs" in text
