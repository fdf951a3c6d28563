"""Planned runs against random ones, and experiments from a truth to a score."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks.inference.cells import CELLS
from benchmarks.inference.experiment import Experiment, load_experiment, rounds
from benchmarks.inference.planning import Count, Outcome, count_runs, report, trial
from domino_sim.errors import DominoError

# -- against random runs ----------------------------------------------------------------------


@pytest.mark.parametrize("seed", [11, 12, 13])
def test_planned_runs_show_a_graph_sooner_than_random_ones(seed: int) -> None:
    count = count_runs(seed, ("norm", "hard", "mixed"), skills=7)
    assert count.planned <= min(count.random, count.ladder)
    assert count.missed == 0


def test_the_benchmark_compares_ways_world_by_world() -> None:
    variant = CELLS["10x8"].variants[0]
    found = trial(4, variant, skills=3)
    assert [one.way for one in found] == ["first", "planned", "random", "ladder"]
    assert {one.able for one in found} == {found[0].able}
    planned, before = found[1], found[0]
    assert planned.shown >= before.shown
    assert planned.runs <= before.runs + 1
    text = "\n".join(report(found, [count_runs(4, variant, skills=3)]))
    assert "planned less random" in text
    assert "random less planned" in text


def test_differences_are_means_with_intervals() -> None:
    def outcome(seed: int, way: str, f1: float) -> Outcome:
        return Outcome(seed, ("sum", "hard", "and"), way, 3, 9, 8, 7, 7, 0, 5, f1, 1.0)

    outcomes = [
        outcome(seed, way, f1)
        for seed in range(4)
        for way, f1 in (("first", 0.5), ("planned", 0.9), ("random", 0.7), ("ladder", 0.8))
    ]
    text = "\n".join(report(outcomes, [Count(0, ("sum", "hard", "and"), 3, 3, 2, 0, 7, 5)]))
    assert "| planned less random | +0.2 (+0.2 to +0.2)" in text
    assert "random less planned: 5 (5 to 5)" in text


# -- experiments ------------------------------------------------------------------------------

LOOP = """
[truth]
skills = 3
[simulate]
runs = 1
points = 60
[design]
rounds = 6
"""


def test_the_design_loop_ends_when_no_run_would_decide_more(tmp_path: Path) -> None:
    path = tmp_path / "loop.toml"
    path.write_text(LOOP, "utf-8")
    each = list(rounds(load_experiment(path)))
    assert [one.runs for one in each] == list(range(1, len(each) + 1))
    assert each[-1].planned == 0
    assert each[-1].exact
    assert each[-1].shown >= each[0].shown


def test_the_page_names_every_key_of_an_experiment() -> None:
    page = (Path(__file__).parents[2] / "docs" / "design-runs.md").read_text("utf-8")
    schema = Experiment.model_json_schema()
    for title, table in {"Experiment": schema, **schema["$defs"]}.items():
        for key in table["properties"]:
            assert re.search(rf"^\| `(\w+\.)?{key}` \|", page, re.MULTILINE), (title, key)


@pytest.mark.parametrize("name", ["simulated", "gradient", "design-loop"])
def test_the_experiments_that_come_along_are_valid(name: str) -> None:
    assert load_experiment(name).title


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[simulate]\nrnus = 3", r"simulate\.rnus: unknown key.*did you mean 'simulate.runs'"),
        ("[truth]\nskills = 3", r"none of \[simulate\] and \[train\]"),
        ("[simulate]\n[train]", r"train: both of \[simulate\] and \[train\]"),
        ("[train]\n[design]", r"design: planned runs of \[train\]"),
        ("[simulate]\nnoise = -1.0", r"simulate\.noise: -1.0 is out of range"),
    ],
    ids=["key", "none", "both", "planned", "range"],
)
def test_what_is_wrong_in_an_experiment_is_named(text: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(DominoError, match=told):
        load_experiment(path)
