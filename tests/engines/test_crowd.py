"""Compressed sums over hard-gated skills are the plain sums."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import skill_tables

from domino_sim.engines import crowd
from domino_sim.engines.clocks import grade
from domino_sim.engines.paths import HardPath, Rows, Skills
from domino_sim.engines.system import build_system
from domino_sim.levels import work_from_level
from domino_sim.pool import division
from domino_sim.scenario import Scenario


def path_of(document: dict[str, Any], mastery: float = 0.99, leak: float = 0.0) -> HardPath:
    """The path of a scenario's skills."""
    system = build_system(Scenario.from_dict({"steps": 10, "pool": {}, **document}))
    target = float(work_from_level(mastery, "mse"))
    work, speed = system.start_work[:, None], system.frequency[:, None]
    return HardPath(Skills(system.circuit, work, speed, target, leak, "mse"))


def layered(n: int, law: str = "power", **options: Any) -> HardPath:
    """The path of a layered graph; a uniform law opens whole layers at one instant."""
    graph = {"family": "layered", "n": n, "seed": 1}
    return path_of({"graph": graph, "frequencies": {"law": law}}, **options)


def rows_of(path: HardPath, ratio: float = 1.5) -> Rows:
    """Rows from the start until long after everything is learned."""
    breaks = path.breaks()
    speed = path.skills.speed[path.skills.speed > 0.0]
    last = breaks[np.isfinite(breaks)].max()
    end = np.array([last + 300.0 / speed.min(initial=1.0)])
    edges = grade(breaks, end, path.skills.speed, ratio=ratio)[0]
    start, end = edges[:-1], edges[1:]
    used = end > start
    return Rows(np.zeros(used.sum(), dtype=np.int64), start[used], end[used])


def plain_gains(path: HardPath, tau: np.ndarray) -> np.ndarray:
    start = np.exp(-path.skills.work[:, 0])
    return start @ (1.0 - path.decayed(tau[None], slice(None))[0])


def plain_divisions(path: HardPath, rows: Rows, wasted: float, law: str) -> np.ndarray:
    found = []
    for k in range(0, len(rows.start), 50):
        some = rows.keep(np.arange(k, min(k + 50, len(rows.start))))
        work, pace, _ = path.on(some)
        found.append(division(pace * np.exp(-work), wasted, law))
    return np.concatenate(found)


def check_gains(path: HardPath, tau: np.ndarray) -> None:
    miss = np.abs(crowd.gains(path, tau) - plain_gains(path, tau))
    assert miss.max(initial=0.0) <= 1e-13 * len(path.opened)


def check_divisions(path: HardPath, wasted: float, law: str) -> None:
    rows = rows_of(path)
    exact = plain_divisions(path, rows, wasted, law)
    found = crowd.divisions(path, rows, wasted, law)
    # Squares of demands below 1e-150 are not numbers any more, in either sum.
    scale = np.maximum(exact.max(axis=1, keepdims=True), 1e-140)
    assert (np.abs(found - exact) / scale).max() <= 1e-12


@pytest.mark.parametrize("leak", [0.0, 1e-3, 0.3])
@pytest.mark.parametrize("law", ["power", "uniform"])
def test_gains_of_a_layered_graph_are_the_plain_sum(law: str, leak: float) -> None:
    path = layered(1500, law, leak=leak)
    mastered = path.mastered[:, 0]
    check_gains(path, np.concatenate([mastered[::3], path.opened[::7, 0], [0.0], 3 * mastered[:9]]))


def test_gains_do_not_depend_on_the_order_of_the_times() -> None:
    path = layered(600)
    tau = np.random.default_rng(0).uniform(0.0, 2.0 * path.mastered.max(), 900)
    order = np.argsort(tau)
    assert np.array_equal(crowd.gains(path, tau)[order], crowd.gains(path, tau[order]))


def test_no_times_have_no_gains() -> None:
    assert crowd.gains(layered(20), np.empty(0)).shape == (0,)


@pytest.mark.parametrize("wasted", [0.0, 1e-3])
@pytest.mark.parametrize("law", ["norm", "sum"])
@pytest.mark.parametrize("leak", [0.0, 1e-3])
def test_divisions_of_a_layered_graph_are_the_plain_ones(
    leak: float, law: str, wasted: float
) -> None:
    check_divisions(layered(400, leak=leak), wasted, law)


@pytest.mark.parametrize("mastery", [0.5, 1.0 - 1e-10])
def test_divisions_keep_their_digits_while_everything_dies_away(mastery: float) -> None:
    names = [f"s{i}" for i in range(60)]
    table = {
        name: {"frequency": 1.0 / (1 + i % 7), **({"requires": names[i - 1]} if i else {})}
        for i, name in enumerate(names)
    }
    check_divisions(path_of({"skills": table}, mastery), 0.0, "norm")


def test_layers_that_open_at_one_instant_count_from_the_start_of_a_row() -> None:
    path = layered(3000, "uniform")
    check_divisions(path, 0.0, "norm")
    rows = rows_of(path)
    found = crowd.divisions(path, rows, 0.0, "norm")
    opens = np.isin(rows.start, path.opened) & (rows.start > 0.0)
    assert opens.any()
    jumps = found[1:, 0] > 1.1 * found[:-1, -1]
    assert (opens[1:] | ~jumps).all()


@given(skill_tables(), st.sampled_from([0.5, 0.99, 1.0 - 1e-9]), st.sampled_from([0.0, 0.01, 0.3]))
@settings(max_examples=60, deadline=None)
def test_sums_of_random_graphs_are_the_plain_ones(
    table: dict[str, Any], mastery: float, leak: float
) -> None:
    path = path_of({"skills": table}, mastery, leak)
    some = path.mastered[np.isfinite(path.mastered)]
    check_gains(path, np.concatenate([some, 0.5 * some, [0.0, 1e3, 1e250]]))
    for law in ("norm", "sum"):
        for wasted in (0.0, 0.1):
            check_divisions(path, wasted, law)


def test_sums_in_small_chunks_are_the_plain_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crowd, "_MOST_TIMES", 40)
    monkeypatch.setattr(crowd, "_MOST_OPENINGS", 3)
    path = layered(200, leak=0.01)
    check_gains(path, path.mastered[:, 0])
    check_divisions(path, 0.0, "norm")
