"""Partitions: every skill in one module, and never more parameters than there are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domino_sim.errors import ArgumentError, FileError
from domino_sim.modularity.partition import (
    Partition,
    check_partition,
    partition_from,
    read_partition,
    whole_numbers,
    with_shares,
)

NAMES = ("A", "B", "C")
EVEN = dict.fromkeys(NAMES, 1.0)


@pytest.mark.parametrize(
    ("modules", "message"),
    [
        ({"x": ["A", "B"], "y": ["B", "C"]}, "'B' is in the module 'y' and in 'x'"),
        ({"x": ["A", "A"], "y": ["B", "C"]}, "'A' is in the module 'x' twice"),
        ({"x": ["A"], "y": ["B"]}, "'C' is in no module; expected each skill in exactly one"),
        ({"x": ["A", "B", "C"], "y": []}, "the module 'y' is empty"),
        ({"x": ["A", "B"], "y": ["c"]}, "there is no skill 'c' .* did you mean 'C'"),
        ({}, "has no modules"),
    ],
    ids=["two", "twice", "none", "empty", "unknown", "nothing"],
)
def test_a_partition_that_is_none_is_refused_by_name(
    modules: dict[str, list[str]], message: str
) -> None:
    with pytest.raises(ArgumentError, match=f"partition 'mine': {message}"):
        check_partition(Partition("mine", modules), NAMES)


@pytest.mark.parametrize(
    ("modules", "message"),
    [
        ({"x": {"skills": ["A"], "share": 0}, "y": ["B"]}, r"partitions.x.share: is 0; expected"),
        ({"x": {"skills": ["A"], "share": True}}, r"partitions.x.share: is True"),
        ({"x": {"skill": ["A"]}}, "unknown key 'skill'.* did you mean 'skills'"),
        ({"x": "A"}, r"partitions.x: is 'A'; expected a list of skills"),
    ],
    ids=["zero", "flag", "key", "text"],
)
def test_a_mapping_that_is_no_partition_is_refused_with_its_place(
    modules: dict, message: str
) -> None:
    with pytest.raises(ArgumentError, match=message):
        partition_from(modules, "mine")


def test_shares_that_add_up_to_too_much_are_refused() -> None:
    mine = partition_from(
        {"x": {"skills": ["A"], "share": 0.7}, "y": {"skills": ["B", "C"], "share": 0.5}}, "mine"
    )
    with pytest.raises(ArgumentError, match=r"the shares add up to 1\.2; expected ≤ 1"):
        check_partition(mine, NAMES)


def test_more_modules_than_parameters_are_refused() -> None:
    each = Partition("each", {name: [name] for name in NAMES})
    with pytest.raises(ArgumentError, match="3 modules share 2 parameters; expected at most 2"):
        with_shares(each, EVEN, "equal", 2)
    assert sum(with_shares(each, EVEN, "equal", 3).shares.values()) == pytest.approx(1.0)


def test_a_given_share_of_less_than_a_parameter_is_refused() -> None:
    mine = Partition("mine", {"x": ["A"], "y": ["B", "C"]}, {"x": 0.01, "y": 0.9})
    with pytest.raises(ArgumentError, match=r"share 0\.01 of the module 'x' is none of 50"):
        with_shares(mine, EVEN, "equal", 50)


def test_an_unknown_rule_names_the_nearest() -> None:
    mine = Partition("mine", {"x": list(NAMES)})
    with pytest.raises(ArgumentError, match="did you mean 'frequency'"):
        with_shares(mine, EVEN, "frequencies", None)


def test_a_module_that_is_never_trained_has_no_share_by_frequency() -> None:
    mine = Partition("mine", {"x": ["A", "B"], "y": ["C"]})
    with pytest.raises(ArgumentError, match="no skill of the module 'y' is trained"):
        with_shares(mine, {**EVEN, "C": 0.0}, "frequency", None)


@given(
    st.lists(st.floats(1e-6, 1.0), min_size=1, max_size=40),
    st.integers(0, 1000),
)
def test_parameters_are_whole_add_up_and_leave_no_module_without(
    weights: list[float], spare: int
) -> None:
    parts = np.array(weights) / sum(weights)
    total = len(parts) + spare
    counts = whole_numbers(parts, total)
    assert counts.sum() == total and counts.min() >= 1
    # Nobody is rounded by more than one, but for those that one parameter is too much for.
    rich = counts > 1
    quotas = parts[rich] / parts[rich].sum() * (total - (~rich).sum()) if rich.any() else counts[:0]
    assert (abs(counts[rich] - quotas) < 1 + 1e-6).all()


def test_a_file_with_modules_is_a_partition(tmp_path: Path) -> None:
    path = tmp_path / "halves.toml"
    path.write_text('[modules]\nx = ["A", "B"]\ny = { skills = ["C"] }\n', "utf-8")
    found = check_partition(read_partition(path), NAMES)
    assert found.title == "halves" and found.module_of() == {"A": "x", "B": "x", "C": "y"}
    path.write_text("steps = 3\n", "utf-8")
    with pytest.raises(ArgumentError, match="has no modules; expected a table"):
        read_partition(path)
    with pytest.raises(FileError, match="no such file"):
        read_partition(tmp_path / "thirds.toml")
